"""The pages in a real browser: the main story by mouse, by touch on a phone in the dark, by the
keys alone, in both languages; lists, plots over time, and what goes without scripts.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from tests.builders import ASCEND, pool, spec
from tests.console.browser import DESK, PHONE, Live, Seen, chromium, served, signed_in
from weir.console.words import words
from weir.core.series import start_of
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.store.series_totals import put_totals

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
        yield found


@dataclass(frozen=True)
class Hands:
    """How somebody uses a page: by mouse, by touch, or by the keys alone."""

    page: Any
    by: str

    def press(self, what: Any) -> None:
        """Press a button, follow a link."""
        if self.by == "keys":
            self._reach(what)
            self.page.keyboard.press("Enter")
        else:
            what.tap() if self.by == "touch" else what.click()

    def write(self, at: str, text: str) -> None:
        """Write this into a field instead of what stands there."""
        if self.by == "keys":
            self._reach(self.page.locator(at))
            self.page.keyboard.press("Control+A")
            self.page.keyboard.insert_text(text)
        else:
            self.page.fill(at, text)

    def _reach(self, what: Any) -> None:
        """Go on by Tab until it has the focus; out of a text by Escape first, as the page says."""
        what.wait_for()
        for _ in range(200):
            if what.evaluate("at => at === document.activeElement"):
                return
            self.page.keyboard.press("Escape")
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{what} is not reached by Tab")


WAYS: dict[str, dict[str, Any]] = {
    "mouse": {"viewport": DESK},
    "touch": {"viewport": PHONE, "locale": "zh-CN", "color_scheme": "dark", "has_touch": True},
    "keys": {"viewport": DESK, "locale": "zh-CN"},
}


@pytest.mark.parametrize("by", WAYS)
def test_find_submit_watch_log_cancel(browser: Any, live: Live, by: str) -> None:
    seen = Seen()
    page = signed_in(browser, live, seen, live.token("li", "user"), **WAYS[by])
    t, hands = words("en" if by == "mouse" else "zh"), Hands(page, by)
    page.goto(f"{live.url}/find")
    hands.write("#f-name", "train")
    hands.write("#f-devices", "8")
    expect(page.locator("#yaml")).to_have_value(re.compile("count: 8"))
    text = page.input_value("#yaml")
    hands.write("#yaml", text + "prioritee: 60\n")
    page.get_by_text("did you mean priority").wait_for()
    hands.write("#yaml", text + "priority: 60\n")
    expect(page.locator("#f-priority")).to_have_value("60")
    page.get_by_text(t("It can start at once")).wait_for()
    hands.press(page.get_by_role("button", name=t("Submit the job")))
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
    assert "h100" in page.locator("#why").inner_text()
    if by == "mouse":
        assert re.search("the lowest cost|the only one", page.locator("#why").inner_text())
    hands.press(page.get_by_role("button", name=t("Cancel the job")))
    page.locator("#history", has_text=t("asked to stop")).wait_for()
    live.center.say(run, "canceled")
    page.locator("#actions .s-canceled").wait_for()
    hands.press(page.get_by_role("link", name=t("Submit again")))
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
