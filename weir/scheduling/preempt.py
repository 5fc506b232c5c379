"""Which running jobs make room for one that counts for more: a cheap set, gangs whole.

A job may push out jobs of a lower priority (with fair shares only those of its own queue: between
queues their shares decide). With fair shares it may also push out jobs of queues that hold more
than their nominal quota, if its own queue, with it, would hold no more than its own, and still has
the lesser share when they are gone (else they would be back at once). What a set costs is the work
that it loses: milli-devices (milli-CPUs where there are none) times the seconds since each job's
last checkpoint. On every pool that suits, victims are taken by priority and cheapest first until
the job fits, and then those put back that need not have gone; the pool with the cheapest set is
chosen. A job that fits beside what others' victims leave takes that. Nobody is pushed out for a job
that could not start then: its queue's limit, leases and what is kept for jobs ahead count.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weir.core.plan import Preemption
from weir.scheduling.board import WAITS_ROOM
from weir.scheduling.packing import Claim, fits, subtract, taken_milli
from weir.scheduling.queues import quotas_after
from weir.scheduling.snapshot import RunningJob, WaitingJob

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
            continue
        state.give(best, row)
        found += [
            Preemption(v.id, v.pool, job.id, round_.snapshot.now - v.saved_at) for v in best.victims
        ]
    return tuple(found)


class _State:
    """What still runs and what is promised, by row of pools, while victims are chosen."""

    def __init__(self, round_: Round) -> None:
        self.asked = 0
        self._served: set[int] = set()
        self._round = round_
        routes = round_.snapshot.routes
        self._rows = {s.pool.id: row for row, s in enumerate(routes)}
        self._left: dict[int, list[RunningJob]] = {}
        for running in round_.snapshot.running:
            if running.pool in self._rows:
                self._left.setdefault(self._rows[running.pool], []).append(running)
        self._held = [_held(s.claims) for s in routes]
        self._quotas = quotas_after(round_)
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
        sets = [
            found
            for pool in self._left
            if klass.variant[pool] >= 0
            and not self._kept(pool, row)
            and (found := self._on(pool, row, job)) is not None
        ]
        return min(sets, key=lambda s: (s.cost, klass.settled.cost[s.pool], s.pool), default=None)

    def _kept(self, pool: int, row: int) -> bool:
        """Whether the pool is kept for a job ahead of this one that has not been given room."""
        layers, turn = self._round.board.layers, self._round.board.jobs.turn
        at = pool * int(layers.meta[0])
        for n in range(int(self._round.board.pools.layers[pool])):
            job = int(layers.job[at + n])
            ahead = turn[row] < 0 or turn[job] < turn[row]
            if 0 <= job != row and job not in self._served and ahead:
                return True
        return False

    def _on(self, pool: int, row: int, job: WaitingJob) -> _Set | None:
        """The victims on one pool, cheapest first; none at all where others' have left enough."""
        wanted, now = self._claims(row, pool), self._round.snapshot.now
        if not self._quotas.allows(job.queue, wanted, self._name(pool)):
            return None
        beside = self._leased(pool, row) + self._held[pool]
        may = self._candidates(pool, job, wanted)
        may.sort(key=lambda v: (v.priority, _lost(v, now), v.id))

        def fit(victims: Sequence[RunningJob]) -> bool:
            still = beside - _held(c for v in victims for c in v.claims)
            free = self._round.snapshot.routes[pool].pool.free
            return fits(
                subtract(free, [replace(c, count=n * c.count) for c, n in still.items()]), wanted
            )

        count = bisect_left(range(len(may) + 1), True, key=lambda n: fit(may[:n]))
        if count > len(may):
            return None
        gone = may[:count]
        for victim in sorted(gone, key=lambda v: (-v.priority, -_lost(v, now), v.id)):
            rest = [v for v in gone if v is not victim]
            if fit(rest):
                gone = rest
        return _Set(sum(_lost(v, now) for v in gone), pool, tuple(gone))

    def _leased(self, pool: int, row: int) -> Held:
        """What is leased there while the job would run."""
        now, name = self._round.snapshot.now, self._name(pool)
        end = now + self._round.jobs[row].expected_s
        return _held(
            claim
            for lease in self._round.snapshot.leases
            if lease.pool == name and lease.ends_at > now and lease.starts_at < end
            for claim in lease.claims
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
        self._left[chosen.pool] = [v for v in self._left[chosen.pool] if v not in chosen.victims]
        for victim in chosen.victims:
            self._held[chosen.pool] -= _held(victim.claims)
            self._quotas.change(victim.queue, victim.claims, victim.pool, -1)
        wanted = self._claims(row, chosen.pool)
        self._held[chosen.pool].update(_held(wanted))
        self._quotas.change(self._round.jobs[row].queue, wanted, self._name(chosen.pool), 1)


def _held(claims: Iterable[Claim]) -> Held:
    return Counter(replace(c, ends_at=None) for c in claims)


def _lost(victim: RunningJob, now: float) -> float:
    """Milli-device-seconds (or milli-CPU-seconds) that are lost if it goes now."""
    milli = sum(taken_milli(c) * c.count for c in victim.claims)
    size = milli or sum(c.cpu_milli * c.count for c in victim.claims)
    return max(0.0, now - victim.saved_at) * size
