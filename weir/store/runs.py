"""Runs and the files they leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from weir.core.lifecycle import JOB_FINAL, RUN_ACTIVE, JobState, RunState
from weir.store.jobs import since
from weir.store.rows import JobRow, RunRow, chunks, fetch, first, select_as, swap_rows
from weir.store.tables import checkpoint, cluster, file, job, run

LIVE = (*RUN_ACTIVE, RunState.LOST)


def get(tx: Connection, run_id: str) -> RunRow | None:
    """One run."""
    return first(tx, RunRow, select_as(RunRow, run).where(run.c.id == run_id))


def some(tx: Connection, ids: Iterable[str]) -> dict[str, RunRow]:
    """These runs by id."""
    found: list[RunRow] = []
    for batch in chunks(ids):
        found += fetch(tx, RunRow, select_as(RunRow, run).where(run.c.id.in_(batch)))
    return {row.id: row for row in found}


def of_job(tx: Connection, job_id: str) -> list[RunRow]:
    """A job's runs, oldest first."""
    query = select_as(RunRow, run).where(run.c.job == job_id)
    return fetch(tx, RunRow, query.order_by(run.c.assigned_at, run.c.id))


def add(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new runs."""
    if rows:
        tx.execute(insert(run), list(rows))


def swap(tx: Connection, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write columns of runs; each row carries `id`, the `seen` state and the same columns. Raises
    `Conflict` if a run's state has changed since it was seen.
    """
    swap_rows(tx, run, changes, seen_in="state")


def change(tx: Connection, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write columns of runs, whatever their state; each row carries `id` and the same columns."""
    swap_rows(tx, run, changes, seen_in=None)


def booked(tx: Connection) -> list[Any]:
    """Rows (pool, cluster, state, claims, ends_at, cancel, started_at, origin_cluster) of every run
    that holds capacity or, lost, may hold it.
    """
    r = run.c
    query = (
        select(
            *(r.pool, r.cluster, r.state, r.claims, r.ends_at, r.cancel, r.started_at),
            job.c.origin_cluster,
        )
        .join(job, job.c.id == r.job)
        .where(r.state.in_(LIVE))
    )
    return list(tx.execute(query).all())


@dataclass(frozen=True, slots=True)
class LiveRow:
    """A run that holds capacity or, lost, may hold it; with what counts of its job."""

    id: str
    job: str
    pool: str
    cluster: str
    state: str
    claims: list[list[int]]
    ends_at: float | None
    assigned_at: float
    started_at: float | None
    cancel: bool
    counted_milli: int | None
    job_run: str | None
    job_state: str
    origin: str | None
    priority: int
    queue: str
    preemptible: bool
    cancel_at: float | None

    @property
    def stray(self) -> bool:
        """Whether it can change and its job does not."""
        return self.job_run != self.id or self.job_state in JOB_FINAL


def _live() -> Select[Any]:
    r, j = run.c, job.c
    return select(
        r.id, r.job, r.pool, r.cluster, r.state, r.claims, r.ends_at, r.assigned_at, r.started_at,
        r.cancel, r.counted_milli, j.run, j.state, j.origin_cluster, j.priority, j.queue,
        j.preemptible, j.cancel_at,
    ).join(job, j.id == r.job)  # fmt: skip


def live(tx: Connection) -> list[LiveRow]:
    """Every run that holds capacity or, lost, may hold it."""
    return [LiveRow(*row) for row in tx.execute(_live().where(run.c.state.in_(LIVE)))]


def changed_after(tx: Connection, seq: int, strays: Iterable[str]) -> list[LiveRow]:
    """The runs that may have changed after `seq`, live or not: those whose job has, those that were
    told something, and `strays`.
    """
    clusters = select(cluster.c.id)
    told = run.c.cluster.in_(clusters) & (run.c.revision > seq)
    conditions = [*since(seq), told, *(run.c.id.in_(batch) for batch in chunks(strays))]
    rows = [LiveRow(*row) for here in conditions for row in tx.execute(_live().where(here))]
    return list({row.id: row for row in rows}.values())


def held(tx: Connection, everything: bool) -> list[Any]:
    """Rows of the runs that hold capacity for a job now: (job, run, pool, cluster, claims,
    counted_milli, assigned_at, started_at, cancel, priority, queue, preemptible, origin_cluster,
    cancel_at). Those of jobs that may be pushed out; with `everything` those of all jobs.
    """
    r, j = run.c, job.c
    query = (
        select(
            j.id, r.id.label("run"), r.pool, r.cluster, r.claims, r.counted_milli,
            r.assigned_at, r.started_at, r.cancel, j.priority, j.queue, j.preemptible,
            j.origin_cluster, j.cancel_at,
        )
        .join(run, r.id == j.run)
        .where(j.state.in_((JobState.PLACED, JobState.RUNNING)), r.state.in_(RUN_ACTIVE))
    )  # fmt: skip
    if not everything:
        query = query.where(j.preemptible)
    return list(tx.execute(query).all())


def saved(tx: Connection) -> dict[str, float]:
    """When jobs that are placed or run have made their last checkpoint, as far as it is kept."""
    c = checkpoint.c
    query = select(c.job, func.max(c.saved_at)).join(job, job.c.id == c.job)
    query = query.where(job.c.state.in_((JobState.PLACED, JobState.RUNNING))).group_by(c.job)
    return {str(job_id): float(at) for job_id, at in tx.execute(query)}


def making_room(tx: Connection, since: float) -> list[tuple[str, str, str]]:
    """(job, cluster, for whom) of the runs that were told after `since` to make room for a job, and
    have not ended yet.
    """
    c = run.c
    query = select(c.job, c.cluster, c.preempted_for).where(
        c.state.in_(RUN_ACTIVE), c.preempted_for.is_not(None), c.preempted_at > since
    )
    return [(str(job_id), str(cluster), str(whom)) for job_id, cluster, whom in tx.execute(query)]


def orders(tx: Connection, cluster: str, after: int, limit: int) -> list[tuple[RunRow, JobRow]]:
    """Runs of a cluster still to be answered (with `after` 0: all that stand), with their jobs."""
    states = (RunState.ASSIGNED, RunState.ACCEPTED)
    query = (
        select_as(RunRow, run)
        .where(run.c.cluster == cluster, run.c.revision > after, run.c.state.in_(states))
        .order_by(run.c.revision)
        .limit(limit)
    )
    if after:  # the accepted ones are the rest of an answer that was cut short
        query = query.where((run.c.state == RunState.ASSIGNED) | ~run.c.cancel)
    rows = fetch(tx, RunRow, query)
    found: dict[str, JobRow] = {}
    for batch in chunks(r.job for r in rows):
        jobs = fetch(tx, JobRow, select_as(JobRow, job).where(job.c.id.in_(batch)))
        found.update((j.id, j) for j in jobs)
    return [(r, found[r.job]) for r in rows]


def cancels(tx: Connection, cluster: str, after: int, through: int) -> list[str]:
    """Runs of a cluster that are to be stopped, as asked after one revision, up to another."""
    query = select(run.c.id).where(
        run.c.cluster == cluster,
        run.c.cancel,
        run.c.state.in_(LIVE),
        run.c.revision > after,
        run.c.revision <= through,
    )
    return [str(i) for i in tx.execute(query).scalars()]


def live_on(tx: Connection, cluster: str, states: Sequence[str] = LIVE) -> list[RunRow]:
    """Runs of a cluster in these states."""
    query = select_as(RunRow, run).where(run.c.cluster == cluster, run.c.state.in_(states))
    return fetch(tx, RunRow, query)


def lost(tx: Connection) -> list[tuple[str, str]]:
    """(job, cluster) of every run that was given up and not heard of since."""
    query = select(run.c.job, run.c.cluster).where(run.c.state == RunState.LOST)
    return [(str(job_id), str(cluster)) for job_id, cluster in tx.execute(query)]


def last_revision(tx: Connection, cluster: str) -> int:
    """The highest revision among a cluster's runs."""
    query = select(func.max(run.c.revision)).where(run.c.cluster == cluster)
    return int(tx.execute(query).scalar() or 0)


def count_by_pool(tx: Connection) -> dict[str, int]:
    """How many runs hold capacity on each pool."""
    query = select(run.c.pool, func.count()).where(run.c.state.in_(RUN_ACTIVE)).group_by(run.c.pool)
    return {str(p): int(n) for p, n in tx.execute(query)}


def grow_file(tx: Connection, run_id: str, name: str, size: int) -> None:
    """A file of a run reaches `size`; a repeat never shrinks it."""
    here = (file.c.run == run_id) & (file.c.name == name)
    known = tx.execute(select(file.c.size).where(here)).scalar()
    if known is None:
        tx.execute(insert(file).values(run=run_id, name=name, size=size))
    elif size > known:
        tx.execute(update(file).where(here).values(size=size))


def files_of(tx: Connection, run_id: str) -> list[tuple[str, int]]:
    """(name, size) of a run's files, by name."""
    query = select(file.c.name, file.c.size).where(file.c.run == run_id).order_by(file.c.name)
    return [(str(n), int(s)) for n, s in tx.execute(query)]
