"""The round of the `optimal` policy: the greedy plan, made better by `weir.scheduling.optimal`.

What it costs to leave a job waiting is what a wait of `UNKNOWN_START_S` costs, times its size in
devices (or in eights of a host's worth of cores), times its standing: twice for each step of
priority above the lowest, and more the longer it has waited. So a plan is better that runs more of
what matters, and among those the cheaper one. Jobs that are equal in all this are taken in turn.

What the program places is booked first, host by host; then the greedy round goes on with the rest.
Jobs that keep apart from others stay where the greedy round has put them: the program has the room
that they leave.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from weir.core.inventory import DEVICE_MILLI
from weir.scheduling.booking import fits_later, fits_now, length_on
from weir.scheduling.kernel import place
from weir.scheduling.optimal import Answer, Problem, improve
from weir.scheduling.optimal_amounts import FreeHosts, Tasks, amounts
from weir.scheduling.packing import Claim, Free, place_all, taken_milli, times
from weir.scheduling.rank import UNKNOWN_START_S
from weir.scheduling.ranking import refresh, runner_up
from weir.scheduling.shares import within_quota

if TYPE_CHECKING:
    from weir.scheduling.machine import Machine
    from weir.scheduling.schedule import Round

TIME_LIMIT_S = 2.0


@dataclass(frozen=True, slots=True)
class _Part:
    """Jobs of a round that are equal for the program: rows in their order."""

    klass: int
    rows: tuple[int, ...]
    value: float


def improved(round_: Round) -> Round:
    """The round with the better plan, and how far it is from the best at most."""
    parts = _parts(round_)
    if not parts or not round_.occupied:
        return round_
    fixed = _fixed(round_)
    frees = [_free(round_, fixed, p) for p in range(len(round_.occupied))]
    hosts = _tasks(round_, parts), _free_hosts(frees)
    problem = _problem(round_, parts, *hosts)
    greedy = _counts(round_, parts)

    def fits(pool: int, counts: Any) -> bool:
        return _packs(round_, parts, fixed, pool, counts)

    answer = improve(problem, greedy, TIME_LIMIT_S, fits, hosts=hosts)
    again = round_ if answer.how == "greedy" else _booked(round_, parts, answer)
    reached = _worth(problem, _counts(again, parts))
    if reached < _worth(problem, greedy):
        again, reached = round_, _worth(problem, greedy)
    gap = max(0.0, answer.bound - reached) / answer.bound if answer.bound > 0 else 0.0
    return replace(again, gap=gap, how=answer.how if again is not round_ else "greedy")


def _parts(round_: Round) -> list[_Part]:
    """The jobs by class, priority and whole days waited, with what leaving one waiting costs."""
    rows: dict[tuple[int, int, int], list[int]] = {}
    now = round_.snapshot.now
    for row, job in enumerate(round_.jobs):
        if job.demand.apart is not None:
            continue
        days = int(max(0.0, now - job.submitted_at) // 86400)
        rows.setdefault((int(round_.board.jobs.klass[row]), job.priority, days), []).append(row)
    steps = {p: n for n, p in enumerate(sorted({p for _, p, _ in rows}))}
    dearest = max((_dearest(c.settled.cost, c.variant) for c in round_.classes), default=0.0)
    each = round_.policy.start_weight * UNKNOWN_START_S / 3600 + 2 * dearest + 1.0
    return [
        _Part(k, tuple(of), each * _size(round_, k) * 2.0 ** steps[priority] * (1 + days))
        for (k, priority, days), of in rows.items()
        if (round_.classes[k].variant >= 0).any()
    ]


def _dearest(cost: Any, variant: Any) -> float:
    return float(cost[variant >= 0].max(initial=0.0))


def _size(round_: Round, klass: int) -> float:
    """Devices of a job, or eights of cores; at least 1."""
    claims = round_.classes[klass].variants[0]
    milli = sum(taken_milli(c) * c.count for c in claims)
    return max(1.0, milli / DEVICE_MILLI, sum(c.cpu_milli * c.count for c in claims) / 8000)


def _problem(round_: Round, parts: list[_Part], tasks: Tasks, hosts: FreeHosts) -> Problem:
    pools = len(round_.occupied)
    cost = np.full((len(parts), pools), np.inf)
    factor = np.ones((len(parts), pools), dtype=np.int64)
    for i, part in enumerate(parts):
        klass = round_.classes[part.klass]
        takes = klass.variant >= 0
        cost[i, takes] = klass.settled.cost[takes]
        if len(klass.variants) > 1:
            fewest = np.array([min(c.count for c in v) for v in klass.variants])
            factor[i, takes] = fewest[klass.variant[takes]]
    need, free, room = amounts(len(parts), pools, tasks, hosts)
    count = np.array([len(p.rows) for p in parts], dtype=np.int64)
    return Problem(
        count=count,
        value=np.array([p.value for p in parts]),
        cost=cost,
        need=need,
        free=free,
        room=np.where(np.isfinite(cost), np.minimum(room // factor, count[:, None]), 0),
        factor=factor,
    )


def _tasks(round_: Round, parts: list[_Part]) -> Tasks:
    """The task groups of all parts; where counts differ from pool to pool, one task of each, and
    where amounts do (whole hosts), the least of each: a job takes no less anywhere.
    """
    rows = [
        (i, *_least_of(claims), claims[0].count if len(claims) == 1 else 1)
        for i, part in enumerate(parts)
        for claims in zip(*round_.classes[part.klass].variants, strict=True)
    ]
    return Tasks(*(np.array(column, dtype=np.int64) for column in zip(*rows, strict=True)))


def _least_of(claims: Sequence[Claim]) -> tuple[int, int, int]:
    return (
        min(c.cpu_milli for c in claims),
        min(c.memory_bytes for c in claims),
        min(c.device_milli for c in claims),
    )


def _free_hosts(frees: Sequence[Free]) -> FreeHosts:
    shapes = [(p, s) for p, free in enumerate(frees) for s in free]
    shared = [
        [milli for milli, n in s.devices if milli < DEVICE_MILLI for _ in range(n)]
        for _, s in shapes
    ]
    share = np.zeros((len(shapes), max(map(len, shared), default=0)), dtype=np.int64)
    for row, parts in enumerate(shared):
        share[row, : len(parts)] = parts
    return FreeHosts(
        pool=np.array([p for p, _ in shapes], dtype=np.int64),
        hosts=np.array([s.hosts for _, s in shapes], dtype=np.int64),
        cpu_milli=np.array([s.cpu_milli for _, s in shapes], dtype=np.int64),
        memory_bytes=np.array([s.memory_bytes for _, s in shapes], dtype=np.int64),
        whole=np.array([s.whole_devices for _, s in shapes], dtype=np.int64),
        share=share,
    )


def _fixed(round_: Round) -> dict[int, list[int]]:
    """The rows of jobs that stay where they are, in their turn, by the pool that each is on."""
    found: dict[int, list[int]] = {}
    jobs = round_.board.jobs
    for row, job in enumerate(round_.jobs):
        if job.demand.apart is not None and jobs.pool[row] >= 0:
            found.setdefault(int(jobs.pool[row]), []).append(row)
    return {p: sorted(rows, key=lambda row: jobs.turn[row]) for p, rows in found.items()}


def _free(round_: Round, fixed: dict[int, list[int]], pool: int) -> Free:
    """What is free of a pool beside those that stay there."""
    free = round_.snapshot.room.free(pool)
    for row in fixed.get(pool, ()):
        klass = round_.classes[int(round_.board.jobs.klass[row])]
        left = place_all(free, klass.variants[int(klass.variant[pool])])
        free = free if left is None else left
    return free


def _packs(
    round_: Round, parts: list[_Part], fixed: dict[int, list[int]], pool: int, counts: Any
) -> bool:
    """Whether so many jobs of each part fit together, host by host."""
    claims = [
        every
        for i in np.flatnonzero(counts).tolist()
        for claim in _claims(round_, parts[i], pool)
        for every in times(claim, int(counts[i]))
    ]
    return place_all(_free(round_, fixed, pool), claims) is not None


def _claims(round_: Round, part: _Part, pool: int) -> tuple[Claim, ...]:
    klass = round_.classes[part.klass]
    return klass.variants[int(klass.variant[pool])]


def _counts(round_: Round, parts: list[_Part]) -> Any:
    counts = np.zeros((len(parts), len(round_.occupied)), dtype=np.int64)
    for i, part in enumerate(parts):
        for row in part.rows:
            pool = round_.board.jobs.pool[row]
            if pool >= 0:
                counts[i, pool] += 1
    return counts


def _worth(problem: Problem, counts: Any) -> float:
    placed = counts > 0
    return float(((problem.value[:, None] - problem.cost)[placed] * counts[placed]).sum())


def _booked(round_: Round, parts: list[_Part], answer: Answer) -> Round:
    """The round played again, what the program places booked first, the largest tasks first."""
    from weir.scheduling.schedule import fresh_machine

    machine = fresh_machine(round_)
    turn = round_.board.jobs.turn
    stay = [(row, pool) for pool, rows in _fixed(round_).items() for row in rows]
    for row, pool in sorted(stay, key=lambda one: turn[one[0]]):
        _put(round_, machine, row, pool)
    wanted: list[tuple[tuple[int, ...], int, int]] = []
    for i, part in enumerate(parts):
        waiting = iter(part.rows)
        for p in sorted(
            np.flatnonzero(answer.counts[i]).tolist(), key=lambda p: _cost(round_, part, p)
        ):
            size = tuple(-x for x in _order(_claims(round_, part, p)))
            wanted += [(size, next(waiting), p) for _ in range(int(answer.counts[i, p]))]
    for _, row, pool in sorted(wanted):
        _put(round_, machine, row, pool)
    machine.plan(round_.snapshot.now)
    return replace(round_, board=machine.board)


def _put(round_: Round, machine: Machine, row: int, pool: int) -> None:
    """Book one job, if it fits, is in nobody's way and within its queue's quota."""
    klass, now = round_.classes[int(machine.board.jobs.klass[row])], round_.snapshot.now
    number = int(klass.variant[pool])
    machine.ensure(2 * sum(c.count + 2 for c in klass.variants[number]))
    board, rules = machine.board, machine.rules
    k = int(board.jobs.klass[row])
    v = int(board.classes.base[k]) + number
    end = now + length_on(board, row, pool)
    if not fits_now(board, pool, v) or not fits_later(board, pool, v, end):
        return
    if rules.quotas and not within_quota(board, row, pool):
        return
    refresh(board, rules, k)
    other = runner_up(board, k, pool)
    known = other >= 0 and board.classes.key[k * board.classes.meta[0] + other] < inf
    board.jobs.second[row] = other if known else -1
    place(board, rules, row, pool, now)


def _cost(round_: Round, part: _Part, pool: int) -> float:
    return float(round_.classes[part.klass].settled.cost[pool])


def _order(claims: tuple[Claim, ...]) -> tuple[int, int, int]:
    largest = max(claims, key=lambda c: (c.device_milli, c.cpu_milli, c.memory_bytes))
    return largest.device_milli, largest.cpu_milli, largest.memory_bytes
