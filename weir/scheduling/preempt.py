"""Which running jobs make room for one that counts for more: a cheap set, gangs whole.

A job may push out jobs of a lower priority (with fair shares only those of its own queue: between
queues their shares decide). With fair shares it may also push out jobs of queues that hold more
than their nominal quota, if its own queue, with it, would hold no more than its own, and still has
the lesser share when they are gone (else they would be back at once). What a set costs is the work
that it loses: milli-devices (milli-CPUs where there are none) times the seconds since each job's
last checkpoint. On every pool that suits, victims are taken by priority and cheapest first until
the job fits, and then those put back that need not have gone; the pool with the cheapest set is
chosen. A job that fits beside what others' victims leave takes that. Nobody is pushed out for a job
that could not start then: its queue's limit, leases and what is kept for jobs ahead count, and in
the end the next round is played to see who does.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from weir.core.demand import Demand, DeviceRequest, TaskGroup, Topology
from weir.core.plan import Preemption
from weir.scheduling.apart import Nearby, by_name, mates_after
from weir.scheduling.board import WAITS_ROOM
from weir.scheduling.outlook import after
from weir.scheduling.packing import MOST as NO_LIMIT
from weir.scheduling.packing import Claim, fits, subtract, taken_milli, times
from weir.scheduling.queues import quotas_after
from weir.scheduling.snapshot import Lease, RunningJob, Snapshot, WaitingJob

if TYPE_CHECKING:
    from weir.scheduling.schedule import Round

MOST = 64
"""Jobs that may push others out in one round."""

Held = Counter[Claim]
"""How often each claim is held, their ends left out."""


@dataclass(frozen=True, slots=True)
class _Set:
    cost: float
    pool: int
    victims: tuple[RunningJob, ...]


def preempt(round_: Round) -> tuple[Preemption, ...]:
    """The jobs that have to go, in the order of the jobs that they go for."""
    state = _State(round_)
    jobs = round_.board.jobs
    found: list[Preemption] = []
    hopeless: set[tuple[int, int, str]] = set()
    for row in sorted(range(len(round_.jobs)), key=lambda r: (jobs.turn[r] < 0, jobs.turn[r], r)):
        job = round_.jobs[row]
        alike = int(jobs.klass[row]), job.priority, job.queue
        if jobs.pool[row] >= 0 or jobs.why[row] != WAITS_ROOM or alike in hopeless:
            continue
        if state.asked == MOST:
            break
        best = state.cheapest(row, job)
        if best is None:
            hopeless.add(alike)
            state.pass_over(row)
            continue
        state.give(best, row)
        found += [
            Preemption(v.id, v.pool, job.id, round_.snapshot.now - v.saved_at) for v in best.victims
        ]
    return _worth_it(round_, found)


def _worth_it(round_: Round, found: list[Preemption]) -> tuple[Preemption, ...]:
    """Those of jobs that do start when all these victims are gone: the next round is played."""
    from weir.scheduling.schedule import play

    while found:
        again = play(_cleared(round_, {p.job for p in found}), round_.policy)
        begun = {j.id for j, p in zip(again.jobs, again.board.jobs.pool, strict=False) if p >= 0}
        helped = [p for p in found if p.for_job in begun]
        if len(helped) == len(found):
            break
        found = helped
    return tuple(found)


def _cleared(round_: Round, gone: Collection[str]) -> Snapshot:
    """The snapshot of the next round: what was placed runs, and these jobs wait like others."""
    seen, board = after(round_), round_.board
    still = [r for r in round_.snapshot.running if r.id not in gone]
    for row, job in enumerate(round_.jobs):
        pool = int(board.jobs.pool[row])
        if pool >= 0:
            klass = round_.classes[int(board.jobs.klass[row])]
            claims, where = klass.variants[int(klass.variant[pool])], seen.pools[pool].pool.id
            still.append(RunningJob(job.id, where, claims, job.priority, seen.now, job.queue))
    left = {s.pool.id: list(s.claims) for s in seen.pools}
    levels = {s.pool.id: s.pool.levels for s in seen.pools}
    waiting = list(seen.jobs)
    for running in round_.snapshot.running:
        if running.id in gone:
            waiting.append(_again(running, levels[running.pool]))
            for claim in running.claims:
                _remove(left[running.pool], claim)
    pools = tuple(replace(s, claims=tuple(left[s.pool.id])) for s in seen.pools)
    mates = tuple(m for m in seen.mates if m.job not in gone)
    return replace(seen, pools=pools, running=tuple(still), jobs=tuple(waiting), mates=mates)


def _again(running: RunningJob, levels: Sequence[str]) -> WaitingJob:
    """A job that waits again, as far as it is known what it asked for and since when; `levels` are
    those of its pool.
    """
    groups = tuple(
        TaskGroup(
            str(n),
            count=c.count,
            cpu_milli=c.cpu_milli,
            memory_bytes=c.memory_bytes,
            device=DeviceRequest(milli=c.device_milli) if c.device_milli else None,
            max_per_host=None if c.per_host >= NO_LIMIT else c.per_host,
            topology=_wish(c.within, levels),
        )
        for n, c in enumerate(running.claims)
    )
    return WaitingJob(
        running.id, Demand(groups), running.priority, running.saved_at, queue=running.queue
    )


def _wish(within: int, levels: Sequence[str]) -> Topology | None:
    """What was asked for, if the pool still has that level."""
    known = 0 < abs(within) <= len(levels)
    return Topology(levels[abs(within) - 1], within > 0) if known else None


def _remove(claims: list[Claim], gone: Claim) -> None:
    """Take one claim of the same size off the list, whatever its end."""
    for i, claim in enumerate(claims):
        if replace(claim, ends_at=None) == replace(gone, ends_at=None):
            del claims[i]
            return


class _State:
    """What still runs and what is promised, by row of pools, while victims are chosen."""

    def __init__(self, round_: Round) -> None:
        self.asked = 0
        self._served: set[int] = set()
        self._seen: dict[int, dict[object, _Set | None]] = {}
        self._wanted: set[int] = set()  # pools that somebody ahead may have kept the next time
        self._round = round_
        routes = round_.snapshot.routes
        self._rows = {s.pool.id: row for row, s in enumerate(routes)}
        self._left: dict[int, list[RunningJob]] = {}
        for running in round_.snapshot.running:
            if running.pool in self._rows:
                self._left.setdefault(self._rows[running.pool], []).append(running)
        self._held = [_held(s.claims) for s in routes]
        self._sizes = {r.id: _held(r.claims) for r in round_.snapshot.running}
        self._quotas = quotas_after(round_)
        self._nearby = Nearby(round_.snapshot.columns, by_name(mates_after(round_)))
        for row, pool in enumerate(round_.board.jobs.pool[: len(round_.jobs)]):
            if pool >= 0:
                self._held[int(pool)].update(_held(self._claims(row, int(pool))))

    def _claims(self, row: int, pool: int) -> tuple[Claim, ...]:
        klass = self._round.classes[int(self._round.board.jobs.klass[row])]
        return klass.variants[int(klass.variant[pool])]

    def _name(self, pool: int) -> str:
        return self._round.snapshot.routes[pool].pool.id

    def cheapest(self, row: int, job: WaitingJob) -> _Set | None:
        """The cheapest set of victims for a job over all pools, None if none helps."""
        self.asked += 1
        klass = self._round.classes[int(self._round.board.jobs.klass[row])]
        closed = self._nearby.closed(job.user, job.demand)
        sets = [
            found
            for pool in self._left
            if klass.variant[pool] >= 0
            and not closed[pool]
            and not self._kept(pool, row)
            and (found := self._known(pool, row, job)) is not None
        ]
        return min(sets, key=lambda s: (s.cost, klass.settled.cost[s.pool], s.pool), default=None)

    def pass_over(self, row: int) -> None:
        """The job stays ahead of those behind it, and may have any of its pools kept next."""
        layers, jobs = self._round.board.layers, self._round.board.jobs
        if self._round.policy.hold and not (np.asarray(layers.job) == row).any():
            klass = self._round.classes[int(jobs.klass[row])]
            self._wanted.update(np.flatnonzero(klass.variant >= 0).tolist())

    def _kept(self, pool: int, row: int) -> bool:
        """Whether the pool is, or will be, kept for a job ahead that has not been given room."""
        layers, turn = self._round.board.layers, self._round.board.jobs.turn
        if pool in self._wanted:
            return True
        at = pool * int(layers.meta[0])
        for n in range(int(self._round.board.pools.layers[pool])):
            job = int(layers.job[at + n])
            ahead = turn[row] < 0 or turn[job] < turn[row]
            if 0 <= job != row and job not in self._served and ahead:
                return True
        return False

    def _known(self, pool: int, row: int, job: WaitingJob) -> _Set | None:
        """What `_on` says; jobs that are alike are looked at once, until something changes."""
        key = (
            int(self._round.board.jobs.klass[row]),
            job.priority,
            job.queue,
            self._leased(pool, job),
        )
        known = self._seen.setdefault(pool, {})
        if key not in known:
            known[key] = self._on(pool, row, job)
        return known[key]

    def _on(self, pool: int, row: int, job: WaitingJob) -> _Set | None:
        """The victims on one pool, cheapest first; none at all where others' have left enough."""
        wanted, now = self._claims(row, pool), self._round.snapshot.now
        if not self._quotas.allows(job.queue, wanted, self._name(pool)):
            return None
        leased = _held(c for lease in self._leased(pool, job) for c in lease.claims)
        beside = leased + self._held[pool]
        may = self._candidates(pool, job, wanted)
        may.sort(key=lambda v: (v.priority, _lost(v, now), v.id))

        def fit(victims: Sequence[RunningJob]) -> bool:
            still = beside.copy()
            for victim in victims:
                still.subtract(self._sizes[victim.id])
            free = self._round.snapshot.routes[pool].pool.free
            held = [one for c, n in still.items() if n > 0 for one in times(c, n)]
            return fits(subtract(free, held), wanted)

        count = bisect_left(range(len(may) + 1), True, key=lambda n: fit(may[:n]))
        if count > len(may):
            return None
        gone = may[:count]
        for victim in sorted(gone, key=lambda v: (-v.priority, -_lost(v, now), v.id)):
            rest = [v for v in gone if v is not victim]
            if fit(rest):
                gone = rest
        return _Set(sum(_lost(v, now) for v in gone), pool, tuple(gone))

    def _leased(self, pool: int, job: WaitingJob) -> tuple[Lease, ...]:
        """What is leased there while the job would run."""
        now, name = self._round.snapshot.now, self._name(pool)
        return tuple(
            lease
            for lease in self._round.snapshot.leases
            if lease.pool == name and lease.ends_at > now and lease.starts_at < now + job.expected_s
        )

    def _candidates(self, pool: int, job: WaitingJob, wanted: Sequence[Claim]) -> list[RunningJob]:
        """Who may be pushed out for the job, as long as all of them go."""
        fair = self._round.policy.fair
        may, quotas = [], self._quotas.copy()
        mine = fair and quotas.deserves(job.queue, wanted, self._name(pool))
        for v in sorted(self._left[pool], key=lambda v: (v.priority, v.id)):
            if not v.preemptible:
                continue
            if v.priority < job.priority and (not fair or v.queue == job.queue):
                may.append(v)
            elif mine and quotas.borrows(v.queue, job.queue, wanted, v.pool):
                quotas.change(v.queue, v.claims, v.pool, -1)
                if not quotas.goes_first(job.queue, v.queue):  # it would be back at once
                    break
                may.append(v)
        return may

    def give(self, chosen: _Set, row: int) -> None:
        """The victims are as good as gone, and their room as good as taken."""
        self._served.add(row)
        if self._round.snapshot.queues:
            self._seen.clear()
        self._seen.pop(chosen.pool, None)
        self._left[chosen.pool] = [v for v in self._left[chosen.pool] if v not in chosen.victims]
        for victim in chosen.victims:
            self._held[chosen.pool] -= _held(victim.claims)
            self._quotas.change(victim.queue, victim.claims, victim.pool, -1)
        wanted = self._claims(row, chosen.pool)
        self._held[chosen.pool].update(_held(wanted))
        self._quotas.change(self._round.jobs[row].queue, wanted, self._name(chosen.pool), 1)


def _held(claims: Iterable[Claim]) -> Held:
    return Counter(c if c.ends_at is None else replace(c, ends_at=None) for c in claims)


def _lost(victim: RunningJob, now: float) -> float:
    """Milli-device-seconds (or milli-CPU-seconds) that are lost if it goes now."""
    milli = sum(taken_milli(c) * c.count for c in victim.claims)
    size = milli or sum(c.cpu_milli * c.count for c in victim.claims)
    return max(0.0, now - victim.saved_at) * size
