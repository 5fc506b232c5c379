"""The page of alerts in a real browser: whole, accessible, and used by keyboard and form."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.builders import pool
from tests.console.browser import DESK, PHONE, Live, Seen, chromium, serious, served, signed_in
from weir.control.alerts import shipped_rules
from weir.control.alerts_readings import Kept
from weir.control.alerts_round import look
from weir.store.engine import open_store
from weir.store.migrate import migrate

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    store = open_store(f"sqlite:///{tmp_path / 'weir.db'}")
    migrate(store)
    with served(store, tmp_path / "files") as found:
        # The server has its settings already; they are one object with the domain's.
        object.__setattr__(found.domain.ctx.settings, "alert_rules", shipped_rules())
        found.domain.site("slow", pool("gpu", measured_gflops=(("bf16", 100_000),)))
        look(found.domain.ctx, Kept())
        yield found


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("desk", {"viewport": DESK}),
        ("dark", {"viewport": DESK, "color_scheme": "dark"}),
        ("phone", {"viewport": PHONE, "locale": "zh-CN", "has_touch": True}),
    ],
)
def test_the_page_is_whole_accessible_and_used(
    browser: Any, live: Live, tmp_path: Path, name: str, options: dict[str, Any]
) -> None:
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("zhao", "operator"), **options)
    page.goto(f"{live.url}/monitoring/alerts")
    page.screenshot(path=str(tmp_path / f"{name}.png"), full_page=True)
    assert serious(page) == []
    page.locator("#open a.button").first.click()
    assert serious(page) == []
    page.fill("#ack-why", "card 3 is out")
    page.press("#ack-why", "Enter")
    expect(page.locator("#open")).to_contain_text("card 3 is out")
    page.screenshot(path=str(tmp_path / f"{name}-acknowledged.png"), full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert serious(page) == []
    page.context.close()
    assert seen.complaints == []
