"""What runs, as a process knows it from round to round: read once, then by its changes.

A run changes with its job, with an order that it is given, or, if it is not the one that counts or
its job is over, by itself: `store.runs.changed_after` looks at all three.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from math import inf

from weir.control.held import Held
from weir.control.network import STOPPING_S, Way
from weir.control.usage import claims_from, counted
from weir.core.lifecycle import RUN_ACTIVE, JobState, RunState
from weir.scheduling.packing import Claim
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
            live = row.state in LIVE
            if live:
                self._rows[row.id] = row
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

    def lost(self) -> list[tuple[str, str]]:
        """(job, cluster) of every run that was given up and not heard of since."""
        return [(self._rows[run].job, self._rows[run].cluster) for run in self._lost]


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
    )
