"""Make one domain server from its settings."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, field
from pathlib import Path

from fastapi import FastAPI

from weir import __version__
from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.bootstrap.ids import IdMaker
from weir.bootstrap.replays import simulate_apart
from weir.console import app as console
from weir.control.begin import begin
from weir.control.context import Context, DomainSettings
from weir.control.policies import settle_scheduling
from weir.store.engine import open_store
from weir.store.files import Files
from weir.store.migrate import migrate
from weir.store.series_victoria import VictoriaSeries


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How to start one domain server. Everything it writes is under `home`."""

    home: Path
    name: str
    kind: str
    code: str = "CN"
    database: str = ""
    files: str = ""
    series: str = ""
    domain: DomainSettings = field(default_factory=DomainSettings)


def make_server(settings: ServerSettings) -> FastAPI:
    """Open the store, bring it to this version's schema, and make the app.

    At the first start the operator's token is written to `operator.token` under `home`, readable by
    its owner only.
    """
    home = settings.home
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
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
        simulate=simulate_apart,
        victoria=VictoriaSeries(settings.series) if settings.series else None,
    )
    token = begin(ctx, settings.name, settings.kind, settings.code)
    if token is not None:
        write_secret(home / "operator.token", token)
    settle_scheduling(ctx)
    app = make_app(ctx, wakeups)
    console.install(app)
    return app


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
