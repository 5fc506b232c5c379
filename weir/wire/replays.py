"""Replays: what the jobs of the last days would have met under other policies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from weir.wire.base import Answer, Wire

MOST_POLICIES = 4
MOST_DAYS = 31

ReplayState = Literal["queued", "running", "done", "failed"]


class ReplayRequest(Wire):
    """Replay the jobs of the last `days` under each of these policies."""

    policies: Annotated[tuple[str, ...], Field(min_length=1, max_length=MOST_POLICIES)]
    days: Annotated[float, Field(gt=0, le=MOST_DAYS)] = 7.0


class ReplayMeasure(Answer):
    """A number that every column has: `better` is 1 where more is, -1 where less is, else 0."""

    name: str
    label: str
    unit: str
    better: int


class ReplayColumn(Answer):
    """One policy, or (with an empty name) what really happened. None: not known."""

    policy: str
    numbers: dict[str, float | None]


class LeftOut(Answer):
    """How many jobs could not be replayed, and why."""

    jobs: int
    why: str


class ReplayResult(Answer):
    """What came of it. `begin` and `end` are the first and the last submission, in seconds since
    1970; work is counted in devices, or in cores where `devices` is false.
    """

    jobs: int
    pools: int
    begin: float
    end: float
    devices: bool
    currency: str
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]
    measures: tuple[ReplayMeasure, ...]
    columns: tuple[ReplayColumn, ...]


class ReplayAnswer(Answer):
    """A replay: `share` of it is done, and `detail` says where it is, or why it failed."""

    id: str
    asked_by: str
    asked_at: float
    days: float
    policies: tuple[str, ...]
    state: ReplayState
    share: float
    detail: str
    result: ReplayResult | None = None


class ReplaysAnswer(Answer):
    """The last replays, newest first, without their results; and whether any can be made here."""

    replays: tuple[ReplayAnswer, ...]
    possible: bool


class PastJobAnswer(Answer):
    """A job that has run and ended: from when on it could start, how long it held its place in all,
    the walltime that it asked for, and the key of what it wished. Times are seconds.
    """

    id: str
    ready_at: float
    held_s: float
    walltime_s: int | None
    submitter: str
    queue: str
    priority: int
    patience_s: float
    wishes: str


class PastAnswer(Answer):
    """The jobs of the last days, in the order in which they could start, and what they wished, by
    key, as fields of a job file. `pinned` of them another domain had sent to a pool of its choice.
    """

    jobs: tuple[PastJobAnswer, ...]
    wishes: dict[str, dict[str, Any]]
    pinned: int
    left_out: tuple[LeftOut, ...]


def best_of(measure: ReplayMeasure, values: Sequence[float | None]) -> frozenset[int]:
    """Which columns of a row have the best value; none where all are alike."""
    known = [v for v in values if v is not None]
    if not measure.better or len(set(known)) < 2:
        return frozenset()
    best = max(known) if measure.better > 0 else min(known)
    return frozenset(i for i, v in enumerate(values) if v == best)
