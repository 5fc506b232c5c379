"""When a job would start if it were submitted now: the scheduler's own answer, with those who wait.

`weir.control.find` says where there is room; whether others go first is a matter of the line. The
job is put at its end, and the same is told of it as `weir why` would tell a moment later.

Laws:
- Nothing is written; the plan that is made is thrown away.
- Where a round is too large to be played for an answer, or takes a program's time, nothing is said.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from weir.control.context import Context
from weir.control.find import find_places
from weir.control.policies import in_force
from weir.control.schedule import load_snapshot
from weir.control.words import waiting_sayings
from weir.core.lifecycle import JobState
from weir.scheduling.explain_words import Saying
from weir.scheduling.outlook import MOST_ROWS
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import WaitingJob
from weir.store import jobs
from weir.wire.jobdemand import demand_of
from weir.wire.jobs import FindAnswer, FindRequest, SayingAnswer
from weir.wire.jobspec import JobSpec, deadline_s, start_after_s

DRAFT = "~"
"""The identifier of the job that is only asked about: no job's, and after all of them in order."""


@dataclass(frozen=True, slots=True)
class Start:
    """Whether the next round would place it, and if not, what there is to say of its start."""

    now: bool
    said: tuple[Saying, ...] = ()


def find_with_start(ctx: Context, request: FindRequest, user: str) -> FindAnswer:
    """`find_places`, and when the job would start with those who wait ahead of it."""
    found = find_places(ctx, request, user=user)
    if not found.candidates or found.said:  # nowhere; or later on purpose, which `said` tells
        return found
    with ctx.store.read() as tx:
        waiting = jobs.by_state(tx).get(JobState.WAITING, 0)
    rows = len(found.candidates) + len(found.rejections) + waiting
    start = start_if_submitted(ctx, request.spec, user, rows)
    if start is None:
        return found
    said = tuple(SayingAnswer(code=s.code, values=dict(s.values)) for s in start.said)
    return found.model_copy(update={"starts": start.now, "start": said})


def start_if_submitted(ctx: Context, spec: JobSpec, user: str, rows: int) -> Start | None:
    """When `user`'s job would start; None where it is not worked out. `rows` is how many pools and
    waiting jobs there are.
    """
    if rows > MOST_ROWS:
        return None
    now = ctx.now()
    with ctx.store.read() as tx:
        chosen = in_force(ctx, tx).policy
        if chosen.optimal:
            return None
        snapshot, _, _ = load_snapshot(ctx, tx, now)
    draft = _draft(spec, user, now)
    plan = schedule(replace(snapshot, jobs=(*snapshot.jobs, draft)), chosen)
    if any(p.job == DRAFT for p in plan.placements):
        return Start(now=True)
    entry = plan.waiting.get(DRAFT)
    if entry is None:
        return None
    will_go = sum(p.for_job == DRAFT for p in plan.preemptions)
    return Start(False, tuple(waiting_sayings(entry, "", (), will_go, draft.queue)))


def _draft(spec: JobSpec, user: str, now: float) -> WaitingJob:
    demand, after, patience = demand_of(spec), start_after_s(spec), deadline_s(spec)
    return WaitingJob(
        id=DRAFT,
        demand=demand,
        priority=spec.priority,
        submitted_at=now,
        queue=spec.queue or "",
        start_after=None if after is None else now + after,
        deadline_at=None if patience is None else now + patience,
        data=demand.data,
        user=user,
    )
