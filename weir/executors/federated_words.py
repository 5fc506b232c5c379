"""What is said to a peer and heard of it, in the words of either: runs here, jobs there."""

from __future__ import annotations

from collections.abc import Mapping

from weir.core.lifecycle import JobState, RunEvent
from weir.executors.base import Seen
from weir.wire.exchange import RunOrder
from weir.wire.jobs import JobChange, Origin, Submission

EVENTS: Mapping[JobState, RunEvent] = {
    JobState.RUNNING: RunEvent.STARTED,
    JobState.SUCCEEDED: RunEvent.SUCCEEDED,
    JobState.FAILED: RunEvent.FAILED,
    JobState.CANCELED: RunEvent.CANCELED,
    JobState.REFUSED: RunEvent.REFUSED,
}
"""What a job's state there says of our run. Waiting and placed say nothing new."""


def submission_of(
    order: RunOrder, start_within_s: float, checkpoint: str | None = None
) -> Submission:
    """A run as the peer's job: pinned to its pool, with the path it has come. `checkpoint` is what
    was left there for it.
    """
    return Submission(
        spec=order.spec,
        origin=Origin(
            run=order.run,
            root_job=order.root_job,
            submitter=order.submitter,
            path=order.path,
            pool=order.pool,
            groups=tuple((g.group, g.count) for g in order.groups),
            array_index=order.array_index,
            start_within_s=start_within_s,
            **({} if checkpoint is None else {"restore": checkpoint}),
        ),
    )


def seen_of(change: JobChange, skew_s: float, now: float) -> list[Seen]:
    """The events that a change of the peer's job says happened to our run."""
    event = EVENTS.get(change.state)
    if event is None:
        return []
    if change.lost and event is RunEvent.FAILED:
        event = RunEvent.VANISHED
    seen = []
    if change.started_at is not None:
        started = change.started_at - skew_s
        seen.append(Seen(change.run, RunEvent.STARTED, started, place=change.place))
    if event is not RunEvent.STARTED:
        at = now if change.ended_at is None else change.ended_at - skew_s
        seen.append(Seen(change.run, event, at, change.exit_code, change.reason, change.place))
    return seen
