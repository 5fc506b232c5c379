"""The reference: one flat pool of equal devices, jobs that start in whole and run to their end.

Slow, obvious, and written without a look at the engine, which is held against it. What happens at
one time happens in this order: jobs that end give back what they held; jobs that come join the
queue; then one round decides who starts. A job that runs for no time ends at the time at which it
started, and then there is another round at that time. Ties go to who came first, then to the
earlier row.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from weir.scheduling.estimate import Estimator, predicted_end_s


@dataclass(frozen=True)
class Job:
    """`width` devices for `run_s`; `estimate_s` is what the user expects, `run_s` if None."""

    submit_s: int
    run_s: int
    width: int
    estimate_s: int | None = None
    user: str = ""

    @property
    def expected_s(self) -> int:
        return self.run_s if self.estimate_s is None else self.estimate_s


@dataclass
class State:
    """What a round sees. Jobs are known by their row; `starts` holds all that have started."""

    jobs: Sequence[Job]
    capacity: int
    now: int = 0
    free: int = 0
    queue: list[int] = field(default_factory=list)
    running: list[int] = field(default_factory=list)
    starts: dict[int, int] = field(default_factory=dict)

    def arrival(self, row: int) -> tuple[int, int]:
        return self.jobs[row].submit_s, row

    def end(self, row: int) -> int:
        return self.starts[row] + self.jobs[row].run_s

    def fits(self, row: int) -> bool:
        return self.jobs[row].width <= self.free

    def start(self, row: int) -> None:
        self.queue.remove(row)
        self.running.append(row)
        self.starts[row] = self.now
        self.free -= self.jobs[row].width
        assert self.free >= 0


Round = Callable[[State], None]
Event = Callable[[State, int], None]


def nothing(state: State, row: int) -> None:
    """The policy doesn't care."""


def replay(
    jobs: Sequence[Job], capacity: int, decide: Round, came: Event = nothing, ended: Event = nothing
) -> list[int]:
    """When each job starts, in seconds."""
    if any(job.width > capacity for job in jobs):
        raise ValueError("a job is larger than everything")
    state = State(jobs, capacity, free=capacity)
    coming = sorted(range(len(jobs)), key=state.arrival)
    while coming or state.running:
        times = [state.end(row) for row in state.running]
        if coming:
            times.append(jobs[coming[0]].submit_s)
        state.now = min(times)
        for row in sorted(row for row in state.running if state.end(row) == state.now):
            state.running.remove(row)
            state.free += jobs[row].width
            ended(state, row)
        while coming and jobs[coming[0]].submit_s == state.now:
            row = coming.pop(0)
            came(state, row)
            state.queue.append(row)
        decide(state)
    return [state.starts[row] for row in range(len(jobs))]


def mean_wait_s(jobs: Sequence[Job], starts: Sequence[int]) -> float:
    """From submission to start, over all jobs."""
    return sum(start - job.submit_s for job, start in zip(jobs, starts, strict=True)) / len(jobs)


def mean_jct_s(jobs: Sequence[Job], starts: Sequence[int]) -> float:
    """From submission to end, over all jobs."""
    return mean_wait_s(jobs, starts) + sum(job.run_s for job in jobs) / len(jobs)


def in_order(state: State, order: Sequence[int]) -> None:
    """Start jobs in this order until one doesn't fit: it holds up all behind it."""
    for row in order:
        if not state.fits(row):
            return
        state.start(row)


def fifo(jobs: Sequence[Job], capacity: int) -> list[int]:
    """First come, first served, strictly."""
    return replay(
        jobs, capacity, lambda state: in_order(state, sorted(state.queue, key=state.arrival))
    )


def sjf(jobs: Sequence[Job], capacity: int) -> list[int]:
    """Shortest first by the true run time; the shortest holds up all others until it fits."""

    def decide(state: State) -> None:
        in_order(state, sorted(state.queue, key=lambda row: (jobs[row].run_s, *state.arrival(row))))

    return replay(jobs, capacity, decide)


def backfill(
    state: State,
    order: Sequence[int],
    end_of: Callable[[int], float],
    expected_s: Callable[[int], float],
) -> None:
    """EASY (Lifka 1995): the first that doesn't fit gets the earliest start that can be foreseen.

    Those behind it start, in order, if they will have ended by then (at the very second is soon
    enough), or if they take only devices that will still be free when it has started.
    """
    order = list(order)
    while order and state.fits(order[0]):
        state.start(order.pop(0))
    if not order:
        return
    head = order.pop(0)
    foreseen = {row: max(state.now, end_of(row)) for row in state.running}
    for shadow in sorted(foreseen.values()):
        left = state.free + sum(
            state.jobs[row].width for row, end in foreseen.items() if end <= shadow
        )
        if left >= state.jobs[head].width:
            break
    else:
        raise AssertionError("an empty pool holds every job")
    spare = left - state.jobs[head].width
    for row in order:
        if not state.fits(row):
            continue
        if state.now + expected_s(row) <= shadow:
            state.start(row)
        elif state.jobs[row].width <= spare:
            spare -= state.jobs[row].width
            state.start(row)


def easy(jobs: Sequence[Job], capacity: int) -> list[int]:
    """First come, first served with EASY backfill from the users' estimates."""

    def decide(state: State) -> None:
        backfill(
            state,
            sorted(state.queue, key=state.arrival),
            lambda row: state.starts[row] + jobs[row].expected_s,
            lambda row: jobs[row].expected_s,
        )

    return replay(jobs, capacity, decide)


@dataclass
class Learned:
    """Least expected to run first, and EASY from predictions: durations are learned, never read.

    A job is overtaken only by those that come before it has waited for twice what it is expected to
    run. Its place in line is what was predicted when it came, its end what was when it started.
    """

    estimator: Estimator = field(default_factory=Estimator)
    expected: dict[int, float] = field(default_factory=dict)
    predicted: dict[int, float] = field(default_factory=dict)

    def predict(self, job: Job) -> float:
        return self.estimator.predict(job.user, 1000 * job.width)

    def came(self, state: State, row: int) -> None:
        self.expected[row] = self.predict(state.jobs[row])

    def ended(self, state: State, row: int) -> None:
        job = state.jobs[row]
        self.estimator.learn(job.user, 1000 * job.width, job.run_s)

    def key(self, state: State, row: int) -> tuple[float, tuple[int, int]]:
        return self.expected[row] + state.jobs[row].submit_s / 2, state.arrival(row)

    def decide(self, state: State) -> None:
        waiting = set(state.queue)
        backfill(
            state,
            sorted(state.queue, key=lambda row: self.key(state, row)),
            lambda row: predicted_end_s(
                state.starts[row],
                self.predicted.get(row, self.predict(state.jobs[row])),
                state.now,
            ),
            lambda row: self.predict(state.jobs[row]),
        )
        for row in sorted(waiting - set(state.queue)):
            self.predicted[row] = self.predict(state.jobs[row])


def learned(jobs: Sequence[Job], capacity: int) -> list[int]:
    """Under `Learned`, with nothing known at the start."""
    policy = Learned()
    return replay(jobs, capacity, policy.decide, policy.came, policy.ended)
