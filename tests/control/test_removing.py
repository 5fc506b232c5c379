"""Removing a cluster: it is gone for all who look, what it did stays, and it may come back."""

import pytest

from tests.builders import Cluster, Domain, MakeDomain, foreign, origin, pool
from weir.control.authorize import authenticate
from weir.control.remove import remove_cluster
from weir.control.resolve import resolve
from weir.control.schedule import Loaded, planned
from weir.control.show import list_clusters
from weir.core.errors import ClusterInUse, NotFound, NotSignedIn
from weir.core.identifiers import parse
from weir.core.lifecycle import JobState
from weir.core.plan import Plan
from weir.scheduling.planner import Planner


def remove(cluster: Cluster) -> None:
    remove_cluster(cluster.domain.ctx, cluster.id)


def retired(domain: Domain, *identifiers: str) -> list[bool]:
    return [resolve(domain.ctx, i).retired for i in identifiers]


def test_a_removed_cluster_is_gone_and_what_it_did_stays(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.site("south")
    job = domain.submit()
    domain.round()
    north.run("accepted", "started", "succeeded")
    remove(north)
    assert [c.site_name for c in list_clusters(domain.ctx)] == ["south"]
    assert domain.pools() == {}
    with pytest.raises(NotSignedIn, match="was revoked"):
        authenticate(domain.ctx, north.token)
    with pytest.raises(NotFound):
        north.exchange()  # a call that was waiting
    site = parse(north.id).parent or ""
    assert retired(domain, north.id, north.named["gpu"], site) == [True, True, True]
    assert (domain.state(job), domain.runs(job)) == (JobState.SUCCEEDED, [("succeeded", "")])
    with pytest.raises(NotFound):
        remove(north)


def test_who_watches_hears_that_its_pools_are_gone(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    up, site = north.above(), north.site("site", pool("gpu"))
    seen = up.watch().offer_revision
    north.woken.clear()
    remove(site)
    assert {"watch", "schedule"} <= set(north.woken)
    assert up.watch(0, seen).gone == (site.named["gpu"],)


def test_a_site_keeps_its_identifier_while_it_has_another_cluster(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.let_in("north", "other")
    remove(north)
    assert retired(domain, north.id, parse(north.id).parent or "") == [True, False]


def test_a_cluster_with_live_runs_stays(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    with pytest.raises(ClusterInUse, match="main still has a run"):
        remove(north)
    run = north.run()
    domain.cancel(job)
    north.say(run, "canceled")
    remove(north)


def test_a_link_with_jobs_that_it_handed_over_stays(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    up, site = north.above(), north.site("site", pool("gpu"))
    job = north.submit(who=up.who, origin=origin("p1-1", site.named["gpu"]))
    with pytest.raises(ClusterInUse, match="jobs that nation handed over"):
        remove(up)
    north.cancel(job, who=up.who)
    remove(up)
    assert north.above().id == up.id


def test_a_removed_link_takes_its_domain_along(domain: Domain) -> None:
    link = domain.below("r")
    link.report(foreign("far", of=link.identifier))
    remove(link)
    assert domain.pools() == {}
    assert retired(domain, link.id, link.identifier) == [True, True]


def test_a_job_that_was_lost_with_the_cluster_does_not_wait_for_its_answer(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    north.run()
    domain.clock.turn(domain.ctx.settings.lost_after_s + domain.ctx.settings.lease_s)
    domain.expire()
    assert domain.runs(job)[0][0] == "lost"
    remove(north)
    assert domain.runs(job) == [("failed", "main was removed")]
    assert domain.state(job) is JobState.WAITING
    south = domain.site("south", pool("gpu"))
    assert domain.round() == 1
    assert south.order().job == job


def test_a_round_that_planned_with_it_places_nothing_there(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit()
    plans: list[Plan] = []

    def slow(planner: Planner, loaded: Loaded) -> Plan:
        found = planned(planner, loaded)
        if not plans:
            plans.append(found)
            remove(north)
        return found

    monkeypatch.setattr("weir.control.schedule.planned", slow)
    assert domain.round() == 0
    assert plans[0].placements


def test_it_may_come_back_under_its_name_as_what_it_was(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    remove(north)
    again = domain.site("north")
    assert again.exchange().resend
    again.report(pool("gpu", id=north.named["gpu"]))
    assert (again.id, list(domain.pools())) == (north.id, ["gpu"])
    site = parse(north.id).parent or ""
    assert retired(domain, north.id, north.named["gpu"], site) == [False, False, False]
