"""The agent's journal: what it has accepted, and what it has still to tell. SQLite, one file.

Laws:
- A run is in here before anything is done about it, so a killed agent finds it again.
- An observation keeps its number once it was given one; it leaves when the parent has acknowledged
  it.
- A run's end is told after all of its files.
- Runs that have ended are remembered for a while: an order that arrives late starts nothing.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from weir.core.lifecycle import RUN_FINAL, RunEvent, RunState
from weir.executors.base import Seen
from weir.executors.durable import open_durable, transaction
from weir.wire.exchange import Observation, RunOrder

REMEMBER_S = 7 * 86400.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS run (
    id TEXT PRIMARY KEY, uplink TEXT NOT NULL, state TEXT NOT NULL, spec TEXT NOT NULL,
    heard_at REAL NOT NULL, start_by REAL NOT NULL, stopping TEXT NOT NULL DEFAULT '',
    last TEXT NOT NULL DEFAULT '', ended_at REAL, told INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS run_open ON run (told, uplink);
CREATE TABLE IF NOT EXISTS outbox (
    id INTEGER PRIMARY KEY AUTOINCREMENT, uplink TEXT NOT NULL, seq INTEGER, run TEXT NOT NULL,
    final INTEGER NOT NULL, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS outbox_uplink ON outbox (uplink, id);
CREATE TABLE IF NOT EXISTS sent (
    run TEXT NOT NULL, name TEXT NOT NULL, size INTEGER NOT NULL, PRIMARY KEY (run, name));
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A run as the journal has it. `stopping` is why it is being stopped, empty if it is not."""

    order: RunOrder
    uplink: str
    state: RunState
    heard_at: float
    start_by: float
    stopping: str

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in RUN_FINAL


@dataclass(frozen=True, slots=True)
class Outgoing:
    """An observation that is to be told; `final` ones wait for their run's files."""

    id: int
    seq: int | None
    run: str
    final: bool
    observation: Observation


class Journal:
    """One journal. Safe for the agent's few threads; runs that are open are kept in memory too."""

    def __init__(self, path: Path, new_name: str) -> None:
        self._guard = threading.RLock()
        self._db = open_durable(path, SCHEMA)
        self._db.execute("INSERT OR IGNORE INTO fact VALUES ('name', ?)", (new_name,))
        row = self._db.execute("SELECT value FROM fact WHERE name = 'name'").fetchone()
        self.name = str(row[0])
        self._open: dict[str, Entry] = {e.order.run: e for e in self._load()}

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._db.close()

    def _load(self) -> Iterator[Entry]:
        query = "SELECT spec, uplink, state, heard_at, start_by, stopping FROM run WHERE told = 0"
        for spec, uplink, state, heard_at, start_by, stopping in self._db.execute(query):
            order = RunOrder.model_validate_json(spec)
            yield Entry(order, uplink, RunState(state), heard_at, start_by, stopping)

    # -- runs --------------------------------------------------------------------------------------

    def open_runs(self) -> list[Entry]:
        """Every run that has not been told to its end, in the order in which they came."""
        with self._guard:
            return list(self._open.values())

    def get(self, run: str) -> Entry | None:
        """An open run."""
        with self._guard:
            return self._open.get(run)

    def knows(self, run: str) -> bool:
        """Whether this run was ever heard of (within the time that ended runs are remembered)."""
        with self._guard:
            if run in self._open:
                return True
            return self._db.execute("SELECT 1 FROM run WHERE id = ?", (run,)).fetchone() is not None

    def last_word(self, run: str) -> Seen | None:
        """The end of a run that ended and was told, or None."""
        with self._guard:
            row = self._db.execute("SELECT last FROM run WHERE id = ?", (run,)).fetchone()
        return None if row is None or not row[0] else _seen(Observation.model_validate_json(row[0]))

    def accept(
        self, uplink: str, orders: Sequence[RunOrder], now: float, heard_at: float | None = None
    ) -> None:
        """Take runs on: journaled, and the parent is told so.

        Their time to start counts from `heard_at`, at the latest now.
        """
        since = now if heard_at is None else min(now, heard_at)
        with self._guard, transaction(self._db) as db:
            for order in orders:
                start_by = since + order.start_within_s
                db.execute(
                    "INSERT INTO run (id, uplink, state, spec, heard_at, start_by)"
                    " VALUES (?, ?, ?, ?, ?, ?)",
                    (
                        order.run,
                        uplink,
                        RunState.ACCEPTED,
                        order.model_dump_json(exclude_defaults=True),
                        now,
                        start_by,
                    ),
                )
                self._tell(db, uplink, Seen(order.run, RunEvent.ACCEPTED, now), final=False)
        with self._guard:
            for order in orders:
                self._open[order.run] = Entry(
                    order, uplink, RunState.ACCEPTED, now, since + order.start_within_s, ""
                )

    def refuse(self, uplink: str, refusals: Sequence[tuple[str, str]], now: float) -> None:
        """Say no to runs: (run, reason). It is remembered: a no that is told stays a no."""
        with self._guard, transaction(self._db) as db:
            for run, reason in refusals:
                seen = Seen(run, RunEvent.REFUSED, now, reason=reason)
                last = self._tell(db, uplink, seen, final=False)
                db.execute(
                    "INSERT OR IGNORE INTO run"
                    " (id, uplink, state, spec, heard_at, start_by, last, ended_at, told)"
                    " VALUES (?, ?, ?, '', ?, ?, ?, ?, 1)",
                    (run, uplink, RunState.REFUSED, now, now, last, now),
                )

    def answer(self, uplink: str, answers: Sequence[Seen]) -> None:
        """Tell the parent what it asked; the journal's own state stays as it is."""
        with self._guard, transaction(self._db) as db:
            for seen in answers:
                self._tell(db, uplink, seen, final=False)

    def record(self, steps: Sequence[tuple[Seen, RunState]]) -> None:
        """Events with the state that each leads to, in order: kept, and to be told."""
        if not steps:
            return
        with self._guard, transaction(self._db) as db:
            for seen, state in steps:
                entry = self._open[seen.run]
                final = state in RUN_FINAL
                body = self._tell(db, entry.uplink, seen, final)
                db.execute(
                    "UPDATE run SET state = ?, last = ?, ended_at = ? WHERE id = ?",
                    (state, body if final else "", seen.at if final else None, seen.run),
                )
                self._open[seen.run] = Entry(
                    entry.order, entry.uplink, state, entry.heard_at, entry.start_by, entry.stopping
                )

    def stopping(self, runs: Mapping[str, str]) -> None:
        """These runs are being stopped, each for a reason."""
        with self._guard, transaction(self._db) as db:
            for run, reason in runs.items():
                db.execute("UPDATE run SET stopping = ? WHERE id = ?", (reason, run))
                entry = self._open[run]
                self._open[run] = Entry(
                    entry.order, entry.uplink, entry.state, entry.heard_at, entry.start_by, reason
                )

    def told_lately(self, most: int = 10_000) -> list[str]:
        """Runs whose end was told, the latest first: a killed agent may not have tidied them up."""
        query = "SELECT id FROM run WHERE told = 1 ORDER BY ended_at DESC LIMIT ?"
        with self._guard:
            return [str(run) for (run,) in self._db.execute(query, (most,))]

    @property
    def identifiers(self) -> dict[str, str]:
        """The pools' identifiers by name, as the first parent has issued them."""
        with self._guard:
            query = "SELECT value FROM fact WHERE name = 'identifiers'"
            row = self._db.execute(query).fetchone()
        return json.loads(row[0]) if row else {}

    def keep_identifiers(self, identifiers: Mapping[str, str]) -> None:
        """Learn identifiers; what was issued before stays."""
        text = json.dumps(self.identifiers | dict(identifiers))
        with self._guard, transaction(self._db) as db:
            db.execute("INSERT OR REPLACE INTO fact VALUES ('identifiers', ?)", (text,))

    def prune(self, now: float) -> None:
        """Forget runs that ended long ago."""
        with self._guard, transaction(self._db) as db:
            db.execute("DELETE FROM run WHERE told = 1 AND ended_at < ?", (now - REMEMBER_S,))

    # -- what is to be told ------------------------------------------------------------------------

    def _tell(self, db: sqlite3.Connection, uplink: str, seen: Seen, final: bool) -> str:
        body = Observation(
            seq=1,  # the real one is given when it is first sent
            run=seen.run,
            event=seen.event,
            at=seen.at,
            exit_code=seen.exit_code,
            reason=seen.reason[:2000],
            place=seen.place,
        ).model_dump_json()
        db.execute(
            "INSERT INTO outbox (uplink, run, final, body) VALUES (?, ?, ?, ?)",
            (uplink, seen.run, final, body),
        )
        return body

    def outgoing(self, uplink: str, limit: int) -> list[Outgoing]:
        """What is to be told to a parent: first what has its number, and ends last.

        Ends may wait for files; they must not fill the list.
        """
        query = (
            "SELECT id, seq, run, final, body FROM outbox WHERE uplink = ?"
            " ORDER BY seq IS NULL, seq, final, id LIMIT ?"
        )
        with self._guard:
            rows = self._db.execute(query, (uplink, limit)).fetchall()
        return [
            Outgoing(i, seq, run, bool(final), Observation.model_validate_json(body))
            for i, seq, run, final, body in rows
        ]

    def raise_number(self, uplink: str, heard: int) -> None:
        """Go on from the highest number that the parent has heard, if that is beyond our own."""
        with self._guard, transaction(self._db) as db:
            fact = f"seq {uplink}"
            row = db.execute("SELECT value FROM fact WHERE name = ?", (fact,)).fetchone()
            if heard > (int(row[0]) if row else 0):
                db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (fact, str(heard)))

    def number(self, uplink: str, ready: Iterable[Outgoing]) -> list[Observation]:
        """Give numbers to those that have none yet; gives all of them in the order of numbers."""
        numbered: list[tuple[int, Outgoing]] = []
        with self._guard, transaction(self._db) as db:
            fact = f"seq {uplink}"
            row = db.execute("SELECT value FROM fact WHERE name = ?", (fact,)).fetchone()
            last = before = int(row[0]) if row else 0
            for item in ready:
                seq = item.seq
                if seq is None:
                    last += 1
                    seq = last
                    db.execute("UPDATE outbox SET seq = ? WHERE id = ?", (seq, item.id))
                numbered.append((seq, item))
            if last != before:
                db.execute("INSERT OR REPLACE INTO fact VALUES (?, ?)", (fact, str(last)))
        numbered.sort(key=lambda pair: pair[0])
        return [item.observation.model_copy(update={"seq": seq}) for seq, item in numbered]

    def acknowledged(self, uplink: str, seq: int) -> list[str]:
        """The parent has all up to `seq`; gives the runs whose end it now knows."""
        with self._guard, transaction(self._db) as db:
            told = [
                str(run)
                for (run,) in db.execute(
                    "SELECT run FROM outbox WHERE uplink = ? AND seq <= ? AND final", (uplink, seq)
                )
            ]
            db.execute("DELETE FROM outbox WHERE uplink = ? AND seq <= ?", (uplink, seq))
            for run in told:
                db.execute("UPDATE run SET told = 1, spec = '' WHERE id = ?", (run,))
                db.execute("DELETE FROM sent WHERE run = ?", (run,))
        with self._guard:
            for run in told:
                self._open.pop(run, None)
        return told

    # -- files -------------------------------------------------------------------------------------

    def sent(self, run: str) -> dict[str, int]:
        """How much of each of a run's files the parent has."""
        with self._guard:
            rows = self._db.execute("SELECT name, size FROM sent WHERE run = ?", (run,)).fetchall()
        return {str(name): int(size) for name, size in rows}

    def keep_sent(self, sizes: Mapping[tuple[str, str], int]) -> None:
        """The parent has this much of these files now."""
        if not sizes:
            return
        with self._guard, transaction(self._db) as db:
            for (run, name), size in sizes.items():
                db.execute("INSERT OR REPLACE INTO sent VALUES (?, ?, ?)", (run, name, size))


def _seen(o: Observation) -> Seen:
    return Seen(o.run, o.event, o.at, o.exit_code, o.reason, o.place)
