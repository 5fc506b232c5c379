"""Runs as this executor knows them, and what of them must be remembered over a restart.

SQLite, one file. Laws:
- A run is noted before it is first sent to Ray: from then on it may be there, whatever was said.
- A run's job has the same id at Ray each time that it is sent, so that Ray takes it once.
- How a forgotten run ended is remembered for a week: it is not run again.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.durable import open_durable, transaction
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End, Stop
from weir.executors.ray_inventory import Amount
from weir.executors.ray_layout import Bundle, Layout, task_amount
from weir.wire.exchange import RunOrder

REMEMBER_S = 7 * 86400.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (run TEXT PRIMARY KEY, body TEXT NOT NULL, forgotten_at REAL);
CREATE INDEX IF NOT EXISTS run_forgotten ON run (forgotten_at);
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""


@dataclass(slots=True)
class Run:
    """A run. Times are seconds since 1970.

    `sent_at` is when it was last sent to Ray; `nodes` is where each task is, as far as that is
    known; `claimed` whether a driver has begun with it. `missed` counts answers of Ray's that did
    not show its job, `over_since` is when its job was first seen to be over. `leaving` is the
    end of one whose outputs, or checkpoint, are still on their way to where its job wants them.
    """

    order: RunOrder
    pool: str
    folder: str
    at: float
    layout: Layout | None = None
    sent_at: float | None = None
    started: float | None = None
    stop: Stop | None = None
    end: End | None = None
    nodes: dict[str, str] = field(default_factory=dict)
    claimed: bool = False
    missed: int = 0
    over_since: float | None = None
    canceled_at: float | None = None
    leaving: End | None = None

    @property
    def id(self) -> str:
        return self.order.run

    @property
    def work(self) -> str:
        return os.path.join(self.folder, "work")

    @property
    def job(self) -> str:
        """What its job is called at Ray: the same each time, and of this executor's folder."""
        return f"weir-{self.id}-{mark_of(os.path.dirname(self.folder))}"

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

    def amounts(self) -> dict[str, Amount]:
        """What each task asks for, by the task's name."""
        return {
            f"{need.group}-{index}": task_amount(need.claim)
            for need in needs_of(self.order)
            for index in range(need.claim.count)
        }

    def bundles(self) -> tuple[Bundle, ...]:
        """What it holds, node by node; before it is laid out, what its tasks ask for."""
        if self.layout is not None:
            return self.layout.bundles
        return tuple(Bundle((task,), amount) for task, amount in self.amounts().items())

    @property
    def over(self) -> bool | None:
        """Whether it has succeeded; None while it goes on."""
        return None if self.end is None else self.end.event is RunEvent.SUCCEEDED

    def seen(self) -> Seen:
        """Its state now, as the event that says it."""
        if self.end is not None:
            return seen_of(self.id, self.end)
        if self.started is not None:
            return Seen(self.id, RunEvent.STARTED, self.started)
        return Seen(self.id, RunEvent.ACCEPTED, self.at)


def mark_of(runs_folder: str) -> str:
    """By what the jobs of one executor are known at Ray, among those of others."""
    return hashlib.sha256(runs_folder.encode()).hexdigest()[:8]


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

    def forget(self, run: Run, now: float) -> None:
        """Keep of this run how it ended, and nothing else."""
        body = json.dumps(asdict(run.end) if run.end else None)
        with self._guard, transaction(self._db) as db:
            query = "UPDATE run SET body = ?, forgotten_at = ? WHERE run = ?"
            db.execute(query, (body, now, run.id))

    def forgotten(self, run: str) -> End | None:
        """How a forgotten run ended; None if it is not remembered."""
        query = "SELECT body FROM run WHERE run = ? AND forgotten_at IS NOT NULL"
        with self._guard:
            row = self._db.execute(query, (run,)).fetchone()
        return _end(json.loads(row[0])) if row else None

    def identifiers(self) -> dict[str, str]:
        """Pools' names by identifier."""
        with self._guard:
            row = self._db.execute("SELECT value FROM fact WHERE name = 'pools'").fetchone()
        return json.loads(row[0]) if row else {}

    def keep_identifiers(self, names: Mapping[str, str]) -> None:
        """Pools' names by identifier."""
        with self._guard, transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO fact VALUES ('pools', ?)", (json.dumps(names),))


_PLAIN = ("pool", "folder", "at", "sent_at", "started", "nodes", "claimed")


def _record(run: Run) -> dict[str, Any]:
    record: dict[str, Any] = {name: getattr(run, name) for name in _PLAIN}
    record["order"] = run.order.model_dump(mode="json", exclude_defaults=True)
    record["layout"] = asdict(run.layout) if run.layout else None
    record["stop"] = asdict(run.stop) if run.stop else None
    record["end"] = asdict(run.end) if run.end else None
    return record


def _run(record: Mapping[str, Any]) -> Run:
    stop, layout = record["stop"], record["layout"]
    return Run(
        layout=_layout(layout) if layout else None,
        order=RunOrder.model_validate(record["order"]),
        stop=Stop(**{**stop, "event": RunEvent(stop["event"])}) if stop else None,
        end=_end(record["end"]),
        **{name: record[name] for name in _PLAIN},
    )


def _layout(record: Mapping[str, Any]) -> Layout:
    bundles = (Bundle(tuple(b["tasks"]), Amount(**b["amount"])) for b in record["bundles"])
    return Layout(tuple(bundles), record["strategy"])


def _end(record: Mapping[str, Any] | None) -> End | None:
    return End(**{**record, "event": RunEvent(record["event"])}) if record else None
