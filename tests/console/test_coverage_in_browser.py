"""Freshness, a single link, flows, downtimes and figures of performance, in a real browser."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.builders import foreign, origin
from tests.console.browser import DESK, PHONE, Live, Seen, chromium, serious, served, signed_in
from weir.control.downtimes import list_downtimes
from weir.control.series_roll import roll_up
from weir.core.series import Key, start_of
from weir.store import series as rows_of
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.wire.pools import Place

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

LOOKS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("desk", {"viewport": DESK}),
    ("dark", {"viewport": DESK, "color_scheme": "dark"}),
    ("phone", {"viewport": PHONE, "locale": "zh-CN", "has_touch": True}),
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    store = open_store(f"sqlite:///{tmp_path / 'weir.db'}")
    migrate(store)
    with served(store, tmp_path / "files") as found:
        west = found.domain.below("west")
        place = Place(latitude=36.0, longitude=112.0)
        west.report(foreign("far", of=west.identifier, location=place))
        handed = origin("w-1", found.center.named["h100"], west.identifier)
        found.domain.submit(who=west.who, origin=handed)
        found.domain.round()
        measure(found)
        yield found


def link_of(live: Live) -> str:
    return f"{live.center.id}>CN-F"


def measure(live: Live) -> None:
    """Half an hour of a link and of a probe, with a gap of ten minutes."""
    told = {
        Key(link_of(live), "link_rtt"): 0.004,
        Key(link_of(live), "link_sent"): 10.0,
        Key(link_of(live), "link_lost"): 1.0,
        Key(live.center.id, "probe_tried", "host"): 1.0,
        Key(live.center.id, "probe_up", "host"): 1.0,
    }
    end = start_of(time.time(), 60) - 120
    with live.domain.ctx.store.write() as tx:
        numbers = rows_of.add(tx, list(told), "")
        rows_of.put(
            tx,
            [
                (60, end - 60 * n, number, 6, 6 * told[key], told[key], told[key], told[key])
                for key, number in numbers.items()
                for n in range(30)
                if not 10 <= n < 20
            ],
        )
    while roll_up(live.domain.ctx):
        pass


@pytest.mark.parametrize(("look", "options"), LOOKS, ids=[n for n, _ in LOOKS])
def test_the_pages_are_whole_and_accessible(
    browser: Any, live: Live, look: str, options: dict[str, Any]
) -> None:
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("root", "operator"), **options)
    site = live.domain.pools()["h100"].site
    for path in (
        "/",
        "/monitoring/freshness?span=1h",
        f"/monitoring/freshness?span=1h&under={site}",
        f"/monitoring/links/{quote(link_of(live), safe='')}",
        "/operations?tab=downtimes",
        "/resources?figures=measured",
    ):
        page.goto(live.url + path)
        expect(page.locator("h1")).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{path} is {wide} px too wide on a {look}"
        assert not serious(page), f"{path} on a {look}"
    assert not seen.complaints


def test_from_the_matrix_a_click_leads_to_a_links_past(browser: Any, live: Live) -> None:
    page = signed_in(browser, live, Seen(), live.token("li", "user"))
    page.goto(f"{live.url}/monitoring/links")
    page.get_by_role("link", name="4 ms").first.click()
    expect(page.locator("h1")).to_contain_text("shanghai")
    expect(page.locator("#plot-link_latency svg")).to_be_visible()
    page.click("#span-24h")
    expect(page.locator("#span-24h[aria-current]")).to_be_visible()
    expect(page.locator("#plot-link_loss svg")).to_be_visible()
    assert page.url.endswith("span=24h")


def test_a_downtime_is_declared_in_the_viewers_own_time(browser: Any, live: Live) -> None:
    boss = live.token("root", "operator")
    page = signed_in(browser, live, Seen(), boss, timezone_id="Asia/Shanghai")
    page.goto(f"{live.url}/operations?tab=downtimes")
    page.select_option("#down-site", label="shanghai")
    page.fill("#down-begins", "2040-10-05T08:00")
    page.fill("#down-length", "4h")
    page.fill("#down-reason", "new pumps")
    page.get_by_role("button", name="Declare", exact=True).click()
    expect(page.locator("main")).to_contain_text("new pumps")
    [found] = list_downtimes(live.domain.ctx)
    assert time.strftime("%Y-%m-%d %H:%M", time.gmtime(found.begins_at)) == "2040-10-05 00:00"


def test_another_kind_of_figures_changes_the_facets(browser: Any, live: Live) -> None:
    page = signed_in(browser, live, Seen(), live.token("li", "user"))
    page.goto(f"{live.url}/resources")
    expect(page.locator("input[name=bf16]").first).to_be_visible()
    page.check("#figures-measured")
    expect(page.locator("input[name=bf16]")).to_have_count(0)
    assert "figures=measured" in page.url
