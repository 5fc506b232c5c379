"""Which pools suit a demand, and for the others every reason why not.

Static reasons are judged against the pool as if it were empty, open and heard of; only a pool
without any of them gets the ones that time can cure (CLOSED, SILENT, REFUSED, HELD, BUSY). So a job
whose reasons are all static is hopeless on this network.

All groups of a job go to one pool: a job that is spread over pools is not in this first cut.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import mul
from typing import Any

import numpy as np

from weir.core.demand import Demand
from weir.core.plan import Reason
from weir.core.units import show_cpu_milli, show_devices_milli
from weir.scheduling.checks import Check, wishes
from weir.scheduling.columns import UNKNOWN, Bools, Ints, PoolColumns
from weir.scheduling.figures import Each, Measure, Names, Same
from weir.scheduling.room import room
from weir.scheduling.tasks import Tasks

ORDER: Mapping[Reason, int] = {reason: i for i, reason in enumerate(Reason)}


@dataclass(frozen=True)
class Judgment:
    """One demand against all pools. `checks` are those that some pool fails, in order of
    `Reason`.
    """

    columns: PoolColumns
    demand: Demand
    tasks: Tasks
    checks: tuple[Check, ...]

    @cached_property
    def suits(self) -> Bools:
        """Pools that would take the job if they were empty, open and heard of."""
        suits = np.ones(len(self.columns), dtype=np.bool_)
        for check in self.checks:
            suits &= ~check.failing
        return suits


def judge(columns: PoolColumns, demand: Demand) -> Judgment:
    """The static reasons of all pools."""
    tasks = Tasks.of(columns, demand)
    checks = [*wishes(columns, demand), *room(columns, demand, tasks)]
    failed = sorted((c for c in checks if c.failing.any()), key=lambda c: ORDER[c.reason])
    return Judgment(columns, demand, tasks, tuple(failed))


def reachable(columns: PoolColumns, avoid: Collection[str] = ()) -> Bools:
    """Pools that take jobs at the moment: open, heard of, and not among those to avoid."""
    return columns.open & ~columns.silent & ~columns.ids.among(avoid)


def unreachable(judgment: Judgment, avoid: Collection[str] = ()) -> tuple[Check, ...]:
    """Why suitable pools take no job at the moment."""
    columns, suits = judgment.columns, judgment.suits
    refused = columns.ids.among(avoid)
    checks = (
        Check(Reason.CLOSED, suits & ~columns.open, "an open pool", _same("closed")),
        Check(Reason.SILENT, suits & columns.silent, "a pool that is heard of", _same("silent")),
        Check(Reason.REFUSED, suits & refused, "to be accepted", _same("refused just now")),
    )
    return tuple(c for c in checks if c.failing.any())


def held(judgment: Judgment, holders: Mapping[int, str]) -> tuple[Check, ...]:
    """Suitable pools that are kept for a job ahead: `holders` maps rows to the ids of jobs."""
    failing = np.zeros(len(judgment.columns), dtype=np.bool_)
    failing[list(holders)] = True
    failing &= judgment.suits
    names = Names(Each(lambda row: (f"kept for {holders[row]}",)))
    return (Check(Reason.HELD, failing, "a pool not kept", names),) if failing.any() else ()


def busy(judgment: Judgment, rows: Ints, fitting: Sequence[Ints]) -> tuple[Check, ...]:
    """Suitable pools that the job does not fit now: `fitting` is by group how many of its tasks
    would, on each of `rows`.

    What is counted is what the job could use: five free devices on five hosts are none for a task
    that needs two. It is counted in devices if the job wants any, else in cores.
    """
    if not len(rows):
        return ()
    groups, tasks = judgment.demand.groups, judgment.tasks
    devices = any(g.device and g.device.milli for g in groups)
    each = [(g.device.milli if g.device else 0) if devices else g.cpu_milli for g in groups]
    show, noun = (show_devices_milli, "devices") if devices else (show_cpu_milli, "cores")
    failing = np.zeros(len(judgment.columns), dtype=np.bool_)
    failing[rows] = True
    large = any(int(n.max()) * size > _SAFE for n, size in zip(fitting, each, strict=True))
    kind: Any = object if large else np.int64
    has = np.full(len(judgment.columns), UNKNOWN, dtype=kind)
    has[rows] = sum(n.astype(kind) * size for n, size in zip(fitting, each, strict=True))
    first = rows[:1] if tasks.uniform else rows
    need = min(sum(map(mul, tasks.on(row), each)) for row in first.tolist())
    return (Check(Reason.BUSY, failing, f"{show(need)} free {noun}", Measure(has, show)),)


_SAFE = 2**58
"""Products up to here are taken in 64 bits, larger ones as Python's integers."""


def _same(text: str) -> Names:
    return Names(Same(text))
