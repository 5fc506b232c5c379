"""Joins that wait for approval: nobody is there before, and who was there stays until then."""

from __future__ import annotations

import pytest

from tests.builders import Cluster, Domain, MakeDomain, pool
from weir.control.approve import approve_join, list_joins, reject_join
from weir.control.authorize import authenticate
from weir.control.show import list_clusters
from weir.core.errors import NotFound, NotReady, NotSignedIn
from weir.wire.joining import JoinAnswer


@pytest.fixture
def strict(make_domain: MakeDomain) -> Domain:
    return make_domain(approve_joins=True)


def waits(domain: Domain) -> list[str]:
    return [join.id for join in list_joins(domain.ctx).joins]


def test_who_has_joined_is_nobody_until_it_is_approved(strict: Domain) -> None:
    joined = strict.let_in("east")
    assert joined.pending
    assert list_clusters(strict.ctx) == []
    with pytest.raises(NotReady, match="east has joined, and waits for an operator"):
        authenticate(strict.ctx, joined.token)
    [waiting] = list_joins(strict.ctx).joins
    assert (waiting.kind, waiting.name, waiting.again) == ("site", "east / main", False)
    approve_join(strict.ctx, waiting.id)
    assert waits(strict) == []
    cluster = Cluster(strict, joined)
    cluster.hello()
    cluster.report(pool("gpu"))
    assert list(strict.pools()) == ["gpu"]


def test_a_domain_waits_too(strict: Domain) -> None:
    joined = strict.let_in("north", kind="domain", domain_kind="regional", url="http://north")
    [waiting] = list_joins(strict.ctx).joins
    assert (waiting.kind, waiting.name, waiting.url) == ("domain", "north", "http://north")
    assert waiting.cluster == joined.identifier
    approve_join(strict.ctx, waiting.id)
    Cluster(strict, joined).hello()
    assert [c.direction for c in list_clusters(strict.ctx)] == ["down"]


def test_who_is_rejected_never_gets_in(strict: Domain) -> None:
    joined = strict.let_in("east")
    [waiting] = waits(strict)
    reject_join(strict.ctx, waiting)
    with pytest.raises(NotSignedIn, match="revoked"):
        authenticate(strict.ctx, joined.token)
    for decide in (approve_join, reject_join):
        with pytest.raises(NotFound):
            decide(strict.ctx, waiting)
    assert list_clusters(strict.ctx) == []


def let_in(domain: Domain, name: str) -> JoinAnswer:
    joined = domain.let_in(name)
    approve_join(domain.ctx, waits(domain)[-1])
    return joined


def test_an_agent_is_replaced_only_once_its_successor_is_approved(strict: Domain) -> None:
    """A join token that somebody else got hold of takes nothing over."""
    first = let_in(strict, "east")
    other = strict.let_in("east")
    assert other.cluster == first.cluster
    authenticate(strict.ctx, first.token)
    [waiting] = list_joins(strict.ctx).joins
    assert waiting.again
    approve_join(strict.ctx, waiting.id)
    authenticate(strict.ctx, other.token)
    with pytest.raises(NotSignedIn):
        authenticate(strict.ctx, first.token)


def test_without_the_setting_who_joins_is_there_at_once(domain: Domain) -> None:
    assert not domain.let_in("east").pending
    assert len(list_clusters(domain.ctx)) == 1
    assert not list_joins(domain.ctx).needed
    assert waits(domain) == []
    with pytest.raises(NotFound):
        approve_join(domain.ctx, "t-none")
