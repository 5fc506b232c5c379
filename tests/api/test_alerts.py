"""Alerts over HTTP: who may do what, and what comes back."""

from __future__ import annotations

import dataclasses

import pytest

from tests.api.conftest import NOW, Served
from weir.api.alert_rounds import AlertRounds
from weir.control.alerts import shipped_rules
from weir.core.alerts import Alert, State
from weir.store import alerts as rows_of
from weir.wire.alert_answers import NoticesAnswer
from weir.wire.alerts import read_rules


@pytest.fixture
def alarmed(served: Served) -> Served:
    """A domain with the shipped rules, one alert that fires, and one notice."""
    settings = dataclasses.replace(served.context.settings, alert_rules=shipped_rules())
    context = dataclasses.replace(served.context, settings=settings)
    app = served.http.app
    app.state.context = context  # type: ignore[attr-defined]
    with context.store.write() as tx:
        fires = Alert("site-silent", "CN.S1.C1-E", State.FIRING, NOW - 60, NOW - 60, 3.0, told=True)
        rows_of.put_alerts(tx, [fires])
        record = {
            "at": NOW - 60,
            "what": "fires",
            "rule": "site-silent",
            "subject": "CN.S1.C1-E",
            "name": "suzhou",
            "severity": "critical",
            "indicator": "pools_silent",
            "value": 3.0,
            "unit": "1",
            "fired_at": NOW - 60,
            "summary": "The center is out of touch",
            "summary_zh": "",
            "domain": "nation",
            "url": "",
        }
        rows_of.add_notices(tx, [(NOW - 60, record), (NOW - 50, record)])
    return Served(served.http, context, served.tokens)


def test_a_viewer_reads_alerts_rules_and_notices(alarmed: Served) -> None:
    viewer, http = alarmed.headers("viewer"), alarmed.http
    (alert,) = http.get("/v1/alerts", headers=viewer).json()
    assert (alert["rule"], alert["state"], alert["value"]) == ("site-silent", "firing", 3.0)
    assert alert["quiet"] is None
    names = [rule["name"] for rule in http.get("/v1/alerts/rules", headers=viewer).json()]
    assert names == sorted(rule.name for rule in shipped_rules())
    answer = http.get("/v1/alerts/notices?after=1", headers=viewer).json()
    assert [n["number"] for n in NoticesAnswer.model_validate(answer).model_dump()["notices"]] == [
        2
    ]
    assert answer["data_id"]


def test_an_operator_acknowledges_and_silences_and_takes_it_back(alarmed: Served) -> None:
    operator, http = alarmed.headers("operator"), alarmed.http
    body = {"rule": "site-silent", "subject": "CN.S1.C1-E", "why": "on my way"}
    answer = http.put("/v1/alerts/acknowledged", headers=operator, json=body)
    assert (answer.status_code, answer.json()["acknowledged"]) == (200, True)
    (alert,) = http.get("/v1/alerts", headers=operator).json()
    assert alert["quiet"]["why"] == "on my way"
    (quiet,) = http.get("/v1/alerts/silences", headers=operator).json()
    assert quiet["by"] == "operator"
    query = {"rule": "site-silent", "subject": "CN.S1.C1-E"}
    gone = http.delete("/v1/alerts/silences", headers=operator, params=query)
    assert gone.status_code == 204
    assert http.get("/v1/alerts/silences", headers=operator).json() == []
    assert http.delete("/v1/alerts/silences", headers=operator, params=query).status_code == 404

    body = {"rule": "site-silent", "for_s": "7200"}
    made = http.put("/v1/alerts/silences", headers=operator, json=body).json()
    assert made["until"] == NOW + 7200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("silences", {"rule": "site-silent", "for_s": -1}, 422),
        ("silences", {"rule": "site-silent", "for_s": 1e9}, 422),
        ("silences", {"for_s": 10}, 422),
        ("silences", {"rule": "nothing", "for_s": 10}, 404),
        ("acknowledged", {"rule": "site-silent", "subject": "CN.S9-X"}, 404),
        ("acknowledged", {"rule": "site-silent"}, 422),
    ],
)
def test_what_can_not_be_is_refused(
    alarmed: Served, path: str, body: dict[str, object], status: int
) -> None:
    answer = alarmed.http.put(f"/v1/alerts/{path}", headers=alarmed.headers(), json=body)
    assert answer.status_code == status


def test_a_user_changes_nothing(alarmed: Served) -> None:
    body = {"rule": "site-silent", "subject": "CN.S1.C1-E"}
    for path in ("silences", "acknowledged"):
        answer = alarmed.http.put(
            f"/v1/alerts/{path}", headers=alarmed.headers("user"), json=body | {"for_s": 10}
        )
        assert answer.status_code == 403


def test_a_look_writes_notices_and_one_that_fails_is_logged_and_tried_again(
    served: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rules = read_rules("rules: [{name: empty, indicator: sites, below: 1}]", "rules")
    settings = dataclasses.replace(served.context.settings, alert_rules=rules, alerts_every_s=7.0)
    rounds = AlertRounds(dataclasses.replace(served.context, settings=settings))
    assert rounds.turn() == 7.0
    answer = served.http.get("/v1/alerts/notices", headers=served.headers()).json()
    assert [(n["rule"], n["name"]) for n in answer["notices"]] == [("empty", "nation")]

    def fail(*_: object) -> int:
        raise RuntimeError("a fault")

    monkeypatch.setattr("weir.api.alert_rounds.look", fail)
    assert rounds.turn() == 30.0
    assert "a fault" in caplog.text
