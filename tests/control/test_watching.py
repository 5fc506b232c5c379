"""Watching: a linked domain is told of its jobs and of our pools, as they look to it."""

import pytest

from tests.builders import Cluster, Domain, MakeDomain, foreign, names, origin, pool
from weir.control.show import list_pools
from weir.core.errors import NotFound


@pytest.fixture
def north(make_domain: MakeDomain) -> Domain:
    return make_domain("north", "regional")


@pytest.fixture
def up(north: Domain) -> Cluster:
    return north.above()


def test_the_first_look_is_complete_and_the_next_only_what_changed(
    north: Domain, up: Cluster
) -> None:
    site = north.site("site", pool("a"), pool("b"))
    first = up.watch()
    assert first.complete
    assert names(first.offers) == ["a", "b"]
    assert up.watch(first.job_seq, first.offer_revision).offers == ()
    north.clock.turn(1)
    site.exchange(changed=(pool("b", id=site.named["b"], hosts=1),))
    later = up.watch(first.job_seq, first.offer_revision)
    assert (names(later.offers), later.complete, later.gone) == (["b"], False, ())


def test_a_pool_that_goes_is_told_once(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"), pool("b"))
    seen = up.watch().offer_revision
    site.report(pool("b"))
    later = up.watch(0, seen)
    assert later.gone == (site.named["a"],)
    assert up.watch(0, later.offer_revision).gone == ()


def test_a_peer_never_sees_a_pool_that_is_reached_through_it(north: Domain, up: Cluster) -> None:
    north.site("site", pool("ours"))
    up.hello()
    up.report(foreign("theirs"))
    assert sorted(p.name for p in list_pools(north.ctx)) == ["ours", "theirs"]
    assert names(up.watch().offers) == ["ours"]


def test_a_pool_behind_the_peer_is_not_offered_back_by_another_way(domain: Domain) -> None:
    north, south = domain.below("north"), domain.below("south")
    south.report(foreign("far", of=north.identifier, domains=(north.identifier,)))
    assert list(domain.pools()) == ["far"]
    assert names(south.watch().offers) == []
    assert names(north.watch().offers) == []


def test_free_counts_everybodys_runs_but_the_peers_own(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a", hosts=4))
    north.submit()
    north.submit(who=up.who, origin=origin("p1-1", site.named["a"]))
    north.round()
    [offer] = up.watch().offers
    assert sum(f.hosts for f in offer.free if f.devices == ((1000, 8),)) == 3
    assert north.pools()["a"].free_devices_milli == 2 * 8000


def test_what_is_silent_or_closed_is_offered_closed(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"), pool("b", open=False))
    first = up.watch()
    assert {o.name: o.open for o in first.offers} == {"a": True, "b": False}
    north.clock.turn(north.ctx.settings.lease_s + 1)
    north.expire()
    fallen = up.watch(0, first.offer_revision)
    assert {o.name: o.open for o in fallen.offers} == {"a": False, "b": False}
    site.hear()
    heard = up.watch(0, fallen.offer_revision)
    assert {o.name: o.open for o in heard.offers} == {"a": True, "b": False}


def test_a_job_that_was_handed_over_is_told_at_every_change(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"))
    job = north.submit(who=up.who, origin=origin("p1-1", site.named["a"]))
    north.submit()  # nothing to the peer
    seen, told = 0, []
    for act in (
        lambda: None,
        north.round,
        lambda: site.say(f"{job}-1", "accepted"),
        lambda: site.say(f"{job}-1", "started"),
        lambda: site.say(f"{job}-1", "succeeded", exit_code=0),
    ):
        act()
        answer = up.watch(seen, 1)
        seen = answer.job_seq
        told += [(c.run, c.job, str(c.state)) for c in answer.jobs]
    states = ("waiting", "placed", "running", "succeeded")
    assert told == [("p1-1", job, state) for state in states]


def test_changes_are_told_from_any_point_again(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a", hosts=9))
    for n in range(3):
        north.submit(who=up.who, origin=origin(f"p{n}-1", site.named["a"]))
    north.round()
    everything = up.watch()
    assert [c.run for c in everything.jobs] == ["p0-1", "p1-1", "p2-1"]
    assert [c.run for c in up.watch(everything.jobs[0].seq).jobs] == ["p1-1", "p2-1"]
    assert up.watch(everything.job_seq).jobs == ()


def test_who_is_no_link_watches_nothing(domain: Domain) -> None:
    site = domain.site("site")
    object.__setattr__(site.who, "cluster", "CN.S9.C9-0")
    with pytest.raises(NotFound, match="there is no link"):
        site.watch()


def test_who_asks_from_where_the_counter_stands_is_told_nothing_but_the_names(
    north: Domain, up: Cluster
) -> None:
    site = north.site("site", pool("a"))
    first = up.watch()
    again = up.watch(first.job_seq, first.offer_revision)
    assert (again.offers, again.gone, again.jobs, again.complete) == ((), (), (), False)
    assert (again.offer_revision, again.domains) == (first.offer_revision, first.domains)
    north.clock.turn(1)
    site.exchange(changed=(pool("a", id=site.named["a"], hosts=1),))
    assert names(up.watch(again.job_seq, again.offer_revision).offers) == ["a"]
