"""Freshness and coverage: when a place was last heard, how much of a time is known, what lacks."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import NOW, Cluster, pool
from tests.console.conftest import House
from weir.console import figures
from weir.console.drawing.coverage import coverage, stretches
from weir.control.freshness import of_places, of_sources, sources, window
from weir.control.series_roll import roll_up
from weir.core.series import Key, start_of
from weir.store import series as rows_of

WIDTH, SPAN = 60, 3600
BEGIN, END = window(NOW, SPAN, WIDTH)


def tell(house: House, subject: str, metric: str, part: str, told: dict[int, float]) -> None:
    """Samples of one series by the minute, rolled up to wider ones and to totals."""
    with house.domain.ctx.store.write() as tx:
        number = next(iter(rows_of.add(tx, [Key(subject, metric, part)], "").values()))
        rows_of.put(tx, [(WIDTH, at, number, 6, 6 * v, v, v, v) for at, v in told.items()])
    while roll_up(house.domain.ctx):
        pass


def minutes(*lacking: int) -> dict[int, float]:
    """Every minute of the hour, but those of these numbers."""
    return {BEGIN + WIDTH * n: 1.0 for n in range(SPAN // WIDTH) if n not in lacking}


@pytest.fixture
def center(house: House) -> Cluster:
    """A center; of its hour, ten minutes in the middle are not known, nor the last five."""
    made = house.domain.site("shanghai", pool("gpu"))
    lacking = (*range(20, 30), *range(55, 60))
    tell(house, made.id, "probe_tried", "host", minutes(*lacking))
    tell(house, made.id, "probe_up", "host", minutes(*lacking))
    tell(house, made.id, "probe_tried", "power", minutes() | {END: 1.0, END + WIDTH: 1.0})
    return made


def test_a_window_ends_with_the_last_whole_bucket_that_may_have_come() -> None:
    assert END <= NOW and END % WIDTH == 0 and END - BEGIN == SPAN
    begin, end = window(NOW, 86400, 900)
    assert end == start_of(NOW - 80, 900) and end - begin == 86400


def test_what_lacks_is_a_gap_and_lowers_the_share(house: House, center: Cluster) -> None:
    ctx = house.domain.ctx
    [first, second] = sources(ctx)
    assert (first.probe, first.answered, first.heard_at) == ("host", None, None)
    assert (second.probe, second.answered) == ("power", 0.0), "asked, and nothing came"
    [host, power] = of_sources(ctx, [first, second], WIDTH, BEGIN, END)
    found = coverage(host, WIDTH, BEGIN, END)
    assert found.share == pytest.approx(45 / 60)
    assert (found.gaps, found.longest_gap_s) == (2, 600)
    assert found.newest == BEGIN + 55 * WIDTH
    assert coverage(power, WIDTH, BEGIN, END).whole


def test_a_site_is_known_while_any_of_it_is(house: House, center: Cluster) -> None:
    site = house.domain.pools()["gpu"].site
    [known] = of_places(house.domain.ctx, [site], WIDTH, BEGIN, END).values()
    assert coverage(known, WIDTH, BEGIN, END).whole
    gpu = center.named["gpu"]
    assert of_places(house.domain.ctx, [gpu], WIDTH, BEGIN, END) == {gpu: {}}


def test_the_page_tells_places_sources_and_indicators(house: House, center: Cluster) -> None:
    browser = house.browser()
    page = browser.get("/monitoring/freshness?span=1h")
    assert page.status_code == 200
    places = page.text[page.text.index('id="places"') :]
    assert "shanghai" in places[: places.index("</tbody>")]
    assert ">100%<" in places[: places.index("</tbody>")]
    told = page.text[page.text.index('id="sources"') :]
    told = told[: told.index("</tbody>")]
    assert "75.0%" in told and "longest 10 min" in told and "no answer" in told
    known = page.text[page.text.index('id="known"') :]
    [row] = re.findall(r"<tr>.*?sources_up.*?</tr>", known[: known.index("</tbody>")], re.DOTALL)
    assert "75.0%" in row and "/monitoring/sources_up?span=1h" in row
    assert "weir indicators --since 1h" in page.text


def test_one_goes_down_to_a_site_and_each_step_has_its_address(
    house: House, center: Cluster
) -> None:
    browser, site = house.browser(), house.domain.pools()["gpu"].site
    page = browser.get(f"/monitoring/freshness?span=1h&under={site}").text
    assert f"--under {site}" in page and '<strong aria-current="page">shanghai</strong>' in page
    assert f"/resources/pools/{center.named['gpu']}" in page
    assert browser.get("/monitoring/freshness?under=CN.S99-X").status_code == 404


def test_in_chinese_times_are_chinese_too(house: House, center: Cluster) -> None:
    page = house.browser().get("/monitoring/freshness?span=1h", **{"Accept-Language": "zh"}).text
    assert "最长 10 分钟" in page and "无应答" in page


def test_without_anybody_the_page_says_what_to_do(house: House) -> None:
    page = house.browser("root", "operator").get("/monitoring/freshness").text
    assert 'class="empty"' in page and "/operations?tab=members" in page


def test_an_indicator_that_is_not_known_all_the_time_says_so(house: House, center: Cluster) -> None:
    browser = house.browser()
    tell(house, center.named["gpu"], "it_power", "", minutes(*range(30)))
    page = browser.get("/monitoring").text
    [row] = re.findall(r'<tr id="i-it_power">.*?</tr>', page, re.DOTALL)
    assert "known of 50.0% of the last hour" in row
    page = browser.get("/monitoring/it_power?span=1h").text
    assert "Covered, over this time" in page and "/monitoring/freshness?span=1h" in page


buckets = st.dictionaries(st.integers(0, 59).map(lambda n: BEGIN + WIDTH * n), st.integers(1, 60))


@given(buckets)
def test_what_is_drawn_is_what_is_known(known: dict[int, int]) -> None:
    found = coverage(known, WIDTH, BEGIN, END)
    drawn = sum(wide for _, wide in found.pieces) / 100 * SPAN
    assert drawn == pytest.approx(WIDTH * len(known))
    assert found.share == pytest.approx(sum(known.values()) / SPAN)
    assert found.longest_gap_s <= SPAN - WIDTH * len(known)
    assert (found.gaps == 0) == (len(known) == 60)
    runs = stretches(known, WIDTH)
    assert all(a[1] < b[0] for a, b in pairwise(runs))


@given(st.floats(0, 1))
def test_only_what_is_all_known_reads_as_all(share: float) -> None:
    said = figures.coverage(share)
    assert (said == "100%") == (share >= 0.9995)
    assert (said == "0%") == (share == 0)
