"""The contract of stores of samples, held by all of them: SQLite, PostgreSQL, VictoriaMetrics.

What PromQL's expressions are worth is told by a real Prometheus, which is no store of Weir's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.builders import Clock, Domain
from tests.contract.series_questions import AT, BEGIN, QUESTIONS, UNMATCHED, WRONG, samples
from tests.databases import sqlite_copy
from tests.prometheus_server import prometheus_up
from tests.victoria import victoria_up
from weir.control.series_own import series_store
from weir.core.errors import NotReady
from weir.core.series import Key
from weir.store.engine import open_store
from weir.store.series_base import Answer, Minutes, SeriesStore
from weir.store.series_victoria import VictoriaSeries

NOW = 1_700_000_040
A, B = Key("CN.S1.C1.P1-A", "it_power"), Key("CN.S1.C1.P2-B", "devices_health", "unhealthy")
REAL = pytest.mark.real
Pairs = list[tuple[str, str]]
Values = dict[tuple[tuple[str, str], ...], list[tuple[float, float]]]


class Flushed(VictoriaSeries):
    """What was written is there to be read at once."""

    def ask(self, path: str, pairs: Any) -> Answer:
        self.call("GET", "/internal/force_flush")
        return super().ask(path, [*pairs, ("nocache", "1")])


@pytest.fixture(
    params=["sqlite", pytest.param("postgresql", marks=REAL), pytest.param("victoria", marks=REAL)]
)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SeriesStore]:
    if request.param == "victoria":
        with victoria_up(tmp_path) as url:
            yield Flushed(url)
        return
    with own(request, tmp_path, request.param) as store:
        yield store


class own:  # noqa: N801  # read as a verb: with own(...)
    """A domain's own store, with a clock soon after the samples."""

    def __init__(self, request: pytest.FixtureRequest, folder: Path, kind: str) -> None:
        if kind == "sqlite":
            self.store = sqlite_copy(request.getfixturevalue("sqlite_template"), folder / "a.db")
        else:
            self.store = open_store(request.getfixturevalue("postgres").new_database())
        self.domain = Domain(self.store, folder, clock=Clock(BEGIN + 7200))

    def __enter__(self) -> SeriesStore:
        return series_store(self.domain.ctx)

    def __exit__(self, *_: object) -> None:
        self.store.close()


def written(store: SeriesStore, *columns: tuple[int, list[float]], keys: tuple[Key, ...]) -> None:
    store.write(Minutes(list(range(len(keys))), dict(enumerate(keys)), columns))


def asked(store: SeriesStore, path: str, *pairs: tuple[str, str]) -> Any:
    answer = store.ask(f"/api/v1/{path}", pairs)
    body = json.loads(answer.body)
    assert answer.status == 200, body
    assert body["status"] == "success"
    return body["data"]


def values(data: Any) -> Values:
    """Values of an answer, by labels."""
    if data["resultType"] == "scalar":
        return {(): [(data["result"][0], float(data["result"][1]))]}
    return {
        tuple(sorted(row["metric"].items())): [
            (float(at), float(v)) for at, v in row.get("values", [row.get("value")])
        ]
        for row in data["result"]
    }


def read(store: SeriesStore, metric: str, begin: int, end: int) -> dict[str, dict[int, float]]:
    """What was written of a metric in [begin, end), by subject."""
    data = asked(
        store, "query", ("query", f"weir_{metric}[{end - begin}s]"), ("time", f"{end - 1}")
    )
    assert data["resultType"] == "matrix"
    return {dict(key)["subject"]: {int(at): v for at, v in of} for key, of in values(data).items()}


def test_what_was_written_is_read(kept: SeriesStore) -> None:
    written(kept, (NOW, [2.5, 2.0]), keys=(A, B))
    written(kept, (NOW + 60, [0.0]), keys=(A,))
    assert read(kept, "it_power", NOW, NOW + 120) == {A.subject: {NOW: 2.5, NOW + 60: 0.0}}
    assert read(kept, "devices_health", NOW, NOW + 120) == {B.subject: {NOW: 2.0}}
    assert read(kept, "it_power", NOW + 60, NOW + 120) == {A.subject: {NOW + 60: 0.0}}
    found = asked(kept, "series", ("match[]", "weir_devices_health"), ("start", str(NOW)))
    assert found == [
        {
            "__name__": "weir_devices_health",
            "part": "unhealthy",
            "site": "CN.S1",
            "subject": B.subject,
        }
    ]


def test_what_was_not_written_is_not_there(kept: SeriesStore) -> None:
    written(kept, (NOW, [1.0]), (NOW + 180, [4.0]), keys=(A,))
    assert read(kept, "it_power", NOW, NOW + 240) == {A.subject: {NOW: 1.0, NOW + 180: 4.0}}
    assert read(kept, "facility_power", NOW, NOW + 240) == {}


def test_again_and_late_changes_nothing_twice(kept: SeriesStore) -> None:
    columns = [(NOW + 60 * k, [float(k)]) for k in range(5)]
    for some in (columns[3:], columns, list(reversed(columns)), columns[:2]):
        written(kept, *some, keys=(A,))
    expected = {A.subject: {NOW + 60 * k: float(k) for k in range(5)}}
    assert read(kept, "it_power", NOW, NOW + 300) == expected


def test_who_asks_as_grafana_does_is_answered(kept: SeriesStore) -> None:
    written(kept, (NOW, [2.5, 2.0]), keys=(A, B))
    span = (("start", str(NOW - 600)), ("end", str(NOW + 600)))
    assert asked(kept, "labels", *span) == ["__name__", "part", "site", "subject"]
    assert asked(kept, "label/subject/values", *span) == [A.subject, B.subject]
    names = asked(kept, "label/__name__/values", ("match[]", '{part="unhealthy"}'), *span)
    assert names == ["weir_devices_health"]
    assert values(asked(kept, "query", ("query", "1+1"), ("time", str(NOW))))
    assert asked(kept, "query_exemplars", ("query", "weir_it_power"), *span) == []
    assert isinstance(asked(kept, "status/buildinfo"), dict)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_store_that_is_full_or_away_says_so(status: int) -> None:
    full = VictoriaSeries("http://vm", httpx.MockTransport(lambda _: httpx.Response(status)))
    with pytest.raises(NotReady):
        written(full, (NOW, [1.0]), keys=(A,))


def known(minutes: Minutes) -> Iterator[Minutes]:
    """A minute's values without those that are not known."""
    for at, told in minutes.columns:
        there = [(n, v) for n, v in zip(minutes.numbers, told, strict=True) if not math.isnan(v)]
        yield Minutes([n for n, _ in there], minutes.keys, [(at, [v for _, v in there])])


def questions(query: str) -> Iterator[tuple[str, Pairs]]:
    yield "query", [("query", query), ("time", str(AT))]
    span = [("start", str(AT - 3600)), ("end", str(AT)), ("step", "300")]
    yield "query_range", [("query", query), *span]


@pytest.fixture(scope="module")
def beside(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A domain's own store, a Prometheus and a VictoriaMetrics, with the same samples."""
    folders = [tmp_path_factory.mktemp(name) for name in ("own", "prometheus", "victoria")]
    with (
        own(request, folders[0], "sqlite") as mine,
        prometheus_up(folders[1]) as prometheus,
        victoria_up(folders[2]) as victoria,
    ):
        stores = (mine, VictoriaSeries(prometheus), Flushed(victoria))
        for store in stores:
            for minutes in known(samples()):
                store.write(minutes)
        yield stores


def same(one: Values, other: Values) -> None:
    assert one.keys() == other.keys()
    for key, points in one.items():
        assert [at for at, _ in points] == [at for at, _ in other[key]], key
        mine, theirs = [v for _, v in points], [v for _, v in other[key]]
        assert mine == pytest.approx(theirs, rel=1e-9, abs=1e-9, nan_ok=True), key


@pytest.mark.real
@pytest.mark.parametrize("query", QUESTIONS)
def test_an_expression_is_worth_what_prometheus_says(beside: Any, query: str) -> None:
    mine, prometheus, _ = beside
    for path, pairs in questions(query):
        same(values(asked(mine, path, *pairs)), values(asked(prometheus, path, *pairs)))


@pytest.mark.real
@pytest.mark.parametrize("query", [*WRONG, *UNMATCHED])
def test_what_is_none_is_refused_as_prometheus_does(beside: Any, query: str) -> None:
    mine, prometheus, _ = beside
    for path, pairs in questions(query):
        answers = [store.ask(f"/api/v1/{path}", pairs) for store in (mine, prometheus)]
        said = [json.loads(answer.body) for answer in answers]
        assert answers[0].status == answers[1].status, said
        assert said[0]["errorType"] == said[1]["errorType"], said
        assert said[0]["status"] == "error"
        assert said[0]["error"]


OF_ITS_OWN = re.compile(
    r"/ 0$|bool weir_it_power offset|scalar\(|changes|resets|delta|deriv|predict|:|^bottomk|^sgn"
)
"""Where VictoriaMetrics says that it differs from Prometheus: it takes NaN for no value, a missing
side of a comparison for one, the value before a window into it, and steps of subqueries from now;
and where 1.79 takes what has ended into bottomk and sgn.
"""


@pytest.mark.real
@pytest.mark.parametrize("query", [q for q in QUESTIONS if not OF_ITS_OWN.search(q)])
def test_the_same_is_told_with_victoriametrics(beside: Any, query: str) -> None:
    mine, _, victoria = beside
    for path, pairs in questions(query):
        told = (nameless(values(asked(store, path, *pairs))) for store in (mine, victoria))
        same(*told)


def nameless(of: Values) -> Values:
    """Without metrics' names, which VictoriaMetrics keeps where the meaning stays."""
    return {tuple(pair for pair in key if pair[0] != "__name__"): v for key, v in of.items()}
