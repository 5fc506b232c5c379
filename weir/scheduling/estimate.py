"""How long a job will run, from how long its user's jobs ran before.

A job is of a user and of a size class. Three rows remember durations: of this user's jobs of this
size, of all jobs of this user, of everyone's. A row is a decayed sum and a decayed count, so old
jobs fade. Its mean is drawn towards that of the next wider row, and everyone's towards a prior, as
strongly as `STRENGTH_JOBS` jobs would. It is the mean that is wanted and not the median: if nothing
more is known, jobs in the order of their expected work have the least expected mean completion time
on one machine (Rothkopf 1966, after Smith's rule).

Laws: a job teaches when it has ended and never before. A prediction lies between the least and the
largest of the prior and the durations learned. A user who is unknown is predicted as everyone is.

The functions work on flat columns and are plain enough to be compiled (`weir.scheduling.compiled`);
they call no library. `Estimator` is the same for people: users by name, columns that grow.

The last two functions serve an order that stands on predictions. `turn_s` keeps long jobs from
starving: a job is overtaken only by shorter ones that come before it has waited for twice what it
is expected to run. (A limit that is the same for all would turn the order into that of arrival
whenever the queue is longer than the limit.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

from weir.core.errors import BadInput

SIZE_CLASSES = 16
"""A share of a device, one, two, up to four, up to eight ...; the last class has no upper end."""

USER_ROWS = SIZE_CLASSES + 1
"""Rows of a user: all their jobs, then one a size class. Row 0 of the columns is everyone's."""

PRIOR_S = 3600.0
"""What is expected before anything was learned."""

STRENGTH_JOBS = 5.0
"""How many jobs of its own outweigh what a row is told by the wider one."""

HALF_LIFE_JOBS = 100.0
"""After so many more jobs of the row, a job counts half."""

KEPT_SHARE = 0.5 ** (1.0 / HALF_LIFE_JOBS)

OVERRUN_SHARE = 0.5
"""A job past its predicted end is expected to run for this share of its time so far once more."""

SENIORITY_SHARE = 0.5
"""What a second of having come earlier counts, in seconds of expected run time. At 0 long jobs
could starve, at 3 the order is all but that of arrival; on the log of a large training cluster
everything up to 0.5 has the same mean completion time, and 0.5 the shortest worst waits of it."""


class Column(Protocol):
    """A flat column of numbers: a list or an array of one dimension."""

    def __getitem__(self, row: int, /) -> float: ...
    def __setitem__(self, row: int, value: float, /) -> None: ...


def size_class(milli: int) -> int:
    """The size class of a job that asks `milli` thousandths of a device (or core) in all."""
    if milli < 1000:
        return 0
    size, reach = 1, 1000
    while reach < milli and size < SIZE_CLASSES - 1:
        size += 1
        reach *= 2
    return size


def rows_for(users: int) -> int:
    """How long the columns are for so many users (numbered from 0)."""
    return 1 + users * USER_ROWS


def predict_s(total_s: Column, jobs: Column, user: int, size: int) -> float:
    """The expected duration in seconds; of user -1, who is unknown, what everyone's jobs tell.

    `total_s` is the decayed sum of durations of each row, `jobs` the decayed count.
    """
    mean = (total_s[0] + STRENGTH_JOBS * PRIOR_S) / (jobs[0] + STRENGTH_JOBS)
    if user < 0:
        return mean
    row = 1 + user * USER_ROWS
    mean = (total_s[row] + STRENGTH_JOBS * mean) / (jobs[row] + STRENGTH_JOBS)
    row += 1 + size
    return (total_s[row] + STRENGTH_JOBS * mean) / (jobs[row] + STRENGTH_JOBS)


def learn_duration(total_s: Column, jobs: Column, user: int, size: int, duration_s: float) -> None:
    """Remember that a job of this user and size class has ended after `duration_s`."""
    fade_and_add(total_s, jobs, 0, duration_s)
    if user >= 0:
        row = 1 + user * USER_ROWS
        fade_and_add(total_s, jobs, row, duration_s)
        fade_and_add(total_s, jobs, row + 1 + size, duration_s)


def fade_and_add(total_s: Column, jobs: Column, row: int, duration_s: float) -> None:
    """One more job in one row."""
    total_s[row] = total_s[row] * KEPT_SHARE + duration_s
    jobs[row] = jobs[row] * KEPT_SHARE + 1.0


def predicted_end_s(start_s: float, predicted_s: float, now_s: float) -> float:
    """When a running job is expected to end; never before now.

    Durations have long tails: one that has outlived its prediction is expected to go on in
    proportion to its time so far.
    """
    end = start_s + predicted_s
    if end >= now_s:
        return end
    return now_s + OVERRUN_SHARE * (now_s - start_s)


def turn_s(likely_s: float, came_s: float) -> float:
    """What jobs are sorted by, the least first: how long one is likely to run and when it came.

    A job whose length nobody knows (infinite) is taken to run as long as before anything was
    learned. The order of two jobs never changes while they wait.
    """
    known = likely_s if likely_s < math.inf else PRIOR_S
    return known + SENIORITY_SHARE * came_s


@dataclass(slots=True)
class Estimator:
    """What the jobs that have ended tell of the next ones; plain data, so that it can be kept."""

    users: dict[str, int] = field(default_factory=dict)
    total_s: list[float] = field(default_factory=lambda: [0.0])
    jobs: list[float] = field(default_factory=lambda: [0.0])

    def predict(self, user: str, milli: int) -> float:
        """Seconds that a job of `user` with `milli` thousandths of a device is expected to run."""
        return predict_s(self.total_s, self.jobs, self.users.get(user, -1), size_class(milli))

    def learn(self, user: str, milli: int, duration_s: float) -> None:
        """A job has ended by itself after `duration_s`; raises `BadInput` if that can't be."""
        if not (math.isfinite(duration_s) and duration_s >= 0):
            raise BadInput(
                f"A job can't have run for {duration_s} s: give the seconds from its start to its "
                "end, 0 or more."
            )
        number = self.users.setdefault(user, len(self.users))
        missing = rows_for(len(self.users)) - len(self.jobs)
        self.total_s.extend([0.0] * missing)
        self.jobs.extend([0.0] * missing)
        learn_duration(self.total_s, self.jobs, number, size_class(milli), duration_s)
