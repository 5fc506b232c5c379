"""alerts, their rules and silences as tables; silence and ack as calls."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.builders import NOW, weir
from tests.client.builders import FakeServer, problem
from weir.cli.alerts import met_when
from weir.control.alerts import rule_answer, shipped_rules
from weir.wire.alert_answers import AlertAnswer, QuietAnswer
from weir.wire.alerts import read_rules

QUIET = QuietAnswer(
    rule="pue-above-target", subject="", until=NOW + 7200, by="li", why="new meter",
    acknowledged=False,
)  # fmt: skip

TABLE = """\
SEVERITY  STATE    RULE              WHERE          WHAT                        VALUE     SINCE  \
SUBJECT     TOLD
critical  firing   site-silent       suzhou / main  The center is out of touch      3  2 min ago  \
CN.S1.C1-E  yes
warning   pending  pue-above-target  chengdu        PUE is above its target      1.45  1 min ago  \
CN.S2-B     silenced by li
"""


def an_alert(**changes: Any) -> AlertAnswer:
    fields = {
        "rule": "site-silent",
        "subject": "CN.S1.C1-E",
        "name": "suzhou / main",
        "state": "firing",
        "severity": "critical",
        "indicator": "pools_silent",
        "since": NOW - 180,
        "fired_at": NOW - 120,
        "value": 3,
        "unit": "1",
        "flapping": False,
        "summary": "The center is out of touch",
        "summary_zh": "算力中心失联",
    }
    return AlertAnswer.model_validate(fields | changes)


PENDING = an_alert(
    rule="pue-above-target", subject="CN.S2-B", name="chengdu", state="pending",
    severity="warning", since=NOW - 60, fired_at=None, value=1.45,
    summary="PUE is above its target", quiet=QUIET,
)  # fmt: skip


def test_alerts() -> None:
    said = weir({"GET /v1/alerts": [an_alert(), PENDING]}, "alerts").stdout
    assert [line.split() for line in said.splitlines()] == [
        line.split() for line in TABLE.splitlines()
    ]
    assert weir({"GET /v1/alerts": []}, "alerts").stdout == "no alerts\n"


def test_alerts_as_json() -> None:
    found = json.loads(weir({"GET /v1/alerts": [PENDING]}, "alerts", "--json").stdout)
    assert [AlertAnswer.model_validate(a) for a in found] == [PENDING]


def test_every_shipped_rule_is_told_in_words() -> None:
    rules = [rule_answer(rule) for rule in shipped_rules()]
    lines = weir({"GET /v1/alerts/rules": rules}, "alerts", "rules").stdout.splitlines()
    assert len(lines) == 1 + len(rules)
    by_name = {rule.name: met_when(rule) for rule in rules}
    assert by_name["pue-above-target"] == "pue above 1.3 over 15m"
    assert by_name["disk-nearly-full"] == "storage_used above 90 %"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("indicator: storage, rises: 1 TiB, over: 2h", "storage rises by more than 1 TiB an hour"),
        ("indicator: it_power, absent: true", "it_power is unknown"),
        ("indicator: pue, deviates: 4", "pue is 4 standard deviations off its last 1d"),
        ("indicator: jobs, part: failed, above: 5", "jobs failed above 5"),
    ],
)
def test_conditions_in_words(rule: str, words: str) -> None:
    (found,) = read_rules(f"rules: [{{name: a, {rule}}}]", "r")
    assert met_when(rule_answer(found)).startswith(words)


def test_silence_and_ack_are_asked_of_the_server() -> None:
    server = FakeServer(
        {
            "PUT /v1/alerts/silences": QUIET,
            "PUT /v1/alerts/acknowledged": QUIET,
            "DELETE /v1/alerts/silences": {},
        }
    )
    said = weir(
        server, "alerts", "silence", "pue-above-target", "--for", "2h", "--why", "new meter"
    )
    assert said.stdout == (
        "nobody is told of pue-above-target at anything until 2023-11-15 08:13:20\n"
    )
    weir(server, "alerts", "silence", "-", "CN.S1-G", "--for", "1d")
    weir(server, "alerts", "ack", "site-silent", "CN.S1.C1-E", "--why", "on my way")
    weir(server, "alerts", "silence", "pue-above-target", "--end")
    bodies = [json.loads(r.content) for r in server.asked[:3]]
    assert bodies == [
        {"rule": "pue-above-target", "subject": "", "for_s": 7200.0, "why": "new meter"},
        {"rule": "", "subject": "CN.S1-G", "for_s": 86400.0, "why": ""},
        {"rule": "site-silent", "subject": "CN.S1.C1-E", "why": "on my way"},
    ]
    assert dict(server.asked[3].url.params) == {"rule": "pue-above-target", "subject": ""}


def test_silence_wants_a_time_or_an_end() -> None:
    for more in ((), ("--for", "1h", "--end")):
        result = weir({}, "alerts", "silence", "pue-above-target", *more)
        assert (result.exit_code, "say either" in result.stderr) == (2, True)
    assert weir({}, "alerts", "silence", "a", "--for", "400d").exit_code == 2


def test_what_the_server_refuses_is_told() -> None:
    refusal = problem(404, "weir.not_found", "no rule is called 'x'; did you mean y?")
    result = weir({"PUT /v1/alerts/acknowledged": refusal}, "alerts", "ack", "x", "CN.S1-G")
    assert "did you mean y?" in result.stderr
    assert result.exit_code == 1


def test_silences() -> None:
    taken = QUIET.model_copy(update={"acknowledged": True, "subject": "CN.S2-B"})
    said = weir({"GET /v1/alerts/silences": [QUIET, taken]}, "alerts", "silences").stdout
    assert "2023-11-15 08:13:20" in said.splitlines()[1]
    assert "it is over" in said.splitlines()[2]


def test_serve_tells_every_mistake_of_the_rules(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("rules:\n- {name: a, indicator: pu, above: 1}\n- {name: b, indicator: pue}\n")
    home = tmp_path / "home"
    options = ("--home", str(home), "--name", "n", "--kind", "national", "--alerts", str(file))
    result = weir({}, "serve", *options)
    assert (result.exit_code, home.exists()) == (2, False)
    assert "rules[0].indicator (line 2)" in result.stderr
    assert "rules[1] (line 3)" in result.stderr
