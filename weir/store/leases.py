"""Leases: whole hosts of a pool that are promised to a queue or a user for a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update

from weir.store.rows import chunks, fetch, first, select_as
from weir.store.runs import LIVE
from weir.store.tables import job, lease, run


@dataclass(frozen=True, slots=True)
class LeaseRow:
    """`hosts` of a pool, from `starts_at` until `ends_at`; `queue` or `holder` is empty.

    One that was ended before its time ends then.
    """

    id: str
    pool: str
    hosts: int
    queue: str
    holder: str
    starts_at: float
    ends_at: float
    made_by: str
    made_at: float


def get(tx: Connection, lease_id: str) -> LeaseRow | None:
    """One lease."""
    return first(tx, LeaseRow, select_as(LeaseRow, lease).where(lease.c.id == lease_id))


def after(tx: Connection, now: float) -> list[LeaseRow]:
    """The leases that are not over, by when they begin."""
    query = select_as(LeaseRow, lease).where(lease.c.ends_at > now)
    return fetch(tx, LeaseRow, query.order_by(lease.c.starts_at, lease.c.id))


def add(tx: Connection, row: LeaseRow) -> None:
    """Write a new lease."""
    tx.execute(insert(lease).values(**asdict(row)))


def end(tx: Connection, lease_id: str, at: float) -> None:
    """Let a lease end."""
    tx.execute(update(lease).where(lease.c.id == lease_id).values(ends_at=at))


def holders_on(tx: Connection, pools: Collection[str]) -> list[tuple[str, str, str, Any]]:
    """(pool, queue, submitter, claims) of what runs on these pools; what a link has handed over
    has neither queue nor submitter here.
    """
    r, j = run.c, job.c
    found = []
    for batch in chunks(sorted(pools)):
        query = (
            select(r.pool, j.queue, j.submitter, r.claims, j.origin_cluster)
            .join(job, j.id == r.job)
            .where(r.state.in_(LIVE), r.pool.in_(batch))
            .order_by(r.id)
        )
        for pool, queue, submitter, claims, origin in tx.execute(query):
            mine = origin is None
            found.append((pool, queue if mine else "", submitter if mine else "", claims))
    return found
