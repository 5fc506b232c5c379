"""Indicators over weeks, as pages show them: the right points, gaps as gaps, units, a way down."""

from __future__ import annotations

import html
import json
import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOW, pool
from tests.console.conftest import Browser, House
from weir.console.history import SECONDS, STEPS, Step, below, scale, way_to, ways, with_gaps
from weir.control.series_roll import Keys, roll_up, totals_of
from weir.control.show import list_pools
from weir.core.series import Key, start_of
from weir.store import series as rows_of
from weir.store.engine import open_store
from weir.store.migrate import migrate
from weir.store.series_totals import put_totals
from weir.wire.pools import Place, PoolAnswer

HOUR_S, DAY_S, WEEKS = 3600, 86400, 5
TOTAL = 16_000
HERE = start_of(NOW, HOUR_S)
BEGAN = HERE - WEEKS * 7 * DAY_S
SILENT = ((HERE - 15 * DAY_S, HERE - 14 * DAY_S), (HERE - 7 * HOUR_S, HERE - 3 * HOUR_S))
"""A day two weeks ago, and four hours of today, of which nothing is known."""

TOOK_S = 1.0
"""Of CPU: far above what a page takes, far below what reading every sample would."""


def held(at: float) -> float:
    """Milli-devices held in the hour that a moment is in."""
    return TOTAL * (1 + (at // HOUR_S) % 96) / 100


def is_silent(at: float) -> bool:
    return any(begin <= at < end for begin, end in SILENT)


def fill(house: House, subject: str) -> None:
    """Five weeks: by the hour, the last two days by quarters, the last hours by the minute."""
    keys = [Key(subject, "device_milli_held"), Key(subject, "device_milli_total")]
    parts = (
        (HOUR_S, BEGAN, HERE - 2 * DAY_S),
        (900, HERE - 2 * DAY_S, HERE - 8 * HOUR_S),
        (60, HERE - 8 * HOUR_S, start_of(NOW, 60)),
    )
    with house.domain.ctx.store.write() as tx:
        numbers = rows_of.add(tx, keys, "")
        rows: list[rows_of.Row] = []
        for width, begin, end in parts:
            for at in filter(lambda at: not is_silent(at), range(begin, end, width)):
                for key, value in zip(keys, (held(at), TOTAL), strict=True):
                    n = width // 10
                    rows.append((width, at, numbers[key], n, n * value, value, value, value))
        rows_of.put(tx, rows)
        totals = {at for width, at, *_ in rows if width == HOUR_S}
        for at in totals:  # what was not rolled up from quarters has its totals all the same
            put_totals(tx, HOUR_S, at, totals_of(tx, HOUR_S, at, Keys()))
    while roll_up(house.domain.ctx):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> tuple[House, str, str]:
    """A house with a center, its site and its pool, five weeks old; nothing changes it."""
    folder = tmp_path_factory.mktemp("weeks")
    store = open_store(f"sqlite:///{folder / 'weir.db'}")
    migrate(store)
    house = House(lambda: store, folder)
    center = house.domain.site("shanghai", pool("gpu", location=Place(region="east")))
    identifier = center.named["gpu"]
    fill(house, identifier)
    return house, house.domain.pools()["gpu"].site, identifier


def drawn(browser: Browser, path: str) -> tuple[list[tuple[float, float | None]], str, str]:
    """The points of the page's first plot, its unit, and the page."""
    begun = time.process_time()
    page = browser.get(path)
    assert time.process_time() - begun < TOOK_S
    assert page.status_code == 200, page.text[-300:]
    found = re.search(r'data-plot="lines" data-unit="([^"]*)".*?data-series="([^"]*)"', page.text)
    assert found, path
    [line] = json.loads(html.unescape(found[2]))
    return [(at, value) for at, value in line["points"]], found[1], page.text


@pytest.mark.parametrize("span", ["1h", "6h", "24h", "7d", "30d", "1y"])
@pytest.mark.parametrize("where", ["all of it", "the pool"])
def test_each_span_has_the_right_points(
    site: tuple[House, str, str], span: str, where: str
) -> None:
    house, _, identifier = site
    under = "" if where == "all of it" else f"&under={identifier}"
    points, unit, _ = drawn(house.browser(), f"/monitoring/devices_held?span={span}{under}")
    step, begin = STEPS[span], max(NOW - SECONDS[span], BEGAN)
    known = {at: value for at, value in points if value is not None}
    assert unit == "%"
    for at, value in known.items():
        hours = range(start_of(at, HOUR_S), int(at) + step, HOUR_S)
        told = [held(h) for h in hours if not is_silent(h) and h < NOW and h >= BEGAN]
        assert value == pytest.approx(sum(told) / len(told) / TOTAL * 100), (span, at)
    over = range(start_of(begin, step) + step, start_of(NOW - 120, step), step)
    told_of = {at for at in over if step == DAY_S or not is_silent(at)}
    silent_days = {at for at in told_of if all(map(is_silent, range(at, at + step, HOUR_S)))}
    assert told_of - silent_days <= set(known)


@pytest.mark.parametrize(
    ("span", "gaps"), [("1h", 0), ("6h", 0), ("24h", 1), ("7d", 1), ("30d", 2)]
)
def test_what_is_not_known_is_a_gap_and_never_a_zero(
    site: tuple[House, str, str], span: str, gaps: int
) -> None:
    house, _, _ = site
    points, _, _ = drawn(house.browser(), f"/monitoring/devices_held?span={span}")
    assert sum(value is None for _, value in points) == gaps
    assert not any(value == 0 for _, value in points)
    if span == "6h":  # the gap began before this time: the line begins where it ends
        assert points[0][0] >= SILENT[1][1]


def test_the_way_down_leads_to_the_pool_and_back(site: tuple[House, str, str]) -> None:
    house, place, identifier = site
    browser = house.browser()
    page = browser.get("/monitoring/devices_held?span=7d").text
    assert f"under={place}" in page.replace("%2E", ".")
    page = browser.get(f"/monitoring/devices_held?span=7d&under={place}").text
    assert f"under={identifier}" in page
    page = browser.get(f"/monitoring/devices_held?span=7d&under={identifier}").text
    assert '<strong aria-current="page">gpu</strong>' in page
    assert browser.get("/monitoring/devices_held?under=CN.S99-X").status_code == 404


def test_a_site_and_a_pool_show_their_own_past(site: tuple[House, str, str]) -> None:
    house, place, identifier = site
    for path in (f"/resources/sites/{place}", f"/resources/pools/{identifier}"):
        points, unit, page = drawn(house.browser(), f"{path}?span=7d")
        assert unit == "%" and len(points) > 100
        assert f"--under {place if 'sites' in path else identifier}" in page


@given(st.lists(st.integers(0, 60), unique=True), st.sampled_from([60, 900]))
def test_gaps_stand_where_a_bucket_is_missing_and_nothing_else_changes(
    places: list[int], step: int
) -> None:
    points = [(float(at * step), 1.0) for at in sorted(places)]
    found = with_gaps(points, step)
    assert [p for p in found if p[1] is not None] == points
    missing = sum(b - a > step for (a, _), (b, _) in pairwise(points))
    assert sum(value is None for _, value in found) == missing
    assert [at for at, _ in found] == sorted(at for at, _ in found)


@pytest.mark.parametrize(
    ("most", "unit", "expected"),
    [
        (3 * 2**50, "bytes", (2.0**50, "PiB")),
        (1500, "W", (1000.0, "kW")),
        (999, "W", (1.0, "W")),
        (2_000_000, "GFLOPS", (1e6, "PFLOPS")),
        (80, "%", (1.0, "%")),
        (12, "1", (1.0, "")),
        (41, "Cel", (1.0, "°C")),
        (25e9, "bit/s", (1e9, "Gbit/s")),
    ],
)
def test_a_chart_is_in_the_unit_that_fits(
    most: float, unit: str, expected: tuple[float, str]
) -> None:
    assert scale(most, unit) == expected


def test_a_place_by_two_ways_is_listed_once(house: House) -> None:
    def step(name: str, kind: str) -> Step:
        return Step(name, name, kind)

    pools = _pools(house)
    found = ways(pools, {"CN.R1-K": "east"})
    assert below(found, None) == [Step(pools[0].site, pools[0].site_name, "site")]
    assert [s.kind for s in way_to(found, pools[0].id)] == ["site", "pool"]
    twice = [
        (step("east", "domain"), step("suzhou", "site"), step("p", "pool")),
        (step("steel", "domain"), step("suzhou", "site"), step("q", "pool")),
    ]
    assert [s.id for s in below(twice, "suzhou")] == ["p", "q"]
    assert [s.id for s in below(twice, None)] == ["east", "steel"]
    assert way_to(twice, "nowhere") == ()


def _pools(house: House) -> list[PoolAnswer]:
    house.domain.site("shanghai", pool("gpu"))
    return list_pools(house.domain.ctx)
