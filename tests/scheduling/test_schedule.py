"""Rounds of scheduling: stories, and properties against the slow scheduler."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling.builders import (
    ASCEND,
    GIB,
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
from weir.core.plan import Plan, Reason
from weir.scheduling.packing import subtract
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.policy import Policy
from weir.scheduling.reference import claims_on, decide, place_slowly, reachable, suits
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Snapshot

WHOLE_HOST = demand(group(devices=8))


def places(plan: Plan) -> dict[str, str]:
    return {p.job: p.chosen.pool for p in plan.placements}


def test_nothing_waits_and_nothing_happens() -> None:
    assert schedule(snapshot(pool("a")), policy()) == Plan()


def test_first_come_first_served_until_the_pool_is_full() -> None:
    plan = schedule(snapshot(pool("a"), jobs=jobs(3, WHOLE_HOST)), policy("fifo"))
    assert places(plan) == {"job00000": "a", "job00001": "a"}
    assert list(plan.waiting) == ["job00002"]


def test_priority_goes_before_time_and_time_before_identifier() -> None:
    late = job("late", WHOLE_HOST, priority=80, at=9.0)
    tie = job("b", WHOLE_HOST, at=1.0), job("a", WHOLE_HOST, at=1.0)
    plan = schedule(snapshot(pool("p"), jobs=(*tie, late)), policy())
    assert [p.job for p in plan.placements] == ["late", "a"]


def test_a_job_takes_the_best_pool_and_names_the_runner_up() -> None:
    dear = pool("a", price_micro_per_device_hour=3_000_000)
    cheap = pool("b", price_micro_per_device_hour=1_000_000)
    (placed,) = schedule(snapshot(dear, cheap, jobs=(job("j"),)), policy("cheapest")).placements
    assert placed.chosen.pool == "b"
    assert placed.chosen.cluster == "cluster-b"
    assert placed.runner_up is not None
    assert placed.runner_up.pool == "a"
    assert placed.chosen.cost < placed.runner_up.cost


def test_when_the_best_is_full_the_next_best_is_taken() -> None:
    near = pool("near", hosts=1, latency_us=1)
    far = pool("far", latency_us=99_000)
    plan = schedule(snapshot(near, far, jobs=jobs(3, WHOLE_HOST)), policy("nearest"))
    assert list(places(plan).values()) == ["near", "far", "far"]


def test_best_fit_fills_one_pool_before_it_opens_another() -> None:
    plan = schedule(snapshot(pool("a"), pool("b"), jobs=jobs(16, demand())), policy("best-fit"))
    assert set(places(plan).values()) == {"a"}


def test_a_gang_of_two_groups_goes_to_one_pool_or_waits() -> None:
    both = demand(group(1, devices=8, name="train"), group(1, devices=8, name="serve"))
    small = pool("a", hosts=1)
    assert schedule(snapshot(small, small, jobs=(job("j", both),)), policy()).placements == ()
    (placed,) = schedule(snapshot(small, pool("b"), jobs=(job("j", both),)), policy()).placements
    assert placed.chosen.pool == "b"
    assert [g.group for g in placed.chosen.groups] == ["train", "serve"]


def test_a_waiting_job_says_why_over_all_pools() -> None:
    wanted = demand(group(16, memory_bytes=80 * GIB))
    seen = snapshot(
        state(pool("a"), claim(devices=1, count=7)),
        pool("b", model=ASCEND),
        pool("c", open=False),
        pool("d"),
        jobs=(job("j", wanted, avoid=("d",)),),
    )
    waiting = schedule(seen, policy()).waiting["j"]
    assert [str(r) for r in waiting.reasons] == [
        "DEVICE_MEMORY needed=80 GiB best=64 GiB, 1 pool",
        "CLOSED needed=an open pool best=closed, 1 pool",
        "REFUSED needed=to be accepted best=refused just now, 1 pool",
        "BUSY needed=16 free devices best=9, 1 pool",
    ]
    assert [(c.reason, c.instead, c.now) for c in waiting.changes] == [
        (Reason.DEVICE_MEMORY, "64 GiB", True),
        (Reason.BUSY, "9 tasks", True),
    ]
    assert not waiting.hopeless


def test_a_job_that_no_pool_suits_is_hopeless_even_if_some_are_closed() -> None:
    seen = snapshot(pool("a", open=False), jobs=(job("j", demand(regions=("north",))),))
    assert schedule(seen, policy()).waiting["j"].hopeless


def test_a_large_job_keeps_a_pool_so_that_small_ones_do_not_starve_it() -> None:
    large = job("large", demand(group(2, devices=8)), at=1.0)
    small = job("small", demand(group()), at=2.0)
    seen = snapshot(state(pool("a"), claim(devices=1)), jobs=(small, large))
    plan = schedule(seen, policy("balanced"))
    assert plan.placements == ()
    assert plan.waiting["large"].held_pool == "a"
    assert plan.waiting["small"].held_pool is None
    assert [str(r) for r in plan.waiting["small"].reasons] == [
        "HELD needed=a pool not kept best=kept for large, 1 pool"
    ]
    assert places(schedule(seen, policy("cheapest"))) == {"small": "a"}


def test_jobs_of_equal_demand_keep_one_pool_together() -> None:
    full = [state(pool(name), claim(devices=1)) for name in "abc"]
    waiting = jobs(3, demand(group(2, devices=8)))
    small = job("small", demand(), at=99.0)
    plan = schedule(snapshot(*full, jobs=(*waiting, small)), policy())
    assert [w.held_pool for w in plan.waiting.values()] == ["a", None, None]
    assert places(plan) == {"small": "b"}


def test_the_pool_that_is_free_first_is_kept() -> None:
    slow = state(pool("a"), claim(devices=8, count=2, ends_at=9000.0))
    soon = state(pool("b"), claim(devices=8, count=2, ends_at=1060.0))
    unknown = state(pool("c"), claim(devices=8, count=2))
    plan = schedule(snapshot(slow, soon, unknown, jobs=(job("j", WHOLE_HOST),)), policy("fifo"))
    assert plan.waiting["j"].held_pool == "b"


def test_closed_silent_and_refusing_pools_are_not_kept() -> None:
    seen = snapshot(
        state(pool("a", hosts=1, open=False)),
        state(pool("b", hosts=1), silent=True),
        state(pool("c", hosts=1)),
        jobs=(job("j", WHOLE_HOST, avoid=("c",)),),
    )
    assert schedule(seen, policy()).waiting["j"].held_pool is None


def test_ahead_counts_waiting_jobs_that_want_the_same_pools() -> None:
    north, south = pool("n", hosts=1, region="north"), pool("s", hosts=1, region="south")
    wanted = demand(group(devices=8), regions=("north",))
    other = demand(group(devices=8), regions=("south",))
    waiting = (*jobs(3, wanted, "n"), *jobs(2, other, "s"), job("any", WHOLE_HOST, at=50.0))
    plan = schedule(snapshot(north, south, jobs=waiting), policy("cheapest"))
    assert {name: w.ahead for name, w in plan.waiting.items()} == {
        "n00001": 0,
        "s00001": 0,
        "n00002": 1,
        "any": 3,
    }


def test_a_pool_by_two_ways_is_not_booked_twice() -> None:
    one, other = pool("a", hosts=1, hops=1), pool("a", hosts=1, hops=2)
    seen = snapshot(state(one, cluster="x"), state(other, cluster="y"), jobs=jobs(2, WHOLE_HOST))
    plan = schedule(seen, policy())
    assert [(p.chosen.pool, p.chosen.cluster) for p in plan.placements] == [("a", "x")]


@given(snapshots(), st.sampled_from(sorted(set(POLICIES) - {"optimal", "fragmentation"})))
def test_the_plan_is_the_slow_scheduler_s(seen: Snapshot, name: str) -> None:
    plan, slow = schedule(seen, policy(name)), decide(seen, policy(name))
    assert places(plan) == slow.placed
    kept = {job: w.held_pool for job, w in plan.waiting.items() if w.held_pool}
    assert kept == slow.kept


@given(snapshots())
def test_no_host_ever_has_more_than_it_has(seen: Snapshot) -> None:
    """Every placement is put on single hosts again, task by task, where it must fit."""
    wanted = {j.id: j.demand for j in seen.jobs}
    free = {s.pool.id: subtract(s.pool.free, s.claims) for s in seen.routes}
    pools = {s.pool.id: s.pool for s in seen.routes}
    for placement in schedule(seen, policy()).placements:
        pool_id = placement.chosen.pool
        claims = claims_on(pools[pool_id], wanted[placement.job])
        asked = wanted[placement.job].groups
        for there, one, claimed in zip(placement.chosen.groups, asked, claims, strict=True):
            assert one.exclusive or there.count == claimed.count  # else hosts are counted
        left = place_slowly(free[pool_id], claims)
        assert left is not None
        free[pool_id] = left


@given(snapshots())
def test_every_job_is_placed_or_waits_and_only_where_it_may_run(seen: Snapshot) -> None:
    plan = schedule(seen, policy())
    assert sorted([*places(plan), *plan.waiting]) == sorted(j.id for j in seen.jobs)
    by_id = {s.pool.id: s for s in seen.routes}
    for one in seen.jobs:
        chosen = places(plan).get(one.id)
        assert chosen is None or suits(by_id[chosen], one.demand)
        assert chosen is None or reachable(by_id[chosen], one)
        if one.id in plan.waiting:
            assert plan.waiting[one.id].reasons or not seen.pools
            hopeful = any(suits(s, one.demand) for s in seen.routes)
            assert plan.waiting[one.id].hopeless is not hopeful


@given(snapshots(), st.data())
def test_the_same_snapshot_in_any_order_gives_the_same_plan(
    seen: Snapshot, data: st.DataObject
) -> None:
    pools = {(s.pool.id, s.cluster, s.silent, s.pool.hops): s for s in seen.pools}
    seen = replace(seen, pools=tuple(pools.values()))
    mixed = replace(seen, pools=seen.pools[::-1], jobs=seen.jobs[::-1], mates=seen.mates[::-1])
    shuffled = data.draw(st.permutations(seen.jobs))
    plan = schedule(seen, policy())
    assert schedule(mixed, policy()) == plan
    assert schedule(replace(seen, jobs=tuple(shuffled)), policy()) == plan


@pytest.mark.parametrize("rules", POLICIES.values(), ids=lambda p: p.name)
def test_costs_of_the_terms_add_up_to_what_ranked(rules: Policy) -> None:
    many = [
        pool(f"p{i}", latency_us=i * 777, price_micro_per_device_hour=i % 3 * 333_333)
        for i in range(7)
    ]
    (placed,) = schedule(snapshot(*many, jobs=(job("j"),)), rules).placements
    assert placed.runner_up is not None
    ranks = [(c.cost, c.pool) for c in (placed.chosen, placed.runner_up)]
    assert ranks == sorted(ranks)
