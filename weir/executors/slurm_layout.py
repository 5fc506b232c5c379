"""How a gang lies on nodes: which tasks go together, on how many nodes of which size.

Slurm takes whole CPUs and devices and is asked per node, so that every kind of generic resource is
asked for in one way. Groups whose tasks are equal lie together. As long as they go evenly on nodes
the job is an ordinary one; what can't is a heterogeneous job of several components, for which Slurm
waits until all of them can start.

Laws:
- All tasks of all groups are in exactly one component, in the order of their ranks.
- A component's tasks fit an empty node wherever any layout does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from weir.core.inventory import DEVICE_MILLI, FreeShape, HostShape, all_free, merged
from weir.executors.local_hosts import Need
from weir.scheduling.packing import Claim, capacity_for, largest_first, place

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """`nodes` nodes with `tasks` equal tasks on each; amounts are of one task, in Slurm's units."""

    nodes: int
    tasks: int
    cpus: int
    memory_bytes: int
    devices: int

    @property
    def memory_mib(self) -> int:
        """MiB on one node, rounded up."""
        return -(-self.memory_bytes * self.tasks // MIB)

    @property
    def claim(self) -> Claim:
        """What it holds: each node's share as one task."""
        return Claim(
            1000 * self.cpus * self.tasks,
            MIB * self.memory_mib,
            DEVICE_MILLI * self.devices * self.tasks,
            self.nodes,
        )


@dataclass(frozen=True, slots=True)
class Span:
    """All tasks of a group: they have ranks one after the other, from `rank` on."""

    rank: int
    count: int
    group: str


@dataclass(frozen=True, slots=True)
class Layout:
    """A gang on nodes: its components, and which rank is which task."""

    parts: tuple[Part, ...]
    spans: tuple[Span, ...]

    @property
    def tasks(self) -> int:
        return sum(part.nodes * part.tasks for part in self.parts)

    @property
    def claims(self) -> list[Claim]:
        return [part.claim for part in self.parts]


def whole(claim: Claim, threads: int) -> Claim:
    """A claim as Slurm will give it: whole cores, whole MiB, whole devices."""
    cpus = -(-claim.cpu_milli // 1000)
    cores = max(1, -(-cpus // threads))
    return replace(
        claim,
        cpu_milli=1000 * cores * threads,
        memory_bytes=max(1, -(-claim.memory_bytes // MIB)) * MIB,
        device_milli=-(-claim.device_milli // DEVICE_MILLI) * DEVICE_MILLI,
    )


def layout_of(
    needs: Sequence[Need],
    free: tuple[FreeShape, ...],
    hosts: int,
    shape: HostShape,
    threads: int = 1,
) -> Layout:
    """Lay a gang on what is free; where there is no room now, on empty hosts, to wait for them."""
    buckets = _buckets(needs, threads)
    if len(buckets) == 1 and buckets[0][0].count == 1:
        claim, (need,) = buckets[0]
        return Layout((_part(claim, 1, 1),), (Span(0, 1, need.group),))
    parts = _on(free, buckets) or _on(all_free(hosts, shape), buckets)
    if parts is None:  # Slurm will say in its own words that it can't be
        parts = [(claim, [(claim.count, 1)]) for claim, _ in buckets]
    spans: list[Span] = []
    for _, groups in buckets:
        for need in groups:
            rank = sum(span.count for span in spans)
            spans.append(Span(rank, need.claim.count, need.group))
    return Layout(
        tuple(_part(claim, nodes, tasks) for claim, each in parts for nodes, tasks in each),
        tuple(spans),
    )


def _buckets(needs: Sequence[Need], threads: int) -> list[tuple[Claim, list[Need]]]:
    """Needs of equal tasks together, the largest tasks first."""
    found: dict[Claim, list[Need]] = {}
    for need in needs:
        found.setdefault(whole(replace(need.claim, count=1), threads), []).append(need)
    counted = {
        replace(claim, count=sum(need.claim.count for need in groups)): groups
        for claim, groups in found.items()
    }
    return [(claim, counted[claim]) for claim in largest_first(list(counted))]


def _on(
    free: tuple[FreeShape, ...], buckets: Iterable[tuple[Claim, list[Need]]]
) -> list[tuple[Claim, list[tuple[int, int]]]] | None:
    """For each bucket (nodes, tasks on each) on what is free, or None if not all of them fit."""
    found = []
    for claim, _ in buckets:
        each = _even(free, claim) or _uneven(free, claim)
        if each is None:
            return None
        for nodes, tasks in each:
            left = _apart(free, _packed(claim, nodes, tasks))
            if left is None:
                return None
            free = left
        found.append((claim, each))
    return found


def _even(free: tuple[FreeShape, ...], claim: Claim) -> list[tuple[int, int]] | None:
    """As few nodes as go with equally many tasks on each."""
    for tasks in sorted(_divisors(claim.count), reverse=True):
        nodes = claim.count // tasks
        if _apart(free, _packed(claim, nodes, tasks)) is not None:
            return [(nodes, tasks)]
    return None


def _uneven(free: tuple[FreeShape, ...], claim: Claim) -> list[tuple[int, int]] | None:
    """As many tasks a node as it takes, those nodes first that take most."""
    rooms: dict[int, int] = {}
    for shape in free:
        room = capacity_for((replace(shape, hosts=1),), replace(claim, count=1))
        if room:
            rooms[min(room, claim.count)] = rooms.get(min(room, claim.count), 0) + shape.hosts
    left, found = claim.count, list[tuple[int, int]]()
    for room in sorted(rooms, reverse=True):
        nodes = min(rooms[room], left // room)
        if nodes:
            found.append((nodes, room))
            left -= nodes * room
        if left and nodes < rooms[room]:
            found.append((1, min(left, room)))
            left -= min(left, room)
        if not left:
            return found
    return None


def _apart(free: tuple[FreeShape, ...], claim: Claim) -> tuple[FreeShape, ...] | None:
    """What is left when each of the claim's tasks is on a host of its own, the fullest that take
    one first; None if there are not so many hosts.
    """
    wanted, left = claim.count, list[FreeShape]()
    one = replace(claim, count=1)
    for shape in sorted(free, key=lambda s: (s.device_milli, s.cpu_milli, s.memory_bytes)):
        after = place((replace(shape, hosts=1),), one) if wanted else None
        taken = min(shape.hosts, wanted) if after is not None else 0
        left += [replace(each, hosts=taken) for each in after or () if taken]
        left += [replace(shape, hosts=shape.hosts - taken)] if shape.hosts > taken else []
        wanted -= taken
    return None if wanted else merged(left)


def _packed(claim: Claim, nodes: int, tasks: int) -> Claim:
    """So many tasks as one, on each of so many nodes."""
    return Claim(
        claim.cpu_milli * tasks, claim.memory_bytes * tasks, claim.device_milli * tasks, nodes
    )


def _part(claim: Claim, nodes: int, tasks: int) -> Part:
    return Part(
        nodes,
        tasks,
        claim.cpu_milli // 1000,
        claim.memory_bytes,
        claim.device_milli // DEVICE_MILLI,
    )


def _divisors(number: int) -> Iterator[int]:
    for i in range(1, int(number**0.5) + 1):
        if number % i == 0:
            yield i
            if i != number // i:
                yield number // i
