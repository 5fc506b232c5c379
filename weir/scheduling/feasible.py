"""Which pools suit a demand, and for the others every reason why not.

Static reasons are judged against the pool as if it were empty, open and heard of; only a pool
without any of them gets the ones that time can cure (CLOSED, SILENT, REFUSED, HELD, BUSY). So a job
whose reasons are all static is hopeless on this network.

All groups of a job go to one pool: a job that is spread over pools is not in this first cut.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.demand import Demand
from weir.core.plan import Reason
from weir.core.units import show_cpu_milli, show_devices_milli
from weir.scheduling.apart import Nearby
from weir.scheduling.checks import Check, required_levels, wishes
from weir.scheduling.columns import UNKNOWN, Bools, Ints, PoolColumns
from weir.scheduling.figures import Each, Measure, Names, Same
from weir.scheduling.room import room, within_text
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
        Check(
            Reason.CLOSED, suits & ~columns.open, "an open pool", Names(columns.closed, "closed")
        ),
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


def too_near(judgment: Judgment, nearby: Nearby, user: str) -> tuple[Check, ...]:
    """Suitable pools that are closed to a job of this user because of others of its name."""
    demand = judgment.demand
    failing = nearby.closed(user, demand) & judgment.suits
    if demand.apart is None or not failing.any():
        return ()
    names = Names(Each(lambda row: nearby.who(user, demand, row)))
    needed = f"no other {demand.apart.name} in the {demand.apart.level}"
    return (Check(Reason.APART, failing, needed, names),)


def busy(judgment: Judgment, rows: Ints, fitting: Sequence[Ints]) -> tuple[Check, ...]:
    """Suitable pools that the job does not fit now: `fitting` is by group how many of its claims
    would, on each of `rows`.

    What is counted is what the job could use: five free devices on five hosts are none for a task
    that needs two, and five in two racks are none for a gang of five in one. It is counted in
    devices if the job wants any, else in cores; in hosts if it wants nothing but whole hosts.
    """
    if not len(rows):
        return ()
    groups, held = judgment.demand.groups, judgment.tasks.held
    failing = np.zeros(len(judgment.columns), dtype=np.bool_)
    failing[rows] = True
    if all(g.exclusive for g in groups):
        reason, each, noun = Reason.EXCLUSIVE, [np.ones(1, dtype=np.int64)] * len(groups), ""
        show: Callable[[int], str] = empty_hosts
    elif any(g.device and g.device.milli for g in groups):
        reason, each, noun = Reason.BUSY, [h.milli for h in held], " free devices"
        show = show_devices_milli
    else:
        reason, each, noun = Reason.BUSY, [h.cpu_milli for h in held], " free cores"
        show = show_cpu_milli
    inside = ""
    if levels := required_levels(judgment.demand):
        reason, inside = Reason.SCATTERED, f" {within_text(levels)}"
    has, need = _sum(fitting, each, rows), _sum([_on(h.count, rows) for h in held], each, rows)
    values = np.full(len(judgment.columns), UNKNOWN, dtype=has.dtype)
    values[rows] = has
    return (
        Check(reason, failing, f"{show(int(need.min()))}{noun}{inside}", Measure(values, show)),
    )


def empty_hosts(count: int) -> str:
    """`1 empty host`, `3 empty hosts`."""
    return f"{count} empty host" if count == 1 else f"{count} empty hosts"


def _on(column: Ints, rows: Ints) -> Ints:
    return column[rows] if len(column) > 1 else np.broadcast_to(column, (len(rows),))


def _sum(counts: Sequence[Ints], each: Sequence[Ints], rows: Ints) -> npt.NDArray[Any]:
    """So many times so much on each of the rows, over all groups, never too large for its type."""
    sizes = [_on(size, rows) for size in each]
    pairs = list(zip(counts, sizes, strict=True))
    large = any(int(n.max()) * int(size.max()) > _SAFE for n, size in pairs)
    kind: Any = object if large else np.int64
    total: npt.NDArray[Any] = np.zeros(len(rows), dtype=kind)
    for n, size in pairs:
        total = total + n.astype(kind) * size
    return total


_SAFE = 2**58
"""Products up to here are taken in 64 bits, larger ones as Python's integers."""


def _same(text: str) -> Names:
    return Names(Same(text))
