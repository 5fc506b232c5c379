"""A job's use on its page: drawn where it was measured, and said to be unknown where it was not."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from tests.builders import pool, spec
from tests.console.conftest import House
from weir.console.drawing.usage import HEIGHT, MOST_POINTS, WIDTH, Point, plots, thinned
from weir.wire.usage import RunUsageAnswer, RunUse, UsePoint

GIB = 2**30


def run_with(*points: UsePoint, ended_at: float | None = None, devices: int = 0) -> RunUsageAnswer:
    return RunUsageAnswer(
        run="r", pool="CN.S1.C1.P1-X", started_at=100.0, ended_at=ended_at, held_cpu_milli=4000,
        held_memory_bytes=8 * GIB, held_device_milli=devices, cpu_ms=None, peak_memory_bytes=None,
        device_ms=None, points=points,
    )  # fmt: skip


def point(at: float, cpu: int | None = None, memory: int | None = None) -> UsePoint:
    return UsePoint(at=at, cpu_milli=cpu, memory_bytes=memory, device_milli=None)


def test_a_run_of_which_nothing_is_known_has_no_plot() -> None:
    assert plots(run_with(), 200.0) == []
    assert plots(run_with(point(150.0)), 200.0) == []


def test_each_measure_has_its_plot_with_its_units() -> None:
    found = plots(run_with(point(150.0, 2000, GIB), point(200.0, 1000, 2 * GIB)), 200.0)
    assert [(p.title, p.last, p.most, p.held) for p in found] == [
        ("CPU cores in use", "1.00", "2.00", "4.00"),
        ("Memory in use", "2 GiB", "2 GiB", "8 GiB"),
    ]
    assert found[0].line.startswith("M0.0 ") and "H300.0" in found[0].line
    assert found[0].line.endswith("H600.0")


def test_the_line_is_broken_where_nothing_is_known() -> None:
    run = run_with(point(120.0, 2000), point(140.0), point(160.0, 1000), ended_at=160.0)
    [cpu] = plots(run, 999.0)
    assert cpu.line.count("M") == 2


def test_devices_of_the_pool_stand_in_only_where_the_runs_own_are_unknown() -> None:
    busy: list[Point] = [(120.0, 25.0), (180.0, 75.0)]
    [found] = plots(run_with(devices=2000), 200.0, busy)
    assert (found.title, found.most) == ("Accelerators busy in its whole pool", "75%")
    assert plots(run_with(), 200.0, busy) == []
    own = UsePoint(at=150.0, cpu_milli=None, memory_bytes=None, device_milli=1500)
    [found] = plots(run_with(own, devices=2000), 200.0, busy)
    assert (found.title, found.most, found.held) == ("Accelerators busy", "1.50", "2.00")


@given(
    st.lists(
        st.tuples(st.floats(0, 1e6), st.none() | st.integers(0, 10**9)), min_size=1, max_size=50
    )
)
def test_everything_that_is_drawn_lies_in_the_box(values: list[tuple[float, int | None]]) -> None:
    points = sorted((point(100 + at, cpu) for at, cpu in values), key=lambda p: p.at)
    for plot in plots(run_with(*points), 100 + 1e6):
        for x in re.findall(r"[MH](-?[\d.]+)", plot.line):
            assert 0 <= float(x) <= WIDTH
        for y in re.findall(r"(?:M\S+ |V)(-?[\d.]+)", plot.line):
            assert 0 <= float(y) <= HEIGHT


@given(st.lists(st.none() | st.floats(0, 1e9), max_size=2000))
def test_thinning_keeps_the_highest_and_the_last_moment(values: list[float | None]) -> None:
    points: list[Point] = [(float(n), v) for n, v in enumerate(values)]
    thin = thinned(points)
    assert len(thin) <= MOST_POINTS
    assert max((v for _, v in thin if v is not None), default=None) == max(
        (v for v in values if v is not None), default=None
    )
    assert [at for at, _ in thin][-1:] == [at for at, _ in points][-1:]


def test_the_page_shows_what_the_centers_accounts_have(house: House) -> None:
    site = house.domain.site("shanghai", pool("gpu"))
    job = house.job(site, "runs", "accepted", "started")
    run = house.domain.job(job).runs[0].id
    use = RunUse(run=run, at=house.domain.clock(), elapsed_ms=90_000, given_cpu_ms=360_000)
    site.exchange(uses=(use,), want=False)
    page = house.browser().get(f"/jobs/{job}").text
    # The page's apostrophe is written as HTML has it.
    assert "In the center" in page and "0.100 core-hours" in page


def test_the_page_of_a_job_shows_what_it_uses(house: House) -> None:
    site = house.domain.site("shanghai", pool("gpu"))
    job = house.job(site, "runs", "accepted", "started")
    browser = house.browser()
    assert "Nothing was measured of this run yet" in browser.get(f"/jobs/{job}").text
    run = house.domain.job(job).runs[0].id
    for cpu_ms, memory in ((5_000, GIB), (25_000, 3 * GIB)):
        house.domain.clock.turn(10)
        use = RunUse(run=run, at=house.domain.clock(), cpu_ms=cpu_ms, memory_bytes=memory)
        site.exchange(uses=(use,), want=False)
    page = browser.get(f"/jobs/{job}").text
    assert "CPU cores in use" in page and "at most: 2.00" in page
    assert "at most: 3 GiB" in page and 'class="held"' in page
    assert "使用中的 CPU 核" in browser.get(f"/jobs/{job}", **{"Accept-Language": "zh-CN"}).text
    waits = house.domain.submit(spec("waits", count=999))
    assert "It has not started yet" in browser.get(f"/jobs/{waits}").text
