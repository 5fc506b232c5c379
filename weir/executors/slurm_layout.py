"""How a gang lies on nodes: which tasks go together, on how many nodes of which size.

Slurm takes whole CPUs and devices and is asked per node, so that every kind of generic resource is
asked for in one way. Groups whose tasks are equal lie together. As long as they go evenly on nodes
the job is an ordinary one; what can't is a heterogeneous job of several components, for which Slurm
waits until all of them can start.

Components may share nodes. So a group whose tasks are spread, or have nodes of their own, is one
component, the last node of which may have fewer tasks.

Laws:
- All tasks of all groups are in exactly one component, in the order of their ranks.
- A component's tasks fit an empty node wherever any layout does.
- A node has no more tasks of a group than it wants, and of a group with nodes of its own no others.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from weir.core.inventory import DEVICE_MILLI, FreeShape, HostShape, all_free, merged
from weir.executors.local_hosts import Need
from weir.scheduling.inside import number_of
from weir.scheduling.packing import Claim, capacity_for, held_whole, place, size_of

MIB = 2**20


@dataclass(frozen=True, slots=True)
class Part:
    """`nodes` nodes with `tasks` equal tasks on each, but for `missing` on the last; amounts are of
    one task, in Slurm's units. `exclusive`: nothing else is on these nodes.
    """

    nodes: int
    tasks: int
    cpus: int
    memory_bytes: int
    devices: int
    missing: int = 0
    exclusive: bool = False

    @property
    def all_tasks(self) -> int:
        return self.nodes * self.tasks - self.missing

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
        return sum(part.all_tasks for part in self.parts)

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
    within: int = 0,
) -> Layout:
    """Lay a gang on what is free; where there is no room now, on empty hosts, to wait for them.

    `within` a block of that level it is one component: each one could be in another block.
    """
    buckets = [replace(b, together=within > 0) for b in _buckets(needs, threads)]
    if len(buckets) == 1 and buckets[0].claim.count == 1:
        (bucket,) = buckets
        return Layout((_part(bucket, 1, 1),), (Span(0, 1, bucket.needs[0].group),))
    parts = _inside(free, buckets, shape, within) if within else _on(free, buckets, shape)
    parts = parts or _on(all_free(hosts, shape), buckets, shape)
    if parts is None:  # Slurm will say in its own words that it can't be
        parts = [(bucket, [(bucket.claim.count, 1)]) for bucket in buckets]
    spans: list[Span] = []
    for bucket in buckets:
        for need in bucket.needs:
            rank = sum(span.count for span in spans)
            spans.append(Span(rank, need.claim.count, need.group))
    return Layout(
        tuple(_part(bucket, nodes, tasks) for bucket, each in parts for nodes, tasks in each),
        tuple(spans),
    )


@dataclass(frozen=True, slots=True)
class _Bucket:
    """Needs of equal tasks, and all of their tasks as Slurm will give them."""

    claim: Claim
    needs: tuple[Need, ...]
    exclusive: bool
    together: bool = False

    @property
    def apart(self) -> bool:
        """Whether it must be one component."""
        return self.exclusive or self.claim.spread or self.together


_Laid = list[tuple[int, int]]
"""(nodes, tasks on each)"""


def _buckets(needs: Sequence[Need], threads: int) -> list[_Bucket]:
    """Needs of equal tasks together, the largest tasks first; those that are spread or have nodes
    of their own stay by themselves, and the latter go first.
    """
    found: dict[tuple[Claim, bool, str], list[Need]] = {}
    for need in needs:
        alone = need.group if need.exclusive or need.claim.spread else ""
        task = whole(replace(need.claim, count=1), threads)
        found.setdefault((task, need.exclusive, alone), []).append(need)
    buckets = [
        _Bucket(replace(task, count=sum(n.claim.count for n in some)), tuple(some), exclusive)
        for (task, exclusive, _), some in found.items()
    ]
    return sorted(buckets, key=lambda b: (b.exclusive, size_of(b.claim)), reverse=True)


def _on(
    free: tuple[FreeShape, ...], buckets: Iterable[_Bucket], shape: HostShape
) -> list[tuple[_Bucket, _Laid]] | None:
    """Each bucket on what is free, or None if not all of them fit."""
    found = []
    for bucket in buckets:
        claim = bucket.claim
        if bucket.exclusive:
            each = _whole_nodes(free, claim, shape)
        elif bucket.apart:
            each = _even(free, claim) or _nearly_even(free, claim)
        else:
            each = _even(free, claim) or _uneven(free, claim)
        if each is None:
            return None
        for nodes, tasks in each:
            held = replace(held_whole(claim, shape), count=nodes)
            left = _apart(free, held if bucket.exclusive else _packed(claim, nodes, tasks))
            if left is None:
                return None
            free = left
        found.append((bucket, each))
    return found


def _inside(
    free: tuple[FreeShape, ...], buckets: Sequence[_Bucket], shape: HostShape, within: int
) -> list[tuple[_Bucket, _Laid]] | None:
    """The same in the first block that has room, those with the fewest free hosts first."""
    blocks: dict[int, list[FreeShape]] = {}
    for part in free:
        blocks.setdefault(number_of(part.block, within), []).append(part)
    blocks.pop(-1, None)
    for _, some in sorted(blocks.items(), key=lambda b: (sum(s.hosts for s in b[1]), b[0])):
        found = _on(tuple(some), buckets, shape)
        if found is not None:
            return found
    return None


def _even(free: tuple[FreeShape, ...], claim: Claim) -> _Laid | None:
    """As few nodes as go with equally many tasks on each."""
    for tasks in sorted(_divisors(claim.count), reverse=True):
        nodes = claim.count // tasks
        if tasks <= claim.per_host and _apart(free, _packed(claim, nodes, tasks)) is not None:
            return [(nodes, tasks)]
    return None


def _nearly_even(free: tuple[FreeShape, ...], claim: Claim) -> _Laid | None:
    """As few nodes as go with equally many tasks on each but the last."""
    one = replace(claim, count=1)
    rooms = (capacity_for((replace(shape, hosts=1),), one) for shape in free)
    for tasks in range(min(claim.count, max(rooms, default=0)), 0, -1):
        nodes = -(-claim.count // tasks)
        if _apart(free, _packed(claim, nodes, tasks)) is not None:
            return [(nodes, tasks)]
    return None


def _whole_nodes(free: tuple[FreeShape, ...], claim: Claim, shape: HostShape) -> _Laid | None:
    """As few nodes as do when they are empty, with as many tasks on each but the last."""
    nodes = held_whole(claim, shape)
    if _apart(free, nodes) is None:
        return None
    tasks = -(-claim.count // nodes.count)
    return [(-(-claim.count // tasks), tasks)]


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


def _part(bucket: _Bucket, nodes: int, tasks: int) -> Part:
    claim = bucket.claim
    return Part(
        nodes,
        tasks,
        claim.cpu_milli // 1000,
        claim.memory_bytes,
        claim.device_milli // DEVICE_MILLI,
        nodes * tasks - claim.count if bucket.apart else 0,
        bucket.exclusive,
    )


def _divisors(number: int) -> Iterator[int]:
    for i in range(1, int(number**0.5) + 1):
        if number % i == 0:
            yield i
            if i != number // i:
                yield number // i
