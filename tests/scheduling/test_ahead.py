from __future__ import annotations

from dataclasses import replace

from tests.scheduling.builders import claim, demand, group, job, jobs, pool, snapshot, state
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Lease, Queue, Snapshot

ONE = demand(group(devices=8))
FULL = state(pool("a", hosts=1), claim(devices=8))


def gone(world: Snapshot, **room: int) -> list[tuple[str, str]]:
    """Who goes where, with so much room in the queues of the pools."""
    states = tuple(
        replace(s, pool=replace(s.pool, queue_ahead=room.get(s.pool.id, 0))) for s in world.pools
    )
    plan = schedule(replace(world, pools=states), policy("balanced"))
    assert {p.job for p in plan.ahead} <= set(plan.waiting)
    return [(p.job, p.chosen.pool) for p in plan.ahead]


def test_what_waits_goes_ahead_in_order_as_far_as_there_is_room() -> None:
    world = snapshot(FULL, jobs=jobs(3, ONE))

    assert gone(world, a=2) == [("job00000", "a"), ("job00001", "a")]
    assert gone(world) == gone(world, a=0) == []


def test_those_that_have_not_started_are_in_the_queue_already() -> None:
    world = snapshot(replace(FULL, unstarted=2), jobs=jobs(3, ONE))

    assert gone(world, a=3) == [("job00000", "a")]
    assert gone(world, a=2) == []


def test_what_is_placed_does_not_go_ahead_as_well() -> None:
    world = snapshot(pool("a", hosts=1), jobs=jobs(2, ONE))

    assert gone(world, a=5) == [("job00001", "a")]


def test_it_goes_only_where_it_could_run_and_where_it_costs_least() -> None:
    dear = state(pool("b", hosts=1, price_micro_per_device_hour=9_000_000), claim(devices=8))
    large = job("large", demand(group(count=2, devices=8)))
    world = snapshot(FULL, dear, jobs=(large, *jobs(3, ONE)))

    assert gone(world, a=2, b=5) == [("job00000", "a"), ("job00001", "a"), ("job00002", "b")]


def test_of_equal_pools_the_one_with_more_room_takes_it() -> None:
    same = state(pool("b", hosts=1), claim(devices=8))
    world = snapshot(FULL, same, jobs=jobs(4, ONE))

    assert [to for _, to in gone(world, a=2, b=3)] == ["b", "a", "b", "a"]


def test_pinned_leased_and_shared_by_quota_it_stays() -> None:
    pinned = snapshot(FULL, jobs=(job("p", demand(group(devices=8), pinned_pool="a")),))
    world = snapshot(FULL, jobs=jobs(1, ONE))
    lease = Lease("a", (claim(devices=8),), world.now + 100, world.now + 200)

    assert gone(pinned, a=1) == []
    assert gone(replace(world, leases=(lease,)), a=1) == []
    assert gone(replace(world, queues=(Queue("q"),)), a=1) == []
