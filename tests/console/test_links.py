"""The links matrix: who reaches whom in which circle, told in words as well as in colors."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import pool
from tests.console.conftest import House
from weir.console.drawing.matrix import CIRCLES, MOST_COLUMNS, ROWS, End, bits, circle, draw
from weir.control.links import Way


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
    assert '<td class="num c5">2.5 ms' in matrix and '<td class="num far">30 ms' in matrix
    assert "within 5 ms" in matrix
    assert "by its agent&#39;s calls" in page
    assert '<td class="num c5">–' in house.browser().get("/monitoring/links?show=jitter").text


def test_with_no_way_measured_the_page_says_what_to_do(house: House) -> None:
    page = house.browser().get("/monitoring/links").text
    assert 'class="empty"' in page and "probe of the kind link" in page
    invites = 'href="/operations?tab=members"'
    assert invites not in page
    assert invites in house.browser("root", "operator").get("/monitoring/links").text
