"""A domain's app, asked in this process: no socket, a clock that stands still."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.control.begin import begin
from weir.control.context import Context, DomainSettings
from weir.control.join import make_person_token
from weir.store.engine import open_store
from weir.store.files import Files
from weir.store.migrate import migrate
from weir.wire.joining import TokenRequest

NOW = 1_700_000_000.0


@dataclass(frozen=True)
class Served:
    """A national domain behind its HTTP interface, and a token for each role."""

    http: TestClient
    context: Context
    tokens: dict[str, str]

    def headers(self, role: str = "operator") -> dict[str, str]:
        """As a client sends its token."""
        return {"Authorization": f"Bearer {self.tokens[role]}"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    store = open_store(f"sqlite:///{tmp_path / 'weir.db'}")
    migrate(store)
    wakeups, numbers = Wakeups(), itertools.count(1)
    ctx = Context(
        store=store,
        files=Files(str(tmp_path / "files")),
        now=lambda: NOW,
        new_id=lambda kind: f"{kind}{next(numbers):018d}",
        new_secret=lambda: f"secret{next(numbers)}",
        wake=wakeups.wake,
        settings=DomainSettings(),
        version="test",
    )
    operator = begin(ctx, "nation", "national", "CN")
    assert operator is not None
    tokens = {"operator": operator}
    for role in ("user", "viewer"):
        request = TokenRequest.model_validate({"subject": role, "roles": [role]})
        tokens[role] = make_person_token(ctx, request).token
    with TestClient(make_app(ctx, wakeups), raise_server_exceptions=False) as http:
        yield Served(http, ctx, tokens)
