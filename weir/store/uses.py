"""Readings of what runs use. A reading is written once; its number tells a link what is new."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from sqlalchemy import Connection, delete, func, select

from weir.core.lifecycle import JOB_ACTIVE
from weir.core.usage import Use
from weir.store.rows import chunks, upsert
from weir.store.tables import job, run, run_use

_READING = tuple(run_use.c[field.name] for field in fields(Use))


def put(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write readings; one that is there stays as it is."""
    if rows:
        query = upsert(tx, run_use).on_conflict_do_nothing(index_elements=["run", "at"])
        tx.execute(query, list(rows))


def counts(tx: Connection, runs: Iterable[str]) -> dict[str, int]:
    """How many readings there are of these runs."""
    c = run_use.c
    found: dict[str, int] = {}
    for batch in chunks(runs):
        query = select(c.run, func.count()).where(c.run.in_(batch)).group_by(c.run)
        found.update((str(name), int(n)) for name, n in tx.execute(query))
    return found


def of_runs(tx: Connection, runs: Iterable[str]) -> dict[str, list[Use]]:
    """The readings of these runs, oldest first."""
    c = run_use.c
    found: dict[str, list[Use]] = {}
    for batch in chunks(runs):
        query = select(c.run, *_READING)
        for row in tx.execute(query.where(c.run.in_(batch)).order_by(c.run, c.at)):
            found.setdefault(str(row[0]), []).append(Use(*row[1:]))
    return found


def news_for(
    tx: Connection, cluster: str, after: int, ended_after: float, limit: int
) -> list[tuple[int, str, Use]]:
    """Readings of the jobs that `cluster` (a link) handed over, from a number on, in their order:
    (number, the link's own run, reading). None of jobs that ended before `ended_after`.
    """
    c = run_use.c
    query = (
        select(c.number, job.c.origin_run, *_READING)
        .join(run, run.c.id == c.run)
        .join(job, job.c.id == run.c.job)
        .where(c.number > after, job.c.origin_cluster == cluster)
        .where(job.c.state.in_(JOB_ACTIVE) | (job.c.ended_at > ended_after))
    )
    rows = tx.execute(query.order_by(c.number).limit(limit))
    return [(int(row[0]), str(row[1]), Use(*row[2:])) for row in rows]


def newest(tx: Connection) -> int:
    """The highest number that was given."""
    return int(tx.execute(select(func.max(run_use.c.number))).scalar() or 0)


def forget_before(tx: Connection, at: float) -> int:
    """Throw away the readings from before a time; gives how many."""
    return int(tx.execute(delete(run_use).where(run_use.c.at < at)).rowcount)
