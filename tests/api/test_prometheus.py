"""Prometheus' questions, as Grafana and scripts ask them; and indicators and series over time."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from tests.api.conftest import NOW, Served
from weir.api.series_rounds import SeriesRounds
from weir.control.series_own import OwnSeries
from weir.core.promql import MAX_PARTS, NotSupported, parse
from weir.core.series import Key, start_of
from weir.store import series as rows_of
from weir.store.series_base import Minutes

A, B = "CN.S1.C1.P1-A", "CN.S2.C1.P1-B"
BEGIN = start_of(NOW - 2500, 900)
AT_END = [("time", str(BEGIN + 595))]


@pytest.fixture
def measured(served: Served) -> Served:
    """Ten minutes of two pools: one draws 100 W, the other 300 W; one call in five is lost."""
    keys = (Key(A, "it_power"), Key(B, "it_power"), Key("CN.S1.C1-A>CN-F", "link_sent"))
    columns = [(BEGIN + 60 * k, [100.0, 300.0, 30.0]) for k in range(10)]
    OwnSeries(served.context).write(Minutes(range(3), dict(enumerate(keys)), columns))
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


def refused(served: Served, path: str, **params: Any) -> tuple[int, str, str]:
    answer = served.http.get(f"/api/v1/{path}", params=params, headers=served.headers("viewer"))
    body = answer.json()
    assert body["status"] == "error"
    return answer.status_code, body["errorType"], body["error"]


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("", "no expression"),
        ("sum(", "unclosed left parenthesis"),
        ("rate(weir_it_power[5m])", "weir_it_power is no amount that adds up"),
        ("rate(sum(weir_link_sent)[5m:])", "no amount"),
        ("info(weir_it_power)", "info is not answered here"),
        ("avg_over_time(weir_it_power)", "expected type matrix"),
        ('a{b="c"', "unexpected end"),
        ('a{b=~"["}', "regex"),
        ("(" * 100, "unclosed"),
        ("x[5m:1ms]", "needs a function"),
        ("max_over_time(weir_it_power[1h:1ms])", "steps at most"),
    ],
)
def test_what_is_not_understood_is_refused_as_prometheus_does(
    measured: Served, query: str, reason: str
) -> None:
    status, kind, error = refused(measured, "query", query=query, time=BEGIN + 590)
    assert (status, kind) == (400, "bad_data")
    assert reason in error


@pytest.mark.parametrize(
    "nested",
    ["(" * 4999 + "1" + ")" * 4999, "1" + "+1" * 4999, '#"\n' + "1" + " or x" * 1900, "-" * 9999],
)
def test_what_would_be_too_deep_is_not_read_at_all(nested: str) -> None:
    with pytest.raises(NotSupported, match=f"more than {MAX_PARTS} brackets and operators"):
        parse(nested)


def test_signs_within_texts_are_no_operators() -> None:
    chosen = "|".join(f"CN.S{n}.C1-A" for n in range(MAX_PARTS))
    assert parse(f'sum(x{{subject=~"{chosen}"}})')


def test_series_that_meet_where_none_may_are_an_error_of_execution(measured: Served) -> None:
    query = "weir_it_power * on() weir_link_sent"
    status, kind, error = refused(measured, "query", query=query, time=BEGIN + 590)
    assert (status, kind) == (422, "execution")
    assert "many-to-one matching must be explicit" in error


@pytest.mark.parametrize(
    "params",
    [
        {"query": "1", "start": "0", "end": "100", "step": "0"},
        {"query": "1", "start": "100", "end": "0", "step": "1"},
        {"query": "1", "start": "0", "end": "100000", "step": "1"},
        {"query": "1", "start": "yesterday", "end": "100", "step": "1"},
        {"query": "1", "start": "0", "end": "100", "step": "often"},
        {"query": "weir_it_power[5m]", "start": "0", "end": "100", "step": "1"},
        {"query": "1", "end": "100", "step": "1"},
    ],
)
def test_times_that_are_none_are_bad_data(measured: Served, params: dict[str, str]) -> None:
    assert refused(measured, "query_range", **params)[:2] == (400, "bad_data")


def test_what_grafana_asks_besides(measured: Served) -> None:
    assert ask(measured, "metadata", metric="weir_it_power")["weir_it_power"][0]["unit"] == "W"
    assert len(ask(measured, "metadata", limit=3)) == 3
    assert ask(measured, "query_exemplars", query="weir_it_power") == []
    assert ask(measured, "rules") == {"groups": []}
    assert ask(measured, "status/buildinfo")["version"] == "2.45.0"
    assert ask(measured, "label/subject/values", limit=1) == ["CN.S1.C1-A>CN-F"]
    found = ask(measured, "query", query='"a text"', time=BEGIN)
    assert (found["resultType"], found["result"]) == ("string", [BEGIN, "a text"])


def test_the_same_of_buckets_of_every_width(measured: Served) -> None:
    """Minutes are kept for three days, quarters of an hour for sixty: what they say is the same."""
    key = Key("CN.S1.C1-A>CN-F", "link_sent")
    with measured.context.store.write() as tx:
        numbers = rows_of.find(tx, [key, Key(A, "it_power")])
        rows: list[rows_of.Row] = [
            (900, BEGIN, numbers[key], 10, 300.0, 30.0, 30.0, 30.0),
            (900, BEGIN, numbers[Key(A, "it_power")], 10, 1000.0, 90.0, 120.0, 100.0),
        ]
        rows_of.put(tx, rows, [600, 600])
    now = measured.context.now()
    asked = (
        "sum_over_time(weir_link_sent[15m])",
        "rate(weir_link_sent[15m])",
        f'sum_over_time(weir_it_power{{subject="{A}"}}[15m])',
        f'avg_over_time(weir_it_power{{subject="{A}"}}[15m])',
        f'count_over_time(weir_it_power{{subject="{A}"}}[15m])',
        "weir_link_sent",
    )
    later = dataclasses.replace(measured.context, now=lambda: now + 10 * 86400)
    for query in asked:
        told = [
            json.loads(OwnSeries(ctx).ask("/api/v1/query", [("query", query), *AT_END]).body)
            for ctx in (measured.context, later)
        ]
        fine, coarse = ([row["value"][1] for row in body["data"]["result"]] for body in told)
        assert [float(v) for v in fine] == [float(v) for v in coarse] != [], query


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
