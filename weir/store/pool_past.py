"""What pools were: a row where one was another than before (`core.inventory_past`)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, func, or_, select

from weir.core.series import body_of
from weir.store.rows import upsert
from weir.store.tables_monitoring import pool_past


class NoteRow(NamedTuple):
    """What a pool was from a time on; of one that was gone `hosts` is 0 and nothing is known."""

    pool: str
    at: int
    hosts: int
    record: dict[str, Any]


def put(tx: Connection, rows: Iterable[NoteRow]) -> None:
    """Write notes; of one pool and time the last stands."""
    values = [row._asdict() for row in rows]
    if values:
        query = upsert(tx, pool_past)
        query = query.on_conflict_do_update(
            index_elements=["pool", "at"],
            set_={"hosts": query.excluded.hosts, "record": query.excluded.record},
        )
        tx.execute(query, values)


def read(tx: Connection, begin: int, end: int, under: str | None = None) -> list[NoteRow]:
    """The notes that speak of [begin, end), by pool and time: also each pool's last one before."""
    c = pool_past.c
    last = select(c.pool, func.max(c.at)).where(c.at <= begin).group_by(c.pool)
    before: dict[str, int] = {row[0]: int(row[1]) for row in tx.execute(last)}
    query = select(c.pool, c.at, c.hosts, c.record).where(c.at < end)
    first = min(before.values(), default=begin)
    query = query.where(c.at >= first)
    if under is not None:
        body = body_of(under)
        inside = [c.pool.startswith(body + mark, autoescape=True) for mark in "-."]
        query = query.where(or_(c.pool == under, *inside))
    rows = (NoteRow(*row) for row in tx.execute(query.order_by(c.pool, c.at)))
    return [row for row in rows if row.at >= before.get(row.pool, row.at)]


def forget_before(tx: Connection, at: int) -> None:
    """Throw away the notes that stood for a time before this one only."""
    c = pool_past.c
    last = select(c.pool, func.max(c.at).label("at")).where(c.at <= at).group_by(c.pool).subquery()
    kept = select(last.c.at).where(last.c.pool == c.pool).scalar_subquery()
    tx.execute(delete(pool_past).where(c.at < kept))
