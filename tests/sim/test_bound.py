"""Lower bounds hold against every schedule of tiny cases, and are no trivial ones."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.sim.bound import Floats, Supply, Work, gap, least_cost, worst_load

HOUR = 3600.0
HOURS = 8


def work(
    release_h: list[int],
    duration_h: list[int],
    devices: list[int],
    slack_h: list[int],
    places: int = 2,
    wait_rate: float = 0.0,
) -> Work:
    release = np.array(release_h) * HOUR
    return Work(
        earliest_s=np.repeat(release[:, None], places, axis=1),
        latest_s=release + np.array(slack_h) * HOUR,
        duration_s=np.array(duration_h) * HOUR,
        devices=np.array(devices, dtype=np.float64),
        fits=np.ones((len(release_h), places), dtype=np.bool_),
        extra=np.zeros((len(release_h), places)),
        patient_s=release,
        wait_rate=wait_rate,
    )


def price_of(jobs: Work, supply: Supply, places: tuple[int, ...], starts: tuple[int, ...]) -> float:
    """What one schedule costs (starts in hours), or infinity where it does not fit."""
    held = np.zeros((len(supply.devices), 40))
    total = 0.0
    for job, (place, start) in enumerate(zip(places, starts, strict=True)):
        end = start + round(jobs.duration_s[job] / HOUR)
        held[place, start:end] += jobs.devices[job]
        hours = np.minimum(np.arange(start, end), supply.rate.shape[1] - 1)
        total += float(jobs.devices[job] * supply.rate[place, hours].sum() + jobs.extra[job, place])
        total += jobs.wait_rate * max(0.0, start - jobs.patient_s[job] / HOUR)
    return total if (held <= supply.devices[:, None]).all() else float("inf")


def cheapest(jobs: Work, supply: Supply) -> float:
    """The best of all schedules that start at full hours, by trying each."""
    choices = []
    for job in range(len(jobs.duration_s)):
        first = round(jobs.earliest_s[job, 0] / HOUR)
        last = round(jobs.latest_s[job] / HOUR)
        choices.append(list(product(np.flatnonzero(jobs.fits[job]), range(first, last + 1))))
    return min(
        price_of(jobs, supply, tuple(int(p) for p, _ in each), tuple(s for _, s in each))
        for each in product(*choices)
    )


@st.composite
def cases(draw: st.DrawFn) -> tuple[Work, Supply]:
    count = draw(st.integers(1, 4))

    def some(low: int, high: int) -> list[int]:
        return draw(st.lists(st.integers(low, high), min_size=count, max_size=count))

    jobs = work(
        some(0, 3), some(0, 3), some(1, 3), some(0, 2), wait_rate=draw(st.sampled_from([0.0, 0.5]))
    )
    fits = draw(
        st.lists(
            st.sampled_from([(True, True), (True, False), (False, True)]),
            min_size=count,
            max_size=count,
        )
    )
    jobs.fits[:] = np.array(fits)
    jobs.extra[:] = np.array([some(0, 2), some(0, 2)]).T
    rates = st.lists(st.integers(-1, 9), min_size=2 * HOURS, max_size=2 * HOURS)
    devices = draw(st.tuples(st.integers(3, 5), st.integers(3, 5)))
    rate = np.array(draw(rates), dtype=np.float64).reshape(2, HOURS)
    return jobs, Supply(np.array(devices, dtype=np.float64), rate)


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from([1, 2, 24]), st.integers(0, 3))
def test_no_schedule_beats_the_bound(case: tuple[Work, Supply], block: int, rounds: int) -> None:
    jobs, supply = case
    assert least_cost(jobs, supply, block, rounds).value <= cheapest(jobs, supply) + 1e-6


@settings(max_examples=40, deadline=None)
@given(cases())
def test_the_bound_is_at_least_that_of_endless_devices(case: tuple[Work, Supply]) -> None:
    jobs, supply = case
    endless = Supply(np.full(2, 1e6), supply.rate)
    assert least_cost(jobs, supply).value >= cheapest(jobs, endless) - 1e-6


def test_alone_a_job_is_bounded_by_its_best_start_exactly() -> None:
    rate = np.array([[5.0, 1.0, 1.0, 7.0], [4.0, 4.0, 4.0, 4.0]])
    jobs = work([0], [2], [3], [2])
    assert least_cost(jobs, Supply(np.array([3.0, 3.0]), rate)).value == pytest.approx(6.0)


def test_a_start_between_full_hours_may_be_the_best() -> None:
    jobs = work([0], [1], [1], [1], places=1)
    jobs.duration_s[:] = 1.5 * HOUR
    rate = np.array([[9.0, 1.0, 1.0, 9.0]])
    assert least_cost(jobs, Supply(np.ones(1), rate)).value == pytest.approx(1.5)


def test_the_bound_knows_that_the_cheap_place_is_full() -> None:
    jobs = work([0, 0, 0, 0], [4, 4, 4, 4], [1, 1, 1, 1], [0, 0, 0, 0])
    supply = Supply(np.array([2.0, 4.0]), np.array([[1.0], [3.0]]))
    assert least_cost(jobs, supply, block_hours=4).value == pytest.approx(2 * 4 + 2 * 12)
    assert least_cost(jobs, supply, block_hours=4, rounds=0).value == pytest.approx(4 * 4)


def test_waiting_is_paid_after_the_patience() -> None:
    jobs = work([0], [1], [1], [3], places=1, wait_rate=2.0)
    jobs.patient_s[:] = HOUR
    supply = Supply(np.ones(1), np.array([[9.0, 9.0, 5.0, 4.0]]))
    assert least_cost(jobs, supply).value == pytest.approx(5.0 + 2.0)


def test_no_jobs_cost_nothing() -> None:
    none = work([], [], [], [])
    assert least_cost(none, Supply(np.ones(2), np.ones((2, 1)))).value == 0.0


def test_all_mistakes_are_told_at_once() -> None:
    jobs = work([0], [-1], [1], [0])
    jobs.fits[:] = False
    with pytest.raises(BadInput) as caught:
        least_cost(jobs, Supply(np.ones(1), np.zeros((2, 0))))
    assert [m.field for m in caught.value.mistakes] == ["fits", "times", "rate"]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=6),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
)
def test_no_placing_has_a_lower_worst_load(
    jobs: list[tuple[int, bool]], supply: tuple[int, int]
) -> None:
    fits = np.array([[True, False], [True, True]])
    asked = np.zeros((1, 2))
    for amount, anywhere in jobs:
        asked[0, int(anywhere)] += amount
    has = np.array([supply], dtype=np.float64)
    bound = worst_load(asked, fits, has)[0]
    assert bound <= _best_placing(jobs, has[0]) + 1e-9
    assert bound >= asked.sum() / has.sum() - 1e-9
    assert bound >= asked[0, 0] / has[0, 0] - 1e-9 or asked[0, 1] > 0


def _best_placing(jobs: list[tuple[int, bool]], supply: Floats) -> float:
    """The least worst load of all ways to place whole jobs."""
    best = float("inf")
    for chosen in product(*[(0, 1) if anywhere else (0,) for _, anywhere in jobs]):
        use = np.zeros(2)
        for (amount, _), place in zip(jobs, chosen, strict=True):
            use[place] += amount
        best = min(best, float((use / supply).max()))
    return best


def test_the_worst_load_does_not_depend_on_the_unit() -> None:
    asked, has = np.array([[3.0, 5.0, 40.0]]), np.array([[10.0, 20.0, 70.0]])
    fits = np.array([[True, False, False], [True, True, False], [True, True, True]])
    for unit in (1e-6, 1.0, 1e9):
        assert worst_load(unit * asked, fits, unit * has)[0] == pytest.approx(0.48)


def test_what_fits_only_where_nothing_is_has_no_end() -> None:
    assert (
        worst_load(np.ones((1, 1)), np.array([[True, False]]), np.array([[0.0, 1.0]]))[0] == np.inf
    )


def test_each_window_has_its_own_worst_load() -> None:
    asked = np.array([[4.0, 0.0], [0.0, 0.0], [0.0, 6.0], [1.0, 1.0]])
    fits = np.array([[True, True], [False, False]])
    found = worst_load(asked, fits, np.ones((4, 2)))
    assert found[:2].tolist() == pytest.approx([2.0, 0.0])
    assert np.isnan(found[2:]).all()  # what fits nowhere can be given to no site


def test_a_gap_is_a_share_of_what_was_reached() -> None:
    assert gap(100.0, 95.0) == pytest.approx(0.05)
    assert gap(0.0, 0.0) == 0.0


def test_a_schedule_that_moves_jobs_may_cost_less_than_the_bound() -> None:
    """Each site is cheap for one of the two hours: the bound is of jobs that stay in one place."""
    jobs = work([0], [2], [1], [0])
    supply = Supply(np.array([1.0, 1.0]), np.array([[1.0, 9.0], [9.0, 1.0]]))
    moved = 1.0 + 1.0
    assert least_cost(jobs, supply).value == pytest.approx(10.0)
    assert cheapest(jobs, supply) == 10.0 > moved
