"""Where jobs of one shape stand in a round: which pools fit them now, best first.

Jobs with equal demand that avoid the same pools are of one shape and share a standing. It is worked
out once and then follows the ledger: only pools that were booked since are looked at again.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection

import numpy as np

from weir.core.plan import Candidate, Change, ReasonCount
from weir.scheduling.changes import changes
from weir.scheduling.checks import Check
from weir.scheduling.explain import reason_counts
from weir.scheduling.feasible import Judgment, busy, held, reachable, unreachable
from weir.scheduling.ledger import Ledger
from weir.scheduling.policy import Policy
from weir.scheduling.rank import UNKNOWN_START_S, Merits, candidate, cost, size, spare, taken
from weir.scheduling.snapshot import Snapshot

Ranked = tuple[float, str, int]
"""Cost, pool identifier, row: compares as candidates are ranked."""


class Standing:
    """`rows` are the suitable pools that take jobs; `pools` has a bit set for each of them.

    `why` is set once a job of this shape found no place: its equals behind it wait like it.
    """

    def __init__(
        self,
        snapshot: Snapshot,
        policy: Policy,
        ledger: Ledger,
        judgment: Judgment,
        avoid: Collection[str] = (),
    ) -> None:
        self.judgment = judgment
        self.avoid = avoid
        takes = judgment.suits & reachable(judgment.columns, avoid)
        self.rows: tuple[int, ...] = tuple(np.flatnonzero(takes).tolist())
        self.pools = sum(1 << row for row in self.rows)
        self.why: tuple[tuple[ReasonCount, ...], tuple[Change, ...]] | None = None
        self._routes, self._policy, self._ledger = snapshot.routes, policy, ledger
        self._facts: dict[int, tuple[int, int]] = {}
        self._fits: dict[int, tuple[Ranked, Merits]] = {}
        self._candidates: dict[int, Candidate] = {}
        self._ranking: list[Ranked] = []
        self._seen = len(ledger.log)
        for row in self.rows:
            self._look(row)

    def best(self, closed: Collection[int] = ()) -> list[int]:
        """Up to two rows that the job fits now, the best one first, without those in `closed`."""
        for row in dict.fromkeys(self._ledger.log[self._seen :]):
            if self.pools >> row & 1:
                self._look(row)
        self._seen = len(self._ledger.log)
        found: list[int] = []
        for _, _, row in self._ranking:
            if row not in closed:
                found.append(row)
            if len(found) == 2:
                break
        return found

    def _look(self, row: int) -> None:
        """Rank one pool anew, or take it off the ranking if the job does not fit it now."""
        old = self._fits.pop(row, None)
        self._candidates.pop(row, None)
        if old is not None:
            del self._ranking[bisect_left(self._ranking, old[0])]
        claims = self.judgment.tasks.claims(row)
        if self._ledger.fits(row, claims):
            merits = self._merits(row, self._ledger.idle(row), 0.0)
            ranked = self._ranked(row, merits)
            self._fits[row] = ranked, merits
            insort(self._ranking, ranked)

    def fitting(self) -> tuple[int, ...]:
        """Every row that the job fits now, best first."""
        return tuple(row for _, _, row in self._ranking)

    def candidate(self, row: int) -> Candidate:
        """The pool of `row` as a candidate: now if the job fits it now, else later."""
        if row not in self._candidates:
            tasks, route = self.judgment.tasks, self._routes[row]
            now = row in self._fits
            later = None if now else self._ledger.start_s(row, tasks.claims(row))
            merits = self._fits[row][1] if now else self._later(row, later)
            groups = tasks.allocations(row)
            self._candidates[row] = candidate(
                self._policy, route.pool, route.cluster, groups, merits, now
            )
        return self._candidates[row]

    def soonest(self, closed: Collection[int]) -> int | None:
        """The best pool to wait for, without those in `closed`.

        Estimating a start is dear, so pools are taken in the order of what they would cost if the
        first run to end there made room enough, until none can be better than the best found.
        """
        best: Ranked | None = None
        for low, _, row in sorted(self._at_best(row) for row in self.rows if row not in closed):
            if best is not None and low > best[0]:
                break
            start = self._ledger.start_s(row, self.judgment.tasks.claims(row))
            found = self._ranked(row, self._later(row, start))
            best = found if best is None else min(best, found)
        return None if best is None else best[2]

    def explain(self, holders: dict[int, str]) -> None:
        """Set `why`: all that is against all pools at this moment of the round."""
        judgment, avoid = self.judgment, self.avoid
        now = [*unreachable(judgment, avoid), *held(judgment, holders), *self.busy()]
        self.why = reason_counts([*judgment.checks, *now]), changes(judgment, avoid)

    def busy(self) -> tuple[Check, ...]:
        """The check that fails for the suitable pools that the job does not fit now."""
        claims = self.judgment.tasks.claims
        full = [row for row in self.rows if row not in self._fits]
        return busy(self.judgment, {row: self._ledger.fitting(row, claims(row)) for row in full})

    def _later(self, row: int, start_s: float | None) -> Merits:
        """As if all that runs there had ended by then."""
        return self._merits(row, size(self._routes[row].pool), start_s)

    def _merits(self, row: int, idle: int, start_s: float | None) -> Merits:
        """For a start in `start_s` seconds, when `idle` of the pool is free without the job."""
        tasks, pool = self.judgment.tasks, self._routes[row].pool
        if row not in self._facts:
            price = int(tasks.price_micro_per_hour[row])
            self._facts[row] = price, taken(pool, tasks.claims(row))
        price, needed = self._facts[row]
        return Merits(price, start_s, spare(pool, idle - needed))

    def _at_best(self, row: int) -> Ranked:
        first = self._ledger.first_end_s(row)
        soonest = UNKNOWN_START_S if first is None else min(first, UNKNOWN_START_S)
        return self._ranked(row, self._later(row, soonest))

    def _ranked(self, row: int, merits: Merits) -> Ranked:
        pool = self._routes[row].pool
        return cost(self._policy, pool, merits), pool.id, row
