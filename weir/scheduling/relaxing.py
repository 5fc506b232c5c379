"""How each wish is relaxed: by as little as admits any of the pools that fail for it alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.core.devices import all_models
from weir.core.inventory import DEVICE_MILLI
from weir.core.plan import Reason
from weir.scheduling.checks import Check, required_levels
from weir.scheduling.columns import Ints
from weir.scheduling.figures import Measure, Names, any_of, show_performance
from weir.scheduling.room import per_host_text

T = TypeVar("T", Demand, TaskGroup)

Relaxed = tuple[Demand, str] | None
Relax = Callable[[Demand, Check, Ints], Relaxed]


def _best(check: Check, rows: Ints) -> int | None:
    return check.has.best(rows) if isinstance(check.has, Measure) else None


def _with(value: T, **fields: Any) -> T:
    """`replace`, for fields that are named by a table."""
    return replace(value, **fields)


def of_groups(demand: Demand, change: Callable[[TaskGroup], TaskGroup]) -> Demand:
    """The demand with every group changed."""
    return replace(demand, groups=tuple(change(g) for g in demand.groups))


def _requests(demand: Demand, change: Callable[[DeviceRequest], DeviceRequest]) -> Demand:
    return of_groups(demand, lambda g: replace(g, device=change(g.device) if g.device else None))


def preferred(group: TaskGroup) -> TaskGroup:
    """The group with its block only preferred."""
    wish = group.topology
    return replace(group, topology=replace(wish, required=False)) if wish else group


def topology_texts(levels: Sequence[str]) -> tuple[str, str]:
    """What was wanted of blocks, and what would do instead."""
    return f"{any_of(levels)} required", f"{any_of(levels)} preferred"


def _any_model(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    def drop(request: DeviceRequest) -> DeviceRequest:
        return replace(request, models=()) if any_of(request.models) == check.needed else request

    return _requests(demand, drop), "any"


def _any_block(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    return of_groups(demand, preferred), topology_texts(required_levels(demand))[1]


def _any_fabric(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    def drop(group: TaskGroup) -> TaskGroup:
        return replace(group, fabric=()) if any_of(group.fabric) == check.needed else group

    return of_groups(demand, drop), "any"


def _one_more_stack(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    """A variant of the command for the stack that most of these pools have."""
    has = check.has.of_row if isinstance(check.has, Names) else (lambda _: ())
    counts = Counter(t for row in rows for t in has(row) if t in _STACKS)
    if not counts:
        return None
    stack = min(counts, key=lambda name: (-counts[name], name))

    def more(group: TaskGroup) -> TaskGroup:
        same = any_of(group.stacks) == check.needed
        return replace(group, stacks=(*group.stacks, stack)) if same else group

    return of_groups(demand, more), f"also a variant for {stack}"


def _less_device_memory(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    best = _best(check, rows)
    least = best or 0
    lower = _requests(demand, lambda r: replace(r, memory_bytes=min(least, r.memory_bytes)))
    return lower, "any" if best is None else check.has.text(rows)


def _less_performance(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    best = _best(check, rows)

    def lower(request: DeviceRequest) -> DeviceRequest:
        same = show_performance(request.gflops, request.precision) == check.needed
        return replace(request, gflops=min(best or 0, request.gflops)) if same else request

    return _requests(demand, lower), "any" if best is None else check.has.text(rows)


def _whole_devices(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    def more(request: DeviceRequest) -> DeviceRequest:
        share = 0 < request.milli < DEVICE_MILLI
        return replace(request, milli=DEVICE_MILLI) if share else request

    return _requests(demand, more), "1 device"


def _smaller_tasks(field: str) -> Relax:
    def relax(demand: Demand, check: Check, rows: Ints) -> Relaxed:
        best = _best(check, rows)
        if not best:
            return None
        lower = of_groups(demand, lambda g: _with(g, **{field: min(best, getattr(g, field))}))
        return lower, check.has.text(rows)

    return relax


def _fewer_devices(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    best = _best(check, rows) or 0
    return _requests(demand, lambda r: replace(r, milli=min(best, r.milli))), check.has.text(rows)


def _smaller_gang(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    """Fewer tasks, or less performance in all: only for a job of one group."""
    best = _best(check, rows)
    if len(demand.groups) != 1 or not best:
        return None
    device = demand.groups[0].device
    if device and device.total_gflops:
        return _requests(demand, lambda r: replace(r, total_gflops=best)), check.has.text(rows)
    return of_groups(demand, lambda g: replace(g, count=best)), check.has.text(rows)


def _more_per_host(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    """As many tasks on a host as are needed where fewest are, for a job of one group."""

    def relax(most: int | None) -> Demand:
        return of_groups(demand, lambda g: replace(g, max_per_host=g.max_per_host and most))

    group, has = demand.groups[0], _best(check, rows)
    if len(demand.groups) > 1 or not has or not group.count or not group.max_per_host:
        return relax(None), "as many per host as fit"
    hosts = has // group.max_per_host
    most = -(-group.count // hosts)
    return relax(most), per_host_text(most)


def _without(field: str) -> Relax:
    return lambda demand, check, rows: (_with(demand, **{field: ()}), "any")


def _up_to_best(field: str) -> Relax:
    """The limit moved to the best there is; dropped where the pools' own value is unknown."""

    def relax(demand: Demand, check: Check, rows: Ints) -> Relaxed:
        best = _best(check, rows)
        return _with(demand, **{field: best}), "any" if best is None else check.has.text(rows)

    return relax


def _emulated_too(demand: Demand, check: Check, rows: Ints) -> Relaxed:
    return replace(demand, allow_emulated=True), "emulated devices too"


_STACKS = frozenset(stack for model in all_models() for stack in model.stacks)

RELAX: Mapping[Reason, Relax] = {
    Reason.DEVICE_MODEL: _any_model,
    Reason.DEVICE_MEMORY: _less_device_memory,
    Reason.DEVICE_PERFORMANCE: _less_performance,
    Reason.DEVICE_SHARE: _whole_devices,
    Reason.STACK: _one_more_stack,
    Reason.FABRIC: _any_fabric,
    Reason.HOST_CPU: _smaller_tasks("cpu_milli"),
    Reason.HOST_MEMORY: _smaller_tasks("memory_bytes"),
    Reason.HOST_DEVICES: _fewer_devices,
    Reason.GANG: _smaller_gang,
    Reason.SPREAD: _more_per_host,
    Reason.TOPOLOGY: _any_block,
    Reason.BLOCK: _any_block,
    Reason.REGION: _without("regions"),
    Reason.INDUSTRY: _without("industries"),
    Reason.COUNTRY: _without("countries"),
    Reason.SITE: _without("sites"),
    Reason.LATENCY: _up_to_best("max_latency_us"),
    Reason.PRICE: _up_to_best("max_price_micro_per_hour"),
    Reason.WALLTIME: _up_to_best("walltime_s"),
    Reason.EMULATED: _emulated_too,
}
"""How each wish is relaxed. DEVICE_NONE, LOOP and PINNED are no wishes that a person can change."""
