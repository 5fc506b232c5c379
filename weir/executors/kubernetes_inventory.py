"""From Kubernetes' nodes and pods to pools: kinds of node, what others use, what is free.

Laws:
- A node is in one pool, that of the first share that has it; equal nodes of a share are one pool.
- What others use is what the scheduler counts for their pods; waiting ones count nowhere.
- Nothing is offered on a node that is not ready, is cordoned, or has a taint that is not tolerated.
- What a DaemonSet has on a node is no part of it for anybody: hosts are as large as what is left.
- A share of a device that others have is counted on a device of its own while there are any: so a
  device is never told to be wholly free that may not be.
- A cap counts all that runs here for the network, whichever parent sent it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from weir.core import devices
from weir.core.inventory import DEVICE_MILLI, WHOLE_DEVICES, Block, FreeShape, HostShape, merged
from weir.executors import kubernetes_resources
from weir.executors.kubernetes_records import AGENT_LABEL, Node, Pod
from weir.executors.kubernetes_resources import Counted
from weir.executors.kubernetes_settings import KubernetesShare
from weir.executors.topology import blocks_of
from weir.wire.jobspec import CONTAINER
from weir.wire.pools import Block as BlockReport
from weir.wire.pools import PoolReport, Shape, free_of

ALIKE = 0.05
"""Nodes whose CPU and memory differ by less than this share of them are of one kind."""

HOSTNAME = "kubernetes.io/hostname"
TERMS = (
    *("emulated", "fabric", "fabric_gbps", "location", "industries", "latency_us", "currency"),
    *("price_micro_per_device_hour", "price_micro_per_core_hour", "measured_gflops"),
    "energy_price_micro_per_kwh",
)
"""What a share says of its pools as it is."""


@dataclass(frozen=True, slots=True)
class Use:
    """What is taken of one node; `devices` has the milli-devices of each device that is taken."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    devices: tuple[int, ...] = ()

    def __add__(self, other: Use) -> Use:
        return Use(
            self.cpu_milli + other.cpu_milli,
            self.memory_bytes + other.memory_bytes,
            self.devices + other.devices,
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """Equal nodes of a share: one pool. `device_mib` is the memory of one device where devices are
    shared, else null; `hostnames` are what to choose the nodes by, none where the share's labels
    do. `levels` and `blocks` are told by labels of its nodes, and `paths` where each node is; under
    a cap it is not known which nodes count, so there are none.
    """

    name: str
    share: KubernetesShare
    nodes: tuple[str, ...]
    shape: HostShape
    resource: Counted | None = None
    device_mib: int | None = None
    model: str | None = None
    hostnames: tuple[str, ...] = ()
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


@dataclass(frozen=True, slots=True)
class _Devices:
    """What a node's devices are; nodes with equal ones can be of one kind."""

    resource: Counted | None = None
    count: int = 0
    model: str | None = None
    mib: int | None = None


@dataclass(slots=True)
class _Class:
    """Alike nodes, being gathered."""

    devices: _Devices
    nodes: list[Node] = field(default_factory=list)


def kinds_of(shares: Sequence[KubernetesShare], nodes: Sequence[Node]) -> tuple[Kind, ...]:
    """The pools that there are, in the order of the shares; without shares, of all nodes that tell
    no pod to stay away.
    """
    taken: set[str] = set()
    names: Counter[str] = Counter()
    found: list[Kind] = []
    for share in shares or (KubernetesShare(),):
        inside = [n for n in nodes if share.nodes.items() <= n.labels.items()]
        own = [n for n in inside if n.name not in taken and n.open_to(share.tolerations)]
        own = [n for n in own if n.cpu_milli > 0 and n.memory_bytes > 0]
        taken |= {n.name for n in own}
        for kind in _kinds(share, own, len(inside)):
            names[kind.name] += 1
            number = names[kind.name]
            found.append(kind if number == 1 else replace(kind, name=f"{kind.name}-{number}"))
    return tuple(found)


def without_fixtures(nodes: Sequence[Node], pods: Mapping[str, Sequence[Pod]]) -> list[Node]:
    """The nodes, less what the pods have that every node has: `pods` by node."""
    found = []
    for node in nodes:
        fixed = [pod for pod in pods.get(node.name, ()) if pod.fixture]
        cpu = node.cpu_milli - sum(pod.cpu_milli for pod in fixed)
        memory = node.memory_bytes - sum(pod.memory_bytes for pod in fixed)
        found.append(replace(node, cpu_milli=max(0, cpu), memory_bytes=max(0, memory)))
    return found


def used_by_others(
    kind: Kind, nodes: Mapping[str, Node], pods: Mapping[str, Sequence[Pod]], ours: str
) -> dict[str, Use]:
    """What is taken on each usable node of a kind by pods that are not ours: `pods` are those that
    have not ended, by node, and `ours` the label's value that marks our own.
    """
    found = {}
    for name in kind.nodes:
        node = nodes.get(name)
        if node is None or not node.ready or node.cordoned:
            continue
        if not node.open_to(kind.share.tolerations):
            continue
        there = pods.get(name, ())
        if len(there) >= node.pods:
            continue
        others = [pod for pod in there if not is_ours(pod, ours) and not pod.fixture]
        use = Use()
        for pod in others:
            use += Use(pod.cpu_milli, pod.memory_bytes, tuple(_taken(kind, pod)))
        missing = kind.shape.devices - device_count(node, kind)
        found[name] = use + Use(devices=(DEVICE_MILLI,) * max(0, missing))
    return found


def is_ours(pod: Pod, agent: str) -> bool:
    """Whether a pod was made by this agent."""
    return pod.labels.get(AGENT_LABEL) == agent


def device_count(node: Node, kind: Kind) -> int:
    """How many devices of a kind's resource a node has now: unhealthy ones are not counted."""
    if kind.resource is None:
        return 0
    listed = kubernetes_resources.registered(kind.resource, node.annotations)
    return len(listed) or node.devices.get(kind.resource.name, 0)


def free_shapes(
    kind: Kind, others: Mapping[str, Use], counted: Mapping[str, Use]
) -> tuple[FreeShape, ...]:
    """What is left on the usable nodes, within the cap. `counted` is what else is taken, by node;
    under a cap that is for the caller to subtract, who may count it anywhere.
    """
    shapes = [
        _left(kind, used if kind.capped else used + counted.get(name, Use()), name)
        for name, used in others.items()
    ]
    return merged(_capped(kind, shapes) if kind.capped else shapes)


def report(
    kind: Kind, free: tuple[FreeShape, ...], is_open: bool, queue_ahead: int = 0
) -> PoolReport:
    """A pool as it is told to a parent."""
    share = kind.share
    stacks = devices.find(kind.model).stacks if kind.model and _known(kind.model) else ()
    whole = (WHOLE_DEVICES,) if kind.shape.devices and kind.device_mib is None else ()
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
        traits=tuple(dict.fromkeys((*share.traits, CONTAINER, *whole, *stacks))),
        max_walltime_s=share.max_walltime_s,
        free=free_of(free),
        queue_ahead=queue_ahead,
        levels=kind.levels,
        blocks=tuple(BlockReport(names=b.names, hosts=b.hosts) for b in kind.blocks),
        **{name: getattr(share, name) for name in TERMS},
    )


# -- kinds -----------------------------------------------------------------------------------------


def _kinds(share: KubernetesShare, nodes: Sequence[Node], inside: int) -> list[Kind]:
    classes: list[_Class] = []
    for node in sorted(nodes, key=lambda n: (n.memory_bytes, n.cpu_milli, n.name)):
        what = _devices_of(node, share)
        fitting = (c for c in classes if c.devices == what and _alike(c.nodes[0], node))
        group = next(fitting, None)
        if group is None:
            group = _Class(what)
            classes.append(group)
        group.nodes.append(node)
    return [
        _kind(name, share, group, inside)
        for name, group in zip(_names(share, classes), classes, strict=True)
    ]


def _alike(one: Node, other: Node) -> bool:
    return all(
        max(a, b) <= min(a, b) * (1 + ALIKE)
        for a, b in (
            (one.cpu_milli, other.cpu_milli),
            (one.memory_bytes, other.memory_bytes),
        )
    )


def _kind(name: str, share: KubernetesShare, group: _Class, inside: int) -> Kind:
    nodes, what = group.nodes, group.devices
    hostnames: tuple[str, ...] = ()
    if len(nodes) < inside:
        hostnames = tuple(sorted(n.labels.get(HOSTNAME, n.name) for n in nodes))
    found = Kind(
        name=name,
        share=share,
        nodes=tuple(sorted(n.name for n in nodes)),
        shape=HostShape(
            min(n.cpu_milli for n in nodes), min(n.memory_bytes for n in nodes), what.count
        ),
        resource=what.resource,
        device_mib=what.mib,
        model=what.model,
        hostnames=hostnames,
    )
    return found if found.capped else _in_blocks(found, nodes)


def _in_blocks(kind: Kind, nodes: Sequence[Node]) -> Kind:
    """The kind with the levels that any of its nodes has a label of."""
    labels = {
        level: label
        for level, label in kind.share.topology.items()
        if any(label in node.labels for node in nodes)
    }
    if not labels:
        return kind
    blocks, paths = blocks_of(
        {node.name: tuple(node.labels.get(x, "") for x in labels.values()) for node in nodes}
    )
    return replace(kind, levels=tuple(labels), blocks=blocks, paths=paths)


def _devices_of(node: Node, share: KubernetesShare) -> _Devices:
    one = kubernetes_resources.chosen(node.devices, share.resource)
    if one is None:
        return _Devices()
    listed = kubernetes_resources.registered(one, node.annotations)
    model = kubernetes_resources.model_of(one, node.labels, listed, share.device_models)
    if not listed:
        return _Devices(one, node.devices[one.name], model)
    return _Devices(one, len(listed), model, min(r.memory_mib for r in listed))


def _names(share: KubernetesShare, classes: Sequence[_Class]) -> list[str]:
    """Names that stay as they are when another kind of node is added."""
    if share.pool and len(classes) == 1:
        return [share.pool]
    short = ["-".join(filter(None, (share.pool, _what(group)))) for group in classes]
    return [
        name if short.count(name) == 1 else f"{name}-{group.nodes[0].memory_bytes // 2**30}g"
        for name, group in zip(short, classes, strict=True)
    ]


def _what(group: _Class) -> str:
    what = group.devices
    if what.resource is None:
        return f"{-(-group.nodes[0].cpu_milli // 1000)}c"
    return f"{_plain(what.model or what.resource.name.partition('/')[2])}-x{what.count}"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)[:40].strip("-._")


def _known(model: str) -> bool:
    return kubernetes_resources.known(model) is not None


# -- what is left ----------------------------------------------------------------------------------


def _taken(kind: Kind, pod: Pod) -> list[int]:
    if kind.resource is None:
        return []
    return kubernetes_resources.taken(kind.resource, pod.asked, kind.device_mib or 0)


def _left(kind: Kind, used: Use, name: str) -> FreeShape:
    free = [DEVICE_MILLI] * kind.shape.devices
    for milli in sorted(used.devices, reverse=True):
        freest = max(range(len(free)), key=free.__getitem__, default=None)
        if freest is not None:
            free[freest] = max(0, free[freest] - milli)
    if kind.device_mib is None:  # a device that is not shared is taken whole
        free = [milli if milli == DEVICE_MILLI else 0 for milli in free]
    counts = Counter(milli for milli in free if milli)
    return FreeShape(
        max(0, kind.shape.cpu_milli - used.cpu_milli),
        max(0, kind.shape.memory_bytes - used.memory_bytes),
        tuple(sorted(counts.items())),
        1,
        kind.paths.get(name, ()),
    )


def _capped(kind: Kind, shapes: Iterable[FreeShape]) -> list[FreeShape]:
    """The freest hosts, as many and with as many wholly free devices as the cap allows."""
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
