"""Checks of a demand against the room of a pool with nothing running: its hosts, all of it, its
price.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from weir.core.demand import Demand
from weir.core.inventory import DEVICE_MILLI
from weir.core.plan import Reason
from weir.core.units import show_bytes, show_cpu_milli, show_devices_milli, show_price_micro
from weir.scheduling.checks import Check, device_requests, required_levels, without_level
from weir.scheduling.columns import UNKNOWN, Bools, Ints, PoolColumns
from weir.scheduling.figures import Measure, any_of, show_performance, tasks_text
from weir.scheduling.packing import MOST
from weir.scheduling.tasks import Tasks, performance_of, plain_claim, room_on_host


def room(c: PoolColumns, demand: Demand, tasks: Tasks) -> Iterator[Check]:
    """One task against one host, the gang against the pool (only where hosts do), and the price."""
    hosts_do = tasks.known.copy()
    for check in _hosts(c, demand):
        hosts_do &= ~check.failing
        yield check
    if any(r.milli for r in device_requests(demand)):
        hosts_do &= c.host_devices > 0
    yield from _gang(c, demand, tasks, hosts_do)
    yield from _price(demand, tasks)


def _hosts(c: PoolColumns, demand: Demand) -> Iterator[Check]:
    """The largest task in each respect; a pool without any device has a reason of its own."""
    milli = max((r.milli for r in device_requests(demand)), default=0)
    if milli:
        devices = Measure(c.host_devices * DEVICE_MILLI, _per_host(show_devices_milli, "devices"))
        failing = (c.host_devices > 0) & (c.host_devices < -(-milli // DEVICE_MILLI))
        yield Check(Reason.HOST_DEVICES, failing, devices.show(milli), devices)
    cpu = max((g.cpu_milli for g in demand.groups), default=0)
    cores = Measure(c.host_cpu, _per_host(show_cpu_milli, "cores"))
    yield Check(Reason.HOST_CPU, c.host_cpu < cpu, cores.show(cpu), cores)
    memory = max((g.memory_bytes for g in demand.groups), default=0)
    size = Measure(c.host_memory, _per_host(show_bytes))
    yield Check(Reason.HOST_MEMORY, c.host_memory < memory, size.show(memory), size)


def _per_host(show: Callable[[int], str], noun: str = "") -> Callable[[int], str]:
    return lambda value: " ".join(filter(None, (show(value), noun, "per host")))


def _gang(c: PoolColumns, demand: Demand, tasks: Tasks, hosts_do: Bools) -> Iterator[Check]:
    """All tasks against the empty pool, as many on a host as it takes and then as many as may be.
    What there is is counted in tasks.
    """
    wanted = tasks
    if any(g.max_per_host or g.topology for g in demand.groups):
        tasks = _with_groups(wanted, max_per_host=None, topology=None)
    has, failing = _room(c, tasks, hosts_do)
    yield Check(Reason.GANG, failing, *_gang_texts(c, demand, tasks, has))
    if tasks is wanted:
        return
    hosts_do = hosts_do & ~failing
    if any(g.max_per_host for g in demand.groups):
        has, failing = _room(c, _with_groups(wanted, topology=None), hosts_do)
        most = dict.fromkeys(g.max_per_host for g in demand.groups if g.max_per_host)
        per_host = per_host_text(" or ".join(map(str, most)))
        needed = f"{_gang_texts(c, demand, tasks, has)[0]}, {per_host}"
        yield Check(Reason.SPREAD, failing, needed, Measure(has, tasks_text))
        hosts_do = hosts_do & ~failing
    if levels := required_levels(demand):
        for level in levels:
            hosts_do = hosts_do & ~without_level(c, level)
        has, failing = _room(c, wanted, hosts_do)
        needed = f"{_gang_texts(c, demand, tasks, has)[0]}, {within_text(levels)}"
        yield Check(Reason.BLOCK, failing, needed, Measure(has, tasks_text))


def _with_groups(tasks: Tasks, **wishes: None) -> Tasks:
    """The same tasks without some of their groups' wishes."""
    demand = tasks.demand
    groups = [replace(g, **wishes) for g in demand.groups]  # type: ignore[arg-type]  # by name
    return replace(tasks, demand=replace(demand, groups=tuple(groups)))


def within_text(levels: Sequence[str]) -> str:
    """`in one rack`."""
    return f"in one {any_of(levels)}"


def per_host_text(most: int | str) -> str:
    """`at most 2 per host`."""
    return f"at most {most} per host"


def _room(c: PoolColumns, tasks: Tasks, rows: Bools) -> tuple[Ints, Bools]:
    """How many tasks there is room for when a pool is empty, unknown but for `rows`; and where
    that is too few.
    """
    demand = tasks.demand
    if len(demand.groups) == 1 and not required_levels(demand):
        each = room_on_host(c, plain_claim(demand.groups[0], 0))
        if int(each.max(initial=0)) * int(c.hosts.max(initial=0)) > MOST:
            each = np.minimum(each, MOST // np.maximum(1, c.hosts))
        has = np.where(rows, each * c.hosts, UNKNOWN)
        return has, rows & (has < tasks.counts[0])
    has = np.full(len(c), UNKNOWN, dtype=np.int64)
    failing = np.zeros(len(c), dtype=np.bool_)
    seen: dict[tuple[tuple[int, int], tuple[int, ...]], int] = {}
    for row in np.flatnonzero(rows).tolist():
        key = (int(c.empty.codes[row]), int(c.levels.codes[row])), tasks.on(row)
        if key not in seen:
            seen[key] = tasks.fitting(row, c.empty.of_row(row))
        has[row] = seen[key]
        failing[row] = seen[key] < sum(key[1])
    return has, failing


def _gang_texts(c: PoolColumns, demand: Demand, tasks: Tasks, has: Ints) -> tuple[str, Measure]:
    """The gang in tasks, or in performance where that is what was asked for."""
    if tasks.uniform:
        return tasks_text(sum(g.count for g in demand.groups)), Measure(has, tasks_text)
    request = demand.groups[0].device
    if len(demand.groups) > 1 or request is None:
        return "all tasks", Measure(has, tasks_text)
    speed = [
        -1 if count < 0 else count * each * request.milli // DEVICE_MILLI
        for count, each in zip(has.tolist(), performance_of(c, request).tolist(), strict=True)
    ]
    needed = show_performance(request.total_gflops, request.precision)
    return needed, Measure(
        np.array(speed, dtype=object), lambda v: show_performance(v, request.precision)
    )


def _price(demand: Demand, tasks: Tasks) -> Iterator[Check]:
    most = demand.max_price_micro_per_hour
    if most is not None:
        prices = tasks.price_micro_per_hour
        measure = Measure(prices, lambda v: f"{show_price_micro(v)} per hour", low=True)
        failing = tasks.known & (prices > most).astype(np.bool_)
        yield Check(Reason.PRICE, failing, measure.show(most), measure)
