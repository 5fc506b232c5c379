"""Jobs that may be put off: until when, and what was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, insert, or_, select, update

from weir.core.lifecycle import JobState
from weir.store.rows import fetch, first, select_as
from weir.store.tables import deferral, job


@dataclass(frozen=True, slots=True)
class DeferralRow:
    """A job that may be put off until `latest_at`; all else is None until it is decided, and but
    for `decided_at` and `policy` for one that starts as soon as it can. See `tables.deferral`.
    """

    job: str
    latest_at: float
    decided_at: float | None = None
    policy: str | None = None
    start_at: float | None = None
    ends_at: float | None = None
    pool: str | None = None
    amount: int | None = None
    saves: float | None = None
    what: str | None = None


def add(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note jobs (`job`, `latest_at`) that may be put off."""
    if rows:
        tx.execute(insert(deferral), list(rows))


def get(tx: Connection, job_id: str) -> DeferralRow | None:
    """What is known of a job; None for one that can't be put off."""
    query = select_as(DeferralRow, deferral).where(deferral.c.job == job_id)
    return first(tx, DeferralRow, query)


def pending(tx: Connection, now: float) -> list[DeferralRow]:
    """Those of waiting jobs that are to be decided (none that is not to start yet), or are put off
    until later than now, in the order in which the jobs came.
    """
    c = deferral.c
    ready = job.c.start_after.is_(None) | (job.c.start_after <= now)
    query = (
        select_as(DeferralRow, deferral)
        .join(job, job.c.id == c.job)
        .where(job.c.state == JobState.WAITING, job.c.cancel_at.is_(None))
        .where(or_(c.decided_at.is_(None) & (c.latest_at > now) & ready, c.start_at > now))
        .order_by(job.c.submitted_at, c.job)
    )
    return fetch(tx, DeferralRow, query)


def any_pending(tx: Connection, now: float, shifting: bool) -> bool:
    """Whether there may be any of these: a look at two indexes, before everything else. Where the
    policy is not `shifting`, only whether somebody is put off all the same.
    """
    c = deferral.c
    open_ = select(c.job).where(c.decided_at.is_(None), c.latest_at > now).limit(1)
    later = select(c.job).where(c.start_at > now).limit(1)
    if tx.execute(later).first() is not None:
        return True
    return shifting and tx.execute(open_).first() is not None


def decide(tx: Connection, rows: Sequence[DeferralRow]) -> None:
    """Write what was decided."""
    if not rows:
        return
    names = ("decided_at", "policy", "start_at", "ends_at", "pool", "amount", "saves", "what")
    query = update(deferral).where(deferral.c.job == bindparam("of"))
    query = query.values({name: bindparam(f"new_{name}") for name in names})
    tx.execute(
        query,
        [{"of": row.job} | {f"new_{name}": getattr(row, name) for name in names} for row in rows],
    )
