"""The board of a planner between rounds: jobs come and go, pools are made anew, shapes are added.

A job keeps its row of the board while it waits; the order is a `Line`. A pool whose state has
changed has its hosts and runs made anew, and so has one where the last round placed something. What
classes of jobs think of all other pools stays. A function that gives False has met something that
only a new board can hold; what it left half done is thrown away with the board.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from heapq import heapify, heappop, heappush
from operator import attrgetter
from typing import Any

import numpy as np

from weir.scheduling.apart import Name, Named, by_name
from weir.scheduling.board import JOBS
from weir.scheduling.columns import Ints
from weir.scheduling.encode import Class, Shapes
from weir.scheduling.hosts import WHOLE
from weir.scheduling.kept_shapes import add_classes, carriers, change_mates, with_variants
from weir.scheduling.lease_room import leases_in_order, reserve_leases
from weir.scheduling.line import Line
from weir.scheduling.machine import Machine
from weir.scheduling.occupy import Occupied, occupy
from weir.scheduling.packing import MOST, Claim
from weir.scheduling.policy import Policy
from weir.scheduling.routes import PoolState
from weir.scheduling.schedule import Round, Shared, classes_with, line_up, order_key, set_up
from weir.scheduling.seated import NOBODY, Standing
from weir.scheduling.setup import Tree, queue_columns
from weir.scheduling.snapshot import Snapshot, WaitingJob

SLACK = 4
"""One more job, or shape, in so many may come before the board is made anew."""

_SIZE = attrgetter(*(f.name for f in fields(Claim) if f.name != "ends_at"))


@dataclass(slots=True)
class Kept:
    """What stays from round to round.

    `rows` are by id of the jobs in the line, `jobs` by row; `later` are those whose time has not
    come, and `wakes` when it comes. `row_of_place` says for each state of the snapshot which pool
    of the board it is, -1 where another route was chosen. `placed` are the pools where the last
    round placed something; `spare` rows of jobs, `spare_runs` rows of runs that are free.
    The variants of leases count from `leased`, in their order. `mates` are those that classes know
    of; names that are `moved` were carried by somebody whom the last round placed.
    """

    policy: Policy
    machine: Machine
    snapshot: Snapshot
    round: Round
    shapes: Shapes
    classes: list[Class]
    row_of_place: list[int]
    line: Line
    rows: dict[str, int]
    jobs: list[WaitingJob | None]
    later: dict[str, WaitingJob]
    wakes: list[tuple[float, str]]
    deferred: tuple[WaitingJob, ...]
    spare: list[int]
    spare_runs: list[int]
    runs_of: dict[int, list[int]]
    variants: dict[Any, int]
    placed: Ints
    shared: Shared | None
    leased: int
    mates: Named
    moved: set[Name | None] = field(default_factory=set)

    def everybody(self) -> Iterable[WaitingJob]:
        """All jobs, in no order."""
        yield from (job for job in self.jobs if job is not None)
        yield from self.later.values()


def fresh(snapshot: Snapshot, policy: Policy) -> Kept:
    """A board made from nothing, with room for jobs and shapes to come; not played yet."""
    now = snapshot.now
    ready = [j for j in snapshot.jobs if j.start_after is None or j.start_after <= now]
    later = {j.id: j for j in snapshot.jobs if j.start_after is not None and j.start_after > now}
    wakes = [(job.start_after or 0.0, job.id) for job in later.values()]
    heapify(wakes)
    shapes = Shapes(snapshot.columns, bool(snapshot.energy or policy.run_weight))
    klass = shapes.rows(ready)
    classes = classes_with(snapshot, policy, shapes)
    timed = policy.hold or bool(snapshot.leases)
    occupied = tuple(occupy(s, now, timed) for s in snapshot.routes)
    room = len(ready) + len(ready) // SLACK + 64
    empty = room - len(ready)
    padded: list[Any] = [*ready, *[NOBODY] * empty]
    runs = sum(len(o.runs) for o in occupied)
    machine = set_up(
        snapshot, policy, padded, classes, [*klass, *[0] * empty], occupied, True,
        spare_runs=runs + room, spare_classes=len(classes) // SLACK + 16,
    )  # fmt: skip
    runs_of: dict[int, list[int]] = {}
    for n, row in enumerate(row for row, o in enumerate(occupied) for _ in o.runs):
        runs_of.setdefault(row, []).append(room + n)
    line = Line(room)
    line.add(range(len(ready)), [order_key(policy, job) for job in ready])
    return Kept(
        policy=policy,
        machine=machine,
        snapshot=snapshot,
        round=Round(snapshot, policy, (), (), classes, machine.board, occupied),
        shapes=shapes,
        classes=list(classes),
        row_of_place=_places(snapshot),
        line=line,
        rows={job.id: row for row, job in enumerate(ready)},
        jobs=[*ready, *[None] * empty],
        later=later,
        wakes=wakes,
        deferred=_sorted(later.values(), policy),
        spare=list(range(room - 1, len(ready) - 1, -1)),
        spare_runs=list(range(len(machine.board.runs.pool) - 1, room + runs - 1, -1)),
        runs_of=runs_of,
        variants={},
        placed=np.empty(0, dtype=np.int64),
        shared=Shared.of(snapshot, policy) if snapshot.queues else None,
        leased=len(machine.board.needs.cpu) - len(leases_in_order(snapshot)),
        mates=by_name(snapshot.mates),
    )


def _places(snapshot: Snapshot) -> list[int]:
    rows = {id(state): row for row, state in enumerate(snapshot.routes)}
    return [rows.get(id(state), -1) for state in snapshot.pools]


def _sorted(jobs: Iterable[WaitingJob], policy: Policy) -> tuple[WaitingJob, ...]:
    return tuple(sorted(jobs, key=lambda job: order_key(policy, job)))


# Jobs


def change_jobs(
    kept: Kept, come: Iterable[WaitingJob], gone: Iterable[str], snapshot: Snapshot
) -> bool:
    """Put in and take out jobs; False where there is no room for them or their shapes.

    One that comes under the id of another takes its place.
    """
    now, ready, waits = snapshot.now, list[WaitingJob](), len(kept.later)
    come = list(come)
    left = [kept.rows.pop(i) for i in {*gone, *(j.id for j in come)} if i in kept.rows]
    moved = [kept.later.pop(i) for i in {*gone, *(j.id for j in come)} if i in kept.later]
    for row in left:
        kept.jobs[row] = None
    # What they were given in the last round goes when its pool is made anew.
    kept.spare += left
    kept.line.remove(left)
    for job in come:
        if job.start_after is None or job.start_after <= now:
            ready.append(job)
        else:
            kept.later[job.id] = job
            heappush(kept.wakes, (job.start_after, job.id))
    while kept.wakes and kept.wakes[0][0] <= now:
        at, name = heappop(kept.wakes)
        if name in kept.later and kept.later[name].start_after == at:
            ready.append(kept.later.pop(name))
            moved.append(ready[-1])
    if moved or len(kept.later) != waits:
        kept.deferred = _sorted(kept.later.values(), kept.policy)
    if ready and not _add(kept, ready, snapshot):
        kept.later |= {job.id: job for job in ready}  # nobody is forgotten with the board
        return False
    return True


def _add(kept: Kept, ready: Sequence[WaitingJob], snapshot: Snapshot) -> bool:
    klass = kept.shapes.rows(ready)
    if len(ready) > len(kept.spare) or not add_classes(kept, snapshot):
        return False
    rows = kept.spare[-len(ready) :]
    del kept.spare[-len(ready) :]
    jobs = kept.machine.board.jobs
    jobs.klass[rows] = klass
    jobs.length_s[rows] = [job.expected_s for job in ready]
    if kept.shared is not None:
        jobs.queue[rows] = [kept.shared.row(job.queue) for job in ready]
    for row, job in zip(rows, ready, strict=True):
        kept.rows[job.id], kept.jobs[row] = row, job
    kept.line.add(rows, [order_key(kept.policy, job) for job in ready])
    return True


# Pools


def change_pools(kept: Kept, changed: Mapping[int, PoolState], snapshot: Snapshot) -> bool:
    """Take up states by their places in the snapshot, and free what the last round placed.

    False where devices are shared on a host that has too few slots for it here, or hosts are in
    blocks that are new.
    """
    # What was kept for jobs is gone with the round; it must not stand over hosts made anew.
    kept.machine.begin_again(0, 0, 0)
    routes = list(kept.snapshot.routes)
    rows = set(kept.placed.tolist())
    for place, state in changed.items():
        row = kept.row_of_place[place]
        if row >= 0:
            routes[row] = state
            rows.add(row)
    # The same pools by the same ways: what was found of them holds.
    snapshot.__dict__["routes"] = tuple(routes)
    snapshot.__dict__["columns"] = kept.snapshot.columns
    occupied = list(kept.round.occupied)
    timed, now = kept.policy.hold or bool(snapshot.leases), snapshot.now
    todo = sorted(rows)
    for trust in (True, False):  # the second time for those whose runs don't fit together
        for row in todo:
            occupied[row] = occupy(routes[row], now, timed, trust)
        if _too_wide(kept, [occupied[row] for row in todo]):
            return False
        if _more_blocks(kept, [occupied[row] for row in todo]):
            return False
        todo = _renew(kept, todo, occupied) if todo else []
    kept.round = replace(kept.round, snapshot=snapshot, occupied=tuple(occupied))
    kept.snapshot = snapshot
    return True


def _too_wide(kept: Kept, pools: Sequence[Occupied]) -> bool:
    """Whether somebody shares devices, and a host of these has more than the board has slots for.

    A board without slots has room for any host as long as nobody shares: no run, no device that is
    free in part, and none of all who wait.
    """
    width = int(kept.machine.board.hosts.meta[2])
    free = [shape for o in pools for shape in o.row.free]
    if max((sum(n for _, n in shape.devices) for shape in free), default=0) <= width:
        return False
    return (
        width > 0
        or bool((kept.machine.board.claims.milli > 0).any())
        or any(m < WHOLE for shape in free for m, _ in shape.devices)
        or any(0 < c.device_milli < WHOLE for o in pools for run in o.runs for c in run.claims)
    )


def _more_blocks(kept: Kept, pools: Sequence[Occupied]) -> bool:
    """Whether hosts are in blocks that the board has no columns for."""
    hosts = kept.machine.board.hosts
    levels, numbers = int(hosts.meta[8]), len(hosts.room)
    blocks = (shape.block for o in pools for shape in o.row.free if shape.block)
    return any(len(block) > levels or max(block) >= numbers for block in blocks)


def _renew(kept: Kept, rows: Sequence[int], occupied: Sequence[Occupied]) -> list[int]:
    """Make the hosts and runs of pools anew; gives those whose runs do not fit there."""
    machine = kept.machine
    runs = [(row, run) for row in rows for run in occupied[row].runs]
    claims = [run.claims[0] for _, run in runs]
    variants = _variants(kept, claims)
    while len(kept.spare_runs) < len(runs):
        kept.spare_runs[:0] = machine.more_runs()
    at = kept.spare_runs[len(kept.spare_runs) - len(runs) :]
    del kept.spare_runs[len(kept.spare_runs) - len(runs) :]
    board = machine.board.runs
    board.pool[at] = [row for row, _ in runs]
    board.variant[at] = variants
    board.end[at] = [run.ends_at for _, run in runs]
    work, hosts, n, cleared = list[int](), 0, 0, list[int]()
    levels = int(machine.board.hosts.meta[8])
    for row in rows:
        free, many = occupied[row].row.free, len(occupied[row].runs)
        work += (row, len(free), many)
        for s in free:
            hosts += s.hosts
            work += (s.hosts, min(s.cpu_milli, MOST), min(s.memory_bytes, MOST), len(s.devices))
            for kind in s.devices:
                work += kind
            work += (*s.block, *[-1] * (levels - len(s.block))) if levels else ()
        work += at[n : n + many]
        cleared += kept.runs_of.pop(row, ())
        if many:
            kept.runs_of[row] = at[n : n + many]
        n += many
    room = sum(c.count + 2 for c in claims) + len(work) // 4
    failed = machine.renew(work, len(rows), hosts, room)
    kept.spare_runs += cleared
    return failed


def _variants(kept: Kept, claims: Sequence[Claim]) -> list[int]:
    """The variants of single claims, put at the end of the table where they are new."""
    known, sizes = kept.variants, [_SIZE(claim) for claim in claims]
    new: dict[Any, Claim] = {
        size: claim for size, claim in zip(sizes, claims, strict=True) if size not in known
    }
    if new:
        start = len(kept.machine.board.needs.cpu)
        kept.machine.board = with_variants(kept.machine.board, [(c,) for c in new.values()])
        known.update((size, start + n) for n, size in enumerate(new))
    return [known[size] for size in sizes]


# The round


def play(kept: Kept) -> None:
    """Play the round, and gather what came of it in the order of jobs."""
    machine, order, policy = kept.machine, kept.line.rows, kept.policy
    board = machine.board
    board.jobs.pool[:] = -1
    board.jobs.order[: len(order)] = order
    board.meta.whole[JOBS] = len(order)
    if kept.shared is not None or policy.fair:
        tree = Tree() if kept.shared is None else kept.shared.tree(kept.snapshot)
        machine.board = board = board._replace(queues=queue_columns(tree, len(order)))
        if policy.fair:
            line_up(board, order)
    machine.begin_again(len(order), 0, 0)
    change_mates(kept)
    if leases := leases_in_order(kept.snapshot):
        machine.ensure(sum(c.count + 2 for lease in leases for c in lease.claims))
        reserve_leases(machine, kept.snapshot, kept.leased)
    machine.board.layers.meta[2] = policy.reservations if policy.hold else 0
    machine.plan(kept.snapshot.now)
    board = machine.board
    place = np.full(len(kept.jobs), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    jobs = type(board.jobs)(*(column[order] for column in board.jobs))
    jobs = jobs._replace(order=place[board.jobs.order[: len(order)]])
    layers = board.layers._replace(
        job=np.where(board.layers.job >= 0, place[np.maximum(0, board.layers.job)], -1)
    )
    runs = board.runs._replace(end=board.runs.end[order])
    kept.placed = np.unique(jobs.pool[jobs.pool >= 0])
    gone = set(np.unique(jobs.klass[jobs.pool >= 0]).tolist())
    kept.moved = {kept.classes[row].shape.name for row in carriers(kept) if row in gone}
    kept.round = replace(
        kept.round,
        jobs=Standing(kept.jobs, order),
        deferred=kept.deferred,
        classes=kept.classes,
        board=board._replace(jobs=jobs, layers=layers, runs=runs),
    )
