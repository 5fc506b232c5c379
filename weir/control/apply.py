"""Write what happened to runs: load rows, decide for each event in order, swap the rows."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection

from weir.control.context import SCHEDULE, WATCH, Context, job_key, orders_for
from weir.control.observe import Happening, Outcome, Rules, consequences
from weir.control.speeds import note_speeds
from weir.control.usage import counts, note_ended
from weir.core import units
from weir.core.lifecycle import RunEvent
from weir.store import clusters, jobs, runs
from weir.store.domains import raise_count
from weir.store.rows import JobRow, RunRow

RUN_COLUMNS = ("state", "started_at", "ends_at", "ended_at", "exit_code", "reason", "place")
JOB_COLUMNS = (
    "state",
    "started_at",
    "ended_at",
    "exit_code",
    "reason",
    "run",
    "pool",
    "failures",
    "losses",
    "place",
)


@dataclass(slots=True)
class _Drafts:
    """Rows as they change, event by event."""

    runs: dict[str, RunRow]
    jobs: dict[str, JobRow]
    seen_runs: dict[str, RunRow]
    seen_jobs: dict[str, JobRow]
    history: list[dict[str, object]] = field(default_factory=list)
    avoid: list[tuple[str, str, float, int, str]] = field(default_factory=list)
    cancel: set[str] = field(default_factory=set)
    freed: set[str] = field(default_factory=set)
    ended: list[tuple[str, RunRow]] = field(default_factory=list)
    succeeded: list[tuple[JobRow, RunRow]] = field(default_factory=list)


def apply_happenings(
    ctx: Context,
    tx: Connection,
    happenings: Sequence[tuple[str, Happening]],
    read: dict[str, RunRow] | None = None,
) -> set[str]:
    """Apply (run, happening) pairs in order, in the caller's transaction; gives keys to wake.

    `read` are the runs, where the caller has read them in this transaction. Raises `Conflict` if a
    job or run has changed since it was read. Events of unknown runs are ignored: there is nothing
    that they could change.
    """
    found = runs.some(tx, {run for run, _ in happenings}) if read is None else read
    known = jobs.some(tx, {row.job for row in found.values()})
    drafts = _Drafts(dict(found), dict(known), found, known)
    rules = _rules(ctx, tx, known)
    for run_id, happened in happenings:
        run = drafts.runs.get(run_id)
        if run is not None:
            job = drafts.jobs[run.job]
            _note(drafts, consequences(run, job, happened, rules[job.id]), happened)
    return _write(tx, drafts, ctx.now())


def _rules(ctx: Context, tx: Connection, known: Mapping[str, JobRow]) -> dict[str, Rules]:
    """What the consequences of events depend on besides the rows, for each job."""
    texts = jobs.specs(tx, {row.spec for row in known.values()})
    by_spec = {key: rules_of(ctx, text) for key, text in texts.items()}
    refusals = jobs.refusals(tx, known)
    return {j: replace(by_spec[r.spec], refusals=refusals.get(j, {})) for j, r in known.items()}


def rules_of(ctx: Context, text: str) -> Rules:
    """The few fields of a spec that an event's consequence depends on."""
    spec = json.loads(text)
    walltime = spec.get("walltime")
    return Rules(
        retries=spec.get("retries", 0),
        restartable=spec.get("restartable", True),
        walltime_s=None if walltime is None else units.parse_duration_s(walltime),
        max_losses=ctx.settings.max_losses,
        avoid_s=ctx.settings.avoid_s,
    )


def _note(drafts: _Drafts, out: Outcome, happened: Happening) -> None:
    if out.job.queue and counts(drafts.runs[out.run.id], out.run, happened.event):
        drafts.ended.append((out.job.queue, out.run))
    if happened.event is RunEvent.SUCCEEDED and out.run is not drafts.runs[out.run.id]:
        drafts.succeeded.append((out.job, out.run))
    drafts.runs[out.run.id] = out.run
    drafts.jobs[out.job.id] = out.job
    for what, detail in out.history:
        drafts.history.append(
            {"job": out.job.id, "at": happened.at, "what": what, "detail": detail}
        )
    if out.avoid_until is not None:
        entry = (out.job.id, out.run.pool, out.avoid_until, out.refusals, happened.reason)
        drafts.avoid.append(entry)
    if out.cancel_run is not None:
        drafts.cancel.add(out.cancel_run)
    if out.frees:
        drafts.freed.add(out.run.pool)


def _write(tx: Connection, drafts: _Drafts, now: float) -> set[str]:
    changed_runs = [r for i, r in drafts.runs.items() if r is not drafts.seen_runs[i]]
    changed_jobs = [j for i, j in drafts.jobs.items() if j is not drafts.seen_jobs[i]]
    # Each order to stop has a number of its own, so that a list of orders can end after any.
    total = len(changed_jobs) + max(1, len(drafts.cancel))
    first = raise_count(tx, "seq", total) - total + 1
    runs.swap(
        tx,
        [
            {"id": r.id, "seen": drafts.seen_runs[r.id].state, **_columns(r, RUN_COLUMNS)}
            for r in changed_runs
        ],
    )
    jobs.swap(
        tx,
        [
            {
                "id": j.id,
                "seen": drafts.seen_jobs[j.id].seq,
                "seq": first + n,
                **_columns(j, JOB_COLUMNS),
            }
            for n, j in enumerate(changed_jobs)
        ],
    )
    jobs.add_history(tx, drafts.history)
    note_ended(tx, drafts.ended, now)
    note_speeds(tx, drafts.succeeded, now)
    for entry in drafts.avoid:
        jobs.avoid_pool(tx, *entry)
    woken = ask_to_stop(tx, sorted(drafts.cancel), first + len(changed_jobs))
    clusters.touch_pools(tx, drafts.freed, first + total - 1)
    woken |= {job_key(j.id) for j in changed_jobs}
    if changed_jobs:
        woken.add(WATCH)
    if drafts.freed or drafts.avoid:
        woken |= {SCHEDULE, WATCH}
    return woken


def ask_to_stop(tx: Connection, run_ids: Iterable[str], first: int) -> set[str]:
    """Mark runs as to be stopped, so that their agents hear of it; gives keys to wake.

    Their revisions count from `first`: the caller has raised the counter by as many.
    """
    rows = runs.some(tx, run_ids)
    runs.change(
        tx, [{"id": i, "cancel": True, "revision": first + n} for n, i in enumerate(sorted(rows))]
    )
    return {orders_for(row.cluster) for row in rows.values()}


def _columns(row: JobRow | RunRow, names: tuple[str, ...]) -> dict[str, object]:
    return {name: getattr(row, name) for name in names}
