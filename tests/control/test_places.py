"""Indicators of one site or pool, now and over time; and how much of a time is known."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import H100, Cluster, Domain, MakeDomain, foreign, pool
from weir.control.indicators import history, series_over_time
from weir.control.measure import measure
from weir.control.reports import month_report
from weir.control.reports_text import as_csv, markdown
from weir.control.reports_words import words_of
from weir.control.series_offers import samples_after
from weir.control.series_roll import forget_old, note_jobs, roll_up, write_down
from weir.core.errors import NotFound
from weir.core.series import Key, single, start_of
from weir.store import pool_past
from weir.wire.jobs import IndicatorAnswer
from weir.wire.samples import Point, pack

DAY_S, HOUR_S = 86400, 3600


def rolled(domain: Domain) -> None:
    while roll_up(domain.ctx):
        pass


def now_of(domain: Domain, under: str | None = None) -> dict[str, IndicatorAnswer]:
    return {i.name: i for i in measure(domain.ctx, under=under)}


@pytest.fixture
def midnight(domain: Domain) -> int:
    begin = start_of(domain.clock(), DAY_S) + DAY_S
    domain.clock.now = float(begin)
    return begin


def meter(cluster: Cluster, begin: int, seconds: int, watts: float = 1e6) -> None:
    key = Key(cluster.identifier, "facility_power")
    points = [Point(key, begin + at, single(watts)) for at in range(0, seconds, 10)]
    assert cluster.exchange(samples=(pack(10, points),), want=False).refused == ()


def energy(domain: Domain, begin: int, width: int, **more: Any) -> tuple[float, float]:
    end = begin + DAY_S
    names = ["facility_energy"]
    [found] = history(domain.ctx, begin, end, width, names=names, **more).indicators
    assert found.step_s == width and found.coverage is not None
    return sum(v for _, v in found.points), found.coverage


def test_a_meter_that_lives_for_ten_minutes_of_a_day(domain: Domain, midnight: int) -> None:
    """167 kWh by minutes, hours, the day and the month; and of what is known it says so."""
    site = domain.site("suzhou", pool("gpu"))
    domain.clock.turn(660)
    meter(site, midnight, 600)
    domain.clock.now = midnight + DAY_S + 2.0 * HOUR_S
    rolled(domain)
    for width in (60, 900, 3600, 86400):
        for more in ({}, {"under": site.identifier}):
            found, coverage = energy(domain, midnight, width, **more)
            assert found == pytest.approx(1e6 * 600 / 3.6e6), (width, more)
            assert coverage == pytest.approx(600 / DAY_S), (width, more)
    [series] = series_over_time(domain.ctx, midnight, midnight + DAY_S, DAY_S)
    assert series.covered_s == (600,)


def test_the_sheet_counts_the_time_that_is_known(domain: Domain) -> None:
    domain.clock.now = 1_696_118_400.0  # October 2023 begins
    begin, site = int(domain.clock()), domain.site("suzhou", pool("gpu"))
    domain.clock.turn(660)
    meter(site, begin, 600)
    domain.clock.now = begin + 32.0 * DAY_S
    rolled(domain)
    report = month_report(domain.ctx, "2023-10")
    [figure] = [f for f in report.figures if f.name == "facility_energy"]
    assert figure.value == pytest.approx(1e6 * 600 / 3.6e6)
    assert figure.coverage == pytest.approx(600 / (31 * DAY_S))
    [sheet] = report.sites
    [of_site] = [f for f in sheet.figures if f.name == "facility_energy"]
    assert of_site.value == pytest.approx(figure.value)
    assert of_site.coverage == pytest.approx(figure.coverage)


def test_what_is_covered_travels_up(make_domain: MakeDomain) -> None:
    nation, north = make_domain(), make_domain("north", "regional")
    begin = start_of(north.clock(), HOUR_S) + HOUR_S
    for domain in (nation, north):
        domain.clock.now = float(begin)
    link = nation.below("north", foreign("far", of="CN.R1-K", site=1))
    up = north.above(identifier=link.identifier)
    up.hello()
    site = north.site("suzhou", pool("gpu"))
    north.clock.turn(100)
    meter(site, begin, 30)
    for domain in (nation, north):
        domain.clock.now = begin + HOUR_S + 100.0
    rolled(north)
    answer = samples_after(north.ctx, up.who, 0)
    assert link.exchange(samples=answer.blocks, want=False).refused == ()
    rolled(nation)
    for domain in (nation, north):
        for width in (60, 900, 3600):
            [found] = history(
                domain.ctx, begin, begin + HOUR_S, width, names=["facility_energy"]
            ).indicators
            assert sum(v for _, v in found.points) == pytest.approx(1e6 * 30 / 3.6e6)


def test_a_state_that_no_job_is_in_is_none_of_the_hour(domain: Domain, midnight: int) -> None:
    """One minute of an hour in which a job waits is a sixtieth of a job."""
    domain.site("suzhou", pool("gpu"))
    domain.clock.turn(5)
    job = ""
    for minute in range(63):
        if minute == 30:
            job = domain.submit()
        if minute == 31:
            domain.cancel(job)
        note_jobs(domain.ctx)
        domain.clock.turn(60)
    domain.clock.turn(HOUR_S)
    rolled(domain)
    [found] = history(
        domain.ctx, midnight, midnight + HOUR_S, HOUR_S, names=["jobs_over_time"]
    ).indicators
    assert [v for _, v in found.points] == [pytest.approx(1 / 60)]
    assert [v for _, v in found.by["waiting"]] == [pytest.approx(1 / 60)]
    assert [v for _, v in found.by["running"]] == [0.0]


def test_pue_of_a_site_with_one_pool_known_is_unknown_and_says_why(domain: Domain) -> None:
    pools = [pool(f"p{n}") for n in range(10)]
    site, at = domain.site("suzhou", *pools), start_of(domain.clock(), 10)

    def tell(*told: tuple[str, str, float]) -> None:
        points = [Point(Key(s, m), at, single(v)) for s, m, v in told]
        site.exchange(samples=(pack(10, points),), want=False)

    tell((site.identifier, "facility_power", 1e5), (site.named["p0"], "it_power", 1e4))
    pue = now_of(domain)["pue"]
    assert pue.value is None and "1 of 10 pools" in pue.why
    tell(*[(site.named[f"p{n}"], "it_power", 8e3 + 2e3 * (n == 0)) for n in range(10)])
    assert now_of(domain)["pue"].value == pytest.approx(1e5 / 82e3)
    domain.clock.turn(120)
    rolled(domain)
    [past] = history(domain.ctx, at - 60, at + 60, 60, names=["pue"]).indicators
    assert [v for _, v in past.points] == [pytest.approx(1e5 / 82e3)]


# -- inventory of a place --------------------------------------------------------------------------


def test_inventory_goes_down_to_a_pool(domain: Domain) -> None:
    suzhou = domain.site("suzhou", pool("gpu"), pool("more", hosts=4))
    harbin = domain.site("harbin", pool("gpu"))
    whole, one = now_of(domain), now_of(domain, suzhou.identifier)
    pools = [now_of(domain, suzhou.named[name]) for name in ("gpu", "more")]
    other = now_of(domain, harbin.identifier)
    for name in ("devices", "hosts", "memory", "pools", "sites"):
        assert one[name].value == sum(p[name].value or 0 for p in pools) or name == "sites"
        assert whole[name].value == (one[name].value or 0) + (other[name].value or 0)
    assert pools[1]["devices"].by == {H100: 32}
    assert pools[1]["performance_nominal"].by["fp16"] == 2 * (
        pools[0]["performance_nominal"].by["fp16"] or 0
    )
    assert pools[1]["devices_allocated"].value == 0.0
    assert one["jobs"].value is None and whole["jobs"].value == 0, "jobs are of whole domains"
    with pytest.raises(NotFound, match=r"nothing is known here of CN\.S99-X"):
        measure(domain.ctx, under="CN.S99-X")


def test_inventory_of_a_site_over_time(domain: Domain, midnight: int) -> None:
    site = domain.site("suzhou", pool("gpu"))
    domain.site("harbin", pool("gpu"))
    write_down(domain.ctx)
    domain.clock.turn(6 * HOUR_S)
    site.report(pool("gpu", hosts=4))
    write_down(domain.ctx)
    write_down(domain.ctx)
    domain.clock.turn(6 * HOUR_S)
    site.report()
    write_down(domain.ctx)
    with domain.ctx.store.read() as tx:
        notes = pool_past.read(tx, midnight, midnight + DAY_S)
    assert len(notes) == 4, "a note for each change, and none for what stays"
    domain.clock.turn(6 * HOUR_S)
    [devices] = history(
        domain.ctx, midnight, midnight + DAY_S, HOUR_S, names=["devices"], under=site.identifier
    ).indicators
    assert [v for _, v in devices.points] == [16.0] * 6 + [32.0] * 6
    assert devices.by[H100] == devices.points
    [pools] = history(
        domain.ctx, midnight, midnight + DAY_S, HOUR_S, names=["pools"], under=site.named["gpu"]
    ).indicators
    assert [v for _, v in pools.points] == [1.0] * 12
    domain.clock.turn(3700 * DAY_S)
    forget_old(domain.ctx)
    with domain.ctx.store.read() as tx:
        kept = pool_past.read(tx, midnight, int(domain.clock()))
    assert len(kept) == 2, "of each pool what it was last"


def test_what_is_held_of_a_site_over_time(domain: Domain, midnight: int) -> None:
    site = domain.site("suzhou", pool("gpu"))
    domain.clock.turn(60)
    write_down(domain.ctx)
    names = ("cpu_milli_total", "cpu_milli_held", "device_milli_total", "device_milli_held")
    told = dict(zip(names, (256_000.0, 64_000.0, 16_000.0, 4_000.0), strict=True))
    points = [
        Point(Key(site.named["gpu"], name), midnight + 10 * k, single(value))
        for name, value in told.items()
        for k in range(6)
    ]
    site.exchange(samples=(pack(10, points),), want=False)
    domain.clock.turn(HOUR_S)
    rolled(domain)
    answer = history(
        domain.ctx,
        midnight,
        midnight + 60,
        60,
        names=["devices_allocated", "performance_in_use", "performance_nominal"],
        under=site.identifier,
    )
    allocated, used, nominal = answer.indicators
    assert [v for _, v in allocated.points] == [25.0]
    assert used.by["fp16"][0][1] == nominal.by["fp16"][0][1] / 4


def test_the_sheet_of_a_site_has_its_inventory(domain: Domain) -> None:
    domain.clock.now = 1_696_118_400.0  # October 2023 begins
    suzhou = domain.site("suzhou", pool("gpu"))
    domain.site("harbin", pool("gpu", hosts=8))
    write_down(domain.ctx)
    domain.clock.turn(15 * DAY_S)
    suzhou.report(pool("gpu", hosts=4))
    write_down(domain.ctx)
    domain.clock.turn(20 * DAY_S)
    report = month_report(domain.ctx, "2023-10")
    sheets = {s.name: {f.name: f for f in s.figures} for s in report.sites}
    assert sheets["harbin"]["devices"].value == 64
    assert sheets["suzhou"]["devices"].value == pytest.approx((16 * 15 + 32 * 16) / 31)
    assert sheets["suzhou"]["devices"].coverage == 1.0
    own = month_report(domain.ctx, "2023-10", under=suzhou.identifier)
    figures = {f.name: f for f in own.figures}
    assert figures["devices"].value == sheets["suzhou"]["devices"].value
    assert figures["performance_nominal"].by["fp16"] == pytest.approx(
        sheets["suzhou"]["performance_nominal"].by["fp16"]
    )


def test_the_sheet_says_what_it_leaves_out(domain: Domain) -> None:
    domain.clock.now = 1_696_118_400.0  # October 2023 begins
    begin = int(domain.clock())
    site = domain.site("suzhou", *[pool(f"p{n}") for n in range(3)])
    write_down(domain.ctx)
    told = ((site.identifier, "facility_power", 1e5), (site.named["p0"], "it_power", 1e4))
    points = [Point(Key(s, m), begin, single(v)) for s, m, v in told]
    site.exchange(samples=(pack(10, points),), want=False)
    domain.clock.turn(32 * DAY_S)
    rolled(domain)
    report = month_report(domain.ctx, "2023-10")
    [pue] = [f for f in report.figures if f.name == "pue"]
    assert pue.value is None and "1 of 3 pools" in pue.why
    text, table = markdown(report, words_of("en", {})), as_csv(report, words_of("en", {}))
    assert "1 of 3 pools" in text and "1 of 3 pools" in table
    assert "Nominal performance · fp16" in text, "what has no total is told by its parts"
