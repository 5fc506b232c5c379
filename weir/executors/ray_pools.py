"""The pools of a Ray as of the last look at it: what is free without whom, and what still fits.

Ray tells what is used of each node some seconds late, and not by whom. What our runs hold, or held
until a moment ago, counts as ours wherever it may be; so what others use is at worst told too low
for a moment, and a run of ours is never taken for somebody else's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from weir.core import units
from weir.core.errors import NotReady
from weir.core.inventory import FreeShape
from weir.executors import ray_inventory, ray_waiting
from weir.executors.local_hosts import Need, needs_of, words_of
from weir.executors.ray_inventory import Amount, Kind
from weir.executors.ray_layout import Layout, layout_of
from weir.executors.ray_records import Node
from weir.executors.ray_runs import Run
from weir.executors.ray_settings import RayShare
from weir.executors.ray_waiting import Waiting
from weir.executors.sharing import Gate
from weir.scheduling.packing import Claim, place_all, subtract, taken_milli
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import walltime_s
from weir.wire.pools import PoolReport


class Pools:
    """The pools. Its methods are called with the executor's lock held."""

    def __init__(
        self, shares: Sequence[RayShare], names: Mapping[str, str], gate: Gate | None = None
    ) -> None:
        self._gate = gate
        self._shares = shares
        self._names = dict(names)  # by identifier
        self._kinds: dict[str, Kind] = {}
        self._others: dict[str, dict[str, Amount]] = {}
        self._crowded: frozenset[str] = frozenset()
        self.looked = False

    # -- what is known ---------------------------------------------------------------------------

    @property
    def idle_only(self) -> bool:
        """Whether it matters what waits at Ray."""
        return any(share.idle_only for share in self._shares)

    def take(self, nodes: Sequence[Node], ours: Iterable[Run], waiting: Waiting) -> bool:
        """A look: whether anything is other than before. `ours` are the runs of which something may
        be in use.
        """
        before = self._kinds, self._others, self._crowded
        by_id = {node.id: node for node in nodes}
        kinds = ray_inventory.kinds_of(self._shares, nodes)
        own, somewhere = _held(ours)
        self._kinds = {kind.name: kind for kind in kinds}
        self._others = {
            kind.name: ray_inventory.used_by_others(kind, by_id, own, somewhere.get(kind.name, ()))
            for kind in kinds
        }
        self._crowded = ray_waiting.crowded(waiting, self._kinds, by_id)
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
            raise NotReady("Ray has not answered yet")
        return [
            self._told(kind, ray_inventory.report(kind, self._free(kind, counted), not away))
            for kind in self._kinds.values()
        ]

    def refusals(
        self, orders: Iterable[RunOrder], live: Sequence[Run], coming: Iterable[RunOrder]
    ) -> dict[str, str]:
        """Which orders do not fit, one after the other, beside the live runs and those still
        coming: run to reason. Before Ray was looked at nothing is refused.
        """
        if not self.looked:
            return {}
        left = {kind.name: self._free(kind, live) for kind in self._kinds.values()}
        for other in coming:
            kind = self.get(self.name_of(other.pool))
            if kind is not None:
                left[kind.name] = subtract(left[kind.name], claims_of(other, kind))
        refused = {}
        for order in orders:
            reason = self._refusal(order, left)
            if reason:
                refused[order.run] = reason
        return refused

    def layout(self, run: Run, kind: Kind, live: Iterable[Run]) -> Layout:
        """How a run lies beside the other live ones. Raises ValueError if it can't."""
        placed, _ = self._taken(kind, [other for other in live if other is not run])
        others = self._others.get(kind.name, {})
        used = [amount + placed.get(node, Amount()) for node, amount in others.items()]
        return layout_of(needs_of(run.order), kind.shape, used)

    def _free(self, kind: Kind, counted: Iterable[Run]) -> tuple[FreeShape, ...]:
        if kind.name in self._crowded:
            return ()
        placed, claims = self._taken(kind, counted)
        others = self._others.get(kind.name, {})
        used = {node: amount + placed.get(node, Amount()) for node, amount in others.items()}
        shapes = ray_inventory.free_shapes(kind, used)
        return subtract(shapes, claims) if claims else shapes

    def _taken(self, kind: Kind, counted: Iterable[Run]) -> tuple[dict[str, Amount], list[Claim]]:
        """What runs take of a pool: by node where it is known, the rest as claims. Under a cap it
        does not matter on which node it is.
        """
        placed: dict[str, Amount] = {}
        claims: list[Claim] = []
        for run in counted:
            if run.pool != kind.name or run.end is not None:
                continue
            if run.layout is None:
                claims += claims_of(run.order, kind)
                continue
            for bundle in run.layout.bundles:
                node = None if kind.capped else run.nodes.get(bundle.tasks[0])
                if node is None:
                    claims.append(bundle.claim)
                else:
                    placed[node] = placed.get(node, Amount()) + bundle.amount
        return placed, claims

    def _refusal(self, order: RunOrder, left: dict[str, tuple[FreeShape, ...]]) -> str:
        """Why an order does not fit on what is left; takes it if it does."""
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
            claims = claims_of(order, kind)
        except ValueError as error:
            return str(error)
        after = place_all(left[name], claims)
        if after is None:
            return f"no room in pool {name} for {_words(needs_of(order))}"
        left[name] = after
        return ""


def _held(runs: Iterable[Run]) -> tuple[dict[str, Amount], dict[str, list[Amount]]]:
    """What runs may hold: by node, and by pool where the node is not known."""
    placed: dict[str, Amount] = {}
    somewhere: dict[str, list[Amount]] = {}
    for run in runs:
        for bundle in run.bundles():
            node = run.nodes.get(bundle.tasks[0])
            if node is None:
                somewhere.setdefault(run.pool, []).append(bundle.amount)
            else:
                placed[node] = placed.get(node, Amount()) + bundle.amount
    return placed, somewhere


def claims_of(order: RunOrder, kind: Kind) -> list[Claim]:
    """What an order takes of a pool. Raises ValueError if its groups are not those of its job."""
    return [need.claimed(kind.shape) for need in needs_of(order)]


def _words(needs: Sequence[Need]) -> str:
    return " and ".join(
        f"{need.claim.count} x {units.show_cpu_milli(need.claim.cpu_milli)} CPU, "
        f"{units.show_bytes(need.claim.memory_bytes)}"
        + f", {units.show_devices_milli(taken_milli(need.claim))} devices"
        * bool(need.claim.device_milli)
        + words_of(need)
        for need in needs
    )
