"""Hosts of a pool with their identities: which task is on which host, on which of its devices.

Tasks are packed as `weir.scheduling.packing` packs them without naming a host: groups of the
largest tasks first, each task on the fullest host that takes it, a share on the most used device.

Laws:
- A task lives on one host, a share of a device on one device; whole devices are wholly free ones.
- A gang is placed as a whole or not at all.
- At most as many tasks of a group lie on a host as it wants; what is exclusive lies on hosts that
  nothing else is on, and nothing else is put there.
- Tasks that lie in one block are on its hosts; of several blocks it is the one that
  `weir.scheduling.inside` says.
- Nothing becomes negative, whatever is booked (an operator may have made the pool smaller).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from weir.core import units
from weir.core.demand import Topology
from weir.core.inventory import DEVICE_MILLI, Block, FreeShape, HostShape, block_paths, merged
from weir.scheduling.inside import best_block, level_of, number_of, rooms_of
from weir.scheduling.packing import MOST, Claim, capacity_for, held_whole, size_of
from weir.wire.exchange import RunOrder
from weir.wire.jobdemand import topology_of
from weir.wire.pools import PoolFields


@dataclass(frozen=True, slots=True)
class Need:
    """`claim.count` equal tasks of a group; amounts are per task. Those of an `exclusive` group
    have hosts of their own; by `topology` they lie in one block.
    """

    group: str
    claim: Claim
    exclusive: bool = False
    topology: Topology | None = None

    def claimed(self, shape: HostShape) -> Claim:
        """What it claims on hosts of this shape: its tasks, or whole hosts."""
        return held_whole(self.claim, shape) if self.exclusive else self.claim


@dataclass(frozen=True, slots=True)
class TaskPlace:
    """Where a task is: the host's number, and (device number, milli-devices) there; nobody else
    is on the host if it is `exclusive`.
    """

    group: str
    index: int
    host: int
    cpu_milli: int
    memory_bytes: int
    devices: tuple[tuple[int, int], ...] = ()
    exclusive: bool = False


@dataclass(slots=True)
class _Host:
    cpu_milli: int
    memory_bytes: int
    devices: list[int]
    alone: int = 0  # tasks that nobody else may be beside

    def copy(self) -> _Host:
        return _Host(self.cpu_milli, self.memory_bytes, self.devices.copy(), self.alone)

    def shape(self, block: tuple[int, ...] = ()) -> FreeShape:
        if self.alone:
            return FreeShape(0, 0, (), 1, block)
        counts = {milli: self.devices.count(milli) for milli in set(self.devices) if milli}
        devices = tuple(sorted(counts.items()))
        return FreeShape(self.cpu_milli, self.memory_bytes, devices, 1, block)

    def devices_for(self, claim: Claim) -> list[tuple[int, int]] | None:
        """The devices that a task gets here (device number, milli); None if it doesn't fit, or if
        somebody is here alone.
        """
        return None if self.alone else self.room_for(claim)

    def room_for(self, claim: Claim) -> list[tuple[int, int]] | None:
        """The same for a task of who is here."""
        if self.cpu_milli < claim.cpu_milli or self.memory_bytes < claim.memory_bytes:
            return None
        wanted = claim.device_milli
        if wanted < DEVICE_MILLI:
            if not wanted:
                return []
            fitting = [(left, i) for i, left in enumerate(self.devices) if left >= wanted]
            return [(min(fitting)[1], wanted)] if fitting else None
        whole = -(-wanted // DEVICE_MILLI)
        wholly_free = [i for i, left in enumerate(self.devices) if left == DEVICE_MILLI]
        if len(wholly_free) < whole:
            return None
        return [(i, DEVICE_MILLI) for i in wholly_free[:whole]]

    def rank(self, claim: Claim) -> tuple[int, int, int, int]:
        """Fullest first; for a share, the most used device that takes it counts before all else."""
        level = 0
        if 0 < claim.device_milli < DEVICE_MILLI:
            fitting = (left for left in self.devices if left >= claim.device_milli)
            level = min(fitting, default=DEVICE_MILLI + 1)
        return level, sum(self.devices), self.cpu_milli, self.memory_bytes


class Hosts:
    """The hosts of one pool. Hosts that nothing was put on take no memory here."""

    def __init__(self, pool: PoolFields) -> None:
        self.pool = pool
        self._used: dict[int, _Host] = {}
        blocks = [(Block(b.names, b.hosts), b.hosts) for b in pool.blocks]
        paths = block_paths([block for block, _ in blocks])
        # The first hosts are those of the first block, and so on; the last may be in none.
        self._blocks = [
            p for p, (_, hosts) in zip(paths, blocks, strict=True) for _ in range(hosts)
        ]

    def copy(self) -> Hosts:
        other = Hosts(self.pool)
        other._used = {number: host.copy() for number, host in self._used.items()}
        return other

    def free(self) -> tuple[FreeShape, ...]:
        """What is left, in the canonical form of `inventory.merged`."""
        unused = Counter(self._blocks)
        unused[()] += self.pool.hosts - len(self._blocks)
        unused.subtract(self._block(number) for number in self._used)
        empty = self._empty()
        rest = [replace(empty.shape(block), hosts=n) for block, n in unused.items()]
        used = (host.shape(self._block(number)) for number, host in self._used.items())
        return merged([*rest, *used])

    def _block(self, number: int) -> tuple[int, ...]:
        return self._blocks[number] if number < len(self._blocks) else ()

    def book(self, places: Iterable[TaskPlace]) -> None:
        """Take what these places hold."""
        self._change(places, -1)

    def release(self, places: Iterable[TaskPlace]) -> None:
        """Give back what these places held."""
        self._change(places, 1)

    def place(self, needs: Sequence[Need]) -> tuple[TaskPlace, ...] | str:
        """Book places for all tasks, in the order of the needs; or book nothing and say why not."""
        placed: dict[str, list[TaskPlace]] = {}
        shape = self._shape()
        for need in sorted(needs, key=lambda n: size_of(n.claimed(shape)), reverse=True):
            place = self._place_alone if need.exclusive else self._place_group
            placed[need.group] = place(need, self._among(need))
            if len(placed[need.group]) < need.claim.count:
                for places in placed.values():
                    self.release(places)
                return self._no_room(need, len(placed[need.group]))
        return tuple(place for need in needs for place in placed[need.group])

    def _among(self, need: Need) -> Sequence[int]:
        """The hosts that its tasks may be on: all, or those of the block that takes all of them."""
        within = level_of(need.topology, self.pool.levels)
        if not within:
            return range(self.pool.hosts)
        claim = need.claimed(self._shape())

        def on_host(shape: FreeShape) -> int:
            return min(claim.count, capacity_for((replace(shape, hosts=1),), claim))

        block = best_block(rooms_of(self.free(), within, on_host), claim.count)
        if block < 0:
            return range(self.pool.hosts if within < 0 else 0)
        return [n for n, path in enumerate(self._blocks) if number_of(path, within) == block]

    def _place_group(self, need: Need, among: Sequence[int]) -> list[TaskPlace]:
        claim, places, here = need.claim, list[TaskPlace](), Counter[int]()
        inside = set(among) if len(among) < self.pool.hosts else self._used
        queue = [(h.rank(claim), 0, number) for number, h in self._used.items() if number in inside]
        heapq.heapify(queue)
        fresh = (n for n in among if n not in self._used)
        empty_rank, next_empty = self._empty().rank(claim), next(fresh, None)
        while len(places) < claim.count and (queue or next_empty is not None):
            if next_empty is not None and (not queue or empty_rank < queue[0][0]):
                number, next_empty = next_empty, next(fresh, None)
            else:
                *_, number = heapq.heappop(queue)
            devices = self._used.get(number, self._empty()).devices_for(claim)
            if devices is None:
                if number not in self._used:
                    next_empty = None  # no other empty host will do either
                continue
            place = TaskPlace(
                need.group, len(places), number, claim.cpu_milli, claim.memory_bytes, tuple(devices)
            )
            self.book((place,))
            places.append(place)
            here[number] += 1
            if here[number] < claim.per_host:
                # Of equal hosts the one with more of the tasks goes first.
                heapq.heappush(queue, (self._used[number].rank(claim), -here[number], number))
        return places

    def _place_alone(self, need: Need, among: Sequence[int]) -> list[TaskPlace]:
        """Fill hosts that nothing is on, the lowest numbers first."""
        claim, places = need.claim, list[TaskPlace]()
        for number in among:
            if number in self._used:
                continue
            for _ in range(min(claim.per_host, claim.count - len(places))):
                devices = self._used.get(number, self._empty()).room_for(claim)
                if devices is None:
                    break
                amounts = claim.cpu_milli, claim.memory_bytes, tuple(devices)
                place = TaskPlace(need.group, len(places), number, *amounts, exclusive=True)
                self.book((place,))
                places.append(place)
            if len(places) == claim.count:
                break
        return places

    def _change(self, places: Iterable[TaskPlace], sign: int) -> None:
        empty = self._empty()
        for place in places:
            if place.host >= self.pool.hosts:
                continue
            host = self._used.setdefault(place.host, self._empty())
            host.alone = max(0, host.alone - sign * place.exclusive)
            host.cpu_milli = _within(host.cpu_milli + sign * place.cpu_milli, empty.cpu_milli)
            host.memory_bytes = _within(
                host.memory_bytes + sign * place.memory_bytes, empty.memory_bytes
            )
            for device, milli in place.devices:
                if device < len(host.devices):
                    host.devices[device] = _within(
                        host.devices[device] + sign * milli, DEVICE_MILLI
                    )
            if host == empty:
                del self._used[place.host]

    def _empty(self) -> _Host:
        shape = self.pool.shape
        return _Host(shape.cpu_milli, shape.memory_bytes, [DEVICE_MILLI] * shape.devices)

    def _shape(self) -> HostShape:
        shape = self.pool.shape
        return HostShape(shape.cpu_milli, shape.memory_bytes, shape.devices)

    def _no_room(self, need: Need, room: int) -> str:
        claim, tasks = need.claim, "task" if need.claim.count == 1 else "tasks"
        devices = f", {units.show_devices_milli(claim.device_milli)} devices" * bool(
            claim.device_milli
        )
        return (
            f"no room in pool {self.pool.name}: group {need.group} needs {claim.count} {tasks} of "
            f"{units.show_cpu_milli(claim.cpu_milli)} CPU, {units.show_bytes(claim.memory_bytes)}"
            f"{devices}{words_of(need)}; there is room for {room}"
        )


def words_of(need: Need) -> str:
    """What a need asks of its hosts beside room: `, at most 1 per host, on hosts of their own`."""
    most = f", at most {need.claim.per_host} per host" * need.claim.spread
    wish = need.topology
    together = f", in one {wish.level}" if wish is not None and wish.required else ""
    return most + ", on hosts of their own" * need.exclusive + together


def needs_of(order: RunOrder) -> tuple[Need, ...]:
    """What an order needs. Raises ValueError if its groups and stacks aren't those of its job."""
    tasks = {t.name: t for t in order.spec.tasks}
    needs = []
    for chosen in order.groups:
        task = tasks.pop(chosen.group, None)
        if task is None:
            raise ValueError(f"the job has no task group {chosen.group!r}, or it is named twice")
        if task.variants and chosen.stack not in {v.stack for v in task.variants}:
            raise ValueError(f"group {task.name} has no variant for stack {chosen.stack!r}")
        claim = Claim(
            units.parse_cpu_milli(task.cpu),
            units.parse_bytes(task.memory),
            task.devices.milli if task.devices else 0,
            chosen.count,
            per_host=MOST if task.max_per_host is None else task.max_per_host,
        )
        needs.append(Need(task.name, claim, task.exclusive, topology_of(task)))
    if tasks:
        raise ValueError(f"the order leaves out task group {min(tasks)!r}")
    return tuple(needs)


def _within(value: int, most: int) -> int:
    return max(0, min(value, most))
