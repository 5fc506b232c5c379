"""The pools of a Kubernetes as of the last look at it: what is free without whom, what still fits.

A look is one answer with all nodes and one with all pods. Our own pods carry a label, so they are
told from others' in the same answer: none of ours is ever taken for somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from weir.core import units
from weir.core.errors import NotReady
from weir.core.inventory import DEVICE_MILLI, FreeShape, all_free
from weir.executors import kubernetes_inventory
from weir.executors.kubernetes_inventory import Kind, Use
from weir.executors.kubernetes_manifest import unable
from weir.executors.kubernetes_quota import (
    CPU,
    MEMORY,
    Place,
    Room,
    Rooms,
    amounts_of,
    within,
)
from weir.executors.kubernetes_records import Node, Pod
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_settings import KubernetesMember, KubernetesSettings
from weir.executors.kubernetes_software import with_traits
from weir.executors.local_hosts import Need, needs_of, words_of
from weir.executors.sharing import Gate
from weir.scheduling.inside import level_of
from weir.scheduling.packing import Claim, place_all, subtract
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import walltime_s
from weir.wire.pools import PoolReport


class Pools:
    """The pools. Its methods are called with the executor's lock held."""

    def __init__(
        self,
        settings: KubernetesSettings,
        names: Mapping[str, str],
        agent: str,
        gate: Gate | None = None,
    ) -> None:
        self._gate = gate
        self._settings, self._shares, self._agent = settings, settings.shares, agent
        self._names = dict(names)  # by identifier
        self._kinds: dict[str, Kind] = {}
        self._others: dict[str, dict[str, Use]] = {}
        self._crowded = False
        self._rooms: Rooms = {}  # what quotas leave, with what our own pods have of it
        self._kueue = False
        self.looked = False

    # -- what is known ---------------------------------------------------------------------------

    def take(
        self,
        nodes: Sequence[Node],
        pods: Sequence[Pod],
        rooms: Rooms = MappingProxyType({}),
        kueue: bool = False,
    ) -> bool:
        """A look at all nodes and all pods, and at what quotas leave: whether anything is other
        than before.
        """
        before = self._kinds, self._others, self._crowded, self._rooms
        there: dict[str, list[Pod]] = {}
        waiting = 0
        for pod in pods:
            if pod.over:
                continue
            if pod.node:
                there.setdefault(pod.node, []).append(pod)
            elif not kubernetes_inventory.is_ours(pod, self._agent):
                waiting += 1
        nodes = kubernetes_inventory.without_fixtures(nodes, there)
        by_name = {node.name: node for node in nodes}
        kinds = kubernetes_inventory.kinds_of(self._shares, nodes)
        self._kinds = {kind.name: kind for kind in kinds}
        self._others = {
            kind.name: kubernetes_inventory.used_by_others(kind, by_name, there, self._agent)
            for kind in kinds
        }
        self._crowded = waiting > 0
        ours = [p for p in pods if not p.over and kubernetes_inventory.is_ours(p, self._agent)]
        self._rooms = {place: room.more(_asked(ours, place)) for place, room in rooms.items()}
        self._kueue = kueue
        self.looked = True
        return before != (self._kinds, self._others, self._crowded, self._rooms)

    def name(self, identifiers: Mapping[str, str]) -> dict[str, str]:
        """Learn identifiers, by name; gives all names by identifier."""
        self._names |= {identifier: name for name, identifier in identifiers.items()}
        return dict(self._names)

    def name_of(self, identifier: str) -> str:
        """The name of the pool that an order means; the order's own word if there is none."""
        return self._names.get(identifier, identifier)

    def get(self, name: str) -> Kind | None:
        return self._kinds.get(name)

    def charge(self, runs: Iterable[Run]) -> None:
        """Count what these runs have used, before they are forgotten."""
        if self._gate is not None:
            self._gate.charge(runs, {kind.name: kind.share for kind in self._kinds.values()})

    def _told(self, kind: Kind, report: PoolReport) -> PoolReport:
        return report if self._gate is None else self._gate.told(report, kind.share)

    # -- what follows ----------------------------------------------------------------------------

    def reports(self, counted: Sequence[Run], away: bool) -> list[PoolReport]:
        """The pools as they are when these live runs are counted."""
        if not self.looked:
            raise NotReady("Kubernetes has not answered yet")
        found = [
            self._told(
                kind,
                kubernetes_inventory.report(
                    kind, self._free(kind, counted), not away, self._ahead(kind)
                ),
            )
            for kind in self._kinds.values()
        ]
        return with_traits(found, self._settings.software)

    def refusals(
        self, orders: Iterable[RunOrder], live: Sequence[Run], coming: Iterable[RunOrder]
    ) -> dict[str, str]:
        """Which orders do not fit, one after the other, beside the live runs and those still
        coming: run to reason. Before Kubernetes was looked at nothing is refused.
        """
        if not self.looked:
            return {}
        left = {kind.name: self._unused(kind, live) for kind in self._kinds.values()}
        ahead = {kind.name: self._ahead(kind) for kind in self._kinds.values()}
        rooms = {place: self._left(place, live) for place in self._rooms}
        for run in live:
            if run.started is None and run.pool in ahead:
                ahead[run.pool] -= 1
        for other in coming:
            kind = self.get(self.name_of(other.pool))
            if kind is not None:
                left[kind.name] = subtract(left[kind.name], claims_of(kind, other))
                ahead[kind.name] -= 1
                self._take_of(rooms, kind, other)
        refused = {}
        for order in orders:
            reason = self._refusal(order, left, ahead, rooms)
            if reason:
                refused[order.run] = reason
        return refused

    def _free(self, kind: Kind, counted: Sequence[Run]) -> tuple[FreeShape, ...]:
        """What is left on the nodes, as far as quotas let anybody have it."""
        places = {self._place(m, kind) for m in (*self._settings.members, KubernetesMember())}
        free = self._unused(kind, counted)
        if not free or any(place not in self._rooms for place in places):
            return free
        rooms = [self._left(place, counted) for place in places]
        names = set.intersection(*(set(room.left) for room in rooms))
        most = Room({name: max(room.left[name] for room in rooms) for name in names})
        return within(free, most, kind.resource.name if kind.resource else "")

    def _left(self, place: Place, counted: Iterable[Run]) -> Room:
        """What quotas leave at a place beside these runs."""
        room = self._rooms[place]
        for run in counted:
            kind = self._kinds.get(run.pool)
            if kind is not None and run.namespace == place.namespace and run.end is None:
                room = room.less(_amounts(kind, run.order))
        return room

    def _ahead(self, kind: Kind) -> int:
        """How many runs may wait in Kueue's queue for this pool."""
        return kind.share.queue_ahead if self._kueue and kind.share.queue else 0

    def _place(self, member: KubernetesMember, kind: Kind) -> Place:
        return Place(member.namespace or self._settings.namespace, member.queue or kind.share.queue)

    def _take_of(self, rooms: dict[Place, Room], kind: Kind, order: RunOrder) -> str:
        """Take an order's part of a quota; what leaves too little for it, empty if nothing does."""
        domain = order.path[0] if order.path else ""
        place = self._place(self._settings.member_of(order.submitter, domain), kind)
        if place not in rooms:
            return ""
        amounts = _amounts(kind, order)
        if not rooms[place].holds(amounts):
            return rooms[place].why or "a quota"
        rooms[place] = rooms[place].less(amounts)
        return ""

    def _unused(self, kind: Kind, counted: Iterable[Run]) -> tuple[FreeShape, ...]:
        """What nobody uses of the nodes."""
        if kind.share.idle_only and self._crowded:
            return ()
        placed: dict[str, Use] = {}
        claims: list[Claim] = []
        for run in counted:
            if run.pool != kind.name or run.end is not None:
                continue
            if run.nodes and all(run.nodes) and not kind.capped:
                for node, use in _held(run, kind):
                    placed[node] = placed.get(node, Use()) + use
            else:
                claims += claims_of(kind, run.order)
        shapes = kubernetes_inventory.free_shapes(kind, self._others.get(kind.name, {}), placed)
        return subtract(shapes, claims) if claims else shapes

    def _refusal(
        self,
        order: RunOrder,
        left: dict[str, tuple[FreeShape, ...]],
        ahead: dict[str, int],
        rooms: dict[Place, Room],
    ) -> str:
        """Why an order fits neither on what is left nor in Kueue's queue; takes it if it does."""
        name = self.name_of(order.pool)
        kind = self._kinds.get(name)
        if kind is None:
            return f"there is no pool {order.pool} here"
        if kind.share.emulated and not order.spec.constraints.emulated:
            return f"pool {name} is emulated, and the job wants none that is"
        if self._gate is not None and (closed := self._gate.refusal(order, name, kind.share)):
            return closed
        longest, most = walltime_s(order.spec), kind.share.max_walltime_s
        if longest is not None and most is not None and longest > most:
            return f"a run in pool {name} takes {units.show_duration_s(most)} at most"
        try:
            claims = claims_of(kind, order)
        except ValueError as error:
            return str(error)
        unfit = unable(order, self._settings)
        if unfit:
            return unfit
        after = place_all(left[name], claims)
        short = "" if after is None else self._take_of(rooms, kind, order)
        if after is not None and not short:
            left[name] = after
            return ""
        if ahead[name] > 0 and place_all(all_free(kind.hosts, kind.shape), claims) is not None:
            ahead[name] -= 1
            return ""
        words = _words(needs_of(order))
        if short:
            return f"{short} leaves too little for {words}"
        return f"no room in pool {name} for {words}"


def _asked(pods: Iterable[Pod], place: Place) -> dict[str, Decimal]:
    """What pods ask for at a place, as quotas count it."""
    found = {CPU: Decimal(), MEMORY: Decimal()}
    for pod in pods:
        if pod.namespace == place.namespace:
            found[CPU] += Decimal(pod.cpu_milli) / 1000
            found[MEMORY] += pod.memory_bytes
            for name, count in pod.asked.items():
                found[name] = found.get(name, Decimal()) + count
    return found


def _amounts(kind: Kind, order: RunOrder) -> dict[str, Decimal]:
    return amounts_of(claims_of(kind, order), kind.resource.name if kind.resource else "")


def claims_of(kind: Kind, order: RunOrder) -> list[Claim]:
    """What an order takes of a pool. Raises ValueError if its groups are not those of its job."""
    return [_claim(need, kind) for need in needs_of(order)]


def _claim(need: Need, kind: Kind) -> Claim:
    """What a group takes. Where devices are not shared, a share of a device gets a device."""
    claim = replace(need.claimed(kind.shape), within=level_of(need.topology, kind.levels))
    shares = kind.device_mib is not None and claim.device_milli < DEVICE_MILLI
    if not claim.device_milli or shares:
        return claim
    return replace(claim, device_milli=-(-claim.device_milli // DEVICE_MILLI) * DEVICE_MILLI)


def _held(run: Run, kind: Kind) -> Iterable[tuple[str, Use]]:
    """What each task of a placed run holds, and where."""
    claims = {need.group: _claim(need, kind) for need in needs_of(run.order)}
    for (group, _), node in zip(run.tasks, run.nodes, strict=True):
        claim = claims[group]
        milli = claim.device_milli
        devices = (milli,) if 0 < milli < DEVICE_MILLI else (DEVICE_MILLI,) * (milli // 1000)
        yield node, Use(claim.cpu_milli, claim.memory_bytes, devices)


def _words(needs: Sequence[Need]) -> str:
    return " and ".join(
        f"{need.claim.count} x {units.show_cpu_milli(need.claim.cpu_milli)} CPU, "
        f"{units.show_bytes(need.claim.memory_bytes)}"
        + f", {units.show_devices_milli(need.claim.device_milli)} devices"
        * bool(need.claim.device_milli)
        + words_of(need)
        for need in needs
    )
