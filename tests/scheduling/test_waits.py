"""What is said of a waiting job is true: reasons, changes, who is ahead, when it may start."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import (
    A100,
    ASCEND,
    H100,
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
from tests.scheduling.flat import (
    devices_of,
    flat_snapshots,
    flat_state,
    places,
    runs_for,
    wide,
)
from weir.core.demand import Demand
from weir.core.plan import CAN_CHANGE, Plan, Reason, Waiting
from weir.scheduling.changes import relaxations
from weir.scheduling.feasible import judge
from weir.scheduling.more_quota import with_queue
from weir.scheduling.packing import Claim
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.policy import Policy
from weir.scheduling.queues import MEMORY_S
from weir.scheduling.reference import reachable, suits
from weir.scheduling.schedule import plan_of, play, schedule
from weir.scheduling.snapshot import Lease, Queue, RunningJob, Snapshot, WaitingJob
from weir.scheduling.waits import Waits

STEADY = sorted(set(POLICIES) - {"optimal"})
EASY = policy("easy")


def waiting(seen: Snapshot, name: str = "j", rules: Policy = EASY) -> Waiting:
    return schedule(seen, rules).waiting[name]


# Reasons.


def test_pools_with_one_reason_each_add_up_to_all_pools() -> None:
    seen = snapshot(
        pool("a", devices=0), pool("b", model=ASCEND), pool("c", hosts=1, devices=2),
        pool("d", open=False), state(pool("e"), silent=True), pool("f"),
        flat_state("g", 8, runs_for(8, 50)),
        jobs=(job("j", demand(group(devices=8, models=(H100,))), avoid=("f",)),),
    )  # fmt: skip
    found = {r.reason: r.pools for r in waiting(seen).reasons}
    assert found == dict.fromkeys(
        (Reason.DEVICE_NONE, Reason.DEVICE_MODEL, Reason.HOST_DEVICES, Reason.CLOSED,
         Reason.SILENT, Reason.REFUSED, Reason.BUSY), 1,
    )  # fmt: skip
    assert sum(found.values()) == len(seen.pools)


@settings(max_examples=100)
@given(snapshots(), st.sampled_from(STEADY))
def test_every_pool_has_a_reason_and_the_counts_say_how_many(seen: Snapshot, name: str) -> None:
    plan = schedule(seen, policy(name))
    by_id = {j.id: j for j in seen.jobs}
    for one, said in plan.waiting.items():
        good = [s for s in seen.routes if suits(s, by_id[one].demand)]
        bad = len(seen.routes) - len(good)
        fixed = [r.pools for r in said.reasons if r.reason not in CAN_CHANGE]
        now = [r.pools for r in said.reasons if r.reason in CAN_CHANGE]
        assert all(0 < n <= bad for n in fixed)
        assert sum(fixed) >= bad
        assert all(0 < n <= len(good) for n in now)
        assert sum(now) >= len(good)
        out = sum(not reachable(s, by_id[one]) for s in good)
        gone = {Reason.CLOSED, Reason.SILENT, Reason.REFUSED}
        assert sum(r.pools for r in said.reasons if r.reason in gone) >= out


@settings(max_examples=60)
@given(snapshots(), st.sampled_from(STEADY))
def test_ahead_is_who_waits_before_it_and_could_use_one_of_its_pools(
    seen: Snapshot, name: str
) -> None:
    rules = replace(policy(name), fair=False)
    round_ = play(seen, rules)
    plan = plan_of(round_)
    order = [j for j in round_.jobs if j.id in plan.waiting]

    def pools(one: WaitingJob) -> set[str]:
        return {s.pool.id for s in seen.routes if suits(s, one.demand) and reachable(s, one)}

    for row, one in enumerate(order):
        before = sum(bool(pools(one) & pools(other)) for other in order[:row])
        assert plan.waiting[one.id].ahead == before


# Changes.


def changed(seen: Snapshot, rules: Policy) -> list[tuple[Snapshot, str, Demand]]:
    """For every change that is said to help at once: the snapshot with it, and whose it is."""
    round_ = play(seen, rules)
    plan, waits = plan_of(round_), Waits(round_)
    found = []
    for row, one in enumerate(round_.jobs):
        if one.id not in plan.waiting:
            continue
        judgment = judge(seen.columns, one.demand)
        every = relaxations(judgment, one.avoid, waits._now(judgment, one, row))
        assert tuple(r.change for r in every) == plan.waiting[one.id].changes
        for r in every:
            if r.change.now:
                with_it = tuple(
                    replace(j, demand=r.demand) if j.id == one.id else j for j in seen.jobs
                )
                other = seen if r.queue is None else with_queue(seen, r.queue)
                found.append((replace(other, jobs=with_it), one.id, r.demand))
    return found


def holds(seen: Snapshot, rules: Policy) -> int:
    """Apply each change that is named: the job runs in the next round."""
    every = changed(seen, rules)
    for other, name, _ in every:
        assert name in places(schedule(other, rules))
    return len(every)


@settings(max_examples=150)
@given(snapshots(), st.sampled_from(STEADY))
def test_with_a_change_that_helps_now_the_job_runs(seen: Snapshot, name: str) -> None:
    holds(seen, policy(name))


@settings(max_examples=150)
@given(flat_snapshots(leases=True), st.sampled_from(("fifo", "easy", "conservative", "cheapest")))
def test_so_it_is_with_leases_and_gaps(seen: Snapshot, name: str) -> None:
    holds(seen, policy(name))


def test_so_it_is_where_a_quota_stops_the_job() -> None:
    """Any model would do now, were it not for the quota."""
    quota = Queue("q", nominal=(None, None, 1000), borrow=(0, 0, 0))
    wanted = demand(group(devices=2, models=(A100,)))
    full = state(pool("a", hosts=1, devices=2, model=A100), claim(devices=2))
    free = pool("b", hosts=1, devices=2, model=ASCEND)
    seen = replace(
        snapshot(full, free, jobs=(replace(job("j", wanted), queue="q"),)), queues=(quota,)
    )
    for name in ("easy", "fair", "cheapest"):
        assert holds(seen, policy(name)) == 0  # neither a quota alone would do
        assert holds(replace(seen, queues=()), policy(name)) == 1


def limited(devices: int, borrow: int = 0, **fields: Any) -> Queue:
    return Queue(
        nominal=(None, None, devices * 1000),
        borrow=(0, 0, borrow * 1000),
        **{"name": "q", **fields},
    )


def asking(name: str, devices: int, at: float, queue: str = "q") -> WaitingJob:
    return replace(job(name, demand(group(devices=devices)), at=at), queue=queue)


def quotas(seen: Snapshot, name: str = "j") -> list[str]:
    return [c.instead for c in waiting(seen, name).changes if c.reason is Reason.QUOTA]


def test_how_much_more_quota_would_let_it_start() -> None:
    mine = limited(4, borrow=1)
    waits = asking("first", 4, 1.0), asking("j", 3, 2.0)
    seen = snapshot(pool("a", model=A100), jobs=waits)
    for name in ("easy", "fair", "cheapest"):
        fewer, change = waiting(replace(seen, queues=(mine,)), rules=policy(name)).changes
        assert (fewer.wanted, fewer.instead) == ("3 devices per task", "1 device per task")
        assert (change.reason, change.wanted, change.instead, change.now) == (
            Reason.QUOTA, "4 devices for q", "6 devices for q", True,
        )  # fmt: skip
        assert holds(replace(seen, queues=(mine,)), policy(name)) == 2


def test_fewer_tasks_keep_to_a_quota() -> None:
    gang = replace(job("j", demand(group(count=5, devices=1))), queue="q")
    seen = replace(snapshot(pool("a"), jobs=(gang,)), queues=(limited(3),))
    assert [(c.reason, c.instead) for c in waiting(seen).changes] == [
        (Reason.BUSY, "3 tasks"),
        (Reason.QUOTA, "5 devices for q"),
    ]
    assert holds(seen, EASY) == 2


def test_a_quota_that_somebody_ahead_would_take_is_not_named() -> None:
    seen = snapshot(pool("a"), jobs=(asking("big", 8, 1.0), asking("j", 5, 2.0)))
    seen = replace(seen, queues=(limited(3),))
    assert quotas(seen, "big") == ["8 devices for q"]
    assert quotas(seen) == ["5 devices for q"]
    assert holds(seen, EASY) == 4
    seen = replace(seen, jobs=(asking("small", 4, 1.0), asking("j", 5, 2.0)))
    assert quotas(seen) == []


def test_two_queues_that_are_short_are_no_single_change() -> None:
    above, mine = limited(4, name="above"), limited(2, parent="above")
    seen = replace(snapshot(pool("a"), jobs=(asking("j", 5, 1.0),)), queues=(above, mine))
    assert quotas(seen) == []
    seen = replace(seen, queues=(replace(above, nominal=(None, None, 9000)), mine))
    assert quotas(seen) == ["5 devices for q"]


@settings(max_examples=150)
@given(snapshots(), st.sampled_from(STEADY), st.data())
def test_with_the_quota_that_is_named_the_job_runs(
    seen: Snapshot, name: str, data: st.DataObject
) -> None:
    amounts = st.sampled_from((0, 1000, 2500, 8000))
    limits = st.tuples(st.just(None) | amounts, st.just(None), st.just(None) | amounts)
    queues = (
        Queue("above", nominal=data.draw(limits), borrow=(0, 0, 0)),
        Queue("a", "above", nominal=data.draw(limits), borrow=(0, None, 1000)),
        Queue("b", nominal=data.draw(limits), borrow=(500, 0, 0)),
    )
    whose = st.sampled_from(("a", "b", "above", ""))
    waits = tuple(replace(one, queue=data.draw(whose)) for one in seen.jobs)
    holds(replace(seen, jobs=waits, queues=queues), policy(name))


def test_so_it_is_where_its_length_is_known_better_than_by_its_walltime() -> None:
    """A shorter walltime helps nobody of whom it is known how long they run."""
    leased = (Lease("a", (claim(devices=8),), NOW + 50, NOW + 100),)
    one = wide("j", 4, 80)
    seen = replace(snapshot(flat_state("a", 8), jobs=(one,)), leases=leased)
    assert holds(seen, EASY) == 1
    known = replace(seen, jobs=(replace(one, length_s=70.0),))
    assert holds(known, EASY) == 0


def test_so_it_is_on_devices_where_the_job_takes_longer() -> None:
    leased = (Lease("a", (claim(devices=8),), NOW + 50, NOW + 100),)
    one = replace(wide("j", 4, 80), kind="k")
    slow = flat_state("a", 8, model=A100)
    seen = replace(snapshot(slow, jobs=(one,)), leases=leased, speeds={"k": {H100: 4.0, A100: 1.0}})
    assert holds(seen, EASY) == 1
    ((_, _, shorter),) = changed(seen, EASY)
    assert shorter.walltime_s == 12


# When.


def test_who_is_next_starts_when_enough_has_ended() -> None:
    seen = snapshot(flat_state("a", 8, runs_for(5, 30), runs_for(3, 70)), jobs=(wide("j", 6, 10),))
    assert waiting(seen).start_s == (70, 70)
    seen = snapshot(flat_state("a", 8, runs_for(8, None)), jobs=(wide("j", 6, 10),))
    assert waiting(seen).start_s == (None, None)


def test_the_latest_start_is_after_all_that_goes_first() -> None:
    first, second = wide("first", 8, 50, at=1.0), wide("second", 8, 70, at=2.0)
    seen = snapshot(
        flat_state("a", 8, runs_for(1, 30)), jobs=(first, second, wide("j", 8, 9, at=3.0))
    )
    assert waiting(seen).start_s == (30, 150)
    assert waiting(seen, rules=policy("fifo")).start_s == (30, 150)


def test_where_nobody_is_passed_a_small_job_waits_for_the_large_one_ahead() -> None:
    seen = snapshot(
        flat_state("a", 8, runs_for(4, 100)), jobs=(wide("large", 8, 50), wide("j", 1, 10, at=1.0))
    )
    assert waiting(seen, rules=policy("fifo")).start_s == (0, 150)


def test_a_deferred_job_starts_not_before_its_hour() -> None:
    seen = snapshot(flat_state("a", 8), jobs=(replace(wide("j", 1), start_after=NOW + 60),))
    assert waiting(seen).start_s[0] == 60
    assert not waiting(seen).hopeless


def test_a_job_behind_a_crowd_has_no_latest_start_and_no_long_explanation() -> None:
    many = jobs(1500, wide("", 8, 10).demand)
    said = waiting(snapshot(flat_state("a", 8, runs_for(8, 10)), jobs=many), "job01499")
    assert said.start_s == (10, None)
    assert said.ahead == 1499


def grown_old(queues: tuple[Queue, ...], them: tuple[RunningJob, ...], by: float) -> Any:
    """The queues after so many seconds in which these ran; no queue is below another here."""
    found = []
    for queue in queues:
        held = [0.0, 0.0, 0.0]
        for one in them:
            for c in one.claims if one.queue == queue.name else ():
                held[0] += c.cpu_milli * c.count
                held[1] += c.memory_bytes * c.count
                held[2] += c.device_milli * c.count
        left = math.exp(-by / MEMORY_S)
        pairs = zip(queue.past, held, strict=True)
        cpu, memory, milli = (p * left + h * (1 - left) for p, h in pairs)
        found.append(replace(queue, past=(cpu, memory, milli)))
    return tuple(found)


def played_out(seen: Snapshot, rules: Policy) -> dict[str, float]:
    """When each job starts if nobody else comes and all run as long as they said."""
    found: dict[str, float] = {}
    them: tuple[RunningJob, ...] = seen.running
    now = seen.now
    for _ in range(200):
        placed = places(schedule(replace(seen, now=now), rules))
        found |= dict.fromkeys(placed, now)
        states = []
        for s in seen.pools:
            new = tuple(
                Claim(1000, 2**30, devices_of(j) * 1000, 1, now + j.expected_s)
                for j in seen.jobs
                if placed.get(j.id) == s.pool.id
            )
            states.append(replace(s, claims=(*s.claims, *new)))
            began = [j for j in seen.jobs if placed.get(j.id) == s.pool.id]
            them += tuple(
                RunningJob(j.id, s.pool.id, (c,), 0, now, j.queue, False, c.ends_at)
                for j, c in zip(began, new, strict=True)
            )
        waits = tuple(j for j in seen.jobs if j.id not in placed)
        ends = [max(now, c.ends_at) for s in states for c in s.claims if c.ends_at is not None]
        ends += [t for x in seen.leases for t in (x.starts_at, x.ends_at) if t > now]
        if not waits or not ends:
            break
        queues = grown_old(seen.queues, them, min(ends) - now)
        now = min(ends)
        them = tuple(r for r in them if r.ends_at is None or r.ends_at > now)
        still = [
            replace(s, claims=tuple(c for c in s.claims if c.ends_at is None or c.ends_at > now))
            for s in states
        ]
        seen = replace(seen, pools=tuple(still), jobs=waits, running=them, queues=queues)
    return found


@settings(max_examples=100)
@given(
    flat_snapshots(leases=True, most=8),
    st.sampled_from(("fifo", "sjf", "easy", "conservative", "cheapest", "best-fit")),
)
def test_with_exact_walltimes_and_no_newcomers_a_job_starts_within_its_range(
    seen: Snapshot, name: str
) -> None:
    exact = tuple(
        j if j.demand.walltime_s else replace(j, demand=replace(j.demand, walltime_s=15))
        for j in seen.jobs
    )
    within_ranges(replace(seen, jobs=exact), policy(name))


@settings(max_examples=100)
@given(
    flat_snapshots(most=8),
    st.sampled_from(("fifo", "easy", "conservative", "cheapest", "fair")),
    st.data(),
)
def test_so_it_is_with_quotas_and_fair_queues(
    seen: Snapshot, name: str, data: st.DataObject
) -> None:
    limits = st.sampled_from((None, 2000, 4000, 6000))
    queues = tuple(
        Queue(q, weight=w, nominal=(None, None, data.draw(limits)), borrow=(0, 0, 0))
        for q, w in (("a", 1.0), ("b", 3.0))
    )
    waits = tuple(
        replace(
            j,
            queue=data.draw(st.sampled_from(("a", "b"))),
            demand=replace(j.demand, walltime_s=j.demand.walltime_s or 15),
        )
        for j in seen.jobs
    )
    rules = replace(policy(name), normalized=False)
    within_ranges(replace(seen, jobs=waits, queues=queues), rules)


def test_a_job_that_a_quota_stops_starts_when_enough_of_its_queue_has_ended() -> None:
    """Others end sooner, which is no help."""
    theirs = RunningJob("r", "a", (runs_for(2, 70),), 0, NOW, "q", False, NOW + 70)
    mine = replace(wide("j", 2, 10), queue="q")
    seen = snapshot(flat_state("a", 8, runs_for(3, 30), runs_for(2, 70)), jobs=(mine,))
    for name in ("easy", "fair"):
        rules = replace(policy(name), normalized=False)
        bound = replace(seen, running=(theirs,), queues=(limited(3),))
        assert waiting(bound, rules=rules).start_s[1] == 70


def within_ranges(seen: Snapshot, rules: Policy) -> None:
    """Every job starts within the range that is told of it."""
    plan: Plan = schedule(seen, rules)
    begun = played_out(seen, rules)
    for one, said in plan.waiting.items():
        soonest, latest = said.start_s
        assert latest is None or (soonest is not None and 0 <= soonest <= latest)
        if one not in begun:
            assert latest is None
            continue
        assert latest is not None
        assert soonest is not None
        assert NOW + soonest <= begun[one] <= NOW + latest


@settings(max_examples=100)
@given(snapshots(), st.sampled_from(STEADY))
def test_the_soonest_start_is_not_after_the_latest(seen: Snapshot, name: str) -> None:
    for said in schedule(seen, policy(name)).waiting.values():
        soonest, latest = said.start_s
        assert latest is None or (soonest is not None and 0 <= soonest <= latest)


def test_explanations_are_worked_out_when_somebody_looks_and_once() -> None:
    seen = snapshot(flat_state("a", 8, runs_for(8, 10)), jobs=jobs(3, wide("", 8).demand))
    waits = schedule(seen, EASY).waiting
    assert len(waits) == 3
    assert list(waits) == ["job00000", "job00001", "job00002"]
    assert waits["job00001"] is waits["job00001"]
    with pytest.raises(KeyError):
        waits["nobody"]
