"""Links as they were measured of late: what is known is told, and nothing is made up."""

from __future__ import annotations

import pytest

from tests.builders import Cluster, Domain, pool
from tests.control.test_series import after_a_while, sent
from weir.control.links import LATE_S, Way, ways


@pytest.fixture
def site(domain: Domain) -> Cluster:
    return domain.site("suzhou", pool("gpu"))


def measure(domain: Domain, site: Cluster, **values: float) -> None:
    subject, now = f"{site.id}>{domain.id}", domain.clock()
    sent(site, *((subject, f"link_{name}", now, value) for name, value in values.items()))


def the_way(domain: Domain) -> Way:
    [found] = ways(domain.ctx)
    return found


def test_a_way_that_nobody_measured_is_not_there(domain: Domain, site: Cluster) -> None:
    assert ways(domain.ctx) == []


def test_of_an_agent_without_a_probe_its_calls_tell_the_round_trip(
    domain: Domain, site: Cluster
) -> None:
    domain.clock.turn(20)
    site.exchange(rtt_us=2_500)
    way = the_way(domain)
    assert (way.here, way.there) == (site.id, domain.id)
    assert way.rtt_s == pytest.approx(0.0025)
    assert (way.jitter_s, way.lost, way.bandwidth, way.probed) == (None, None, None, False)


def test_a_probe_tells_all_that_it_measured(domain: Domain, site: Cluster) -> None:
    domain.clock.turn(20)
    site.exchange(rtt_us=9_000)
    measure(domain, site, rtt=0.004, jitter=0.001, sent=5, lost=0)
    domain.clock.turn(60)
    measure(domain, site, rtt=0.006, sent=5, lost=1, bandwidth=2e9)
    after_a_while(domain)
    way = the_way(domain)
    assert way.probed
    assert way.rtt_s == pytest.approx(0.006)
    assert way.jitter_s == pytest.approx(0.001)
    assert way.lost == pytest.approx(0.1)
    assert way.bandwidth == pytest.approx(2e9)


def test_what_is_long_ago_is_not_of_now(domain: Domain, site: Cluster) -> None:
    domain.clock.turn(20)
    site.exchange(rtt_us=2_500)
    measure(domain, site, rtt=0.004)
    after_a_while(domain)
    assert the_way(domain).probed
    domain.clock.turn(LATE_S + 120)
    assert ways(domain.ctx) == []
