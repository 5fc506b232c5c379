"""What an observation does to a run and to its job: the decision, without reading or writing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from weir.core.lifecycle import (
    JOB_FINAL,
    LOST_PREFIX,
    RUN_ACTIVE,
    JobEvent,
    JobState,
    RunEvent,
    RunState,
    is_repeat,
    may_step_run,
    step_job,
    step_run,
)
from weir.store.rows import JobRow, RunRow

MAX_AVOID_S = 300.0
"""A pool that goes on refusing a job is tried again this often."""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of a run, its time already by this domain's clock."""

    event: RunEvent
    at: float
    exit_code: int | None = None
    reason: str = ""
    place: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """What an event's consequence depends on besides the rows. Durations are seconds.

    `refusals`: how often each pool has refused the job so far.
    """

    retries: int
    restartable: bool
    walltime_s: int | None
    max_losses: int
    avoid_s: float
    refusals: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """The rows after an event, and what else is to be written."""

    run: RunRow
    job: JobRow
    history: list[tuple[str, str]] = field(default_factory=list)
    avoid_until: float | None = None
    refusals: int = 0
    cancel_run: str | None = None
    frees: bool = False


def consequences(run: RunRow, job: JobRow, happened: Happening, rules: Rules) -> Outcome:
    """Apply one event. Repeats, and events that no longer can be, change nothing.

    A run that is not (or no longer) the job's current one can still win by succeeding first;
    anything else that it starts is stopped.
    """
    state, event = RunState(run.state), happened.event
    if is_repeat(state, event) or not may_step_run(state, event):
        return Outcome(run, job)
    after = _run_after(run, step_run(state, event), happened, rules)
    out = Outcome(after, job, frees=after.state not in RUN_ACTIVE)
    if JobState(job.state) in JOB_FINAL:
        if after.state in RUN_ACTIVE:
            out.cancel_run = run.id
        return out
    current = job.run == run.id or (job.run is None and not run.cancel)
    _JOB_RULES[event](out, happened, rules, current)
    return out


def _run_after(run: RunRow, state: RunState, happened: Happening, rules: Rules) -> RunRow:
    if state == RunState.RUNNING:
        started = run.started_at or happened.at
        ends = None if rules.walltime_s is None else started + rules.walltime_s
        return replace(
            run,
            state=state,
            started_at=started,
            ends_at=ends,
            place=list(happened.place),
            reason="",
            ended_at=None,
        )
    if state == RunState.ACCEPTED:
        return replace(run, state=state, reason="", ended_at=None)
    return replace(
        run,
        state=state,
        ended_at=happened.at,
        exit_code=happened.exit_code,
        reason=happened.reason,
        place=list(happened.place) or run.place,
    )


def _accepted(out: Outcome, happened: Happening, rules: Rules, current: bool) -> None:
    job = out.job
    if not current:
        out.cancel_run = out.run.id
    elif job.run is None:  # it was lost, and is back before another was placed
        state = step_job(JobState(job.state), JobEvent.PLACED)
        out.job = replace(job, state=state, run=out.run.id, pool=out.run.pool, reason="")
        out.history.append(("placed", f"{out.run.pool} again: its center is back"))


def _started(out: Outcome, happened: Happening, rules: Rules, current: bool) -> None:
    if not current:
        out.cancel_run = out.run.id
        return
    job = out.job
    if job.state == JobState.RUNNING:
        return
    out.job = replace(
        job,
        state=step_job(JobState(job.state), JobEvent.STARTED),
        run=out.run.id,
        pool=out.run.pool,
        started_at=happened.at,
        place=list(happened.place),
        reason=job.reason if job.run else "",
    )
    out.history.append(("started", " -> ".join(happened.place)))


def _succeeded(out: Outcome, happened: Happening, rules: Rules, current: bool) -> None:
    if not current and out.job.run is not None:
        out.cancel_run = out.job.run  # the other one is not needed any more
    _end(out, JobEvent.SUCCEEDED, happened, "")


def _made_room(out: Outcome) -> bool:
    """Whether the run was told to make room for another job: then its job waits again, however the
    run ended short of success. Nobody can tell a program's failure from its being stopped.
    """
    if out.run.preempted_for is None or out.job.run is None or out.job.cancel_at is not None:
        return False
    _requeue(out, f"preempted for job {out.run.preempted_for}")
    return True


def _failed(out: Outcome, happened: Happening, rules: Rules, current: bool) -> None:
    if not current or _made_room(out):
        return
    job = replace(out.job, failures=out.job.failures + 1)
    out.job = job
    if job.cancel_at is not None:
        _end(out, JobEvent.CANCELED, happened, happened.reason)
    elif job.failures <= rules.retries and job.origin_cluster is None:
        _requeue(out, f"failed ({happened.reason}); try {job.failures + 1}")
    else:
        _end(out, JobEvent.FAILED, happened, happened.reason)


def _canceled(out: Outcome, happened: Happening, rules: Rules, current: bool) -> None:
    if not current or _made_room(out):
        return
    if out.job.cancel_at is not None:
        _end(out, JobEvent.CANCELED, happened, out.job.reason or happened.reason)
    else:
        _lose(
            out, happened, rules, f"stopped at the center: {happened.reason or 'no reason given'}"
        )


def _refused(out: Outcome, happened: Happening, rules: Rules, current: bool) -> None:
    if not current or _made_room(out):
        return
    reason = happened.reason or "no reason given"
    if out.job.cancel_at is not None:
        _end(out, JobEvent.CANCELED, happened, out.job.reason)
    elif out.job.origin_cluster is not None:
        _end(out, JobEvent.REFUSED, happened, reason)
    else:
        out.refusals = rules.refusals.get(out.run.pool, 0) + 1
        out.avoid_until = happened.at + avoid_for(out.refusals, rules.avoid_s)
        _requeue(out, f"refused: {reason}")


def avoid_for(refusals: int, avoid_s: float) -> float:
    """Seconds that a job is kept off a pool after so many refusals: doubled each time, bounded."""
    doubled = avoid_s * 2.0 ** min(refusals - 1, 30)
    return max(avoid_s, min(doubled, MAX_AVOID_S))


def _lost(out: Outcome, happened: Happening, rules: Rules, current: bool) -> None:
    if current and not _made_room(out):
        _lose(out, happened, rules, happened.reason or "its center is lost")


def _lose(out: Outcome, happened: Happening, rules: Rules, reason: str) -> None:
    """The run ended through no fault of the job: place it again, within limits."""
    if out.job.run is None:
        return  # this loss was counted when the run was given up
    job = out.job = replace(out.job, losses=out.job.losses + 1)
    if job.cancel_at is not None:
        _end(out, JobEvent.CANCELED, happened, job.reason)
    elif job.origin_cluster is not None:
        never = job.started_at is None
        _end(out, JobEvent.REFUSED if never else JobEvent.FAILED, happened, LOST_PREFIX + reason)
    elif (rules.restartable or job.started_at is None) and job.losses <= rules.max_losses:
        _requeue(out, LOST_PREFIX + reason)
    else:
        _end(out, JobEvent.FAILED, happened, LOST_PREFIX + reason)


def _requeue(out: Outcome, why: str) -> None:
    job = out.job
    if job.state != JobState.WAITING:
        state = step_job(JobState(job.state), JobEvent.REQUEUED)
        out.job = replace(
            job, state=state, run=None, pool=None, started_at=None, place=[], reason=why
        )
    out.history.append(("waiting again", why))


def _end(out: Outcome, event: JobEvent, happened: Happening, reason: str) -> None:
    # FAILED and REFUSED can come while a job of a peer is still "placed"; the table has these
    # moves.
    state = step_job(JobState(out.job.state), event)
    started = out.job.started_at if out.job.started_at is not None else out.run.started_at
    out.job = replace(
        out.job,
        state=state,
        run=out.run.id,
        pool=out.run.pool,
        started_at=started,
        ended_at=happened.at,
        exit_code=happened.exit_code,
        reason=reason,
        place=list(happened.place) or out.job.place or out.run.place,
    )
    out.history.append((str(state), reason))


_JOB_RULES = {
    RunEvent.ACCEPTED: _accepted,
    RunEvent.STARTED: _started,
    RunEvent.SUCCEEDED: _succeeded,
    RunEvent.FAILED: _failed,
    RunEvent.CANCELED: _canceled,
    RunEvent.REFUSED: _refused,
    RunEvent.SILENT: _lost,
    RunEvent.VANISHED: _lost,
}
