"""The smallest change of a wish that would let a job in: what people can do about a no.

For pools that fail for exactly one static reason (and take jobs at the moment), the wish behind it
is relaxed by as little as admits any of them, and the relaxed demand is judged again. So a change
that is named is true: `pools` pools would take the job, if not at once, when they have room.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import numpy as np

from weir.core.demand import Apart, Demand, TaskGroup
from weir.core.inventory import DEVICE_MILLI
from weir.core.plan import Change, Reason
from weir.core.units import show_duration_s
from weir.scheduling.checks import Check, required_levels
from weir.scheduling.columns import Bools, Ints
from weir.scheduling.feasible import ORDER, Judgment, judge, reachable
from weir.scheduling.figures import tasks_text
from weir.scheduling.packing import Claim, Free, fitting
from weir.scheduling.relaxing import RELAX, of_groups, preferred, topology_texts
from weir.scheduling.room import per_host_text
from weir.scheduling.snapshot import Queue

SHOWN = 3


@dataclass(frozen=True, slots=True)
class Relaxation:
    """A change, and the demand that has it; or the queue, where its quota is changed."""

    change: Change
    demand: Demand
    queue: Queue | None = None


@dataclass(frozen=True, slots=True)
class Now:
    """What is known of this moment, by row of pools: whether claims of a changed demand fit and
    are in nobody's way, how long such a job might run in seconds (0: not at all), what is free;
    what more quota would do, and whether its quota is what the job waits for (`bound`).
    """

    fits: Callable[[Demand, int, tuple[Claim, ...]], bool]
    longest_s: Callable[[int, tuple[Claim, ...]], float]
    free: Callable[[int], Free]
    quota: Callable[[], Relaxation | None] = lambda: None
    bound: bool = False


def changes(
    judgment: Judgment, avoid: Collection[str] = (), now: Now | None = None
) -> tuple[Change, ...]:
    """The changes that help most, at most three: first those that let it start at once, then those
    that open most pools.
    """
    return tuple(r.change for r in relaxations(judgment, avoid, now))


def relaxations(
    judgment: Judgment, avoid: Collection[str] = (), now: Now | None = None
) -> tuple[Relaxation, ...]:
    """The same with the changed demands."""
    found = _of_wishes(judgment, avoid)
    if now is not None:
        for reason, relaxation in found.items():
            found[reason] = _at_once(relaxation, judgment, avoid, now)
        for look in (
            _fewer_now,
            _fewer_devices_now,
            _shorter_now,
            _shared_now,
            _closer_now,
            _apart_now,
            _near_now,
        ):
            other = look(judgment, avoid, now)
            if other is not None:
                found[other.change.reason] = other
        more = now.quota()
        if more is not None:
            found[Reason.QUOTA] = more
        if Reason.TOPOLOGY in found:  # the same change, of which this one counts all pools
            found.pop(Reason.BLOCK, None)
    ranked = sorted(
        found.values(), key=lambda r: (not r.change.now, -r.change.pools, ORDER[r.change.reason])
    )
    return tuple(ranked[:SHOWN])


def _at_once(
    relaxation: Relaxation, judgment: Judgment, avoid: Collection[str], now: Now
) -> Relaxation:
    """The relaxation, marked if it would let the job start now."""
    relaxed = judge(judgment.columns, relaxation.demand)
    takes = relaxed.suits & reachable(judgment.columns, avoid) & ~judgment.suits
    rows = np.flatnonzero(takes).tolist()
    if any(now.fits(relaxation.demand, row, relaxed.tasks.claims(row)) for row in rows):
        return replace(relaxation, change=replace(relaxation.change, now=True))
    return relaxation


def _fewer_now(judgment: Judgment, avoid: Collection[str], now: Now) -> Relaxation | None:
    """As many tasks as fit somewhere at this moment: only for a job of one group."""
    demand = judgment.demand
    if len(demand.groups) != 1 or not judgment.tasks.alike:
        return None
    rows = np.flatnonzero(judgment.suits & reachable(judgment.columns, avoid)).tolist()

    def more_than(at: int, row: int) -> Callable[[int], bool]:
        return lambda n: now.fits(demand, row, _counted(judgment, row, at + n))

    best = 0
    for row in rows:
        (claim,) = judgment.tasks.claims(row)
        most = min(fitting(now.free(row), (claim,))[0], claim.count - 1)
        if most > best:
            best += _most_that(most - best, more_than(best, row))
    if not best:
        return None
    changed = of_groups(demand, lambda g: replace(g, count=best))
    pools = sum(1 for row in rows if now.fits(changed, row, _counted(judgment, row, best)))
    change = Change(
        Reason.BUSY, tasks_text(demand.groups[0].count), tasks_text(best), pools, now=True
    )
    return Relaxation(change, changed)


def _most_that(most: int, does: Callable[[int], bool]) -> int:
    """The largest number up to `most` that does, 0 if none; those below one that does, do."""
    if does(most):
        return most
    return bisect_left(range(1, most), True, key=lambda n: not does(n))


def _fewer_devices_now(judgment: Judgment, avoid: Collection[str], now: Now) -> Relaxation | None:
    """A smaller task that its quota lets in: for a job that is one, of several devices."""
    group = judgment.demand.groups[0]
    whole = group.device.milli // DEVICE_MILLI if group.device else 0
    if not now.bound or len(judgment.demand.groups) != 1 or group.count != 1 or whole < 2:
        return None

    def of(devices: int) -> Demand:
        milli = devices * DEVICE_MILLI
        return of_groups(
            judgment.demand,
            lambda g: replace(g, device=replace(g.device, milli=milli) if g.device else None),
        )

    best = _most_that(whole - 1, lambda n: bool(_fitting_now(judgment, of(n), avoid, now)))
    if not best:
        return None
    pools = len(_fitting_now(judgment, of(best), avoid, now))
    was, instead = (f"{n} device{'' if n == 1 else 's'} per task" for n in (whole, best))
    return Relaxation(Change(Reason.HOST_DEVICES, was, instead, pools, now=True), of(best))


def _shared_now(judgment: Judgment, avoid: Collection[str], now: Now) -> Relaxation | None:
    """Hosts that others are on too."""
    if not any(g.exclusive for g in judgment.demand.groups):
        return None
    changed = of_groups(judgment.demand, lambda g: replace(g, exclusive=False))
    pools = len(_fitting_now(judgment, changed, avoid, now))
    change = Change(Reason.EXCLUSIVE, "exclusive hosts", "shared hosts", pools, now=True)
    return Relaxation(change, changed) if pools else None


def _closer_now(judgment: Judgment, avoid: Collection[str], now: Now) -> Relaxation | None:
    """More tasks on a host: for a job of one group as few more as will do."""
    demand = judgment.demand
    if not any(g.max_per_host for g in demand.groups):
        return None

    def with_most(most: int | None) -> Demand:
        def relax(group: TaskGroup) -> TaskGroup:
            return replace(group, max_per_host=most) if group.max_per_host else group

        return of_groups(demand, relax)

    most, rows = None, _fitting_now(judgment, with_most(None), avoid, now)
    if not rows:
        return None
    if len(demand.groups) == 1 and judgment.tasks.uniform:
        few = demand.groups[0].max_per_host or 1
        steps = range(few, demand.groups[0].count + 1)
        here = judgment.columns.take(np.array(rows, dtype=np.int64))

        def enough(most: int) -> bool:
            claims = judge(here, with_most(most)).tasks.claims
            return any(now.fits(demand, row, claims(i)) for i, row in enumerate(rows))

        most = steps[min(len(steps) - 1, bisect_left(steps, True, key=enough))]
        rows = _fitting_now(judgment, with_most(most), avoid, now)
    wanted = per_host_text(min(g.max_per_host for g in demand.groups if g.max_per_host))
    instead = "as many per host as fit" if most is None else per_host_text(most)
    change = Change(Reason.SPREAD, wanted, instead, len(rows), now=True)
    return Relaxation(change, with_most(most))


def _apart_now(judgment: Judgment, avoid: Collection[str], now: Now) -> Relaxation | None:
    """Tasks in several blocks where one has no room."""
    if not (levels := required_levels(judgment.demand)):
        return None
    changed = of_groups(judgment.demand, preferred)
    pools = len(_fitting_now(judgment, changed, avoid, now))
    change = Change(Reason.TOPOLOGY, *topology_texts(levels), pools, now=True)
    return Relaxation(change, changed) if pools else None


def _near_now(judgment: Judgment, avoid: Collection[str], now: Now) -> Relaxation | None:
    """Where another of its name is: if that is only to be avoided, or else does not matter."""
    apart = judgment.demand.apart
    if apart is None:
        return None
    ways: list[tuple[Apart | None, str]] = [(None, "not apart")]
    if apart.required:
        ways.insert(0, (replace(apart, required=False), "apart where that can be"))
    for wish, instead in ways:
        changed = replace(judgment.demand, apart=wish)
        pools = len(_fitting_now(judgment, changed, avoid, now))
        if pools:
            change = Change(Reason.APART, f"apart by {apart.level}", instead, pools, now=True)
            return Relaxation(change, changed)
    return None


def _fitting_now(
    judgment: Judgment, changed: Demand, avoid: Collection[str], now: Now
) -> list[int]:
    """The rows of pools that take the changed demand at once."""
    other = judge(judgment.columns, changed)
    rows = np.flatnonzero(other.suits & reachable(judgment.columns, avoid)).tolist()
    return [row for row in rows if now.fits(changed, row, other.tasks.claims(row))]


def _counted(judgment: Judgment, row: int, count: int) -> tuple[Claim, ...]:
    return tuple(replace(c, count=count) for c in judgment.tasks.claims(row))


def _shorter_now(judgment: Judgment, avoid: Collection[str], now: Now) -> Relaxation | None:
    """A walltime that ends before the room is needed by somebody ahead."""
    demand = judgment.demand
    rows = np.flatnonzero(judgment.suits & reachable(judgment.columns, avoid)).tolist()
    times = [now.longest_s(row, judgment.tasks.claims(row)) for row in rows]
    longest = max((t for t in times if t < MOST_WALLTIME_S), default=0.0)
    if longest < 1 or (demand.walltime_s is not None and demand.walltime_s <= longest):
        return None
    changed = replace(demand, walltime_s=int(longest))
    was = "none" if demand.walltime_s is None else show_duration_s(demand.walltime_s)
    pools = sum(1 for t in times if t >= int(longest))
    change = Change(Reason.HELD, was, show_duration_s(int(longest)), pools, now=True)
    return Relaxation(change, changed)


_LOOKS = (
    _fewer_now, _fewer_devices_now, _shorter_now, _shared_now, _closer_now, _apart_now, _near_now,
)  # fmt: skip
"""What is looked at where a smaller or a looser job might start at once."""

MOST_WALLTIME_S = 10 * 365 * 86400
"""What nobody would call a shorter walltime."""


def _of_wishes(judgment: Judgment, avoid: Collection[str]) -> dict[Reason, Relaxation]:
    """For each static reason the relaxation that opens most pools."""
    found: dict[Reason, Relaxation] = {}
    for check, rows in _lone_reasons(judgment, avoid):
        if check.reason not in RELAX or not len(rows):
            continue
        wish = RELAX[check.reason](judgment.demand, check, rows)
        if wish is None:
            continue
        demand, instead = wish
        pools = int(judge(judgment.columns.take(rows), demand).suits.sum())
        best = found.get(check.reason)
        if pools and (best is None or best.change.pools < pools):
            change = Change(check.reason, check.needed, instead, pools)
            found[check.reason] = Relaxation(change, demand)
    return found


def _lone_reasons(judgment: Judgment, avoid: Collection[str]) -> Iterator[tuple[Check, Ints]]:
    """Each check with the pools for which its reason is the only static one."""
    masks: dict[Reason, Bools] = {}
    for check in judgment.checks:
        both = masks.get(check.reason, check.failing) | check.failing
        masks[check.reason] = both
    count = np.zeros(len(judgment.columns), dtype=np.int64)
    for mask in masks.values():
        count += mask
    alone = (count == 1) & reachable(judgment.columns, avoid)
    for check in judgment.checks:
        yield check, np.flatnonzero(check.failing & alone)
