"""What an executor beside a resource manager remembers of its runs over a restart: one SQLite file.

Laws:
- A run is noted before it is first sent: from then on it may be there, whatever was said.
- How a forgotten run ended is remembered for a week: it is not run again.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.durable import open_durable, transaction
from weir.executors.local_run import End, Stop
from weir.wire.exchange import RunOrder

REMEMBER_S = 7 * 86400.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (run TEXT PRIMARY KEY, body TEXT NOT NULL, forgotten_at REAL);
CREATE INDEX IF NOT EXISTS run_forgotten ON run (forgotten_at);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""

POOLS = "pools"
"""The fact that has the pools' names by identifier."""


class Noted(Protocol):
    """What every executor's runs have."""

    order: RunOrder
    stop: Stop | None
    end: End | None

    @property
    def id(self) -> str: ...


R = TypeVar("R", bound=Noted)


class RunNotes(ABC, Generic[R]):
    """The file. Safe for an executor's few threads. What a run has beside its order, its stop and
    its end, an executor says itself: `own` gives it JSON-ready, `made` takes it back.
    """

    def __init__(self, path: Path, now: float, schema: str = "") -> None:
        self._guard = threading.Lock()
        self._db = open_durable(path, SCHEMA + schema, synchronous="NORMAL")
        self._db.execute("DELETE FROM run WHERE forgotten_at < ?", (now - REMEMBER_S,))
        self._orders: dict[str, tuple[RunOrder, str]] = {}

    @abstractmethod
    def own(self, run: R) -> dict[str, Any]:
        """What a run of this executor has beside what all runs have."""

    @abstractmethod
    def made(self, record: Mapping[str, Any], **common: Any) -> R:
        """The run that `own` was given; `common` are its order, its stop and its end."""

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._db.close()

    def runs(self) -> list[R]:
        """All runs that were not forgotten."""
        query = "SELECT body FROM run WHERE forgotten_at IS NULL ORDER BY rowid"
        with self._guard:
            rows = self._db.execute(query).fetchall()
        return [self._restored(json.loads(body)) for (body,) in rows]

    def keep(self, runs: Iterable[R]) -> None:
        """Write down these runs as they are now."""
        rows = [(run.id, self._text(run)) for run in runs]
        if rows:
            query = (
                "INSERT INTO run (run, body) VALUES (?, ?)"
                " ON CONFLICT (run) DO UPDATE SET body = excluded.body"
            )
            with self._guard, transaction(self._db) as db:
                db.executemany(query, rows)

    def forget(self, runs: Iterable[R], now: float) -> None:
        """Keep of these runs how they ended, and nothing else."""
        gone = list(runs)
        for run in gone:
            self._orders.pop(run.id, None)
        with self._guard, transaction(self._db) as db:
            forget(db, gone, now)

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

    def identifiers(self) -> dict[str, str]:
        """Pools' names by identifier."""
        return dict(json.loads(self.fact(POOLS) or "{}"))

    def keep_identifiers(self, names: Mapping[str, str]) -> None:
        """Pools' names by identifier."""
        self.keep_fact(POOLS, json.dumps(names))

    def _text(self, run: R) -> str:
        stop, end = (asdict(said) if said else None for said in (run.stop, run.end))
        text = json.dumps({**self.own(run), "stop": stop, "end": end})
        return f'{text[:-1]}, "order": {self._order(run)}}}'

    def _order(self, run: R) -> str:
        """An order as it is written down. It never changes, and is most of what is noted."""
        known = self._orders.get(run.id)
        if known is None or known[0] is not run.order:
            text = run.order.model_dump_json(exclude_defaults=True)
            known = self._orders[run.id] = (run.order, text)
        return known[1]

    def _restored(self, record: Mapping[str, Any]) -> R:
        stop = record["stop"]
        return self.made(
            record,
            order=RunOrder.model_validate(record["order"]),
            stop=Stop(**{**stop, "event": RunEvent(stop["event"])}) if stop else None,
            end=_end(record["end"]),
        )


def forget(db: sqlite3.Connection, runs: Iterable[Noted], now: float) -> None:
    """Keep of these runs how they ended; within a transaction."""
    rows = [(json.dumps(asdict(r.end) if r.end else None), now, r.id) for r in runs]
    db.executemany("UPDATE run SET body = ?, forgotten_at = ? WHERE run = ?", rows)


def seen_of(run: str, end: End) -> Seen:
    """The end of a run as it is told."""
    return Seen(run, end.event, end.at, end.exit_code, end.reason)


def _end(record: Mapping[str, Any] | None) -> End | None:
    return End(**{**record, "event": RunEvent(record["event"])}) if record else None
