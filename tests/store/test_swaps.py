"""Compare and swap: who saw the last state writes, who did not is told so and writes nothing."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.databases import NewStore
from tests.scheduling.builders import pool
from weir.core.errors import Conflict, InventoryConflict
from weir.core.lifecycle import JobState, RunState
from weir.store import clusters, jobs, runs
from weir.store.engine import Store
from weir.store.rows import ClusterRow
from weir.wire.pools import report_of

CLUSTER = ClusterRow(
    id="CN.S1.C1-5",
    name="north",
    site="CN.S1-0",
    site_name="North",
    executor="local",
    direction="own",
    peer_domain=None,
    peer_url=None,
    joined_at=0.0,
    generation=0,
    inventory_digest="",
    incarnation="",
    journal="",
    observed=0,
    heard_at=None,
    silent=True,
    clock_skew_s=0.0,
    rtt_us=None,
    version="",
)


def job_row(id: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": id,
        "name": "job",
        "submitter": "li",
        "state": JobState.WAITING,
        "priority": 50,
        "submitted_at": 1.0,
        "reason": "",
        "spec": "{}",
        "shape": "s",
        "root_job": id,
        "path": [],
        "attempts": 0,
        "failures": 0,
        "losses": 0,
        "seq": 1,
        "place": [],
    }
    return row | changes


def run_row(id: str, job: str, **changes: Any) -> dict[str, Any]:
    row = {
        "id": id,
        "job": job,
        "cluster": CLUSTER.id,
        "pool": "p",
        "state": RunState.ASSIGNED,
        "groups": [],
        "claims": [],
        "revision": 1,
        "start_within_s": 60.0,
        "assigned_at": 1.0,
        "reason": "",
        "place": [],
        "cancel": False,
    }
    return row | changes


@pytest.fixture
def store(new_store: NewStore) -> Iterator[Store]:
    store = new_store()
    with store.write() as tx:
        clusters.add(tx, CLUSTER)
        jobs.add_shapes(tx, [{"key": "s", "demand": {}}])
        jobs.add(tx, [job_row("j1"), job_row("j2")])
        runs.add(tx, [run_row("j1-1", "j1"), run_row("j2-1", "j2")])
    yield store
    store.close()


def test_a_cluster_is_swapped_on_generation_observations_and_agent(store: Store) -> None:
    with store.write() as tx:
        clusters.swap(tx, CLUSTER, generation=1, heard_at=2.0)
        now = replace(CLUSTER, generation=1)
        for seen in (CLUSTER, replace(now, observed=9), replace(now, incarnation="other")):
            with pytest.raises(InventoryConflict, match="has moved on from generation"):
                clusters.swap(tx, seen, generation=5)
        found = clusters.get(tx, CLUSTER.id)
    assert found == replace(CLUSTER, generation=1, heard_at=2.0)


def test_jobs_are_swapped_all_or_none(store: Store) -> None:
    with store.write() as tx:
        jobs.swap(tx, [{"id": "j1", "seen": 1, "seq": 2, "reason": "new"}])
    both = [{"id": i, "seen": 1, "seq": 3, "reason": "both"} for i in ("j2", "j1")]
    with pytest.raises(Conflict, match="a job has changed"), store.write() as tx:
        jobs.swap(tx, both)
    with store.read() as tx:
        found = jobs.some(tx, ["j1", "j2"])
    assert {i: (r.seq, r.reason) for i, r in found.items()} == {"j1": (2, "new"), "j2": (1, "")}


def test_runs_are_swapped_on_their_state(store: Store) -> None:
    step = {"seen": RunState.ASSIGNED, "state": RunState.ACCEPTED}
    with store.write() as tx:
        runs.swap(tx, [{"id": "j1-1", **step}])
    with pytest.raises(Conflict, match="a run has changed"), store.write() as tx:
        runs.swap(tx, [{"id": "j2-1", **step}, {"id": "j1-1", **step}])
    with store.read() as tx:
        states = {i: r.state for i, r in runs.some(tx, ["j1-1", "j2-1"]).items()}
    assert states == {"j1-1": RunState.ACCEPTED, "j2-1": RunState.ASSIGNED}


def test_nothing_to_swap_is_no_conflict(store: Store) -> None:
    with store.write() as tx:
        jobs.swap(tx, [])
        runs.swap(tx, [])
        runs.change(tx, [])


def test_a_file_grows_and_never_shrinks(store: Store) -> None:
    with store.write() as tx:
        for size in (5, 3, 8, 0):
            runs.grow_file(tx, "j1-1", "stdout", size)
        runs.grow_file(tx, "j1-1", "out", 2)
        assert runs.files_of(tx, "j1-1") == [("out", 2), ("stdout", 8)]


def test_orders_are_given_from_a_revision_on_and_from_nothing_all_that_stand(store: Store) -> None:
    with store.write() as tx:
        runs.change(tx, [{"id": "j2-1", "state": RunState.ACCEPTED, "revision": 7}])
        assert [r.id for r, _ in runs.orders(tx, CLUSTER.id, 0, 9)] == ["j1-1", "j2-1"]
        assert [r.id for r, _ in runs.orders(tx, CLUSTER.id, 1, 9)] == []
        assert runs.last_revision(tx, CLUSTER.id) == 7
        assert runs.last_revision(tx, "other") == 0


def test_the_longest_submission_key_has_room(store: Store) -> None:
    with store.write() as tx:
        jobs.add(tx, [job_row("j3", submission=f"run {'c' * 120} {'r' * 60}#99999")])
        assert len(jobs.by_submission(tx, [f"run {'c' * 120} {'r' * 60}#99999"])) == 1


def test_pools_that_are_gone_stay_to_be_told(store: Store) -> None:
    reports = [report_of(pool(i)) for i in ("p1", "p2")]
    with store.write() as tx:
        clusters.put_pools(tx, CLUSTER.id, reports, 1)
        clusters.drop_pools(tx, CLUSTER.id, ["p2"], 2)
        clusters.drop_pools(tx, CLUSTER.id, ["p2"], 3)  # what is gone does not go again
        heads = {h.id: (h.version, h.revision, h.gone) for h in clusters.pool_heads(tx)}
        assert heads == {"p1": (1, 2, True), "p2": (1, 1, False)}
        clusters.put_pools(tx, CLUSTER.id, reports[:1], 4)
        assert clusters.pool_heads(tx)[0].gone is False
        assert clusters.pool_records(tx, CLUSTER.id, ["p1"]) == {"p1": reports[0]}
