"""What jobs use: readings come from agents, are kept for a while, and go on to the job's sender.

Laws:
- A cluster tells of its own runs only; what it tells of others is left out.
- A run has at most `MAX_READINGS`; a reading that is there stays as it is.
- A reading lies between the run's assignment and now, by this domain's clock.
"""

from __future__ import annotations

from dataclasses import asdict

from sqlalchemy import Connection

from weir.control.authorize import Principal
from weir.control.context import Context
from weir.core.errors import NotFound
from weir.core.usage import steps, whole
from weir.store import jobs, runs
from weir.store import uses as kept
from weir.store.rows import ClusterRow, RunRow
from weir.wire.exchange import ExchangeRequest
from weir.wire.usage import (
    MAX_USES,
    JobUsageAnswer,
    RunUsageAnswer,
    RunUse,
    UsePoint,
    UsesAnswer,
)

MAX_READINGS = 2000
KEPT_S = 60 * 86400.0
LATE_S = 3600.0
"""A link hears of a job's use for so long after its end."""


def accept_uses(
    tx: Connection, row: ClusterRow, request: ExchangeRequest, skew_s: float, now: float
) -> None:
    """Keep what an agent has read of its runs."""
    if not request.uses:
        return
    own = {
        run.id: run
        for run in runs.some(tx, {u.run for u in request.uses}).values()
        if run.cluster == row.id
    }
    there = kept.counts(tx, own)
    found = []
    for use in request.uses:
        run = own.get(use.run)
        if run is None or there.get(use.run, 0) >= MAX_READINGS:
            continue
        there[use.run] = there.get(use.run, 0) + 1
        at = min(max(use.at - skew_s, run.assigned_at), now)
        found.append({**use.model_dump(), "at": at})
    kept.put(tx, found)


def job_usage(ctx: Context, job_id: str) -> JobUsageAnswer:
    """What a job's runs hold and use. Raises `NotFound`."""
    with ctx.store.read() as tx:
        if jobs.get(tx, job_id) is None:
            raise NotFound(f"there is no job {job_id} here")
        attempts = runs.of_job(tx, job_id)
        readings = kept.of_runs(tx, [run.id for run in attempts])
    answers = []
    for run in attempts:
        found = readings.get(run.id, [])
        all_of_it = whole(found)
        points = steps(run.started_at, found)
        cpu, memory, device = _held(run)
        answers.append(
            RunUsageAnswer(
                run=run.id,
                pool=run.pool,
                started_at=run.started_at,
                ended_at=run.ended_at,
                held_cpu_milli=cpu,
                held_memory_bytes=memory,
                held_device_milli=device,
                cpu_ms=all_of_it.cpu_ms,
                peak_memory_bytes=all_of_it.peak_bytes,
                device_ms=all_of_it.device_ms,
                elapsed_ms=all_of_it.elapsed_ms,
                given_cpu_ms=all_of_it.given_cpu_ms,
                points=tuple(
                    UsePoint(
                        at=p.at,
                        cpu_milli=p.cpu_milli,
                        memory_bytes=p.memory_bytes,
                        device_milli=p.device_milli,
                    )
                    for p in points
                ),
            )
        )
    return JobUsageAnswer(job=job_id, runs=tuple(answers))


def _held(run: RunRow) -> tuple[int, int, int]:
    """CPU, memory and devices that are kept for a run, all of its tasks together."""
    cpu = sum(c[0] * c[3] for c in run.claims)
    memory = sum(c[1] * c[3] for c in run.claims)
    return cpu, memory, sum(c[2] * c[3] for c in run.claims)


def uses_after(ctx: Context, who: Principal, after: int) -> UsesAnswer:
    """For a link: what was read of the jobs that it handed over, from a number on."""
    link, now = who.cluster or "", ctx.now()
    with ctx.store.read() as tx:
        newest = kept.newest(tx)
        after = min(after, newest)  # this data was replaced: it counts anew
        found = kept.news_for(tx, link, after, now - LATE_S, MAX_USES)
    more = len(found) == MAX_USES
    return UsesAnswer(
        uses=tuple(RunUse(run=run, **asdict(use)) for _, run, use in found),
        after=found[-1][0] if more else newest,
        more=more,
        server_time=now,
    )


def forget_uses(ctx: Context) -> int:
    """Throw away readings that are older than they are kept; gives how many."""
    with ctx.store.write() as tx:
        return kept.forget_before(tx, ctx.now() - KEPT_S)
