"""The pools of a Slurm as of the last look at it: what is free without whom, what still fits, how
a gang is laid.

A look is at nodes, and our own jobs hold some of what is allocated there. Jobs start and end
between looking at jobs and looking at nodes; those that held anything at the poll before or at
the poll after a look count as ours. So a job of ours is never taken for somebody else's, and what
others use is at worst told too low for the moment between two polls.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from weir.core import units
from weir.core.errors import NotReady
from weir.core.inventory import FreeShape, all_free
from weir.executors import slurm_inventory
from weir.executors.local_hosts import Need, needs_of, words_of
from weir.executors.sharing import Gate
from weir.executors.slurm_inventory import Amount, Kind
from weir.executors.slurm_layout import Layout, Part, layout_of, whole
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_runs import Run
from weir.executors.slurm_settings import SlurmShare
from weir.scheduling.inside import level_of
from weir.scheduling.packing import Claim, capacity_for, place_all, subtract
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import walltime_s
from weir.wire.pools import PoolReport

Held = Mapping[str, Amount]
"""What our own jobs hold, by node."""

EACH_S = 6.0
"""From one run that gives way to the next: Slurm starts what waits, and is looked at, meanwhile."""

GAVE_WAY = "it made room for jobs of the center's own"


class Pools:
    """The pools. Its methods are called with the executor's lock held."""

    def __init__(
        self,
        shares: Sequence[SlurmShare],
        names: Mapping[str, str],
        machine: str = "",
        gate: Gate | None = None,
    ) -> None:
        self._shares = shares
        self._names = dict(names)  # by identifier
        self._gate, self._gave_way_at = gate, -math.inf
        self._machine = machine  # this one's kind of processor, for which environments are built
        self._kinds: dict[str, Kind] = {}
        self._others: dict[str, dict[str, Amount]] = {}
        self._crowded: frozenset[str] = frozenset()
        self.looked = False

    # -- what is known ---------------------------------------------------------------------------

    def take(
        self,
        nodes: Sequence[Node],
        partitions: Sequence[Partition],
        crowded: Iterable[str],
        own: Callable[[Kind], Held],
    ) -> bool:
        """A look: whether anything is other than before. `own` is what our jobs hold of a kind,
        `crowded` the partitions in which others' jobs wait.
        """
        before = self._kinds, self._others, self._crowded
        by_name = {node.name: node for node in nodes}
        kinds = slurm_inventory.kinds_of(self._shares, nodes, partitions)
        self._kinds = {kind.name: kind for kind in kinds}
        self._others = {
            kind.name: slurm_inventory.used_by_others(kind, by_name, own(kind)) for kind in kinds
        }
        self._crowded = frozenset(crowded)
        self.looked = True
        return before != (self._kinds, self._others, self._crowded)

    def name(self, identifiers: Mapping[str, str]) -> dict[str, str]:
        """Learn identifiers, by name; gives all names by identifier."""
        self._names |= {identifier: name for name, identifier in identifiers.items()}
        return dict(self._names)

    def name_of(self, identifier: str) -> str:
        """The name of the pool that an order means; the order's own word if there is none."""
        return self._names.get(identifier, identifier)

    def get(self, name: str) -> Kind | None:
        return self._kinds.get(name)

    @property
    def watches_others(self) -> bool:
        """Whether it matters that others' jobs wait."""
        return any(_modest(share) for share in self._shares)

    def giving_way(self, live: Iterable[Run], now: float) -> Run | None:
        """The run that is stopped now for the center's own jobs that wait: the one that started
        last, one in `EACH_S`, so that no more end than these jobs need.
        """
        if now < self._gave_way_at + EACH_S:
            return None
        crowded = {
            kind.name
            for kind in self._kinds.values()
            if kind.share.give_way and kind.share.partition in self._crowded
        }
        able = [r for r in live if r.pool in crowded and r.started is not None and r.stop is None]
        chosen = max(able, key=lambda run: (run.started or 0.0, run.id), default=None)
        self._gave_way_at = now if chosen is not None else self._gave_way_at
        return chosen

    def foreign(self) -> set[str]:
        """The pools in which programs that were built on this machine would not run."""
        kinds = self._kinds.values() if self._machine else ()
        return {kind.name for kind in kinds if kind.machines - {self._machine}}

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
            raise NotReady("Slurm has not answered yet")
        return [
            self._told(kind, slurm_inventory.report(kind, self._free(kind, counted), not away))
            for kind in self._kinds.values()
        ]

    def refusals(
        self, orders: Iterable[RunOrder], live: Sequence[Run], coming: Iterable[RunOrder]
    ) -> dict[str, str]:
        """Which orders do not fit, one after the other, beside the live runs and those still
        coming: run to reason. Before Slurm was looked at nothing is refused.
        """
        if not self.looked:
            return {}
        left = {kind.name: self._free(kind, live) for kind in self._kinds.values()}
        ahead = {kind.name: kind.share.queue_ahead for kind in self._kinds.values()}
        for run in live:
            if run.started is None and run.pool in ahead:
                ahead[run.pool] -= 1
        for other in coming:
            kind = self.get(self.name_of(other.pool))
            if kind is not None:
                left[kind.name] = subtract(left[kind.name], _claims(kind, other))
                ahead[kind.name] -= 1
        refused = {}
        for order in orders:
            reason = self._refusal(order, left, ahead)
            if reason:
                refused[order.run] = reason
        return refused

    def places(self, run: Run) -> int:
        """How many runs like this one its pool would hold if no other of the network's was there;
        0 if it is not known.
        """
        kind = self.get(run.pool)
        if kind is None:
            return 0
        free = slurm_inventory.free_shapes(kind, self._others.get(kind.name, {}), {})
        return min(
            (
                capacity_for(free, claim) // max(1, claim.count)
                for claim in _claims(kind, run.order, run.layout)
            ),
            default=0,
        )

    def layout(self, run: Run, live: Iterable[Run]) -> Layout | None:
        """How a run lies beside the other live ones; None if its pool is not there."""
        kind = self.get(run.pool)
        if kind is None:
            return None
        needs = needs_of(run.order)
        alone = sum(need.claim.count for need in needs) == 1
        free = () if alone else self._free(kind, [other for other in live if other is not run])
        within = block_level(kind, run.order)
        return layout_of(needs, free, len(kind.nodes), kind.shape, kind.threads, within)

    def _free(self, kind: Kind, counted: Iterable[Run]) -> tuple[FreeShape, ...]:
        if _modest(kind.share) and kind.share.partition in self._crowded:
            return ()
        placed: dict[str, Amount] = {}
        claims: list[Claim] = []
        for run in counted:
            if run.pool != kind.name or run.end is not None:
                continue
            if run.nodes and not kind.capped:
                for node, amount in held_by(run, kind).items():
                    placed[node] = placed.get(node, Amount()) + amount
            else:
                claims += _claims(kind, run.order, run.layout)
        shapes = slurm_inventory.free_shapes(kind, self._others.get(kind.name, {}), placed)
        return subtract(shapes, claims) if claims else shapes

    def _refusal(
        self, order: RunOrder, left: dict[str, tuple[FreeShape, ...]], ahead: dict[str, int]
    ) -> str:
        """Why an order fits neither on what is left nor in the queue; takes it if it does."""
        name = self.name_of(order.pool)
        kind = self._kinds.get(name)
        if kind is None:
            return f"there is no pool {order.pool} here"
        if not kind.up:
            return f"partition {kind.share.partition} takes no jobs now"
        if kind.share.emulated and not order.spec.constraints.emulated:
            return f"pool {name} is emulated, and the job wants none that is"
        if self._gate is not None and (closed := self._gate.refusal(order, name, kind.share)):
            return closed
        longest = walltime_s(order.spec)
        limits = [limit for limit in (kind.share.max_walltime_s, kind.limit_s) if limit is not None]
        if longest is not None and limits and longest > min(limits):
            return f"a run in pool {name} takes {units.show_duration_s(min(limits))} at most"
        if order.spec.requirements is not None and name in self.foreign():
            return (
                f"environments are built for {self._machine} here, and the nodes of pool {name} "
                f"are {' and '.join(sorted(kind.machines))}; use a container"
            )
        try:
            claims = _claims(kind, order)
        except ValueError as error:
            return str(error)
        after = place_all(left[name], claims)
        if after is None and ahead[name] > 0 and _could_hold(kind, claims):
            ahead[name] -= 1
            return ""
        if after is None:
            return f"no room in pool {name} for {_words(needs_of(order))}"
        left[name] = after
        return ""


def _modest(share: SlurmShare) -> bool:
    """Whether the center's own jobs that wait come before everything of the network."""
    return share.idle_only or share.give_way


def _could_hold(kind: Kind, claims: Sequence[Claim]) -> bool:
    """Whether the pool, empty, would hold it."""
    return place_all(all_free(kind.hosts, kind.shape), claims) is not None


def held_by(run: Run, kind: Kind) -> dict[str, Amount]:
    """What a run's job holds on each of its nodes."""
    held: dict[str, Amount] = {}
    for part, nodes in zip(run.layout.parts if run.layout else (), run.nodes, strict=False):
        amount = _amount(part, kind)
        for node in nodes:
            held[node] = held.get(node, Amount()) + amount
    return held


def _amount(part: Part, kind: Kind) -> Amount:
    if kind.exclusive or part.exclusive:
        shape = kind.shape
        return Amount(shape.cpu_milli // 1000, shape.memory_bytes // 2**20, shape.devices)
    return Amount(part.cpus * part.tasks, part.memory_mib, part.devices * part.tasks)


def _claims(kind: Kind, order: RunOrder, layout: Layout | None = None) -> list[Claim]:
    """What an order takes of a pool. Raises ValueError if its groups are not those of its job."""
    if layout is not None:
        claims = [(part.claim, part.exclusive) for part in layout.parts]
    else:
        claims = [
            (replace(need, claim=whole(need.claim, kind.threads)).claimed(kind.shape), False)
            for need in needs_of(order)
        ]
    if within := block_level(kind, order):
        claims = [(replace(claim, within=within), exclusive) for claim, exclusive in claims]
    shape = kind.shape
    whole_node = {
        "cpu_milli": shape.cpu_milli,
        "memory_bytes": shape.memory_bytes,
        "device_milli": 1000 * shape.devices,
    }
    return [
        replace(claim, **whole_node) if exclusive or kind.exclusive else claim
        for claim, exclusive in claims
    ]


def block_level(kind: Kind, order: RunOrder) -> int:
    """The level of which the order's tasks need one block, 0 for none.

    Raises ValueError for several groups: Slurm is told what the whole job's nodes have in common.
    """
    needs = needs_of(order)
    within = max((level_of(need.topology, kind.levels) for need in needs), default=0)
    if within > 0 and len(needs) > 1:
        raise ValueError("in a Slurm only the tasks of a job with one group can share a block")
    return max(0, within)


def _words(needs: Sequence[Need]) -> str:
    return " and ".join(
        f"{need.claim.count} x {units.show_cpu_milli(need.claim.cpu_milli)} CPU, "
        f"{units.show_bytes(need.claim.memory_bytes)}"
        + f", {units.show_devices_milli(need.claim.device_milli)} devices"
        * bool(need.claim.device_milli)
        + words_of(need)
        for need in needs
    )
