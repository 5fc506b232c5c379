"""What domains further away are called, as each link has told it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, bindparam, delete, select

from weir.store.rows import upsert
from weir.store.tables import cluster, domain_name

_TOLD = (
    select(domain_name.c.id, domain_name.c.name)
    .join(cluster, cluster.c.id == domain_name.c.cluster)
    .where(domain_name.c.cluster != bindparam("without"), cluster.c.removed_at.is_(None))
    .order_by(domain_name.c.cluster)
)
_PEERS = select(cluster.c.peer_domain, cluster.c.name).where(
    cluster.c.peer_domain.is_not(None),
    cluster.c.id != bindparam("without"),
    cluster.c.removed_at.is_(None),
)


def put(tx: Connection, link: str, names: Mapping[str, str]) -> None:
    """Replace what a link has told: identifiers with their names."""
    tx.execute(delete(domain_name).where(domain_name.c.cluster == link))
    rows = [{"cluster": link, "id": one, "name": name} for one, name in sorted(names.items())]
    if rows:
        tx.execute(upsert(tx, domain_name).on_conflict_do_nothing(), rows)


def told(tx: Connection, without: str = "") -> dict[str, str]:
    """The names of domains by identifier, as links other than `without` tell them.

    Of the domains at the other ends of links the name is this domain's own for them.
    """
    found: dict[str, str] = {}
    for one, name in tx.execute(_TOLD, {"without": without}):
        found.setdefault(str(one), str(name))
    found.update((str(one), str(name)) for one, name in tx.execute(_PEERS, {"without": without}))
    return found
