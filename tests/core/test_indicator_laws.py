"""Indicators of samples: sums once each, ratios of sums, and what is unknown stays unknown."""

from __future__ import annotations

import random

import pytest

from weir.core.indicator_view import Placed
from weir.core.indicators import INDICATORS, Measured, Readings, View
from weir.core.metrics import METRICS, out_of_bounds, refusal
from weir.core.series import Bucket, body_of, single
from weir.core.sketch import sketch

A, B = "CN.S1.C1.P1-A", "CN.S2.C1.P1-A"


def measured(name: str, readings: Readings, width_s: int = 60) -> Measured:
    [indicator] = [i for i in INDICATORS if i.name == name]
    return indicator.measure(View((), {}, readings, width_s))


def test_pue_of_many_centers_is_energy_over_energy() -> None:
    """One small wasteful center, one large thrifty one; a third knows only half of it."""
    found = measured(
        "pue",
        {
            "facility_power": {
                ("CN.S1-A", ""): 200.0,
                ("CN.S2-A", ""): 1100.0,
                ("CN.S3-A", ""): 9e9,
            },
            "it_power": {("CN.S1-A", ""): 100.0, (B, ""): 600.0, ("CN.S2.C1.P2-A", ""): 400.0},
        },
    )
    assert found.value == pytest.approx(1300 / 1100)


def test_a_meter_of_the_site_stands_for_its_pools() -> None:
    readings = {"it_power": {(A, ""): 60.0, ("CN.S1-A", ""): 100.0, (B, ""): 7.0}}
    assert measured("it_power", readings).value == 107


def test_by_two_spellings_a_subject_counts_once() -> None:
    readings = {"it_power": {("CN.S1.C1.P1-A", ""): 60.0, ("CN.S1.C1.P1-B", ""): 60.0}}
    assert measured("it_power", readings).value == 60


def test_utilization_is_weighted_by_capacity() -> None:
    readings = {
        "devices_busy": {(A, ""): 1.0, (B, ""): 0.0, ("CN.S3.C1.P1-A", ""): 5.0},
        "devices_seen": {(A, ""): 1.0, (B, ""): 99.0},
    }
    assert measured("devices_busy", readings).value == 1.0, "what is not seen is not counted"


def test_energy_is_power_over_time() -> None:
    assert measured("it_energy", {"it_power": {(A, ""): 3000.0}}, 3600).value == 3.0
    assert measured("it_energy", {}).value is None
    assert measured("emissions", {"carbon_emission": {(A, ""): 120.0}}, 60).value == 2.0


def test_percentiles_come_from_merged_bins() -> None:
    """A domain with quick starts and one with slow ones: the median is of all jobs."""
    bins = {("CN.R1-A", str(k)): float(n) for k, n in sketch([1.0] * 90).items()} | {
        ("CN.R2-A", str(k)): float(n) for k, n in sketch([1000.0] * 10).items()
    }
    found = measured("job_wait", {"job_waits": bins})
    assert found.value == pytest.approx(1.0, rel=0.0201)
    assert found.by["p99"] == pytest.approx(1000.0, rel=0.0201)


def test_parts_add_up_apart() -> None:
    readings = {"devices_health": {(A, "healthy"): 7.0, (A, "unknown"): 1.0, (B, "healthy"): 8.0}}
    found = measured("devices_health", readings)
    assert found == Measured(16, {"healthy": 15, "unknown": 1})
    assert measured("devices_healthy", readings).value == 100 * 15 / 16


def test_links_show_the_slowest_and_each() -> None:
    found = measured("link_latency", {"link_rtt": {("CN.S1.C1-A>CN-F", ""): 0.02}})
    assert found == Measured(20.0, {"CN.S1.C1>CN": 20.0})


def test_demand_and_supply_are_of_different_things() -> None:
    readings = {"demand_devices": {("CN-F", ""): 30.0}, "device_milli_total": {(A, ""): 20_000.0}}
    assert measured("demand_over_supply", readings).value == 150.0


def test_sums_do_not_depend_on_order() -> None:
    chance = random.Random(7)
    values = [(f"CN.S{n}.C1.P1-A", chance.uniform(0, 1e9)) for n in range(500)]
    totals = set()
    for _ in range(20):
        chance.shuffle(values)
        totals.add(measured("it_power", {"it_power": {(s, ""): v for s, v in values}}).value)
    assert len(totals) == 1


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.name)
def test_indicators_speak_of_metrics_that_there_are(indicator: object) -> None:
    assert set(getattr(indicator, "metrics")) <= set(METRICS)  # noqa: B009


@pytest.mark.parametrize(
    ("metric", "part", "why"),
    [
        ("nonsense", "", "no metric"),
        ("it_power", "x", "no part"),
        ("devices_health", "fine", "healthy, unhealthy, unknown"),
        ("job_waits", "p50", "whole number"),
        ("probe_up", "a b", "no part"),
    ],
)
def test_series_that_are_none_are_refused(metric: str, part: str, why: str) -> None:
    said = refusal(metric, part)
    assert said is not None and why in said
    assert refusal("it_power", "") is refusal("devices_health", "unknown") is None


@pytest.mark.parametrize(
    "bucket",
    [
        single(-1.0),
        single(1e30),
        single(float("nan")),
        single(float("inf")),
        Bucket(2, 100.0, 1.0, 2.0, 1.0),
        Bucket(0, 0.0, 0.0, 0.0, 0.0),
    ],
)
def test_values_that_are_no_measurement_are_refused(bucket: Bucket) -> None:
    assert out_of_bounds(METRICS["it_power"], bucket) is not None
    assert out_of_bounds(METRICS["it_power"], single(5.0)) is None


def test_of_a_thousand_links_the_worst_are_named_and_all_are_counted() -> None:
    rtt = {(f"CN.S{n}.C1-A>CN-F", ""): n / 10_000 for n in range(1, 1001)}
    found = measured("link_latency", {"link_rtt": rtt})
    assert found.value == 100.0 and len(found.by) == 20
    assert min(v for v in found.by.values() if v is not None) == pytest.approx(98.1)
    circles = measured("links_by_latency", {"link_rtt": rtt})
    assert circles == Measured(1000, {"1 ms": 10, "5 ms": 40, "20 ms": 150, "beyond": 800})
    narrow = measured("link_bandwidth", {"link_bandwidth": rtt})
    assert narrow.value == 0.1 and max(v or 0 for v in narrow.by.values()) == 0.002


def test_sources_are_as_old_as_the_oldest_of_each_probe() -> None:
    ages = {(A, "dcgm"): 5.0, (B, "dcgm"): 40.0, (B, "racks"): 7.0}
    assert measured("sources_age", {"probe_age": ages}) == Measured(40, {"dcgm": 40, "racks": 7})


def test_devices_are_told_by_model_and_health() -> None:
    view = View(
        (),
        {},
        {"devices_health": {(A, "healthy"): 7.0, (A, "unhealthy"): 1.0, (B, "healthy"): 8.0}},
        placed=Placed(models={body_of(A): "h100", body_of(B): "910b"}),
    )
    [indicator] = [i for i in INDICATORS if i.name == "devices_health_by_model"]
    found = {"910b healthy": 8, "h100 healthy": 7, "h100 unhealthy": 1}
    assert indicator.measure(view) == Measured(16, found)


def test_a_standard_rack_is_what_the_domain_says() -> None:
    watts = {"rack_power_capacity": {("CN.S1-A", ""): 60_000.0, ("CN.S2-A", ""): 15_000.0}}
    [indicator] = [i for i in INDICATORS if i.name == "racks_by_power"]
    assert indicator.measure(View((), {}, watts)).value == 30
    assert indicator.measure(View((), {}, watts, rack_w=6000)).value == 12.5


def test_scores_are_of_the_figures_beside_them() -> None:
    held = {"device_milli_held": {(A, ""): 4000.0}, "device_milli_total": {(A, ""): 16_000.0}}
    assert measured("cats_compute", held).value == 7.5
    cores = {"cpu_milli_held": {(A, ""): 1000.0}, "cpu_milli_total": {(A, ""): 2000.0}}
    assert measured("cats_compute", cores).value == 5.0
    near, far = ("CN.S1.C1-A>CN-F", ""), ("CN.S2.C1-A>CN-F", "")
    links = {
        "link_rtt": {near: 0.0009, far: 0.004},
        "link_sent": {near: 10.0, far: 10.0},
        "link_lost": {near: 0.0, far: 5.0},
    }
    assert measured("cats_communication", links).value == (10 + 8 * 0.5) / 2
    ended = {"jobs_ended": {("CN-F", "succeeded"): 9.0, ("CN-F", "failed"): 1.0}}
    assert measured("cats_service", ended).value == pytest.approx(9.0)
    assert measured("cats_service", {}).value is None
