"""The states of a job and of a run, as tables. Nobody else assigns a state.

A run is one attempt of a job on one cluster; a job is done when one of its runs says so. An event
that the table does not list raises `IllegalMove`. The diagrams in docs are generated from these
tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RunState(StrEnum):
    """Where one attempt stands."""

    ASSIGNED = "assigned"  # written here; the agent has not answered yet
    ACCEPTED = "accepted"  # in the agent's journal; it will start, or say why not
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUSED = "refused"  # the cluster said no; nothing was run
    LOST = "lost"  # the cluster has been silent too long; it may be heard of again


class RunEvent(StrEnum):
    """What can happen to a run."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    STARTED = "started"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    SILENT = "silent"  # its agent was not heard within the lease
    VANISHED = "vanished"  # its agent is there and has no such run


class JobState(StrEnum):
    """Where a job stands."""

    WAITING = "waiting"
    PLACED = "placed"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUSED = "refused"  # only for a job that a parent pinned to a pool: it goes back to the parent


class JobEvent(StrEnum):
    """What can happen to a job."""

    PLACED = "placed"
    STARTED = "started"
    REQUEUED = "requeued"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELED = "canceled"
    REFUSED = "refused"


LOST_PREFIX = "lost: "
"""A job's reason begins with this where its center was lost, and not the job at fault."""


class IllegalMove(AssertionError):
    """An event that the state does not allow: a bug, never an input error."""


_R, _E = RunState, RunEvent
RUN_TRANSITIONS: Mapping[tuple[RunState, RunEvent], RunState] = {
    (_R.ASSIGNED, _E.ACCEPTED): _R.ACCEPTED,
    (_R.ASSIGNED, _E.REFUSED): _R.REFUSED,
    (_R.ASSIGNED, _E.CANCELED): _R.CANCELED,
    (_R.ASSIGNED, _E.SILENT): _R.LOST,
    (_R.ACCEPTED, _E.STARTED): _R.RUNNING,
    (_R.ACCEPTED, _E.REFUSED): _R.REFUSED,
    (_R.ACCEPTED, _E.FAILED): _R.FAILED,
    (_R.ACCEPTED, _E.CANCELED): _R.CANCELED,
    (_R.ACCEPTED, _E.SILENT): _R.LOST,
    (_R.ACCEPTED, _E.VANISHED): _R.FAILED,
    (_R.RUNNING, _E.SUCCEEDED): _R.SUCCEEDED,
    (_R.RUNNING, _E.FAILED): _R.FAILED,
    (_R.RUNNING, _E.CANCELED): _R.CANCELED,
    (_R.RUNNING, _E.SILENT): _R.LOST,
    (_R.RUNNING, _E.VANISHED): _R.FAILED,
    # A lost run can be heard of again: what it then says is true, and the job decides what to do.
    (_R.LOST, _E.ACCEPTED): _R.ACCEPTED,
    (_R.LOST, _E.REFUSED): _R.REFUSED,
    (_R.LOST, _E.STARTED): _R.RUNNING,
    (_R.LOST, _E.SUCCEEDED): _R.SUCCEEDED,
    (_R.LOST, _E.FAILED): _R.FAILED,
    (_R.LOST, _E.CANCELED): _R.CANCELED,
    (_R.LOST, _E.VANISHED): _R.FAILED,
}

_J, _V = JobState, JobEvent
JOB_TRANSITIONS: Mapping[tuple[JobState, JobEvent], JobState] = {
    (_J.WAITING, _V.PLACED): _J.PLACED,
    (_J.WAITING, _V.CANCELED): _J.CANCELED,
    (_J.WAITING, _V.REFUSED): _J.REFUSED,
    (_J.WAITING, _V.STARTED): _J.RUNNING,  # a lost run came back before another was placed
    (_J.WAITING, _V.SUCCEEDED): _J.SUCCEEDED,  # the same, and it had finished meanwhile
    (_J.WAITING, _V.FAILED): _J.FAILED,
    (_J.PLACED, _V.STARTED): _J.RUNNING,
    (_J.PLACED, _V.REQUEUED): _J.WAITING,
    (_J.PLACED, _V.SUCCEEDED): _J.SUCCEEDED,
    (_J.PLACED, _V.FAILED): _J.FAILED,
    (_J.PLACED, _V.CANCELED): _J.CANCELED,
    (_J.PLACED, _V.REFUSED): _J.REFUSED,
    (_J.RUNNING, _V.REQUEUED): _J.WAITING,
    (_J.RUNNING, _V.SUCCEEDED): _J.SUCCEEDED,
    (_J.RUNNING, _V.FAILED): _J.FAILED,
    (_J.RUNNING, _V.CANCELED): _J.CANCELED,
}

RUN_FINAL = frozenset({_R.SUCCEEDED, _R.FAILED, _R.CANCELED, _R.REFUSED})
RUN_ACTIVE = frozenset({_R.ASSIGNED, _R.ACCEPTED, _R.RUNNING})
JOB_FINAL = frozenset({_J.SUCCEEDED, _J.FAILED, _J.CANCELED, _J.REFUSED})
JOB_ACTIVE = frozenset({_J.WAITING, _J.PLACED, _J.RUNNING})


def step_run(state: RunState, event: RunEvent) -> RunState:
    """The run's next state. Raises `IllegalMove` for an event that the table does not list."""
    try:
        return RUN_TRANSITIONS[(state, event)]
    except KeyError:
        raise IllegalMove(f"a run that is {state} can't take {event}") from None


def step_job(state: JobState, event: JobEvent) -> JobState:
    """The job's next state. Raises `IllegalMove` for an event that the table does not list."""
    try:
        return JOB_TRANSITIONS[(state, event)]
    except KeyError:
        raise IllegalMove(f"a job that is {state} can't take {event}") from None


def may_step_run(state: RunState, event: RunEvent) -> bool:
    """Whether the table lists this move: what an agent says is input, and may come too late."""
    return (state, event) in RUN_TRANSITIONS


def is_repeat(state: RunState, event: RunEvent) -> bool:
    """Whether the event says what the state already says: harmless, and answered with silence."""
    return state in RUN_FINAL or (state, event) in {
        (_R.ACCEPTED, _E.ACCEPTED),
        (_R.RUNNING, _E.ACCEPTED),
        (_R.RUNNING, _E.STARTED),
    }
