"""Replays that were asked for, and the jobs of the past that they replay."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from weir.core.lifecycle import JOB_FINAL
from weir.store.rows import fetch, first, select_as
from weir.store.tables import deferral, job, replay, run


@dataclass(frozen=True, slots=True)
class ReplayRow:
    """A replay. `heard_at` is when whoever works on it last said so; `result` is its record."""

    id: str
    asked_by: str
    asked_at: float
    days: float
    policies: list[str]
    state: str
    share: float
    heard_at: float
    detail: str
    result: dict[str, Any] | None


def add(tx: Connection, row: ReplayRow) -> None:
    """Write a new one."""
    tx.execute(insert(replay).values(**asdict(row)))


def get(tx: Connection, replay_id: str) -> ReplayRow | None:
    """One replay."""
    return first(tx, ReplayRow, select_as(ReplayRow, replay).where(replay.c.id == replay_id))


def latest(tx: Connection, limit: int) -> list[ReplayRow]:
    """The last ones, newest first."""
    query = select_as(ReplayRow, replay).order_by(replay.c.asked_at.desc(), replay.c.id.desc())
    return fetch(tx, ReplayRow, query.limit(limit))


def change(tx: Connection, replay_id: str, seen: str, **values: Any) -> bool:
    """Write `values` if the replay is in the state `seen`; False if it is not."""
    query = update(replay).where(replay.c.id == replay_id, replay.c.state == seen)
    return tx.execute(query.values(**values)).rowcount == 1


def keep(tx: Connection, ids: Sequence[str]) -> None:
    """Forget all but these."""
    tx.execute(delete(replay).where(replay.c.id.not_in(list(ids))))


def past_jobs(tx: Connection, since: float, limit: int) -> list[Any]:
    """Rows (id, shape, queue, submitter, priority, submitted_at, start_after, ended_at, pool,
    decision, claims, latest_at, decided_at, put_off_until, began, held_s) of jobs that were
    submitted from `since` on, have run and have ended; the newest `limit`, newest first.

    `began` is when the first run did, `held_s` what all runs took, `claims` what the last one held.
    """
    c, last = job.c, run.alias("last")
    ran = run.c.ended_at.is_not(None) & run.c.started_at.is_not(None)
    query = (
        select(
            c.id, c.shape, c.queue, c.submitter, c.priority, c.submitted_at, c.start_after,
            c.ended_at, c.pool, c.decision, last.c.claims,
            deferral.c.latest_at, deferral.c.decided_at,
            deferral.c.start_at.label("put_off_until"),
            func.min(run.c.started_at).label("began"),
            func.sum(run.c.ended_at - run.c.started_at).label("held_s"),
        )
        .join(run, (run.c.job == c.id) & ran)
        .join(last, last.c.id == c.run)
        .outerjoin(deferral, deferral.c.job == c.id)
        .where(c.state.in_(JOB_FINAL), c.ended_at.is_not(None), c.submitted_at >= since)
        .group_by(c.id, last.c.id, deferral.c.job)
        .order_by(c.submitted_at.desc(), c.id.desc())
        .limit(limit)
    )  # fmt: skip
    return list(tx.execute(query).all())


def counted(tx: Connection, since: float) -> tuple[int, int]:
    """How many jobs were submitted from `since` on: those that have ended, those that have not."""
    query = (
        select(job.c.state, func.count()).where(job.c.submitted_at >= since).group_by(job.c.state)
    )
    ended = going = 0
    for state, number in tx.execute(query):
        if state in JOB_FINAL:
            ended += int(number)
        else:
            going += int(number)
    return ended, going
