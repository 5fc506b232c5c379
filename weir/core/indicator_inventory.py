"""The indicators that are computed from inventory and jobs: what there is, and what is held of it.

Performance of different precisions is never added together; unknown is null, never 0.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import cache

from weir.core import devices
from weir.core.devices import Precision
from weir.core.indicator_laws import (
    Indicator,
    IndicatorKind,
    Law,
    Measured,
    PoolNow,
    Value,
    View,
    ratio,
)
from weir.core.inventory import DEVICE_MILLI, Pool

CIRCLES_MS = (1, 5, 20)
"""The latency circles: a city, a region, across hubs; round trip in milliseconds."""


def nominal_gflops(pool: Pool, precision: Precision) -> int | None:
    """All devices of a pool at a precision, by the catalogue's nominal figures; null if unknown."""
    if pool.device_model is None:
        return None
    figure = _nominal_of(pool.device_model, precision)
    return None if figure is None else figure * pool.devices


@cache
def _nominal_of(model: str, precision: Precision) -> int | None:
    """One device's, kept: with thousands of pools finding the model by its name is most of it."""
    figure = devices.find(model).nominal.get(precision)
    return None if figure is None else figure.value


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


def _in_use(view: View) -> Measured:
    """Nominal performance times the share of the pool's devices that runs hold, by precision."""
    by: dict[str, Value] = {}
    held = [(n.pool, _held_milli(n)) for n in view.pools if n.pool.devices]
    for precision in Precision:
        known = [
            (figure, milli, pool.devices * DEVICE_MILLI)
            for pool, milli in held
            if (figure := nominal_gflops(pool, precision)) is not None
        ]
        by[precision] = sum(f * held // of for f, held, of in known) if known else None
    return Measured(None, by)


def _held_milli(now: PoolNow) -> int:
    left = sum(f.hosts * f.device_milli for f in now.left)
    return max(0, now.pool.devices * DEVICE_MILLI - left)


def _measured_performance(view: View) -> Measured:
    """What was measured on the pools themselves, by precision; of pools without devices by host."""
    by: dict[str, Value] = {}
    for now in view.pools:
        for precision, figure in now.pool.measured_gflops:
            by[precision] = (by.get(precision) or 0) + figure * (now.pool.devices or now.pool.hosts)
    return Measured(None, dict(sorted(by.items())))


def _circles(view: View) -> Measured:
    """Accelerators by the smallest circle that their pool's round trip fits into."""
    by: Counter[str] = Counter()
    for now in view.pools:
        by[_circle(now.pool.latency_us)] += now.pool.devices
    return Measured(None, dict(by))


def _circle(latency_us: int | None) -> str:
    if latency_us is None:
        return "unknown"
    return next((f"{c} ms" for c in CIRCLES_MS if latency_us <= c * 1000), "beyond")


FROM_INVENTORY: tuple[Indicator, ...] = (
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
    Indicator(
        "performance_in_use",
        "Nominal performance in use",
        "在用标称算力",
        "GFLOPS",
        Law.SUM,
        "Nominal performance of each pool times the share of its devices that runs hold, by "
        "precision. Never added over precisions.",
        _in_use,
        IndicatorKind.USE,
    ),
    Indicator(
        "performance_measured",
        "Measured performance",
        "实测算力",
        "GFLOPS",
        Law.SUM,
        "Dense performance as measured on the pools themselves, by precision (GOPS for INT8); "
        "pools without a measurement are left out. Never added over precisions.",
        _measured_performance,
    ),
    Indicator(
        "latency_circles",
        "Accelerators by latency circle",
        "时延圈内加速卡数",
        "1",
        Law.SUM,
        "Accelerators by the smallest circle, 1, 5 or 20 ms, that the round trip from this domain "
        "to their pool fits into.",
        _circles,
        IndicatorKind.NETWORK,
        "circles of the national hubs: 1 ms city, 5 ms region, 20 ms across hubs",
    ),
)
