"""The assignment as a mixed-integer program: against brute force, and its laws."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.optimal import greedy, instance
from weir.core.errors import BadInput
from weir.core.inventory import FreeShape
from weir.scheduling.optimal import Answer, Problem, improve, worth
from weir.scheduling.optimal_amounts import FreeHosts, Tasks, amounts
from weir.scheduling.optimal_model import Ints, rounding
from weir.scheduling.packing import Claim, capacity_for, fits

TIB = 2**40
LONG = 60.0


def ints(*rows: object) -> Ints:
    return np.array(rows, dtype=np.int64)


@st.composite
def problems(draw: st.DrawFn) -> Problem:
    """Up to 3 classes on 3 pools with 4 amounts, the second in bytes; room from the sums."""
    classes, pools = draw(st.integers(1, 3)), draw(st.integers(1, 3))

    def table(rows: int, columns: int, low: int, high: int) -> Ints:
        row = st.lists(st.integers(low, high), min_size=columns, max_size=columns)
        drawn = draw(st.lists(row, min_size=rows, max_size=rows))
        return np.array(drawn, dtype=np.int64).reshape(rows, columns)

    scale = ints(1, TIB, 1, 1)
    cost = table(classes, pools, 0, 40) / 8
    cost[table(classes, pools, 0, 3) == 0] = np.inf
    return Problem(
        count=table(1, classes, 0, 3)[0],
        value=6 + table(1, classes, 0, 40)[0] / 8,
        cost=cost,
        need=table(classes, 4, 0, 5) * scale,
        free=table(pools, 4, 0, 9) * scale,
        room=table(classes, pools, 0, 3),
        factor=table(classes, pools, 1, 2) if draw(st.booleans()) else None,
    )


def taken(problem: Problem, plan: Ints) -> Ints:
    factor = 1 if problem.factor is None else problem.factor
    return np.asarray((plan * factor).T @ problem.need)


def allowed(problem: Problem, plan: Ints) -> bool:
    return bool(
        np.all(plan >= 0)
        and np.all(plan.sum(axis=1) <= problem.count)
        and np.all(plan <= problem.room)
        and np.all(np.isfinite(problem.cost[plan > 0]))
        and np.all(taken(problem, plan) <= problem.free)
    )


def value_of(problem: Problem, plan: Ints) -> float:
    return worth(problem.value[:, None] - problem.cost, plan)


def rows_of(problem: Problem, c: int) -> list[tuple[int, ...]]:
    """All ways to spread the jobs of one class."""
    most = [int(n) if np.isfinite(k) else 0
            for n, k in zip(problem.room[c], problem.cost[c], strict=True)]  # fmt: skip
    ways = itertools.product(*(range(n + 1) for n in most))
    return [way for way in ways if sum(way) <= problem.count[c]]


def all_plans(problem: Problem) -> list[Ints]:
    ways = itertools.product(*(rows_of(problem, c) for c in range(len(problem.count))))
    plans = (np.array(way, dtype=np.int64).reshape(problem.cost.shape) for way in ways)
    return [plan for plan in itertools.islice(plans, 20_000) if allowed(problem, plan)]


def none(problem: Problem) -> Ints:
    return np.zeros(problem.cost.shape, dtype=np.int64)


@given(problems())
@settings(max_examples=150, deadline=None)
def test_is_as_good_as_trying_everything(problem: Problem) -> None:
    answer = improve(problem, none(problem), LONG)
    best = max(value_of(problem, plan) for plan in all_plans(problem))
    assert answer.how == "optimal"
    assert answer.objective == pytest.approx(best, abs=1e-5)
    assert answer.objective == pytest.approx(value_of(problem, answer.counts))
    assert answer.bound >= best - 1e-9
    assert allowed(problem, answer.counts)


@given(problems(), st.data())
@settings(max_examples=100, deadline=None)
def test_never_worse_than_greedy_nor_what_the_packing_refuses(
    problem: Problem, data: st.DataObject
) -> None:
    start = data.draw(st.sampled_from(all_plans(problem)[:500]))
    most = data.draw(st.integers(0, 4))
    refused = int(start.sum(axis=0).max(initial=0)) > most

    def packs(pool: int, counts: Ints) -> bool:
        return int(counts.sum()) <= most

    answer = improve(problem, start, LONG, packs)
    assert answer.objective >= value_of(problem, start) - 1e-9
    assert answer.bound >= answer.objective
    if not refused:
        assert all(packs(p, answer.counts[:, p]) for p in range(len(problem.free)))
    assert allowed(problem, answer.counts)


@given(problems(), st.integers(0, 3))
@settings(max_examples=50, deadline=None)
def test_the_same_in_gives_the_same_out(problem: Problem, most: int) -> None:
    first, second = (
        improve(problem, none(problem), LONG, lambda p, n: int(n.sum()) <= most) for _ in range(2)
    )
    assert np.array_equal(first.counts, second.counts)
    assert (first.objective, first.bound, first.how) == (
        second.objective,
        second.bound,
        second.how,
    )


@pytest.mark.parametrize("limit_s", [0.0, 0.002, 0.01, 0.05])
def test_however_early_it_is_stopped_the_bound_holds(limit_s: float) -> None:
    made = instance(5, 60, 200, 20)
    start = greedy(made)
    hurried = improve(made.problem, start, limit_s, made.packs)
    assert hurried.objective >= value_of(made.problem, start)
    assert hurried.bound >= improve(made.problem, start, LONG, made.packs).objective


@given(
    st.lists(st.integers(0, 12), min_size=1, max_size=4),
    st.integers(0, 30),
    st.data(),
)
@settings(max_examples=300, deadline=None)
def test_no_whole_point_is_cut_off(sizes: list[int], b: int, data: st.DataObject) -> None:
    n = len(sizes)
    tops = data.draw(st.lists(st.integers(1, 4), min_size=n, max_size=n))
    parts = data.draw(st.lists(st.floats(0, 1), min_size=n, max_size=n))
    a, most = np.array(sizes, float), np.array(tops, float)
    x = most * np.array(parts)
    found = rounding(a, float(b), x, most, np.nonzero(x > 1e-6)[0])
    if found is None:
        return
    row, right = found
    assert row @ x > right
    for point in itertools.product(*(range(top + 1) for top in tops)):
        if a @ point <= b:
            assert row @ np.array(point, float) <= right + 1e-6


@pytest.mark.parametrize(("classes", "pools"), [(0, 0), (0, 3), (3, 0), (2, 2)])
def test_nothing_to_place_or_nowhere(classes: int, pools: int) -> None:
    problem = Problem(
        np.full(classes, 5), np.full(classes, 9.0), np.full((classes, pools), np.inf),
        np.ones((classes, 1), dtype=np.int64), np.ones((pools, 1), dtype=np.int64),
        np.ones((classes, pools), dtype=np.int64),
    )  # fmt: skip
    answer = improve(problem, none(problem), 1.0)
    assert (answer.objective, answer.bound, answer.gap) == (0.0, 0.0, 0.0)
    assert not answer.counts.any()


def test_amounts_beyond_what_floats_hold_are_counted_exactly() -> None:
    free = 3 * 2**60 // 3
    problem = Problem(
        ints(3), np.array([2.0]), np.array([[1.0]]), ints([free // 3 + 1]), ints([free]), ints([3])
    )
    assert improve(problem, none(problem), 5.0).counts.tolist() == [[2]]
    exact = replace(problem, need=ints([free // 3]))
    assert improve(exact, none(problem), 5.0).counts.tolist() == [[3]]


def test_a_gang_and_a_half_is_no_bound() -> None:
    """Three hosts, gangs of two: the plain relaxation would place one and a half."""
    problem = Problem(
        ints(1, 1), np.array([10.0, 10.0]), np.zeros((2, 1)),
        ints([2], [2]), ints([3]), ints([1], [1]),
    )  # fmt: skip
    answer = improve(problem, none(problem), 5.0)
    assert answer.bound == pytest.approx(10.0, rel=1e-5)


def test_without_time_the_greedy_plan_stays_and_the_bound_holds() -> None:
    made = instance(1, 20, 200, 20)
    start = greedy(made)
    rushed = improve(made.problem, start, 0.0, made.packs)
    assert rushed.how == "greedy"
    assert np.array_equal(rushed.counts, start)
    assert rushed.bound >= improve(made.problem, start, LONG, made.packs).objective


@pytest.mark.parametrize("limit_s", [0.005, 0.02, 0.05, 0.1, 0.2])
def test_cut_short_anywhere_the_laws_still_hold(limit_s: float) -> None:
    made = instance(2, 60, 600, 60)
    start = greedy(made)
    best = improve(made.problem, start, LONG, made.packs)
    rushed = improve(made.problem, start, limit_s, made.packs)
    assert rushed.objective >= value_of(made.problem, start)
    assert rushed.bound >= best.objective
    assert all(made.packs(p, rushed.counts[:, p]) for p in range(60))


def test_a_half_gang_is_cut_off() -> None:
    a, most, x = np.array([2.0, 2.0]), np.ones(2), np.array([1.0, 0.5])
    found = rounding(a, 3.0, x, most, np.array([0, 1]))
    assert found is not None
    row, right = found
    assert row @ x > right + 0.1
    assert max(row) <= right + 1e-9


def test_mistakes_are_all_named() -> None:
    problem = Problem(
        ints(-1), np.array([1.0]), np.zeros((1, 2)), ints([1]), ints([1]), ints([1, 1])
    )
    with pytest.raises(BadInput) as raised:
        improve(problem, np.zeros((1, 1), dtype=np.int64), 1.0)
    assert {m.field for m in raised.value.mistakes} == {"cost", "room", "count"}
    good = Problem(ints(1), np.array([1.0]), np.array([[np.inf]]), ints([1]), ints([1]), ints([1]))
    with pytest.raises(BadInput, match="greedy"):
        improve(good, ints([1]), 1.0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_beats_greedy_on_a_made_up_network_and_fits_its_hosts(seed: int) -> None:
    made = instance(seed, 40, 400, 40, mixed=True)
    start = greedy(made)
    answer = improve(made.problem, start, LONG, made.packs)
    again = improve(made.problem, start, LONG, made.packs)
    assert answer.how == "improved"
    assert answer.objective > value_of(made.problem, start)
    assert answer.gap < 0.06
    assert np.array_equal(answer.counts, again.counts)
    assert all(made.packs(p, answer.counts[:, p]) for p in range(40))
    assert np.all(answer.counts.sum(axis=1) <= made.problem.count)


def test_parts_that_share_nothing_are_solved_as_if_alone() -> None:
    one, two = instance(1, 10, 80, 8), instance(2, 10, 80, 8)
    alone: list[Answer] = [improve(m.problem, none(m.problem), LONG, m.packs) for m in (one, two)]
    a, b = one.problem, two.problem
    amounts_ = max(a.need.shape[1], b.need.shape[1])

    def wide(table: Ints) -> Ints:
        return np.pad(table, ((0, 0), (0, amounts_ - table.shape[1])))

    cost = np.full((20, 16), np.inf)
    cost[:10, :8], cost[10:, 8:] = a.cost, b.cost
    room = np.zeros((20, 16), dtype=np.int64)
    room[:10, :8], room[10:, 8:] = a.room, b.room
    both = Problem(
        np.append(a.count, b.count), np.append(a.value, b.value), cost,
        np.vstack([wide(a.need), wide(b.need)]), np.vstack([wide(a.free), wide(b.free)]), room,
    )  # fmt: skip

    def packs(pool: int, counts: Ints) -> bool:
        return one.packs(pool, counts[:10]) if pool < 8 else two.packs(pool - 8, counts[10:])

    answer = improve(both, none(both), 2 * LONG, packs)
    assert answer.objective == pytest.approx(sum(a.objective for a in alone))
    assert answer.bound == pytest.approx(sum(a.bound for a in alone), rel=1e-6)


shapes = st.builds(
    lambda cpu, memory, whole, share, hosts: FreeShape(
        cpu, memory, (((share, 1),) if share else ()) + (((1000, whole),) if whole else ()), hosts
    ),
    st.integers(0, 12),
    st.integers(0, 12),
    st.integers(0, 8),
    st.sampled_from([0, 250, 500, 750]),
    st.integers(1, 3),
)
claims = st.builds(
    Claim,
    st.integers(0, 5),
    st.integers(0, 5),
    st.sampled_from([0, 125, 334, 500, 600, 1000, 1500, 2000, 4000, 8000]),
    st.integers(1, 4),
)


@given(st.lists(shapes, min_size=1, max_size=4), st.lists(claims, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_what_fits_the_hosts_is_within_the_amounts_and_the_room(
    free: list[FreeShape], tasks: list[Claim]
) -> None:
    columns = np.array([(c.cpu_milli, c.memory_bytes, c.device_milli, c.count) for c in tasks])
    share = np.array([[sum(m for m, _ in s.devices if m < 1000)] for s in free])
    need, has, room = amounts(
        len(tasks), 1,
        Tasks(np.arange(len(tasks)), *columns.T),
        FreeHosts(
            np.zeros(len(free), dtype=np.int64), np.array([s.hosts for s in free]),
            np.array([s.cpu_milli for s in free]), np.array([s.memory_bytes for s in free]),
            np.array([s.whole_devices for s in free]), share,
        ),
    )  # fmt: skip
    for c, claim in enumerate(tasks):
        assert min(room[c, 0], 10**6) == min(capacity_for(tuple(free), claim) // claim.count, 10**6)
    if fits(tuple(free), tasks):
        assert np.all(need.sum(axis=0) <= has[0])
        assert np.all(room >= 1)
