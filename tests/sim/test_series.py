"""Curves from starts and ends, against a plain walk over the events."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.stories import a_pool, an_outcome, jobs
from weir.sim.results import facts_of
from weir.sim.series import (
    SLOWDOWN_EDGES,
    band,
    binned,
    occupation,
    series_of,
    spread,
    summed,
    waiting,
)

NAN = float("nan")


def test_a_band_has_means_by_time_and_the_peaks() -> None:
    found = band(np.array([0.0, 4.0, 5.0]), np.array([2.0, 8.0, -10.0]), 0, 20, points=2)
    assert found.at_s.tolist() == [0, 10, 20]
    assert found.mean.tolist() == [(2 * 4 + 10 * 1) / 10, 0]
    assert found.high.tolist() == [10, 0]  # one second of ten is not lost
    assert found.low.tolist() == [0, 0]


@given(
    st.lists(
        st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(1, 9)),
        min_size=1,
        max_size=30,
    ),
    st.integers(1, 17),
)
def test_a_band_equals_a_walk_second_by_second(
    spans: list[tuple[int, int, int]], points: int
) -> None:
    seconds = np.zeros(points * 6)
    for begin, length, size in spans:
        seconds[begin : begin + length] += size
    times = np.array([t for b, n, _ in spans for t in (b, b + n)], dtype=np.float64)
    changes = np.array([c for _, _, s in spans for c in (s, -s)], dtype=np.float64)
    found = band(times, changes, 0, points * 6, points)
    buckets = seconds.reshape(points, 6)
    assert found.mean == pytest.approx(buckets.mean(axis=1), abs=1e-9)
    assert found.high == pytest.approx(buckets.max(axis=1), abs=1e-9)
    assert found.low == pytest.approx(buckets.min(axis=1), abs=1e-9)


def test_who_starts_at_once_was_never_in_the_queue() -> None:
    load = jobs([0, 0, 10], [100, 100, 5])
    found = waiting(an_outcome(load, [0, 30, 10], [100, 130, 15]), 0, 130, points=13)
    assert found.high.max() == 1
    assert found.mean.tolist() == [1, 1, 1] + [0] * 10


def test_who_never_starts_stays_in_the_queue() -> None:
    outcome = an_outcome(jobs([0, 5], [10, 10]), [0, NAN], [10, NAN])
    assert waiting(outcome, 0, 10, points=2).mean.tolist() == [0, 1]


def test_the_area_of_the_occupation_is_the_work_done_also_with_restarts() -> None:
    load = jobs([0, 0], [60, 40], device_milli=[2000, 500])
    outcome = an_outcome(load, [0, 0], [100, 40], busy_s=np.array([60.0, 40.0]))
    found = occupation(outcome, np.ones(2, dtype=np.bool_), 0, 100, points=10)
    area = float((found.mean * np.diff(found.at_s)).sum())
    assert area == pytest.approx(2 * 60 + 0.5 * 40)
    assert area == pytest.approx(float(np.nansum(facts_of(outcome).work)))


def test_who_never_ends_stays() -> None:
    load = jobs([0, 1], [np.inf, np.inf])
    outcome = an_outcome(load, [0, 1], [NAN, NAN], busy_s=np.array([np.inf, NAN]))
    found = occupation(outcome, np.ones(2, dtype=np.bool_), 0, 4, points=4)
    assert found.mean.tolist() == [1, 2, 2, 2]


def test_a_distribution_keeps_its_ends_and_counts_those_who_never_came() -> None:
    found = spread(np.array([3.0, NAN, 1.0, 2.0]), rows=4)
    assert found.value.tolist() == [1, 2, 3]
    assert found.share.tolist() == [0.25, 0.5, 0.75]
    many = spread(np.arange(10_000.0), rows=10_000, points=50)
    assert len(many.value) == 50
    assert (many.value[0], many.value[-1], many.share[-1]) == (0, 9999, 1)
    assert len(spread(np.array([NAN]), rows=1).value) == 0


def test_bins_of_slowdown_add_up_to_those_that_ended() -> None:
    found = binned(np.array([1.0, 1.5, 7.0, 5000.0, NAN]), 5, SLOWDOWN_EDGES)
    assert len(found) == len(SLOWDOWN_EDGES) - 1
    assert sum(found) == pytest.approx(0.8)
    assert (found[0], found[1], found[3], found[-1]) == (0.2, 0.2, 0.2, 0.2)


def test_what_was_spent_rises_while_jobs_run() -> None:
    found = summed(
        np.array([0.0, 50.0, NAN]),
        np.array([100.0, 50.0, NAN]),
        np.array([10.0, 3.0, 9.0]),
        0,
        100,
        4,
    )
    assert found is not None
    # The job of no length is paid within a millisecond after 50 s.
    assert found.total == pytest.approx([0, 2.5, 5, 10.5, 13])
    assert summed(np.array([0.0]), np.array([1.0]), np.array([NAN]), 0, 1) is None


def test_sites_add_up_to_the_network() -> None:
    pools = [a_pool("a", "north"), a_pool("b", "south")]
    load = jobs([0, 0, 10], [20, 40, 30])
    outcome = an_outcome(load, [0, 0, 10], [20, 40, 40], pools, [0, 1, 1])
    facts = facts_of(outcome)
    found = series_of(outcome, facts.wait_s, facts.slowdown, points=8)
    assert [name for name, _ in found.sites] == ["north", "south"]
    assert sum(b.mean for _, b in found.sites) == pytest.approx(found.work.mean)
    assert found.cost is None


def test_a_workload_of_one_instant_has_curves_too() -> None:
    outcome = an_outcome(jobs([7], [0]), [7], [7])
    facts = facts_of(outcome)
    found = series_of(outcome, facts.wait_s, facts.slowdown)
    assert np.isfinite(found.work.mean).all()
    assert found.queue.high.max() == 0
