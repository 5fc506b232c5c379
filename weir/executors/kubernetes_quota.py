"""What quotas leave of a cluster: a namespace's ResourceQuota, and Kueue's ClusterQueue.

Nodes may stand empty and yet nobody may use them. What is left of a quota is its limit less what
it counts as used; what our own pods have of that is ours to give, so it is added again.

Laws:
- What a quota does not name it does not limit; of several the least is left.
- A quota with scopes holds for some pods only, and which those are it says in words that may come
  to be: it is not counted. Kubernetes itself refuses what it forbids.
- Of a ClusterQueue its nominal quota counts, over all its flavors; what it could borrow of its
  cohort is not promised to anybody.
- Who may not read quotas is told of none.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Protocol

from weir.core.inventory import DEVICE_MILLI, FreeShape, merged
from weir.executors.kubernetes_calls import Rejected, path
from weir.executors.kubernetes_manifest import KUEUE
from weir.executors.kubernetes_records import quantity
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.scheduling.packing import Claim

log = logging.getLogger(__name__)

CPU, MEMORY = "cpu", "memory"
KUEUE_VERSIONS = ("v1beta1", "v1beta2")


class Lists(Protocol):
    """What of Kubernetes is asked here."""

    def list(
        self, where: str, query: Mapping[str, str] | None = None
    ) -> Sequence[Mapping[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Place:
    """Where jobs go: a namespace, and a queue of Kueue there or none."""

    namespace: str
    queue: str = ""


@dataclass(frozen=True, slots=True)
class Room:
    """What may still be used, by resource: `cpu` in cores, `memory` in bytes, devices by the name
    of their resource. What is not named has no limit. `why` names what limits most lately read.
    """

    left: Mapping[str, Decimal] = field(default_factory=dict)
    why: str = ""

    def more(self, amounts: Mapping[str, Decimal]) -> Room:
        """With so much more of what is limited."""
        left = {name: value + amounts.get(name, Decimal()) for name, value in self.left.items()}
        return replace(self, left=left)

    def less(self, amounts: Mapping[str, Decimal]) -> Room:
        """With so much less."""
        return self.more({name: -value for name, value in amounts.items()})

    def holds(self, amounts: Mapping[str, Decimal]) -> bool:
        """Whether so much may be used."""
        return all(self.left.get(name, math.inf) >= value for name, value in amounts.items())


Rooms = Mapping[Place, Room]


def places_of(settings: KubernetesSettings) -> tuple[Place, ...]:
    """Every place that jobs may go to."""
    queues = [share.queue for share in settings.shares] or [""]
    members = [(m.namespace or settings.namespace, m.queue) for m in settings.members]
    members.append((settings.namespace, ""))
    found = [Place(name, own or queue) for name, own in members for queue in queues]
    return tuple(dict.fromkeys(found))


def rooms_of(
    kubernetes: Lists, places: Iterable[Place], groups: frozenset[str]
) -> dict[Place, Room]:
    """What quotas leave at each place; one that has none is not there."""
    found: dict[Place, Room] = {}
    queues: dict[str, Room] | None = None
    quotas: dict[str, Room | None] = {}
    for place in places:
        name = place.namespace
        if name not in quotas:
            listed = _listed(kubernetes, path("v1", "resourcequotas", name))
            quotas[name] = of_quotas(listed)
        rooms = [quotas[name]]
        if place.queue and KUEUE in groups:
            queues = _cluster_queues(kubernetes) if queues is None else queues
            rooms.append(queues.get(_behind(kubernetes, place)))
        known = [room for room in rooms if room is not None]
        if known:
            found[place] = least(known)
    return found


def least(rooms: Sequence[Room]) -> Room:
    """What all of these leave."""
    names = {name for room in rooms for name in room.left}
    left = {n: min(room.left[n] for room in rooms if n in room.left) for n in names}
    return Room(left, " and ".join(dict.fromkeys(room.why for room in rooms if room.why)))


def of_quotas(quotas: Iterable[Mapping[str, Any]]) -> Room | None:
    """What ResourceQuotas leave; None if there are none that hold for every pod."""
    rooms = []
    for quota in quotas:
        spec, status = quota.get("spec") or {}, quota.get("status") or {}
        if spec.get("scopes") or spec.get("scopeSelector"):
            continue
        used = status.get("used") or {}
        left: dict[str, Decimal] = {}
        for key, hard in (status.get("hard") or spec.get("hard") or {}).items():
            name = key.removeprefix("requests.").removeprefix("limits.")
            if name in (CPU, MEMORY) or ("/" in name and not name.startswith("count/")):
                value = quantity(hard) - quantity(used.get(key, 0))
                left[name] = min(left.get(name, value), value)
        if left:
            rooms.append(Room(left, f"quota {(quota.get('metadata') or {}).get('name', '')}"))
    return least(rooms) if rooms else None


def of_cluster_queue(queue: Mapping[str, Any]) -> Room:
    """What a ClusterQueue's own quota leaves."""
    spec, status = queue.get("spec") or {}, queue.get("status") or {}
    left: dict[str, Decimal] = {}
    for group in spec.get("resourceGroups") or ():
        for flavor in group.get("flavors") or ():
            for one in flavor.get("resources") or ():
                nominal = quantity(one.get("nominalQuota", 0))
                left[one["name"]] = left.get(one["name"], Decimal()) + nominal
    for flavor in status.get("flavorsUsage") or status.get("flavorsReservation") or ():
        for one in flavor.get("resources") or ():
            if one["name"] in left:
                left[one["name"]] -= quantity(one.get("total", 0))
    return Room(left, f"Kueue's queue {(queue.get('metadata') or {}).get('name', '')}")


def _cluster_queues(kubernetes: Lists) -> dict[str, Room]:
    for version in KUEUE_VERSIONS:
        listed = _listed(kubernetes, path(version, "clusterqueues", None, group=KUEUE))
        if listed:
            return {one["metadata"]["name"]: of_cluster_queue(one) for one in listed}
    return {}


def _behind(kubernetes: Lists, place: Place) -> str:
    """The ClusterQueue that is behind a LocalQueue; empty if it is not known."""
    for version in KUEUE_VERSIONS:
        where = path(version, "localqueues", place.namespace, group=KUEUE)
        for one in _listed(kubernetes, where):
            if one["metadata"]["name"] == place.queue:
                return str((one.get("spec") or {}).get("clusterQueue", ""))
    return ""


def _listed(kubernetes: Lists, where: str) -> Sequence[Mapping[str, Any]]:
    """What is there, as far as that may be read. Raises `WeirError` if nobody answers."""
    try:
        return kubernetes.list(where)
    except Rejected as error:  # without the right, or without such a kind of object
        log.debug("%s is not read: %s", where, error.detail)
        return ()


def amounts_of(claims: Iterable[Claim], resource: str) -> dict[str, Decimal]:
    """What claims take, as quotas count it; devices go by the name of their resource."""
    cpu, memory, devices = Decimal(), Decimal(), 0
    for claim in claims:
        cpu += Decimal(claim.cpu_milli * claim.count) / 1000
        memory += claim.memory_bytes * claim.count
        devices += -(-claim.device_milli // DEVICE_MILLI) * claim.count
    return {CPU: cpu, MEMORY: memory, **({resource: Decimal(devices)} if resource else {})}


def within(free: Iterable[FreeShape], room: Room, resource: str) -> tuple[FreeShape, ...]:
    """As much of what is free as may be used, on the freest hosts."""
    cpu = _whole(room.left.get(CPU), 1000)
    memory, devices = _whole(room.left.get(MEMORY), 1), _whole(room.left.get(resource), 1)
    kept: list[FreeShape] = []
    freest = sorted(free, key=lambda s: (s.device_milli, s.cpu_milli, s.memory_bytes), reverse=True)
    for shape in freest:
        there = sum(count for _, count in shape.devices)
        each = ((shape.cpu_milli, cpu), (shape.memory_bytes, memory), (there, devices))
        fit = [int(left // one) for one, left in each if one and left < math.inf]
        whole = min([shape.hosts, *fit])
        if whole:
            kept.append(replace(shape, hosts=whole))
            cpu -= whole * shape.cpu_milli
            memory, devices = memory - whole * shape.memory_bytes, devices - whole * there
        if whole < shape.hosts and min(cpu, memory) > 0:
            part = replace(
                shape,
                cpu_milli=int(min(shape.cpu_milli, cpu)),
                memory_bytes=int(min(shape.memory_bytes, memory)),
                devices=_some(shape.devices, devices),
                hosts=1,
            )
            kept.append(part)
            cpu, memory = cpu - part.cpu_milli, memory - part.memory_bytes
            devices -= sum(count for _, count in part.devices)
    return merged(kept)


def _whole(value: Decimal | None, unit: int) -> float:
    return math.inf if value is None else max(0, int(value * unit))


def _some(devices: Sequence[tuple[int, int]], left: float) -> tuple[tuple[int, int], ...]:
    """The freest of a host's devices, so many at most."""
    kept: list[tuple[int, int]] = []
    for milli, count in sorted(devices, reverse=True):
        some = int(min(count, left))
        left -= some
        kept += [(milli, some)] if some else []
    return tuple(sorted(kept))
