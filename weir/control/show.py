"""Show: jobs, runs, files, pools and clusters as rows become answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Connection

from weir.control.authorize import Principal, owns
from weir.control.context import Context
from weir.control.network import Network, is_silent, left_of, load_network
from weir.core.errors import NotAllowed, NotFound
from weir.core.inventory import Pool
from weir.core.lifecycle import JOB_FINAL, JobState, RunState
from weir.scheduling.snapshot import PoolState
from weir.store import clusters, jobs, runs
from weir.store.rows import JobRow, RunRow
from weir.wire.jobs import (
    ClusterAnswer,
    FileAnswer,
    FilesAnswer,
    HistoryAnswer,
    JobAnswer,
    JobDetailAnswer,
    JobsAnswer,
    RunAnswer,
)
from weir.wire.jobspec import JobSpec
from weir.wire.pools import PoolAnswer, PoolReport, pool_from, report_of

REPORTED = [name for name in PoolAnswer.model_fields if name in PoolReport.model_fields]
"""What an answer on a pool has of its report."""


def list_jobs(
    ctx: Context,
    *,
    states: tuple[str, ...] = (),
    submitter: str | None = None,
    name: str | None = None,
    array: str | None = None,
    pool: str | None = None,
    before: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> JobsAnswer:
    """A page of jobs, newest first: the newest of all, those `before` an id, or those just `after`
    one. `next` is what the following page is before; after an id there always is one, with it.
    """
    with ctx.store.read() as tx:
        rows = jobs.page(
            tx,
            states=states,
            submitter=submitter,
            name=name,
            array=array,
            pool=pool,
            before=before,
            after=after,
            limit=limit + 1,
        )
        if after is not None:
            rows = [*reversed(rows[:limit])]
        pools = _pools(tx, [r.pool for r in rows])
    older = len(rows) > limit or (after is not None and rows)
    following = rows[:limit][-1].id if older else None
    return JobsAnswer(jobs=tuple(_job(r, pools) for r in rows[:limit]), next=following)


def count_jobs(ctx: Context) -> dict[str, int]:
    """How many jobs stand in each state; those of other domains are theirs to count."""
    with ctx.store.read() as tx:
        return jobs.by_state(tx)


def show_job(ctx: Context, who: Principal, job_id: str) -> JobDetailAnswer:
    """A job with its runs and history; its spec, which may hold secrets, only for whose it is.

    Raises `NotFound`.
    """
    with ctx.store.read() as tx:
        row = _get(tx, job_id)
        text = jobs.specs(tx, [row.spec])[row.spec] if owns(who, row) else None
        attempts = runs.of_job(tx, job_id)
        past = jobs.history_of(tx, job_id)
        pools = _pools(tx, [row.pool, *(r.pool for r in attempts)])
    short = _job(row, pools)
    return JobDetailAnswer(
        **short.model_dump(),
        spec=None if text is None else JobSpec.model_validate_json(text),
        path=tuple(row.path),
        runs=tuple(_run(r, pools) for r in attempts),
        history=tuple(HistoryAnswer(at=h.at, what=h.what, detail=h.detail) for h in past),
    )


def job_answer(ctx: Context, job_id: str) -> JobAnswer:
    """A job as in a list. Raises `NotFound`."""
    with ctx.store.read() as tx:
        row = _get(tx, job_id)
        return _job(row, _pools(tx, [row.pool]))


def list_files(ctx: Context, who: Principal, job_id: str) -> FilesAnswer:
    """The files of a job's latest run that have come here."""
    with ctx.store.read() as tx:
        run = _latest_run(tx, _readable(tx, who, job_id))
        found = [] if run is None else runs.files_of(tx, run.id)
    return FilesAnswer(
        run=None if run is None else run.id,
        files=tuple(FileAnswer(name=n, size=s) for n, s in found),
    )


def read_file(
    ctx: Context, who: Principal, job_id: str, name: str, offset: int, limit: int
) -> tuple[bytes, int, bool]:
    """Bytes of a file of a job, its size now, and whether it is complete.

    A file that is not there is empty while the job can still write it; after that it raises
    `NotFound`.
    """
    with ctx.store.read() as tx:
        job = _readable(tx, who, job_id)
        run = _latest_run(tx, job)
        sizes = dict([] if run is None else runs.files_of(tx, run.id))
    complete = JobState(job.state) in JOB_FINAL
    if run is None or name not in sizes:
        if complete and name not in ("stdout", "stderr"):
            there = ", ".join(sizes) or "none"
            raise NotFound(f"job {job_id} left no file {name}; its files: {there}")
        return b"", 0, complete
    return ctx.files.read(run.id, name, offset, limit), sizes[name], complete


def list_pools(ctx: Context, network: Network | None = None) -> list[PoolAnswer]:
    """Every pool of the network, once, as this domain sees it; `network` if it was read already."""
    with ctx.store.read() as tx:
        network = network or load_network(ctx, tx, ctx.now())
        running = runs.count_by_pool(tx)
    return [_pool(ctx, network, s, running.get(s.pool.id, 0)) for s in network.pools()]


def list_clusters(ctx: Context) -> list[ClusterAnswer]:
    """Every cluster and link of this domain."""
    now = ctx.now()
    with ctx.store.read() as tx:
        rows = clusters.all_clusters(tx)
        heads = [h for h in clusters.pool_heads(tx) if not h.gone]
    return [
        ClusterAnswer(
            id=r.id,
            name=r.name,
            site=r.site,
            site_name=r.site_name,
            executor=r.executor,
            direction=r.direction,
            peer_domain=r.peer_domain,
            generation=r.generation,
            silent=is_silent(r, now, ctx.settings.lease_s),
            heard_at=r.heard_at,
            clock_skew_s=r.clock_skew_s,
            rtt_us=r.rtt_us,
            pools=sum(h.cluster == r.id for h in heads),
            version=r.version,
        )
        for r in rows
    ]


def _get(tx: Connection, job_id: str) -> JobRow:
    row = jobs.get(tx, job_id)
    if row is None:
        raise NotFound(f"there is no job {job_id} here")
    return row


def _readable(tx: Connection, who: Principal, job_id: str) -> JobRow:
    """A job whose files the caller may read: its own, any as operator, a link's own."""
    row = _get(tx, job_id)
    if not owns(who, row):
        whose = f"{row.submitter}'s" if row.origin_cluster is None else "another domain's"
        raise NotAllowed(f"the files of job {job_id} are {whose}")
    return row


def _latest_run(tx: Connection, job: JobRow) -> RunRow | None:
    if job.run is not None:
        return runs.get(tx, job.run)
    past = [r for r in runs.of_job(tx, job.id) if r.state != RunState.REFUSED]
    return past[-1] if past else None


def _pools(tx: Connection, ids: Iterable[str | None]) -> dict[str, Pool]:
    """These pools as reported, for their names: how they are reached does not matter here."""
    records = clusters.records_of(tx, {i for i in ids if i is not None})
    return {pool_id: pool_from(report) for pool_id, report in records.items()}


def _job(row: JobRow, pools: dict[str, Pool]) -> JobAnswer:
    pool = pools.get(row.pool or "")
    return JobAnswer(
        id=row.id,
        name=row.name,
        state=JobState(row.state),
        submitter=row.submitter,
        priority=row.priority,
        queue=row.queue,
        preemptible=row.preemptible,
        start_after=row.start_after,
        submitted_at=row.submitted_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        reason=row.reason,
        pool=row.pool,
        pool_name=pool.name if pool else None,
        site_name=pool.site_name if pool else None,
        emulated=pool.emulated if pool else None,
        place=tuple(row.place),
        array=row.array,
        array_index=row.array_index,
        root_job=row.root_job,
        attempts=row.attempts,
    )


def _run(row: RunRow, pools: dict[str, Pool]) -> RunAnswer:
    pool = pools.get(row.pool)
    return RunAnswer(
        id=row.id,
        cluster=row.cluster,
        pool=row.pool,
        pool_name=pool.name if pool else "(gone)",
        site_name=pool.site_name if pool else "(gone)",
        device_model=pool.device_model if pool else None,
        emulated=pool.emulated if pool else False,
        state=RunState(row.state),
        assigned_at=row.assigned_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
        exit_code=row.exit_code,
        reason=row.reason,
        place=tuple(row.place),
    )


def _pool(ctx: Context, network: Network, state: PoolState, running: int) -> PoolAnswer:
    """An answer on a pool; of one that is as it was, the last one with what is of this moment."""
    pool, left = state.pool, left_of(ctx, state)
    place = (state.cluster, pool.id)
    now: dict[str, Any] = {
        "silent": state.silent,
        "runs": running,
        "heard_at": network.clusters[state.cluster].heard_at,
    }
    known = ctx.caches.answers.get(place)
    if known is not None and known[0] is pool and known[1] is left:
        return known[2].model_copy(update=now)
    report = report_of(pool, left)
    # All of it was checked when it came in: with thousands of pools, checking again is most of it.
    answer = PoolAnswer.model_construct(
        **{name: getattr(report, name) for name in REPORTED},
        free_devices_milli=sum(f.hosts * f.device_milli for f in left),
        free_cpu_milli=sum(f.hosts * f.cpu_milli for f in left),
        **now,
    )
    ctx.caches.answers[place] = (pool, left, answer)
    return answer
