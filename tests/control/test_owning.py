"""Whose a job is: who may read its spec and its files, and cancel it."""

import pytest

from tests.builders import LI, OPERATOR, Cluster, Domain, MakeDomain, origin, person, pool, spec
from weir.control.show import list_files
from weir.core.errors import NotAllowed

SECRET = spec(environment={"TOKEN": "secret"})
VIEWER = person("somebody", "viewer")
WANG = person("wang")


@pytest.fixture
def north(make_domain: MakeDomain) -> Domain:
    return make_domain("north", "regional")


@pytest.fixture
def up(north: Domain) -> Cluster:
    return north.above()


def test_a_spec_is_for_its_owner_and_operators(north: Domain, up: Cluster) -> None:
    job = north.submit(SECRET)
    for who in (LI, OPERATOR):
        assert north.job(job, who).spec == SECRET
    for who in (VIEWER, WANG, up.who):
        found = north.job(job, who)
        assert (found.spec, found.name, found.submitter) == (None, "job", "li")
        assert "secret" not in found.model_dump_json()


def test_what_came_over_a_link_is_the_links_and_nobodys_of_the_same_name(
    north: Domain, up: Cluster
) -> None:
    site = north.site("site", pool("gpu"))
    job = north.submit(SECRET, who=up.who, origin=origin("p1-1", site.named["gpu"]))
    assert north.job(job).submitter == "wang"
    assert north.job(job, WANG).spec is None
    with pytest.raises(NotAllowed, match="came from another domain"):
        north.cancel(job, who=WANG)
    with pytest.raises(NotAllowed, match="are another domain's"):
        list_files(north.ctx, WANG, job)
    for who in (up.who, OPERATOR):
        assert north.job(job, who).spec == SECRET
        assert list_files(north.ctx, who, job).files == ()
    north.cancel(job, who=up.who)


def test_another_link_owns_nothing_of_it(north: Domain, up: Cluster) -> None:
    site, other = north.site("site", pool("gpu")), north.below("works", kind="industry")
    job = north.submit(SECRET, who=up.who, origin=origin("p1-1", site.named["gpu"]))
    assert north.job(job, other.who).spec is None
    with pytest.raises(NotAllowed, match="was not handed over by"):
        north.cancel(job, who=other.who)


def test_a_link_owns_nothing_that_was_submitted_here(north: Domain) -> None:
    stray = person("stray", "node")
    object.__setattr__(stray, "kind", "node")  # and speaks for no cluster
    assert north.job(north.submit(SECRET), stray).spec is None
