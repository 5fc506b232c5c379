"""From Ray's nodes to pools: kinds of host, what others use, what is free.

Laws:
- A node is in one pool, that of the first share that has it; equal nodes of a share are one pool.
- What others use of a node is what is used there less what our own runs may hold of it; it is never
  less than nothing. So a run of ours is never taken for somebody else's.
- A cap counts all that runs here for the network, whichever parent sent it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from weir.core import devices
from weir.core.inventory import DEVICE_MILLI, FreeShape, HostShape, merged
from weir.executors.ray_records import DEVICES, Node
from weir.executors.ray_settings import RayShare
from weir.wire.pools import PoolReport, PoolTerms, Shape, free_of

ALIKE = 0.05
"""Nodes whose memory differs by less than this share of it are of one kind."""

TERMS = tuple(name for name in PoolTerms.model_fields if name not in ("traits",))
"""What a share says of its pools as it is."""

ROUNDED_BYTES = 32 * 2**20
"""Ray tells used memory in GiB with two digits: less than this is nothing."""

PLAIN_NAME = "ray"


@dataclass(frozen=True, slots=True)
class Amount:
    """CPU, memory and devices, of one node or of one task."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    device_milli: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.cpu_milli + other.cpu_milli,
            self.memory_bytes + other.memory_bytes,
            self.device_milli + other.device_milli,
        )

    def less(self, other: Amount) -> Amount:
        """What is left without `other`; nothing of it below nothing."""
        return Amount(
            max(0, self.cpu_milli - other.cpu_milli),
            max(0, self.memory_bytes - other.memory_bytes),
            max(0, self.device_milli - other.device_milli),
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """Equal nodes of a share: one pool. `resource` is what its devices are called at Ray,
    `selective` whether Ray has other nodes too, and `hostnames` what each node is called.
    """

    name: str
    share: RayShare
    nodes: tuple[str, ...]
    shape: HostShape
    hostnames: tuple[tuple[str, str], ...] = ()
    resource: str = ""
    model: str | None = None
    traits: tuple[str, ...] = ()
    selective: bool = False

    @property
    def capped(self) -> bool:
        return self.share.max_devices is not None or self.share.max_hosts is not None

    def resources(self, amount: Amount) -> dict[str, float]:
        """An amount on one of its nodes under the names and in the units of Ray's."""
        found: dict[str, float] = {"CPU": amount.cpu_milli / 1000, "memory": amount.memory_bytes}
        if amount.device_milli:
            found[self.resource] = amount.device_milli / DEVICE_MILLI
        return found

    @property
    def hosts(self) -> int:
        """How many hosts there are for the network."""
        most = [len(self.nodes)]
        most += [self.share.max_hosts] if self.share.max_hosts else []
        if self.share.max_devices and self.shape.devices:
            most += [-(-self.share.max_devices // self.shape.devices)]
        return min(most)


def kinds_of(shares: Sequence[RayShare], nodes: Sequence[Node]) -> tuple[Kind, ...]:
    """The pools that there are, in the order of the shares; without shares, of all nodes. A node
    without a CPU for jobs (many a head) is in none.
    """
    able = [n for n in nodes if n.total.get("CPU", 0) >= 1 and n.total.get("memory", 0) >= 1]
    taken: set[str] = set()
    found: list[Kind] = []
    for share in shares or (RayShare(),):
        own = [n for n in able if n.id not in taken and _wanted(n, share)]
        taken |= {n.id for n in own}
        found += _kinds(share, own, len(able))
    return tuple(found)


def _wanted(node: Node, share: RayShare) -> bool:
    return share.labels.items() <= node.labels.items()


Key = tuple[int, int, str, str]
"""CPU, devices, their resource, the accelerator's type: nodes alike in these may be one pool."""


def _kinds(share: RayShare, nodes: Sequence[Node], able: int) -> list[Kind]:
    groups: dict[Key, list[Node]] = {}
    for node in sorted(nodes, key=lambda n: n.total["memory"]):
        groups.setdefault(_key(node, share), []).append(node)
    classes = [(key, alike) for key, group in groups.items() for alike in _alike_in_memory(group)]
    names = _names(share, classes)
    return [
        _kind(name, share, key, alike, len(alike) < able)
        for name, (key, alike) in zip(names, classes, strict=True)
    ]


def _key(node: Node, share: RayShare) -> Key:
    resource = device_resource(node, share)
    count = node.total[resource] // DEVICE_MILLI if resource else 0
    return node.total["CPU"], count, resource, node.accelerator if resource else ""


def device_resource(node: Node, share: RayShare) -> str:
    """Which resource counts as a node's devices: the one that the operator says, else the one that
    Ray or the operator's table knows to be devices; empty if there is none. A resource that nobody
    has called devices may be anything.
    """
    names = node.device_names()
    if share.resource is not None:
        return share.resource if share.resource in names else ""
    known = [n for n in names if n in share.device_models or _is_device(n)]
    return known[0] if known else ""


def _is_device(name: str) -> bool:
    return name in DEVICES or _known(name) is not None


def _kind(name: str, share: RayShare, key: Key, nodes: Sequence[Node], selective: bool) -> Kind:
    cpu, count, resource, accelerator = key
    model = _model(resource, accelerator, share)
    stacks = devices.find(model).stacks if model and _known(model) else ()
    return Kind(
        name=name,
        share=share,
        nodes=tuple(sorted(n.id for n in nodes)),
        hostnames=_hostnames(nodes),
        shape=HostShape(cpu, min(n.total["memory"] for n in nodes), count),
        resource=resource if count else "",
        model=model,
        traits=tuple(dict.fromkeys((*share.traits, *stacks))),
        selective=selective,
    )


def _hostnames(nodes: Sequence[Node]) -> tuple[tuple[str, str], ...]:
    """What each node is called, by its id: as its machine, unless that has several."""
    names = [n.host for n in nodes]
    called = {n.id: n.host if names.count(n.host) == 1 else f"{n.host}-{n.id[:8]}" for n in nodes}
    return tuple(sorted(called.items()))


def _alike_in_memory(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes in the order of their memory, parted where it grows by more than a little."""
    groups: list[list[Node]] = []
    for node in nodes:
        if groups and node.total["memory"] <= groups[-1][0].total["memory"] * (1 + ALIKE):
            groups[-1].append(node)
        else:
            groups.append([node])
    return groups


def _names(share: RayShare, classes: Sequence[tuple[Key, Sequence[Node]]]) -> list[str]:
    """Names that stay as they are when another kind of host is added."""
    base = share.pool or PLAIN_NAME
    if share.pool and len(classes) == 1:
        return [base]
    short = [f"{base}-{_what(key)}" for key, _ in classes]
    return [
        name if short.count(name) == 1 else f"{name}-{nodes[0].total['memory'] >> 30}g"
        for name, (_, nodes) in zip(short, classes, strict=True)
    ]


def _what(key: Key) -> str:
    cpu, count, resource, accelerator = key
    return f"{_plain(accelerator or resource)}x{count}" if count else f"{cpu // 1000}c"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:40].lower()


def _model(resource: str, accelerator: str, share: RayShare) -> str | None:
    """The device model: what the operator says, else what the type or the resource says."""
    if not resource:
        return None
    for word in (accelerator, resource):
        if word and word in share.device_models:
            return _known(share.device_models[word]) or share.device_models[word]
    spelled = re.sub(r"-(\d+)G$", r" \1GB", accelerator)  # Ray's A100-80G
    words = (spelled, accelerator, *accelerator.split("-", 1)[1:], resource)
    return next((m for word in words if word and (m := _known(word))), None)


def _known(word: str) -> str | None:
    try:
        return devices.find(word).name
    except devices.UnknownDevice:
        return None


# -- what is used and what is free -----------------------------------------------------------------


def used_by_others(
    kind: Kind,
    nodes: Mapping[str, Node],
    own: Mapping[str, Amount],
    somewhere: Iterable[Amount] = (),
) -> dict[str, Amount]:
    """What is used on each living node of a kind by what is not ours. `own` is what our runs may
    hold, by node; `somewhere` what they may hold on a node that is not known yet: it is taken off
    where most is used that seems to be others'.
    """
    found = {}
    for id_ in kind.nodes:
        node = nodes.get(id_)
        if node is not None:
            used = _used(node, kind) if node.used is not None else Amount()
            left = used.less(own.get(id_, Amount()))
            small = left.memory_bytes < ROUNDED_BYTES
            found[id_] = replace(left, memory_bytes=0) if small else left
    for amount in somewhere:
        best = max(found, key=lambda i: _common(found[i], amount), default=None)
        if best is not None:
            left = found[best].less(amount)
            small = left.memory_bytes < ROUNDED_BYTES
            found[best] = replace(left, memory_bytes=0) if small else left
    return found


def _used(node: Node, kind: Kind) -> Amount:
    used = node.used or {}
    devices_milli = used.get(kind.resource, 0) if kind.resource else 0
    return Amount(used.get("CPU", 0), used.get("memory", 0), devices_milli)


def _common(used: Amount, amount: Amount) -> tuple[int, int, int]:
    """How much of an amount a node's use can hold."""
    return (
        min(used.device_milli, amount.device_milli),
        min(used.cpu_milli, amount.cpu_milli),
        min(used.memory_bytes, amount.memory_bytes),
    )


def free_shapes(kind: Kind, others: Mapping[str, Amount]) -> tuple[FreeShape, ...]:
    """What others leave on the living nodes, within the cap."""
    shapes = [_left(kind, used) for used in others.values()]
    return merged(_capped(kind, shapes) if kind.capped else shapes)


def _left(kind: Kind, used: Amount) -> FreeShape:
    """What is left of a node. Of a device that is used in part the rest is one piece."""
    free = max(0, DEVICE_MILLI * kind.shape.devices - used.device_milli)
    whole, part = divmod(free, DEVICE_MILLI)
    pieces = [(part, 1)] if part else []
    pieces += [(DEVICE_MILLI, whole)] if whole else []
    return FreeShape(
        max(0, kind.shape.cpu_milli - used.cpu_milli),
        max(0, kind.shape.memory_bytes - used.memory_bytes),
        tuple(pieces),
        1,
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


def report(kind: Kind, free: tuple[FreeShape, ...], is_open: bool) -> PoolReport:
    """A pool as it is told to a parent."""
    return PoolReport(
        name=kind.name,
        hosts=kind.hosts,
        shape=Shape(
            cpu_milli=kind.shape.cpu_milli,
            memory_bytes=kind.shape.memory_bytes,
            devices=kind.shape.devices,
        ),
        device_model=kind.model,
        open=is_open,
        traits=kind.traits,
        free=free_of(free),
        **{name: getattr(kind.share, name) for name in TERMS},
    )
