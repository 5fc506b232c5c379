"""Which running jobs make room for one that counts for more: the cheapest set, gangs whole.

A job may push out jobs of a lower priority, and jobs of queues that hold more than their nominal
quota if its own queue, with it, would hold no more than its own. What a set costs is the work that
it loses: milli-devices (milli-CPUs where there are none) times the seconds since each job's last
checkpoint. On every pool that suits, victims are taken cheapest first until the job fits, and then
those put back that need not have gone; the pool with the cheapest set is chosen. A job that pushed
nobody out because nothing would help is left as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from weir.core.plan import Preemption
from weir.scheduling.board import WAITS_ROOM
from weir.scheduling.packing import Claim, fits, subtract, taken_milli
from weir.scheduling.snapshot import Queue, RunningJob, WaitingJob

if TYPE_CHECKING:
    from weir.scheduling.schedule import Round

MOST = 64
"""Jobs that may push others out in one round."""


@dataclass(frozen=True, slots=True)
class _Set:
    cost: float
    pool: int
    victims: tuple[RunningJob, ...]


def preempt(round_: Round) -> tuple[Preemption, ...]:
    """The jobs that have to go, in the order of the jobs that they go for."""
    state = _State(round_)
    found: list[Preemption] = []
    tried = 0
    for row, job in enumerate(round_.jobs):
        if round_.board.jobs.pool[row] >= 0 or round_.board.jobs.why[row] != WAITS_ROOM:
            continue
        if tried == MOST:
            break
        tried += 1
        best = state.cheapest(row, job)
        if best is not None:
            state.give(best, row)
            found += [
                Preemption(v.id, v.pool, job.id, round_.snapshot.now - v.saved_at)
                for v in best.victims
            ]
    return tuple(found)


class _State:
    """What still runs and what is promised, by row of pools, while victims are chosen."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        self._rows = {s.pool.id: row for row, s in enumerate(round_.snapshot.routes)}
        self._left: dict[int, list[RunningJob]] = {}
        for running in round_.snapshot.running:
            if running.pool in self._rows:
                self._left.setdefault(self._rows[running.pool], []).append(running)
        self._promised: dict[int, list[Claim]] = {}
        for row, pool in enumerate(round_.board.jobs.pool[: len(round_.jobs)]):
            if pool >= 0:
                self._promised.setdefault(int(pool), []).extend(self._claims(row, int(pool)))
        self._quotas = _Quotas(round_.snapshot.queues, round_.snapshot.running)

    def _claims(self, row: int, pool: int) -> tuple[Claim, ...]:
        klass = self._round.classes[int(self._round.board.jobs.klass[row])]
        return klass.variants[int(klass.variant[pool])]

    def cheapest(self, row: int, job: WaitingJob) -> _Set | None:
        """The cheapest set of victims for a job over all pools, None if none helps."""
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
        """Whether the pool is kept for a job ahead of this one."""
        layers = self._round.board.layers
        at = pool * int(layers.meta[0])
        return any(
            0 <= layers.job[at + n] < row for n in range(int(self._round.board.pools.layers[pool]))
        )

    def _on(self, pool: int, row: int, job: WaitingJob) -> _Set | None:
        wanted = self._claims(row, pool)
        now = self._round.snapshot.now
        may = [v for v in self._left[pool] if v.preemptible and self._may(job, v, wanted)]
        may.sort(key=lambda v: (v.priority, _lost(v, now), v.id))
        gone: list[RunningJob] = []
        while not self._fits(pool, wanted, gone):
            if len(gone) == len(may):
                return None
            gone.append(may[len(gone)])
        for victim in sorted(gone, key=lambda v: (-v.priority, -_lost(v, now), v.id)):
            rest = [v for v in gone if v is not victim]
            if self._fits(pool, wanted, rest):
                gone = rest
        return _Set(sum(_lost(v, now) for v in gone), pool, tuple(gone)) if gone else None

    def _may(self, job: WaitingJob, victim: RunningJob, wanted: Sequence[Claim]) -> bool:
        if victim.priority < job.priority:
            return True
        return (
            victim.queue != job.queue
            and self._quotas.borrows(victim.queue)
            and self._quotas.within(job.queue, wanted)
        )

    def _fits(self, pool: int, wanted: Sequence[Claim], gone: Sequence[RunningJob]) -> bool:
        state = self._round.snapshot.routes[pool]
        still = list(state.claims)
        removed = [v for v in self._round.snapshot.running if v.pool == state.pool.id]
        removed = [v for v in removed if v not in self._left[pool] or v in gone]
        for victim in removed:
            for claim in victim.claims:
                _remove(still, claim)
        promised = self._promised.get(pool, [])
        return fits(subtract(state.pool.free, [*still, *promised]), wanted)

    def give(self, chosen: _Set, row: int) -> None:
        """The victims are as good as gone, and their room as good as taken."""
        self._left[chosen.pool] = [v for v in self._left[chosen.pool] if v not in chosen.victims]
        wanted = self._claims(row, chosen.pool)
        self._promised.setdefault(chosen.pool, []).extend(wanted)
        for victim in chosen.victims:
            self._quotas.change(victim.queue, victim.claims, -1)
        self._quotas.change(self._round.jobs[row].queue, wanted, 1)


def _lost(victim: RunningJob, now: float) -> float:
    """Milli-device-seconds (or milli-CPU-seconds) that are lost if it goes now."""
    milli = sum(taken_milli(c) * c.count for c in victim.claims)
    size = milli or sum(c.cpu_milli * c.count for c in victim.claims)
    return max(0.0, now - victim.saved_at) * size


def _remove(claims: list[Claim], gone: Claim) -> None:
    """Take one claim of the same size off the list, whatever its end."""
    for i, claim in enumerate(claims):
        if replace(claim, ends_at=None) == replace(gone, ends_at=None):
            del claims[i]
            return


class _Quotas:
    """What each queue holds beside its nominal quota, while victims are chosen."""

    def __init__(self, queues: Sequence[Queue], running: Sequence[RunningJob]) -> None:
        self._nominal = {q.name: q.nominal for q in queues}
        self._held = {q.name: [0, 0, 0] for q in queues}
        for job in running:
            self.change(job.queue, job.claims, 1)

    def change(self, queue: str, claims: Sequence[Claim], sign: int) -> None:
        """Count claims for a queue, or take them off."""
        if queue in self._held:
            for i, amount in enumerate(_amounts(claims)):
                self._held[queue][i] += sign * amount

    def borrows(self, queue: str) -> bool:
        """Whether the queue holds more than its nominal quota of anything."""
        nominal = self._nominal.get(queue)
        return nominal is not None and any(
            most is not None and held > most
            for most, held in zip(nominal, self._held[queue], strict=True)
        )

    def within(self, queue: str, claims: Sequence[Claim]) -> bool:
        """Whether the queue has a quota and keeps to it with these claims too."""
        nominal = self._nominal.get(queue)
        if nominal is None or nominal == (None, None, None):
            return False
        amounts = _amounts(claims)
        return all(
            most is None or held + more <= most
            for most, held, more in zip(nominal, self._held[queue], amounts, strict=True)
        )


def _amounts(claims: Sequence[Claim]) -> tuple[int, int, int]:
    return (
        sum(c.cpu_milli * c.count for c in claims),
        sum(c.memory_bytes * c.count for c in claims),
        sum(taken_milli(c) * c.count for c in claims),
    )
