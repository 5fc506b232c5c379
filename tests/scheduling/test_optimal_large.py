"""Large programs without a solver: a true bound, plans that fit, loops that do as they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.optimal import Instance, greedy, hosts_of, instance, tasks_of
from tests.scheduling.test_optimal import (
    all_plans,
    allowed,
    claims,
    none,
    problems,
    shapes,
    value_of,
)
from weir.core.inventory import DEVICE_MILLI, FreeShape
from weir.scheduling import optimal, optimal_hosts, optimal_search, optimal_spread
from weir.scheduling.optimal import Problem, improve
from weir.scheduling.optimal_amounts import FreeHosts, Tasks
from weir.scheduling.optimal_hosts import layout_of
from weir.scheduling.optimal_large import Large, priced, search_loops, searched, start
from weir.scheduling.optimal_model import Ints
from weir.scheduling.optimal_packing import Fits
from weir.scheduling.optimal_prices import Prices, spread_loops
from weir.scheduling.packing import Claim, fits

LONG = 60.0


@pytest.fixture(params=[(0, 10**9), (0, 0)], ids=["solver and search", "prices and search"])
def large(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every program is taken for a large one."""
    from_here, too_large = request.param
    monkeypatch.setattr(optimal, "_LARGE", from_here)
    monkeypatch.setattr(optimal, "_TOO_LARGE", too_large)


def as_large(problem: Problem, made: Instance | None = None) -> Large:
    profit = problem.value[:, None] - problem.cost
    most = optimal._most(problem, profit)
    hosts = None if made is None else (tasks_of(made.kinds), hosts_of(made.places))
    return Large(
        profit, most, problem.count, problem.need, problem.free, problem.factor, hosts
    )  # fmt: skip


def prices_of(problem: Problem) -> Prices:
    part = as_large(problem)
    return Prices(part.profit, part.most, part.count, part.need, part.free, part.factor)


@given(problems(), st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_no_plan_is_worth_more_than_the_bound(problem: Problem, steps: int) -> None:
    best = max(value_of(problem, plan) for plan in all_plans(problem))
    prices = prices_of(problem)
    assert prices.bound() >= best
    prices.descend(steps, 0.1, 0.02)
    assert prices.bound() >= best
    prices.tighten()
    prices.descend(steps, 0.02, 0.01)
    assert prices.bound() >= best


@pytest.mark.parametrize("classes", [40, 400])
def test_the_prices_come_near_to_those_of_the_relaxation(classes: int) -> None:
    """The solver's bound, cutting planes and all, is not far below."""
    made = instance(2, classes, 400, 30)
    bound, pull = priced(as_large(made.problem), LONG)
    solved = improve(made.problem, none(made.problem), LONG, made.packs)
    assert solved.objective <= bound < 1.08 * solved.bound
    assert np.all(np.isfinite(pull))


def test_cutting_planes_lower_the_bound() -> None:
    """Three hosts, two gangs of two: without them one and a half has a place."""
    one = np.ones((2, 1), dtype=np.int64)
    problem = Problem(
        one[:, 0], np.array([10.0, 10.0]), np.zeros((2, 1)), 2 * one, np.array([[3]]), one
    )
    prices = prices_of(problem)
    prices.descend(300, 0.1, 0.005)
    plain = prices.bound()
    assert plain == pytest.approx(15.0, rel=0.02)
    assert prices.tighten()
    prices.descend(300, 0.05, 0.005)
    assert 10.0 <= prices.bound() < 11.0


@given(problems(), st.data())
@settings(max_examples=60, deadline=None)
def test_a_search_keeps_to_the_amounts(problem: Problem, data: st.DataObject) -> None:
    plan = data.draw(st.sampled_from(all_plans(problem)[:500]))
    part = as_large(problem)
    plan = np.minimum(plan, part.most)
    found = searched(part, plan, prices_of(problem).pull(), 0.01)
    assert allowed(problem, found)


@given(problems(), st.data())
@settings(max_examples=40, deadline=None)
def test_compiled_and_interpreted_searches_take_the_same_steps(
    problem: Problem, data: st.DataObject
) -> None:
    plan = data.draw(st.sampled_from(all_plans(problem)[:500]))
    part = as_large(problem)
    prices = prices_of(problem)
    prices.descend(20, 0.1, 0.02)
    assert_same_steps(part, np.minimum(plan, part.most), prices.pull(), 100)


def assert_same_steps(part: Large, plan: Ints, pull: np.ndarray, moves: int) -> None:
    plain, quick = start(part, plan, pull), start(part, plan, pull)
    shape = len(part.count), len(part.free)
    taken = optimal_search.search(plain, layout_of(*shape, part.hosts), moves, 1.0, 0.1, 0.8)
    again = search_loops().search(quick, layout_of(*shape, part.hosts), moves, 1.0, 0.1, 0.8)
    assert taken == again
    for one, other in zip(plain, quick, strict=True):
        assert np.array_equal(one, other)


def test_the_same_steps_are_taken_with_hosts_too() -> None:
    made = instance(3, 60, 200, 12, mixed=True)
    part = as_large(made.problem, made)
    _, pull = priced(part, LONG)
    assert_same_steps(part, greedy(made), pull, 1_500)


@given(st.lists(shapes, min_size=1, max_size=4), st.lists(claims, min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_the_quick_packing_is_the_packing(free: list[FreeShape], tasks: list[Claim]) -> None:
    count = np.array([c.count for c in tasks])
    columns = np.array([(c.cpu_milli, c.memory_bytes, c.device_milli) for c in tasks]).T
    share = np.array([[sum(m for m, _ in s.devices if m < DEVICE_MILLI)] for s in free])
    layout = layout_of(
        len(tasks), 1,
        (
            Tasks(np.arange(len(tasks)), columns[0], columns[1], columns[2], count),
            FreeHosts(
                np.zeros(len(free), dtype=np.int64), np.array([s.hosts for s in free]),
                np.array([s.cpu_milli for s in free]), np.array([s.memory_bytes for s in free]),
                np.array([s.whole_devices for s in free]), share,
            ),
        ),
    )  # fmt: skip
    one = np.ones((len(tasks), 1), dtype=np.int64)
    inside = np.arange(len(tasks))[None, :]
    for kernel in (optimal_hosts, search_loops()):
        assert kernel.packs(layout, one, one, inside, np.array([len(tasks)]), 0) == fits(
            tuple(free), tasks
        )


@given(st.integers(1, 5), st.integers(1, 6), st.data())
@settings(max_examples=60, deadline=None)
def test_jobs_are_spread_within_what_waits_and_fits(
    classes: int, pools: int, data: st.DataObject
) -> None:
    random = np.random.default_rng(data.draw(st.integers(0, 10**6)))
    table = random.uniform(-3, 3, (classes, pools)).astype(np.float32)
    most = random.integers(0, 4, (classes, pools)).astype(np.float32)
    count = random.integers(1, 6, classes).astype(np.float32)
    width = random.uniform(0.05, 1.0, classes).astype(np.float32)
    near = np.zeros(pools, dtype=np.int64)
    again = table.copy()
    best = table.max(axis=1)
    optimal_spread.spread(table, best, most, count, width, near)
    spread_loops().spread(again, best, most, count, width, near)
    assert np.allclose(table, again, rtol=1e-5)
    assert np.all(table >= 0)
    assert np.all(table <= most)
    assert np.all(table.sum(axis=1) <= count * (1 + 1e-4))


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("seed", [1, 2])
def test_better_than_greedy_within_the_hosts_and_the_same_each_time(seed: int) -> None:
    made = instance(seed, 150, 400, 30, mixed=True)
    begin = greedy(made)
    hosts = tasks_of(made.kinds), hosts_of(made.places)
    answer = improve(made.problem, begin, LONG, made.packs, hosts=hosts)
    again = improve(made.problem, begin, LONG, made.packs, hosts=hosts)
    assert answer.how == "improved"
    assert answer.objective > value_of(made.problem, begin)
    assert answer.gap < 0.06
    assert np.array_equal(answer.counts, again.counts)
    assert answer.bound == again.bound
    assert np.all(answer.counts.sum(axis=1) <= made.problem.count)
    assert all(made.packs(p, answer.counts[:, p]) for p in range(30))


@pytest.mark.usefixtures("large")
def test_what_the_packing_refuses_is_left_out_where_hosts_are_not_known() -> None:
    made = instance(5, 60, 200, 15)
    few = replace(made.problem, room=np.minimum(made.problem.room, 2))

    def packs_two(pool: int, counts: Ints) -> bool:
        return int(counts.sum()) <= 2

    check: Fits = packs_two
    answer = improve(few, none(few), LONG, check)
    assert answer.objective > 0
    assert np.all(answer.counts.sum(axis=0) <= 2)
    assert answer.bound >= improve(few, none(few), LONG, made.packs).objective * 0.99


@pytest.mark.usefixtures("large")
def test_nothing_to_place_or_little_time_is_no_trouble() -> None:
    made = instance(1, 20, 100, 10)
    begin = greedy(made)
    rushed = improve(made.problem, begin, 0.0, made.packs)
    assert rushed.objective >= value_of(made.problem, begin)
    assert rushed.bound >= improve(made.problem, begin, LONG, made.packs).objective
    nowhere = replace(made.problem, room=np.zeros_like(made.problem.room))
    assert improve(nowhere, none(nowhere), 1.0).objective == 0.0
