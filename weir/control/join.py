"""Join: a one-time token made here becomes an identifier and a lasting token.

A newcomer that has an identifier from elsewhere may bring it only if the token names it: whoever
made the token has said that this is the same site or domain.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection

from weir.control.authorize import Principal, hash_of
from weir.control.context import Context
from weir.core import identifiers as law
from weir.core.errors import BadInput, Conflict, JoinTokenUsed, Mistake, NotAllowed, NotReady
from weir.store import clusters, domains, identifiers, tokens
from weir.store.rows import ClusterRow, DomainRow, TokenRow
from weir.wire.joining import (
    DomainAnswer,
    IdentityRequest,
    JoinAnswer,
    JoinRequest,
    JoinTokenAnswer,
    JoinTokenRequest,
    TokenAnswer,
    TokenRequest,
    UplinkAnswer,
    UplinkRequest,
)


def make_join_token(ctx: Context, request: JoinTokenRequest) -> JoinTokenAnswer:
    """A token that one newcomer can join with, once.

    Raises `NotReady` while nobody can: what is let in here is named under this domain's identifier.
    """
    _identified(ctx)
    if request.identifier is not None:
        _check_brought(request.identifier, request.kind)
    if request.kind == "domain" and request.domain_kind is None:
        raise BadInput(
            "a domain's join token names its kind",
            [Mistake("domain_kind", "must be regional or industry")],
        )
    expires = ctx.now() + request.expires_in_s
    claims = request.model_dump(exclude={"expires_in_s"})
    secret = _new_token(ctx, "join", request.name, ["join"], claims=claims, expires_at=expires)[1]
    return JoinTokenAnswer(token=secret, expires_at=expires)


def make_person_token(ctx: Context, request: TokenRequest) -> TokenAnswer:
    """A token for a person."""
    lasts = request.expires_in_s
    expires = None if lasts is None else ctx.now() + lasts
    made = _new_token(ctx, "person", request.subject, list(request.roles), expires_at=expires)
    return TokenAnswer(id=made[0], token=made[1])


def revoke_token(ctx: Context, token_id: str) -> None:
    """End a token at once. Ending one that has ended already is no error."""
    with ctx.store.write() as tx:
        tokens.revoke(tx, token_id, ctx.now())


def join(ctx: Context, who: Principal, request: JoinRequest) -> JoinAnswer:
    """Let the holder of a join token in. Joining again under the same name gives the same
    identifier.

    The earlier agent's token ends then: there is one agent for one cluster. Where joins are to be
    approved, nothing of that is done before (`weir.control.approve`).
    """
    now = ctx.now()
    domain, here = _identified(ctx)
    _check_kind(who, request)
    with ctx.store.write() as tx:
        if not tokens.use(tx, who.token, now):
            raise JoinTokenUsed("this join token has been used; ask the operator for a new one")
        if who.claims["kind"] == "site":
            row, identifier = _join_site(tx, domain, who, request, now)
        else:
            row, identifier = _join_domain(tx, domain, who, request, now)
        pending = ctx.settings.approve_joins
        if not pending:
            take_in(tx, row, now)
        kind = "node" if row.peer_domain else "agent"
        claims = {"pending": asdict(row)} if pending else None
        secret = _add_token(ctx, tx, kind, row.name, [kind], cluster=row.id, claims=claims)[1]
    return JoinAnswer(
        identifier=identifier,
        cluster=row.id,
        token=secret,
        parent=here,
        parent_name=domain.name,
        pending=pending,
    )


def take_in(tx: Connection, row: ClusterRow, now: float, keep: str = "") -> None:
    """A cluster is there from now on, or again; tokens that spoke for it end, but for `keep`."""
    known = clusters.get(tx, row.id)
    if known is None:
        clusters.add(tx, row)
        return
    tokens.revoke_of_cluster(tx, row.id, now, keep)
    clusters.change(tx, row.id, executor=row.executor, peer_url=row.peer_url)
    _take_back(tx, known)


def _identified(ctx: Context) -> tuple[DomainRow, str]:
    """This domain and its identifier. Raises `NotReady` before it has one."""
    domain = ctx.domain()
    if domain.id is None:
        raise NotReady(
            f"{domain.name} is not linked to a parent yet; its operator does that with "
            "`weir agent link`"
        )
    return domain, domain.id


def _check_kind(who: Principal, request: JoinRequest) -> None:
    """A site's token lets in a cluster and a domain's a link, never the other way round."""
    name, is_link = who.claims["name"], request.executor == "federated" or request.url is not None
    if who.claims["kind"] == "site" and is_link:
        raise NotAllowed(
            f"this token lets the site {name} in, and no domain; ask the operator for one that "
            "was made for a domain"
        )
    if who.claims["kind"] == "domain" and not is_link:
        raise NotAllowed(
            f"this token links the domain {name}, and lets no site in; ask the operator for one "
            "that was made for a site"
        )


def _join_site(
    tx: Connection, domain: DomainRow, who: Principal, request: JoinRequest, now: float
) -> tuple[ClusterRow, str]:
    assert domain.id is not None
    site_name, expected = str(who.claims["name"]), who.claims.get("identifier")
    if request.identifier is None:
        site = identifiers.issue(tx, domain.id, law.Kind.SITE, site_name, now)
        cluster = identifiers.issue(tx, site, law.Kind.CLUSTER, request.cluster, now)
    else:
        cluster = _parsed(request.identifier, "identifier", law.Kind.CLUSTER).text
        site = law.parse(cluster).parent or ""
        own = identifiers.find(tx, domain.id, law.Kind.SITE, site_name)
        if site != expected and (own is None or own.id != site):
            raise NotAllowed(
                f"this token lets {site_name} in under {expected or 'a new identifier'}, "
                f"not as {cluster}; ask the operator for a token that names {site}"
            )
    row = _cluster_row(cluster, request.cluster, site, site_name, request.executor, "own", now)
    return row, site


def _join_domain(
    tx: Connection, domain: DomainRow, who: Principal, request: JoinRequest, now: float
) -> tuple[ClusterRow, str]:
    """A child domain: it gets an identifier of its own, and is a cluster in our eyes."""
    assert domain.id is not None
    name, kind = str(who.claims["name"]), law.Kind(who.claims["domain_kind"])
    _check_tier(domain, kind)
    child = request.identifier
    if child is None:
        child = identifiers.issue(tx, domain.id, kind, name, now)
    elif child != who.claims.get("identifier"):
        raise NotAllowed(f"this token does not let {name} in as {child}")
    # The link's own identifier is ours to issue; what lies under the child's is the child's.
    site = identifiers.issue(tx, domain.id, law.Kind.SITE, "(links)", now)
    cluster = identifiers.issue(tx, site, law.Kind.CLUSTER, child, now)
    row = _cluster_row(cluster, name, child, name, "federated", "down", now)
    return replace(row, peer_domain=child, peer_url=request.url), child


def _take_back(tx: Connection, known: ClusterRow) -> None:
    """A cluster that was removed is here again, with all the identifiers that it had."""
    if known.removed_at is not None:
        clusters.change(tx, known.id, removed_at=None)
        identifiers.use_again(tx, known.id, below=True)
        identifiers.use_again(tx, known.site)


def _check_tier(domain: DomainRow, kind: law.Kind) -> None:
    if kind not in law.ISSUES[law.Kind(domain.kind)]:
        raise BadInput(
            f"{kind} domains can't join {domain.kind} ones",
            [Mistake("domain_kind", f"{domain.name} is {domain.kind}")],
        )


def set_identity(ctx: Context, request: IdentityRequest) -> DomainAnswer:
    """Take on the identifier that the parent has issued. It can't be changed afterwards."""
    parsed = _parsed(request.identifier, "identifier", None)
    domain = ctx.domain()
    if parsed.kind != domain.kind:
        raise BadInput(
            "the identifier does not fit this domain",
            [Mistake("identifier", f"is of a {parsed.kind}; {domain.name} is {domain.kind}")],
        )
    if domain.id is not None and domain.id != parsed.text:
        raise Conflict(f"{domain.name} is {domain.id} already, and an identifier never changes")
    with ctx.store.write() as tx:
        domains.set_identity(tx, parsed.text, request.parent)
    return describe(ctx)


def make_uplink(ctx: Context, request: UplinkRequest) -> UplinkAnswer:
    """The cluster that stands for the parent, here at the child: the way up."""
    now = ctx.now()
    domain = ctx.domain()
    if domain.id is None:
        raise NotReady(f"{domain.name} has no identifier yet; set it first")
    with ctx.store.write() as tx:
        site = identifiers.issue(tx, domain.id, law.Kind.SITE, "(links)", now)
        cluster = identifiers.issue(tx, site, law.Kind.CLUSTER, request.parent, now)
        known = clusters.get(tx, cluster)
        if known is None:
            name = request.parent_name
            row = _cluster_row(cluster, name, request.parent, name, "federated", "up", now)
            clusters.add(tx, replace(row, peer_domain=request.parent, peer_url=request.url))
        else:
            tokens.revoke_of_cluster(tx, cluster, now)
            _take_back(tx, known)
        secret = _add_token(ctx, tx, "node", request.parent_name, ["node"], cluster=cluster)[1]
    return UplinkAnswer(cluster=cluster, token=secret)


def describe(ctx: Context) -> DomainAnswer:
    """Who this server is."""
    row = ctx.domain()
    return DomainAnswer(
        id=row.id, name=row.name, kind=row.kind, parent=row.parent, version=ctx.version
    )


def _cluster_row(
    cluster: str, name: str, site: str, site_name: str, executor: str, direction: str, now: float
) -> ClusterRow:
    return ClusterRow(
        id=cluster,
        name=name,
        site=site,
        site_name=site_name,
        executor=executor,
        direction=direction,
        peer_domain=None,
        peer_url=None,
        joined_at=now,
        generation=0,
        inventory_digest="",
        incarnation="",
        journal="",
        observed=0,
        heard_at=None,
        silent=True,
        clock_skew_s=0.0,
        rtt_us=None,
        version="",
        removed_at=None,
    )


def _check_brought(text: str, kind: str) -> None:
    if kind == "site":
        _parsed(text, "identifier", law.Kind.SITE)
    else:
        _parsed(text, "identifier", None)


def _parsed(text: str, field: str, kind: law.Kind | None) -> law.Identifier:
    try:
        parsed = law.parse(text)
    except law.BadIdentifier as error:
        raise BadInput("an identifier is wrong", [Mistake(field, str(error))]) from None
    if kind is not None and parsed.kind is not kind:
        raise BadInput(
            "an identifier is of the wrong kind",
            [Mistake(field, f"is of a {parsed.kind}; a {kind}'s is needed")],
        )
    return parsed


def _new_token(
    ctx: Context,
    kind: str,
    subject: str,
    roles: list[str],
    claims: dict[str, Any] | None = None,
    expires_at: float | None = None,
) -> tuple[str, str]:
    with ctx.store.write() as tx:
        return _add_token(ctx, tx, kind, subject, roles, claims=claims, expires_at=expires_at)


def _add_token(
    ctx: Context,
    tx: Connection,
    kind: str,
    subject: str,
    roles: list[str],
    cluster: str | None = None,
    claims: dict[str, Any] | None = None,
    expires_at: float | None = None,
) -> tuple[str, str]:
    """A new token's (id, secret); only the secret's hash is kept."""
    secret = f"weir_{kind}_{ctx.new_secret()}"
    row = TokenRow(
        id=ctx.new_id("t"),
        kind=kind,
        subject=subject,
        roles=roles,
        cluster=cluster,
        claims=claims or {},
        created_at=ctx.now(),
        expires_at=expires_at,
        used_at=None,
        revoked_at=None,
    )
    tokens.add(tx, row, hash_of(secret))
    return row.id, secret
