"""Joining: a token lets one newcomer in, once, as who the operator said it is."""

import pytest

from tests.builders import Domain, MakeDomain, pool
from weir.control.authorize import authenticate
from weir.control.begin import begin
from weir.control.join import (
    describe,
    join,
    make_join_token,
    make_person_token,
    make_uplink,
    revoke_token,
    set_identity,
)
from weir.control.show import list_clusters
from weir.core import identifiers
from weir.core.errors import (
    BadInput,
    Conflict,
    JoinTokenUsed,
    NotAllowed,
    NotReady,
    NotSignedIn,
)
from weir.core.identifiers import Kind
from weir.wire.joining import (
    IdentityRequest,
    JoinRequest,
    JoinTokenRequest,
    TokenRequest,
    UplinkRequest,
)

MAIN = JoinRequest(cluster="main", executor="local")


def test_a_join_token_works_once(domain: Domain) -> None:
    token = make_join_token(domain.ctx, JoinTokenRequest(kind="site", name="north")).token
    who = authenticate(domain.ctx, token)
    joined = join(domain.ctx, who, MAIN)
    assert (joined.identifier, joined.parent_name) == ("CN.S1-G", "nation")
    with pytest.raises(JoinTokenUsed):
        join(domain.ctx, authenticate(domain.ctx, token), MAIN)


def test_a_join_token_expires(domain: Domain) -> None:
    request = JoinTokenRequest(kind="site", name="north", expires_in_s=60)
    token = make_join_token(domain.ctx, request).token
    domain.clock.turn(61)
    with pytest.raises(NotSignedIn, match="has expired"):
        authenticate(domain.ctx, token)


def test_joining_again_ends_the_earlier_agents_token(domain: Domain) -> None:
    before = domain.let_in("north")
    after = domain.let_in("north")
    assert (after.identifier, after.cluster) == (before.identifier, before.cluster)
    with pytest.raises(NotSignedIn, match="was revoked"):
        authenticate(domain.ctx, before.token)
    assert authenticate(domain.ctx, after.token).cluster == before.cluster


def test_two_clusters_of_one_site_are_two(domain: Domain) -> None:
    one, two = domain.let_in("north", "slurm"), domain.let_in("north", "kube")
    assert one.identifier == two.identifier
    assert one.cluster != two.cluster


def test_a_child_domain_gets_an_identifier_and_a_link(domain: Domain) -> None:
    north = domain.let_in("north", kind="domain", domain_kind="regional", url="http://n")
    assert identifiers.kind_of(north.identifier) is Kind.REGIONAL
    assert authenticate(domain.ctx, north.token).roles == {"node"}
    again = domain.let_in("north", kind="domain", domain_kind="regional")
    assert (again.identifier, again.cluster) == (north.identifier, north.cluster)


def test_the_tiers_are_kept(make_domain: MakeDomain) -> None:
    industry = make_domain("cars", "industry")
    up = identifiers.issue("CN-F", Kind.INDUSTRY, 1)
    set_identity(industry.ctx, IdentityRequest(identifier=up, parent="CN-F"))
    with pytest.raises(BadInput, match="regional domains can't join industry ones"):
        industry.let_in("north", kind="domain", domain_kind="regional")
    with pytest.raises(BadInput, match="names its kind"):
        make_join_token(industry.ctx, JoinTokenRequest(kind="domain", name="x"))
    assert industry.let_in("site").identifier.startswith("CN.N1.S1-")


def test_an_identifier_from_elsewhere_is_let_in_only_if_the_token_names_it(
    domain: Domain,
) -> None:
    site = identifiers.issue("CN.R1-K", Kind.SITE, 1)
    cluster = identifiers.issue(site, Kind.CLUSTER, 1)
    assert domain.let_in("a", identifier=site, as_identifier=cluster).cluster == cluster
    with pytest.raises(NotAllowed, match="ask the operator for a token that names"):
        domain.let_in("b", as_identifier=cluster)
    with pytest.raises(BadInput, match="of the wrong kind"):
        domain.let_in("c", identifier=site, as_identifier=site)
    with pytest.raises(BadInput, match="an identifier is wrong"):
        domain.let_in("d", identifier="frogs")


def test_a_domain_comes_in_only_as_the_one_that_the_token_names(domain: Domain) -> None:
    fields = {"kind": "domain", "domain_kind": "regional", "as_identifier": "CN.R2-I"}
    with pytest.raises(NotAllowed, match=r"does not let north in as CN\.R2-I"):
        domain.let_in("north", **fields)
    joined = domain.let_in("north", identifier="CN.R2-I", **fields)
    assert joined.identifier == "CN.R2-I"


def test_a_refused_newcomer_has_not_spent_its_token(domain: Domain) -> None:
    token = make_join_token(domain.ctx, JoinTokenRequest(kind="site", name="north")).token
    wrong = MAIN.model_copy(update={"identifier": "frogs"})
    with pytest.raises(BadInput):
        join(domain.ctx, authenticate(domain.ctx, token), wrong)
    assert join(domain.ctx, authenticate(domain.ctx, token), MAIN).identifier == "CN.S1-G"


@pytest.mark.parametrize(
    ("kind", "request_"),
    [
        ("site", JoinRequest(cluster="north", executor="federated", url="http://north")),
        ("site", JoinRequest(cluster="north", executor="federated")),
        ("site", JoinRequest(cluster="main", executor="local", url="http://north")),
        ("domain", MAIN),
    ],
)
def test_a_token_of_the_wrong_kind_lets_nobody_in_and_is_not_spent(
    domain: Domain, kind: str, request_: JoinRequest
) -> None:
    asked = {"kind": kind, "name": "north", "domain_kind": "regional"}
    token = make_join_token(domain.ctx, JoinTokenRequest.model_validate(asked)).token
    said = {"site": "lets the site north in, and no", "domain": "links the domain north, and lets"}
    with pytest.raises(NotAllowed, match=said[kind]):
        join(domain.ctx, authenticate(domain.ctx, token), request_)
    assert list_clusters(domain.ctx) == []
    link = JoinRequest(cluster="north", executor="federated", url="http://north")
    join(domain.ctx, authenticate(domain.ctx, token), MAIN if kind == "site" else link)
    assert len(list_clusters(domain.ctx)) == 1


def test_a_domain_without_an_identifier_lets_nobody_in_yet(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    with pytest.raises(NotReady, match=r"^north is not linked to a parent yet; .*weir agent link"):
        make_join_token(north.ctx, JoinTokenRequest(kind="site", name="site"))
    with pytest.raises(NotReady, match="set it first"):
        make_uplink(north.ctx, UplinkRequest(parent="CN-F", parent_name="nation"))


def test_a_domains_identity_is_set_once(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    identity = IdentityRequest(identifier="CN.R1-K", parent="CN-F")
    assert set_identity(north.ctx, identity).id == "CN.R1-K"
    assert set_identity(north.ctx, identity).parent == "CN-F"
    with pytest.raises(Conflict, match="an identifier never changes"):
        set_identity(north.ctx, IdentityRequest(identifier="CN.R2-I", parent="CN-F"))
    with pytest.raises(BadInput, match="does not fit this domain"):
        set_identity(north.ctx, IdentityRequest(identifier="CN.S1-G", parent="CN-F"))


def test_the_way_up_is_made_once_and_its_token_anew(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    first = north.above()
    again = north.above()
    assert again.id == first.id
    with pytest.raises(NotSignedIn, match="was revoked"):
        authenticate(north.ctx, first.token)


def test_a_first_start_makes_the_domain_and_a_later_one_finds_it(domain: Domain) -> None:
    assert domain.operator_token
    assert authenticate(domain.ctx, domain.operator_token).roles == {"operator"}
    assert begin(domain.ctx, "nation", "national", "CN") is None
    assert (describe(domain.ctx).id, describe(domain.ctx).name) == ("CN-F", "nation")
    with pytest.raises(Conflict, match="belongs to the national domain nation"):
        begin(domain.ctx, "other", "national", "CN")


def test_a_persons_token_lasts_as_it_says_or_until_it_is_revoked(domain: Domain) -> None:
    short = make_person_token(domain.ctx, TokenRequest(subject="li", expires_in_s=10))
    long = make_person_token(domain.ctx, TokenRequest(subject="li", roles=("user", "viewer")))
    domain.clock.turn(11)
    with pytest.raises(NotSignedIn, match="has expired"):
        authenticate(domain.ctx, short.token)
    assert authenticate(domain.ctx, long.token).roles == {"user", "viewer"}
    revoke_token(domain.ctx, long.id)
    revoke_token(domain.ctx, long.id)
    with pytest.raises(NotSignedIn, match="was revoked"):
        authenticate(domain.ctx, long.token)


def test_a_site_that_joined_has_work_at_once(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit()
    assert domain.round() == 1
    assert len(north.orders()) == 1
