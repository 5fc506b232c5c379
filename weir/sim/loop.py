"""The clock of a replay, in plain loops: ends, arrivals, a round of the scheduler, and on.

At one moment, first everything that is over gives back what it holds, then everything that has come
joins the queue, then there is one round: `weir.scheduling.kernel.plan_round`, the same that decides
in a server. What the loop does itself is the world's part: time, arrivals, ends.

`advance` comes back after so many moments (to show progress), when the columns are too short, when
costs are to be worked out anew, or at the end; it goes on when called again.
"""

from __future__ import annotations

from math import exp, inf
from typing import NamedTuple

from weir.scheduling.board import NEXT, PLACED, Board, Rules
from weir.scheduling.booking import finish
from weir.scheduling.estimate import (
    learn_duration,
    predict_s,
    size_class,
    turn_s,
)
from weir.scheduling.hosts import Column
from weir.scheduling.kernel import plan_round
from weir.scheduling.reserving import lift

AT_END, AT_PAUSE, AT_GROW, AT_TIME = range(4)
ARRIVED, WAITING, ACTIVE, ROUNDS, IN_ROUND, DROPPED = range(6)
NOW = 0


class Replay(NamedTuple):
    """Columns by job, in the order in which they become eligible, and the queue of events.

    `key` orders the queue (lower first, ties by row); `duration_s` is what the job really runs
    where pace is 1. `heap` holds the rows of what runs, the next to end on top. `ordered` is where
    the queue is sorted by queues of a fair share.
    """

    eligible_s: Column
    duration_s: Column
    key: Column
    start_s: Column
    end_s: Column
    user: Column
    width: Column  # milli-devices or milli-CPUs of the job: what predictions go by
    came_s: Column  # when it was submitted
    waiting: Column
    ordered: Column
    heap: Column
    learned_s: Column  # see weir.scheduling.estimate
    learned_jobs: Column
    real: Column  # [now]
    whole: Column  # [arrived, waiting, running, rounds, in a round, never]


class World(NamedTuple):
    """What the loop is told: `learn` orders by what past jobs taught; `leases` stay in layers.

    `memory_s` is the time in which the usage that a fair share remembers fades to 1/e. Costs hold
    until `until_s`.
    """

    jobs: int
    learn: bool
    leases: int
    reservations: int
    memory_s: float
    until_s: float


def advance(b: Board, s: Replay, rules: Rules, world: World, moments: int) -> int:
    """Go on for so many moments; AT_END, AT_PAUSE, AT_GROW or AT_TIME."""
    whole = s.whole
    while moments > 0:
        if not whole[IN_ROUND]:
            now = next_moment(s, world)
            if now == inf:
                return AT_END
            if now >= world.until_s:
                return AT_TIME
            if rules.fair:
                fade(b, world, now - s.real[NOW])
            s.real[NOW] = now
            end_all(b, s, world, now)
            if rules.fair:
                add_up(b)
            arrive_all(b, s, world, now)
            lift(b, world.leases, world.reservations)
            b.meta.whole[NEXT] = 0
            whole[IN_ROUND] = 1
            if rules.fair:
                deal(b, s)
        if plan_round(
            b, rules, s.ordered if rules.fair else s.waiting, whole[WAITING], s.real[NOW]
        ):
            return AT_GROW
        whole[IN_ROUND] = 0
        whole[ROUNDS] += 1
        if b.meta.whole[PLACED] > 0:
            start_placed(b, s, world)
        moments -= 1
    return AT_PAUSE


def next_moment(s: Replay, world: World) -> float:
    """When something happens next, infinite if nothing does."""
    arrived, active = s.whole[ARRIVED], s.whole[ACTIVE]
    arrival = s.eligible_s[arrived] if arrived < world.jobs else inf
    end = s.end_s[s.heap[0]] if active > 0 else inf
    return float(max(s.real[NOW], min(arrival, end)))


def end_all(b: Board, s: Replay, world: World, now: float) -> None:
    """Let everything go that is over."""
    while s.whole[ACTIVE] > 0 and s.end_s[s.heap[0]] <= now:
        j = pop(s)
        finish(b, j)
        if world.learn:
            learn_duration(s.learned_s, s.learned_jobs, s.user[j], size_class(s.width[j]),
                           s.duration_s[j])  # fmt: skip
        release_queue(b, j)


def release_queue(b: Board, j: int) -> None:
    """Take what a job held off its queue and all above it."""
    v, n = b.runs.variant[j], b.jobs.queue[j]
    milli = b.needs.milli[v] * b.pools.speed[b.runs.pool[j]] // 1000
    while n >= 0:
        b.queues.held[n * 3] -= b.needs.cpu[v]
        b.queues.held[n * 3 + 1] -= b.needs.memory[v]
        b.queues.held[n * 3 + 2] -= milli
        n = b.queues.parent[n]


def fade(b: Board, world: World, passed_s: float) -> None:
    """Let the average of past usage move towards what was held in the seconds that passed."""
    left = exp(-passed_s / world.memory_s)
    for i in range(b.queues.meta[0] * 3):
        held = b.queues.held[i]
        b.queues.past[i] = held + (b.queues.past[i] - held) * left


def add_up(b: Board) -> None:
    """What counts for shares: what is held now, and what was held on the average of late."""
    for i in range(b.queues.meta[0] * 3):
        b.queues.used[i] = b.queues.past[i] + b.queues.held[i]


def arrive_all(b: Board, s: Replay, world: World, now: float) -> None:
    """Let everything that has come join the queue."""
    while s.whole[ARRIVED] < world.jobs and s.eligible_s[s.whole[ARRIVED]] <= now:
        j = s.whole[ARRIVED]
        s.whole[ARRIVED] += 1
        if not suits_any(b, b.jobs.klass[j]):
            s.whole[DROPPED] += 1
            continue
        if world.learn:
            expect(b, s, j)
        join(s, j)


def suits_any(b: Board, k: int) -> bool:
    """Whether any pool would take such a job if it were empty."""
    pools = b.classes.meta[0]
    for p in range(pools):  # noqa: SIM110 - numba knows no generators
        if b.classes.variant[k * pools + p] >= 0:
            return True
    return False


def expect(b: Board, s: Replay, j: int) -> None:
    """Predict how long the job runs, and say where it stands in the queue by that."""
    predicted = predict_s(s.learned_s, s.learned_jobs, s.user[j], size_class(s.width[j]))
    s.key[j] += turn_s(predicted, s.came_s[j])
    b.jobs.length_s[j] = predicted


def join(s: Replay, j: int) -> None:
    """Put a job into the queue by its key; ties by row."""
    low, high = 0, s.whole[WAITING]
    key = s.key[j]
    while low < high:
        middle = (low + high) // 2
        other = s.waiting[middle]
        if s.key[other] < key or (s.key[other] == key and other < j):
            low = middle + 1
        else:
            high = middle
    i = s.whole[WAITING]
    while i > low:
        s.waiting[i] = s.waiting[i - 1]
        i -= 1
    s.waiting[low] = j
    s.whole[WAITING] += 1


def deal(b: Board, s: Replay) -> None:
    """Sort what waits by queue, each queue in its order, and count it for the tree."""
    q, count = b.queues, s.whole[WAITING]
    for n in range(q.meta[0]):
        q.pending[n] = 0
        q.tail[n] = 0
    for i in range(count):
        q.tail[b.jobs.queue[s.waiting[i]]] += 1
    at = 0
    for n in range(q.meta[0]):
        q.head[n] = at
        at += q.tail[n]
        q.tail[n] = q.head[n]
    for i in range(count):
        n = b.jobs.queue[s.waiting[i]]
        s.ordered[q.tail[n]] = s.waiting[i]
        q.tail[n] += 1
        while n >= 0:
            q.pending[n] += 1
            n = q.parent[n]


def start_placed(b: Board, s: Replay, world: World) -> None:
    """Let what the round placed run, and close the queue's ranks."""
    kept, now = 0, s.real[NOW]
    pools = b.classes.meta[0]
    for i in range(s.whole[WAITING]):
        j = s.waiting[i]
        p = b.jobs.pool[j]
        if p < 0:
            s.waiting[kept] = j
            kept += 1
            continue
        at = b.jobs.klass[j] * pools + p
        s.start_s[j] = now
        s.end_s[j] = now + b.classes.lag_s[at] + s.duration_s[j] * b.classes.pace[at]
        if s.end_s[j] < inf:
            push(s, j)
    s.whole[WAITING] = kept


def push(s: Replay, j: int) -> None:
    """Note when a job ends; ties in the order of rows."""
    i = s.whole[ACTIVE]
    s.whole[ACTIVE] = i + 1
    while i > 0:
        up = (i - 1) // 2
        if not sooner(s, j, s.heap[up]):
            break
        s.heap[i] = s.heap[up]
        i = up
    s.heap[i] = j


def pop(s: Replay) -> int:
    """The job that ends next."""
    top = s.heap[0]
    last = s.whole[ACTIVE] - 1
    s.whole[ACTIVE] = last
    j, i = s.heap[last], 0
    while True:
        down = 2 * i + 1
        if down >= last:
            break
        if down + 1 < last and sooner(s, s.heap[down + 1], s.heap[down]):
            down += 1
        if not sooner(s, s.heap[down], j):
            break
        s.heap[i] = s.heap[down]
        i = down
    s.heap[i] = j
    return int(top)


def sooner(s: Replay, i: int, j: int) -> bool:
    """Whether job `i` ends before job `j`."""
    return bool(s.end_s[i] < s.end_s[j] or (s.end_s[i] == s.end_s[j] and i < j))
