"""The only place that wires clock, ids, chance, engine and settings together."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from weir import __version__
from weir.agent.agent import Agent
from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.control.begin import begin
from weir.control.context import Context, DomainSettings
from weir.executors.registry import make_executor
from weir.executors.settings import AgentFile, AgentSettings
from weir.store.engine import open_store
from weir.store.files import Files
from weir.store.migrate import migrate
from weir.wire.mistakes import read_yaml, validated

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to start one domain server. Everything it writes is under `home`."""

    home: Path
    name: str
    kind: str
    code: str = "CN"
    database: str = ""
    files: str = ""
    domain: DomainSettings = field(default_factory=DomainSettings)


def make_server(settings: ServerSettings) -> FastAPI:
    """Open the store, bring it to this version's schema, and make the app.

    At the first start the operator's token is written to `operator.token` under `home`, readable by
    its owner only.
    """
    home = settings.home
    home.mkdir(parents=True, exist_ok=True)
    store = open_store(settings.database or f"sqlite:///{home / 'weir.db'}")
    migrate(store)
    wakeups = Wakeups()
    ctx = Context(
        store=store,
        files=Files(settings.files or str((home / "files").absolute())),
        now=time.time,
        new_id=IdMaker(time.time),
        new_secret=lambda: secrets.token_urlsafe(32),
        wake=wakeups.wake,
        settings=settings.domain,
        version=__version__,
    )
    token = begin(ctx, settings.name, settings.kind, settings.code)
    if token is not None:
        write_secret(home / "operator.token", token)
    return make_app(ctx, wakeups)


def write_secret(path: Path, secret: str) -> None:
    """Write a secret so that only its owner can read it, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.unlink(missing_ok=True)
    with open(partial, "x", opener=_private, encoding="utf-8") as out:
        out.write(secret + "\n")
    partial.replace(path)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


class IdMaker:
    """Ids that sort by time: a letter, 10 characters of milliseconds, 8 of chance.

    Within one process they never repeat: an id is always larger than the last of its kind.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = 0
        self._guard = threading.Lock()

    def __call__(self, kind: str) -> str:
        """A new id that begins with `kind`."""
        with self._guard:
            fresh = (int(self._now() * 1000) << 40) | secrets.randbits(40)
            # In the same millisecond count on from the last one, so that order and uniqueness hold.
            same = fresh >> 40 <= self._last >> 40
            self._last = self._last + 1 + secrets.randbits(16) if same else fresh
            return kind + _spelled(self._last)


def _spelled(number: int) -> str:
    characters = []
    for _ in range(18):
        characters.append(ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(characters))


def make_agents(home: Path, config: Path) -> list[Agent]:
    """The agents that a settings file describes, each with a directory of its own under `home`.

    Raises `BadInput` with every mistake of the file.
    """
    data, lines = read_yaml(config.read_text(encoding="utf-8"), str(config))
    several = isinstance(data, dict) and "agents" in data
    if several:
        found = validated(AgentFile, data, str(config), lines).agents
    else:
        found = (validated(AgentSettings, data, str(config), lines),)
    ids = IdMaker(time.time)
    agents = []
    for settings in found:
        place = home / settings.name
        place.mkdir(parents=True, exist_ok=True)
        executor = make_executor(settings.executor, place / "executor", time.time)
        agents.append(Agent(settings, executor, place, time.time, ids))
    return agents
