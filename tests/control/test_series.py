"""Samples through the exchange: checked, kept once, rolled up, offered above, asked for later."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.builders import Cluster, Domain, MakeDomain, foreign, pool
from weir.control.indicators import at_time, history, series_over_time
from weir.control.measure import measure
from weir.control.series_offers import samples_after
from weir.control.series_roll import forget_old, note_jobs, roll_up, write_down
from weir.core.errors import BadInput, NotFound
from weir.core.series import RETENTION_S, WIDTHS, Bucket, Key, rolled, single, start_of
from weir.store import series as rows_of
from weir.wire.exchange import ExchangeAnswer
from weir.wire.samples import Gap, Point, pack


def sent(
    cluster: Cluster, *points: tuple[str, str, float, float], width: int = 10, part: str = ""
) -> ExchangeAnswer:
    """Send (subject, metric, time, value) as buckets of one sample."""
    rows = [Point(Key(s, m, part), start_of(at, width), single(v)) for s, m, at, v in points]
    return cluster.exchange(samples=(pack(width, rows),), want=False)


def kept(domain: Domain, width: int) -> dict[tuple[str, str], dict[int, Bucket]]:
    with domain.ctx.store.read() as tx:
        rows = {row.id: row.key for row in rows_of.listed(tx)}
        now = int(domain.clock())
        found = rows_of.read(tx, width, list(rows), now - 10 * width - 7200, now + 100)
    return {
        (rows[n].subject, rows[n].metric): {
            at: replace(bucket, covered_s=bucket.seconds(width)) for at, bucket in b.items()
        }
        for n, b in found.items()
        if b
    }


def value(domain: Domain, name: str) -> float | int | None:
    [found] = [i for i in measure(domain.ctx) if i.name == name]
    return found.value


def after_a_while(domain: Domain, seconds: float = 90) -> None:
    """Time goes on, and what has ended is rolled up."""
    domain.clock.turn(seconds)
    roll_up(domain.ctx)


def a_pool(cluster: Cluster) -> str:
    return cluster.named["gpu"]


@pytest.fixture
def site(domain: Domain) -> Cluster:
    return domain.site("suzhou", pool("gpu"))


def test_what_was_sent_is_an_indicator_at_once(domain: Domain, site: Cluster) -> None:
    now = domain.clock()
    answer = sent(
        site, (a_pool(site), "devices_seen", now, 16), (a_pool(site), "devices_busy", now, 4)
    )
    assert answer.refused == ()
    assert value(domain, "devices_busy") == 25.0
    assert value(domain, "pue") is None


def test_a_repeat_and_a_late_one_change_nothing_twice(domain: Domain, site: Cluster) -> None:
    now = start_of(domain.clock(), 60)
    points = [(a_pool(site), "device_power", now + 10 * k, 100.0 + k) for k in range(6)]
    sent(site, *points[1:])
    sent(site, *points[1:])
    after_a_while(domain)
    assert kept(domain, 60)[(a_pool(site), "device_power")][now].n == 5
    sent(site, *points)
    sent(site, *reversed(points))
    after_a_while(domain)
    bucket = kept(domain, 60)[(a_pool(site), "device_power")][now]
    assert bucket == Bucket(6, 615.0, 100.0, 105.0, 105.0, 60)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.dictionaries(
        st.integers(0, 400).map(lambda n: n * 10), st.integers(0, 10**6).map(float), min_size=1
    ),
    st.randoms(use_true_random=False),
)
def test_the_store_rolls_up_as_the_law_has_it(
    make_domain: MakeDomain, values: dict[int, float], chance: object
) -> None:
    domain = make_domain()
    site = domain.site("suzhou", pool("gpu"))
    begin = start_of(domain.clock(), 86400)
    domain.clock.now = begin + 4100.0
    points = [(a_pool(site), "it_power", begin + at, v) for at, v in values.items()]
    for _ in range(2):
        chance.shuffle(points)  # type: ignore[attr-defined]
        for first in range(0, len(points), 7):
            sent(site, *points[first : first + 7])
    domain.clock.turn(2 * 86400)
    roll_up_all(domain)
    expected = {begin + at: single(v) for at, v in values.items()}
    for narrow, wide in pairwise(WIDTHS):
        expected = rolled(expected, wide)
        with domain.ctx.store.read() as tx:
            [row] = rows_of.listed(tx)
            found = rows_of.read(tx, wide, [row.id], begin, begin + 86400)[row.id]
        assert found == expected, (narrow, wide)


def roll_up_all(domain: Domain) -> None:
    while roll_up(domain.ctx):
        pass


def test_what_was_thrown_away_below_leaves_the_wider_bucket(domain: Domain, site: Cluster) -> None:
    now = start_of(domain.clock(), 60)
    sent(site, *[(a_pool(site), "it_power", now + 10 * k, 6.0) for k in range(6)])
    after_a_while(domain)
    domain.clock.turn(RETENTION_S[10] + 100)
    assert forget_old(domain.ctx) == 6
    assert kept(domain, 10) == {}
    sent(site, (a_pool(site), "it_power", now, 1e6))
    after_a_while(domain)
    with domain.ctx.store.read() as tx:
        [row] = rows_of.listed(tx)
        found = rows_of.read(tx, 60, [row.id], now, now + 60)[row.id]
    assert found[now].n == 6


@pytest.mark.parametrize(
    ("subject", "metric", "number", "why"),
    [
        ("CN.S9.C1.P1-9", "it_power", 1.0, "no subject"),
        ("CN-F", "it_power", 1.0, "has no say"),
        ("nonsense", "it_power", 1.0, "no subject"),
        ("", "nonsense", 1.0, "no metric"),
        ("", "it_power", -5.0, "must lie in 0"),
        ("", "it_power", 1e13, "must lie in 0"),
        ("", "it_power", float("nan"), "finite"),
    ],
)
def test_what_can_not_be_is_refused_and_the_rest_is_kept(
    site: Cluster, subject: str, metric: str, number: float, why: str
) -> None:
    now = site.domain.clock()
    good = (a_pool(site), "memory_used", now, 5.0)
    answer = sent(site, good, (subject or a_pool(site), metric, now, number))
    [said] = answer.refused
    assert any(w in said for w in why.split("|")), said
    assert "(1 left out)" in said
    assert list(kept(site.domain, 10)) == [(a_pool(site), "memory_used")]


def test_a_time_that_has_not_come_is_refused(domain: Domain, site: Cluster) -> None:
    answer = sent(site, (a_pool(site), "it_power", domain.clock() + 500, 1.0))
    assert "has not come" in answer.refused[0]


def test_a_clock_that_is_far_off_is_corrected(domain: Domain, site: Cluster) -> None:
    now = start_of(domain.clock(), 10)
    site.clock_off_s = 7200.0
    assert sent(site, (a_pool(site), "it_power", now + 7200, 1.0)).refused == ()
    assert list(kept(domain, 10)[(a_pool(site), "it_power")]) == [now]


def test_no_cluster_brings_more_series_than_it_may(
    site: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("weir.control.series.MAX_SERIES", 3)
    now = site.domain.clock()
    hosts = [(f"{site.id}/h{n}", "it_power", now, 1.0) for n in range(5)]
    [said] = sent(site, *hosts).refused
    assert "may have 3 series at most" in said
    assert len(kept(site.domain, 10)) == 3
    assert sent(site, *hosts[:3]).refused == ()


def test_totals_and_the_past_are_asked_for(domain: Domain, site: Cluster) -> None:
    begin = start_of(domain.clock(), 900)
    domain.clock.now = begin + 900.0
    for metric, watts in (("it_power", 1000.0), ("facility_power", 1300.0)):
        points = [(a_pool(site), metric, begin + 10 * k, watts) for k in range(90)]
        sent(site, *points)
    write_down(domain.ctx)
    after_a_while(domain)
    roll_up_all(domain)
    answer = history(domain.ctx, begin, begin + 900, 60, names=["pue", "it_energy"])
    by_name = {i.name: i for i in answer.indicators}
    assert answer.step_s == 60
    assert by_name["pue"].points == tuple((float(begin + 60 * k), 1.3) for k in range(15))
    assert sum(v for _, v in by_name["it_energy"].points) == pytest.approx(0.25)
    finer = history(domain.ctx, begin, begin + 900, 10, names=["pue", "it_energy"])
    assert (finer.step_s, finer.indicators) == (60, answer.indicators), "the finest that there is"
    under = history(domain.ctx, begin, begin + 900, 60, names=["pue"], under=site.identifier)
    assert under.indicators[0].points == by_name["pue"].points
    nowhere = history(domain.ctx, begin, begin + 900, 60, names=["pue"], under="CN.S99-X")
    assert nowhere.indicators[0].points == ()
    [series] = series_over_time(domain.ctx, begin, begin + 900, 900, metrics=["it_power"])
    assert series.points == ((float(begin), 1000.0, 1000.0, 1000.0, 90),)
    devices = history(domain.ctx, begin, begin + 900, 60, names=["devices"])
    assert [v for _, v in devices.indicators[0].points] == [16.0], "noted once, of its minute"
    at = at_time(domain.ctx, begin + 100, names=["pue"])
    assert [v for _, v in at.indicators[0].points] == [1.3]


def test_questions_that_make_no_sense_are_told_so(domain: Domain) -> None:
    with pytest.raises(NotFound, match="no indicator is called nonsense"):
        history(domain.ctx, 0, 10, 10, names=["nonsense"])
    with pytest.raises(BadInput) as failed:
        history(domain.ctx, 10, 10, 0)
    assert {m.field for m in failed.value.mistakes} == {"to", "step"}


def test_a_question_for_too_much_is_refused(make_domain: MakeDomain) -> None:
    domain = make_domain(retention_s={60: 10**9})
    with pytest.raises(BadInput, match="can't be answered"):
        history(domain.ctx, domain.clock() - 720_000, domain.clock(), 60)


def test_a_gap_is_told(domain: Domain, site: Cluster) -> None:
    now = domain.clock()
    site.exchange(gaps=(Gap(begin=now - 60, end=now - 30, reason="no room"),), want=False)
    [gap] = history(domain.ctx, now - 100, now, 10).gaps
    assert (gap.cluster, gap.end - gap.begin, gap.reason) == (site.id, 30.0, "no room")


def test_jobs_are_samples_of_the_domain(domain: Domain, site: Cluster) -> None:
    domain.clock.now = start_of(domain.clock(), 60) + 5.0
    domain.submit()
    domain.clock.turn(10)
    domain.round()
    domain.clock.turn(8)
    site.run("accepted", "started", "succeeded")
    domain.clock.turn(120)
    note_jobs(domain.ctx)
    note_jobs(domain.ctx)
    rows = kept(domain, 60)
    assert sum(b.total for b in rows[(domain.id, "jobs_ended")].values()) == 1
    assert value(domain, "job_wait") == pytest.approx(18.0, rel=0.0201)
    assert value(domain, "job_start_delay") == pytest.approx(8.0, rel=0.0201)
    assert value(domain, "job_success") == 100.0


def test_minutes_travel_up_and_hosts_stay(make_domain: MakeDomain) -> None:
    nation, north = make_domain(), make_domain("north", "regional")
    link = nation.below("north", foreign("far", of="CN.R1-K", site=1))
    up = north.above(identifier=link.identifier)
    up.hello()
    site = north.site("suzhou", pool("gpu"))
    now = start_of(north.clock(), 60)
    points = [(a_pool(site), "it_power", now + 10 * k, 5.0) for k in range(6)]
    sent(site, *points, (f"{site.id}/h1", "it_power", now, 9.0))
    site.exchange(gaps=(Gap(begin=now - 60.5, end=now - 30, reason="no room"),), want=False)
    after_a_while(north)
    nation.clock.now = north.clock()
    answer = samples_after(north.ctx, up.who, 0)
    assert answer.blocks and not answer.more
    assert [(g.begin, g.end) for g in answer.gaps] == [(now - 60.5, now - 30)]
    assert link.exchange(samples=answer.blocks, want=False).refused == ()
    assert kept(nation, 60) == {
        (a_pool(site), "it_power"): kept(north, 60)[(a_pool(site), "it_power")]
    }
    assert value(nation, "it_power") == 5
    after_a_while(nation)
    [total] = history(nation.ctx, now, now + 60, 60, names=["it_power"]).indicators
    assert total.points == ((float(now), 5.0),), "what came in minutes has its totals too"
    assert samples_after(north.ctx, up.who, answer.after).blocks == ()
    assert samples_after(nation.ctx, link.who, 0).blocks == (), "nothing is told downward"
    elsewhere = pack(60, [Point(Key("CN.S1-A", "it_power"), now, single(1.0))])
    assert up.exchange(samples=(elsewhere,), want=False).refused == ()
    assert ("CN.S1-A", "it_power") not in kept(north, 60), "nor is anything taken from above"
