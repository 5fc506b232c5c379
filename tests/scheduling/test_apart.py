"""Tasks that are spread over hosts, and hosts that carry nothing else: stories, and a property held
host by host.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import (
    GIB,
    NOW,
    claim,
    demand,
    group,
    job,
    jobs,
    pool,
    snapshot,
    snapshots,
    state,
)
from tests.scheduling.flat import places
from weir.core.demand import from_record, to_record
from weir.core.inventory import FreeShape, HostShape, all_free
from weir.core.plan import Reason
from weir.scheduling.find import find
from weir.scheduling.packing import Claim, fill, held_whole, place, subtract, times
from weir.scheduling.policies import policy
from weir.scheduling.schedule import Round, play, schedule
from weir.scheduling.snapshot import RunningJob, Snapshot
from weir.scheduling.tasks import claim_of

EASY = policy("easy")
ALONE = demand(group(1, devices=1, exclusive=True))
EACH_ON_ITS_OWN = demand(group(2, devices=1, max_per_host=1))
EIGHT = HostShape(64_000, 512 * GIB, 8)


# Spread.


def test_one_task_a_host_needs_as_many_hosts() -> None:
    seen = snapshot(pool("a", hosts=2), jobs=(job("j", demand(group(3, max_per_host=1))),))
    (reason,) = schedule(seen, EASY).waiting["j"].reasons
    assert str(reason) == "SPREAD needed=3 tasks, at most 1 per host best=2 tasks, 1 pool"
    (change,) = schedule(seen, EASY).waiting["j"].changes
    assert (change.reason, change.instead, change.now) == (
        *(Reason.SPREAD, "at most 2 per host", True),
    )
    assert schedule(seen, EASY).waiting["j"].hopeless


def test_a_host_that_has_its_tasks_is_passed_over_though_it_is_the_fullest() -> None:
    free = (FreeShape(32_000, 256 * GIB, ((1000, 4),), 1), *all_free(1, EIGHT))
    left = place(free, claim(devices=1, count=3, per_host=2))
    assert left is not None
    assert [shape.whole_devices for shape in left] == [2, 7]


def test_shares_are_counted_by_host_and_not_by_device() -> None:
    free = (FreeShape(64_000, 512 * GIB, ((1000, 2),), 2),)
    assert fill(free, claim(devices=0.5, count=8, per_host=3))[1] == 6


def test_two_jobs_that_are_spread_may_share_hosts() -> None:
    seen = snapshot(pool("a", hosts=2), jobs=jobs(8, EACH_ON_ITS_OWN))
    assert len(places(schedule(seen, EASY))) == 8
    running = state(pool("a", hosts=2), *[claim(devices=1, count=2, per_host=1)] * 7)
    assert len(places(schedule(snapshot(running, jobs=jobs(2, EACH_ON_ITS_OWN)), EASY))) == 1


def test_what_several_jobs_hold_is_one_claim_unless_they_are_spread() -> None:
    assert times(claim(count=2), 3) == [claim(count=6)]
    assert times(claim(count=2, per_host=1), 3) == [claim(count=2, per_host=1)] * 3


def test_a_spread_job_waits_for_the_second_host() -> None:
    """Where one host is taken until later, it keeps room there, and starts as it is free."""
    full = state(pool("a", hosts=2), claim(devices=8, ends_at=NOW + 60))
    seen = snapshot(full, jobs=(job("j", EACH_ON_ITS_OWN),))
    waits = schedule(seen, EASY).waiting["j"]
    assert [str(r) for r in waits.reasons] == ["BUSY needed=2 free devices best=1, 1 pool"]
    assert waits.start_s == (60, 60)
    assert [(c.reason, c.instead, c.now) for c in waits.changes] == [
        (Reason.SPREAD, "at most 2 per host", True),
        (Reason.BUSY, "1 task", True),
    ]


# Exclusive.


def test_an_exclusive_job_holds_its_host_whole_and_pays_for_it() -> None:
    where = pool("a", price_micro_per_device_hour=1_000_000)
    seen = snapshot(where, jobs=(job("alone", ALONE, at=1.0), job("other", at=2.0)))
    found = find(seen, ALONE, EASY).candidates[0]
    assert found.price_micro_per_hour == 8_000_000
    seen = replace(seen, jobs=(*jobs(2, ALONE), *seen.jobs))
    assert sorted(places(schedule(seen, EASY))) == ["alone", "job00000"]


def test_nothing_is_put_beside_what_runs_exclusively() -> None:
    busy = state(pool("a", hosts=2), claim_of(ALONE.groups[0], 1, EIGHT))
    assert len(places(schedule(snapshot(busy, jobs=jobs(9, demand())), EASY))) == 8


def test_an_exclusive_job_goes_only_where_nothing_is() -> None:
    """However little the others hold; it says how many hosts it lacks, and what would help."""
    busy = state(pool("a", hosts=2), claim(cpu=1, memory=0, devices=0))
    two = demand(group(16, devices=1, exclusive=True))
    waits = schedule(snapshot(busy, jobs=(job("j", two),)), EASY).waiting["j"]
    assert [str(r) for r in waits.reasons] == [
        "EXCLUSIVE needed=2 empty hosts best=1 empty host, 1 pool"
    ]
    assert [(c.reason, c.instead, c.now) for c in waits.changes] == [
        (Reason.EXCLUSIVE, "shared hosts", True)
    ]
    assert not waits.hopeless
    assert places(schedule(snapshot(busy, jobs=(job("j", ALONE),)), EASY)) == {"j": "a"}


def test_exclusive_hosts_are_as_few_as_the_tasks_need() -> None:
    def hosts(**wishes: object) -> int:
        return claim_of(group(10, **wishes), 10, EIGHT).count  # type: ignore[arg-type]

    assert hosts(devices=1, exclusive=True) == 2
    assert hosts(devices=3, exclusive=True) == 5
    assert hosts(devices=0, cpu=1, exclusive=True) == 1
    assert hosts(devices=1, exclusive=True, max_per_host=4) == 3
    assert hosts(devices=1) == 10
    assert held_whole(claim(count=1), EIGHT) == Claim(64_000, 512 * GIB, 8000, 1)


def test_two_groups_of_which_one_is_exclusive() -> None:
    both = demand(group(1, devices=1, name="head", exclusive=True), group(8, devices=1, name="x"))
    assert places(schedule(snapshot(pool("a"), jobs=(job("j", both),)), EASY)) == {"j": "a"}
    small = snapshot(pool("a", hosts=1), jobs=(job("j", both),))
    (reason,) = schedule(small, EASY).waiting["j"].reasons
    assert str(reason) == "GANG needed=9 tasks best=1 task, 1 pool"


def test_jobs_on_shared_hosts_make_room_for_an_exclusive_one() -> None:
    """Whoever stands on the host that is cheapest to empty goes."""
    held = claim(devices=1)
    seen = replace(
        snapshot(state(pool("a", hosts=1), held), jobs=(job("j", ALONE, priority=90),)),
        running=(RunningJob("small", "a", (held,), 10, NOW - 5),),
    )
    (gone,) = schedule(seen, policy("balanced")).preemptions
    assert (gone.job, gone.for_job) == ("small", "j")


def test_a_shape_of_demand_is_read_back_with_its_wishes() -> None:
    wanted = demand(group(2, max_per_host=1, exclusive=True))
    record = to_record(wanted)
    assert from_record(record) == wanted
    for name in ("max_per_host", "exclusive"):
        del record["groups"][0][name]
    assert from_record(record) == demand(group(2))


# Host by host.


def on_hosts(round_: Round) -> dict[int, list[tuple[int, int, int]]]:
    """What lies on each host of the board: (run, claim, tasks) by entry; all are single hosts."""
    board, found = round_.board, dict[int, list[tuple[int, int, int]]]()
    for run in range(len(board.runs.pool)):
        if board.runs.pool[run] < 0:
            continue
        piece = int(board.runs.piece[run])
        while piece >= 0:
            entry = int(board.pieces.entry[piece])
            assert board.hosts.hosts[entry] == 1
            what = run, int(board.pieces.claim[piece]), int(board.pieces.tasks[piece])
            found.setdefault(entry, []).append(what)
            piece = int(board.pieces.next[piece])
    return found


@settings(max_examples=200)
@given(snapshots(), st.sampled_from(("easy", "conservative", "fifo", "fragmentation")))
def test_on_no_host_are_more_tasks_than_a_group_wants_or_anybody_beside_an_exclusive_one(
    seen: Snapshot, name: str
) -> None:
    round_ = play(seen, replace(policy(name), hold=True))
    for there in on_hosts(round_).values():
        tasks = Counter[tuple[int, int]]()
        for run, number, count in there:
            tasks[run, number] += count
        for (run, number), count in tasks.items():
            assert count <= round_.board.claims.most[number]
            if run < len(round_.jobs) and exclusive(round_, run, number):
                assert len({one for one, *_ in there}) == 1
    for row, one in enumerate(round_.jobs):
        where = int(round_.board.jobs.pool[row])
        if where >= 0:
            wanted = round_.classes[int(round_.board.jobs.klass[row])].judgment.tasks
            assert sum(
                count
                for there in on_hosts(round_).values()
                for run, _, count in there
                if run == row
            ) == sum(c.count for c in wanted.claims(where)), one.id


def exclusive(round_: Round, row: int, number: int) -> bool:
    """Whether a claim is that of an exclusive group: each of its tasks is a whole host."""
    where = round_.snapshot.routes[int(round_.board.jobs.pool[row])].pool
    groups = round_.jobs[row].demand.groups
    whole = [claim_of(g, 1, where.shape) for g in groups if g.exclusive]
    c = round_.board.claims
    amounts = int(c.cpu[number]), int(c.memory[number])
    return amounts in {(one.cpu_milli, one.memory_bytes) for one in whole}


@settings(max_examples=200)
@given(snapshots())
def test_whoever_runs_exclusively_keeps_its_hosts(seen: Snapshot) -> None:
    """With nothing else running, as many hosts as exclusive jobs hold have nothing left."""
    bare = tuple(replace(s, claims=()) for s in seen.pools)
    round_ = play(replace(seen, pools=bare), EASY)
    held = Counter[int]()
    by_pool: dict[int, list[Claim]] = {}
    for row, one in enumerate(round_.jobs):
        where = int(round_.board.jobs.pool[row])
        if where < 0:
            continue
        tasks = round_.classes[int(round_.board.jobs.klass[row])].judgment.tasks
        for g, c in zip(one.demand.groups, tasks.claims(where), strict=True):
            held[where] += c.count if g.exclusive else 0
            by_pool.setdefault(where, []).append(c)
    for where, claims in by_pool.items():
        left = subtract(round_.snapshot.routes[where].pool.free, claims)
        empty = sum(s.hosts for s in left if not s.cpu_milli and not s.memory_bytes)
        assert empty >= held[where]


@pytest.mark.parametrize("name", ["easy", "fragmentation", "conservative"])
def test_a_gang_spread_over_many_equal_hosts(name: str) -> None:
    """Eight jobs leave no ninety hosts with a device; the ninth waits."""
    wide = demand(group(90, devices=1, max_per_host=1), walltime_s=60)
    seen = snapshot(pool("a", hosts=100), jobs=jobs(9, wide))
    plan = schedule(seen, policy(name))
    assert len(places(plan)) == 8
