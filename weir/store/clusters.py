"""Clusters, and the pools that each of them reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from weir.core.errors import InventoryConflict
from weir.store.rows import ClusterRow, chunks, fetch, first, select_as
from weir.store.tables import cluster, pool
from weir.wire.pools import PoolReport


@dataclass(frozen=True, slots=True)
class PoolHead:
    """Which record of a pool stands: `version` of the record, `revision` of it and its bookings."""

    cluster: str
    id: str
    version: int
    revision: int
    gone: bool


def get(tx: Connection, cluster_id: str) -> ClusterRow | None:
    """One cluster, removed or not."""
    return first(tx, ClusterRow, select_as(ClusterRow, cluster).where(cluster.c.id == cluster_id))


def all_clusters(tx: Connection) -> list[ClusterRow]:
    """Every cluster that has not been removed, by identifier."""
    here = select_as(ClusterRow, cluster).where(cluster.c.removed_at.is_(None))
    return fetch(tx, ClusterRow, here.order_by(cluster.c.id))


def pools_of(tx: Connection, cluster_id: str) -> list[str]:
    """The identifiers of a cluster's pools that are not gone."""
    query = select(pool.c.id).where(pool.c.cluster == cluster_id, ~pool.c.gone)
    return [str(i) for i in tx.execute(query.order_by(pool.c.id)).scalars()]


def add(tx: Connection, row: ClusterRow) -> None:
    """Write a new cluster."""
    tx.execute(insert(cluster).values(**asdict(row)))


def change(tx: Connection, cluster_id: str, **values: Any) -> None:
    """Overwrite some columns that no decision depends on (heard_at, rtt_us ...)."""
    tx.execute(update(cluster).where(cluster.c.id == cluster_id).values(**values))


def swap(tx: Connection, seen: ClusterRow, **values: Any) -> None:
    """Write `values` if generation, observed and incarnation are still as `seen`."""
    c = cluster.c
    query = update(cluster).where(
        c.id == seen.id,
        c.generation == seen.generation,
        c.observed == seen.observed,
        c.incarnation == seen.incarnation,
    )
    if tx.execute(query.values(**values)).rowcount != 1:
        raise InventoryConflict(f"cluster {seen.id} has moved on from generation {seen.generation}")


def pool_heads(tx: Connection, after: int | None = None) -> list[PoolHead]:
    """Every pool by every way, gone ones too, in a fixed order; or those changed `after`."""
    c = pool.c
    query = select(c.cluster, c.id, c.version, c.revision, c.gone).order_by(c.id, c.cluster)
    if after is not None:
        query = query.where(c.revision > after)
    return [PoolHead(*row) for row in tx.execute(query)]


def pool_records(tx: Connection, cluster_id: str, ids: Iterable[str]) -> dict[str, PoolReport]:
    """The records of these pools of one cluster."""
    found: dict[str, PoolReport] = {}
    for batch in chunks(ids):
        here = (pool.c.cluster == cluster_id) & pool.c.id.in_(batch)
        for key, record in tx.execute(select(pool.c.id, pool.c.record).where(here)):
            found[key] = PoolReport.model_validate(record)
    return found


def records_of(tx: Connection, ids: Iterable[str]) -> dict[str, PoolReport]:
    """The reports of these pools that are there, by identifier; by any way where there are many."""
    found: dict[str, PoolReport] = {}
    for batch in chunks(ids):
        query = select(pool.c.id, pool.c.record).where(pool.c.id.in_(batch), ~pool.c.gone)
        for pool_id, record in tx.execute(query):
            found[str(pool_id)] = PoolReport.model_validate(record)
    return found


def put_pools(
    tx: Connection, cluster_id: str, reports: Iterable[PoolReport], revision: int
) -> None:
    """Insert or overwrite these pools of a cluster."""
    for report in reports:
        record = json.loads(report.model_dump_json())
        here = (pool.c.cluster == cluster_id) & (pool.c.id == report.id)
        values = {"record": record, "version": revision, "revision": revision, "gone": False}
        if tx.execute(update(pool).where(here).values(**values)).rowcount == 0:
            tx.execute(insert(pool).values(cluster=cluster_id, id=report.id, **values))


def drop_pools(tx: Connection, cluster_id: str, keep: Iterable[str], revision: int) -> None:
    """Mark the cluster's pools outside `keep` as gone; they stay, so that parents hear of it."""
    here = (pool.c.cluster == cluster_id) & pool.c.id.not_in(list(keep)) & ~pool.c.gone
    tx.execute(update(pool).where(here).values(gone=True, revision=revision))


def touch_pools_of(tx: Connection, cluster_id: str, revision: int) -> None:
    """A cluster has become silent, or is heard again: its pools look different."""
    tx.execute(update(pool).where(pool.c.cluster == cluster_id).values(revision=revision))


def touch_pools(tx: Connection, ids: Iterable[str], revision: int) -> None:
    """What is booked on these pools has changed: whoever watches offers looks again."""
    for batch in chunks(ids):
        tx.execute(update(pool).where(pool.c.id.in_(batch)).values(revision=revision))
