"""Time that samples cover: amounts are the same at every width, parts add up to their whole."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.indicator_readings import view_at
from weir.core.indicator_view import Placed, View
from weir.core.indicators import INDICATORS, Measured
from weir.core.report import Merged, measured, site_figures
from weir.core.series import WIDTHS, Bucket, Key, lasting, rolled, single
from weir.wire.samples import Point, pack, points_of

SITE, A, B = "CN.S1-A", "CN.S1.C1.P1-A", "CN.S1.C1.P2-A"
BY_NAME = {i.name: i for i in INDICATORS}
DAY_S = 86400

Told = Mapping[Key, Mapping[int, Bucket]]


def view(told: Told, at: int, width: int, placed: Placed | None = None) -> View:
    keys = dict(enumerate(told))
    buckets = [(n, told[key][at]) for n, key in keys.items() if at in told[key]]
    return view_at(keys, buckets, width, placed)


def all_of(told: Told, width: int, name: str) -> list[Measured]:
    times = sorted({at for of in told.values() for at in of})
    return [BY_NAME[name].measure(view(told, at, width)) for at in times]


def at_every_width(narrow: Told) -> list[tuple[int, Told]]:
    found: list[tuple[int, Told]] = []
    told, before = narrow, WIDTHS[0]
    for width in WIDTHS[1:]:
        told = {key: rolled(of, width, before) for key, of in told.items()}
        found.append((width, told))
        before = width
    return found


@st.composite
def meters(draw: st.DrawFn) -> dict[int, Bucket]:
    """A day of a meter that is there now and then, and is looked at every 10 to 120 s."""
    found: dict[int, Bucket] = {}
    for begin in draw(st.lists(st.integers(0, 700), max_size=6)):
        every = draw(st.sampled_from((10, 20, 30, 60, 120)))
        values = draw(st.lists(st.integers(0, 10**9), min_size=1, max_size=30))
        for n, value in enumerate(values):
            found.setdefault(begin * 120 + n * every, lasting(float(value), every))
    return {at: b for at, b in found.items() if at < DAY_S}


@given(st.tuples(meters(), meters(), meters()))
def test_energy_is_the_same_from_buckets_of_every_width(
    days: tuple[dict[int, Bucket], ...],
) -> None:
    told = {Key(f"CN.S{n}-A", "it_power"): of for n, of in enumerate(days) if of}
    joules = sum(b.mean * b.seconds(10) for of in told.values() for b in of.values())
    for width, wide in at_every_width(told):
        energies = [m.value or 0.0 for m in all_of(wide, width, "it_energy")]
        assert sum(energies) == pytest.approx(joules / 3.6e6, rel=1e-12), width


def test_a_meter_that_lives_for_ten_minutes_of_a_day() -> None:
    told = {Key(SITE, "facility_power"): {10 * n: single(1e6) for n in range(60)}}
    for width, wide in at_every_width(told):
        found = all_of(wide, width, "facility_energy")
        assert sum(m.value or 0 for m in found) == pytest.approx(1e6 * 600 / 3.6e6), width
    merged = {"facility_power": {(SITE, ""): Merged(60, 6e7, 1e6, 600)}}
    month = measured(BY_NAME["facility_energy"], merged, 31 * DAY_S)
    assert month.value == pytest.approx(1e6 * 600 / 3.6e6)
    [line, *_] = site_figures([BY_NAME["facility_energy"]], merged, DAY_S)
    assert line.coverage == pytest.approx(600 / DAY_S)


@given(meters(), st.lists(st.integers(0, 8639), min_size=1, max_size=8))
def test_blocks_say_for_how_long_each_bucket_stands(of: dict[int, Bucket], more: list[int]) -> None:
    key = Key(SITE, "it_power")
    for width in WIDTHS[:3]:
        buckets = rolled(of | {10 * n: single(1.0) for n in more}, width) if width > 10 else of
        points = [Point(key, at, b) for at, b in sorted(buckets.items())]
        back = points_of(pack(width, points))
        assert [p.bucket.seconds(width) for p in back] == [p.bucket.seconds(width) for p in points]
        assert [p.bucket.total for p in back] == [p.bucket.total for p in points]


def test_one_sick_device_for_a_minute_makes_no_ninth() -> None:
    healthy = {60 * n: Bucket(6, 6.0 * (7 if n == 5 else 8), 7, 8, 8, 60) for n in range(60)}
    sick = {300: Bucket(6, 6.0, 1, 1, 1, 60)}
    told = {
        Key(A, "devices_health", "healthy"): healthy,
        Key(A, "devices_health", "unhealthy"): sick,
    }
    hours = {key: rolled(of, 3600, 60) for key, of in told.items()}
    [found] = all_of(hours, 3600, "devices_health")
    assert found.value == pytest.approx(8.0)
    assert found.by["unhealthy"] == pytest.approx(1 / 60)
    [share] = all_of(hours, 3600, "devices_healthy")
    assert share.value == pytest.approx(100 * (8 - 1 / 60) / 8)


def test_ratios_are_over_the_time_that_both_are_known() -> None:
    """A pool that was heard of for a minute weighs less than one that told all the hour."""
    told = {
        Key(A, "devices_seen"): {0: Bucket(360, 3600.0, 10, 10, 10, 3600)},
        Key(A, "devices_busy"): {0: Bucket(360, 1800.0, 5, 5, 5, 3600)},
        Key(B, "devices_seen"): {0: Bucket(6, 6000.0, 1000, 1000, 1000, 60)},
        Key(B, "devices_busy"): {0: Bucket(6, 6000.0, 1000, 1000, 1000, 60)},
    }
    [found] = all_of(told, 3600, "devices_busy")
    assert found.value == pytest.approx(100 * (5 * 3600 + 1000 * 60) / (10 * 3600 + 1000 * 60))


def test_pools_count_for_the_time_that_their_site_does_not_tell() -> None:
    told = {
        Key(SITE, "it_power"): {0: Bucket(60, 6e6, 1e5, 1e5, 1e5, 600)},
        Key(A, "it_power"): {0: Bucket(360, 360 * 9e4, 9e4, 9e4, 9e4, 3600)},
    }
    [energy] = all_of(told, 3600, "it_energy")
    assert energy.value == pytest.approx((1e5 * 600 + 9e4 * 3000) / 3.6e6)
    [power] = all_of(told, 3600, "it_power")
    assert power.value == pytest.approx((1e5 * 600 + 9e4 * 3000) / 3600)


# -- what a meter covers ---------------------------------------------------------------------------


POOLS = {f"CN.S1.C1.P{n}": 1.0 for n in range(1, 11)}
METER = {Key(SITE, "facility_power"): {0: single(1000.0)}}


def power(pool: str) -> Told:
    return {Key(f"{pool}-A", "it_power"): {0: single(100.0)}}


def test_pue_is_not_told_where_one_of_ten_pools_is_known() -> None:
    placed = Placed({"CN.S1": POOLS})
    one: Told = {**METER, **power("CN.S1.C1.P1")}
    found = BY_NAME["pue"].measure(view(one, 0, 10, placed))
    assert found.value is None
    assert "it_power of CN.S1: 1 of 10 pools" in found.why
    for pool in POOLS:
        one = {**one, **power(pool)}
    assert BY_NAME["pue"].measure(view(one, 0, 10, placed)) == Measured(1.0, {})


def test_the_same_meter_s_other_figure_is_enough() -> None:
    told = {**METER, Key(SITE, "it_power"): {0: single(800.0)}, **power("CN.S1.C1.P1")}
    found = BY_NAME["pue"].measure(view(told, 0, 10, Placed({"CN.S1": POOLS})))
    assert found == Measured(1.25, {})


def test_a_meter_of_one_building_is_not_compared_with_the_whole_site() -> None:
    told = {
        Key("CN.S1.C1-A", "facility_power"): {0: single(500.0)},
        Key(SITE, "it_power"): {0: single(800.0)},
    }
    pools = {"CN.S1.C1.P1": 1.0, "CN.S1.C2.P1": 1.0}
    found = BY_NAME["pue"].measure(view(told, 0, 10, Placed({"CN.S1": pools})))
    assert found.value is None and "facility_power of CN.S1: 1 of 2" in found.why
    other = Key("CN.S1.C2-A", "facility_power")
    whole = BY_NAME["pue"].measure(
        view({**told, other: {0: single(500.0)}}, 0, 10, Placed({"CN.S1": pools}))
    )
    assert whole.value == 1.25


def test_a_pool_that_came_halfway_draws_half() -> None:
    """Over a day: the meter tells 1,500 W and then 3,000 W, when the second pool has come."""
    told = {
        Key(SITE, "facility_power"): {0: Bucket(8640, 8640 * 2250.0, 1500, 3000, 3000, DAY_S)},
        Key(A, "it_power"): {0: Bucket(8640, 8640 * 1000.0, 1000, 1000, 1000, DAY_S)},
        Key(B, "it_power"): {0: Bucket(4320, 4320 * 1000.0, 1000, 1000, 1000, DAY_S // 2)},
    }
    placed = Placed({"CN.S1": {"CN.S1.C1.P1": 1.0, "CN.S1.C1.P2": 0.5}})
    found = BY_NAME["pue"].measure(view(told, 0, DAY_S, placed))
    assert found.value == pytest.approx(1.5)
