"""What scheduling needs to know of a job file, in integers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from weir.core import units
from weir.core.demand import Apart, Demand, DeviceRequest, TaskGroup, Topology
from weir.core.inventory import DEVICE_MILLI
from weir.wire.jobspec import (
    CONTAINER,
    ENVIRONMENTS,
    Devices,
    JobSpec,
    Tasks,
    milliseconds,
    traits_of,
    walltime_s,
)


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


def wishes_of(demand: Demand) -> dict[str, Any]:
    """The fields of a job file that ask for this, with a command that does nothing: `demand_of` of
    them is the same again, but for the walltime, the pool that it is pinned to and where it has
    been.
    """
    wishes: dict[str, Any] = {"tasks": [_tasks_of(g) for g in demand.groups]}
    where: dict[str, Any] = {
        name: list(values)
        for name in ("regions", "industries", "countries", "sites")
        if (values := getattr(demand, name))
    }
    if demand.max_latency_us is not None:
        where["max_latency"] = f"{demand.max_latency_us}us"
    if demand.max_price_micro_per_hour is not None:
        where["max_price_per_hour"] = units.show_price_micro(demand.max_price_micro_per_hour)
    if not demand.allow_emulated:
        where["emulated"] = False
    inputs: list[dict[str, Any]] = [
        {"path": f"data-{number}", "url": "file:///-", "site": site, "size": str(size)}
        for number, (site, size) in enumerate(demand.data)
    ]
    if CONTAINER in demand.traits:
        wishes["image"] = "docker://any"
    if ENVIRONMENTS in demand.traits:
        wishes["requirements"] = "requirements.txt"
        inputs.append({"path": "requirements.txt", "text": ""})
    if demand.apart is not None:
        wishes["apart"] = {"name": demand.apart.name, **_level(demand.apart)}
    return {
        **wishes,
        **({"constraints": where} if where else {}),
        **({"inputs": inputs} if inputs else {}),
    }


def _level(wish: Apart | Topology) -> dict[str, str]:
    return {"required" if wish.required else "preferred": wish.level}


def _tasks_of(group: TaskGroup) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": group.name,
        "cpu": f"{group.cpu_milli}m",
        "memory": str(group.memory_bytes),
    }
    if group.count:
        found["count"] = group.count
    if group.device is not None:
        found["devices"] = _devices_of(group.device)
    if group.max_per_host is not None:
        found["max_per_host"] = group.max_per_host
    if group.exclusive:
        found["exclusive"] = True
    if group.fabric:
        found["fabric"] = list(group.fabric)
    if group.topology is not None:
        found["topology"] = _level(group.topology)
    if group.stacks:
        found["variants"] = [{"stack": stack, "command": ["-"]} for stack in group.stacks]
    else:
        found["command"] = ["-"]
    return found


def _devices_of(device: DeviceRequest) -> dict[str, Any]:
    whole, share = divmod(device.milli, DEVICE_MILLI)
    found: dict[str, Any] = {"share": share / DEVICE_MILLI} if share else {"count": whole}
    if device.models:
        found["models"] = list(device.models)
    if device.memory_bytes:
        found["min_memory"] = str(device.memory_bytes)
    for name, gflops in (
        ("min_performance", device.gflops),
        ("total_performance", device.total_gflops),
    ):
        if gflops and device.precision is not None:
            found[name] = {"precision": device.precision.value, "value": f"{gflops} GFLOPS"}
    return found
