"""The shapes of a workload's jobs: those that the scheduler can't tell apart are judged once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.scheduling.encode import Shape
from weir.sim.workload import Workload


def asked(shape: Shape, limits: Sequence[int]) -> Demand:
    """The demand with a walltime that breaks as many limits of pools as the shape's jobs' do."""
    if not shape.allowed:
        return shape.demand
    return replace(shape.demand, walltime_s=limits[shape.allowed - 1] + 1)


def shapes_of(
    load: Workload, by_length: bool, limits: Sequence[int] = (), told: Mapping[str, Demand] = {}
) -> tuple[Any, tuple[Shape, ...]]:
    """The class of every job, and the shape of every class; `limits` are walltimes of pools,
    `told` the demands of kinds of job whose columns don't say all.

    Amounts of data count to two digits, lengths as powers of two where costs depend on them.
    """
    length = load.expected_s
    finite = by_length & np.isfinite(length)
    bucket = np.where(finite, np.frexp(np.where(finite, length, 1.0))[1], 0)
    broken = np.searchsorted(limits, np.nan_to_num(load.estimate_s), side="left")
    data = _rounded(load.data_bytes)
    home = np.where(data > 0, load.home.codes, -1)
    keys = np.stack(
        [load.tasks, load.cpu_milli, load.memory_bytes, load.device_milli, load.model.codes,
         load.kind.codes, home, data, bucket, broken, load.wish.codes], axis=1,
    ).astype(np.int64)  # fmt: skip
    rows, klass = np.unique(keys, axis=0, return_inverse=True)
    shapes = []
    for tasks, cpu, memory, milli, model, kind, at, size, long, allowed, wish in rows.tolist():
        models = tuple(load.model.names[model].split("|")) if model >= 0 else ()
        device = DeviceRequest(milli=milli, models=models) if milli else None
        group = TaskGroup("all", count=tasks, cpu_milli=cpu, memory_bytes=memory, device=device)
        name = load.kind.names[kind] if kind >= 0 else ""
        demand = told.get(name) or Demand(groups=(group,))
        if wish >= 0:
            said = load.demands[wish]
            demand = said if said.groups else replace(said, groups=(group,))
        moved = ((load.home.names[at], size),) if at >= 0 and size else ()
        shapes.append(
            Shape(
                demand=demand,
                avoid=frozenset(),
                allowed=allowed,
                length=long,
                kind=name,
                data=(*demand.data, *moved),
            )
        )
    return klass.reshape(-1), tuple(shapes)


def _rounded(data: Any) -> Any:
    """Amounts to two digits."""
    scale = 10.0 ** np.maximum(0, np.floor(np.log10(np.maximum(data, 1))) - 1)
    return (np.round(data / scale) * scale).astype(np.int64)
