"""A pool by two ways: what went by one is in what the other reports, and is not counted twice."""

from collections.abc import Sequence

import pytest

from tests.builders import Cluster, Domain, MakeDomain, foreign, origin
from weir.wire.pools import Free, PoolReport


def left(pool: PoolReport, hosts: int) -> PoolReport:
    """The pool with so many hosts free, as one of its two reporters tells it."""
    free: Sequence[Free] = [pool.free[0].model_copy(update={"hosts": hosts})] if hosts else []
    return pool.model_copy(update={"free": tuple(free)})


@pytest.fixture
def north(make_domain: MakeDomain) -> Domain:
    return make_domain("north", "regional")


def test_runs_that_went_by_the_other_way_are_not_subtracted_again(
    north: Domain,
) -> None:
    """Two hosts. One job goes by way a; then b, which reports its room as gone, is the way."""
    up, a, b = north.above(), *(north.below(n, kind="industry") for n in ("a", "b"))
    shared = foreign("shared", of=a.identifier, hosts=2)
    a.report(shared)
    first = north.submit()
    north.round()
    a.run("accepted", "started")
    b.report(left(shared, 1))
    assert north.job(first).state == "running"

    assert north.pools()["shared"].free_devices_milli == 8000  # by way a: two hosts less its run
    north.clock.turn(north.ctx.settings.lease_s + 1)
    b.hear()
    assert north.pools()["shared"].free_devices_milli == 8000  # by way b, which knows of that run
    [offer] = up.watch().offers
    assert sum(f.hosts for f in offer.free if f.devices == ((1000, 8),)) == 1
    north.submit()
    assert north.round() == 1
    assert len(orders_of(b)) == 1
    assert north.pools()["shared"].free_devices_milli == 0


def test_a_peers_own_runs_by_the_chosen_way_are_left_out_of_what_it_is_offered(
    north: Domain,
) -> None:
    up, a = north.above(), north.below("a", kind="industry")
    shared = foreign("shared", of=a.identifier, hosts=2)
    a.report(shared)
    north.submit(who=up.who, origin=origin("p1-1", shared.id))
    north.submit()
    assert north.round() == 2
    [offer] = up.watch().offers
    assert sum(f.hosts for f in offer.free if f.devices == ((1000, 8),)) == 1


def orders_of(cluster: Cluster) -> list[str]:
    return [o.run for o in cluster.orders()]
