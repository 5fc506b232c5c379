"""Runs and the files they leave."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, func, insert, select, update

from weir.core.lifecycle import JOB_FINAL, RUN_ACTIVE, JobState, RunState
from weir.store.jobs import SINCE
from weir.store.rows import JobRow, RunRow, chunks, fetch, first, is_one_of, select_as, swap_rows
from weir.store.tables import checkpoint, cluster, file, job, run

LIVE = (*RUN_ACTIVE, RunState.LOST)

_SOME = select_as(RunRow, run).where(is_one_of(run.c.id))
_JOBS = select_as(JobRow, job).where(is_one_of(job.c.id))
_LIVE_ON = select_as(RunRow, run).where(
    run.c.cluster == bindparam("cluster"), is_one_of(run.c.state, "states")
)
_LOST = select(run.c.job, run.c.cluster).where(run.c.state == RunState.LOST)
_LAST = select(func.max(run.c.revision)).where(run.c.cluster == bindparam("cluster"))
_ORDERS = (
    select_as(RunRow, run)
    .where(
        run.c.cluster == bindparam("cluster"),
        run.c.revision > bindparam("after"),
        run.c.state.in_((RunState.ASSIGNED, RunState.ACCEPTED)),
    )
    .order_by(run.c.revision)
    .limit(bindparam("most"))
)
_MORE_ORDERS = _ORDERS.where((run.c.state == RunState.ASSIGNED) | ~run.c.cancel)
_CANCELS = select(run.c.id).where(
    run.c.cluster == bindparam("cluster"),
    run.c.cancel,
    run.c.state.in_(LIVE),
    run.c.revision > bindparam("after"),
    run.c.revision <= bindparam("through"),
)
_BOOKED = (
    select(
        *(run.c.pool, run.c.cluster, run.c.state, run.c.claims, run.c.ends_at, run.c.cancel),
        *(run.c.started_at, job.c.origin_cluster),
    )
    .join(job, job.c.id == run.c.job)
    .where(run.c.state.in_(LIVE))
)


def get(tx: Connection, run_id: str) -> RunRow | None:
    """One run."""
    return first(tx, RunRow, select_as(RunRow, run).where(run.c.id == run_id))


def some(tx: Connection, ids: Iterable[str]) -> dict[str, RunRow]:
    """These runs by id."""
    found: list[RunRow] = []
    for batch in chunks(ids):
        found += fetch(tx, RunRow, _SOME, {"ids": batch})
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
    return list(tx.execute(_BOOKED).all())


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
    apart: dict[str, Any] | None
    submitter: str

    @property
    def stray(self) -> bool:
        """Whether it can change and its job does not."""
        return self.job_run != self.id or self.job_state in JOB_FINAL


_ROWS: Select[Any] = select(
    run.c.id, run.c.job, run.c.pool, run.c.cluster, run.c.state, run.c.claims, run.c.ends_at,
    run.c.assigned_at, run.c.started_at, run.c.cancel, run.c.counted_milli, job.c.run, job.c.state,
    job.c.origin_cluster, job.c.priority, job.c.queue, job.c.preemptible, job.c.cancel_at,
    job.c.apart, job.c.submitter,
).join(job, job.c.id == run.c.job)  # fmt: skip
_LIVE = _ROWS.where(run.c.state.in_(LIVE))
_NAMED = _LIVE.where(job.c.apart.is_not(None))
_TOLD = run.c.cluster.in_(select(cluster.c.id)) & (run.c.revision > bindparam("seq"))
_CHANGED_AFTER = tuple(_ROWS.where(here) for here in (*SINCE, _TOLD))
_THESE = _ROWS.where(is_one_of(run.c.id))


def live(tx: Connection) -> list[LiveRow]:
    """Every run that holds capacity or, lost, may hold it."""
    return [LiveRow(*row) for row in tx.execute(_LIVE)]


def changed_after(tx: Connection, seq: int, strays: Iterable[str]) -> list[LiveRow]:
    """The runs that may have changed after `seq`, live or not: those whose job has, those that were
    told something, and `strays`.
    """
    found = [row for query in _CHANGED_AFTER for row in tx.execute(query, {"seq": seq})]
    found += [row for batch in chunks(strays) for row in tx.execute(_THESE, {"ids": batch})]
    return list({row.id: LiveRow(*row) for row in found}.values())


def named(tx: Connection) -> list[LiveRow]:
    """The same of jobs that carry a name, by which they keep apart."""
    return [LiveRow(*row) for row in tx.execute(_NAMED)]


def held(tx: Connection, everything: bool) -> list[Any]:
    """Rows of the runs that hold capacity for a job now: (job, run, pool, cluster, claims,
    counted_milli, assigned_at, started_at, ends_at, cancel, priority, queue, preemptible,
    origin_cluster, cancel_at). Those of jobs that may be pushed out; with `everything` those of all
    jobs.
    """
    r, j = run.c, job.c
    query = (
        select(
            j.id, r.id.label("run"), r.pool, r.cluster, r.claims, r.counted_milli,
            r.assigned_at, r.started_at, r.ends_at, r.cancel, j.priority, j.queue, j.preemptible,
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
    # After a revision, the accepted ones are the rest of an answer that was cut short.
    values = {"cluster": cluster, "after": after, "most": limit}
    rows = fetch(tx, RunRow, _MORE_ORDERS if after else _ORDERS, values)
    found: dict[str, JobRow] = {}
    for batch in chunks(r.job for r in rows):
        found.update((j.id, j) for j in fetch(tx, JobRow, _JOBS, {"ids": batch}))
    return [(r, found[r.job]) for r in rows]


def cancels(tx: Connection, cluster: str, after: int, through: int) -> list[str]:
    """Runs of a cluster that are to be stopped, as asked after one revision, up to another."""
    values = {"cluster": cluster, "after": after, "through": through}
    return [str(i) for i in tx.execute(_CANCELS, values).scalars()]


def live_on(tx: Connection, cluster: str, states: Sequence[str] = LIVE) -> list[RunRow]:
    """Runs of a cluster in these states."""
    return fetch(tx, RunRow, _LIVE_ON, {"cluster": cluster, "states": states})


def lost(tx: Connection) -> list[tuple[str, str]]:
    """(job, cluster) of every run that was given up and not heard of since."""
    return [(str(job_id), str(cluster)) for job_id, cluster in tx.execute(_LOST)]


def last_revision(tx: Connection, cluster: str) -> int:
    """The highest revision among a cluster's runs."""
    return int(tx.execute(_LAST, {"cluster": cluster}).scalar() or 0)


def count_by_pool(tx: Connection) -> dict[str, int]:
    """How many runs hold capacity on each pool."""
    query = select(run.c.pool, func.count()).where(run.c.state.in_(RUN_ACTIVE)).group_by(run.c.pool)
    return {str(p): int(n) for p, n in tx.execute(query)}


def handed_over(tx: Connection) -> list[tuple[list[str], str]]:
    """Of runs that hold capacity for jobs that a link handed over: the job's path, and the pool."""
    query = select(job.c.path, run.c.pool).join_from(run, job, run.c.job == job.c.id)
    query = query.where(run.c.state.in_(RUN_ACTIVE), job.c.origin_cluster.is_not(None))
    return [(list(path), str(pool)) for path, pool in tx.execute(query)]


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
