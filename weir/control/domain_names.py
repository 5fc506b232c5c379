"""Names of domains: told from neighbor to neighbor, so that one two links away has its name too.

Laws:
- A domain's own name, and those of its neighbors, are its own to say: nobody else changes them.
- A name is not told back to the link that it came by.
- What is no identifier of a domain, or no name, is left out.
"""

from __future__ import annotations

import re

from sqlalchemy import Connection

from weir.control.context import Context
from weir.core.identifiers import BadIdentifier, Kind, parse
from weir.store import domain_names
from weir.store.domains import this_domain
from weir.store.rows import ClusterRow
from weir.wire.exchange import ExchangeRequest

DOMAINS = frozenset({Kind.NATIONAL, Kind.REGIONAL, Kind.INDUSTRY})
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def accept_names(tx: Connection, row: ClusterRow, request: ExchangeRequest) -> None:
    """Keep what a link tells of the domains behind it."""
    if request.domains is None or row.peer_domain is None:
        return
    names = {one: name for one, name in request.domains.items() if _may_be(one, name)}
    domain_names.put(tx, row.id, names)


def _may_be(identifier: str, name: str) -> bool:
    try:
        found = parse(identifier)
    except BadIdentifier:
        return False
    return found.text == identifier and found.kind in DOMAINS and bool(NAME.fullmatch(name))


def names_for(tx: Connection, link: str) -> dict[str, str]:
    """What a link is told: this domain, and the others that are known here by other ways."""
    here = this_domain(tx)
    own = {here.id: here.name} if here is not None and here.id is not None else {}
    return domain_names.told(tx, without=link) | own


def known_names(ctx: Context) -> dict[str, str]:
    """Every domain whose name is known here, this one included, by identifier."""
    with ctx.store.read() as tx:
        return names_for(tx, "")
