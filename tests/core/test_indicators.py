"""Every indicator by its law: sums of pools, ratios of sums, counts of what is distinct."""

from typing import Any

import pytest

from tests.scheduling.builders import ASCEND, GIB, H100, pool
from weir.core import devices
from weir.core.devices import Precision
from weir.core.indicators import INDICATORS, Law, Measured, PoolNow, View, nominal_gflops, ratio
from weir.core.inventory import FreeShape, Pool


def now(pool: Pool, *left: FreeShape, silent: bool = False) -> PoolNow:
    return PoolNow(pool, left or pool.free, silent)


def measured(name: str, *pools: PoolNow, **jobs: int) -> Measured:
    [indicator] = [i for i in INDICATORS if i.name == name]
    return indicator.measure(View(pools, jobs))


def test_sums_add_up_over_pools() -> None:
    two = now(pool("a", hosts=2, devices=8)), now(pool("b", hosts=3, devices=0, cpu=4, memory=8))
    assert measured("hosts", *two).value == 5
    assert measured("cpu_cores", *two).value == 2 * 64 + 3 * 4
    assert measured("memory", *two).value == (2 * 512 + 3 * 8) * GIB
    assert measured("devices", *two) == Measured(16, {H100: 16})


def test_a_ratio_is_of_the_sums_and_not_the_mean_of_ratios() -> None:
    busy = pool("busy", hosts=1, devices=8, cpu=64)
    idle = pool("idle", hosts=9, devices=8, cpu=64)
    full = FreeShape(0, 0, (), 1)
    assert measured("devices_allocated", now(busy, full), now(idle)).value == 10.0
    assert measured("cpu_allocated", now(busy, full), now(idle)).value == 10.0


def test_a_share_of_a_device_counts_as_its_share() -> None:
    one = pool("a", hosts=1, devices=2)
    left = FreeShape(64_000, 512 * GIB, ((500, 1), (1000, 1)), 1)
    assert measured("devices_allocated", now(one, left)).value == 25.0


def test_what_there_is_nothing_of_has_no_ratio() -> None:
    assert ratio(0, 0) is None
    assert measured("devices_allocated", now(pool("cpu", devices=0))).value is None
    assert measured("cpu_allocated").value is None


def test_counts_are_of_what_is_distinct() -> None:
    two = now(pool("a", site="s1")), now(pool("b", site="s1")), now(pool("c", site="s2"))
    assert measured("sites", *two).value == 2
    assert measured("pools", *two).value == 3


def test_performance_is_by_precision_and_never_one_total() -> None:
    found = measured("performance_nominal", now(pool("a", hosts=1, devices=8, model=H100)))
    figure = devices.find(H100).nominal[Precision.FP16]
    assert figure is not None
    assert found.value is None
    assert found.by[Precision.FP16] == 8 * figure.value


def test_unknown_performance_is_null_and_counted_apart() -> None:
    unknown = next(m.name for m in devices.all_models() if m.nominal.get(Precision.FP64) is None)
    known = now(pool("a", hosts=1, devices=8, model=H100))
    missing = now(pool("b", hosts=1, devices=4, model=unknown))
    assert nominal_gflops(missing.pool, Precision.FP64) is None
    assert measured("performance_nominal", missing).by[Precision.FP64] is None
    both = measured("performance_nominal", known, missing)
    assert both.by[Precision.FP64] == measured("performance_nominal", known).by[Precision.FP64]
    assert measured("performance_unknown", known, missing).by[Precision.FP64] == 4


def test_pools_without_accelerators_know_of_no_performance() -> None:
    by = measured("performance_nominal", now(pool("cpu", devices=0))).by
    assert set(by) == set(Precision)
    assert set(by.values()) == {None}


def test_what_was_measured_counts_by_device_and_by_host_where_there_is_none() -> None:
    figures = (("fp64", 100),)
    with_devices = pool("a", hosts=2, devices=8, measured_gflops=figures)
    two = now(with_devices), now(pool("b", hosts=3, devices=0, measured_gflops=figures))
    assert measured("performance_measured", *two).by == {"fp64": 16 * 100 + 3 * 100}


def test_emulated_and_silent_pools_are_counted_and_said() -> None:
    two = now(pool("a", emulated=True), silent=True), now(pool("b", model=ASCEND))
    assert measured("devices", *two) == Measured(32, {ASCEND: 16, H100: 16})
    assert measured("devices_emulated", *two).value == 16
    assert measured("pools_silent", *two).value == 1


def test_jobs_add_up_over_their_states() -> None:
    assert measured("jobs", running=2, waiting=3) == Measured(5, {"running": 2, "waiting": 3})


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.name)
def test_every_indicator_is_defined_and_can_measure_nothing(indicator: Any) -> None:
    assert indicator.law in Law
    assert indicator.definition.endswith(".")
    assert indicator.label and indicator.label_zh and indicator.unit
    empty = indicator.measure(View((), {}))
    assert not empty.value
    if indicator.law is Law.RATIO:
        assert empty.value is None


def test_names_of_indicators_are_distinct() -> None:
    names = [i.name for i in INDICATORS]
    assert len(set(names)) == len(names)
