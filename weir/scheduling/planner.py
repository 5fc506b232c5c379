"""Round after round of a large network: what did not change is not worked out again.

`Planner.plan(snapshot)` is `schedule(snapshot, policy)`; a property test holds the two together. It
keeps the board of its last round. A pool whose state is another object than before has its hosts
and runs made anew, and so has one where the last round placed something; jobs that came or went are
put in or taken out of the order; what classes of jobs think of all other pools stays.

A plan has to be looked at before the next one is made: its words are taken from the board.

Where more changed than free room and jobs (a new pool, a price, a shape of job not seen before),
or where the policy looks at things that change by themselves (energy, queues, leases), and for
small rounds, it starts from nothing, as `schedule` does.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf
from typing import Any

import numpy as np

from weir.core.plan import Plan
from weir.scheduling.board import JOBS, Board, Needs
from weir.scheduling.encode import Shapes
from weir.scheduling.hosts import WHOLE, Claims
from weir.scheduling.machine import Machine
from weir.scheduling.occupy import Occupied, Timed, occupy
from weir.scheduling.packing import MOST, Claim, taken_milli
from weir.scheduling.policy import HostRule, Policy
from weir.scheduling.routes import PoolState
from weir.scheduling.schedule import (
    Round,
    classes_with,
    order_key,
    plan_of,
    schedule,
    set_up,
)
from weir.scheduling.snapshot import Snapshot, WaitingJob

Key = tuple[float, float, float, str]

WORTHWHILE = 5_000
"""Jobs and pools from which on it pays to keep the board."""

SLACK = 4
"""One more job in so many may come before the board is made anew."""


@dataclass(slots=True)
class _Kept:
    """What stays from round to round. `keys` are of the jobs in the order, `rows` by job id."""

    machine: Machine
    snapshot: Snapshot
    round: Round
    shapes: Shapes
    row_of_place: list[int]
    rows: dict[str, int]
    jobs: list[WaitingJob | None]
    keys: list[tuple[Key, int]]
    spare: list[int]
    spare_runs: list[int]
    runs_of: dict[int, list[int]]
    variants: dict[tuple[int, int, int, int], int]


class Planner:
    """Plans rounds of one policy; see the module."""

    def __init__(self, policy: Policy, large: int = WORTHWHILE) -> None:
        self._policy, self._large = policy, large
        self._kept: _Kept | None = None
        self.incremental = False

    def plan(self, snapshot: Snapshot) -> Plan:
        """The plan of `schedule(snapshot, policy)`."""
        kept, self._kept = self._kept, None
        self.incremental = False
        if not self._may(snapshot):
            return schedule(snapshot, self._policy)
        if kept is None or not _patch(kept, snapshot, self._policy):
            kept = _fresh(snapshot, self._policy)
        else:
            self.incremental = True
        _play(kept, snapshot, self._policy)
        self._kept = kept
        return plan_of(kept.round)

    def _may(self, snapshot: Snapshot) -> bool:
        """Whether rounds like this one can be kept, and are worth it."""
        policy = self._policy
        plain = policy.host_rule is HostRule.BEST_FIT and not (
            policy.optimal or policy.fair or policy.rounds
        )
        moving = snapshot.energy or snapshot.queues or snapshot.leases or snapshot.mix
        return plain and not moving and len(snapshot.jobs) + len(snapshot.pools) > self._large


def _fresh(snapshot: Snapshot, policy: Policy) -> _Kept:
    """A board made from nothing, with room for jobs to come; the round is not played yet."""
    now = snapshot.now
    ready = [j for j in snapshot.jobs if j.start_after is None or j.start_after <= now]
    shapes = Shapes(snapshot.columns, bool(policy.run_weight))
    klass = shapes.rows(ready)
    classes = classes_with(snapshot, policy, shapes)
    occupied = [occupy(s, now, policy.hold) for s in snapshot.routes]
    room = len(ready) + len(ready) // SLACK + 64
    padded: list[Any] = [*ready, *[_NOBODY] * (room - len(ready))]
    codes = [*klass, *[0] * (room - len(ready))]
    runs = sum(len(o.runs) for o in occupied)
    machine = set_up(
        snapshot, policy, tuple(padded), classes, codes, tuple(occupied), True, runs + room
    )
    first = room
    runs_of: dict[int, list[int]] = {}
    for n, row in enumerate(row for row, o in enumerate(occupied) for _ in o.runs):
        runs_of.setdefault(row, []).append(first + n)
    return _Kept(
        machine=machine,
        snapshot=snapshot,
        round=Round(snapshot, policy, (), (), classes, machine.board, tuple(occupied)),
        shapes=shapes,
        row_of_place=_places(snapshot),
        rows={job.id: row for row, job in enumerate(ready)},
        jobs=[*ready, *[None] * (room - len(ready))],
        keys=[(order_key(policy, job), row) for row, job in enumerate(ready)],
        spare=list(range(room - 1, len(ready) - 1, -1)),
        spare_runs=list(range(len(machine.board.runs.pool) - 1, first + runs - 1, -1)),
        runs_of=runs_of,
        variants={},
    )


def _places(snapshot: Snapshot) -> list[int]:
    """For each state of the snapshot the row of its pool, or -1 where another route was chosen."""
    rows = {id(state): row for row, state in enumerate(snapshot.routes)}
    return [rows.get(id(state), -1) for state in snapshot.pools]


def _patch(kept: _Kept, snapshot: Snapshot, policy: Policy) -> bool:
    """Bring the board up to date; False where that can't be done."""
    old = kept.snapshot
    if snapshot.speeds != old.speeds or snapshot.links != old.links:
        return False
    changed = _changed(kept, snapshot)
    if changed is None or any(_too_wide(kept, snapshot.pools[place]) for place in changed):
        return False
    if not _jobs(kept, snapshot, policy):
        return False
    board = kept.machine.board
    placed = np.unique(board.jobs.pool[: len(kept.jobs)]).tolist()
    routes = list(old.routes)
    for place, row in changed.items():
        routes[row] = snapshot.pools[place]
    # The same pools by the same ways: what was found of them holds.
    snapshot.__dict__["routes"] = tuple(routes)
    snapshot.__dict__["columns"] = old.columns
    occupied = list(kept.round.occupied)
    for row in sorted({*changed.values(), *(row for row in placed if row >= 0)}):
        occupied[row] = _renew(kept, row, routes[row], snapshot.now, policy.hold)
    kept.round = replace(kept.round, snapshot=snapshot, occupied=tuple(occupied))
    kept.snapshot = snapshot
    return True


def _changed(kept: _Kept, snapshot: Snapshot) -> dict[int, int] | None:
    """The places of states that are others than before, with the rows of their pools; None where
    anything but what is free and what runs there has changed.
    """
    old = kept.snapshot.pools
    if len(old) != len(snapshot.pools):
        return None
    found: dict[int, int] = {}
    for place, (before, after) in enumerate(zip(old, snapshot.pools, strict=True)):
        if before is after:
            continue
        if not _same_place(before, after):
            return None
        if kept.row_of_place[place] >= 0:
            found[place] = kept.row_of_place[place]
    return found


def _too_wide(kept: _Kept, state: PoolState) -> bool:
    """Whether devices are shared there, and a host of the board has too few slots for that."""
    shared = any(0 < c.device_milli < WHOLE for c in state.claims)
    shared = shared or any(m < WHOLE for s in state.pool.free for m, _ in s.devices)
    width = int(kept.machine.board.hosts.meta[2])
    devices = max((sum(n for _, n in s.devices) for s in state.pool.free), default=0)
    return devices > width and (shared or width > 0)


def _same_place(before: PoolState, after: PoolState) -> bool:
    if before.cluster != after.cluster or before.silent != after.silent:
        return False
    return replace(before.pool, free=()) == replace(after.pool, free=())


def _jobs(kept: _Kept, snapshot: Snapshot, policy: Policy) -> bool:
    """Put in and take out jobs; False where one is of a new shape, or there is no room."""
    rows, now, there = kept.rows, snapshot.now, kept.jobs
    new: list[WaitingJob] = []
    stay: set[int] = set()
    for job in snapshot.jobs:
        if job.start_after is not None and job.start_after > now:
            continue
        row = rows.get(job.id, -1)
        if row >= 0 and there[row] is job:
            stay.add(row)
        else:
            new.append(job)
    gone = [i for i, row in rows.items() if row not in stay] if len(stay) < len(rows) else []
    known = len(kept.shapes.found)
    klass = kept.shapes.rows(new)
    if len(kept.shapes.found) != known or len(new) > len(kept.spare) + len(gone):
        return False
    left = {rows.pop(i) for i in gone}
    board = kept.machine.board
    for row in left:
        kept.jobs[row] = None
        # What it was given in the last round goes when its pool is made anew.
        kept.spare.append(row)
    if left:
        kept.keys = [pair for pair in kept.keys if pair[1] not in left]
    for job, k in zip(new, klass, strict=True):
        row = kept.spare.pop()
        rows[job.id], kept.jobs[row] = row, job
        board.jobs.klass[row], board.jobs.length_s[row] = k, job.expected_s
        kept.keys.append((order_key(policy, job), row))
    return True


def _renew(kept: _Kept, row: int, state: PoolState, now: float, timed: bool) -> Occupied:
    """Make a pool's hosts and runs anew."""
    occupied = occupy(state, now, timed, trust=True)
    _hosts(kept, row, occupied)
    if not all(_book(kept, row, run) for run in occupied.runs):
        occupied = occupy(state, now, timed)
        _hosts(kept, row, occupied)
        for run in occupied.runs:
            _book(kept, row, run)
    return occupied


def _hosts(kept: _Kept, row: int, occupied: Occupied) -> None:
    """The pool's hosts, with nothing of the viewer's on them."""
    machine = kept.machine
    machine.clear_pool(row)
    kept.spare_runs += kept.runs_of.pop(row, [])
    for shape in occupied.row.free:
        entry = machine.add_entry(
            row, shape.hosts, min(shape.cpu_milli, MOST), min(shape.memory_bytes, MOST),
            shape.whole_devices,
        )  # fmt: skip
        h = machine.board.hosts
        slot = entry * int(h.meta[2])
        for milli, count in shape.devices:
            if milli != WHOLE:
                h.share[slot : slot + count] = milli
                slot += count
        machine.count(entry, 1)


def _book(kept: _Kept, row: int, run: Timed) -> bool:
    """Put a run on the board, if it fits there; whether it did."""
    machine, (claim,) = kept.machine, run.claims
    machine.ensure(claim.count + 2)
    if not kept.spare_runs:
        kept.spare_runs += machine.more_runs()
    r = kept.spare_runs.pop()
    runs = machine.board.runs
    runs.pool[r], runs.end[r] = row, run.ends_at
    runs.variant[r] = _variant(kept, claim)
    kept.runs_of.setdefault(row, []).append(r)
    return machine.book_fitting(r)


def _variant(kept: _Kept, claim: Claim) -> int:
    """The variant of a single claim, put at the end of the table if it is new."""
    size = claim.cpu_milli, claim.memory_bytes, claim.device_milli, claim.count
    if size not in kept.variants:
        board = kept.machine.board
        kept.variants[size] = len(board.needs.cpu)
        kept.machine.board = _with_variant(board, claim)
    return kept.variants[size]


def _with_variant(board: Board, claim: Claim) -> Board:
    c, n = board.claims, board.needs
    whole = claim.device_milli >= WHOLE
    claims = Claims(
        cpu=np.append(c.cpu, min(claim.cpu_milli, MOST)),
        memory=np.append(c.memory, min(claim.memory_bytes, MOST)),
        devices=np.append(c.devices, taken_milli(claim) // WHOLE if whole else 0),
        milli=np.append(c.milli, 0 if whole else claim.device_milli),
        count=np.append(c.count, min(claim.count, MOST)),
        first=np.append(c.first, len(c.cpu) + 1),
    )
    needs = Needs(
        cpu=np.append(n.cpu, min(MOST, claim.cpu_milli * claim.count)),
        memory=np.append(n.memory, min(MOST, claim.memory_bytes * claim.count)),
        milli=np.append(n.milli, min(MOST, taken_milli(claim) * claim.count)),
    )
    return board._replace(claims=claims, needs=needs)


def _play(kept: _Kept, snapshot: Snapshot, policy: Policy) -> None:
    """Play the round, and gather what came of it in the order of jobs."""
    machine = kept.machine
    kept.keys.sort()
    order = np.fromiter((row for _, row in kept.keys), dtype=np.int64, count=len(kept.keys))
    machine.board.jobs.pool[:] = -1
    machine.board.jobs.order[: len(order)] = order
    machine.board.meta.whole[JOBS] = len(order)
    machine.begin_again(len(order), 0, policy.reservations if policy.hold else 0)
    machine.plan(snapshot.now)
    board = machine.board
    place = np.full(len(kept.jobs), -1, dtype=np.int64)
    place[order] = np.arange(len(order))
    jobs = type(board.jobs)(*(column[order] for column in board.jobs))
    job = np.where(board.layers.job >= 0, place[np.maximum(0, board.layers.job)], -1)
    now = snapshot.now
    deferred = (j for j in snapshot.jobs if j.start_after is not None and j.start_after > now)
    kept.round = replace(
        kept.round,
        snapshot=snapshot,
        jobs=tuple([kept.jobs[row] for row in order.tolist()]),
        deferred=tuple(sorted(deferred, key=lambda j: order_key(policy, j))),
        board=board._replace(jobs=jobs, layers=board.layers._replace(job=job)),
    )


class _Nobody:
    """Stands in a row that is kept for a job to come."""

    expected_s = inf
    queue = ""


_NOBODY = _Nobody()
