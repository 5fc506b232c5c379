"""Cancel: a waiting job ends at once; one that has a run ends when its agent has stopped it."""

from __future__ import annotations

from weir.control.apply import ask_to_stop
from weir.control.authorize import Principal, owns
from weir.control.context import WATCH, Context, again, job_key
from weir.core.errors import NotAllowed, NotFound
from weir.core.lifecycle import JOB_FINAL, JobEvent, JobState, step_job
from weir.store import jobs
from weir.store.domains import raise_count
from weir.store.rows import JobRow


def cancel(ctx: Context, who: Principal, job_id: str) -> None:
    """Cancel a job. One that has ended stays as it ended.

    Users cancel their own jobs, operators all, a link those that it handed over.
    """
    with ctx.store.read() as tx:
        row = jobs.get(tx, job_id)
    if row is None:
        raise NotFound(f"there is no job {job_id} here")
    _check_owner(who, row)
    stop(ctx, job_id, f"canceled by {who.subject}")


def stop(ctx: Context, job_id: str, reason: str) -> None:
    """Cancel a job for a reason that is kept with it."""
    woken = again(lambda: _stop(ctx, job_id, reason))
    for key in woken:
        ctx.wake(key)


def _check_owner(who: Principal, row: JobRow) -> None:
    if owns(who, row):
        return
    if who.kind == "node":
        raise NotAllowed(f"job {row.id} was not handed over by {who.cluster}")
    if row.origin_cluster is not None:
        raise NotAllowed(
            f"job {row.id} came from another domain; its owner can cancel it there, and an "
            "operator here"
        )
    raise NotAllowed(f"job {row.id} is {row.submitter}'s; its owner or an operator can cancel it")


def _stop(ctx: Context, job_id: str, reason: str) -> set[str]:
    now = ctx.now()
    with ctx.store.write() as tx:
        row = jobs.get(tx, job_id)
        if row is None:
            raise NotFound(f"there is no job {job_id} here")
        if JobState(row.state) in JOB_FINAL or row.cancel_at is not None:
            return set()
        seq = raise_count(tx, "seq")
        change = {"id": row.id, "seen": row.seq, "seq": seq, "cancel_at": now, "reason": reason}
        woken = {job_key(job_id), WATCH}
        if row.state == JobState.WAITING:
            ended = {"state": step_job(JobState.WAITING, JobEvent.CANCELED), "ended_at": now}
            jobs.swap(tx, [change | ended])
            what = "canceled"
        else:
            jobs.swap(tx, [change])
            what = "asked to stop"
            if row.run is not None:
                woken |= ask_to_stop(tx, [row.run], seq)
        jobs.add_history(tx, [{"job": row.id, "at": now, "what": what, "detail": reason}])
    return woken
