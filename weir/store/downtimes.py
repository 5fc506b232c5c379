"""Declared downtimes of sites."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sqlalchemy import Connection, insert, update

from weir.store.rows import fetch, first, select_as
from weir.store.tables_monitoring import downtime


@dataclass(frozen=True, slots=True)
class DowntimeRow:
    """A time for which a site was declared to be down. Times are seconds since 1970."""

    id: str
    site: str
    begins_at: float
    ends_at: float
    reason: str
    declared_by: str
    declared_at: float


def add(tx: Connection, row: DowntimeRow) -> None:
    """Write a new one."""
    tx.execute(insert(downtime).values(**asdict(row)))


def get(tx: Connection, number: str) -> DowntimeRow | None:
    """One of them."""
    return first(tx, DowntimeRow, select_as(DowntimeRow, downtime).where(downtime.c.id == number))


def end(tx: Connection, number: str, ends_at: float) -> None:
    """It ends at another time than was said."""
    tx.execute(update(downtime).where(downtime.c.id == number).values(ends_at=ends_at))


def within(tx: Connection, begin: float, end: float | None = None) -> list[DowntimeRow]:
    """Those that touch [begin, end), by begin; one that was ended before its begin touches none."""
    c = downtime.c
    query = select_as(DowntimeRow, downtime).where(c.ends_at > begin, c.ends_at > c.begins_at)
    if end is not None:
        query = query.where(c.begins_at < end)
    return fetch(tx, DowntimeRow, query.order_by(c.begins_at, c.id))
