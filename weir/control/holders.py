"""What runs, as a process knows it from round to round: read once, then by its changes.

A run changes with its job, with an order that it is given, or, if it is not the one that counts or
its job is over, by itself: `store.runs.changed_after` looks at all three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from math import inf

from sqlalchemy import Connection

from weir.control.held import Held
from weir.control.network import STOPPING_S, Network, Way
from weir.control.usage import claims_from, counted
from weir.core.demand import Apart
from weir.core.inventory import Pool
from weir.core.lifecycle import RUN_ACTIVE, JobState, RunState
from weir.scheduling.apart import Mate, mate_on
from weir.scheduling.packing import Claim
from weir.store import runs
from weir.store.runs import LIVE, LiveRow

HOLDING = frozenset({JobState.PLACED, JobState.RUNNING})


class Holders:
    """Runs that hold capacity or, lost, may hold it, by way; and what each of them claims."""

    def __init__(self, rows: Iterable[LiveRow]) -> None:
        self._rows: dict[str, LiveRow] = {}
        self._claims: dict[str, tuple[Claim, ...]] = {}
        self._ways: dict[Way, dict[str, None]] = {}
        self._strays: set[str] = set()
        self._stopping: set[str] = set()
        self._lost: set[str] = set()
        self._held: dict[str, Held] = {}
        self._may_go: dict[str, Held] = {}
        self._named: dict[str, LiveRow] = {}
        self.change(rows)

    @property
    def strays(self) -> Collection[str]:
        """Runs that can change by themselves."""
        return self._strays

    def change(self, rows: Iterable[LiveRow]) -> set[Way]:
        """Take up runs as they are now; gives the ways where something is other than before."""
        changed = set[Way]()
        for row in rows:
            before = self._rows.pop(row.id, None)
            if before is not None:
                self._ways[before.pool, before.cluster].pop(row.id)
                self._held.pop(before.id, None)
                self._may_go.pop(before.id, None)
                self._named.pop(before.id, None)
            live = row.state in LIVE
            if live:
                self._rows[row.id] = row
                if row.apart is not None:
                    self._named[row.id] = row
                self._ways.setdefault((row.pool, row.cluster), {})[row.id] = None
                if before is None or before.claims != row.claims:
                    self._claims[row.id] = claims_from(row.claims)
                if row.job_run == row.id and row.job_state in HOLDING and row.state in RUN_ACTIVE:
                    held = self._held[row.id] = _held(row, self._claims[row.id])
                    if row.preemptible:
                        self._may_go[row.id] = held
            else:
                self._claims.pop(row.id, None)
            (self._strays.add if live and row.stray else self._strays.discard)(row.id)
            (self._stopping.add if live and row.cancel else self._stopping.discard)(row.id)
            lost = row.state == RunState.LOST
            (self._lost.add if lost else self._lost.discard)(row.id)
            if before is None or not live or _books(before) != _books(row):
                changed.add((row.pool, row.cluster))
        return changed

    @property
    def stopping(self) -> set[Way]:
        """Ways with runs that were told to stop: when they end depends on the time."""
        rows = (self._rows[run] for run in self._stopping)
        return {(row.pool, row.cluster) for row in rows}

    def claims(self, way: Way, silent: Collection[str], now: float) -> tuple[Claim, ...]:
        """What is booked by a way. See `control.network` on lost runs, and those that stop."""
        found: list[Claim] = []
        for run in sorted(self._ways.get(way, ())):
            row = self._rows[run]
            if row.state == RunState.LOST and row.cluster in silent:
                continue
            ends_at = row.ends_at
            if row.cancel:
                ends_at = min(now + STOPPING_S, ends_at or inf)
            found += (replace(c, ends_at=ends_at) for c in self._claims[run])
        return tuple(found)

    def unstarted(self, way: Way) -> int:
        """How many runs of a way have not started, as far as was told."""
        rows = (self._rows[run] for run in self._ways.get(way, ()))
        return sum(row.started_at is None and row.state != RunState.LOST for row in rows)

    def held(self, everything: bool) -> list[Held]:
        """What jobs hold, as `control.held.load_held` says it."""
        return list((self._held if everything else self._may_go).values())

    def mates(self, pools: Mapping[Way, Pool], silent: Collection[str]) -> tuple[Mate, ...]:
        """Who carries a name and holds a place, by what pools are known."""
        return mates_of(self._named.values(), pools, silent)

    def lost(self) -> list[tuple[str, str]]:
        """(job, cluster) of every run that was given up and not heard of since."""
        return [(self._rows[run].job, self._rows[run].cluster) for run in self._lost]


def mates_now(tx: Connection, network: Network) -> tuple[Mate, ...]:
    """Who carries a name and holds a place, read now."""
    pools = {(state.pool.id, state.cluster): state.pool for state in network.ways}
    return mates_of(runs.named(tx), pools, network.silent)


def mates_of(
    rows: Iterable[LiveRow], pools: Mapping[Way, Pool], silent: Collection[str]
) -> tuple[Mate, ...]:
    """The jobs of runs as mates. A lost run at a center that is silent counts as little as its room
    does; a pool that is known no more is near nothing but itself.
    """
    found = []
    for row in sorted(rows, key=lambda row: row.id):
        if row.apart is None or (row.state == RunState.LOST and row.cluster in silent):
            continue
        apart, pool = Apart(**row.apart), pools.get((row.pool, row.cluster))
        if pool is None:
            there = f"{row.pool} (gone)"
            mate = Mate(row.job, row.submitter, apart, row.pool, there, there, there, row.ends_at)
        else:
            mate = mate_on(pool, row.job, row.submitter, apart, row.ends_at)
        found.append(mate)
    return tuple(found)


def _books(row: LiveRow) -> tuple[object, ...]:
    lost = row.state == RunState.LOST
    began = row.started_at is not None
    return row.pool, row.cluster, lost, began, row.claims, row.ends_at, row.cancel


def _held(row: LiveRow, claims: tuple[Claim, ...]) -> Held:
    return Held(
        job=row.job,
        run=row.id,
        pool=row.pool,
        cluster=row.cluster,
        claims=claims,
        counted=counted(row.claims, row.counted_milli),
        began=row.assigned_at if row.started_at is None else row.started_at,
        stopping=row.cancel or row.cancel_at is not None,
        priority=row.priority,
        queue=row.queue,
        preemptible=row.preemptible and row.origin is None,
        ends_at=row.ends_at,
    )
