"""What domains further away are called, as each link has told it."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection, delete, select

from weir.store.rows import upsert
from weir.store.tables import cluster, domain_name


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
    c = domain_name.c
    found: dict[str, str] = {}
    rows = tx.execute(
        select(c.id, c.name)
        .join(cluster, cluster.c.id == c.cluster)
        .where(c.cluster != without, cluster.c.removed_at.is_(None))
        .order_by(c.cluster)
    )
    for one, name in rows:
        found.setdefault(str(one), str(name))
    peers = select(cluster.c.peer_domain, cluster.c.name).where(
        cluster.c.peer_domain.is_not(None),
        cluster.c.id != without,
        cluster.c.removed_at.is_(None),
    )
    found.update((str(one), str(name)) for one, name in tx.execute(peers))
    return found
