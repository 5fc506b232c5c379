"""Fitting tasks into what is free of a pool, host by host, without naming a host.

A pool's free hosts are a histogram of `FreeShape`s. Equal tasks are packed best fit: each goes to
the fullest host that still takes it (devices compared first, then CPU, then memory), and a share of
a device goes to the most used device that still takes it. Because a host that was the fullest stays
so until it takes no more, hosts are filled one after the other, and equal hosts all at once: the
cost grows with the number of different shapes, not with hosts or tasks.

Laws:
- A task lives on one host, a share of a device on one device; whole devices are wholly free ones.
- For equal tasks the packing is exact: if `place` finds no room, there is none.
- Nothing ever becomes negative. Results are in the canonical order of `inventory.merged`.

`weir.scheduling.reference` has the same packing task by task.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from weir.core.inventory import DEVICE_MILLI, FreeShape, merged

Free = tuple[FreeShape, ...]


@dataclass(frozen=True, slots=True)
class Claim:
    """`count` equal tasks on one pool: amounts are per task; `ends_at` is in seconds, if known.

    `device_milli` below 1000 is a share of one device; from 1000 on it counts whole devices, and a
    broken number is rounded up.
    """

    cpu_milli: int
    memory_bytes: int
    device_milli: int
    count: int
    ends_at: float | None = None


def place(free: Free, claim: Claim) -> Free | None:
    """What is left after all tasks of `claim` are placed, or None if they don't all fit."""
    left, placed = fill(free, claim)
    return left if placed == claim.count else None


def place_all(free: Free, claims: Sequence[Claim]) -> Free | None:
    """What is left after all tasks of all claims are placed, largest tasks first, or None."""
    left: Free | None = free
    for claim in largest_first(claims):
        if left is None:
            return None
        left = place(left, claim)
    return left


def largest_first(claims: Sequence[Claim]) -> list[Claim]:
    """The claims in the order in which they are packed together: the largest tasks first."""
    return sorted(claims, key=_size, reverse=True) if len(claims) > 1 else list(claims)


def fill(free: Free, claim: Claim) -> tuple[Free, int]:
    """Place as many tasks of `claim` as fit: what is left, and how many were placed."""
    wanted, done = max(0, claim.count), []
    queue = [(_rank(shape, claim), shape.hosts, shape) for shape in map(_tidy, free)]
    heapq.heapify(queue)
    while queue and wanted:
        _, hosts, shape = heapq.heappop(queue)
        each = min(_tasks_on_fullest(shape, claim), wanted)
        if not each:
            done.append(shape)
            continue
        full = min(hosts, wanted // each)
        wanted -= full * each
        filled = replace(_after(shape, claim, each), hosts=full)
        heapq.heappush(queue, (_rank(filled, claim), full, filled))
        if hosts > full:
            rest = replace(shape, hosts=hosts - full)
            heapq.heappush(queue, (_rank(rest, claim), rest.hosts, rest))
    return merged([*done, *(shape for _, _, shape in queue)]), claim.count - wanted


def capacity_for(free: Free, claim: Claim) -> int:
    """How many tasks of the claim's size fit now, whatever its count; at most 2**62."""
    return min(2**62, sum(shape.hosts * _tasks_on_host(shape, claim) for shape in free))


def subtract(free: Free, claims: Iterable[Claim]) -> Free:
    """What is left of `free` when `claims` hold theirs, the largest tasks packed first.

    Where claims no longer fit (a host is gone, the pool is overcommitted) they consume what there
    is, on any host, so such a pool shows less or nothing free and never less than nothing.
    """
    left = free
    for claim in _gathered(claims):
        left, placed = fill(left, claim)
        if placed < claim.count:
            left = _drain(left, claim, claim.count - placed)
    return left


def _size(claim: Claim) -> tuple[int, int, int, int]:
    return claim.device_milli, claim.cpu_milli, claim.memory_bytes, claim.count


def _gathered(claims: Iterable[Claim]) -> list[Claim]:
    """Claims of equal tasks put together, largest tasks first."""
    counts: Counter[tuple[int, int, int]] = Counter()
    for c in claims:
        counts[(c.device_milli, c.cpu_milli, c.memory_bytes)] += max(0, c.count)
    return [
        Claim(cpu, memory, devices, count)
        for (devices, cpu, memory), count in sorted(counts.items(), reverse=True)
        if count
    ]


def _tidy(shape: FreeShape) -> FreeShape:
    """The same host with its devices in canonical form: gathered, in order, nothing used up."""
    devices = shape.devices
    if not devices or (len(devices) == 1 and devices[0][0] and devices[0][1]):
        return shape
    return replace(shape, devices=_devices(devices))


def _devices(devices: Iterable[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    counts: Counter[int] = Counter()
    for milli, count in devices:
        counts[milli] += count
    return tuple(sorted((m, n) for m, n in counts.items() if m > 0 and n > 0))


def _rank(shape: FreeShape, claim: Claim) -> tuple[int, int, int, int, tuple[tuple[int, int], ...]]:
    """Fullest first. For a share, the most used device that takes it counts before all else."""
    level = _level(shape, claim) if 0 < claim.device_milli < DEVICE_MILLI else 0
    return level, shape.device_milli, shape.cpu_milli, shape.memory_bytes, shape.devices


def _level(shape: FreeShape, claim: Claim) -> int:
    """What is left of the most used device that takes the share; more than a device if none
    does.
    """
    fitting = (milli for milli, _ in shape.devices if milli >= claim.device_milli)
    return min(fitting, default=DEVICE_MILLI + 1)


def _tasks_on_fullest(shape: FreeShape, claim: Claim) -> int:
    """Tasks that one host takes before another could be the fullest: for shares, those on its most
    used devices that take one; else all that it takes.
    """
    if not 0 < claim.device_milli < DEVICE_MILLI:
        return _tasks_on_host(shape, claim)
    level = _level(shape, claim)
    count = sum(n for milli, n in shape.devices if milli == level)
    return min(_beside_devices(shape, claim), count * (level // claim.device_milli))


def _tasks_on_host(shape: FreeShape, claim: Claim) -> int:
    """All tasks that one host takes."""
    if not claim.device_milli:
        return _beside_devices(shape, claim)
    if claim.device_milli >= DEVICE_MILLI:
        by_devices = shape.whole_devices // _whole(claim)
    else:
        by_devices = sum(n * (milli // claim.device_milli) for milli, n in shape.devices)
    return min(_beside_devices(shape, claim), by_devices)


def _beside_devices(shape: FreeShape, claim: Claim) -> int:
    """Tasks that one host's CPU and memory take; 2**62 if they need none of either."""
    by_cpu = shape.cpu_milli // claim.cpu_milli if claim.cpu_milli else 2**62
    by_memory = shape.memory_bytes // claim.memory_bytes if claim.memory_bytes else 2**62
    return min(by_cpu, by_memory)


def _whole(claim: Claim) -> int:
    return -(-claim.device_milli // DEVICE_MILLI)


def _after(shape: FreeShape, claim: Claim, tasks: int) -> FreeShape:
    """One host after `tasks` tasks, which it takes on its fullest devices."""
    return FreeShape(
        shape.cpu_milli - tasks * claim.cpu_milli,
        shape.memory_bytes - tasks * claim.memory_bytes,
        _devices_after(shape, claim, tasks),
        shape.hosts,
    )


def _devices_after(shape: FreeShape, claim: Claim, tasks: int) -> tuple[tuple[int, int], ...]:
    if not claim.device_milli:
        return shape.devices
    if claim.device_milli >= DEVICE_MILLI:
        return _devices([*shape.devices, (DEVICE_MILLI, -tasks * _whole(claim))])
    level = _level(shape, claim)
    used, rest = divmod(tasks, level // claim.device_milli)
    changes = [(level, -used), (level % claim.device_milli, used)]
    if rest:
        changes += [(level, -1), (level - rest * claim.device_milli, 1)]
    return _devices([*shape.devices, *changes])


def _drain(free: Free, claim: Claim, tasks: int) -> Free:
    """Consume the amounts of `tasks` tasks from any host, fullest first, as far as there is any."""
    free = _consume(free, tasks * claim.cpu_milli, lambda s: s.cpu_milli, _without_cpu)
    free = _consume(free, tasks * claim.memory_bytes, lambda s: s.memory_bytes, _without_memory)
    return _consume(free, tasks * claim.device_milli, lambda s: s.device_milli, _without_devices)


def _consume(
    free: Free,
    amount: int,
    held: Callable[[FreeShape], int],
    without: Callable[[FreeShape, int], FreeShape],
) -> Free:
    """Take `amount` of one resource: all that whole hosts hold, and the rest from one more."""
    done = []
    for shape in free:
        each = held(shape)
        emptied = min(shape.hosts, amount // each) if each else 0
        amount -= emptied * each
        last = 1 if amount and each and emptied < shape.hosts else 0
        done.append(replace(without(shape, each), hosts=emptied))
        done.append(replace(without(shape, min(amount, each)), hosts=last))
        done.append(replace(shape, hosts=shape.hosts - emptied - last))
        amount -= last * amount
    return merged(done)


def _without_cpu(shape: FreeShape, amount: int) -> FreeShape:
    return replace(shape, cpu_milli=shape.cpu_milli - amount)


def _without_memory(shape: FreeShape, amount: int) -> FreeShape:
    return replace(shape, memory_bytes=shape.memory_bytes - amount)


def _without_devices(shape: FreeShape, amount: int) -> FreeShape:
    """The most used devices go first; one of them may keep a part."""
    left: list[tuple[int, int]] = []
    for milli, count in sorted(shape.devices):
        gone = min(count, amount // milli) if milli else count
        amount -= gone * milli
        left.append((milli, count - gone))
        if amount and gone < count:
            left += [(milli, -1), (milli - amount, 1)]
            amount = 0
    return replace(shape, devices=_devices(left))
