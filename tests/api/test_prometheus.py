"""Prometheus' questions, as Grafana and scripts ask them; and indicators and series over time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.conftest import NOW, Served
from weir.api.series_rounds import SeriesRounds
from weir.core.promql import NotSupported, parse
from weir.core.series import Key, single, start_of
from weir.store.series_sql import SqlSeries
from weir.wire.samples import Point

A, B = "CN.S1.C1.P1-A", "CN.S2.C1.P1-B"
BEGIN = start_of(NOW - 2500, 900)


@pytest.fixture
def measured(served: Served) -> Served:
    """Ten minutes of two pools: one draws 100 W, the other 300 W; one call in five is lost."""
    points = []
    for k in range(10):
        at = BEGIN + 60 * k
        points += [Point(Key(s, "it_power"), at, single(v)) for s, v in ((A, 100.0), (B, 300.0))]
        points.append(Point(Key("CN.S1.C1-A>CN-F", "link_sent"), at, single(30.0)))
    SqlSeries(served.context.store).write(60, points)
    return served


def ask(served: Served, path: str, **params: Any) -> Any:
    answer = served.http.get(f"/api/v1/{path}", params=params, headers=served.headers("viewer"))
    body = answer.json()
    assert answer.status_code == 200, body
    assert body["status"] == "success"
    return body["data"]


def instant(served: Served, query: str) -> dict[str, str]:
    found = ask(served, "query", query=query, time=BEGIN + 590)
    assert found["resultType"] == "vector"
    return {r["metric"].get("subject", ""): r["value"][1] for r in found["result"]}


def test_series_are_selected(measured: Served) -> None:
    assert instant(measured, "weir_it_power") == {A: "100", B: "300"}
    assert instant(measured, f'weir_it_power{{subject="{A}"}}') == {A: "100"}
    assert instant(measured, 'weir_it_power{subject=~".*S2.*",part=""}') == {B: "300"}
    assert instant(measured, '{__name__="weir_it_power",site!="CN.S1"}') == {B: "300"}
    assert instant(measured, "weir_nonsense") == {}


def test_series_are_added_up_and_reckoned_with(measured: Served) -> None:
    assert instant(measured, "sum(weir_it_power)") == {"": "400"}
    assert instant(measured, "avg by (nothing) (weir_it_power) / 100 + 1") == {"": "3"}
    found = ask(measured, "query", query="max(weir_it_power) by (site)", time=BEGIN + 590)
    assert [(r["metric"], r["value"][1]) for r in found["result"]] == [
        ({"site": "CN.S1"}, "100"),
        ({"site": "CN.S2"}, "300"),
    ]
    assert instant(measured, "rate(weir_link_sent[5m])") == {"CN.S1.C1-A>CN-F": "0.5"}
    assert instant(measured, "sum(increase(weir_link_sent[2m]))") == {"": "60"}
    assert instant(measured, "avg_over_time(weir_it_power[5m])") == {A: "100", B: "300"}
    assert ask(measured, "query", query="1+1")["result"][1] == "2", "what Grafana tries first"


def test_a_range_has_its_points_and_no_others(measured: Served) -> None:
    found = ask(
        measured,
        "query_range",
        query="sum(weir_it_power)",
        start=BEGIN,
        end=BEGIN + 1200,
        step="5m",
    )
    [row] = found["result"]
    assert row["values"] == [[float(BEGIN + at), "400"] for at in (0, 300, 600)], (
        "what is older than five minutes is not known any more"
    )


def test_by_form_too(measured: Served) -> None:
    answer = measured.http.post(
        "/api/v1/query",
        data={"query": "count(weir_it_power)", "time": str(BEGIN + 590)},
        headers=measured.headers("viewer"),
    )
    assert answer.json()["data"]["result"][0]["value"][1] == "2"


def test_labels_and_their_values(measured: Served) -> None:
    assert ask(measured, "labels") == ["__name__", "site", "subject"]
    assert ask(measured, "label/__name__/values") == ["weir_it_power", "weir_link_sent"]
    assert ask(measured, "label/subject/values", **{"match[]": "weir_it_power"}) == [A, B]
    assert ask(measured, "series", **{"match[]": 'weir_it_power{site="CN.S1"}'}) == [
        {"__name__": "weir_it_power", "site": "CN.S1", "subject": A}
    ]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "sum(",
        "a + b",
        "histogram_quantile(0.9, a)",
        "rate(weir_it_power[5m])",
        "weir_it_power[5m]",
        "avg_over_time(weir_it_power)",
        'a{b="c"',
        'a{b=~"["}',
        "(" * 100,
        "a{b=1}",
        "#",
    ],
)
def test_what_is_not_understood_is_refused_as_prometheus_does(measured: Served, query: str) -> None:
    answer = measured.http.get(
        "/api/v1/query",
        params={"query": query, "time": BEGIN + 590},
        headers=measured.headers("viewer"),
    )
    body = answer.json()
    assert answer.status_code == 400
    assert (body["status"], body["errorType"]) == ("error", "bad_data")
    assert body["error"]


def test_where_an_expression_goes_wrong_is_said() -> None:
    with pytest.raises(NotSupported, match="at 5 stands '\\)'"):
        parse("sum()")


def test_indicators_over_time(measured: Served) -> None:
    rounds = SeriesRounds(measured.context)
    rounds.turn()
    params = {"name": "it_power", "from": str(BEGIN), "to": str(BEGIN + 900), "step": "15m"}
    answer = measured.http.get("/v1/indicators", params=params, headers=measured.headers()).json()
    [found] = answer["indicators"]
    assert answer["step_s"] == 900
    assert dict(map(tuple, found["points"])).get(float(BEGIN)) == 400
    now = measured.http.get("/v1/indicators?name=it_power", headers=measured.headers()).json()
    assert [i["name"] for i in now] == ["it_power"]
    under = {**params, "under": "CN.S2-X", "step": "60"}
    answer = measured.http.get("/v1/indicators", params=under, headers=measured.headers()).json()
    assert {v for _, v in answer["indicators"][0]["points"]} == {300}


def test_series_over_time(measured: Served) -> None:
    params = {"metric": "it_power", "from": str(BEGIN), "to": "2023-11-14T22:13:20Z", "step": "60"}
    found = measured.http.get("/v1/series", params=params, headers=measured.headers()).json()
    assert [s["subject"] for s in found] == [A, B]
    assert found[0]["points"][0] == [BEGIN, 100, 100, 100, 1]


@pytest.mark.parametrize(
    "params", [{"from": "yesterday"}, {"from": "5", "to": "4"}, {"from": "1", "step": "often"}]
)
def test_times_that_are_none_are_told(measured: Served, params: dict[str, str]) -> None:
    answer = measured.http.get("/v1/series", params=params, headers=measured.headers())
    assert (answer.status_code, answer.json()["code"]) == (422, "weir.input.invalid")
