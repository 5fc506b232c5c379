"""One round of scheduling: a snapshot and a policy in, a plan out. The same in gives the same out.

The algorithm:

1. Jobs are taken in turn: higher priority first, then as the policy orders (arrival, length,
   deadline); with fair shares, the head of the queue that is furthest below its share.
2. A job goes to the pool with the lowest cost of those that it fits now, host by host, as a gang:
   all its tasks on one pool, or none. What it takes is booked, so jobs behind it see less.
3. A job that fits nowhere now waits. If the policy holds, the pool where it could start best is
   kept for it (`hold` in the kernel). With backfill, jobs behind may go there as long as they end
   before its start, or leave it the room that it will need.
4. No job passes an equal one ahead of it, unless it is shorter and fills a gap.
5. If the policy preempts, those that still wait may push out what counts for less (`preempt`).

Jobs of one shape are judged once (`encode`); the round itself is the kernel, interpreted for small
rounds and compiled for large ones; why a job waits is worked out when somebody asks (`waits`).
`weir.scheduling.reference` is the same algorithm without any of that; property tests compare them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import inf
from typing import Any, overload

import numpy as np

from weir.core.plan import Candidate, Placement, Plan
from weir.scheduling import rank
from weir.scheduling.apart import near_then
from weir.scheduling.board import Board
from weir.scheduling.columns import Ints
from weir.scheduling.encode import Class, Shapes, Surroundings, class_rows, classify
from weir.scheduling.estimate import turn_s
from weir.scheduling.expected import expected_mix
from weir.scheduling.fragmentation import Mix
from weir.scheduling.gains import allotted
from weir.scheduling.lease_room import leases_in_order, most_on_a_pool, reserve_leases
from weir.scheduling.least import STRIDE
from weir.scheduling.machine import Machine
from weir.scheduling.normal import speeds
from weir.scheduling.occupy import Occupied, occupy
from weir.scheduling.policy import HostRule, Order, Policy
from weir.scheduling.queues import hold, totals, tree_of
from weir.scheduling.rules import rules_of
from weir.scheduling.setup import Limits, PoolRow, Tree, make_board
from weir.scheduling.snapshot import Snapshot, WaitingJob

LARGE = 50_000
"""The effort (`_effort`) from which on a round is worth the compiled kernel."""


def schedule(snapshot: Snapshot, policy: Policy) -> Plan:
    """Decide where the waiting jobs go, and for the rest why they wait."""
    if snapshot.leases:
        from weir.scheduling.leased import plan_leased, promised

        if ways := promised(snapshot):
            return plan_leased(snapshot, policy, ways)
    return plan_of(play(snapshot, policy))


@dataclass(slots=True)
class Round:
    """A round that has been played. `jobs` are in their order; rows of the board are theirs."""

    snapshot: Snapshot
    policy: Policy
    jobs: Sequence[WaitingJob]
    deferred: Sequence[WaitingJob]
    classes: Sequence[Class]
    board: Board
    occupied: Sequence[Occupied]
    gap: float | None = None
    how: str = "greedy"


def play(snapshot: Snapshot, policy: Policy) -> Round:
    """Set the board and let the kernel place what can be placed."""
    jobs, deferred = in_order(snapshot, policy)
    classes, klass = classes_of(snapshot, policy, jobs)
    if policy.rounds:
        jobs, narrowed = allotted(snapshot, jobs, classes, klass)
        classes, klass = classes_of(snapshot, policy, narrowed)
    ends_matter = policy.hold or bool(snapshot.leases)
    occupied = tuple(occupy(s, snapshot.now, ends_matter) for s in snapshot.routes)
    machine = set_up(snapshot, policy, jobs, classes, klass, occupied)
    machine.plan(snapshot.now)
    round_ = Round(snapshot, policy, jobs, deferred, classes, machine.board, occupied)
    if policy.optimal:
        from weir.scheduling.improve import improved

        return improved(round_)
    return round_


def fresh_machine(round_: Round) -> Machine:
    """The board of a round before its first turn."""
    klass = [int(k) for k in round_.board.jobs.klass]
    return set_up(
        round_.snapshot, round_.policy, round_.jobs, round_.classes, klass, round_.occupied, False
    )


def in_order(
    snapshot: Snapshot, policy: Policy
) -> tuple[tuple[WaitingJob, ...], tuple[WaitingJob, ...]]:
    """The jobs in their order, and those whose time has not come."""
    now = snapshot.now
    ready = [j for j in snapshot.jobs if j.start_after is None or j.start_after <= now]
    deferred = [j for j in snapshot.jobs if j.start_after is not None and j.start_after > now]

    def key(job: WaitingJob) -> tuple[float, float, float, str]:
        return order_key(policy, job)

    return tuple(sorted(ready, key=key)), tuple(sorted(deferred, key=key))


def order_key(policy: Policy, job: WaitingJob) -> tuple[float, float, float, str]:
    """What jobs are sorted by, the least first."""
    standing = -float(job.priority)
    if policy.age_weight:
        # Ageing gains everybody the same per hour: who came earlier is ahead by as much.
        standing += policy.age_weight / 3600 * job.submitted_at
    first = 0.0
    if policy.order is Order.DEADLINE:
        late = inf if job.deadline_at is None else job.deadline_at
        first = late - (job.expected_s if job.expected_s < inf else 0.0)
    elif policy.order is Order.PREDICTED:
        first = turn_s(job.likely_s, job.submitted_at)
    elif policy.order is not Order.ARRIVAL:
        first = job.expected_s
    return standing, first, job.submitted_at, job.id


def classes_of(
    snapshot: Snapshot, policy: Policy, jobs: tuple[WaitingJob, ...]
) -> tuple[tuple[Class, ...], list[int]]:
    """The classes of the jobs, judged, and the class of every job."""
    shapes = Shapes(snapshot.columns, bool(snapshot.energy or policy.run_weight))
    klass = shapes.rows(jobs)
    return classes_with(snapshot, policy, shapes), klass


def classes_with(snapshot: Snapshot, policy: Policy, shapes: Shapes) -> tuple[Class, ...]:
    """The shapes that were found, judged."""
    around = Surroundings.of(snapshot)
    return tuple(
        classify(snapshot.columns, s, shapes.with_walltime(s), policy, around) for s in shapes.found
    )


def set_up(
    snapshot: Snapshot,
    policy: Policy,
    jobs: Sequence[WaitingJob],
    classes: Sequence[Class],
    klass: list[int],
    occupied: Sequence[Occupied],
    large: bool | None = None,
    spare_runs: int = 0,
    spare_classes: int = 0,
) -> Machine:
    """The board before the first turn: what runs is on it, and what is leased.

    `large` says whether it is played compiled (None: by its size); `spare_runs` and
    `spare_classes` rows are kept for others to come.
    """
    runs = [(row, run) for row, o in enumerate(occupied) for run in o.runs]
    leases = leases_in_order(snapshot)
    extra = [r.claims for _, r in runs] + [x.claims for x in leases]
    tree, queue = _queues(snapshot, policy, jobs)
    tasks = sum(c.count for claims in extra for c in claims)
    most = most_on_a_pool(snapshot)
    board = make_board(
        _rows(snapshot, policy, occupied),
        replace(class_rows(classes, len(occupied), spare_classes, snapshot.columns), others=extra),
        klass,
        [j.expected_s for j in jobs],
        runs=len(runs) + spare_runs,
        limits=Limits(policy.depth + most, tasks + 8 * len(jobs) + 64, tasks + 4 * len(jobs) + 64),
        tree=tree,
        queue=queue,
        mix=_mix(snapshot, policy, classes, klass),
        by_site=policy.use_weight != 0,
    )
    base, first = sum(len(c.variants) for c in classes), len(jobs)
    for n, (row, run) in enumerate(runs):
        board.runs.pool[first + n] = row
        board.runs.variant[first + n] = base + n
        board.runs.end[first + n] = run.ends_at
    if policy.fair:
        line_up(board)
    if large is None:
        large = _effort(len(jobs) * policy.depth, len(classes), occupied) > LARGE
    rules = rules_of(policy)._replace(
        least=bool(board.scores.meta[STRIDE] > 0),
        quotas=bool(snapshot.queues),
        timed=policy.hold or bool(snapshot.leases),
    )
    machine = Machine(board, rules, large)
    machine.book_all(first, len(runs))
    reserve_leases(machine, snapshot, base + len(runs))
    machine.board.layers.meta[2] = policy.reservations if policy.hold else 0
    if rules.least:
        machine.touch_all()
    return machine


def _effort(jobs: int, classes: int, occupied: Sequence[Occupied]) -> int:
    """How many looks a round takes: each shape at each pool, each job at the hosts of a pool."""
    hosts = max((o.row.hosts for o in occupied), default=0)
    return jobs * (1 + hosts // 8) + classes * len(occupied)


def _mix(
    snapshot: Snapshot, policy: Policy, classes: Sequence[Class], klass: list[int]
) -> Mix | None:
    """What jobs ask for as a rule: the snapshot's mix, or else the jobs that wait."""
    if policy.host_rule is not HostRule.FRAGMENTATION:
        return None
    pools = len(snapshot.routes)
    if not snapshot.mix:
        return expected_mix(classes, np.bincount(klass, minlength=len(classes)).tolist(), pools)
    jobs = [WaitingJob(str(i), demand, 0, 0.0) for i, (demand, _) in enumerate(snapshot.mix)]
    judged, kinds = classes_of(replace(snapshot, mix=()), policy, tuple(jobs))
    often = np.bincount(kinds, [n for _, n in snapshot.mix], len(judged))
    return expected_mix(judged, often.tolist(), pools)


def _speeds(snapshot: Snapshot, policy: Policy) -> list[int]:
    """What a device of each pool counts in queues, in thousandths."""
    if not policy.normalized:
        return [1000] * len(snapshot.routes)
    return [int(v) for v in speeds(snapshot.columns)]


def _rows(snapshot: Snapshot, policy: Policy, occupied: Sequence[Occupied]) -> list[PoolRow]:
    if not snapshot.queues or not policy.normalized:
        return [o.row for o in occupied]
    speed = _speeds(snapshot, policy)
    return [replace(o.row, speed=s) for o, s in zip(occupied, speed, strict=True)]


@dataclass(frozen=True, slots=True)
class Shared:
    """Queues over pools: what there is in all, what devices count where, the row of each queue."""

    names: tuple[tuple[str, str], ...]
    total: tuple[int, int, int]
    speed: Mapping[str, int]
    index: Mapping[str, int]

    @classmethod
    def of(cls, snapshot: Snapshot, policy: Policy) -> Shared:
        """For the pools and the queues of a snapshot."""
        speed = _speeds(snapshot, policy)
        total = totals([s.pool for s in snapshot.routes], speed)
        by_id = dict(zip((s.pool.id for s in snapshot.routes), speed, strict=True))
        return cls(queue_names(snapshot), total, by_id, tree_of(snapshot.queues, total)[1])

    def row(self, queue: str) -> int:
        """Where the jobs of a queue stand in the tree."""
        return self.index.get(queue, self.index[""])

    def tree(self, snapshot: Snapshot) -> Tree:
        """The tree with what runs counted; queues may have other weights and limits by now."""
        tree, _ = tree_of(snapshot.queues, self.total)
        for running in snapshot.running:
            speed = self.speed.get(running.pool, 1000)
            hold(tree, self.row(running.queue), running.claims, speed)
        return tree


def queue_names(snapshot: Snapshot) -> tuple[tuple[str, str], ...]:
    """The queues and what they are below: where two snapshots agree in this, so do their trees."""
    return tuple((q.name, q.parent) for q in snapshot.queues)


def _queues(snapshot: Snapshot, policy: Policy, jobs: Sequence[WaitingJob]) -> tuple[Any, Any]:
    if not snapshot.queues:
        return None, None
    shared = Shared.of(snapshot, policy)
    return shared.tree(snapshot), [shared.row(j.queue) for j in jobs]


def line_up(board: Board, rows: Ints | None = None) -> None:
    """Sort the jobs by queue, each queue in its order, and count them up the tree.

    `rows` are those of the jobs in their order, where they do not follow each other.
    """
    jobs, q = board.jobs, board.queues
    rows = np.arange(len(jobs.queue)) if rows is None else rows
    queue = np.asarray(jobs.queue)[rows]
    jobs.order[: len(rows)] = rows[np.argsort(queue, kind="stable")]
    counts = np.bincount(queue, minlength=len(q.parent))
    q.head[:] = np.cumsum(counts) - counts
    for row in range(len(q.parent)):
        above = row
        while above >= 0:
            q.pending[above] += counts[row]
            above = q.parent[above]


class Placements(Sequence[Placement]):
    """The placements of a round in the order of its jobs, put into words when looked at."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        pool = np.asarray(round_.board.jobs.pool)[: len(round_.jobs)]
        self.rows = np.flatnonzero(pool >= 0)

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, place: int) -> Placement: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Placement, ...]: ...
    def __getitem__(self, place: int | slice) -> Placement | tuple[Placement, ...]:
        if isinstance(place, slice):
            return tuple(placement(self._round, int(row)) for row in self.rows[place])
        return placement(self._round, int(self.rows[place]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


def plan_of(round_: Round) -> Plan:
    """The plan that the board holds."""
    from weir.scheduling.ahead import ahead
    from weir.scheduling.preempt import preempt
    from weir.scheduling.waits import Waits

    placements, waits = Placements(round_), Waits(round_)
    pushed = preempt(round_) if round_.policy.preempt and round_.snapshot.running else ()
    queued = ahead(round_, {p.for_job for p in pushed})
    return Plan(placements, waits, pushed, round_.gap, round_.how, queued)


def placement(round_: Round, row: int) -> Placement:
    """Where the job of a row goes, and the runner-up."""
    jobs = round_.board.jobs
    chosen = candidate_now(round_, row, int(jobs.pool[row]), int(jobs.idle[row]), jobs.used[row])
    second, other = int(jobs.second[row]), None
    if second >= 0:
        idle, used = int(jobs.second_idle[row]), jobs.second_used[row]
        other = candidate_now(round_, row, second, idle, used)
    return Placement(round_.jobs[row].id, chosen, other)


def candidate_now(
    round_: Round, row: int, pool: int, idle: int, used: int, now: bool = True
) -> Candidate:
    """A pool that takes the job at once, of which `idle` was idle before, and `used` of its site
    in use. One that is not to take it `now` takes it at a time that nobody knows.
    """
    klass = round_.classes[int(round_.board.jobs.klass[row])]
    route = round_.snapshot.routes[pool]
    tasks = klass.judgment.tasks
    claims = klass.variants[int(klass.variant[pool])]
    need = rank.taken(route.pool, claims)
    size = round_.board.sites.size[round_.board.pools.site[pool]]
    return rank.candidate(
        round_.policy,
        route.pool,
        route.cluster,
        tasks.allocations(pool),
        klass.settled,
        pool,
        int(tasks.price_micro_per_hour[pool]),
        0.0 if now else None,
        rank.spare(route.pool, max(0, idle - need)),
        rank.share_in_use(int(size), int(used), need),
        claims,
        now,
        near_then(round_, row, pool),
    )
