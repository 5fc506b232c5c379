"""What the subjects of alerts are called: sites, clusters, pools, links, hosts, this domain."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.network import load_network
from weir.core.series import body_of
from weir.store.domains import this_domain


def names_of(ctx: Context, tx: Connection) -> Callable[[str], str]:
    """A function from a subject to its name; what is not known here keeps its identifier."""
    network, domain = load_network(ctx, tx, ctx.now()), this_domain(tx)
    names: dict[str, str] = {}
    for state in network.pools():
        pool = state.pool
        names[pool.site] = pool.site_name
        names[pool.cluster] = pool.site_name
        names[pool.id] = f"{pool.site_name} / {pool.name}"
    for row in network.clusters.values():
        names[row.id] = row.name if row.peer_domain else f"{row.site_name} / {row.name}"
        if row.peer_domain:
            names[row.peer_domain] = row.name
    if domain is not None:
        names[domain.id or domain.name] = domain.name
    by_body = {body_of(subject): name for subject, name in names.items()}

    def name(subject: str) -> str:
        if ">" in subject:
            here, _, there = subject.partition(">")
            return f"{name(here)} > {name(there)}"
        base, _, host = subject.partition("/")
        found = by_body.get(body_of(base), base)
        return f"{found} / {host}" if host else found

    return name
