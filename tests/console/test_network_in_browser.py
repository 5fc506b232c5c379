"""The demonstration's network in a real browser: what four kinds of people do there, in the pages
and on the command line; then every page of it in every look.

With WEIR_PICTURES set to a folder the pictures are left there, as `make pictures` does for the
documents; without it they are made all the same, and go with the test.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import expect

from tests.console.browser import DESK, Seen, chromium, serious
from tests.console.demo import EAST, TOP, WEST, Demo, demo_up
from tests.console.pictures import LOOKS, PICTURES, SIGN_IN, Look, faults, filled, keep, settle
from tests.network.harness import job
from tests.typed import commands, folder, run
from weir.core.lifecycle import JobState
from weir.wire.pools import PoolAnswer

__all__ = ["folder"]

WANTED = os.environ.get("WEIR_PICTURES", "")
"""Where the pictures are to stay."""

HISTORY_S, WITHIN_S = (150.0, 600.0) if WANTED else (0.0, 150.0)
"""How many seconds of measurements the pictures show, and the longest wait for them."""

MOST_BYTES = 4_500_000
"""What the pictures of the documents may take together."""

pytestmark = [pytest.mark.real, pytest.mark.timeout(1500 if WANTED else 420)]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo_up(tmp_path_factory.mktemp("demo")) as found:
        yield found


@dataclass
class Person:
    """Somebody before a domain's console; nothing of it may complain."""

    page: Any
    url: str
    seen: Seen

    def at(self, path: str) -> Any:
        """Open a page."""
        self.page.goto(self.url + path)
        return self.page


@pytest.fixture
def visit(browser: Any, demo: Demo) -> Iterator[Callable[..., Person]]:
    """Signs people in by their token; at the end no page may have complained."""
    people = []

    def signed_in(domain: str, token: str, **options: Any) -> Person:
        context = browser.new_context(**{"viewport": DESK, "locale": "en-GB", **options})
        context.set_default_timeout(30_000)
        person = Person(context.new_page(), demo.network.url(domain), Seen())
        people.append(person)
        person.seen.watch(person.page, person.url)
        person.at("/").fill("#token", token)
        person.page.press("#token", "Enter")
        person.page.wait_for_url(f"{person.url}/")
        return person

    yield signed_in
    for person in people:
        person.page.context.close()
        assert not person.seen.complaints


TONIGHT = """
name: tonight
tasks:
  - count: 8
    cpu: 4
    memory: 16GiB
    devices: {{count: 8, models: [{models}]}}
    variants:
      - {{stack: cann, command: &does [sh, -c, '{script}']}}
      - {{stack: dtk, command: *does}}
constraints: {{max_price_per_hour: 1000}}
walltime: 8h
outputs:
  - {{path: result.json, required: true}}
"""


def test_a_team_needs_64_accelerators_tonight(
    demo: Demo, visit: Callable[..., Person], tmp_path: Path
) -> None:
    """Finds, compares, submits; sees why the next one waits; then log, result and cost."""
    token, gate = demo.person(TOP, "li"), tmp_path / "gate"
    script = "echo epoch 1; until [ -e GATE ]; do sleep 0.2; done; echo 0.93 > result.json"
    script = script.replace("GATE", str(gate))
    both = TONIGHT.format(models="huawei-ascend-910b, hygon-k100", script=script)
    (tmp_path / "tonight.yaml").write_text(both)
    told = demo.weir(TOP, "find", str(tmp_path / "tonight.yaml"), token=token)
    assert "2 of 11 pools can take it" in told
    team = visit(TOP, token)
    page = team.at("/find")
    page.fill("#yaml", both)
    page.get_by_text("It can start at once").wait_for()
    page.get_by_text("Pools that can take it: 2; that can't: 9.").wait_for()
    assert "guian-valley" in page.locator("#answer").inner_text()
    page.get_by_role("button", name="Submit the job").click()
    page.wait_for_url("**/jobs/j*")
    first = page.url.rpartition("/")[2]
    page.locator("#actions .s-running").wait_for()
    page.locator("#log", has_text="epoch 1").wait_for()
    assert "guian-valley" in page.locator(".way").inner_text(), "the cheaper one"

    only = TONIGHT.format(models="hygon-k100", script=script)
    page.get_by_role("link", name="Submit again").click()
    page.wait_for_url("**/find?job=*")
    page.fill("#yaml", only)
    page.get_by_text("Pools that can take it: 1; that can't: 10.").wait_for()
    page.get_by_role("button", name="Submit the job").click()
    page.wait_for_url("**/jobs/j*")
    second = page.url.rpartition("/")[2]
    page.locator("#actions .s-waiting").wait_for()
    why = page.locator("#why", has_text="It should start in 8 h").inner_text()
    assert "it is full now\t64 free devices\t32\t1" in why
    assert "64 free devices" in demo.weir(TOP, "why", second, token=token)
    gate.touch()
    page.locator("#actions .s-succeeded").wait_for()
    page = team.at(f"/jobs/{first}")
    page.locator("#files", has_text="output/result.json").wait_for()
    assert re.search(r"[0-9.]+ CNY in all", page.locator("#why").inner_text())
    demo.weir(TOP, "fetch", first, "result.json", "--to", str(tmp_path), token=token)
    assert (tmp_path / "output" / "result.json").read_text() == "0.93\n"


def test_the_team_types_what_the_readme_says(demo: Demo, folder: Path) -> None:
    """The user's commands and the script, in their order, as they stand there."""
    lines = commands("You need compute tonight")
    at = next(n for n, line in enumerate(lines) if line.startswith("from weir.client"))
    typed = "\n".join([*lines[:at], "python - <<'END'", *lines[at:], "END"])
    token = demo.person(EAST, "zhang")
    said = run(folder, f"set -eu\n{typed}", 120, WEIR_URL=demo.network.url(EAST), WEIR_TOKEN=token)
    assert "picky: 1 of 11 pools can take it" in said
    assert said.count('"hottest_c": 168.97') == 1, "the script prints the result"
    assert len(list(folder.glob("*/output/result.json"))) == 1, "and weir fetch leaves it"


def test_the_national_node_sees_the_whole_and_every_part(
    demo: Demo, visit: Callable[..., Person]
) -> None:
    """The overview; an indicator by region, down to one pool; the month's report."""
    nation = visit(TOP, demo.operator(TOP))
    pools = demo.network[TOP].pools()
    devices = sum(p.hosts * p.shape.devices for p in pools)
    page = nation.at("/")
    expect(page.locator(".tile", has_text="Accelerators").first).to_contain_text(f"{devices}")
    page.get_by_role("link", name="check-data").first.wait_for()
    for region in (EAST, WEST):
        under = ("--under", demo.network.identifier(region))
        assert re.search(r"devices_allocated .* %", demo.weir(TOP, "indicators", *under))

    page.get_by_role("link", name="Monitoring", exact=True).click()
    page.get_by_role("link", name="Accelerators allocated").first.click()
    for part in ("region-east", "hangzhou-yuhang", "c550"):
        page.locator("#below").get_by_role("link", name=part, exact=True).click()
        expect(page.locator(".crumbs strong")).to_have_text(part)
    expect(page.locator(".tile .value").first).to_have_text(re.compile(r"50\s*%"))

    page = nation.at("/monitoring")
    with page.expect_download() as kept:
        page.get_by_role("link", name="CSV").last.click()
    assert Path(kept.value.path()).read_text("utf-8-sig").startswith("section,site,")


POOLS = """
pools:
  - {name: l20, emulated: true, hosts: 2, cpu: 64, memory: 512GiB, devices: 8,
     device_model: nvidia-l20, traits: [cuda], price_per_device_hour: 6.50}
  - {name: spare, emulated: true, hosts: 4, cpu: 64, memory: 256GiB}
"""


def test_a_center_joins_and_keeps_the_last_word(
    demo: Demo, visit: Callable[..., Person], tmp_path: Path
) -> None:
    """Joins with a token; sees what it shares and what others use; takes a host away, closes a
    pool; declares a downtime, silences the alert about it; has the sheet of the month.
    """
    region = visit(EAST, demo.operator(EAST))
    page = region.at("/operations")
    page.fill("#invite-name", "wuxi-lab")
    page.get_by_role("button", name="Make an invitation").click()
    (tmp_path / "wuxi.join").write_text(page.locator(".secret pre").first.inner_text())
    (tmp_path / "pools.yaml").write_text(POOLS)
    home, file = tmp_path / "wuxi", tmp_path / "pools.yaml"
    join = (
        *("agent", "join", region.url, "--home", str(home), "--pools", str(file)),
        *("--token-file", str(tmp_path / "wuxi.join"), "--region", "east", "--country", "CN"),
        *("--latitude", "31.5", "--longitude", "120.3"),
    )
    assert "the token" in demo.weir(EAST, *join, "--dry-run")
    demo.weir(EAST, *join)
    demo.network.start("site-wuxi-lab", "agent", "run", "--home", str(home))
    shared = open_pools(demo, EAST, "wuxi-lab", 2)
    page = region.at("/resources?q=wuxi")
    expect(page.locator("#directory tbody tr")).to_have_count(2)
    page.get_by_role("link", name="wuxi-lab").first.click()
    page.get_by_role("heading", name="wuxi-lab").wait_for()
    assert "0%" in page.locator("#pools").inner_text()

    held = job("borrows", "sleep 600", sites=["wuxi-lab"], devices={"count": 8})
    [borrowed] = demo.network.submit(EAST, held)
    demo.network.in_state(EAST, borrowed, JobState.RUNNING)
    expect(page.locator("#pools")).to_contain_text("50%", timeout=30_000)
    page.get_by_role("link", name="l20").click()
    page.get_by_role("link", name="borrows").wait_for()

    settings = home / "agents.yaml"
    [agent] = yaml.safe_load(settings.read_text())["agents"]
    l20, spare = agent["executor"]["pools"]
    l20["hosts"], spare["open"] = 1, False
    settings.write_text(yaml.safe_dump({"agents": [agent]}))
    demo.network.kill("site-wuxi-lab")
    demo.network.start("site-wuxi-lab")
    open_pools(demo, EAST, "wuxi-lab", 1)
    page = region.at(f"/resources/sites/{shared[0].site}")
    page.locator("#pools tr", has_text="spare").get_by_text("closed").wait_for()
    page.locator("#pools tr", has_text="l20").get_by_text("100%").wait_for()
    assert demo.network[EAST].job(borrowed).state is JobState.RUNNING, "what runs there runs on"
    demo.network[EAST].cancel(borrowed)

    demo.weir(EAST, "downtime", "declare", "wuxi-lab", "--for", "2h", "--why", "new cooling")
    page = region.at("/monitoring/alerts")
    page.get_by_role("link", name="Silence site-silent").click()
    page.fill("#why", "wuxi-lab has new cooling")
    page.get_by_role("button", name="Silence everywhere").click()
    page.get_by_text("wuxi-lab has new cooling").wait_for()
    page = region.at("/monitoring")
    with page.expect_download() as kept:
        page.get_by_role("link", name="print-ready HTML").last.click()
    assert "Monthly sheet" in Path(kept.value.path()).read_text("utf-8")
    assert "new cooling" in demo.weir(EAST, "downtime", "list")


def open_pools(demo: Demo, domain: str, site: str, count: int) -> list[PoolAnswer]:
    """A site's pools once so many of them are open."""

    def found() -> list[PoolAnswer] | None:
        there = [p for p in demo.network[domain].pools() if p.site_name == site]
        return there if sum(p.open and not p.silent for p in there) == count else None

    return demo.network.until(f"{site} has {count} open pools", found)


def test_a_region_lets_a_site_in_and_sets_its_rules(
    demo: Demo, visit: Callable[..., Person]
) -> None:
    """Approves a site; makes a queue with a quota; replays the last day; looks at the links."""
    demo.network.start("site-xian", "agent", "run", "--home", str(demo.homes["xian-institute"]))
    region = visit(WEST, demo.operator(WEST))
    page = region.at("/operations")
    page.get_by_role("button", name="Let in xian-institute").click()
    open_pools(demo, WEST, "xian-institute", 1)
    page = region.at("/operations")
    page.locator("tr", has_text="xian-institute").get_by_text("open").wait_for()
    assert "lanzhou-cloud" in demo.weir(WEST, "joins")

    page = region.at("/operations?tab=queues")
    page.fill("#queue-name", "campus")
    page.fill("#new-devices", "8+4")
    page.get_by_role("button", name="Make it").click()
    page.get_by_role("row", name=re.compile(r"^campus 1 0 8 \+ 4")).wait_for()
    assert "campus" in demo.weir(WEST, "queues")

    page = region.at("/operations?tab=policies")
    page.get_by_label("fifo", exact=True).check()
    page.fill("#days", "1")
    page.get_by_role("button", name="Simulate").click()
    page.wait_for_url("**/operations/replays/*")
    page.get_by_role("cell", name="Mean wait").or_(
        page.get_by_role("rowheader", name="Mean wait")
    ).wait_for(timeout=90_000)
    assert "As it was" in page.locator("main").inner_text()

    begun = str(time.time() - 900)
    ways = demo.network[WEST].series
    demo.network.until("links", lambda: ways(metrics=("link_rtt",), begin=begun, step="60"), 60)
    page = region.at("/monitoring/links")
    expect(page.locator("#ways")).to_contain_text("chengdu-tianfu")
    assert re.search(r"[0-9.]+ ms", page.locator("#matrix").inner_text())


def test_every_page_as_a_picture(browser: Any, demo: Demo, tmp_path: Path) -> None:
    folder = Path(WANTED) if WANTED else tmp_path / "pictures"
    folder.mkdir(parents=True, exist_ok=True)
    demo.measured(HISTORY_S, WITHIN_S)
    wrong = [fault for look in LOOKS for fault in draw(browser, demo, look, folder)]
    assert not wrong, "\n".join(wrong)
    if WANTED:
        names = {f"{p.name}{look.added}.png" for p in (SIGN_IN, *PICTURES) for look in LOOKS}
        for file in folder.glob("*.png"):
            if file.name not in names:
                file.unlink()
        size = sum(file.stat().st_size for file in folder.glob("*.png"))
        assert size <= MOST_BYTES, f"the pictures have {size} bytes, more than {MOST_BYTES}"


def draw(browser: Any, demo: Demo, look: Look, folder: Path) -> Iterator[str]:
    """Every page in one look, by one window; what is wrong with each."""
    context = browser.new_context(**look.options())
    context.set_default_timeout(60_000)
    page = context.new_page()
    seen, here = Seen(), set[str]()
    seen.watch(page, "http://127.0.0.1:")
    for picture in (SIGN_IN, *PICTURES):
        url = demo.network.url(picture.at)
        if picture is not SIGN_IN and picture.at not in here:
            page.goto(f"{url}/signin")
            page.fill("#token", demo.operator(picture.at))
            page.press("#token", "Enter")
            page.wait_for_url(f"{url}/")
            here.add(picture.at)
        page.goto(url + filled(picture.path, demo.words))
        settle(page)
        keep(page, folder / f"{picture.name}{look.added}.png", small=bool(WANTED))
        yield from faults(page, picture, look, demo.names, serious)
        yield from (f"{picture.name}{look.added}: {said}" for said in seen.complaints)
        seen.complaints.clear()
    context.close()
