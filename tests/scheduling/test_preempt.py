"""Preemption: who has to go for whom, no more than must, and never for nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import NOW, claim, demand, group, job, pool, snapshot, state
from tests.scheduling.flat import devices_of, flat_state, places, wide
from weir.core.plan import Plan
from weir.scheduling.policies import policy
from weir.scheduling.policy import Policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import (
    Lease,
    PoolState,
    Queue,
    RunningJob,
    Snapshot,
    WaitingJob,
)

BALANCED = policy("balanced")
FAIR = replace(policy("fair"), normalized=False)


def running(
    name: str, devices: int, priority: int = 10, saved: float = 100.0, queue: str = "",
    where: str = "a", preemptible: bool = True,
) -> RunningJob:  # fmt: skip
    """Something that runs, with so many seconds of work since its last checkpoint."""
    held = (claim(devices=devices),)
    return RunningJob(name, where, held, priority, NOW - saved, queue, preemptible)


def full(*them: RunningJob, devices: int = 8, **pools: int) -> tuple[PoolState, ...]:
    """Pools of one host that hold these, `a` with so many devices if not told otherwise."""
    sizes = pools or {"a": devices}
    return tuple(
        flat_state(name, size, *(c for r in them if r.pool == name for c in r.claims))
        for name, size in sizes.items()
    )


def seen(
    waiting: list[WaitingJob], *them: RunningJob, queues: tuple[Queue, ...] = (), **pools: int
) -> Snapshot:
    found = snapshot(*full(*them, **pools), jobs=tuple(waiting))
    return replace(found, running=them, queues=queues)


def victims(plan: Plan) -> dict[str, str]:
    return {p.job: p.for_job for p in plan.preemptions}


def ask(
    waiting: list[WaitingJob] | WaitingJob,
    *them: RunningJob,
    rules: Policy = BALANCED,
    **pools: int,
) -> dict[str, str]:
    many = waiting if isinstance(waiting, list) else [waiting]
    return victims(schedule(seen(many, *them, queues=(), **pools), rules))


HIGH = wide("high", 4, priority=90)


def test_a_lower_priority_makes_room_for_a_higher_one() -> None:
    assert ask(HIGH, running("low", 8)) == {"low": "high"}


@pytest.mark.parametrize("priority", [90, 91])
def test_nobody_goes_for_an_equal_or_lower_priority(priority: int) -> None:
    assert ask(HIGH, running("other", 8, priority)) == {}


def test_who_may_not_be_preempted_stays() -> None:
    assert ask(HIGH, running("stays", 8, preemptible=False)) == {}


def test_nobody_goes_where_a_policy_does_not_say_so() -> None:
    assert ask(HIGH, running("low", 8), rules=policy("easy")) == {}


def test_nobody_goes_for_a_job_that_is_placed() -> None:
    assert ask(HIGH, running("low", 4)) == {}


def test_nobody_goes_where_even_all_would_not_be_enough() -> None:
    them = running("low", 4), running("high too", 4, 95)
    assert ask(wide("large", 5, priority=90), *them) == {}


def test_the_lowest_priority_goes_first_and_then_who_loses_least() -> None:
    them = running("lowest", 4, 10, 900.0), running("low", 4, 20, 1.0)
    assert ask(HIGH, *them) == {"lowest": "high"}
    them = running("early", 4, saved=900.0), running("late", 4, saved=10.0)
    assert ask(HIGH, *them) == {"late": "high"}


def test_work_that_is_lost_is_counted_since_the_last_checkpoint() -> None:
    (gone,) = schedule(seen([HIGH], running("low", 8, saved=42.0)), BALANCED).preemptions
    assert (gone.job, gone.pool, gone.lost_s) == ("low", "a", 42.0)


def test_the_pool_where_least_is_lost_is_chosen() -> None:
    them = running("dear", 4, saved=500.0), running("cheap", 4, saved=5.0, where="b")
    assert ask(HIGH, *them, a=4, b=4) == {"cheap": "high"}


def test_those_put_back_that_need_not_have_gone() -> None:
    """The small ones cost less, and are not enough; with the large one they need not go."""
    them = running("small", 1, saved=1.0), running("tiny", 1, saved=2.0), running("large", 6)
    assert ask(wide("j", 6, priority=90), *them) == {"large": "j"}


def test_a_gang_goes_as_a_whole() -> None:
    gang = RunningJob("gang", "a", (claim(devices=2, count=2),), 10, NOW)
    hosts = state(pool("a", hosts=2, devices=2), claim(devices=2, count=2))
    found = replace(
        snapshot(hosts, jobs=(job("j", demand(group(devices=1)), priority=90),)), running=(gang,)
    )
    (gone,) = schedule(found, BALANCED).preemptions
    assert gone.job == "gang"


def test_what_is_fragmented_is_seen_host_by_host() -> None:
    """Two halves of two hosts are not a host: both have to go from one of them."""
    claims = tuple(claim(devices=1) for _ in range(4))
    them = tuple(RunningJob(f"r{i}", "a", (c,), 10, NOW - 9) for i, c in enumerate(claims))
    hosts = state(pool("a", hosts=2, devices=2), *claims)
    whole = job("whole", demand(group(devices=2)), priority=90)
    plan = schedule(replace(snapshot(hosts, jobs=(whole,)), running=them), BALANCED)
    assert len(plan.preemptions) == 2


def test_two_jobs_do_not_count_on_the_same_victim() -> None:
    waiting = [wide("one", 8, priority=90), wide("two", 8, priority=90, at=1.0)]
    assert ask(waiting, running("low", 8)) == {"low": "one"}


def test_what_a_victim_leaves_over_is_taken_before_another_one_goes() -> None:
    waiting = [wide("one", 5, priority=90), wide("two", 3, priority=90, at=1.0)]
    them = running("low", 8, saved=1.0), running("other", 8, saved=2.0, where="b")
    assert ask(waiting, *them, a=8, b=8) == {"low": "one"}


def test_a_pool_that_is_kept_for_somebody_ahead_is_not_cleared_for_others() -> None:
    head = wide("head", 8, priority=90)
    them = running("fixed", 4, 99), running("low", 4)
    assert ask([head, wide("next", 4, priority=80, at=1.0)], *them) == {}


def test_nobody_goes_for_room_that_is_leased() -> None:
    leased = (Lease("a", (claim(devices=6),), NOW - 1, NOW + 100),)
    found = replace(seen([HIGH], running("low", 2)), leases=leased)
    assert victims(schedule(found, BALANCED)) == {}


def test_nobody_goes_for_a_job_that_its_own_queue_s_quota_stops() -> None:
    quota = Queue("q", nominal=(None, None, 2000), borrow=(0, 0, 0))
    found = seen([replace(HIGH, queue="q")], running("low", 8), queues=(quota,))
    assert victims(schedule(found, BALANCED)) == {}


def test_a_running_job_on_a_pool_that_is_gone_is_nobody_s_room() -> None:
    assert ask(HIGH, running("low", 8, where="gone"), a=2) == {}


# Reclaiming a quota.

MINE = Queue("mine", nominal=(None, None, 4000))
THEIRS = Queue("theirs", nominal=(None, None, 4000))
WANTED = replace(wide("j", 4), queue="mine")


def test_who_borrows_gives_back_whatever_the_priority() -> None:
    them = running("own", 4, 90, queue="theirs"), running("more", 4, 80, queue="theirs")
    found = seen([WANTED], *them, queues=(MINE, THEIRS))
    assert victims(schedule(found, FAIR)) == {"more": "j"}


def test_nobody_is_pushed_below_their_own_quota() -> None:
    """Two of the three would be enough room, but after the first they borrow no more."""
    them = [running(f"r{i}", 3, queue="theirs") for i in range(2)]
    found = seen([WANTED], *them, queues=(MINE, THEIRS), a=7)
    assert victims(schedule(found, FAIR)) == {"r0": "j"}
    narrow = replace(WANTED, demand=wide("", 6).demand)
    wide_quota = replace(MINE, nominal=(None, None, 8000))
    found = seen([narrow], *them, queues=(wide_quota, THEIRS), a=7)
    assert victims(schedule(found, FAIR)) == {}


def test_who_would_borrow_reclaims_nothing() -> None:
    them = running("more", 8, queue="theirs")
    wanted = replace(WANTED, demand=wide("", 5).demand)
    assert victims(schedule(seen([wanted], them, queues=(MINE, THEIRS)), FAIR)) == {}


def test_without_a_quota_nothing_is_reclaimed() -> None:
    them = running("more", 8, queue="theirs")
    found = seen([WANTED], them, queues=(Queue("mine"), THEIRS))
    assert victims(schedule(found, FAIR)) == {}


def test_what_is_placed_in_this_round_counts_for_the_quota() -> None:
    """One of the two is placed beside what runs; with it, the other would be beyond the quota."""
    waiting = [replace(wide("first", 2), queue="mine"), replace(wide("j", 3, at=1.0), queue="mine")]
    them = running("more", 6, queue="theirs")
    plan = schedule(seen(waiting, them, queues=(MINE, THEIRS)), FAIR)
    assert list(places(plan)) == ["first"]
    assert victims(plan) == {}


def test_a_quota_is_reclaimed_from_a_queue_below_one_that_borrows() -> None:
    other = Queue("x", nominal=(None, None, 4000))
    below = Queue("theirs", parent="x")
    found = seen([WANTED], running("a", 4, 1, queue="theirs"), running("b", 4, 2, queue="theirs"),
                 queues=(MINE, other, below))  # fmt: skip
    assert victims(schedule(found, FAIR)) == {"a": "j"}


def test_between_queues_shares_decide_and_not_priorities() -> None:
    """Else the victim, of the queue with less, would come back at once."""
    found = seen([replace(HIGH, queue="mine")], running("low", 8, queue="theirs"),
                 queues=(Queue("mine"), Queue("theirs")))  # fmt: skip
    assert victims(schedule(found, FAIR)) == {}
    found = replace(found, running=(running("low", 8, queue="mine"),))
    assert victims(schedule(found, FAIR)) == {"low": "high"}


# Properties.


@st.composite
def crowded(draw: st.DrawFn) -> Snapshot:
    """Full pools of one host, jobs of many priorities, sometimes in queues with quotas."""
    sizes = {name: draw(st.integers(2, 8)) for name in "ab"[: draw(st.integers(1, 2))]}
    with_queues = draw(st.booleans())
    names = ("x", "y") if with_queues else ("",)
    them: list[RunningJob] = []
    for name, size in sizes.items():
        left = size
        while left > 0 and len(them) < 8:
            devices = draw(st.integers(1, min(4, left)))
            left -= devices
            them.append(
                running(
                    f"r{len(them)}", devices, draw(st.sampled_from((10, 20, 50))),
                    float(draw(st.integers(0, 50))), draw(st.sampled_from(names)), name,
                    draw(st.sampled_from((True, True, True, False))),
                )
            )  # fmt: skip
    waiting = [
        replace(
            wide(f"j{i}", draw(st.integers(1, 8)), draw(st.none() | st.sampled_from((5, 50))),
                 at=NOW, priority=draw(st.sampled_from((10, 50, 90)))),
            queue=draw(st.sampled_from(names)),
        )
        for i in range(draw(st.integers(1, 5)))
    ]  # fmt: skip
    quotas = st.none() | st.integers(1, 6).map(lambda n: n * 1000)
    queues = tuple(
        Queue(n, nominal=(None, None, draw(quotas)), borrow=(None, None, draw(quotas)))
        for n in names if n
    )  # fmt: skip
    return seen(waiting, *them, queues=queues, **sizes)


def without(found: Snapshot, plan: Plan, gone: set[str]) -> Snapshot:
    """The next moment: victims are off their pools and wait, what was placed runs."""
    placed = places(plan)
    still = tuple(r for r in found.running if r.id not in gone)
    started = tuple(
        RunningJob(j.id, placed[j.id], (claim(devices=devices_of(j)),), j.priority, NOW, j.queue)
        for j in found.jobs
        if j.id in placed
    )
    again = tuple(
        replace(
            wide(r.id, r.claims[0].device_milli // 1000, at=NOW, priority=r.priority), queue=r.queue
        )
        for r in found.running
        if r.id in gone
    )
    them = (*still, *started)
    pools = tuple(
        replace(s, claims=tuple(c for r in them if r.pool == s.pool.id for c in r.claims))
        for s in found.pools
    )
    waiting = tuple(j for j in found.jobs if j.id not in placed)
    return replace(found, pools=pools, running=them, jobs=(*waiting, *again))


@settings(max_examples=150)
@given(crowded(), st.sampled_from((BALANCED, FAIR)))
def test_nobody_has_to_go_for_nothing(found: Snapshot, rules: Policy) -> None:
    """When the victims are gone, those that they went for start in the next round."""
    plan = schedule(found, rules)
    gone = victims(plan)
    assert set(gone) <= {r.id for r in found.running if r.preemptible}
    assert set(gone.values()) <= set(plan.waiting)
    after = schedule(without(found, plan, set(gone)), rules)
    assert set(gone.values()) <= set(places(after))


@settings(max_examples=100)
@given(crowded(), st.sampled_from((BALANCED, FAIR)))
def test_no_victim_could_have_stayed(found: Snapshot, rules: Policy) -> None:
    """If any one of a job's victims stays, its room is not enough for all that was promised."""
    plan = schedule(found, rules)
    gone = victims(plan)
    size = {s.pool.id: s.pool.shape.devices for s in found.pools}
    for stays in gone:
        (where,) = [r.pool for r in found.running if r.id == stays]
        asked = {f for f in gone.values() if any(
            p.for_job == f and p.pool == where for p in plan.preemptions)}  # fmt: skip
        first = next(iter(dict.fromkeys(gone.values())))
        if gone[stays] != first:
            continue  # those of a later job may be what was left over for it
        wanted = sum(devices_of(j) for j in found.jobs if j.id == first)
        placed = sum(devices_of(j) for j in found.jobs if places(plan).get(j.id) == where)
        left = [r for r in found.running if r.pool == where and gone.get(r.id) != first]
        back = [r for r in found.running if r.id == stays]
        taken = sum(r.claims[0].device_milli // 1000 for r in (*left, *back))
        assert taken + placed + wanted > size[where], asked


@settings(max_examples=100)
@given(crowded())
def test_nobody_goes_for_less_than_themselves(found: Snapshot) -> None:
    priority = {j.id: j.priority for j in found.jobs}
    for gone in schedule(found, BALANCED).preemptions:
        (victim,) = [r for r in found.running if r.id == gone.job]
        assert victim.priority < priority[gone.for_job]
        assert gone.lost_s == NOW - victim.saved_at
