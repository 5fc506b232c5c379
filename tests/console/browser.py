"""A real browser (Debian's Chromium, driven by Playwright) before a real server on loopback.

The center's agent is a script of the test: it says what the story has it say.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from tests.builders import ASCEND, Cluster, Domain, pool
from weir.api.app import make_app
from weir.api.wakeups import Wakeups
from weir.console import app as console
from weir.control.join import make_person_token
from weir.store.engine import Store
from weir.wire.joining import TokenRequest
from weir.wire.pools import Place

CHROMIUM = Path("/usr/bin/chromium")
AXE = Path(__file__).parents[2] / "weir" / "console" / "static" / "vendor" / "axe.min.js"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 860}
STARTS_S = 20.0
DEAR = 90_000_000
"""What makes the scheduler take the other pool, whose agent the test is."""


@dataclass
class Live:
    """A server that runs, its domain, and one center's scripted agent."""

    domain: Domain
    url: str
    center: Cluster

    def run(self, *events: str) -> str:
        """Wait for the center's next order, and say these things of it; its run."""
        until = time.monotonic() + STARTS_S
        while not (orders := self.center.orders()):
            assert time.monotonic() < until, "no order has come"
            time.sleep(0.05)
        self.center.say(orders[0].run, *events)
        return orders[0].run

    def token(self, subject: str, *roles: str) -> str:
        request = TokenRequest.model_validate({"subject": subject, "roles": roles})
        return make_person_token(self.domain.ctx, request).token


@contextmanager
def served(store: Store, folder: Path) -> Iterator[Live]:
    """A national domain with a center in two places, behind a server in a thread."""
    wakeups = Wakeups()
    domain = Domain(store, folder, clock=time.time, wake=wakeups.wake, lease_s=3600.0)  # type: ignore[arg-type]
    app = make_app(domain.ctx, wakeups)
    console.install(app)
    east = Place(region="east", country="CN", latitude=31.2, longitude=121.5)
    west = Place(region="west", country="CN", latitude=30.4, longitude=104.1)
    center = domain.site(
        "shanghai", pool("h100", location=east, traits=("cuda",), price_micro_per_device_hour=18)
    )
    domain.site(
        "chengdu",
        pool("npu", model=ASCEND, emulated=True, location=west, price_micro_per_device_hour=DEAR),
    )
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        until = time.monotonic() + STARTS_S
        while not server.started:
            assert time.monotonic() < until, "the server has not started"
            time.sleep(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Live(domain, f"http://127.0.0.1:{port}", center)
    finally:
        wakeups.close()
        server.should_exit = True
        thread.join(15)


@dataclass
class Seen:
    """What a page did that it should not: errors, and requests to other hosts."""

    complaints: list[str] = field(default_factory=list)

    def watch(self, page: Any, url: str) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda e: self.complaints.append(f"error {e}"))
        page.on(
            "request",
            lambda r: (
                None
                if r.url.startswith((url, "data:", "blob:"))
                else self.complaints.append(f"request to {r.url}")
            ),
        )

    def _console(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(f"{message.type}: {message.text}")


@contextmanager
def chromium() -> Iterator[Any]:
    """The browser; skips where there is none."""
    if not CHROMIUM.exists():
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip("there is no Chromium; `make test-real` installs it")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()


def signed_in(browser: Any, live: Live, seen: Seen, token: str, **options: Any) -> Any:
    """A page of a new context, signed in by typing the token."""
    context = browser.new_context(**{"viewport": DESK, "locale": "en-GB", **options})
    context.set_default_timeout(15_000)
    page = context.new_page()
    seen.watch(page, live.url)
    page.goto(live.url)
    page.fill("#token", token)
    page.press("#token", "Enter")
    page.wait_for_url(f"{live.url}/")
    return page


def serious(page: Any) -> list[str]:
    """axe-core's serious and critical findings; fails where axe-core is not there."""
    assert AXE.exists(), "there is no axe-core; `scripts/fetch-assets --tests` brings it"
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    return [
        f"{v['id']}: {v['nodes'][0]['html'][:160]} {v['nodes'][0]['failureSummary'][:200]}"
        for v in found["violations"]
        if v["impact"] in ("serious", "critical")
    ]
