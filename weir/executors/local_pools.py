"""The pools of this machine: what they are called, what is on their hosts, what still fits.

Orders name a pool by its identifier. The agent tells the identifiers once it has them, and they are
kept over restarts; until then a pool goes by its name.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from weir.core import units
from weir.executors.local_hosts import Hosts, TaskPlace, needs_of
from weir.executors.local_run import Run
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import walltime_s
from weir.wire.pools import PoolFields, PoolReport, free_of


class Pools:
    """The pools of the operator's file, with the runs that are on their hosts."""

    def __init__(self, pools: Sequence[PoolFields], home: str) -> None:
        self._file = os.path.join(home, "pools.json")
        self._pools = {pool.name: pool for pool in pools}
        self._hosts = {pool.name: Hosts(pool) for pool in pools}
        self._names = {name: name for name in self._pools}  # by identifier

    def open(self) -> None:
        """Read the identifiers that an earlier process was told."""
        if os.path.exists(self._file):
            with open(self._file) as file:
                self._names |= json.load(file)

    def name(self, identifiers: Mapping[str, str]) -> None:
        """Learn identifiers, by name, and keep them."""
        self._names |= {identifier: name for name, identifier in identifiers.items()}
        with open(f"{self._file}.part", "w") as file:
            json.dump(self._names, file)
        os.rename(f"{self._file}.part", self._file)

    def name_of(self, identifier: str) -> str:
        """The name of the pool that an order means; the order's own word if there is none."""
        return self._names.get(identifier, identifier)

    def get(self, name: str) -> PoolFields | None:
        return self._pools.get(name)

    def reports(self, without: Iterable[Run]) -> list[PoolReport]:
        """The pools as they would be if these live runs were not there."""
        hosts = {name: each.copy() for name, each in self._hosts.items()}
        for run in without:
            if run.pool in hosts:
                hosts[run.pool].release(run.places)
        return [
            PoolReport(**dict(pool), free=free_of(hosts[name].free()))
            for name, pool in self._pools.items()
        ]

    def refusals(self, orders: Iterable[RunOrder], coming: Iterable[RunOrder]) -> dict[str, str]:
        """Which orders do not fit, one after the other, beside the runs that are there and those
        still coming: run to reason.
        """
        hosts = {name: each.copy() for name, each in self._hosts.items()}
        for other in coming:
            if self.name_of(other.pool) in hosts:
                with suppress(ValueError):
                    hosts[self.name_of(other.pool)].place(needs_of(other))
        refused = {}
        for order in orders:
            reason = self._refusal(order, hosts)
            if reason is not None:
                refused[order.run] = reason
        return refused

    def _refusal(self, order: RunOrder, hosts: Mapping[str, Hosts]) -> str | None:
        """Why an order does not fit on these hosts; takes them if it does."""
        name = self.name_of(order.pool)
        pool = self._pools.get(name)
        if pool is None:
            return f"there is no pool {order.pool} here"
        if not pool.open:
            return f"pool {name} is closed"
        if pool.emulated and not order.spec.constraints.emulated:
            return f"pool {name} is emulated, and the job wants none that is"
        longest, most = walltime_s(order.spec), pool.max_walltime_s
        if longest is not None and most is not None and longest > most:
            return f"a run in pool {name} takes {units.show_duration_s(most)} at most"
        try:
            placed = hosts[name].place(needs_of(order))
        except ValueError as error:
            return str(error)
        return placed if isinstance(placed, str) else None

    def place(self, run: Run) -> tuple[TaskPlace, ...] | str:
        """Take hosts for a run; or in words why there are none."""
        hosts = self._hosts.get(run.pool)
        if hosts is None:
            return f"there is no pool {run.order.pool} here"
        try:
            return hosts.place(needs_of(run.order))
        except ValueError as error:
            return str(error)

    def book(self, run: Run) -> None:
        """Take the hosts that a run has already."""
        if run.pool in self._hosts:
            self._hosts[run.pool].book(run.places)

    def release(self, run: Run) -> None:
        """Give back the hosts of a run that has ended."""
        if run.pool in self._hosts:
            self._hosts[run.pool].release(run.places)
