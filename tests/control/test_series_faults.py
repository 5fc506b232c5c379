"""The store of series full or away, clocks that jump: jobs go on, samples wait, none is lost."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from tests.builders import Cluster, Domain, MakeDomain, pool, spec
from tests.remote_written import read_body
from weir.api.series_rounds import SeriesRounds
from weir.core.errors import NotReady
from weir.core.lifecycle import JobState
from weir.core.series import GRACE_S, RETENTION_S, Key, single, start_of
from weir.store import series as rows_of
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.store.series_victoria import VictoriaSeries
from weir.wire.samples import Point, pack


class Shelf:
    """A VictoriaMetrics that takes what comes, or says why not."""

    def __init__(self) -> None:
        self.status = 204
        self.away = False
        self.taken: list[tuple[str, int]] = []

    def store(self) -> VictoriaSeries:
        return VictoriaSeries("http://vm", httpx.MockTransport(self._asked))

    def _asked(self, request: httpx.Request) -> httpx.Response:
        if self.away:
            raise httpx.ConnectError("refused")
        if self.status == 204:
            self.taken += [
                (dict(labels)["__name__"], at)
                for labels, samples in read_body(request.content).items()
                for at, _ in samples
            ]
        return httpx.Response(self.status, text="no space left on device")

    def times_of(self, metric: str) -> list[int]:
        """When each sample of a metric begins, as often as it was taken."""
        return [at // 1000 for name, at in self.taken if metric in name]


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def fed(make_domain: MakeDomain, shelf: Shelf) -> Domain:
    domain = make_domain()
    domain.ctx = dataclasses.replace(domain.ctx, victoria=shelf.store())
    return domain


def sent(cluster: Cluster, value: float = 5.0, metric: str = "it_power") -> tuple[str, ...]:
    """A sample of now; what is refused."""
    at = start_of(cluster.domain.clock(), 10)
    point = Point(Key(cluster.named["gpu"], metric), at, single(value))
    return cluster.exchange(samples=(pack(10, [point]),), want=False).refused


def minutes(domain: Domain, width: int = 60) -> list[int]:
    """The buckets that the domain itself has of the metric."""
    now = int(domain.clock())
    with domain.ctx.store.read() as tx:
        [row] = rows_of.listed(tx, metrics=["it_power"])
        return sorted(rows_of.read(tx, width, [row.id], now - 86400, now + 86400)[row.id])


def turned(rounds: SeriesRounds) -> bool:
    """Whether a turn of the thread came to its end."""
    try:
        rounds.turn()
    except NotReady:
        return False
    return True


@pytest.mark.parametrize("status", [429, 500, 503, 507, None])
def test_while_the_store_is_full_or_away_jobs_and_roll_up_go_on(
    fed: Domain, shelf: Shelf, status: int | None
) -> None:
    site, rounds = fed.site("suzhou", pool("gpu")), SeriesRounds(fed.ctx)
    shelf.away, shelf.status = status is None, status or 204
    for _ in range(5):
        assert sent(site) == ()
        fed.clock.turn(60 + GRACE_S)
        assert not turned(rounds)
    known = minutes(fed)
    assert len(known) == 5, "what came is rolled up all the same"

    site.hear()
    job = fed.submit(spec())
    fed.round()
    site.say(site.order().run, "accepted", "started")
    assert fed.state(job) is JobState.RUNNING

    shelf.away, shelf.status = False, 204
    assert turned(rounds)
    assert sorted(shelf.times_of("it_power")) == known, "each of them, once"


def test_what_is_old_is_forgotten_while_the_store_is_away(fed: Domain, shelf: Shelf) -> None:
    site, rounds = fed.site("suzhou", pool("gpu")), SeriesRounds(fed.ctx)
    shelf.away = True
    sent(site)
    assert not turned(rounds)
    assert len(minutes(fed, 10)) == 1
    fed.clock.turn(RETENTION_S[10] + 100)
    assert not turned(rounds)
    assert minutes(fed, 10) == [], "or the disk would fill"


def test_a_database_that_is_full_takes_nothing_and_loses_nothing(tmp_path: Path) -> None:
    """SQLite that may not grow: calls fail whole, and go through when there is room again."""
    store = open_store(f"sqlite:///{tmp_path / 'weir.db'}")
    migrate(store)
    most = [2**30]

    @event.listens_for(store.engine, "checkout")
    def _bounded(connection: Any, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most[0]}")

    domain = Domain(store, tmp_path / "files")
    site, rounds = domain.site("suzhou", pool("gpu")), SeriesRounds(domain.ctx)
    sent(site)
    most[0] = 1  # no more pages than it has
    hosts = [
        Point(Key(f"{site.id}/h{n}", "it_power"), start_of(domain.clock(), 10), single(1.0))
        for n in range(3000)
    ]
    with pytest.raises(OperationalError, match="full"):
        site.exchange(samples=(pack(10, hosts),), want=False)
    with store.read() as tx:
        assert len(rows_of.listed(tx)) == 1, "nothing of the call is there"

    most[0] = 2**30
    assert site.exchange(samples=(pack(10, hosts),), want=False).refused == ()
    with store.read() as tx:
        assert len(rows_of.listed(tx)) == 3001
    domain.clock.turn(60 + GRACE_S)
    assert turned(rounds)
    store.close()


def test_a_domains_clock_that_jumps_changes_no_sample(domain: Domain) -> None:
    """Forward by a day and back: what was measured stays where it was, and the rest goes on."""
    site, rounds = domain.site("suzhou", pool("gpu")), SeriesRounds(domain.ctx)
    sent(site)
    domain.clock.turn(60 + GRACE_S)
    assert turned(rounds)
    before = minutes(domain)
    for jump in (3600.0, -3600.0):
        domain.clock.turn(jump)
        assert turned(rounds)
    assert minutes(domain) == before
    sent(site, 7.0)
    domain.clock.turn(60 + GRACE_S)
    assert turned(rounds)
    assert len(minutes(domain)) == 2


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("devices_seen", -8.0),
        ("devices_seen", 1e12),
        ("it_power", -1.0),
        ("device_temperature", 338.0),
        ("cpu_seen", float("inf")),
        ("storage_total", 1e30),
    ],
)
def test_a_value_that_can_not_be_is_refused_with_its_rule(
    domain: Domain, metric: str, value: float
) -> None:
    site = domain.site("suzhou", pool("gpu"))
    [said] = sent(site, value, metric)
    assert metric in said
    assert "must lie in" in said or "finite" in said
