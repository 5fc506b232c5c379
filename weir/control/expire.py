"""Expire: what silence and deadlines mean. Called now and then, with the time as an argument."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from weir.control import checkpoints
from weir.control.apply import apply_happenings
from weir.control.avoid import forget
from weir.control.cancel import stop
from weir.control.context import SCHEDULE, WATCH, Context, again, job_key
from weir.control.network import is_silent
from weir.control.observe import Happening
from weir.control.schedule import refuse
from weir.core.lifecycle import RunEvent, RunState
from weir.store import clusters, jobs, runs
from weir.store.domains import raise_count
from weir.store.rows import ClusterRow, JobRow, RunRow
from weir.wire.jobdata import staging_s
from weir.wire.jobspec import JobSpec

TOO_LATE = "its time to start has passed"

NOT_STARTED = frozenset({RunState.ASSIGNED, RunState.ACCEPTED})


def expire(ctx: Context, listening_since: float = 0.0) -> int:
    """Give up runs of clusters that have been silent too long, stop jobs past their deadline.

    Before `listening_since` this server was away itself: that it heard nothing then is no silence.
    """
    now = ctx.now()
    _note_silence(ctx, now)
    lost = again(lambda: _give_up(ctx, now, listening_since))
    late = again(lambda: _stop_late(ctx, now))
    forget(ctx, now)
    checkpoints.sweep(ctx, now)
    return lost + late


def given_up(
    rows: Mapping[str, ClusterRow],
    live: Sequence[RunRow],
    now: float,
    lease_s: float,
    lost_after_s: float,
    listening_since: float = 0.0,
    staging: Mapping[str, float] | None = None,
) -> list[tuple[str, Happening]]:
    """The runs to give up, decided purely.

    A run that has not started is given up once it can't start any more: its agent heard of it no
    later than the last time it was heard of itself, and has `start_within_s` from then, and what
    `staging` gives its data and software beside that. One that runs is left alone for
    `lost_after_s`: a blip of the link is no reason to run it twice.
    """
    found = []
    for run in live:
        row = rows[run.cluster]
        if not is_silent(row, now, lease_s):
            continue
        silence = now - max(row.heard_at or row.joined_at, listening_since)
        not_started = RunState(run.state) in NOT_STARTED
        patience = lease_s + run.start_within_s + (staging or {}).get(run.id, 0)
        patience = patience if not_started else lost_after_s
        if silence > patience:
            reason = f"{row.name} has been silent for {silence:.0f} s"
            found.append((run.id, Happening(RunEvent.SILENT, now, reason=reason)))
    return found


def _note_silence(ctx: Context, now: float) -> None:
    """Tell those who watch that a cluster has fallen silent, once."""
    with ctx.store.read() as tx:
        rows = clusters.all_clusters(tx)
    fallen = [r for r in rows if not r.silent and is_silent(r, now, ctx.settings.lease_s)]
    if not fallen:
        return
    with ctx.store.write() as tx:
        revision = raise_count(tx, "seq")
        for row in fallen:
            clusters.change(tx, row.id, silent=True)
            clusters.touch_pools_of(tx, row.id, revision)
    ctx.wake(SCHEDULE)
    ctx.wake(WATCH)


def _give_up(ctx: Context, now: float, listening_since: float) -> int:
    settings = ctx.settings
    with ctx.store.read() as tx:
        rows = {r.id: r for r in clusters.all_clusters(tx)}
        quiet = [c for c, r in rows.items() if is_silent(r, now, settings.lease_s)]
        active = (RunState.ASSIGNED, RunState.ACCEPTED, RunState.RUNNING)
        live = [r for c in quiet for r in runs.live_on(tx, c, active)]
        extra = _staging(tx, [r for r in live if RunState(r.state) in NOT_STARTED])
    lost = given_up(
        rows, live, now, settings.lease_s, settings.lost_after_s, listening_since, extra
    )
    if not lost:
        return 0
    with ctx.store.write() as tx:
        woken = apply_happenings(ctx, tx, lost)
    for key in woken:
        ctx.wake(key)
    return len(lost)


def _staging(tx: Connection, waiting: Sequence[RunRow]) -> dict[str, float]:
    """How much later than else these runs may start, for their data and software."""
    rows = jobs.some(tx, {run.job for run in waiting})
    texts = jobs.specs(tx, {row.spec for row in rows.values()})
    specs = {key: JobSpec.model_validate_json(text) for key, text in texts.items()}
    going_on = checkpoints.newest(tx, rows)
    return {
        run.id: float(staging_s(specs[rows[run.job].spec], run.job in going_on)) for run in waiting
    }


def _stop_late(ctx: Context, now: float) -> int:
    with ctx.store.read() as tx:
        late = jobs.expired(tx, now)
    for job in late:
        if job.origin_cluster is None:
            stop(ctx, job.id, "its deadline has passed")
    _send_back(ctx, now, [job for job in late if job.origin_cluster is not None])
    return len(late)


def _send_back(ctx: Context, now: float, late: list[JobRow]) -> None:
    """What a peer handed over and is not placed yet must not start any more."""
    if not late:
        return
    with ctx.store.write() as tx:
        first = raise_count(tx, "seq", len(late)) - len(late) + 1
        refuse(tx, late, {job.id: TOO_LATE for job in late}, first, now)
    for key in {WATCH, *(job_key(job.id) for job in late)}:
        ctx.wake(key)
