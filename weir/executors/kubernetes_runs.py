"""Runs as this executor knows them, and what of them must be remembered over a restart.

A run's objects are named after it: a second object of a name can't be made. `run_notes` has the
laws of the file; what is forgotten and what is to be deleted for it are written down together.
"""

from __future__ import annotations

import hashlib
import os
import re
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.durable import transaction
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End, Stop
from weir.executors.run_notes import RunNotes, forget, seen_of
from weir.wire.exchange import RunOrder

LITTER = "CREATE TABLE IF NOT EXISTS litter (place TEXT PRIMARY KEY);"


@dataclass(slots=True)
class Run:
    """A run. Times are seconds since 1970.

    `namespace` is where its objects are, `name` what their names begin with, `jobs` and `secrets`
    (of its inputs) their names; `sent_at` is when they were first sent, `made` whether all of them
    surely are there. `nodes` and `pods` have the node and the pod's uid of each task, empty for one
    that has none; `environment` is what its pods have of Python packages. `word` marks in a log
    where outputs begin; one that is `leaving` has what it left brought on by a thread of its own.
    """

    order: RunOrder
    pool: str
    folder: str
    namespace: str
    name: str
    at: float
    word: str
    jobs: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()
    group: str = ""
    environment: str = ""
    sent_at: float | None = None
    made: bool = False
    started: float | None = None
    stop: Stop | None = None
    end: End | None = None
    nodes: tuple[str, ...] = ()
    pods: tuple[str, ...] = ()
    missed: int = 0
    deleted_at: float | None = None
    stuck_since: float | None = None
    leaving: bool = False

    @property
    def id(self) -> str:
        return self.order.run

    @property
    def work(self) -> str:
        """Its inputs, until they are at Kubernetes; and then its outputs."""
        return os.path.join(self.folder, "work")

    @property
    def start_by(self) -> float:
        return self.at + self.order.start_within_s

    @property
    def tasks(self) -> list[tuple[str, int]]:
        """Its tasks in the order of the job file: group and number there."""
        return [
            (need.group, index)
            for need in needs_of(self.order)
            for index in range(need.claim.count)
        ]

    def seen(self) -> Seen:
        """Its state now, as the event that says it."""
        if self.end is not None:
            return seen_of(self.id, self.end)
        if self.started is not None:
            return Seen(self.id, RunEvent.STARTED, self.started)
        return Seen(self.id, RunEvent.ACCEPTED, self.at)


def object_name(run: str, agent: str) -> str:
    """What a run's objects are called, and how its pods are marked: its identifier as far as that
    can be a part of a host's name, and some letters that follow from it and from the agent, so that
    two agents of one cluster are never in each other's way.
    """
    plain = re.sub(r"[^a-z0-9-]+", "-", run.lower())[:36].strip("-")
    own = hashlib.sha256(f"{agent} {run}".encode()).hexdigest()[:8]
    return "-".join(filter(None, ("weir", plain, own)))


class Notes(RunNotes[Run]):
    """The executor's file of runs, and of objects that are still to be deleted."""

    def __init__(self, path: Path, now: float) -> None:
        super().__init__(path, now, LITTER)

    def own(self, run: Run) -> dict[str, Any]:
        return {name: getattr(run, name) for name in (*_PLAIN, *_TUPLES)}

    def made(self, record: Mapping[str, Any], **common: Any) -> Run:
        own: dict[str, Any] = {name: record[name] for name in _PLAIN if name in record}
        own |= {name: tuple(record[name]) for name in _TUPLES}
        return Run(**common, **own)

    def forget_with(self, run: Run, now: float, litter: Iterable[str]) -> None:
        """Keep of this run how it ended, and where its objects are that are to be deleted."""
        with self._guard, transaction(self._db) as db:
            forget(db, [run], now)
            _drop(db, litter)

    def drop(self, litter: Iterable[str]) -> None:
        """These objects are to be deleted."""
        with self._guard, transaction(self._db) as db:
            _drop(db, litter)

    def litter(self, most: int) -> list[str]:
        """Objects that are still to be deleted, by their path."""
        with self._guard:
            query = "SELECT place FROM litter ORDER BY rowid LIMIT ?"
            return [place for (place,) in self._db.execute(query, (most,))]

    def swept(self, place: str) -> None:
        """This object is gone."""
        with self._guard, transaction(self._db) as db:
            db.execute("DELETE FROM litter WHERE place = ?", (place,))


def _drop(db: sqlite3.Connection, litter: Iterable[str]) -> None:
    db.executemany("INSERT OR IGNORE INTO litter VALUES (?)", [(place,) for place in litter])


_PLAIN = (
    *("pool", "folder", "namespace", "name", "at", "word", "group", "sent_at", "made", "started"),
    *("deleted_at", "environment"),
)
_TUPLES = ("jobs", "secrets", "nodes", "pods")
