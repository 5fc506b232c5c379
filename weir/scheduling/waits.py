"""Why jobs wait, worked out when somebody asks: reasons, changes that help, who is ahead, when.

All is said of the board as the round left it. Room only shrinks in a round, so what a job lacked in
its turn it lacks at the end too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, cached_property
from math import inf
from typing import Any

import numpy as np

from weir.core.demand import Apart, Demand
from weir.core.plan import Change, Reason, ReasonCount, Waiting
from weir.scheduling.apart import Nearby, by_name, mates_after
from weir.scheduling.board import WAITS_QUOTA
from weir.scheduling.changes import Now, Relaxation, changes
from weir.scheduling.checks import Check
from weir.scheduling.columns import Bools
from weir.scheduling.explain import reason_counts
from weir.scheduling.feasible import Judgment, busy, held, judge, reachable, too_near, unreachable
from weir.scheduling.figures import Names, Same
from weir.scheduling.more_quota import more_quota
from weir.scheduling.outlook import Outlook
from weir.scheduling.packing import Claim, Free, fits, fitting
from weir.scheduling.queues import Quotas, quotas_after
from weir.scheduling.remains import free_of, later_of
from weir.scheduling.schedule import Round
from weir.scheduling.snapshot import WaitingJob


class Waits(Mapping[str, Waiting]):
    """The jobs of a round that wait, by id. Looking one up explains it."""

    def __init__(self, round_: Round) -> None:
        self._round = round_
        self._pool = np.asarray(round_.board.jobs.pool)[: len(round_.jobs)]
        self._found: dict[str, Waiting] = {}

    @cached_property
    def _rows(self) -> dict[str, int]:
        waiting = np.flatnonzero(self._pool < 0).tolist()
        rows = {self._round.jobs[row].id: row for row in waiting}
        return rows | {job.id: -1 for job in self._round.deferred}

    def __len__(self) -> int:
        return int((self._pool < 0).sum()) + len(self._round.deferred)

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __getitem__(self, job: str) -> Waiting:
        if job not in self._found:
            row = self._rows[job]
            self._found[job] = self._explain(row) if row >= 0 else self._deferred(job)
        return self._found[job]

    def _deferred(self, job: str) -> Waiting:
        start = next(j.start_after for j in self._round.deferred if j.id == job) or 0.0
        later = start - self._round.snapshot.now
        count = ReasonCount(
            Reason.DEFERRED, len(self._round.occupied), "a better hour", f"in {later / 3600:.1f} h"
        )
        return Waiting(job, (count,), start_s=(later, None))

    def _explain(self, row: int) -> Waiting:
        job, round_ = self._round.jobs[row], self._round
        judgment = judge(round_.snapshot.columns, job.demand)
        takes = judgment.suits & reachable(judgment.columns, job.avoid)
        rows = np.flatnonzero(takes).tolist()
        claims = judgment.tasks.claims
        full = [r for r in rows if not fits(self.free(r), claims(r))]
        fits_of = [fitting(self.free(r), claims(r)) for r in full]
        counts = [np.array(n, dtype=np.int64) for n in zip(*fits_of, strict=True)]
        holders = self._holders(row)
        now = [
            *unreachable(judgment, job.avoid),
            *held(judgment, holders),
            *too_near(judgment, self._nearby, job.user),
            *busy(judgment, np.array(full, dtype=np.int64), counts),
        ]
        if round_.board.jobs.why[row] == WAITS_QUOTA:
            now.append(self._quota(judgment, takes, job))
        return Waiting(
            job.id,
            reason_counts([*judgment.checks, *now]),
            self._changes(judgment, job, row),
            ahead=self._ahead(row, takes),
            held_pool=self._kept_for(row),
            start_s=self._outlook.start_s(row),
        )

    @cached_property
    def _nearby(self) -> Nearby:
        return Nearby(self._round.snapshot.columns, by_name(mates_after(self._round)))

    def free(self, pool: int) -> Free:
        """What the round has left of a pool."""
        if pool not in self._frees:
            self._frees[pool] = free_of(self._round.board, pool)
        return self._frees[pool]

    @cached_property
    def _outlook(self) -> Outlook:
        return Outlook(self._round)

    @cached_property
    def _quotas(self) -> Quotas:
        return quotas_after(self._round)

    @cached_property
    def _frees(self) -> dict[int, Free]:
        return {}

    def _holders(self, row: int) -> dict[int, str]:
        """Pools where room is spoken for by jobs ahead, or leased: their rows and for whom."""
        layers, found = self._round.board.layers, {}
        limit, turn = layers.meta[0], self._round.board.jobs.turn
        for i in range(layers.meta[1]):
            pool = int(layers.timed[i])
            for n in range(self._round.board.pools.layers[pool]):
                job = int(layers.job[pool * limit + n])
                if job < 0:
                    found[pool] = "a lease"
                elif turn[job] < turn[row] or turn[row] < 0:
                    found[pool] = self._round.jobs[job].id
        return found

    def _kept_for(self, row: int) -> str | None:
        layers = self._round.board.layers
        for i in range(layers.meta[1]):
            pool = int(layers.timed[i])
            for n in range(self._round.board.pools.layers[pool]):
                if layers.job[pool * layers.meta[0] + n] == row:
                    return self._round.snapshot.routes[pool].pool.id
        return None

    def _quota(self, judgment: Judgment, takes: Any, job: WaitingJob) -> Check:
        queue = next((q for q in self._round.snapshot.queues if q.name == job.queue), None)
        text = f"room in the quota of {job.queue or 'the network'}"
        said = "used up" if queue is None else f"quota of {queue.name} used up"
        return Check(Reason.QUOTA, takes, text, Names(Same(said)))

    def _ahead(self, row: int, takes: Any) -> int:
        """How many jobs that wait are ahead and could use one of the same pools."""
        board, classes = self._round.board, self._round.classes
        turn, klass = np.asarray(board.jobs.turn), np.asarray(board.jobs.klass)
        mine = turn[row] if turn[row] >= 0 else len(turn)
        before = (self._pool < 0) & (turn[: len(self._pool)] < mine)
        if turn[row] < 0:  # the round stopped before its turn: rows are in their order
            before = (self._pool < 0) & (np.arange(len(self._pool)) < row)
        counts = np.bincount(klass[: len(self._pool)][before], minlength=len(classes))
        share = [bool(((c.variant >= 0) & takes).any()) for c in classes]
        return int(counts[np.array(share, dtype=bool)].sum())

    def _changes(self, judgment: Judgment, job: WaitingJob, row: int) -> tuple[Change, ...]:
        return changes(judgment, job.avoid, self._now(judgment, job, row))

    def _now(self, judgment: Judgment, job: WaitingJob, row: int) -> Now:
        """Whether a changed demand would start at once on a pool, as far as its queue may."""
        board, now, routes = (
            self._round.board,
            self._round.snapshot.now,
            self._round.snapshot.routes,
        )
        klass = self._round.classes[int(board.jobs.klass[row])]
        holders = self._holders(row)

        @cache
        def closed_to(apart: Apart | None) -> Bools:
            return self._nearby.closed(job.user, replace(job.demand, apart=apart))

        def closed(demand: Demand) -> Bools:
            return closed_to(demand.apart)

        def roomy(demand: Demand, pool: int, claims: tuple[Claim, ...]) -> bool:
            if closed(demand)[pool] or (pool in holders and board.pools.kept[pool]):
                return False
            if not fits(self.free(pool), claims):
                return False
            if pool not in holders:
                return True
            length = replace(job, demand=demand).expected_s
            end = now + klass.lag_s[pool] + length * klass.pace[pool]
            return all(fits(f, claims) for t, f in later_of(board, pool) if t < end)

        def within(pool: int, claims: tuple[Claim, ...]) -> bool:
            return self._quotas.allows(job.queue, claims, routes[pool].pool.id)

        def fits_now(demand: Demand, pool: int, claims: tuple[Claim, ...]) -> bool:
            return within(pool, claims) and roomy(demand, pool, claims)

        def allowed(pool: int, claims: tuple[Claim, ...]) -> bool:
            kept = pool in holders and board.pools.kept[pool]
            return not kept and within(pool, claims) and fits(self.free(pool), claims)

        def quota() -> Relaxation | None:
            claims, takes = judgment.tasks.claims, judgment.suits
            rows = np.flatnonzero(takes & reachable(judgment.columns, job.avoid)).tolist()
            there = [r for r in rows if roomy(job.demand, r, claims(r))]
            return more_quota(self._round, self._quotas, row, judgment, there)

        def longest(pool: int, claims: tuple[Claim, ...]) -> float:
            """What walltime lets a job with these claims run there from now on, 0 if none does."""
            if job.length_s is not None or closed(job.demand)[pool] or not allowed(pool, claims):
                return 0.0
            blocked = [t for t, left in later_of(board, pool) if not fits(left, claims)]
            left = min(blocked, default=inf) - now - klass.lag_s[pool]
            return float(left / klass.pace[pool])

        bound = board.jobs.why[row] == WAITS_QUOTA
        return Now(fits_now, longest, self.free, quota, bound)
