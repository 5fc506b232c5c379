"""The links matrix: who reaches whom in which circle, told in words as well as in colors."""

from __future__ import annotations

import html
import json
import re
from itertools import pairwise
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import pool
from tests.console.conftest import House
from weir.console.drawing.matrix import CIRCLES, MOST_COLUMNS, ROWS, End, bits, circle, draw
from weir.control.links import Way
from weir.core.series import Key, start_of
from weir.store import series as rows_of


def way(here: str, there: str, rtt_ms: float | None, at: float = 1000.0) -> Way:
    return Way(here, there, None if rtt_ms is None else rtt_ms / 1000, None, None, None, at)


@pytest.mark.parametrize(
    ("rtt_ms", "found"),
    [(0.4, "c1"), (1.0, "c1"), (1.1, "c5"), (5.0, "c5"), (20.0, "c20"), (20.1, "far")],
)
def test_the_circle_is_the_smallest_that_it_fits_into(rtt_ms: float, found: str) -> None:
    assert circle(rtt_ms / 1000) == found


def test_nothing_that_came_through_is_no_circle() -> None:
    assert circle(None) == "dark"
    assert circle(0.001, lost=1.0) == "dark"
    assert circle(0.001, lost=0.8) == "c1"


@given(st.lists(st.floats(0, 1), min_size=2))
def test_a_longer_way_is_in_no_smaller_circle(times: list[float]) -> None:
    order = list(CIRCLES)
    for near, far in pairwise(sorted(times)):
        assert order.index(circle(near)) <= order.index(circle(far))


def test_rates_have_the_unit_that_fits() -> None:
    assert bits(9.4e9) == "9.4 Gbit/s"
    assert bits(940e6) == "940 Mbit/s"
    assert bits(12) == "12 bit/s"
    assert bits(None) == "–"


def test_each_way_is_in_its_row_and_column() -> None:
    ends = {"a": End("a", "Suzhou", "/x"), "n": End("n", "nation")}
    found = draw([way("a", "n", 0.5), way("b", "n", 9), way("a", "m", None)], ends, now=1300.0)
    assert [e.name for e in found.columns] == ["m", "nation"]
    assert [(e.name, [c and c.circle for c in cells]) for e, cells in found.rows] == [
        ("b", [None, "c20"]),
        ("Suzhou", ["dark", "c1"]),
    ]
    assert all(c.old for c in found.cells)
    [cell] = [c for c in found.cells if c.here.id == "b"]
    shown = ("latency", "jitter", "loss", "bandwidth", "age")
    assert [cell.text(s, 1300.0) for s in shown] == ["9 ms", "–", "–", "–", "5 min"]


def test_many_rows_come_in_pages_and_none_is_left_out() -> None:
    several = [way(f"s{n:03}", f"d{n % 30:02}", 1) for n in range(2 * ROWS + 1)]
    pages = [draw(several, {}, 0.0, number) for number in (1, 2, 3, 4)]
    assert [p.number for p in pages] == [1, 2, 3, 3]
    assert len(pages[0].columns) == MOST_COLUMNS
    assert pages[0].columns_left == 30 - MOST_COLUMNS
    listed = [c.here.id for p in pages[:3] for c in p.cells]
    assert sorted(listed) == [w.here for w in several]


def test_the_page_shows_a_way_with_its_names(house: House) -> None:
    site = house.domain.site("shanghai", pool("gpu"))
    west = house.domain.below("west")
    house.domain.clock.turn(20)
    site.exchange(rtt_us=2_500)
    west.exchange(rtt_us=30_000)
    page = house.browser().get("/monitoring/links").text
    matrix = page[page.index('id="matrix"') : page.index("</table>")]
    assert "shanghai" in matrix and "west" in matrix and "nation" in matrix
    cells = re.findall(r'<td class="num (\w+)"><a href="([^"]+)">([^<]+)</a>', matrix)
    assert [(circle, shown) for circle, _, shown in cells] == [("c5", "2.5 ms"), ("far", "30 ms")]
    assert cells[0][1] == f"/monitoring/links/{quote(f'{site.id}>CN-F', safe='')}"
    assert "within 5 ms" in matrix
    assert "by its agent&#39;s calls" in page
    assert re.search(
        r'<td class="num c5"><a [^>]+>–</a>',
        house.browser().get("/monitoring/links?show=jitter").text,
    )


def test_with_no_way_measured_the_page_says_what_to_do(house: House) -> None:
    page = house.browser().get("/monitoring/links").text
    assert 'class="empty"' in page and "probe of the kind link" in page
    invites = 'href="/operations?tab=members"'
    assert invites not in page
    assert invites in house.browser("root", "operator").get("/monitoring/links").text


def measure_link(house: House, subject: str, rtt_ms: float) -> None:
    """Ten minutes of a way, up to a few minutes ago; one call in ten got no answer."""
    told = {"link_rtt": rtt_ms / 1000, "link_sent": 10.0, "link_lost": 1.0}
    end = start_of(house.domain.clock(), 60) - 120
    with house.domain.ctx.store.write() as tx:
        numbers = rows_of.add(tx, [Key(subject, metric) for metric in told], "")
        rows_of.put(
            tx,
            [
                (60, end - 60 * n, number, 1, v, v, v, v)
                for key, number in numbers.items()
                for v in [told[key.metric]]
                for n in range(10)
            ],
        )


def test_a_single_way_has_a_page_with_its_past(house: House) -> None:
    site = house.domain.site("shanghai", pool("gpu"))
    subject = f"{site.id}>CN-F"
    measure_link(house, subject, 4.0)
    browser = house.browser()
    page = browser.get(f"/monitoring/links/{quote(subject, safe='')}").text
    assert "shanghai" in page and "nation" in page and "10%" in page
    plots = re.findall(r'id="plot-(\w+)".*?data-unit="([^"]*)".*?data-series="([^"]*)"', page)
    found = {name: (unit, json.loads(html.unescape(series))) for name, unit, series in plots}
    assert set(found) == {"link_latency", "link_loss"}
    unit, [line] = found["link_latency"]
    assert unit == "ms" and [value for _, value in line["points"]] == [4.0] * 10
    unit, [line] = found["link_loss"]
    assert unit == "%" and {value for _, value in line["points"]} == {10.0}
    told = f"--under &#39;{html.escape(subject)}&#39;"
    assert told in page and "weir indicators link_latency" in page


def test_a_way_that_only_calls_tell_of_says_so_and_another_is_not_found(house: House) -> None:
    site = house.domain.site("shanghai", pool("gpu"))
    house.domain.clock.turn(20)
    site.exchange(rtt_us=2_500)
    browser = house.browser()
    page = browser.get(f"/monitoring/links/{site.id}%3ECN-F").text
    assert "2.5 ms" in page and "by its agent&#39;s calls" in page
    assert "Nothing was measured here in this time" in page
    for wrong in ("CN.S9-X%3ECN-F", "nonsense", "%3E"):
        assert browser.get(f"/monitoring/links/{wrong}").status_code == 404
