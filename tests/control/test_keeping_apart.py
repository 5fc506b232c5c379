"""Jobs that keep apart from others of their name, from the job file to the next round."""

from __future__ import annotations

from typing import Any

import pytest

from tests.builders import LI, Domain, MakeDomain, foreign, origin, person, pool, spec
from weir.control.find import find_places
from weir.core import identifiers
from weir.core.lifecycle import JobState
from weir.wire.jobs import FindRequest
from weir.wire.jobspec import JobSpec

WANG = person("wang", "user")


def rank(name: str = "rank", by: str = "site", **fields: Any) -> JobSpec:
    return spec(name, devices=1, apart={"name": "ranks", "required": by}, **fields)


def test_two_of_a_name_are_never_at_one_site(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"), pool("more"))
    domain.site("south", pool("gpu"))
    ranks = [domain.submit(rank()) for _ in range(3)]
    assert domain.round() == 2
    assert domain.round() == 0, "what runs counts as what the round before has placed"
    why = domain.why(ranks[2])
    assert [r.reason for r in why.reasons] == ["APART"]
    assert why.reasons[0].needed == "no other ranks in the site"
    assert not why.hopeless
    others = domain.submit(rank(), who=WANG)
    assert domain.round() == 1
    assert domain.state(others) is JobState.PLACED
    run = north.orders()[0].run
    north.say(run, "accepted", "started")
    north.say(run, "succeeded", exit_code=0)
    assert domain.round() == 1
    assert domain.state(ranks[2]) is JobState.PLACED


def test_the_members_of_an_array_go_to_a_site_each(domain: Domain) -> None:
    for name in ("north", "south", "east"):
        domain.site(name, pool("gpu"))
    domain.submit(rank(array={"count": 3}))
    assert domain.round() == 3


def test_one_that_was_sent_back_frees_its_site(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    first, second = domain.submit(rank()), domain.submit(rank())
    assert domain.round() == 1
    domain.cancel(first)
    assert domain.round() == 0, "it has not been told to stop yet"
    north.run("canceled")
    assert domain.round() == 1
    assert domain.state(second) is JobState.PLACED


def test_where_could_it_run_looks_at_the_jobs_of_who_asks(domain: Domain) -> None:
    domain.site("north", pool("gpu"))
    domain.submit(rank())
    domain.round()
    request = FindRequest(spec=rank())
    hers = find_places(domain.ctx, request, user=LI.subject)
    assert [r.reason for r in hers.reasons] == ["APART"]
    assert find_places(domain.ctx, request, user="wang").suited == 1


def test_a_domain_keeps_apart_what_was_submitted_to_it_wherever_it_runs(
    make_domain: MakeDomain,
) -> None:
    """Two pools of one site below a link: the parent sees one site, and uses one of them."""
    top = make_domain("CN", "national")
    below = top.below("north", kind="regional")
    one = foreign("one", of=below.identifier)
    other = one.model_copy(
        update={"id": identifiers.issue(one.cluster, identifiers.Kind.POOL, 2), "name": "other"}
    )
    below.report(one, other)
    first, second = top.submit(rank()), top.submit(rank())
    assert top.round() == 1
    assert {top.state(first), top.state(second)} == {JobState.PLACED, JobState.WAITING}
    apart = top.submit(rank("by-pool", by="pool"))
    assert top.round() == 0, "the site of one that requires it is closed to all of the name"
    assert top.state(apart) is JobState.WAITING


def test_what_a_parent_has_placed_is_placed(make_domain: MakeDomain) -> None:
    """It chose the pool, and saw to it that none is near: nothing is judged twice."""
    north = make_domain("north", "regional")
    up = north.above()
    north.site("suzhou", pool("gpu"))
    where = north.pools()["gpu"].id
    for run in ("p-1", "p-2"):
        north.submit(rank(), who=up.who, origin=origin(run, where))
    assert north.round() == 2


@pytest.mark.parametrize("wish", ["required", "preferred"])
def test_a_restarted_server_knows_who_is_where(domain: Domain, wish: str) -> None:
    domain.site("north", pool("gpu"))
    domain.site("south", pool("gpu"))
    job = spec(devices=1, apart={"name": "web", wish: "site"})
    first = domain.submit(job)
    domain.round()
    domain.ctx.caches.rounds.clear()
    domain.ctx.caches.demands.clear()
    second = domain.submit(job)
    domain.round()
    assert domain.job(first).pool != domain.job(second).pool
