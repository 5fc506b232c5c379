"""Checkpoints of jobs that have come here whole: which of a run's files they are, in what order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select

from weir.core.lifecycle import JOB_FINAL, JobState
from weir.store.rows import chunks, fetch, select_as, upsert
from weir.store.tables import checkpoint, file, job


@dataclass(frozen=True, slots=True)
class CheckpointRow:
    """A checkpoint of a job: the file `name` of `run`.

    `made_in` is when that run was assigned (seconds; 0 for one that a link brought along), `number`
    its number there, `saved_at` when it was made, by this domain's clock.
    """

    job: str
    run: str
    name: str
    made_in: float
    number: int
    saved_at: float


def add(tx: Connection, rows: Iterable[CheckpointRow]) -> None:
    """Note checkpoints; harmless when they are noted already."""
    for row in rows:
        query = upsert(tx, checkpoint).values(**asdict(row))
        tx.execute(query.on_conflict_do_nothing())


def of_jobs(tx: Connection, jobs: Iterable[str]) -> dict[str, list[CheckpointRow]]:
    """The checkpoints of these jobs, newest first; jobs without any are left out."""
    found: dict[str, list[CheckpointRow]] = {}
    for batch in chunks(jobs):
        query = select_as(CheckpointRow, checkpoint).where(checkpoint.c.job.in_(batch))
        for row in fetch(tx, CheckpointRow, query):
            found.setdefault(row.job, []).append(row)
    for rows in found.values():
        rows.sort(key=lambda row: (row.made_in, row.number), reverse=True)
    return found


def not_needed(tx: Connection, before: float, most: int = 200) -> list[CheckpointRow]:
    """Checkpoints of jobs that have succeeded, or ended otherwise before some time."""
    c, j = checkpoint.c, job.c
    others = [state for state in JOB_FINAL if state is not JobState.SUCCEEDED]
    over = (j.state == JobState.SUCCEEDED) | (j.state.in_(others) & (j.ended_at < before))
    query = select_as(CheckpointRow, checkpoint).join(job, j.id == c.job).where(over).limit(most)
    return fetch(tx, CheckpointRow, query)


def remove(tx: Connection, rows: Sequence[CheckpointRow]) -> None:
    """Forget checkpoints, and that there are such files."""
    for row in rows:
        c, f = checkpoint.c, file.c
        here = (c.job == row.job) & (c.run == row.run) & (c.name == row.name)
        tx.execute(delete(checkpoint).where(here))
        tx.execute(delete(file).where((f.run == row.run) & (f.name == row.name)))


def size_of(tx: Connection, run: str, name: str) -> int:
    """How much of a file has come."""
    query = select(file.c.size).where((file.c.run == run) & (file.c.name == name))
    return int(tx.execute(query).scalar() or 0)
