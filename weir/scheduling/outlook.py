"""When a waiting job might start: at the soonest and at the latest, as far as ends are known.

The soonest is when it fits if it is the next one. The latest is when it starts if everything runs
as long as it may and nobody else comes: the rounds from now on are played ahead, each at the moment
when something ends, with all who wait now. A new job, a lost host or a walltime that is overrun can
make it later, and now and then so can a run that ends early.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from math import exp, inf
from typing import TYPE_CHECKING

from weir.scheduling.apart import by_name, mates_after, name_of
from weir.scheduling.booking import length_on
from weir.scheduling.packing import Claim
from weir.scheduling.policy import Policy
from weir.scheduling.queues import MEMORY_S, amounts
from weir.scheduling.reserving import earliest
from weir.scheduling.snapshot import PoolState, Queue, RunningJob, Snapshot, WaitingJob

if TYPE_CHECKING:
    from weir.scheduling.schedule import Round

MOST_ROUNDS = 100
"""Rounds that are played ahead; who has not started by then, has no latest start."""

MOST_ROWS = 1_000
"""Waiting jobs and pools together with which rounds are played ahead."""

NEXT_ONE = Policy("next one", start_weight=1.0, reservations=0)
"""For a job that is alone: ends are kept track of, nothing is kept for it."""


class Outlook:
    """Start ranges of the jobs of a round; rounds are played ahead once for all of them."""

    def __init__(self, round_: Round) -> None:
        self._round = round_

    def start_s(self, row: int) -> tuple[float | None, float | None]:
        """Seconds from now until the job of a row starts: soonest and latest, None if unknown."""
        soonest, latest = self._soonest_s(row), self._starts.get(self._round.jobs[row].id)
        # Rounds ahead pack anew what the soonest start leaves where it is: they may find a gap.
        if latest is not None:
            soonest = latest if soonest is None else min(soonest, latest)
        return soonest, latest

    @cached_property
    def _after(self) -> Snapshot:
        return after(self._round)

    def _soonest_s(self, row: int) -> float | None:
        """When the job fits if nobody else comes: the best of all pools that suit.

        Others of its name close pools to it until they end: it is looked at each of these moments.
        """
        job = replace(self._round.jobs[row], start_after=None)
        after, now = self._after, self._round.snapshot.now
        name = name_of(job.user, job.demand)
        ends = {m.ends_at for m in by_name(after.mates).get(name, ())} if name else set()
        later = sorted({max(now, end) for end in ends if end is not None})
        starts = [self._alone(job, seen) for seen in (after, *(at(after, t) for t in later))]
        return min((s for s in starts if s is not None), default=None)

    def _alone(self, job: WaitingJob, seen: Snapshot) -> float | None:
        """Seconds until the job starts if it alone waits in this snapshot, at its time or later."""
        from weir.scheduling.schedule import fresh_machine, play

        now = seen.now
        lag = now - self._round.snapshot.now
        alone = play(replace(seen, jobs=(job,)), NEXT_ONE)
        if alone.board.jobs.pool[0] >= 0:
            return lag
        board = fresh_machine(alone).board
        (klass,) = alone.classes
        starts = [
            earliest(board, pool, int(klass.variant[pool]), length_on(board, 0, pool), now)
            for pool in range(len(alone.occupied))
            if klass.variant[pool] >= 0
        ]
        start = min(starts, default=inf) - now
        return lag + start if start < inf else None

    @cached_property
    def _starts(self) -> dict[str, float]:
        """When the jobs that wait start, by id, as far as rounds are played ahead.

        What queues hold and have held goes on as rounds do. What a program finds by its time limit
        can't be foreseen.
        """
        from weir.scheduling.schedule import Shared, play

        policy, seen = self._round.policy, self._after
        many = len(seen.jobs) + len(seen.pools) > MOST_ROWS
        if many or policy.optimal:
            return {}
        found: dict[str, float] = {}
        speed = Shared.of(seen, policy).speed
        for _ in range(MOST_ROUNDS):
            moment = min(moments(seen), default=inf)
            if moment == inf or not seen.jobs:
                break
            queues = faded(seen, moment, speed)
            round_ = play(replace(at(seen, moment), queues=queues), policy)
            for row, job in enumerate(round_.jobs):
                if round_.board.jobs.pool[row] >= 0:
                    found[job.id] = moment - self._round.snapshot.now
            seen = after(round_)
        return found


def after(round_: Round) -> Snapshot:
    """The snapshot with what the round has placed running, and nobody asked to leave."""
    placed: dict[int, list[Claim]] = {}
    waiting = []
    running = [replace(r, preemptible=False) for r in round_.snapshot.running]
    for row, job in enumerate(round_.jobs):
        pool = int(round_.board.jobs.pool[row])
        if pool < 0:
            waiting.append(job)
            continue
        klass = round_.classes[int(round_.board.jobs.klass[row])]
        end = float(round_.board.runs.end[row])
        claims = klass.variants[int(klass.variant[pool])]
        ends_at = end if end < inf else None
        held = tuple(replace(c, ends_at=ends_at) for c in claims)
        placed.setdefault(pool, []).extend(held)
        where, since = round_.snapshot.routes[pool].pool.id, round_.snapshot.now
        begun = RunningJob(job.id, where, held, job.priority, since, job.queue, False, ends_at)
        running.append(begun)
    pools = tuple(
        replace(state, claims=(*state.claims, *placed.get(pool, ())))
        for pool, state in enumerate(round_.snapshot.routes)
    )
    waits, mates = (*waiting, *round_.deferred), mates_after(round_)
    return replace(round_.snapshot, pools=pools, jobs=waits, running=tuple(running), mates=mates)


def moments(seen: Snapshot) -> Iterator[float]:
    """When something happens that may let a job start; what is overdue ends now."""
    for state in seen.pools:
        for claim in state.claims:
            if claim.ends_at is not None:
                yield max(seen.now, claim.ends_at)
    for mate in seen.mates:
        if mate.ends_at is not None:
            yield max(seen.now, mate.ends_at)
    for job in seen.jobs:
        if job.start_after is not None and job.start_after > seen.now:
            yield job.start_after
    for lease in seen.leases:
        yield from (t for t in (lease.starts_at, lease.ends_at) if t > seen.now)


def at(seen: Snapshot, moment: float) -> Snapshot:
    """The same at a later moment: what was to end by then has ended."""
    pools = tuple(_without_ended(state, moment) for state in seen.pools)
    mates = tuple(m for m in seen.mates if m.ends_at is None or m.ends_at > moment)
    running = tuple(r for r in seen.running if _goes_on(r, moment))
    return replace(seen, now=moment, pools=pools, mates=mates, running=running)


def faded(seen: Snapshot, moment: float, speed: Mapping[str, int]) -> tuple[Queue, ...]:
    """The queues at a later moment before which nothing ends: what they hold goes into what they
    held of late, by the exponential average of `queues`. `speed` is by pool, see `Quotas`.
    """
    left = exp(-(moment - seen.now) / MEMORY_S)
    above = {q.name: q.parent for q in seen.queues}
    held = {q.name: [0, 0, 0] for q in seen.queues}
    for running in seen.running:
        name, way = running.queue, set[str]()
        amount = amounts(running.claims, speed.get(running.pool, 1000))
        while name in above and name not in way:
            way.add(name)
            held[name] = [h + a for h, a in zip(held[name], amount, strict=True)]
            name = above[name]

    def past(queue: Queue) -> tuple[float, float, float]:
        pairs = zip(queue.past, held[queue.name], strict=True)
        cpu, memory, milli = (h + (p - h) * left for p, h in pairs)
        return cpu, memory, milli

    return tuple(replace(q, past=past(q)) for q in seen.queues)


def _goes_on(held: Claim | RunningJob, moment: float) -> bool:
    return held.ends_at is None or held.ends_at > moment


def _without_ended(state: PoolState, moment: float) -> PoolState:
    still = tuple(c for c in state.claims if _goes_on(c, moment))
    return replace(state, claims=still)
