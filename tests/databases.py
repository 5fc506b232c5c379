"""Databases for tests: a migrated SQLite file at once, and a real PostgreSQL when asked for.

A test that takes `new_store` runs on SQLite; under `-m real` it runs on PostgreSQL, the same test.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError

from weir.store.engine import Store, open_store
from weir.store.migrate import migrate
from weir.store.tables_monitoring import ALL

NewStore = Callable[[], Store]

NOBODY = ["setpriv", "--reuid", "nobody", "--regid", "nogroup", "--clear-groups"]
"""PostgreSQL refuses to run as root."""

START_S = 30.0


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with this version's tables, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    store = open_store(f"sqlite:///{path}")
    migrate(store)
    store.close()
    return path


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A PostgreSQL server for this session, gone with all its data at the end."""
    home = Path(tempfile.mkdtemp(prefix="weir-pg-", dir="/tmp"))
    home.chmod(0o777)
    server = Server.start(home)
    try:
        server.make_template()
        yield server
    finally:
        server.stop()
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.real)])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[NewStore]:
    """Makes stores, each with an empty database of its own."""
    made: list[Store] = []
    taken: list[str] = []
    numbers = itertools.count(1)

    def make() -> Store:
        if request.param == "sqlite":
            template = request.getfixturevalue("sqlite_template")
            store = sqlite_copy(template, tmp_path / f"{next(numbers)}.db")
        else:
            taken.append(request.getfixturevalue("postgres").new_database())
            store = open_store(taken[-1])
        made.append(store)
        return store

    yield make
    for store in made:
        store.close()
    for url in taken:
        request.getfixturevalue("postgres").give_back(url)


def sqlite_copy(template: Path, path: Path) -> Store:
    """A store over a copy. Nothing here outlives a power cut, so nothing waits for the disk."""
    shutil.copy(template, path)
    store = open_store(f"sqlite:///{path}")
    event.listen(store.engine, "connect", _hurry)
    return store


def _hurry(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA synchronous=OFF")


@dataclass
class Server:
    """A PostgreSQL server on a loopback port."""

    home: Path
    port: int
    process: subprocess.Popen[bytes]
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    idle: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, home: Path) -> Server:
        """Make a cluster under `home`, start it, and return once it answers."""
        bin_ = find_postgres()
        as_user: list[str | Path] = [*NOBODY] if os.geteuid() == 0 else []
        if as_user:
            shutil.chown(home, "nobody", "nogroup")
        data = home / "data"
        run = [*as_user, bin_ / "initdb", "-D", data, "-U", "weir", "-A", "trust", "--no-sync"]
        subprocess.run(
            [*run, "-E", "UTF8", "--locale=C"], check=True, capture_output=True, cwd=home
        )
        port = _free_port()
        settings = {
            "port": port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": home,
            "fsync": "off",
            "synchronous_commit": "off",
            "max_connections": 200,
        }
        options = [f"--{name}={value}" for name, value in settings.items()]
        with open(home / "log", "wb") as log:
            process = subprocess.Popen(
                [*as_user, bin_ / "postgres", "-D", data, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=home,
            )
        server = cls(home, port, process)
        server._wait()
        return server

    def url(self, database: str) -> str:
        return f"postgresql://weir@127.0.0.1:{self.port}/{database}"

    def make_template(self) -> None:
        """A database with this version's tables, to be copied."""
        self._do("CREATE DATABASE template_weir")
        store = open_store(self.url("template_weir"))
        migrate(store)
        store.close()

    def new_database(self, template: str = "template_weir") -> str:
        """The URL of a new database, or of one that was given back and emptied."""
        if self.idle and template == "template_weir":
            url = self.idle.pop()
            tables = ", ".join(f'"{name}"' for name in ALL.tables)
            self._do(f"TRUNCATE {tables} RESTART IDENTITY CASCADE", url)
            return url
        name = f"weir_{next(self.numbers)}"
        self._do(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def give_back(self, url: str) -> None:
        """A database that nobody uses any more."""
        self.idle.append(url)

    def stop(self) -> None:
        """Stop this server, and no other; its data is not kept."""
        self.process.send_signal(signal.SIGQUIT)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _wait(self) -> None:
        until = time.monotonic() + START_S
        while True:
            try:
                self._do("SELECT 1")
                return
            except OperationalError:  # it does not answer yet
                gone = self.process.poll() is not None
                if gone or time.monotonic() > until:
                    log = (self.home / "log").read_text(errors="replace")
                    raise RuntimeError(f"PostgreSQL does not start:\n{log}") from None
                time.sleep(0.05)

    def _do(self, statement: str, url: str = "") -> None:
        url = (url or self.url("postgres")).replace("postgresql:", "postgresql+psycopg:")
        engine = create_engine(url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def find_postgres() -> Path:
    """The newest PostgreSQL's programs, 15 or later; skips the test if there are none."""
    found = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    newest = max(found, key=lambda p: int(p.parent.name), default=None)
    if newest is None or int(newest.parent.name) < 15:
        # For `pytest -m real` on a machine without it; `make test-real` installs it, and takes a
        # skip for a failure.
        pytest.skip("there is no PostgreSQL 15 under /usr/lib/postgresql")
    return newest


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
