"""Backfill: gaps are filled, and who waits ahead is not delayed by it."""

from __future__ import annotations

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings

from tests.scheduling.builders import NOW, demand, group, job, pool, snapshot, state
from tests.scheduling.flat import (
    devices_of,
    flat_snapshots,
    flat_state,
    places,
    runs_for,
    used_at,
    wide,
)
from weir.core.plan import Plan
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Snapshot

HEAD = wide("head", 8, 50, at=1.0)
BUSY = flat_state("a", 8, runs_for(5, 100))


def plan(*waiting: object, name: str = "easy", where: tuple[PoolState, ...] = (BUSY,)) -> Plan:
    return schedule(snapshot(*where, jobs=(HEAD, *waiting)), policy(name))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("walltime", "goes"), [(99, True), (100, True), (101, False), (None, False)]
)
def test_who_ends_by_then_fills_the_gap(walltime: int | None, goes: bool) -> None:
    done = plan(wide("small", 3, walltime, at=2.0))
    assert ("small" in places(done)) is goes
    assert done.waiting["head"].held_pool == "a"


def test_strictly_by_turn_nobody_fills_it() -> None:
    for name in ("fifo", "sjf"):
        assert places(plan(wide("small", 3, 60, at=2.0), name=name)) == {}


def test_who_leaves_what_will_be_needed_may_stay_longer() -> None:
    head = replace(HEAD, demand=wide("", 6, 50).demand)
    long = wide("long", 2, None, at=2.0), wide("more", 1, None, at=3.0)
    done = schedule(snapshot(BUSY, jobs=(head, *long)), policy("easy"))
    assert places(done) == {"long": "a"}


def test_hosts_are_looked_at_one_by_one() -> None:
    """The head needs a whole host, free at 100: a long job may only go on the other host."""
    hosts = state(pool("a", hosts=2, devices=4), runs_for(3, 100), runs_for(2, None))
    head = job("head", demand(group(devices=4), walltime_s=50), at=1.0)
    one = job("one", demand(group(devices=1)), at=2.0)
    two = job("two", demand(group(devices=2)), at=3.0)
    assert places(schedule(snapshot(hosts, jobs=(head, two)), policy("easy"))) == {"two": "a"}
    done = schedule(snapshot(hosts, jobs=(head, one)), policy("easy"))
    assert places(done) == {"one": "a"}


def test_a_run_past_its_walltime_may_end_at_any_moment() -> None:
    late = flat_state("a", 8, runs_for(5, -3))
    assert places(plan(wide("small", 3, 1, at=2.0), where=(late,))) == {}


def test_where_no_end_is_known_the_pool_is_closed_to_all_behind() -> None:
    endless = flat_state("a", 8, runs_for(5, None))
    assert places(plan(wide("small", 3, 1, at=2.0), where=(endless,))) == {}


def test_conservative_backfill_keeps_room_for_everyone_ahead() -> None:
    """The second waits for the first's place; EASY lets the third delay it."""
    second = wide("second", 10, 50, at=2.0)
    third = wide("third", 3, 160, at=3.0)
    busy = flat_state("a", 12, runs_for(8, 100))
    head = wide("head", 9, 50, at=1.0)
    for name, goes in (("easy", True), ("conservative", False)):
        done = schedule(snapshot(busy, jobs=(head, second, third)), policy(name))
        assert ("third" in places(done)) is goes


def test_a_shorter_job_of_a_shape_goes_where_a_longer_one_has_to_wait() -> None:
    done = plan(wide("long", 3, 500, at=2.0), wide("short", 3, 50, at=3.0))
    assert places(done) == {"short": "a"}


def starts(seen: Snapshot, rules: str) -> dict[str, float]:
    """When each held job can start on its pool, from sums of what is taken there."""
    found = schedule(seen, policy(rules))
    placed, held = places(found), {}
    for name, waits in found.waiting.items():
        if waits.held_pool is None:
            continue
        (where,) = [s for s in seen.pools if s.pool.id == waits.held_pool]
        (one,) = [j for j in seen.jobs if j.id == name]
        ends = {max(NOW, c.ends_at) for c in where.claims if c.ends_at is not None}
        ends |= {NOW + j.expected_s for j in seen.jobs if placed.get(j.id) == where.pool.id}
        fit = [
            t
            for t in ends
            if t < inf
            and used_at(seen, placed, where, t) + devices_of(one) <= where.pool.shape.devices
        ]
        held[name] = min(fit, default=inf)
    return held


@settings(max_examples=80)
@given(flat_snapshots())
def test_the_job_that_a_pool_is_kept_for_is_not_delayed_by_those_behind_it(seen: Snapshot) -> None:
    """Without the jobs behind it, it could start no earlier."""
    order = sorted(seen.jobs, key=lambda j: (-j.priority, j.submitted_at))
    for name, start in starts(seen, "easy").items():
        row = next(i for i, j in enumerate(order) if j.id == name)
        alone = starts(replace(seen, jobs=tuple(order[: row + 1])), "easy")
        assert start <= alone[name]


@settings(max_examples=80)
@given(flat_snapshots(pools=1))
def test_on_one_pool_backfill_starts_all_that_goes_in_strict_order_and_perhaps_more(
    seen: Snapshot,
) -> None:
    strict, filled = (places(schedule(seen, policy(n))) for n in ("fifo", "easy"))
    assert strict.items() <= filled.items()
