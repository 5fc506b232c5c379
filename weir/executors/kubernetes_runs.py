"""Runs as this executor knows them, and what of them must be remembered over a restart.

SQLite, one file. Laws:
- A run is noted before its first object is made: from then on it may be there, whatever was said.
- How a forgotten run ended is remembered for a week: it is not run again.
- A run's objects are named after it: a second object of a name can't be made.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.durable import open_durable, transaction
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End, Stop
from weir.wire.exchange import RunOrder

REMEMBER_S = 7 * 86400.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (run TEXT PRIMARY KEY, body TEXT NOT NULL, forgotten_at REAL);
CREATE INDEX IF NOT EXISTS run_forgotten ON run (forgotten_at);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS litter (place TEXT PRIMARY KEY);
"""


@dataclass(slots=True)
class Run:
    """A run. Times are seconds since 1970.

    `namespace` is where its objects are, `name` what their names begin with, `jobs` and `secrets`
    (of its inputs) their names; `sent_at` is when they were first sent, `made` whether all of them
    surely are there. `nodes` and `pods` have the node and the pod's uid of each task, empty for one
    that has none. `word` marks in a log where outputs begin; one that is `leaving` has its outputs
    brought on by a thread of its own.
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


def seen_of(run: str, end: End) -> Seen:
    """The end of a run as it is told."""
    return Seen(run, end.event, end.at, end.exit_code, end.reason)


class Notes:
    """The file. Safe for the executor's few threads."""

    def __init__(self, path: Path, now: float) -> None:
        self._guard = threading.Lock()
        self._db = open_durable(path, SCHEMA, synchronous="NORMAL")
        self._db.execute("DELETE FROM run WHERE forgotten_at < ?", (now - REMEMBER_S,))

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._db.close()

    def runs(self) -> list[Run]:
        """All runs that were not forgotten."""
        query = "SELECT body FROM run WHERE forgotten_at IS NULL ORDER BY rowid"
        with self._guard:
            rows = self._db.execute(query).fetchall()
        return [_run(json.loads(body)) for (body,) in rows]

    def keep(self, runs: Iterable[Run]) -> None:
        """Write down these runs as they are now."""
        rows = [(run.id, json.dumps(_record(run))) for run in runs]
        if rows:
            query = (
                "INSERT INTO run (run, body) VALUES (?, ?)"
                " ON CONFLICT (run) DO UPDATE SET body = excluded.body"
            )
            with self._guard, transaction(self._db) as db:
                db.executemany(query, rows)

    def forget(self, run: Run, now: float, litter: Iterable[str]) -> None:
        """Keep of this run how it ended, and where its objects are that are to be deleted."""
        body = json.dumps(asdict(run.end) if run.end else None)
        with self._guard, transaction(self._db) as db:
            query = "UPDATE run SET body = ?, forgotten_at = ? WHERE run = ?"
            db.execute(query, (body, now, run.id))
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

    def forgotten(self, run: str) -> End | None:
        """How a forgotten run ended; None if it is not remembered."""
        query = "SELECT body FROM run WHERE run = ? AND forgotten_at IS NOT NULL"
        with self._guard:
            row = self._db.execute(query, (run,)).fetchone()
        return _end(json.loads(row[0])) if row else None

    def fact(self, name: str) -> str | None:
        """Something that was kept under a name."""
        with self._guard:
            row = self._db.execute("SELECT value FROM fact WHERE name = ?", (name,)).fetchone()
        return str(row[0]) if row else None

    def keep_fact(self, name: str, value: str) -> None:
        """Keep something under a name."""
        with self._guard, transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (name, value))


def _drop(db: sqlite3.Connection, litter: Iterable[str]) -> None:
    db.executemany("INSERT OR IGNORE INTO litter VALUES (?)", [(place,) for place in litter])


_PLAIN = (
    *("pool", "folder", "namespace", "name", "at", "word", "group", "sent_at", "made", "started"),
    *("deleted_at",),
)
_TUPLES = ("jobs", "secrets", "nodes", "pods")


def _record(run: Run) -> dict[str, Any]:
    record: dict[str, Any] = {name: getattr(run, name) for name in (*_PLAIN, *_TUPLES)}
    record["order"] = run.order.model_dump(mode="json", exclude_defaults=True)
    record["stop"] = asdict(run.stop) if run.stop else None
    record["end"] = asdict(run.end) if run.end else None
    return record


def _run(record: Mapping[str, Any]) -> Run:
    stop = record["stop"]
    return Run(
        order=RunOrder.model_validate(record["order"]),
        stop=Stop(**{**stop, "event": RunEvent(stop["event"])}) if stop else None,
        end=_end(record["end"]),
        **{name: record[name] for name in _PLAIN} | {name: tuple(record[name]) for name in _TUPLES},
    )


def _end(record: Mapping[str, Any] | None) -> End | None:
    return End(**{**record, "event": RunEvent(record["event"])}) if record else None
