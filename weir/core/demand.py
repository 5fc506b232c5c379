"""What a job asks of a place: the part of a job that scheduling looks at, and nothing else.

Two jobs with equal `Demand` are of one shape and are judged once. The value is hashable; amounts
are per task unless the name says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from weir.core.devices import Precision
from weir.core.inventory import DEVICE_MILLI


@dataclass(frozen=True, slots=True)
class DeviceRequest:
    """Accelerators for one task.

    `milli` is 1000 per whole device, or less than 1000 for a share of one. `models` are canonical
    names, any of which will do; empty means any. `memory_bytes` and `gflops` are least values of
    one device (`gflops` at `precision`). `total_gflops` is for the whole group and decides how many
    tasks it has on a given model.
    """

    milli: int = DEVICE_MILLI
    models: tuple[str, ...] = ()
    memory_bytes: int = 0
    precision: Precision | None = None
    gflops: int = 0
    total_gflops: int = 0


@dataclass(frozen=True, slots=True)
class Topology:
    """All tasks of a group in one block of a level, as `rack`; or, unless it is `required`, where
    one has room.
    """

    level: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """A gang: `count` equal tasks that start together or not at all.

    `count` is 0 where `device.total_gflops` decides it. `stacks` are the software stacks (traits of
    a pool) that the command has a variant for, in order of preference; empty means that it runs
    anywhere. At most `max_per_host` of the tasks lie on one host (None: as many as fit). The hosts
    of an `exclusive` group carry nothing else, and it holds them whole. `topology` is the block
    that they lie in together.
    """

    name: str
    count: int
    cpu_milli: int
    memory_bytes: int
    device: DeviceRequest | None = None
    stacks: tuple[str, ...] = ()
    fabric: tuple[str, ...] = ()
    max_per_host: int | None = None
    exclusive: bool = False
    topology: Topology | None = None


APART_LEVELS = ("pool", "cluster", "site", "region")
"""What jobs can be kept apart by, the smallest first: what the record of a pool says of it."""


@dataclass(frozen=True, slots=True)
class Apart:
    """Jobs of one submitter that carry the same `name` hold no places at one `level` (of
    `APART_LEVELS`) at once; or, unless it is `required`, as few as can be.

    Where one of two jobs requires a level, both keep to it.
    """

    name: str
    level: str
    required: bool = True


@dataclass(frozen=True, slots=True)
class Demand:
    """All that decides where a job may run.

    `pinned_pool` is set by a parent that has already chosen; `excluded_domains` are the identifiers
    of domains that the job has been through. A pool needs all of `traits`. Empty tuples and None
    mean "no such wish". `data` is what the job reads, as (site, bytes): it is part of what a place
    costs, and no pool is ruled out by it. `apart` is which other jobs it keeps away from.
    """

    groups: tuple[TaskGroup, ...]
    regions: tuple[str, ...] = ()
    industries: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    max_latency_us: int | None = None
    max_price_micro_per_hour: int | None = None
    walltime_s: int | None = None
    allow_emulated: bool = True
    excluded_domains: tuple[str, ...] = ()
    pinned_pool: str | None = None
    traits: tuple[str, ...] = ()
    data: tuple[tuple[str, int], ...] = ()
    apart: Apart | None = None


def to_record(demand: Demand) -> dict[str, Any]:
    """JSON-ready; `from_record` gives the equal value back."""
    record = {name: getattr(demand, name) for name in _PLAIN}
    if not demand.data:
        del record["data"]  # a shape's key is made of its record: the keys that are kept stay good
    if demand.apart is not None:  # as above
        record["apart"] = apart_record(demand.apart)
    record["groups"] = [_group_record(g) for g in demand.groups]
    return record


def apart_record(apart: Apart) -> dict[str, Any]:
    """JSON-ready; `Apart(**record)` gives the equal value back."""
    return {"name": apart.name, "level": apart.level, "required": apart.required}


def _group_record(g: TaskGroup) -> dict[str, Any]:
    record = {
        "name": g.name,
        "count": g.count,
        "cpu_milli": g.cpu_milli,
        "memory_bytes": g.memory_bytes,
        "stacks": g.stacks,
        "fabric": g.fabric,
        "max_per_host": g.max_per_host,
        "exclusive": g.exclusive,
        "device": None if g.device is None else {n: getattr(g.device, n) for n in _DEVICE},
    }
    if g.topology is not None:  # as above: the keys that are kept stay good
        record["topology"] = {"level": g.topology.level, "required": g.topology.required}
    return record


def from_record(record: Mapping[str, Any]) -> Demand:
    """The value that `to_record` was given; what an older record does not say is no wish."""
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in record.items()}
    values["groups"] = tuple(_group(g) for g in record["groups"])
    values["data"] = tuple((str(site), int(size)) for site, size in record.get("data", ()))
    if record.get("apart") is not None:
        values["apart"] = Apart(**record["apart"])
    return Demand(**values)


def _group(record: Mapping[str, Any]) -> TaskGroup:
    values: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in record.items()}
    device = record["device"]
    if device is not None:
        precision = device["precision"]
        values["device"] = DeviceRequest(
            **{
                **device,
                "models": tuple(device["models"]),
                "precision": None if precision is None else Precision(precision),
            }
        )
    if record.get("topology") is not None:
        values["topology"] = Topology(**record["topology"])
    return TaskGroup(**values)


_PLAIN = tuple(f.name for f in fields(Demand) if f.name not in ("groups", "apart"))
_DEVICE = tuple(f.name for f in fields(DeviceRequest))
