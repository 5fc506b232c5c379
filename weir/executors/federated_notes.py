"""What a federated executor must remember over a restart. SQLite, one file.

Laws:
- A run is noted before it is first sent. From then on it may be at the peer, whatever was answered.
- A run that has ended here is remembered for a while: should the peer show it alive, it is a ghost.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from weir.executors.durable import open_durable, transaction

REMEMBER_S = 7 * 86400.0

SCHEMA = """
CREATE TABLE IF NOT EXISTS run (run TEXT PRIMARY KEY, job TEXT, ended_at REAL);
CREATE INDEX IF NOT EXISTS run_ended ON run (ended_at);
CREATE TABLE IF NOT EXISTS peer (one INTEGER PRIMARY KEY, seq INTEGER NOT NULL, data_id TEXT);
INSERT OR IGNORE INTO peer VALUES (1, 0, NULL);
"""


class Notes:
    """Which runs were sent, as which jobs of the peer, and how far its changes were told."""

    def __init__(self, path: Path, now: float) -> None:
        self._guard = threading.Lock()
        self._db = open_durable(path, SCHEMA)
        self._db.execute("DELETE FROM run WHERE ended_at < ?", (now - REMEMBER_S,))
        query = "SELECT run, job FROM run WHERE ended_at IS NULL"
        self._jobs: dict[str, str | None] = dict(self._db.execute(query).fetchall())
        self.cursor, self.data_id = self._db.execute("SELECT seq, data_id FROM peer").fetchone()

    def close(self) -> None:
        """Close the file."""
        with self._guard:
            self._db.close()

    # -- runs --------------------------------------------------------------------------------------

    def sent(self, run: str) -> bool:
        """Whether this run may be at the peer: it was sent, and has not been forgotten."""
        return run in self._jobs

    def job_of(self, run: str) -> str | None:
        """The peer's job, once the peer has said which it is."""
        return self._jobs.get(run)

    def handed_over(self) -> list[str]:
        """The runs whose jobs are known."""
        with self._guard:
            return [run for run, job in self._jobs.items() if job is not None]

    def ended(self, run: str) -> bool:
        """Whether this run has ended here and was forgotten."""
        query = "SELECT 1 FROM run WHERE run = ? AND ended_at IS NOT NULL"
        with self._guard:
            return self._db.execute(query, (run,)).fetchone() is not None

    def sending(self, runs: Iterable[str]) -> None:
        """These runs are about to be sent."""
        with self._guard:
            fresh = [run for run in runs if run not in self._jobs]
            if not fresh:
                return
            with transaction(self._db):
                query = "INSERT OR REPLACE INTO run (run) VALUES (?)"
                self._db.executemany(query, [(run,) for run in fresh])
            self._jobs.update(dict.fromkeys(fresh))

    def keep_jobs(self, jobs: Iterable[tuple[str, str]]) -> None:
        """The peer's jobs of runs that were sent; those forgotten meanwhile stay forgotten."""
        with self._guard:
            news = [(r, j) for r, j in jobs if r in self._jobs and self._jobs[r] != j]
            if not news:
                return
            with transaction(self._db):
                query = "UPDATE run SET job = ? WHERE run = ?"
                self._db.executemany(query, [(job, run) for run, job in news])
            self._jobs.update(news)

    def forget(self, runs: Sequence[str], now: float) -> None:
        """These runs have ended, and all of them was passed on."""
        with self._guard:
            with transaction(self._db):
                query = (
                    "INSERT INTO run (run, ended_at) VALUES (?, ?) ON CONFLICT (run) DO UPDATE"
                    " SET job = NULL, ended_at = coalesce(ended_at, excluded.ended_at)"
                )
                self._db.executemany(query, [(run, now) for run in runs])
            for run in runs:
                self._jobs.pop(run, None)

    # -- the peer ----------------------------------------------------------------------------------

    def keep_cursor(self, seq: int) -> None:
        """All changes up to this number were told."""
        with self._guard:
            if seq != self.cursor:
                self._db.execute("UPDATE peer SET seq = ?", (seq,))
                self.cursor = seq

    def start_over(self, data_id: str) -> None:
        """The peer's data is this from now on, and nothing of it was told."""
        with self._guard:
            self._db.execute("UPDATE peer SET seq = 0, data_id = ?", (data_id,))
            self.cursor, self.data_id = 0, data_id
