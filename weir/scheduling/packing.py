"""Fitting tasks into what is free of a pool, host by host, without naming a host.

A pool's free hosts are a histogram of `FreeShape`s. Equal tasks are packed best fit: each goes to
the fullest host that still takes it (devices compared first, then CPU, then memory), and a share of
a device goes to the most used device that still takes it. Because a host that was the fullest stays
so until it takes no more, hosts are filled one after the other, and equal hosts all at once: the
cost grows with the number of different shapes, not with hosts or tasks.

Laws:
- A task lives on one host, a share of a device on one device; whole devices are wholly free ones.
- Of one claim at most `per_host` tasks lie on a host; a host that has as many is passed over.
- Tasks that lie `within` one block lie in the block that `inside` chooses.
- For equal tasks the packing is exact: if `place` finds no room, there is none.
- Free devices come gathered and in order, nothing used up listed, as `subtract` gives them.
- Nothing ever becomes negative. Results are in the canonical order of `inventory.merged`.

`weir.scheduling.reference` has the same packing task by task.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from weir.core.inventory import DEVICE_MILLI, FreeShape, HostShape, all_free
from weir.scheduling import histogram
from weir.scheduling.histogram import Devices, devices_of, drain, gather, tidy, with_hosts
from weir.scheduling.inside import best_block, number_of, roomiest, rooms_of

_Rank = tuple[int, int, int, int, Devices, tuple[int, ...]]

Free = histogram.Free

MOST = 2**62
"""As many tasks as anybody counts."""


@dataclass(frozen=True, slots=True)
class Claim:
    """`count` equal tasks on one pool: amounts are per task; `ends_at` is in seconds, if known.

    `device_milli` below 1000 is a share of one device; from 1000 on it counts whole devices, and a
    broken number is rounded up. At most `per_host` of the tasks lie on one host. With `within` they
    lie in one block of the pool's level of that number, from 1 on; below 0 they need not.
    """

    cpu_milli: int
    memory_bytes: int
    device_milli: int
    count: int
    ends_at: float | None = None
    per_host: int = MOST
    within: int = 0

    @property
    def spread(self) -> bool:
        """Whether the tasks may not all lie on one host, however large."""
        return self.per_host < self.count

    @property
    def placed_as_one(self) -> bool:
        """Whether it matters which tasks are of one job: those that are spread, or in a block."""
        return self.spread or self.within != 0


def place(free: Free, claim: Claim) -> Free | None:
    """What is left after all tasks of `claim` are placed, or None if they don't all fit."""
    left, placed = fill(free, claim)
    return left if placed == max(0, claim.count) else None


def fits(free: Free, claims: Sequence[Claim]) -> bool:
    """Whether all tasks of all claims can be placed; for one claim cheaper than placing it."""
    if len(claims) != 1:
        return place_all(free, claims) is not None
    if claims[0].within > 0 and claims[0].count > 0:
        return best_block(_rooms(free, claims[0]), claims[0].count) >= 0
    room = 0
    for shape in free:
        if room >= claims[0].count:
            break
        room += shape.hosts * _tasks_on_host(shape, claims[0])
    return room >= claims[0].count


def place_all(free: Free, claims: Sequence[Claim]) -> Free | None:
    """What is left after all tasks of all claims are placed, largest tasks first, or None."""
    if len(claims) == 1:
        return place(free, claims[0])
    left: Free | None = free
    for claim in largest_first(claims):
        if left is None:
            return None
        left = place(left, claim)
    return left


def times(claim: Claim, jobs: int) -> list[Claim]:
    """What so many jobs with this claim hold: one claim, or one each where tasks are spread or in a
    block, for then only tasks of one job keep away from each other, or together.
    """
    if claim.placed_as_one:
        return [claim] * jobs
    return [replace(claim, count=claim.count * jobs)]


def largest_first(claims: Sequence[Claim]) -> list[Claim]:
    """The claims in the order in which they are packed together: the largest tasks first."""
    return sorted(claims, key=size_of, reverse=True)


def fill(free: Free, claim: Claim) -> tuple[Free, int]:
    """Place as many tasks of `claim` as fit: what is left, and how many were placed.

    Where not all find room within one block, those are placed that do in the roomiest.
    """
    if not claim.within or claim.count <= 0:
        return _fill(free, claim)
    rooms = _rooms(free, claim)
    block = best_block(rooms, claim.count)
    if block < 0:
        if claim.within < 0:
            return _fill(free, claim)
        block = roomiest(rooms)
    here, elsewhere = list[FreeShape](), list[FreeShape]()
    for shape in free:
        inside = block >= 0 and number_of(shape.block, claim.within) == block
        (here if inside else elsewhere).append(shape)
    left, placed = _fill(tuple(here), claim)
    return gather([*elsewhere, *left]), placed


def _rooms(free: Free, claim: Claim) -> dict[int, int]:
    def on_host(shape: FreeShape) -> int:
        return min(claim.count, _tasks_on_host(shape, claim))

    return rooms_of(free, claim.within, on_host)


def _fill(free: Free, claim: Claim) -> tuple[Free, int]:
    wanted = max(0, claim.count)
    done: list[FreeShape] = []
    queue: list[_Queued] = []
    for shape in free:
        _queue(queue, done, shape, claim, claim.per_host)
    while queue and wanted:
        _, left, each, shape = heapq.heappop(queue)
        each = min(each, wanted)
        hosts = min(shape.hosts, wanted // each)
        wanted -= hosts * each
        _queue(queue, done, _after(shape, claim, each, hosts), claim, left - each)
        if shape.hosts > hosts:
            _queue(queue, done, with_hosts(shape, shape.hosts - hosts), claim, left)
    done += [shape for *_, shape in queue]
    return gather(done), max(0, claim.count) - wanted


_Queued = tuple[_Rank, int, int, FreeShape]
"""Hosts in their order: equal ones by how many more of the tasks may lie there, then how many go
there next.
"""


def _queue(
    queue: list[_Queued], done: list[FreeShape], shape: FreeShape, claim: Claim, left: int
) -> None:
    """Queue hosts that take a task, with the number that one takes; the others are done with.

    `left` is how many more of the tasks may lie on one of them.
    """
    each = min(_tasks_on_fullest(shape, claim), left)
    if each > 0:
        heapq.heappush(queue, (_rank(shape, claim), left, each, shape))
    else:
        done.append(shape)


def fitting(free: Free, claims: Sequence[Claim]) -> tuple[int, ...]:
    """How many tasks of each claim fit together, packed largest first; no more than its count."""
    if len(claims) == 1:
        return (min(claims[0].count, capacity_for(free, claims[0])),)
    counts = [0] * len(claims)
    for i in sorted(range(len(claims)), key=lambda i: size_of(claims[i]), reverse=True):
        free, counts[i] = fill(free, claims[i])
    return tuple(counts)


def capacity_for(free: Free, claim: Claim) -> int:
    """How many tasks of the claim's size fit now, whatever its count; at most `MOST`."""
    if claim.within > 0:
        rooms = rooms_of(free, claim.within, lambda shape: _tasks_on_host(shape, claim))
        return min(MOST, max(rooms.values(), default=0))
    return min(MOST, sum(shape.hosts * _tasks_on_host(shape, claim) for shape in free))


def subtract(free: Free, claims: Iterable[Claim]) -> Free:
    """What is left of `free` when `claims` hold theirs, the largest tasks packed first.

    Where claims no longer fit (a host is gone, the pool is overcommitted) they consume what there
    is, on any host, so such a pool shows less or nothing free and never less than nothing. What
    lies within a block, and does not fit into any, lies somewhere.
    """
    left = gather(map(tidy, free))
    for claim in gathered(claims):
        inside = place(left, claim) if claim.within > 0 else None
        if inside is not None:
            left = inside
            continue
        left, placed = fill(left, claim if claim.within <= 0 else replace(claim, within=0))
        if placed < claim.count:
            lost = claim.count - placed
            amounts = claim.cpu_milli, claim.memory_bytes, claim.device_milli
            left = drain(left, *(lost * amount for amount in amounts))
    return left


def held_whole(tasks: Claim, shape: HostShape) -> Claim:
    """The hosts, whole, that these tasks need if nothing else may be there."""
    hosts = -(-tasks.count // max(1, tasks_on_empty(tasks, shape)))
    milli = shape.devices * DEVICE_MILLI
    amounts = shape.cpu_milli, shape.memory_bytes, milli
    return Claim(*amounts, hosts, tasks.ends_at, within=tasks.within)


def tasks_on_empty(claim: Claim, shape: HostShape) -> int:
    """How many of the tasks one empty host takes."""
    return capacity_for(all_free(1, shape), replace(claim, within=0) if claim.within else claim)


def taken_milli(claim: Claim) -> int:
    """Milli-devices that one task takes: a share, or whole devices."""
    return claim.device_milli if claim.device_milli < DEVICE_MILLI else _whole(claim) * DEVICE_MILLI


def size_of(claim: Claim) -> tuple[int, ...]:
    """What claims are sorted by, the largest tasks first. Of equal tasks those in the smallest
    block and those that are spread most go first: they are the hardest to place.
    """
    amounts = claim.device_milli, claim.cpu_milli, claim.memory_bytes
    return *amounts, claim.within, -min(claim.per_host, MOST), claim.count


def gathered(claims: Iterable[Claim]) -> list[Claim]:
    """Claims of equal tasks put together, the largest tasks first, their ends left out; those that
    are spread or in a block stay by themselves.
    """
    counts: Counter[tuple[int, int, int]] = Counter()
    found = []
    for c in claims:
        if c.placed_as_one:
            found.append(c if c.ends_at is None else replace(c, ends_at=None))
        else:
            counts[(c.cpu_milli, c.memory_bytes, c.device_milli)] += max(0, c.count)
    found += [Claim(*amounts, count) for amounts, count in counts.items() if count]
    return largest_first(found)


def _rank(shape: FreeShape, claim: Claim) -> _Rank:
    """Fullest first. For a share, the most used device that takes it counts before all else."""
    level = _level(shape, claim) if 0 < claim.device_milli < DEVICE_MILLI else 0
    milli = 0
    for free, count in shape.devices:
        milli += free * count
    return level, milli, shape.cpu_milli, shape.memory_bytes, shape.devices, shape.block


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
        return min(_beside_devices(shape, claim), claim.per_host)
    by_devices = 0
    for milli, count in shape.devices:
        if claim.device_milli < DEVICE_MILLI:
            by_devices += count * (milli // claim.device_milli)
        elif milli == DEVICE_MILLI:
            by_devices += count // _whole(claim)
    return min(_beside_devices(shape, claim), by_devices, claim.per_host) if by_devices else 0


def _beside_devices(shape: FreeShape, claim: Claim) -> int:
    """Tasks that one host's CPU and memory take; `MOST` if they need none of either."""
    by_cpu = shape.cpu_milli // claim.cpu_milli if claim.cpu_milli else MOST
    by_memory = shape.memory_bytes // claim.memory_bytes if claim.memory_bytes else MOST
    return min(by_cpu, by_memory)


def _whole(claim: Claim) -> int:
    return -(-claim.device_milli // DEVICE_MILLI)


def _after(shape: FreeShape, claim: Claim, tasks: int, hosts: int) -> FreeShape:
    """`hosts` of the hosts, each after `tasks` tasks on its fullest devices that take one."""
    return FreeShape(
        shape.cpu_milli - tasks * claim.cpu_milli,
        shape.memory_bytes - tasks * claim.memory_bytes,
        _devices_after(shape, claim, tasks),
        hosts,
        shape.block,
    )


def _devices_after(shape: FreeShape, claim: Claim, tasks: int) -> Devices:
    devices = shape.devices
    if not claim.device_milli:
        return devices
    if claim.device_milli >= DEVICE_MILLI:
        if len(devices) == 1:  # only whole devices are left: the usual case, kept fast
            count = devices[0][1] - tasks * _whole(claim)
            return ((DEVICE_MILLI, count),) if count else ()
        return devices_of([*devices, (DEVICE_MILLI, -tasks * _whole(claim))])
    level = _level(shape, claim)
    used, rest = divmod(tasks, level // claim.device_milli)
    changes = [(level, -used), (level % claim.device_milli, used)]
    if rest:
        changes += [(level, -1), (level - rest * claim.device_milli, 1)]
    return devices_of([*devices, *changes])
