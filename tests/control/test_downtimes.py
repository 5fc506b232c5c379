"""Declared downtimes, and how long sites were up: noted where they report, the same above."""

from __future__ import annotations

import pytest

from tests.builders import OPERATOR, Cluster, Domain, MakeDomain, foreign, pool
from weir.control.downtimes import availability, declare, end, list_downtimes
from weir.control.downtimes_noted import note_sites
from weir.control.indicators import history
from weir.control.measure import measure
from weir.control.series_offers import samples_after
from weir.control.series_roll import forget_old, note_jobs, roll_up
from weir.core.errors import BadInput, NotFound
from weir.core.series import Key, single
from weir.wire.downtimes import DowntimeAnswer, DowntimeRequest
from weir.wire.samples import Point, pack

HOUR = 3600
BEGIN = 1_700_002_800  # a whole hour


def pass_time(domain: Domain, seconds: int, *in_touch: Cluster, noted: bool = True) -> None:
    """Time goes on in steps of ten seconds; these clusters are heard of, and sites are noted."""
    for passed in range(0, seconds, 10):
        domain.clock.turn(10)
        for cluster in in_touch if passed % 20 == 0 else ():
            cluster.exchange(want=False)
        if noted:
            note_sites(domain.ctx)


def rolled(domain: Domain) -> None:
    domain.clock.turn(2 * HOUR)
    while roll_up(domain.ctx):
        pass


def declared(
    domain: Domain, site: str, seconds: float, begin: float | None = None
) -> DowntimeAnswer:
    start = domain.clock() if begin is None else begin
    asked = DowntimeRequest(site=site, begins_at=begin, ends_at=start + seconds, reason="pumps")
    return declare(domain.ctx, OPERATOR, asked)


@pytest.fixture
def site(domain: Domain) -> Cluster:
    domain.clock.now = float(BEGIN - 10)
    return domain.site("suzhou", pool("gpu"))


def test_up_down_and_declared_are_told_apart(domain: Domain, site: Cluster) -> None:
    """Of ten minutes: five up, two down as declared, three down otherwise but for the lease."""
    pass_time(domain, 300, site)
    declared(domain, "suzhou", 120)
    pass_time(domain, 120)
    site.exchange(want=False)
    pass_time(domain, 180)
    rolled(domain)
    [of] = availability(domain.ctx, BEGIN, BEGIN + HOUR)
    lease = domain.ctx.settings.lease_s
    assert (of.site_name, of.known_s) == ("suzhou", 600)
    assert of.declared_s == pytest.approx(120, abs=10)
    assert of.up_s == pytest.approx(300 + lease, abs=10)
    assert of.availability == pytest.approx(100 * of.up_s / 600)
    assert of.reliability == pytest.approx(100 * of.up_s / (600 - of.declared_s))
    found = history(
        domain.ctx, BEGIN, BEGIN + HOUR, HOUR, names=["site_availability", "site_reliability"]
    )
    shares = [i.points[0][1] for i in found.indicators]
    assert shares == [pytest.approx(of.availability), pytest.approx(of.reliability)]


def test_a_declared_site_is_not_up_whatever_is_heard_of_it(domain: Domain, site: Cluster) -> None:
    declared(domain, site.identifier, HOUR)
    pass_time(domain, 300, site)
    rolled(domain)
    [of] = availability(domain.ctx, BEGIN, BEGIN + HOUR)
    assert (of.up_s, of.availability, of.reliability) == (0, 0, None)


def test_ended_early_it_counts_until_then(domain: Domain, site: Cluster) -> None:
    made = declared(domain, "suzhou", HOUR)
    pass_time(domain, 200, site)
    assert end(domain.ctx, made.id).ends_at == domain.clock()
    assert end(domain.ctx, made.id).ends_at == domain.clock(), "again changes nothing"
    pass_time(domain, 200, site)
    rolled(domain)
    [of] = availability(domain.ctx, BEGIN, BEGIN + HOUR)
    assert of.declared_s == pytest.approx(200, abs=10)
    assert of.reliability == 100.0


def test_what_nobody_noted_is_not_known(domain: Domain, site: Cluster) -> None:
    """The server is away for a while: no site was down for it."""
    pass_time(domain, 200, site)
    pass_time(domain, 300, noted=False)
    rolled(domain)
    [of] = availability(domain.ctx, BEGIN, BEGIN + HOUR)
    assert (of.known_s, of.availability) == (200, 100.0)


def test_a_site_is_up_while_all_its_clusters_are(domain: Domain, site: Cluster) -> None:
    other = Cluster(domain, domain.let_in("suzhou", "second", identifier=site.identifier))
    pass_time(domain, 60, site)
    [now] = [i for i in measure(domain.ctx) if i.name == "site_availability"]
    assert now.value == 100.0, "a cluster that was never heard of is not there yet"
    other.hello()
    pass_time(domain, 60, site)
    [now] = [i for i in measure(domain.ctx) if i.name == "site_availability"]
    assert now.value == 0.0


def test_noting_again_changes_nothing(domain: Domain, site: Cluster) -> None:
    pass_time(domain, 60, site)
    for _ in range(3):
        note_sites(domain.ctx)
    rolled(domain)
    [of] = history(domain.ctx, BEGIN, BEGIN + 60, 60, names=["site_availability"]).indicators
    assert of.points == ((float(BEGIN), 100.0),)


def test_the_domain_above_works_out_the_same(make_domain: MakeDomain) -> None:
    nation, north = make_domain(), make_domain("north", "regional")
    link = nation.below("north", foreign("far", of="CN.R1-K", site=1))
    up = north.above(identifier=link.identifier)
    up.hello()
    north.clock.now = float(BEGIN - 10)
    site = north.site("suzhou", pool("gpu"))
    pass_time(north, 120, site)
    declared(north, "suzhou", 120)
    pass_time(north, 240)
    rolled(north)
    nation.clock.now = north.clock()
    after, more = 0, True
    while more:
        answer = samples_after(north.ctx, up.who, after)
        assert link.exchange(samples=answer.blocks, want=False).refused == ()
        after, more = answer.after, answer.more
    rolled(nation)
    [below] = availability(north.ctx, BEGIN, BEGIN + HOUR)
    [above] = availability(nation.ctx, BEGIN, BEGIN + HOUR)
    assert below.availability is not None and 0 < below.availability < 100
    assert above.model_copy(update={"site_name": "suzhou"}) == below


def test_a_site_has_no_say_on_how_long_it_was_up(domain: Domain, site: Cluster) -> None:
    row = Point(Key(site.identifier, "site_up_seconds"), BEGIN - 10, single(10.0))
    [said] = site.exchange(samples=(pack(10, [row]),), want=False).refused
    assert "noted by the domain" in said


def test_what_has_been_is_not_declared_away(domain: Domain, site: Cluster) -> None:
    now = domain.clock()
    for begin, ends in ((now - HOUR, now + HOUR), (None, now - 1), (now + 60, now + 60)):
        with pytest.raises(BadInput, match="can't be declared"):
            declare(
                domain.ctx,
                OPERATOR,
                DowntimeRequest(site="suzhou", begins_at=begin, ends_at=ends, reason="x"),
            )
    with pytest.raises(BadInput) as failed:
        declared(domain, "suzhou", 93 * 86400)
    assert "longer than 92 days" in failed.value.mistakes[0].message
    assert list_downtimes(domain.ctx) == []


def test_it_is_declared_where_the_site_reports(domain: Domain, site: Cluster) -> None:
    domain.below("north", foreign("far", of="CN.R1-K", site=1))
    for unknown in ("nowhere", "CN.R1.S1-X", "north"):
        with pytest.raises(NotFound, match="there are: suzhou"):
            declared(domain, unknown, HOUR)
    with pytest.raises(NotFound, match="weir downtime list"):
        end(domain.ctx, "d-none")


def test_those_that_are_and_will_be_are_listed(domain: Domain, site: Cluster) -> None:
    now = domain.clock()
    later = declared(domain, "suzhou", HOUR, begin=now + 1000)
    first = declared(domain, "suzhou", 100)
    assert [d.id for d in list_downtimes(domain.ctx)] == [first.id, later.id]
    domain.clock.turn(200)
    assert [d.id for d in list_downtimes(domain.ctx)] == [later.id]
    assert [d.id for d in list_downtimes(domain.ctx, now)] == [first.id, later.id]
    end(domain.ctx, later.id)
    assert [d.id for d in list_downtimes(domain.ctx)] == [], "it never began"


def test_demand_is_told_beside_supply(domain: Domain) -> None:
    site = domain.site("suzhou", pool("gpu"))
    for _ in range(4):
        domain.submit()
    domain.clock.now = float(BEGIN + 5)
    note_jobs(domain.ctx)
    total = Point(Key(site.named["gpu"], "device_milli_total"), BEGIN, single(16_000.0))
    site.exchange(samples=(pack(10, [total]),), want=False)
    [now] = [i for i in measure(domain.ctx) if i.name == "demand_over_supply"]
    assert now.value == pytest.approx(100 * 32 / 16)


# -- excused afterwards ----------------------------------------------------------------------------


def excused(domain: Domain, begin: float, seconds: float) -> DowntimeAnswer:
    asked = DowntimeRequest(
        site="suzhou", begins_at=begin, ends_at=begin + seconds, reason="flood", excuse=True
    )
    return declare(domain.ctx, OPERATOR, asked)


def reliability(domain: Domain, width: int = HOUR) -> list[float]:
    found = history(domain.ctx, BEGIN, BEGIN + HOUR, width, names=["site_reliability"])
    return [v for _, v in found.indicators[0].points]


def test_a_downtime_that_was_is_excused_and_all_is_worked_out_anew(
    domain: Domain, site: Cluster
) -> None:
    """Of ten minutes the last five were an outage that nobody declared in time."""
    pass_time(domain, 300, site)
    pass_time(domain, 300)
    rolled(domain)
    lease = domain.ctx.settings.lease_s
    [before] = availability(domain.ctx, BEGIN, BEGIN + HOUR)
    assert before.reliability == pytest.approx(100 * (300 + lease) / 600, abs=2)
    with pytest.raises(BadInput) as failed:
        declared(domain, "suzhou", 300, BEGIN + 300)
    assert "as an excuse" in failed.value.mistakes[0].message
    answer = excused(domain, BEGIN + 300, 300)
    assert answer.declared_at > answer.ends_at, "whoever reads it sees that it came afterwards"
    rolled(domain)
    [of] = availability(domain.ctx, BEGIN, BEGIN + HOUR)
    assert (of.known_s, of.declared_s, of.up_s) == (600, 300, 300)
    assert (of.availability, of.reliability) == (50.0, 100.0)
    assert reliability(domain) == [100.0]
    excused(domain, BEGIN + 300, 300)
    rolled(domain)
    assert availability(domain.ctx, BEGIN, BEGIN + HOUR) == [of], "again changes nothing"


@pytest.mark.parametrize("days", [1, 5, 70])
def test_what_is_long_past_is_excused_in_the_buckets_that_are_left(
    domain: Domain, site: Cluster, days: int
) -> None:
    pass_time(domain, 600, site)
    pass_time(domain, 1200)
    rolled(domain)
    domain.clock.now = float(BEGIN + HOUR)
    rolled(domain)
    domain.clock.now = float(BEGIN + days * 86400)
    rolled(domain)
    forget_old(domain.ctx)
    excused(domain, BEGIN + 900, 900)
    rolled(domain)
    [of] = availability(domain.ctx, BEGIN, BEGIN + 86400)
    assert of.known_s == 1800
    if days < 60:
        assert of.declared_s == pytest.approx(900, abs=1)
        assert of.reliability == pytest.approx(100 * of.up_s / 900)
    else:  # an hour of which it was half: of 1,800 s known a quarter of 3,600 s
        assert of.declared_s == pytest.approx(450, abs=1)


def test_the_domain_above_hears_of_an_excuse(make_domain: MakeDomain) -> None:
    nation, north = make_domain(), make_domain("north", "regional")
    for domain in (nation, north):
        domain.clock.now = float(BEGIN - 10)
    link = nation.below("north", foreign("far", of="CN.R1-K", site=1))
    up = north.above(identifier=link.identifier)
    up.hello()
    site = north.site("suzhou", pool("gpu"))
    pass_time(north, 300, site)
    pass_time(north, 300)
    after = 0
    for turn in range(2):
        rolled(north)
        nation.clock.now = north.clock()
        answer = samples_after(north.ctx, up.who, after)
        after = answer.after
        assert link.exchange(samples=answer.blocks, want=False).refused == ()
        north.clock.turn(100)
        nation.clock.now = north.clock()
        rolled(nation)
        if turn == 0:
            excused(north, BEGIN + 300, 300)
    for domain in (nation, north):
        [of] = availability(domain.ctx, BEGIN, BEGIN + HOUR)
        assert (of.declared_s, of.reliability) == (300, 100.0)


def test_a_time_that_is_not_kept_any_more_can_not_be_excused(domain: Domain, site: Cluster) -> None:
    pass_time(domain, 60, site)
    domain.clock.turn(500 * 86400)
    with pytest.raises(BadInput) as failed:
        excused(domain, BEGIN, 60)
    assert "no longer kept" in failed.value.mistakes[0].message
