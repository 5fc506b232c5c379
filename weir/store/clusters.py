"""Clusters, and the pools that each of them reports."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from sqlalchemy import Connection, Update, bindparam, insert, select, update

from weir.core.errors import InventoryConflict
from weir.store.rows import ClusterRow, chunks, fetch, first, is_one_of, select_as
from weir.store.tables import cluster, pool
from weir.wire.pools import PoolReport

_BY_ID = select_as(ClusterRow, cluster).where(cluster.c.id == bindparam("id"))
_HERE = select_as(ClusterRow, cluster).where(cluster.c.removed_at.is_(None)).order_by(cluster.c.id)
_HEADS = select(
    pool.c.cluster, pool.c.id, pool.c.version, pool.c.revision, pool.c.gone
).order_by(pool.c.id, pool.c.cluster)  # fmt: skip
_HEADS_AFTER = _HEADS.where(pool.c.revision > bindparam("after"))
_RECORDS_OF = select(pool.c.id, pool.c.record).where(is_one_of(pool.c.id), ~pool.c.gone)
_TOUCH = update(pool).where(is_one_of(pool.c.id)).values(revision=bindparam("b_revision"))


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
    return first(tx, ClusterRow, _BY_ID, {"id": cluster_id})


def all_clusters(tx: Connection) -> list[ClusterRow]:
    """Every cluster that has not been removed, by identifier."""
    return fetch(tx, ClusterRow, _HERE)


def pools_of(tx: Connection, cluster_id: str) -> list[str]:
    """The identifiers of a cluster's pools that are not gone."""
    query = select(pool.c.id).where(pool.c.cluster == cluster_id, ~pool.c.gone)
    return [str(i) for i in tx.execute(query.order_by(pool.c.id)).scalars()]


def add(tx: Connection, row: ClusterRow) -> None:
    """Write a new cluster."""
    tx.execute(insert(cluster).values(**asdict(row)))


def change(tx: Connection, cluster_id: str, **values: Any) -> None:
    """Overwrite some columns that no decision depends on (heard_at, rtt_us ...)."""
    tx.execute(_changing(tuple(values)), {"b_id": cluster_id, **_named(values)})


def _named(values: dict[str, Any]) -> dict[str, Any]:
    return {f"v_{name}": value for name, value in values.items()}


@cache
def _changing(columns: tuple[str, ...]) -> Update:
    query = update(cluster).where(cluster.c.id == bindparam("b_id"))
    return query.values({name: bindparam(f"v_{name}") for name in columns})


@cache
def _swapping(columns: tuple[str, ...]) -> Update:
    seen = ("generation", "observed", "incarnation")
    return _changing(columns).where(*(cluster.c[name] == bindparam(f"b_{name}") for name in seen))


def swap(tx: Connection, seen: ClusterRow, **values: Any) -> None:
    """Write `values` if generation, observed and incarnation are still as `seen`."""
    was = {
        "b_id": seen.id,
        "b_generation": seen.generation,
        "b_observed": seen.observed,
        "b_incarnation": seen.incarnation,
    }
    if tx.execute(_swapping(tuple(values)), {**was, **_named(values)}).rowcount != 1:
        raise InventoryConflict(f"cluster {seen.id} has moved on from generation {seen.generation}")


def pool_heads(tx: Connection, after: int | None = None) -> list[PoolHead]:
    """Every pool by every way, gone ones too, in a fixed order; or those changed `after`."""
    if after is None:
        return [PoolHead(*row) for row in tx.execute(_HEADS)]
    return [PoolHead(*row) for row in tx.execute(_HEADS_AFTER, {"after": after})]


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
        for pool_id, record in tx.execute(_RECORDS_OF, {"ids": batch}):
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
        tx.execute(_TOUCH, {"ids": batch, "b_revision": revision})
