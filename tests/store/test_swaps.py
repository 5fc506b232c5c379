"""Compare and swap: who saw the last state writes, who did not is told so and writes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import Cluster, Domain, foreign, pool
from tests.databases import NewStore
from weir.core.errors import Conflict, InventoryConflict
from weir.core.lifecycle import RunState
from weir.store import clusters, jobs, runs
from weir.store.engine import Store
from weir.store.rows import ClusterRow, JobRow


@pytest.fixture
def domain(new_store: NewStore, tmp_path: Path) -> Domain:
    return Domain(new_store(), tmp_path / "files")


@pytest.fixture
def north(domain: Domain) -> Cluster:
    """A cluster with two runs that are assigned to it, of jobs that are called one and two."""
    cluster = domain.site("north", pool("gpu"))
    for name in ("one", "two"):
        domain.submit(key=name)
    domain.round()
    return cluster


@pytest.fixture
def store(domain: Domain, north: Cluster) -> Iterator[Store]:
    yield domain.ctx.store
    domain.ctx.store.close()


def both(store: Store) -> tuple[JobRow, JobRow]:
    with store.read() as tx:
        found = jobs.by_submission(tx, ["key li one#0", "key li two#0"])
    return found["key li one#0"], found["key li two#0"]


def row_of(store: Store, cluster: Cluster) -> ClusterRow:
    with store.read() as tx:
        row = clusters.get(tx, cluster.id)
    assert row is not None
    return row


def test_a_cluster_is_swapped_on_generation_observations_and_agent(
    store: Store, north: Cluster
) -> None:
    seen = row_of(store, north)
    with store.write() as tx:
        clusters.swap(tx, seen, generation=5, heard_at=2.0)
    now = row_of(store, north)
    assert now == replace(seen, generation=5, heard_at=2.0)
    for stale in (seen, replace(now, observed=9), replace(now, incarnation="other")):
        with (
            pytest.raises(InventoryConflict, match="has moved on from generation"),
            store.write() as tx,
        ):
            clusters.swap(tx, stale, generation=6)
    assert row_of(store, north) == now


def test_jobs_are_swapped_all_or_none(store: Store) -> None:
    one, two = both(store)
    with store.write() as tx:
        jobs.swap(tx, [{"id": one.id, "seen": one.seq, "seq": 98, "reason": "new"}])
    changes = [{"id": r.id, "seen": r.seq, "seq": 99, "reason": "both"} for r in (two, one)]
    with pytest.raises(Conflict, match="a job has changed"), store.write() as tx:
        jobs.swap(tx, changes)
    assert [(r.seq, r.reason) for r in both(store)] == [(98, "new"), (two.seq, "")]


def test_runs_are_swapped_on_their_state(store: Store) -> None:
    one, two = [str(r.run) for r in both(store)]
    step = {"seen": RunState.ASSIGNED, "state": RunState.ACCEPTED}
    with store.write() as tx:
        runs.swap(tx, [{"id": one, **step}])
    with pytest.raises(Conflict, match="a run has changed"), store.write() as tx:
        runs.swap(tx, [{"id": two, **step}, {"id": one, **step}])
    with store.read() as tx:
        states = {i: r.state for i, r in runs.some(tx, [one, two]).items()}
    assert states == {one: RunState.ACCEPTED, two: RunState.ASSIGNED}


def test_nothing_to_swap_is_no_conflict(store: Store) -> None:
    with store.write() as tx:
        jobs.swap(tx, [])
        runs.swap(tx, [])
        runs.change(tx, [])


def test_a_file_grows_and_never_shrinks(store: Store) -> None:
    run = str(both(store)[0].run)
    with store.write() as tx:
        for size in (5, 3, 8, 0):
            runs.grow_file(tx, run, "stdout", size)
        runs.grow_file(tx, run, "out", 2)
        assert runs.files_of(tx, run) == [("out", 2), ("stdout", 8)]


def test_orders_are_given_from_a_revision_on(store: Store, north: Cluster) -> None:
    one, two = [str(r.run) for r in both(store)]
    with store.read() as tx:
        assert [r.id for r, _ in runs.orders(tx, north.id, 0, 9)] == [one, two]
        assert [r.id for r, _ in runs.orders(tx, north.id, 0, 1)] == [one]
        last = runs.last_revision(tx, north.id)
        assert [r.id for r, _ in runs.orders(tx, north.id, last - 1, 9)] == [two]
        assert runs.orders(tx, north.id, last, 9) == []
        assert runs.last_revision(tx, "other") == 0


def test_pools_that_are_gone_stay_to_be_told(store: Store, north: Cluster) -> None:
    reports = [foreign(name, site=n) for n, name in ((1, "a"), (2, "b"))]
    one, two = [r.id for r in reports]
    with store.write() as tx:
        clusters.drop_pools(tx, north.id, [], 100)
        clusters.put_pools(tx, north.id, reports, 101)
        clusters.drop_pools(tx, north.id, [two], 102)
        clusters.drop_pools(tx, north.id, [two], 103)  # what is gone does not go again
        heads = {h.id: (h.version, h.revision, h.gone) for h in clusters.pool_heads(tx)}
        assert heads[one] == (101, 102, True)
        assert heads[two] == (101, 101, False)
        clusters.put_pools(tx, north.id, reports[:1], 104)
        assert {h.id: h.gone for h in clusters.pool_heads(tx)}[one] is False
        assert clusters.pool_records(tx, north.id, [one]) == {one: reports[0]}
