"""Rounds of the policy `optimal`: never worse than greedy, never more than there is, a true gap."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given, settings

from tests.scheduling.builders import (
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
    held_now,
    places,
    used_at,
    wide,
)
from weir.core.plan import Plan
from weir.scheduling.packing import subtract
from weir.scheduling.policies import policy
from weir.scheduling.reference import claims_on, place_slowly, reachable, suits
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Lease, Snapshot

OPTIMAL = policy("optimal")
GREEDY = replace(OPTIMAL, optimal=False)


def worth(seen: Snapshot, placed: dict[str, str]) -> float:
    """What a plan is worth, as `weir.scheduling.improve` tells it: leaving a job waiting costs a
    day's wait (and all that a place may cost), by its size and standing; a place costs its price.
    """
    price = {s.pool.id: s.pool.price_micro_per_device_hour / 1e6 for s in seen.pools}
    steps = {p: n for n, p in enumerate(sorted({j.priority for j in seen.jobs}))}
    able = [
        (devices_of(j) * price[s.pool.id] + OPTIMAL.latency_weight * 100.0)
        for j in seen.jobs
        for s in seen.pools
        if devices_of(j) <= s.pool.shape.devices
    ]
    each = OPTIMAL.start_weight * 24 + 2 * max(able, default=0.0) + 1
    total = 0.0
    for j in seen.jobs:
        if j.id in placed:
            cost = devices_of(j) * price[placed[j.id]] + OPTIMAL.latency_weight * 100.0
            total += each * max(1, devices_of(j)) * 2.0 ** steps[j.priority] - cost
    return total


def best(seen: Snapshot) -> float:
    """The most that any assignment is worth: all of them are tried."""
    names = [s.pool.id for s in seen.pools]
    top = 0.0
    for choice in product(["", *names], repeat=len(seen.jobs)):
        placed = {j.id: c for j, c in zip(seen.jobs, choice, strict=True) if c}
        if all(held_now(seen, placed, s) <= s.pool.shape.devices for s in seen.pools):
            top = max(top, worth(seen, placed))
    return top


def test_a_large_job_behind_small_ones_has_room_made_for_it() -> None:
    """Greedy puts the small ones on the cheap pool, where alone the large one fits."""
    cheap = flat_state("a", 8, price_micro_per_device_hour=1)
    dear = flat_state("b", 2, price_micro_per_device_hour=2_000_000)
    waiting = (wide("s1", 1), wide("s2", 1, at=1.0), wide("large", 8, at=2.0))
    seen = snapshot(cheap, dear, jobs=waiting)
    assert "large" not in places(schedule(seen, GREEDY))
    plan = schedule(seen, OPTIMAL)
    assert places(plan) == {"s1": "b", "s2": "b", "large": "a"}
    assert plan.how != "greedy"
    assert plan.gap == pytest.approx(0.0, abs=1e-6)


def test_where_greedy_is_best_it_is_taken() -> None:
    plan = schedule(snapshot(pool("a"), jobs=jobs(3, demand())), OPTIMAL)
    assert len(places(plan)) == 3
    assert plan.gap == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("waiting", [(), jobs(2, demand(group(devices=64)))])
def test_nothing_to_place_is_no_trouble(waiting: tuple) -> None:  # type: ignore[type-arg]
    assert schedule(snapshot(pool("a"), jobs=waiting), OPTIMAL).placements == ()
    assert schedule(snapshot(jobs=waiting), OPTIMAL).placements == ()


def test_a_gang_is_never_parted() -> None:
    gang = demand(group(3, devices=4))
    seen = snapshot(pool("a", hosts=1), pool("b", hosts=1), jobs=(job("j", gang),))
    assert schedule(seen, OPTIMAL).placements == ()


def test_a_higher_priority_is_worth_more_than_an_equal_one() -> None:
    low, high = wide("low", 8, priority=10), wide("high", 8, at=5.0, priority=20)
    assert list(places(schedule(snapshot(flat_state("a", 8), jobs=(low, high)), OPTIMAL))) == [
        "high"
    ]


def test_equal_jobs_go_by_turn() -> None:
    seen = snapshot(flat_state("a", 3), jobs=jobs(5, wide("", 1).demand))
    assert list(places(schedule(seen, OPTIMAL))) == ["job00000", "job00001", "job00002"]


def test_what_is_leased_is_not_given_away() -> None:
    """Greedy fills the cheap pool; the better plan must keep to the lease as well."""
    cheap = flat_state("a", 8, price_micro_per_device_hour=1)
    dear = flat_state("b", 2, price_micro_per_device_hour=2_000_000)
    leased = (Lease("a", (claim(devices=4),), NOW + 10, NOW + 99),)
    waiting = (wide("s1", 1, 50), wide("s2", 1, 50, at=1.0), wide("large", 8, 50, at=2.0))
    seen = replace(snapshot(cheap, dear, jobs=waiting), leases=leased)
    placed = places(schedule(seen, OPTIMAL))
    assert used_at(seen, placed, cheap, NOW + 10) <= 8


@settings(max_examples=60)
@given(flat_snapshots(most=5))
def test_the_plan_is_between_greedy_and_the_best_that_there_is(seen: Snapshot) -> None:
    plan: Plan = schedule(seen, OPTIMAL)
    reached, top = worth(seen, places(plan)), best(seen)
    assert reached >= worth(seen, places(schedule(seen, GREEDY))) - 1e-6
    assert reached <= top + 1e-6
    if plan.gap is not None and top > 0:  # the gap is to a bound, so it is at least the true one
        assert 0.0 <= plan.gap <= 1.0
        assert plan.gap >= (top - reached) / top - 1e-6


@settings(max_examples=60)
@given(snapshots())
def test_no_host_ever_has_more_than_it_has(seen: Snapshot) -> None:
    wanted = {j.id: j for j in seen.jobs}
    free = {s.pool.id: subtract(s.pool.free, s.claims) for s in seen.routes}
    states = {s.pool.id: s for s in seen.routes}
    plan = schedule(seen, OPTIMAL)
    assert sorted([*places(plan), *plan.waiting]) == sorted(wanted)
    by_pool: dict[str, list[str]] = {}
    for one, where in places(plan).items():
        assert suits(states[where], wanted[one].demand)
        assert reachable(states[where], wanted[one])
        by_pool.setdefault(where, []).append(one)
    for where, many in by_pool.items():
        claims = [c for one in many for c in claims_on(states[where].pool, wanted[one].demand)]
        one_by_one = free[where]
        for one in many:
            left = place_slowly(one_by_one, claims_on(states[where].pool, wanted[one].demand))
            if left is None:  # in another order than booked: then all at once, the largest first
                left = place_slowly(free[where], claims)
                assert left is not None
                break
            one_by_one = left


@settings(max_examples=40)
@given(flat_snapshots(most=8))
def test_the_same_snapshot_in_any_order_gives_the_same_plan(seen: Snapshot) -> None:
    turned = replace(seen, pools=seen.pools[::-1], jobs=seen.jobs[::-1])
    assert places(schedule(turned, OPTIMAL)) == places(schedule(seen, OPTIMAL))


def test_hosts_are_told_apart() -> None:
    """Three hosts with three of eight devices free each hold three jobs of two, not four."""
    busy = state(pool("a", hosts=3), claim(devices=5, count=3))
    seen = snapshot(busy, jobs=jobs(7, demand(group(devices=2, cpu=1, memory=1))))
    assert len(places(schedule(seen, OPTIMAL))) == 3
