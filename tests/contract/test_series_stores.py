"""The contract of stores of samples, held by all of them: SQLite, PostgreSQL, VictoriaMetrics."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.databases import sqlite_copy
from tests.victoria import victoria_up
from weir.core.errors import NotReady
from weir.core.series import Bucket, Key, single
from weir.store.engine import open_store
from weir.store.series_base import SeriesStore
from weir.store.series_sql import SqlSeries
from weir.store.series_victoria import VictoriaSeries
from weir.wire.samples import Point

NOW = 1_700_000_040
A, B = Key("CN.S1.C1.P1-A", "it_power"), Key("CN.S1.C1.P2-B", "devices_health", "unhealthy")


REAL = pytest.mark.real


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("postgresql", marks=REAL),
        pytest.param("victoria", marks=REAL),
    ]
)
def kept(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SeriesStore]:
    if request.param == "victoria":
        with victoria_up(tmp_path) as url:
            yield Flushed(url)
        return
    if request.param == "sqlite":
        store = sqlite_copy(request.getfixturevalue("sqlite_template"), tmp_path / "a.db")
    else:
        store = open_store(request.getfixturevalue("postgres").new_database())
    yield SqlSeries(store)
    store.close()


class Flushed(VictoriaSeries):
    """What was written is there to be read at once."""

    def read(self, *arguments: object, **named: object):  # type: ignore[no-untyped-def]
        self.ask("GET", "/internal/force_flush")
        return super().read(*arguments, **named)  # type: ignore[arg-type]


def test_what_was_written_is_read(kept: SeriesStore) -> None:
    kept.write(60, [Point(A, NOW, single(2.5)), Point(B, NOW, Bucket(3, 6.0, 1.0, 3.0, 3.0))])
    kept.write(60, [Point(A, NOW + 60, single(0.0))])
    metrics = ["it_power", "devices_health"]
    assert kept.read(60, metrics, NOW, NOW + 120) == {
        A: {NOW: 2.5, NOW + 60: 0.0},
        B: {NOW: 2.0},
    }
    assert kept.read(60, ["it_power"], NOW + 60, NOW + 120) == {A: {NOW + 60: 0.0}}


def test_what_was_not_written_is_not_there(kept: SeriesStore) -> None:
    kept.write(60, [Point(A, NOW, single(1.0)), Point(A, NOW + 180, single(4.0))])
    assert kept.read(60, ["it_power"], NOW, NOW + 240) == {A: {NOW: 1.0, NOW + 180: 4.0}}
    assert kept.read(60, ["facility_power"], NOW, NOW + 240) == {}


def test_again_and_late_changes_nothing_twice(kept: SeriesStore) -> None:
    points = [Point(A, NOW + 60 * k, single(float(k))) for k in range(5)]
    for some in (points[3:], points, list(reversed(points)), points[:2]):
        kept.write(60, some)
    expected = {A: {NOW + 60 * k: float(k) for k in range(5)}}
    assert kept.read(60, ["it_power"], NOW, NOW + 300) == expected


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_store_that_is_full_or_away_says_so(status: int) -> None:
    full = VictoriaSeries("http://vm", httpx.MockTransport(lambda _: httpx.Response(status)))
    with pytest.raises(NotReady):
        full.write(60, [Point(A, NOW, single(1.0))])
    with pytest.raises(NotReady):
        full.read(60, ["it_power"], NOW, NOW + 60)
