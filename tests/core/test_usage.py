"""What was used between readings: nothing is lost by reading seldom, and nothing is made up."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.usage import DETAIL, EVERY_S, Step, Use, next_reading, steps, whole

GIB = 2**30


def test_a_total_becomes_what_was_taken_between() -> None:
    readings = [Use(110.0, 5_000, GIB), Use(120.0, 25_000, 2 * GIB), Use(130.0, 25_000, GIB)]
    assert steps(100.0, readings) == [
        Step(110.0, 500, GIB, None),
        Step(120.0, 2000, 2 * GIB, None),
        Step(130.0, 0, GIB, None),
    ]
    assert whole(readings).cpu_ms == 25_000
    assert whole(readings).peak_bytes == 2 * GIB
    assert whole(readings).device_ms is None


def test_without_a_start_the_first_reading_is_where_it_begins() -> None:
    assert steps(None, [Use(110.0, 5_000), Use(120.0, 15_000)]) == [Step(120.0, 1000, None, None)]


def test_what_is_not_measured_is_no_zero() -> None:
    assert steps(100.0, [Use(110.0)]) == []
    assert steps(100.0, [Use(110.0, device_ms=20_000)]) == [Step(110.0, None, None, 2000)]
    accounted = [Use(110.0, 4_000, peak_bytes=GIB)]
    assert steps(100.0, accounted) == [Step(110.0, 400, None, None)]
    assert whole(accounted).peak_bytes == GIB


def test_a_total_that_falls_tells_nothing_of_that_time() -> None:
    found = steps(0.0, [Use(10.0, 9_000), Use(20.0, 1_000), Use(30.0, 2_000)])
    assert [(s.at, s.cpu_milli) for s in found] == [(10.0, 900), (30.0, 100)]


@given(st.lists(st.tuples(st.integers(1, 1000), st.integers(0, 10**6)), min_size=2, max_size=40))
def test_readings_that_are_lost_change_no_total(parts: list[tuple[int, int]]) -> None:
    at, cpu = 0, 0
    readings = []
    for seconds, more in parts:
        at, cpu = at + seconds, cpu + more
        readings.append(Use(float(at), cpu))
    for kept in (readings, readings[1::2] + readings[-1:], readings[-1:]):
        before, total = 0.0, 0.0
        for step in steps(0.0, sorted(set(kept), key=lambda u: u.at)):
            assert step.cpu_milli is not None
            total += step.cpu_milli * (step.at - before)
            before = step.at
        assert total == pytest.approx(cpu, abs=0.5 * at + 1)
        assert whole(kept).cpu_ms == cpu


@pytest.mark.parametrize(("days", "most"), [(1 / 1440, 13), (1 / 24, 350), (1, 700), (30, 900)])
def test_a_long_run_has_few_readings_and_each_doubling_as_many(days: float, most: int) -> None:
    at, read = 0.0, 0
    while at < days * 86400:
        read, at = read + 1, next_reading(0.0, at)
    assert read <= most
    assert next_reading(0.0, None) == 0.0
    assert next_reading(0.0, EVERY_S) == 2 * EVERY_S
    assert next_reading(0.0, 1e6) == pytest.approx(1e6 + 1e6 / DETAIL)
