"""The clock for policies that plan whole rounds, and where jobs may be pushed out: `schedule` is
asked at every moment at which a job comes or ends, as a server asks it. It plays jobs that keep
apart from others, too.

It is the slow way, a round in Python each time; `weir.sim.loop` is the quick one for all others.

Laws:
- What `schedule` says is done: who is placed starts, who is pushed out stops at once, loses all
  that it has done and waits again in its old place in line.
- What runs is not moved: a server does not either.
- Without pushing out, what both clocks play comes out the same (a test holds that).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from heapq import heappop, heappush
from math import exp, inf
from typing import TYPE_CHECKING

import numpy as np

from weir.core.demand import Demand
from weir.core.plan import GroupAllocation
from weir.scheduling.apart import Mate, mate_on
from weir.scheduling.packing import Claim
from weir.scheduling.policy import Policy
from weir.scheduling.queues import amounts
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Queue, RunningJob, Snapshot, WaitingJob
from weir.scheduling.tasks import claim_of
from weir.sim.stage import Stage
from weir.sim.workload import Floats, Workload

if TYPE_CHECKING:
    from weir.sim.engine import Options

Progress = Callable[[float, int], None]


@dataclass(frozen=True, slots=True)
class _Held:
    """A job that runs: `row` of the stage's order, `pool` its row, `end_s` when it really ends."""

    row: int
    pool: int
    claims: tuple[Claim, ...]
    start_s: float
    end_s: float


@dataclass(slots=True)
class _Play:
    """What changes as time goes on; rows are those of the stage's order."""

    there: Stage
    options: Options
    jobs: list[WaitingJob]
    queues: list[Queue]
    waiting: dict[int, None] = field(default_factory=dict)
    running: dict[int, _Held] = field(default_factory=dict)
    ends: list[tuple[float, int, float]] = field(default_factory=list)
    past: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    now: float = -inf
    rounds: int = 0


def play(there: Stage, options: Options, progress: Progress | None) -> tuple[Floats, Floats, int]:
    """Let time go on until nothing happens any more.

    Fills starts, ends and pools of the stage. Gives how long each job held its place and how much
    of that was lost, in seconds by row of the workload, and how often the scheduler was asked.
    """
    state = _begin(there, options)
    jobs = len(state.jobs)
    busy, lost = np.zeros(jobs), np.zeros(jobs)
    coming = there.replay.eligible_s
    first = done = 0
    while first < jobs or state.ends:
        then = min(coming[first] if first < jobs else inf, state.ends[0][0] if state.ends else inf)
        if then == inf:
            break
        _go_to(state, float(then))
        while state.ends and state.ends[0][0] <= then:
            end, row, began = heappop(state.ends)
            held = state.running.get(row)
            if held is not None and held.start_s == began:
                del state.running[row]
                there.replay.end_s[row] = end
                busy[row] += end - began
                done += 1
        while first < jobs and coming[first] <= then:
            state.waiting[first] = None
            first += 1
        if state.waiting:
            _round(state, busy, lost)
        if progress is not None:
            progress(done / max(1, jobs), len(state.waiting))
    by_row = np.zeros((2, jobs))
    by_row[:, there.order] = busy, lost
    return by_row[0], by_row[1], state.rounds


def _begin(there: Stage, options: Options) -> _Play:
    load, order = there.workload, there.order
    names = load.sharers
    expected = load.expected_s
    demands: dict[tuple[int, float], Demand] = {}
    klass = np.asarray(there.board.jobs.klass)
    jobs = []
    for at, row in enumerate(order.tolist()):
        shape = there.classes[int(klass[at])].shape
        asked = float(load.estimate_s[row])
        key = int(klass[at]), asked if asked == asked else -1.0
        if key not in demands:
            walltime = None if asked != asked or asked == inf else max(1, int(np.ceil(asked)))
            demands[key] = replace(shape.demand, walltime_s=walltime)
        length = float(expected[row])
        jobs.append(
            WaitingJob(
                id=f"{at:09}",
                demand=demands[key],
                priority=int(load.priority[row]),
                submitted_at=float(load.submit_s[row]),
                queue=names.of_row(row) if there.policy.fair else "",
                length_s=length,
                kind=shape.kind,
                data=shape.data,
                user=load.user.of_row(row),
                deadline_at=_deadline_at(load, row),
            )
        )
    queues: list[Queue] = []
    if there.policy.fair:
        queues = list(options.queues) or [
            Queue(name, weight=options.weights.get(name, 1.0)) for name in names.names
        ]
    return _Play(there, options, jobs, queues)


def _deadline_at(load: Workload, row: int) -> float | None:
    due = float(load.submit_s[row] + load.deadline_s[row])
    return due if due < inf else None


def _go_to(state: _Play, then: float) -> None:
    """Time goes on: what queues have held fades into their past."""
    if state.queues and then > state.now > -inf:
        left = exp(-(then - state.now) / state.options.memory_s)
        held: dict[str, list[float]] = {}
        for one in state.running.values():
            mine = held.setdefault(state.jobs[one.row].queue, [0.0, 0.0, 0.0])
            for i, amount in enumerate(_counted(state, one)):
                mine[i] += amount
        for name in {*state.past, *held}:
            before, now = state.past.get(name, (0.0, 0.0, 0.0)), held.get(name, (0.0, 0.0, 0.0))
            cpu, memory, milli = (h + (p - h) * left for h, p in zip(now, before, strict=True))
            state.past[name] = cpu, memory, milli
    state.now = then


def _counted(state: _Play, held: _Held) -> tuple[float, float, float]:
    cpu, memory, milli = amounts(held.claims)
    speed = int(state.there.board.pools.speed[held.pool]) / 1000
    return cpu, memory, milli * speed


def _round(state: _Play, busy: Floats, lost: Floats) -> None:
    """Ask the scheduler, and do what it says; where runs were pushed out, ask once more."""
    for _ in range(2):
        state.rounds += 1
        plan = schedule(_snapshot(state), state.there.policy)
        for placed in plan.placements:
            _start(state, int(placed.job), placed.chosen.pool, placed.chosen.groups)
        gone = {int(p.job) for p in plan.preemptions}
        for row in sorted(gone):
            held = state.running.pop(row)
            took = state.now - held.start_s
            busy[row] += took
            lost[row] += took
            state.waiting[row] = None
        if not gone:
            return


def _snapshot(state: _Play) -> Snapshot:
    there, options = state.there, state.options
    claims: list[list[Claim]] = [[] for _ in there.pools]
    for held in state.running.values():
        claims[held.pool] += held.claims
    pools = tuple(
        PoolState(pool, pool.cluster, False, tuple(here))
        for pool, here in zip(there.pools, claims, strict=True)
    )
    return Snapshot(
        now=state.now,
        pools=pools,
        jobs=tuple(state.jobs[row] for row in sorted(state.waiting)),
        running=tuple(_running(state, held) for held in state.running.values()),
        queues=tuple(_with_past(state)),
        energy=there.energy,
        speeds=options.speeds,
        links=options.links,
        mates=tuple(_mates(state)),
    )


def _mates(state: _Play) -> Iterator[Mate]:
    """Who carries a name and runs; it ends when its estimate says."""
    for held in state.running.values():
        job, pool = state.jobs[held.row], state.there.pools[held.pool]
        if job.demand.apart is not None:
            ends = held.claims[0].ends_at if held.claims else None
            yield mate_on(pool, job.id, job.user, job.demand.apart, ends)


def _running(state: _Play, held: _Held) -> RunningJob:
    job = state.jobs[held.row]
    pool = state.there.pools[held.pool].id
    load, row = state.there.workload, state.there.order[held.row]
    may_go = state.options.preemptible or bool(load.preemptible[row])
    return RunningJob(
        job.id, pool, held.claims, job.priority, held.start_s, job.queue, preemptible=may_go
    )


def _with_past(state: _Play) -> list[Queue]:
    """The queues with what each of them, and all below it, held of late."""
    parents = {q.name: q.parent for q in state.queues}
    sums = {name: [0.0, 0.0, 0.0] for name in parents}
    for name, past in state.past.items():
        at, steps = name, 0
        while at in sums and steps <= len(parents):
            for i, amount in enumerate(past):
                sums[at][i] += amount
            at, steps = parents[at], steps + 1
    return [replace(q, past=(*sums[q.name],)) for q in state.queues]  # type: ignore[arg-type]


def _start(state: _Play, row: int, pool_id: str, groups: Sequence[GroupAllocation]) -> None:
    there = state.there
    pool = next(n for n, p in enumerate(there.pools) if p.id == pool_id)
    job, klass = state.jobs[row], int(there.board.jobs.klass[row])
    where, pools = there.pools[pool], len(there.pools)
    pace = float(there.board.classes.pace[klass * pools + pool])
    lag = float(there.board.classes.lag_s[klass * pools + pool])
    until = state.now + lag + pace * job.expected_s
    known = {g.name: g for g in job.demand.groups}
    claims = tuple(
        replace(
            claim_of(known[g.group], g.count, where.shape, where.levels),
            ends_at=until if until < inf else None,
        )
        for g in groups
    )
    end = state.now + lag + pace * float(there.replay.duration_s[row])
    state.running[row] = _Held(row, pool, claims, state.now, end)
    if end < inf:
        heappush(state.ends, (end, row, state.now))
    state.waiting.pop(row)
    there.board.jobs.pool[row] = pool
    if not there.replay.start_s[row] < inf:
        there.replay.start_s[row] = state.now


def takes(load: Workload, policy: Policy, options: Options) -> bool:
    """Whether a policy needs this clock, or jobs that keep apart from others do."""
    apart = any(d.apart is not None for d in (*options.demands.values(), *load.demands))
    pushed = options.preemptible or bool(load.preemptible.any())
    return apart or policy.optimal or policy.rounds or (policy.preempt and pushed)
