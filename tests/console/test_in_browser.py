"""The pages in a real browser: the main story, both languages, keyboard, phone, dark, axe-core."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.builders import ASCEND, pool, spec
from tests.console.browser import AXE, DESK, PHONE, Live, Seen, chromium, serious, served, signed_in
from weir.control.show import list_jobs
from weir.core.series import start_of
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.store.series_totals import put_totals
from weir.wire.usage import RunUse

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PAGES = (
    "/",
    "/?view=tree&color=health",
    "/resources",
    "/find",
    "/jobs",
    "/jobs?view=timeline",
    "/monitoring",
    "/monitoring/alerts",
    "/monitoring/devices_allocated",
    "/monitoring/links",
    "/monitoring/links?show=loss",
    "/operations",
    "/operations?tab=tokens",
    "/operations?tab=queues",
    "/operations?tab=policies",
    "/operations?tab=settings",
    "/commands",
    "/jobs/none",
)
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
        yield found


@pytest.mark.parametrize(("look", "options"), LOOKS, ids=[n for n, _ in LOOKS])
def test_every_page_is_whole_and_accessible(
    browser: Any, live: Live, look: str, options: dict[str, Any]
) -> None:
    live.domain.submit(spec("runs"))
    run = live.run("accepted", "started")
    waits = live.domain.submit(spec("waits", count=999))
    for cpu_ms in (1_000, 9_000):
        use = RunUse(run=run, at=time.time(), cpu_ms=cpu_ms, memory_bytes=2**30)
        live.center.exchange(rtt_us=2500, uses=(use,), want=False)
    [job] = [found.id for found in list_jobs(live.domain.ctx, name="runs").jobs]
    seen, wrong = Seen(), list[str]()
    page = signed_in(browser, live, seen, live.token("root", "operator", "user"), **options)
    gpu = next(iter(live.domain.pools().values()))
    more = (
        f"/resources/pools/{gpu.id}",
        f"/resources/sites/{gpu.site}",
        f"/jobs/{job}",
        f"/jobs/{waits}",
    )
    for path in (*PAGES, *more, f"/resources/compare?pool={gpu.id}"):
        before = len(seen.complaints)
        page.goto(live.url + path)
        page.wait_for_load_state("load")
        if path == "/jobs/none":  # a page that is not there is a complaint of the browser's own
            del seen.complaints[before:]
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append(f"{path}: wider than the window")
        if AXE.exists():
            wrong += [f"{path}: {finding}" for finding in serious(page)]
    if look == "phone":
        assert page.locator("html").get_attribute("lang") == "zh-CN"
    assert not wrong
    assert not seen.complaints
    page.context.close()


def test_find_submit_watch_log_cancel(browser: Any, live: Live) -> None:
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("li", "user"))
    page.goto(f"{live.url}/find")
    page.fill("#f-name", "train")
    page.fill("#f-devices", "8")
    expect(page.locator("#yaml")).to_have_value(re.compile("count: 8"))
    text = page.input_value("#yaml")
    page.fill("#yaml", text + "prioritee: 60\n")
    page.get_by_text("did you mean priority").wait_for()
    page.fill("#yaml", text + "priority: 60\n")
    expect(page.locator("#f-priority")).to_have_value("60")
    page.get_by_text("It can start at once").wait_for()
    page.get_by_role("button", name="Submit the job").click()
    page.wait_for_url("**/jobs/j*")
    assert page.locator("h1").inner_text() == "train"
    # The agent takes it, starts it, and it writes: the page tells all that by itself.
    page.locator("#actions .s-placed").wait_for()
    run = live.run("accepted", "started")
    page.locator("#actions .s-running").wait_for()
    live.center.send(run, "stdout", 0, b"epoch 1\n")
    page.locator("#log", has_text="epoch 1").wait_for()
    live.center.send(run, "stdout", 8, b"epoch 2\n")
    page.locator("#log", has_text="epoch 2").wait_for()
    assert "the lowest cost" in page.locator("#why").inner_text() or (
        "the only one" in page.locator("#why").inner_text()
    )
    page.get_by_role("button", name="Cancel the job").click()
    page.locator("#history", has_text="asked to stop").wait_for()
    live.center.say(run, "canceled")
    page.locator("#actions .s-canceled").wait_for()
    page.get_by_role("link", name="Submit again").click()
    page.wait_for_url("**/find?job=*")
    assert "priority: 60" in page.input_value("#yaml")
    assert not seen.complaints
    page.context.close()


@pytest.mark.parametrize(
    ("zone", "locale"), [("Asia/Shanghai", "zh-CN"), ("America/New_York", "en-GB")]
)
def test_history_is_told_in_the_viewers_zone(
    browser: Any, live: Live, zone: str, locale: str
) -> None:
    """Weeks of an indicator: the plot's axis and its table are of the viewer's own days."""
    now = time.time()
    with live.domain.ctx.store.write() as tx:
        for n in range(5 * 7 * 24):
            if not 40 <= n < 60:
                at = start_of(now, 3600) - n * 3600
                put_totals(tx, 3600, at, [("devices_held", "", float(n % 90))])
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("li", "user"), timezone_id=zone, locale=locale)
    for span, least in (("7d", 100), ("30d", 600)):
        page.goto(f"{live.url}/monitoring/devices_held?span={span}")
        page.locator("#plot-devices_held svg").wait_for()
        points = json.loads(page.get_attribute("#plot-devices_held", "data-series"))[0]["points"]
        assert len(points) >= least and sum(value is None for _, value in points) == 1
        newest = max(at for at, value in points if value is not None)
        there = datetime.fromtimestamp(newest, ZoneInfo(zone))
        page.locator("details summary").first.click()
        told = page.locator("details table time").first
        assert f"{there:%H:%M}" in told.inner_text()
        axis = page.locator("#plot-devices_held svg text").all_text_contents()
        days = {(there - timedelta(days=n)).day for n in range(31)}
        assert sum(text.strip().isdigit() and int(text) in days for text in axis) >= 2, axis
        paths = page.locator('#plot-devices_held svg path[fill="none"]').evaluate_all(
            "all => all.map((p) => p.getAttribute('d')).filter((d) => d && d.length > 500)"
        )
        assert sum(d.count("M") for d in paths) == 2, "the line has one gap"
    assert not seen.complaints
    page.context.close()


def test_a_choice_changes_the_page_without_leaving_it(browser: Any, live: Live) -> None:
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("li", "user"))
    page.evaluate("window.here = true")
    page.locator("#view-tree").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**view=tree**")
    assert page.locator("#view-tree").get_attribute("aria-current") == "true"
    assert page.evaluate("document.activeElement.id") == "view-tree", "the focus stays"
    assert page.evaluate("window.here"), "only a part was loaded"
    page.get_by_role("link", name="中文").click()
    page.wait_for_url("**view=tree**")
    assert page.locator("html").get_attribute("lang") == "zh-CN"
    page.go_back()
    page.wait_for_load_state("load")
    assert page.locator("h1").count() == 1
    assert not seen.complaints
    page.context.close()


def test_ticks_stay_while_a_list_is_turned_and_filtered(browser: Any, live: Live) -> None:
    live.domain.site("wuhan", *(pool(f"many-{n:02}", model=ASCEND) for n in range(40)))
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("li", "viewer"))
    page.goto(f"{live.url}/resources?sort=name")
    page.evaluate("window.here = true")
    ticked = [page.locator("#directory tbody input").nth(n).get_attribute("value") for n in (0, 3)]
    for value in ticked:
        page.locator(f'#directory tbody input[value="{value}"]').check()
    page.locator("#page-next").click()
    page.wait_for_url("**page=2**")
    assert page.locator(".elsewhere input:checked").count() == 2
    page.locator("#directory tbody input").first.check()
    page.locator("#q").press_sequentially("many-0")
    page.wait_for_url("**q=many-0**")
    expect(page.locator("#directory tbody tr")).to_have_count(10)
    assert page.locator("#directory input[name=pool]:checked").count() == 3
    assert page.evaluate("window.here"), "only a part was loaded"
    page.get_by_role("button", name="Compare chosen").click()
    page.wait_for_url("**/resources/compare**")
    assert page.locator(".compare thead th").count() == 3
    page.locator("main").get_by_role("link", name="Resources").click()
    assert page.locator("#directory input[name=pool]:checked").count() == 3
    assert not seen.complaints
    page.context.close()


def test_the_overview_moves_by_itself(browser: Any, live: Live) -> None:
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("li", "user"))
    page.locator("#pulse.on").wait_for()
    live.domain.submit(spec("new-one"))
    page.locator("#latest", has_text="new-one").wait_for()
    live.run("accepted", "started")
    page.locator("#latest .s-running").wait_for()
    assert not seen.complaints
    page.context.close()


def test_all_of_it_by_keyboard(browser: Any, live: Live) -> None:
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("root", "operator", "user"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    page.keyboard.press("/")
    page.keyboard.type("h100")
    page.keyboard.press("Enter")
    page.wait_for_url("**/resources?q=h100")
    page.locator("#q").focus()
    page.keyboard.press("Tab")  # the fold of the filters
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.wait_for_url("**/resources?*device=*")
    page.goto(f"{live.url}/find")
    page.locator("#yaml").focus()
    page.keyboard.press("Escape")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") != "yaml", "Tab leaves the file after Escape"
    page.get_by_role("button", name="Submit the job").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/jobs/j*")
    assert not seen.complaints
    page.context.close()


def test_without_scripts_it_works_too(browser: Any, live: Live) -> None:
    seen = Seen()
    token = live.token("li", "user")
    page = signed_in(browser, live, seen, token, java_script_enabled=False)
    page.goto(f"{live.url}/resources")
    page.locator("input[name=device]").first.check()
    page.get_by_role("button", name="Apply").click()
    assert "device=" in page.url
    page.goto(f"{live.url}/find")
    page.fill("#f-name", "plain")
    page.get_by_role("button", name="Check the form").click()
    assert "name: plain" in page.input_value("#yaml")
    page.get_by_role("button", name="Submit the job").click()
    assert page.locator("h1").inner_text() == "plain"
    assert "UTC" in page.locator("time").first.inner_text()
    page.context.close()
