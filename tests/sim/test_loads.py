"""Demand over supply, by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.sim.loads import days, demand, devices_of, over_supply, span, suffices, wanted_s
from weir.sim.workload import workload

LOAD = workload(
    "three",
    ("a", "b", "c"),
    submit_s=[0.0, 10.0, 100.0],
    duration_s=[20.0, 40.0, 10.0],
    tasks=[1, 2, 1],
    device_milli=[500, 4000, 1000],
    patience_s=[0.0, 30.0, 0.0],
)


def test_devices_are_those_of_all_tasks() -> None:
    assert devices_of(LOAD).tolist() == [0.5, 8.0, 1.0]


@pytest.mark.parametrize(
    ("start", "wanted"), [(10.0, 10.0), (25.0, 25.0), (40.0, 40.0), (90.0, 40.0), (np.nan, 10.0)]
)
def test_a_deferrable_job_is_wanted_when_it_starts_but_not_after_its_patience(
    start: float, wanted: float
) -> None:
    assert wanted_s(LOAD, np.array([50.0, start, np.nan])).tolist() == [0.0, wanted, 100.0]


def test_demand_is_cut_at_the_edges_of_windows() -> None:
    found = demand(
        LOAD.submit_s, LOAD.duration_s, devices_of(LOAD), np.array([0, 1, 0]), 2,
        np.array([0.0, 15.0, 105.0]),
    )  # fmt: skip
    assert found.tolist() == [[7.5, 40.0], [2.5 + 5.0, 280.0]]


@given(st.lists(st.tuples(st.floats(0, 900), st.floats(0, 300)), min_size=1, max_size=8))
def test_windows_together_have_all_the_work(jobs: list[tuple[float, float]]) -> None:
    wanted, duration = np.array(jobs).T
    group = np.arange(len(jobs)) % 2
    found = demand(wanted, duration, np.full(len(jobs), 2.0), group, 2, np.arange(0, 1300, 100.0))
    assert found.sum() == pytest.approx(2 * duration.sum(), abs=1e-6)
    assert (found >= -1e-9).all()


def test_load_is_demand_over_supply_and_infinite_where_there_is_nothing() -> None:
    edges = np.array([0.0, 10.0, 20.0])
    asked = np.array([[50.0, 1.0], [200.0, 0.0]])
    found = over_supply(asked, np.array([10.0, 0.0]), edges)
    assert found.tolist() == [[0.5, np.inf], [2.0, 0.0]]
    assert suffices(asked, np.array([10.0, 0.0]), edges).tolist() == [True, False]


def test_windows_are_whole_days_or_the_whole_span() -> None:
    long = workload("long", ("a", "b"), submit_s=[0.0, 2.5 * 86400], duration_s=[1.0, 1.0])
    assert days(long).tolist() == [0.0, 86400.0, 172800.0]
    assert span(long).tolist() == [0.0, 216000.0]
    one = workload("one", ("a",), submit_s=[0.0], duration_s=[1.0])
    assert len(days(one)) == len(span(one)) == 2
