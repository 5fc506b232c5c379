"""A month's figures: worked out by each indicator's law, with what is not known told."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.indicator_view import NOTHING, View
from weir.core.indicators import INDICATORS, Indicator
from weir.core.metrics import METRICS, SKETCHED, MetricKind
from weir.core.report import (
    AMOUNTS,
    DAY_S,
    HOUR_S,
    Merged,
    added_up,
    by_metric,
    figure,
    gaps,
    measured,
    pieces,
    share_known,
    site_figures,
)
from weir.core.series import Key

A, B = "CN.S1.C1.P1-A", "CN.S2.C1.P1-B"
BY_NAME = {i.name: i for i in INDICATORS}


def steady(value: float, hours: int = 1, n: int = 6) -> Merged:
    return Merged(n, value * n, value, hours * HOUR_S)


def value(name: str, span_h: int, **samples: list[tuple[str, Merged]]) -> float | None:
    every = by_metric((Key(s, m), merged) for m, some in samples.items() for s, merged in some)
    return measured(BY_NAME[name], every, span_h * HOUR_S).value


@given(st.integers(0, 3000), st.integers(1, 2000), st.integers(-100, 100), st.booleans())
def test_the_pieces_are_the_whole_time_and_nothing_twice(
    first: int, hours: int, settled: int, kept: bool
) -> None:
    begin, end = 10 * DAY_S + first * HOUR_S, 10 * DAY_S + (first + hours) * HOUR_S
    found = pieces(begin, end, end + settled * HOUR_S, begin if kept else begin + 1)
    if kept:
        assert [found[0][1], found[-1][2]] == [begin, end]
        assert all(one[2] == other[1] for one, other in pairwise(found))
        days = [piece for piece in found if piece[0] == DAY_S]
        assert all(b % DAY_S == 0 and e <= end + settled * HOUR_S for _, b, e in days)
    else:
        assert [width for width, _, _ in found] == [DAY_S]


def test_a_ratio_is_of_sums_and_never_a_mean_of_ratios() -> None:
    assert value(
        "devices_busy",
        2,
        devices_busy=[(A, steady(1.0)), (B, steady(0.0))],
        devices_seen=[(A, steady(1.0)), (B, steady(99.0))],
    ) == pytest.approx(1.0)


def test_an_amount_is_of_the_time_that_is_known_alone() -> None:
    """1000 W known for three hours of a day: 3 kWh, and not 24."""
    found = value("it_energy", 24, it_power=[(A, steady(1000.0, 3))])
    assert found == pytest.approx(3.0)
    assert value("it_power", 24, it_power=[(A, steady(1000.0, 3))]) == 1000.0


def test_the_largest_is_the_largest_sample_and_not_the_largest_mean() -> None:
    one = Merged(100, 100 * 50.0, 91.0, HOUR_S)
    assert value("device_temperature", 1, device_temperature=[(A, one), (B, steady(60.0))]) == 91.0


def test_a_part_that_stood_for_half_of_the_time_counts_half() -> None:
    every = by_metric(
        [
            (Key(A, "devices_health", "healthy"), steady(8.0, 10)),
            (Key(A, "devices_health", "unhealthy"), steady(2.0, 5)),
        ]
    )
    found = measured(BY_NAME["devices_health"], every, 20 * HOUR_S)
    assert found.by == {"healthy": 8.0, "unhealthy": 1.0}


def test_what_nobody_told_is_unknown() -> None:
    for indicator in INDICATORS:
        if indicator.metrics:
            assert measured(indicator, {}, HOUR_S).value is None, indicator.name


def _hour(indicator: Indicator, view: View) -> float | None:
    return indicator.measure(view).value


@pytest.mark.parametrize("indicator", [i for i in INDICATORS if i.metrics], ids=lambda i: i.name)
def test_the_amounts_are_those_that_add_up_over_time(indicator: Indicator) -> None:
    """Two equal hours: an amount of both is twice that of one; of anything else it is the same."""
    part = {"devices_health": "healthy", "jobs_ended": "succeeded"} | dict.fromkeys(SKETCHED, "3")
    hour: dict[str, dict[tuple[str, str], float]] = {}
    both: dict[str, dict[tuple[str, str], float]] = {}
    for n, name in enumerate(indicator.metrics):
        place = A, part.get(name, "")
        hour[name] = {place: 7.0 + n}
        times = 2 if METRICS[name].kind is MetricKind.DELTA else 1
        both[name] = {place: (7.0 + n) * times}
    one = _hour(indicator, View((), {}, hour, HOUR_S))
    two = _hour(indicator, View((), {}, both, 2 * HOUR_S))
    assert one is not None and two is not None and one != 0
    assert (two == pytest.approx(2 * one)) == (indicator.name in AMOUNTS)


@given(st.sets(st.integers(0, 60)), st.integers(1, 60))
def test_what_is_known_and_what_lacks_are_all_of_the_time(hours: set[int], until: int) -> None:
    times, end = [float(h * HOUR_S) for h in hours], until * HOUR_S
    lacking = math.fsum(g.end - g.begin for g in gaps(times, 0, end, HOUR_S))
    known = share_known(dict.fromkeys(times, float(HOUR_S)), 0, end, HOUR_S) * end
    assert lacking + known == pytest.approx(end)


def test_a_figure_of_inventory_is_the_mean_of_what_was_noted() -> None:
    noted = [
        (0.0, "", 10.0, 3600.0),
        (0.0, "h100", 10.0, 3600.0),
        (3600.0, "", 20.0, 3600.0),
        (3600.0, "h100", 10.0, 3600.0),
        (3600.0, "910b", 10.0, 3600.0),
    ]
    found = figure(BY_NAME["devices"], NOTHING, noted, 0, 3 * HOUR_S, HOUR_S)
    assert (found.value, found.least, found.most, found.last) == (15, 10, 20, 20)
    assert found.by == {"910b": 5, "h100": 10}
    assert found.coverage == pytest.approx(2 / 3)
    assert [(g.begin, g.end) for g in found.gaps] == [(7200, 10800)]


def test_a_site_has_the_lines_that_it_tells_of() -> None:
    every = by_metric([(Key(A, "it_power"), steady(500.0, 12))])
    found = {f.name: f for f in site_figures(INDICATORS, every, 24 * HOUR_S)}
    assert set(found) == {"it_power", "it_energy"}
    assert found["it_energy"].value == pytest.approx(6.0)
    assert found["it_power"].coverage == 0.5


def test_times_are_added_up() -> None:
    both = added_up([steady(1.0, 1), steady(3.0, 2)])
    assert both == Merged(12, 24.0, 3.0, 3 * HOUR_S)
