"""Resolve: what does an identifier stand for? From what is known here, or who to ask."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.network import Network, load_network
from weir.core import identifiers as law
from weir.core.errors import BadInput, Mistake
from weir.core.inventory import Pool
from weir.store import identifiers
from weir.store.domains import this_domain
from weir.store.rows import DomainRow
from weir.wire.jobs import IdentifierAnswer


def resolve(ctx: Context, text: str) -> IdentifierAnswer:
    """What the identifier names. Unknown here is an answer too: it says which domain issued it."""
    try:
        parsed = law.parse(text)
    except law.BadIdentifier as error:
        raise BadInput("this is no identifier", [Mistake("identifier", str(error))]) from None
    with ctx.store.read() as tx:
        domain = this_domain(tx)
        network = load_network(ctx, tx, ctx.now())
        assert domain is not None
        facts, name, source = _known(tx, domain, network, parsed)
        issued = identifiers.get(tx, parsed.text)
    if issued is not None:
        name, source = issued.name, f"issued by {domain.name}"
        facts = facts | {"issued_at": issued.issued_at}
    referral = None
    if not source:
        referral = _referral(network, parsed)
    return IdentifierAnswer(
        id=parsed.text,
        kind=parsed.kind,
        name=name,
        parent=parsed.parent,
        known=bool(source),
        retired=issued is not None and issued.retired_at is not None,
        source=source,
        referral=referral,
        facts=facts,
    )


def _known(
    tx: Connection, domain: DomainRow, network: Network, parsed: law.Identifier
) -> tuple[dict[str, Any], str | None, str]:
    """(facts, name, source) from the network as reported; empty source if it is not in there."""
    if parsed.text == domain.id:
        return {"tier": domain.kind}, domain.name, "this domain"
    for row in network.clusters.values():
        if parsed.text == row.peer_domain:
            return {"url": row.peer_url}, row.name, f"linked to {domain.name}"
        if parsed.text == row.id and row.peer_domain is None:
            return {"executor": row.executor, "site": row.site}, row.name, f"joined {domain.name}"
    for state in network.pools():
        pool = state.pool
        if parsed.text == pool.id:
            return _pool_facts(pool), pool.name, "the pool's report"
        if parsed.text == pool.site:
            return _site_facts(pool), pool.site_name, "a pool's report"
        if parsed.text == pool.cluster:
            return {"site": pool.site}, None, "a pool's report"
        if parsed.text in pool.domains:
            return {}, None, "the way to a pool"
        if parsed.kind in (law.Kind.HOST, law.Kind.DEVICE) and parsed.is_under(pool.id):
            return _part_facts(pool, parsed)
    return {}, None, ""


def _pool_facts(pool: Pool) -> dict[str, Any]:
    return _site_facts(pool) | {
        "hosts": pool.hosts,
        "devices_per_host": pool.shape.devices,
        "device_model": pool.device_model,
        "emulated": pool.emulated,
        "site": pool.site,
        "site_name": pool.site_name,
    }


def _site_facts(pool: Pool) -> dict[str, Any]:
    where = pool.location
    return {"region": where.region, "country": where.country, "domains": list(pool.domains)}


def _part_facts(pool: Pool, parsed: law.Identifier) -> tuple[dict[str, Any], str | None, str]:
    """Hosts and devices are numbered within their pool; no register is needed for them."""
    numbers = [int(s[1:]) for s in parsed.segments if s[0] in "HD" and s[1:].isdigit()]
    limits = [pool.hosts, pool.shape.devices]
    if any(n > limit for n, limit in zip(numbers[-2:], limits, strict=False)):
        return {}, None, ""
    return {"pool": pool.id, "device_model": pool.device_model}, None, "the pool's report"


def _referral(network: Network, parsed: law.Identifier) -> str | None:
    """The address of the linked domain that is nearest above the identifier, if one is known."""
    above = parsed.ancestors
    linked = {r.peer_domain: r.peer_url for r in network.clusters.values() if r.peer_domain}
    for ancestor in reversed(above):
        if linked.get(ancestor):
            return linked[ancestor]
    ups = [r.peer_url for r in network.clusters.values() if r.direction == "up" and r.peer_url]
    return ups[0] if ups else None
