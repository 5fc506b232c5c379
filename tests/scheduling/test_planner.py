"""Round after round with what did not change kept: the same plans as from nothing."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import (
    CLAIMS,
    NOW,
    claim,
    demand,
    demands,
    group,
    job,
    jobs,
    pool,
    snapshot,
    snapshots,
    state,
)
from weir.core.plan import Plan
from weir.scheduling.planner import Planner
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Snapshot, WaitingJob

pytestmark = pytest.mark.timeout(300)  # the kernel may have to be compiled first

KEPT = ("balanced", "fifo", "easy", "conservative", "sjf", "cheapest", "best-fit")


def same(one: Plan, other: Plan) -> None:
    assert list(one.placements) == list(other.placements)
    assert dict(one.waiting) == dict(other.waiting)


def planner(name: str) -> Planner:
    return Planner(policy(name), large=-1)


def test_the_second_round_changes_only_what_changed() -> None:
    rules = planner("easy")
    wanted = demand(group(devices=8), walltime_s=600)
    first = snapshot(pool("a"), pool("b"), jobs=jobs(6, wanted))
    placed = list(rules.plan(first).placements)
    assert [p.chosen.pool for p in placed] == ["a", "a", "b", "b"]
    assert not rules.incremental
    full = tuple(state(s.pool, claim(8, 2, 4, 16, ends_at=NOW + 600)) for s in first.pools)
    second = replace(first, pools=full, jobs=first.jobs[4:])
    same(rules.plan(second), schedule(second, policy("easy")))
    assert rules.incremental
    free = (full[0], replace(full[1], claims=full[1].claims[:0]))
    third = replace(second, pools=free, jobs=(*second.jobs, job("new", wanted)))
    plan = rules.plan(third)
    assert rules.incremental
    assert [p.job for p in plan.placements] == ["new", "job00004"]
    same(plan, schedule(third, policy("easy")))


def test_what_a_plan_took_is_free_again_if_nobody_carried_it_out() -> None:
    rules = planner("balanced")
    seen = snapshot(pool("a"), jobs=jobs(1, demand(group(devices=8))))
    for _ in range(3):
        same(rules.plan(seen), schedule(seen, policy("balanced")))
    assert rules.incremental


def test_a_price_or_a_shape_that_is_new_starts_from_nothing() -> None:
    rules = planner("balanced")
    seen = snapshot(pool("a"), jobs=jobs(1, demand()))
    rules.plan(seen)
    dearer = replace(seen, pools=(state(pool("a", price_micro_per_device_hour=9)),))
    same(rules.plan(dearer), schedule(dearer, policy("balanced")))
    assert not rules.incremental
    other = replace(dearer, jobs=(*dearer.jobs, job("x", demand(group(devices=2)))))
    same(rules.plan(other), schedule(other, policy("balanced")))
    assert not rules.incremental


@st.composite
def next_rounds(draw: st.DrawFn, seen: Snapshot, turn: int) -> Snapshot:
    """Some claims more or less, some jobs gone, some come, time goes on."""
    pools = tuple(
        replace(s, claims=tuple(draw(st.lists(CLAIMS, max_size=2)))) if draw(st.booleans()) else s
        for s in seen.pools
    )
    stay = tuple(j for j in seen.jobs if draw(st.booleans()))
    shapes = [j.demand for j in seen.jobs] or [draw(demands())]
    come = tuple(
        WaitingJob(f"n{turn}-{i}", draw(st.sampled_from(shapes)), 50, seen.now + i)
        for i in range(draw(st.integers(0, 3)))
    )
    return replace(
        seen, now=seen.now + draw(st.sampled_from((0, 5, 30))), pools=pools, jobs=stay + come
    )


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(KEPT))
def test_every_round_is_the_one_from_nothing(data: st.DataObject, name: str) -> None:
    rules, seen = planner(name), data.draw(snapshots())
    for turn in range(4):
        same(rules.plan(seen), schedule(seen, policy(name)))
        seen = data.draw(next_rounds(seen, turn))
