"""The domain's database: SQLite (WAL) by default, PostgreSQL by URL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError

from weir.core.errors import Conflict, NotReady

BEATEN = frozenset({"23505", "40001", "40P01"})
"""PostgreSQL's codes for a unique key that is there by now, a serialization failure, a deadlock."""


@dataclass(frozen=True)
class Store:
    """A database of a domain. `read` and `write` each give one transaction."""

    engine: Engine
    # SQLite admits one writer, and waiting on its busy handler sleeps for up to 100 ms: the writers
    # of this process queue here instead. It orders them and guards nothing; PostgreSQL does not use
    # it.
    turn: threading.RLock = field(default_factory=threading.RLock)

    @property
    def is_sqlite(self) -> bool:
        """Whether this is the embedded default."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that commits at the end of the block, or leaves nothing behind."""
        if not self.is_sqlite:
            with _told_apart(), self._connected() as connection, connection.begin():
                yield connection
            return
        with self.turn, self._connected() as connection, connection.begin():
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing is written."""
        with self._connected() as connection:
            if not self.is_sqlite:
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                if self.is_sqlite:
                    connection.exec_driver_sql("BEGIN")
                yield connection

    @contextmanager
    def _connected(self) -> Iterator[Connection]:
        try:
            connection = self.engine.connect()
        except OperationalError as error:
            raise NotReady(f"the database does not answer: {error.orig}") from error
        try:
            yield connection
        finally:
            connection.close()

    def close(self) -> None:
        """Give back all connections."""
        self.engine.dispose()


@contextmanager
def _told_apart() -> Iterator[None]:
    """On PostgreSQL writers can meet: the one that came second reads and decides again."""
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) not in BEATEN:
            raise
        raise Conflict(f"another writer was faster: {error.orig}") from error


def open_store(url: str) -> Store:
    """A store at an SQLAlchemy URL, such as `sqlite:///weir.db` or `postgresql+psycopg://...`.

    On PostgreSQL writes are safe by compare-and-swap, so READ COMMITTED serves them.
    """
    if url.startswith("postgresql://"):
        url = "postgresql+psycopg://" + url.removeprefix("postgresql://")
    if url.startswith("sqlite"):
        engine = create_engine(url, pool_size=16, max_overflow=32)
        event.listen(engine, "connect", _prepare_sqlite)
    else:
        engine = create_engine(url, pool_size=8, max_overflow=16, pool_pre_ping=True)
        event.listen(engine, "connect", _prepare_postgresql)
    return Store(engine)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    """Leave BEGIN to us (autocommit mode), and make commits durable and readers free of writers."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=10000",
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-8000",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    """PostgreSQL's text can't hold the character 0, which any program's last words may."""
    from psycopg.types.string import StrDumper  # an extra: only there where it is used

    class Dumper(StrDumper):
        def dump(self, obj: str) -> Any:
            return super().dump(obj.replace("\0", "\N{REPLACEMENT CHARACTER}"))

    connection.adapters.register_dumper(str, Dumper)
