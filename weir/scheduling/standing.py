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
from weir.scheduling.explain import reason_counts
from weir.scheduling.feasible import Judgment, busy, held, reachable, unreachable
from weir.scheduling.ledger import Ledger
from weir.scheduling.packing import place_all
from weir.scheduling.policy import Policy
from weir.scheduling.rank import UNKNOWN_START_S, Merits, candidate, cost, spare
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
        self._fits: dict[int, Ranked] = {}
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
        if old is not None:
            del self._ranking[bisect_left(self._ranking, old)]
        merits = self._now(row)
        if merits is not None:
            pool = self._routes[row].pool
            self._fits[row] = (cost(self._policy, pool, merits), pool.id, row)
            insort(self._ranking, self._fits[row])

    def fitting(self) -> tuple[int, ...]:
        """Every row that the job fits now, best first."""
        return tuple(row for _, _, row in self._ranking)

    def candidate(self, row: int) -> Candidate:
        """The pool of `row` as a candidate: now if the job fits it now, else later."""
        now = self._now(row)
        merits = now or self._later(row, self._ledger.start_s(row, self.judgment.tasks.claims(row)))
        route, groups = self._routes[row], self.judgment.tasks.allocations(row)
        return candidate(self._policy, route.pool, route.cluster, groups, merits, now is not None)

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
        full = {row: self._ledger.free(row) for row in self.rows if row not in self._fits}
        now = [*unreachable(judgment, avoid), *held(judgment, holders), *busy(judgment, full)]
        self.why = reason_counts([*judgment.checks, *now]), changes(judgment, avoid)

    def _now(self, row: int) -> Merits | None:
        left = self._ledger.after(row, self.judgment.tasks.claims(row))
        if left is None:
            return None
        return Merits(self._price(row), 0.0, spare(self._routes[row].pool, left))

    def _later(self, row: int, start_s: float | None) -> Merits:
        """As if all that runs there had ended by then."""
        claims = self.judgment.tasks.claims(row)
        left = place_all(self.judgment.columns.empty.of_row(row), claims) or ()
        return Merits(self._price(row), start_s, spare(self._routes[row].pool, left))

    def _at_best(self, row: int) -> Ranked:
        first = self._ledger.first_end_s(row)
        soonest = UNKNOWN_START_S if first is None else min(first, UNKNOWN_START_S)
        return self._ranked(row, self._later(row, soonest))

    def _ranked(self, row: int, merits: Merits) -> Ranked:
        pool = self._routes[row].pool
        return cost(self._policy, pool, merits), pool.id, row

    def _price(self, row: int) -> int:
        return int(self.judgment.tasks.price_micro_per_hour[row])
