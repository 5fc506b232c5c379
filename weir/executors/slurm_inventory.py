"""From Slurm's nodes and partitions to pools: kinds of host, what others use, what is free.

Laws:
- A node is in one pool, that of the first share that has it; equal nodes of a share are one pool.
- What others use is what is allocated less what our own jobs hold; it is never less than nothing.
- Nothing new is offered on a node that is down, drained or kept for others.
- A cap counts all that runs here for the network, whichever parent sent it.
"""

from __future__ import annotations

import fnmatch
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir.core import devices
from weir.core.inventory import DEVICE_MILLI, WHOLE_DEVICES, Block, FreeShape, HostShape, merged
from weir.executors.slurm_layout import MIB
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_settings import SlurmShare
from weir.executors.slurm_words import NO_DEVICES, Gres, hosts_text
from weir.executors.topology import ambiguous, blocks_of
from weir.wire.pools import Block as BlockReport
from weir.wire.pools import PoolReport, Shape, free_of

ALIKE = 0.05
"""Nodes whose memory differs by less than this share of it are of one kind."""

TERMS = (
    *("emulated", "fabric", "fabric_gbps", "location", "industries", "latency_us", "currency"),
    *("price_micro_per_device_hour", "price_micro_per_core_hour", "measured_gflops"),
    "energy_price_micro_per_kwh",
)
"""What a share says of its pools as it is."""


@dataclass(frozen=True, slots=True)
class Amount:
    """CPUs, MiB and devices of one node."""

    cpus: int = 0
    mib: int = 0
    devices: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(self.cpus + other.cpus, self.mib + other.mib, self.devices + other.devices)


@dataclass(frozen=True, slots=True)
class Kind:
    """Equal nodes of a share: one pool. `gres` is what its devices are asked for by. `levels` and
    `blocks` are told by features of its nodes, and `paths` where each node is; under a cap it is
    not known which nodes count, so there are none. `machines` are what its nodes call their kind
    of processor (`x86_64`, `aarch64`), as far as Slurm knows it.
    """

    name: str
    share: SlurmShare
    nodes: tuple[str, ...]
    shape: HostShape
    threads: int = 1
    gres: str = ""
    model: str | None = None
    traits: tuple[str, ...] = ()
    up: bool = True
    exclusive: bool = False
    limit_s: int | None = None
    exclude: str = ""
    machines: frozenset[str] = frozenset()
    levels: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()
    paths: Mapping[str, tuple[int, ...]] = field(default_factory=dict, compare=False)

    @property
    def capped(self) -> bool:
        return self.share.max_devices is not None or self.share.max_hosts is not None

    @property
    def hosts(self) -> int:
        """How many hosts there are for the network."""
        most = [len(self.nodes)]
        most += [self.share.max_hosts] if self.share.max_hosts else []
        if self.share.max_devices and self.shape.devices:
            most += [-(-self.share.max_devices // self.shape.devices)]
        return min(most)


def kinds_of(
    shares: Sequence[SlurmShare], nodes: Sequence[Node], partitions: Sequence[Partition]
) -> tuple[Kind, ...]:
    """The pools that there are, in the order of the shares; without shares, of all partitions."""
    by_name = {partition.name: partition for partition in partitions}
    if not shares:
        seen = sorted(partitions, key=lambda p: not p.default)
        shares = [SlurmShare(partition=p.name) for p in seen if p.up and not p.hidden]
    taken: set[str] = set()
    found: list[Kind] = []
    for share in shares:
        partition = by_name.get(share.partition)
        if partition is None:
            continue
        inside = [
            n for n in nodes if n.name in set(partition.nodes) or share.partition in n.partitions
        ]
        own = [n for n in inside if n.name not in taken and _wanted(n, share)]
        taken |= {n.name for n in own}
        found += _kinds(share, partition, own, [n.name for n in inside])
    return tuple(found)


def missing(shares: Sequence[SlurmShare], partitions: Sequence[Partition]) -> list[str]:
    """Partitions that are shared, and that Slurm does not show."""
    shown = {partition.name for partition in partitions}
    return sorted({share.partition for share in shares} - shown)


def used_by_others(
    kind: Kind, nodes: Mapping[str, Node], own: Mapping[str, Amount]
) -> dict[str, Amount]:
    """What is allocated on each usable node of a kind to jobs that are not ours."""
    found = {}
    for name in kind.nodes:
        node = nodes.get(name)
        if node is None or not node.usable or node.reserved != bool(kind.share.reservation):
            continue
        ours = own.get(name, Amount())
        others = Amount(
            max(0, node.alloc_cpus - ours.cpus),
            max(0, node.alloc_mib - ours.mib),
            max(0, _used(node.gres_used, kind.gres) - ours.devices),
        )
        if kind.exclusive and others != Amount():
            continue
        found[name] = others
    return found


def free_shapes(
    kind: Kind, others: Mapping[str, Amount], counted: Mapping[str, Amount]
) -> tuple[FreeShape, ...]:
    """What is left on the usable nodes, within the cap. `counted` is what else is taken, by node;
    under a cap that is for the caller to subtract, who may count it anywhere.
    """
    shapes = [
        _left(kind, used if kind.capped else used + counted.get(name, Amount()), name)
        for name, used in others.items()
    ]
    return merged(_capped(kind, shapes) if kind.capped else shapes)


def report(kind: Kind, free: tuple[FreeShape, ...], is_open: bool) -> PoolReport:
    """A pool as it is told to a parent."""
    share = kind.share
    limits = [limit for limit in (share.max_walltime_s, kind.limit_s) if limit is not None]
    return PoolReport(
        name=kind.name,
        hosts=kind.hosts,
        shape=Shape(
            cpu_milli=kind.shape.cpu_milli,
            memory_bytes=kind.shape.memory_bytes,
            devices=kind.shape.devices,
        ),
        device_model=kind.model,
        open=is_open and kind.up,
        traits=tuple(dict.fromkeys((*share.traits, *kind.traits))),
        max_walltime_s=min(limits, default=None),
        free=free_of(free),
        queue_ahead=share.queue_ahead,
        levels=kind.levels,
        blocks=tuple(BlockReport(names=b.names, hosts=b.hosts) for b in kind.blocks),
        **{name: getattr(share, name) for name in TERMS},
    )


def _wanted(node: Node, share: SlurmShare) -> bool:
    return "FUTURE" not in node.state and set(share.features) <= set(node.features)


def _kinds(
    share: SlurmShare, partition: Partition, nodes: Sequence[Node], inside: Sequence[str]
) -> list[Kind]:
    groups: dict[tuple[int, int, Gres | None], list[Node]] = {}
    for node in sorted(nodes, key=lambda n: n.memory_mib):
        groups.setdefault((node.cpus, node.threads, _devices_of(node, share)), []).append(node)
    classes = [(key, alike) for key, group in groups.items() for alike in _alike_in_memory(group)]
    names = _names(share, partition.name, classes)
    return [
        _kind(name, share, partition, key, alike, inside)
        for name, (key, alike) in zip(names, classes, strict=True)
    ]


def _kind(
    name: str,
    share: SlurmShare,
    partition: Partition,
    key: tuple[int, int, Gres | None],
    nodes: Sequence[Node],
    inside: Sequence[str],
) -> Kind:
    cpus, threads, gres = key
    names = {n.name for n in nodes}
    features = set.intersection(*(set(n.features) for n in nodes))
    model = _model(gres, share, features)
    stacks = _stacks(model)
    found = Kind(
        name=name,
        share=share,
        nodes=tuple(sorted(names)),
        shape=HostShape(
            1000 * cpus, min(n.memory_mib for n in nodes) * MIB, gres.count if gres else 0
        ),
        threads=threads,
        gres=gres.word if gres else "",
        model=model,
        traits=(*((WHOLE_DEVICES,) if gres else ()), *stacks, *sorted(features - set(stacks))),
        up=partition.up,
        exclusive=partition.exclusive,
        limit_s=None if partition.max_minutes is None else 60 * partition.max_minutes,
        exclude=hosts_text(n for n in inside if n not in names),
        machines=frozenset(n.machine for n in nodes if n.machine),
    )
    return found if found.capped else _in_blocks(found, nodes)


def _in_blocks(kind: Kind, nodes: Sequence[Node]) -> Kind:
    """The kind with its levels. A feature is all that Slurm can be told of a block, so where two
    blocks of a level have one name there are none.
    """
    patterns = kind.share.topology.values()
    named = {
        n.name: tuple(next(iter(fnmatch.filter(sorted(n.features), p)), "") for p in patterns)
        for n in nodes
    }
    blocks, paths = blocks_of(named)
    if not blocks or ambiguous(blocks):
        return kind
    return replace(kind, levels=tuple(kind.share.topology), blocks=blocks, paths=paths)


def _alike_in_memory(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes in the order of their memory, parted where it grows by more than a little."""
    groups: list[list[Node]] = []
    for node in nodes:
        if groups and node.memory_mib <= groups[-1][0].memory_mib * (1 + ALIKE):
            groups[-1].append(node)
        else:
            groups.append([node])
    return groups


def _names(
    share: SlurmShare,
    partition: str,
    classes: Sequence[tuple[tuple[int, int, Gres | None], Sequence[Node]]],
) -> list[str]:
    """Names that stay as they are when another kind of host is added."""
    base = share.pool or partition
    if share.pool and len(classes) == 1:
        return [base]
    short = [f"{_plain(base)}-{_what(key)}" for key, _ in classes]
    return [
        name if short.count(name) == 1 else f"{name}-{nodes[0].memory_mib // 1024}g"
        for name, (_, nodes) in zip(short, classes, strict=True)
    ]


def _what(key: tuple[int, int, Gres | None]) -> str:
    cpus, _, gres = key
    return f"{_plain(gres.type or gres.name)}x{gres.count}" if gres else f"{cpus}c"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:40]


def _devices_of(node: Node, share: SlurmShare) -> Gres | None:
    """Which generic resource counts as a node's devices: the one that the operator says, else
    `gpu`, else the one of which there are most.
    """
    able = [g for g in node.gres if g.count and g.name not in NO_DEVICES]
    if share.gres is not None:
        able = [g for g in able if share.gres in (g.name, g.word)]
    return max(able, key=lambda g: (g.name == "gpu", g.count, g.word), default=None)


def _model(gres: Gres | None, share: SlurmShare, features: Iterable[str]) -> str | None:
    """The device model: what the operator says, else what the type, a feature or the name says."""
    if gres is None:
        return None
    said = share.device_models
    for word in (gres.word, gres.type, gres.name):
        if word in said:
            return _known(said[word]) or said[word]
    candidates = (gres.type, *sorted(features), gres.name)
    return next((m for word in candidates if word and (m := _known(word))), None)


def _known(word: str) -> str | None:
    try:
        return devices.find(word).name
    except devices.UnknownDevice:
        return None


def _stacks(model: str | None) -> tuple[str, ...]:
    return devices.find(model).stacks if model and _known(model) else ()


def _used(used: Iterable[Gres], word: str) -> int:
    """How many of the devices of this kind are in use; without a type of their own they count."""
    name, _, type_ = word.partition(":")
    return sum(g.count for g in used if g.name == name and (g.type == type_ or not g.type))


def _left(kind: Kind, used: Amount, name: str) -> FreeShape:
    whole = max(0, kind.shape.devices - used.devices)
    return FreeShape(
        max(0, kind.shape.cpu_milli - 1000 * used.cpus),
        max(0, kind.shape.memory_bytes - MIB * used.mib),
        ((DEVICE_MILLI, whole),) if whole else (),
        1,
        kind.paths.get(name, ()),
    )


def _capped(kind: Kind, shapes: Iterable[FreeShape]) -> list[FreeShape]:
    """The freest hosts, as many and with as many devices as the cap allows."""
    left = kind.share.max_devices or math.inf
    kept: list[FreeShape] = []
    freest = sorted(shapes, key=lambda s: (s.whole_devices, s.cpu_milli, s.memory_bytes))
    for shape in reversed(freest):
        if len(kept) >= (kind.share.max_hosts or math.inf) or (kind.shape.devices and left <= 0):
            break
        count = int(min(shape.whole_devices, left))
        left -= count
        kept.append(replace(shape, devices=((DEVICE_MILLI, count),) if count else ()))
    return kept
