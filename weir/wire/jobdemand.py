"""What scheduling needs to know of a job file, in integers."""

from __future__ import annotations

from collections import Counter

from weir.core import units
from weir.core.demand import Apart, Demand, DeviceRequest, TaskGroup, Topology
from weir.wire.jobspec import Devices, JobSpec, Tasks, milliseconds, traits_of, walltime_s


def demand_of(
    spec: JobSpec, excluded_domains: tuple[str, ...] = (), pinned_pool: str | None = None
) -> Demand:
    """What scheduling needs to know of a job; `excluded_domains` is the path it has come."""
    c = spec.constraints
    return Demand(
        groups=tuple(_group(t) for t in spec.tasks),
        regions=c.regions,
        industries=c.industries,
        countries=c.countries,
        sites=c.sites,
        max_latency_us=None if c.max_latency is None else milliseconds(c.max_latency),
        max_price_micro_per_hour=(
            None if c.max_price_per_hour is None else units.parse_price_micro(c.max_price_per_hour)
        ),
        walltime_s=walltime_s(spec),
        allow_emulated=c.emulated,
        excluded_domains=tuple(sorted(excluded_domains)),
        pinned_pool=pinned_pool,
        traits=traits_of(spec),
        data=data_of(spec),
        apart=apart_of(spec),
    )


def apart_of(spec: JobSpec) -> Apart | None:
    """Which other jobs it keeps away from."""
    wish = spec.apart
    if wish is None:
        return None
    return Apart(wish.name, wish.required or wish.preferred or "", wish.required is not None)


def data_of(spec: JobSpec) -> tuple[tuple[str, int], ...]:
    """How many bytes of the job's inputs lie at which site, as far as it says."""
    found = Counter[str]()
    for given in spec.inputs:
        if given.site and given.size:
            found[given.site] += units.parse_bytes(given.size)
    return tuple(sorted(found.items()))


def _group(tasks: Tasks) -> TaskGroup:
    device = None if tasks.devices is None else _device(tasks.devices)
    derived = device is not None and device.total_gflops > 0
    return TaskGroup(
        name=tasks.name,
        count=0 if derived else (tasks.count or 1),
        cpu_milli=units.parse_cpu_milli(tasks.cpu),
        memory_bytes=units.parse_bytes(tasks.memory),
        device=device,
        stacks=tuple(v.stack for v in tasks.variants),
        fabric=tasks.fabric,
        max_per_host=tasks.max_per_host,
        exclusive=tasks.exclusive,
        topology=topology_of(tasks),
    )


def topology_of(tasks: Tasks) -> Topology | None:
    """The block that a group's tasks are to lie in together."""
    wish = tasks.topology
    if wish is None:
        return None
    return Topology(wish.required or wish.preferred or "", wish.required is not None)


def _device(devices: Devices) -> DeviceRequest:
    least, total = devices.min_performance, devices.total_performance
    either = least or total
    return DeviceRequest(
        milli=devices.milli,
        models=devices.models,
        memory_bytes=units.parse_bytes(devices.min_memory) if devices.min_memory else 0,
        precision=either.precision if either else None,
        gflops=units.parse_gflops(least.value) if least else 0,
        total_gflops=units.parse_gflops(total.value) if total else 0,
    )
