"""The indicators: one table. Each names its unit, its definition, and the law by which it adds up.

Laws of aggregation:
- SUM: over pools, each identifier once.
- RATIO: sum of numerators over sum of denominators, never a mean of ratios.
- COUNT: how many distinct identifiers.
Performance of different precisions is never added together; unknown is null, never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from weir.core import devices
from weir.core.devices import Precision
from weir.core.inventory import DEVICE_MILLI, FreeShape, Pool


class Law(StrEnum):
    """How an indicator of parts becomes one of the whole."""

    SUM = "sum"
    RATIO = "ratio of sums"
    COUNT = "count of distinct"


@dataclass(frozen=True, slots=True)
class PoolNow:
    """A pool and what is left of it, the viewer's own runs counted."""

    pool: Pool
    left: tuple[FreeShape, ...]
    silent: bool


@dataclass(frozen=True, slots=True)
class View:
    """What the indicators of a domain are computed from: every pool once, and jobs by state."""

    pools: Sequence[PoolNow]
    jobs: Mapping[str, int]


Value = int | float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """An indicator's value, and its parts where it has parts (by precision, model, state ...)."""

    value: Value
    by: Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Indicator:
    """A defined quantity."""

    name: str
    label: str
    label_zh: str
    unit: str
    law: Law
    definition: str
    measure: Callable[[View], Measured]


def nominal_gflops(pool: Pool, precision: Precision) -> int | None:
    """All devices of a pool at a precision, by the catalogue's nominal figures; null if unknown."""
    if pool.device_model is None:
        return None
    figure = devices.find(pool.device_model).nominal.get(precision)
    return None if figure is None else figure.value * pool.devices


def ratio(numerator: int, denominator: int) -> float | None:
    """A ratio in percent; null where there is nothing to divide by."""
    return None if denominator == 0 else 100.0 * numerator / denominator


def _count(of: Callable[[Pool], str]) -> Callable[[View], Measured]:
    return lambda view: Measured(len({of(n.pool) for n in view.pools}), {})


def _hosts(view: View) -> Measured:
    return Measured(sum(n.pool.hosts for n in view.pools), {})


def _devices(view: View) -> Measured:
    by: Counter[str] = Counter()
    for now in view.pools:
        if now.pool.device_model is not None:
            by[now.pool.device_model] += now.pool.devices
    return Measured(sum(by.values()), dict(sorted(by.items())))


def _emulated(view: View) -> Measured:
    return Measured(sum(n.pool.devices for n in view.pools if n.pool.emulated), {})


def _performance(view: View) -> Measured:
    """By precision only: there is no total over precisions."""
    by: dict[str, Value] = {}
    for precision in Precision:
        known = [nominal_gflops(n.pool, precision) for n in view.pools]
        values = [v for v in known if v is not None]
        by[precision] = sum(values) if values else None
    return Measured(None, by)


def _unknown_performance(view: View) -> Measured:
    """Devices whose nominal figure has no acceptable source, by precision: what the totals lack."""
    by: dict[str, Value] = {}
    for precision in (Precision.FP64, Precision.FP32, Precision.FP16, Precision.BF16):
        by[precision] = sum(
            n.pool.devices
            for n in view.pools
            if n.pool.devices and nominal_gflops(n.pool, precision) is None
        )
    return Measured(None, by)


def _allocated_devices(view: View) -> Measured:
    total = sum(n.pool.devices for n in view.pools) * DEVICE_MILLI
    left = sum(f.hosts * f.device_milli for n in view.pools for f in n.left)
    return Measured(ratio(total - left, total), {})


def _allocated_cpu(view: View) -> Measured:
    total = sum(n.pool.hosts * n.pool.shape.cpu_milli for n in view.pools)
    left = sum(f.hosts * f.cpu_milli for n in view.pools for f in n.left)
    return Measured(ratio(total - left, total), {})


def _cores(view: View) -> Measured:
    return Measured(sum(n.pool.hosts * n.pool.shape.cpu_milli for n in view.pools) / 1000, {})


def _memory(view: View) -> Measured:
    return Measured(sum(n.pool.hosts * n.pool.shape.memory_bytes for n in view.pools), {})


def _silent(view: View) -> Measured:
    return Measured(sum(n.silent for n in view.pools), {})


def _jobs(view: View) -> Measured:
    return Measured(sum(view.jobs.values()), dict(sorted(view.jobs.items())))


INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        "sites",
        "Sites",
        "算力中心数",
        "1",
        Law.COUNT,
        "Computing centers that have a pool in the network, each identifier once.",
        _count(lambda p: p.site),
    ),
    Indicator(
        "pools",
        "Pools",
        "资源池数",
        "1",
        Law.COUNT,
        "Pools of equal hosts, each identifier once by however many ways it is seen.",
        _count(lambda p: p.id),
    ),
    Indicator(
        "pools_silent",
        "Pools out of touch",
        "失联资源池数",
        "1",
        Law.SUM,
        "Pools whose cluster has not been heard of within the lease.",
        _silent,
    ),
    Indicator("hosts", "Hosts", "主机数", "1", Law.SUM, "Machines of all pools.", _hosts),
    Indicator(
        "cpu_cores", "CPU cores", "处理器核数", "cores", Law.SUM, "Cores of all hosts.", _cores
    ),
    Indicator(
        "memory", "Memory", "内存容量", "bytes", Law.SUM, "Main memory of all hosts.", _memory
    ),
    Indicator(
        "devices",
        "Accelerators",
        "加速卡数",
        "1",
        Law.SUM,
        "Accelerators of all pools, by model.",
        _devices,
    ),
    Indicator(
        "devices_emulated",
        "Accelerators that are emulated",
        "其中模拟加速卡数",
        "1",
        Law.SUM,
        "Accelerators declared as emulated: they are counted above, and are not real.",
        _emulated,
    ),
    Indicator(
        "performance_nominal",
        "Nominal performance",
        "标称算力",
        "GFLOPS",
        Law.SUM,
        "Dense nominal performance of all accelerators by precision (GOPS for INT8). Never added "
        "over precisions; devices without a sourced figure are left out and counted below.",
        _performance,
    ),
    Indicator(
        "performance_unknown",
        "Accelerators without a nominal figure",
        "无标称值的加速卡数",
        "1",
        Law.SUM,
        "Accelerators that the totals of nominal performance lack, by precision.",
        _unknown_performance,
    ),
    Indicator(
        "devices_allocated",
        "Accelerators allocated",
        "加速卡分配率",
        "%",
        Law.RATIO,
        "Milli-devices that runs hold, over all milli-devices.",
        _allocated_devices,
    ),
    Indicator(
        "cpu_allocated",
        "CPU allocated",
        "处理器分配率",
        "%",
        Law.RATIO,
        "Milli-cores that runs hold, over all milli-cores.",
        _allocated_cpu,
    ),
    Indicator(
        "jobs",
        "Jobs",
        "作业数",
        "1",
        Law.SUM,
        "Jobs submitted at this domain, by state; those handed over by other domains count there.",
        _jobs,
    ),
)
