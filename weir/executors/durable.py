"""Small SQLite files: what must be known after a crash."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def open_durable(path: Path, schema: str, *, synchronous: str = "FULL") -> sqlite3.Connection:
    """The file with its tables, made if it is not there. Who shares it between threads guards it.

    With FULL every commit is on the disk when it returns; with NORMAL the last ones may be gone
    after a power cut, though not after a crash of the program.
    """
    db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
    db.execute("PRAGMA journal_mode=WAL")
    db.execute(f"PRAGMA synchronous={synchronous}")
    db.executescript(schema)
    return db


@contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing, committed at the end; a fault takes it back and goes on up."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")
