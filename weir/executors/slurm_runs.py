"""Runs as this executor knows them, and what of them must be remembered over a restart.

SQLite, one file. Laws:
- A run is noted before it is first sent to Slurm: from then on it may be there, whatever was said.
- How a forgotten run ended is remembered for a week: it is not run again.
- What is lost of this with the machine is made good by the claim in the run's folder: a second job
  of a run finds it and does nothing.
"""

from __future__ import annotations

import json
import os
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
from weir.executors.slurm_layout import Layout, Part, Span
from weir.executors.slurm_script import task_files
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

    `sent_at` is when it was last sent to Slurm, `job` the id that Slurm gave then; `array` is the
    folder of the array it was folded into and `index` its number there, and `own` the id that the
    element has by itself, which Slurm gives it when it starts. `nodes` are those of each component
    of its job; `missed` counts looks at Slurm that did not show it. `leaving` is the end of
    one of which something is still to be brought away before that is told.
    """

    order: RunOrder
    pool: str
    folder: str
    at: float
    layout: Layout | None = None
    sent_at: float | None = None
    job: str | None = None
    array: str | None = None
    index: int | None = None
    own: str | None = None
    started: float | None = None
    stop: Stop | None = None
    end: End | None = None
    nodes: tuple[tuple[str, ...], ...] = ()
    missed: int = 0
    canceled_at: float | None = None
    leaving: End | None = None

    @property
    def id(self) -> str:
        return self.order.run

    @property
    def work(self) -> str:
        return os.path.join(self.folder, "work")

    @property
    def name(self) -> str:
        """What its job is called at Slurm."""
        return job_name(os.path.basename(self.array) if self.array else self.id)

    @property
    def job_word(self) -> str | None:
        """What its job is canceled by. Never by the id of its own: the last element of an array has
        the array's, and by that all of it would be canceled.
        """
        return self.job if self.job is None or self.index is None else f"{self.job}_{self.index}"

    @property
    def record_word(self) -> str | None:
        """What accounting is asked for; a completion file knows only ids of their own."""
        return self.own or self.job_word

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

    def base(self, group: str, index: int) -> str:
        """What the names of a task's files begin with."""
        return task_files(self.folder, group, index)

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


def job_name(run: str) -> str:
    """The name of a run's job."""
    return f"weir-{run}"


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

    def forget(self, runs: Iterable[Run], now: float) -> None:
        """Keep of these runs how they ended, and nothing else."""
        rows = [(_body(run.end), now, run.id) for run in runs]
        with self._guard, transaction(self._db) as db:
            db.executemany("UPDATE run SET body = ?, forgotten_at = ? WHERE run = ?", rows)

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


_PLAIN = ("pool", "folder", "at", "sent_at", "job", "array", "index", "own", "started")


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
        order=RunOrder.model_validate(record["order"]),
        layout=_layout(layout) if layout else None,
        stop=Stop(**{**stop, "event": RunEvent(stop["event"])}) if stop else None,
        end=_end(record["end"]),
        **{name: record[name] for name in _PLAIN},
    )


def _layout(record: Mapping[str, Any]) -> Layout:
    return Layout(
        tuple(Part(**part) for part in record["parts"]),
        tuple(Span(**span) for span in record["spans"]),
    )


def _body(end: End | None) -> str:
    return json.dumps(asdict(end) if end else None)


def _end(record: Mapping[str, Any] | None) -> End | None:
    return End(**{**record, "event": RunEvent(record["event"])}) if record else None
