"""The sheet of a month and downtimes over HTTP, and by the commands that ask for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner, Result

from tests.api.conftest import NOW, Served
from tests.builders import Cluster, pool
from weir.cli.main import main
from weir.cli.report import last_month
from weir.cli.session import Session
from weir.control.authorize import authenticate
from weir.control.downtimes_noted import note_sites
from weir.control.join import join, make_join_token
from weir.control.series_roll import write_down
from weir.wire.joining import JoinRequest, JoinTokenRequest

MONTH = "2023-11"
Run = Callable[..., Result]


class Own:
    """As much of a domain as the builders' cluster asks for."""

    def __init__(self, served: Served) -> None:
        self.ctx, self.clock = served.context, served.context.now


@pytest.fixture
def center(served: Served) -> Cluster:
    """A center that has joined, and of which something was noted."""
    ctx = served.context
    token = make_join_token(ctx, JoinTokenRequest(kind="site", name="suzhou"))
    request = JoinRequest(cluster="main", executor="local")
    cluster = Cluster(Own(served), join(ctx, authenticate(ctx, token.token), request))  # type: ignore[arg-type]
    cluster.hello()
    cluster.report(pool("gpu"))
    note_sites(ctx)
    write_down(replace(ctx, now=lambda: NOW - 3600))
    return cluster


@pytest.fixture
def run(served: Served, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command as an operator types it, against the domain in this process."""
    monkeypatch.setenv("WEIR_URL", "http://nation")
    monkeypatch.setenv("WEIR_TOKEN", served.tokens["operator"])

    def handle(request: httpx.Request) -> httpx.Response:
        found = served.http.request(
            request.method,
            request.url.raw_path.decode(),
            content=request.content,
            headers=dict(request.headers),
        )
        return httpx.Response(found.status_code, content=found.content, headers=found.headers)

    session = Session(transport=httpx.MockTransport(handle), clock=lambda: NOW)
    return lambda *arguments: CliRunner().invoke(main, arguments, obj=session)


def test_a_viewer_reads_the_sheet_and_it_is_the_commands(
    served: Served, center: Cluster, run: Run
) -> None:
    answer = served.http.get(f"/v1/reports/{MONTH}", headers=served.headers("viewer"))
    assert answer.status_code == 200
    said = answer.json()
    assert (said["month"], said["domain_name"], said["zone_s"]) == (MONTH, "nation", 0)
    [devices] = [f for f in said["figures"] if f["name"] == "devices"]
    assert devices["value"] == 16
    shown = run("report", "--month", MONTH, "--json")
    assert shown.exit_code == 0, shown.output
    assert json.loads(shown.stdout) == said


@pytest.mark.parametrize(
    ("ending", "begins"), [("md", "# Monthly sheet"), ("csv", "\ufeffsection"), ("html", "<!doc")]
)
def test_the_file_has_the_form_that_its_name_ends_with(
    center: Cluster, run: Run, tmp_path: Path, ending: str, begins: str
) -> None:
    out = tmp_path / f"sheet.{ending}"
    result = run("report", "--month", MONTH, "--out", str(out))
    assert result.exit_code == 0, result.output
    assert out.read_text(encoding="utf-8").startswith(begins)
    same = run("report", "--month", MONTH, "--format", ending)
    assert same.stdout_bytes == out.read_bytes()


def test_it_speaks_chinese(center: Cluster, run: Run) -> None:
    result = run(
        "report", "--month", MONTH, "--zone", "+08:00", "--lang", "zh", "--domain", "suzhou"
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith(f"# 月报 {MONTH}")
    assert "UTC+08:00" in result.stdout.replace("\\", "")


def test_mistakes_are_told_with_a_way_out(center: Cluster, run: Run, tmp_path: Path) -> None:
    wrong = run("report", "--month", "november", "--zone", "local")
    assert wrong.exit_code != 0
    assert "write it as 2026-10" in wrong.stderr
    assert "write it as +08:00" in wrong.stderr
    assert "suzhou" not in run("report", "--month", MONTH, "--domain", "nowhere").stdout
    nowhere = run("report", "--month", MONTH, "--out", str(tmp_path / "none" / "x.md"))
    assert "can't be written" in nowhere.stderr
    both = run("report", "--json", "--format", "md")
    assert both.exit_code == 2


def test_the_month_without_being_told_is_the_last_that_is_over() -> None:
    assert last_month(NOW) == "2023-10"
    assert last_month(NOW + 60 * 86400) == "2023-12"


def test_a_downtime_is_declared_listed_and_ended(center: Cluster, run: Run) -> None:
    made = run("downtime", "declare", "suzhou", "--for", "4h", "--why", "new pumps")
    assert made.exit_code == 0, made.output
    [of] = json.loads(run("downtime", "list", "--json").stdout)
    assert (of["site_name"], of["reason"], of["declared_by"]) == ("suzhou", "new pumps", "operator")
    assert of["ends_at"] - of["begins_at"] == 4 * 3600
    assert of["id"] in made.stdout
    listed = run("downtime", "list", "--since", "1d").stdout
    assert "suzhou" in listed and "new pumps" in listed
    ended = run("downtime", "end", of["id"])
    assert ended.exit_code == 0
    assert "no downtimes are declared" in run("downtime", "list").stdout
    for wrong in (["--for", "soon"], ["--until", "tomorrow"], ["--for", "1h", "--until", "x"], []):
        assert run("downtime", "declare", "suzhou", *wrong, "--why", "x").exit_code == 2


def test_how_long_sites_were_up(served: Served, center: Cluster, run: Run) -> None:
    result = run("downtime", "availability", "--since", "2d")
    assert result.exit_code == 0, result.output
    assert "nothing is known" in result.stdout, "the hour is not over"
    wrong = served.http.get("/v1/availability?from=10&to=20", headers=served.headers())
    assert (wrong.status_code, wrong.json()["code"]) == (422, "weir.input.invalid")


def test_a_user_declares_nothing(served: Served, center: Cluster) -> None:
    body = {"site": "suzhou", "ends_at": NOW + 3600, "reason": "mine"}
    answer = served.http.post("/v1/downtimes", headers=served.headers("user"), json=body)
    assert (answer.status_code, answer.json()["code"]) == (403, "weir.auth.forbidden")
