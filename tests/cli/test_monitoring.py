"""`weir indicators --since` and `weir links`, against a server in this process's hands."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import httpx
import pytest
from click.testing import CliRunner, Result

from weir.cli.indicators import BARS, bars
from weir.cli.main import main
from weir.cli.session import Session

NOW = 1_700_000_000.0
PUE = {
    "name": "pue",
    "label": "PUE",
    "label_zh": "电能利用效率",
    "unit": "1",
    "law": "ratio of sums",
    "definition": "Facility energy over IT energy.",
    "step_s": 900,
    "coverage": 0.25,
    "points": [[NOW - 3600, 1.5], [NOW - 1800, 1.3]],
    "by": {},
}
GAP = {"cluster": "CN.S1.C1-E", "begin": NOW - 3000, "end": NOW - 2000, "reason": "no room"}


def series(metric: str, *values: float) -> dict[str, object]:
    points = [[NOW - 120 + 60 * k, v, v, v, 1] for k, v in enumerate(values)]
    here = {"subject": "CN.S1.C1-E>CN-F", "metric": metric, "part": "", "unit": "s"}
    return {**here, "step_s": 60, "points": points}


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[httpx.URL]:
    monkeypatch.setenv("WEIR_URL", "http://nation")
    monkeypatch.setenv("WEIR_TOKEN", "weir_person_x")
    return []


def run(asked: list[httpx.URL], *arguments: str) -> Result:
    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        if request.url.path == "/v1/series":
            found = [series("link_rtt", 0.02, 0.0215), series("link_sent", 5, 5)]
            return httpx.Response(200, json=[*found, series("link_lost", 1, 0)])
        begin, end = NOW - 7200, NOW
        body = {"begin": begin, "end": end, "step_s": 900, "under": None, "indicators": [PUE]}
        return httpx.Response(200, json={**body, "gaps": [GAP]})

    session = Session(transport=httpx.MockTransport(handle), clock=lambda: NOW)
    return CliRunner().invoke(main, arguments, obj=session)


def test_how_indicators_went(asked: list[httpx.URL]) -> None:
    result = run(asked, "indicators", "pue", "--since", "2h", "--step", "15m", "--under", "CN.S1-X")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[1].split() == [
        *("pue", "1.5", "1.3", "1.3", "1.5"),
        *("25.0", "%", "█", "▁"),
    ]
    assert "lacks" in result.stderr and "no room" in result.stderr
    query = dict(asked[0].params)
    assert query == {
        "name": "pue",
        "from": str(NOW - 7200),
        "to": str(NOW),
        "step": "15m",
        "under": "CN.S1-X",
    }
    as_json = run(asked, "indicators", "--since", "2h", "--json")
    assert json.loads(as_json.stdout)["indicators"][0]["points"][0][1] == 1.5


@pytest.mark.parametrize("options", [["--step", "15m"], ["--since", "often"]])
def test_options_that_make_no_sense_are_told(asked: list[httpx.URL], options: list[str]) -> None:
    result = run(asked, "indicators", *options)
    assert (result.exit_code, asked) == (2, [])


def test_links_are_listed(asked: list[httpx.URL]) -> None:
    result = run(asked, "links")
    assert result.exit_code == 0, result.output
    row = result.stdout.splitlines()[1]
    assert row.split() == [
        "CN.S1.C1-E",
        "CN-F",
        "21.5",
        "ms",
        "unknown",
        "10",
        "%",
        "1",
        "min",
        "ago",
    ]


def test_bars_have_blanks_where_nothing_is_known() -> None:
    assert bars([], 0, 10) == ""
    assert bars([(0, 5.0)], 0, 10) == "▁"
    line = bars([(0, 0.0), (9.9, 7.0)], 0, 10)
    assert (len(line), line[0], line[-1], line[1:-1].strip()) == (BARS, "▁", "█", "")


def test_indicators_of_one_place_now(asked: list[httpx.URL]) -> None:
    """With what they leave out below them."""
    unknown: dict[str, object] = {
        "name": "pue",
        "label": "PUE",
        "label_zh": "PUE",
        "unit": "1",
        "law": "ratio of sums",
        "value": None,
        "by": {},
        "definition": "",
        "why": "left out where not all is known: it_power of CN.S1: 1 of 10 pools",
    }

    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json=[unknown])

    session = Session(transport=httpx.MockTransport(handle), clock=lambda: NOW)
    result = CliRunner().invoke(main, ["indicators", "--under", "CN.S1-X"], obj=session)
    assert result.exit_code == 0, result.output
    assert dict(asked[0].params) == {"under": "CN.S1-X"}
    assert "unknown" in result.stdout
    assert "pue: left out where not all is known" in result.stderr


def test_a_downtime_is_excused(asked: list[httpx.URL]) -> None:
    said: list[dict[str, object]] = []

    def handle(request: httpx.Request) -> httpx.Response:
        said.append(json.loads(request.content))
        answer = {"id": "d1", "site": "CN.S1-X", "site_name": "suzhou", "reason": "flood"}
        times = {"begins_at": NOW - 7200, "ends_at": NOW - 3600, "declared_at": NOW}
        return httpx.Response(201, json={**answer, **times, "declared_by": "li"})

    session = Session(transport=httpx.MockTransport(handle), clock=lambda: NOW)
    begin = datetime.fromtimestamp(NOW - 7200, UTC).isoformat()
    words = ["downtime", "declare", "suzhou", "--from", begin, "--for", "1h", "--why", "flood"]
    result = CliRunner().invoke(main, [*words, "--excuse"], obj=session)
    assert result.exit_code == 0, result.output
    assert said[0]["excuse"] is True and said[0]["ends_at"] == NOW - 3600
    assert "afterwards" in result.stdout
    CliRunner().invoke(main, words, obj=session)
    assert "excuse" not in said[1], "a server of an older version knows no such field"
