"""Where could this run? The scheduler's own answer for one demand, with nothing booked.

It says what is, not what will be: jobs that wait are not counted, nor pools that are kept for them.
All pools are judged at once; what is said of a single one is worked out when it is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import frexp
from typing import Any, overload

import numpy as np

from weir.core.demand import Demand
from weir.core.plan import Candidate, Change, ReasonCount, Rejection
from weir.scheduling import rank
from weir.scheduling.apart import Nearby, by_name
from weir.scheduling.changes import Now, changes
from weir.scheduling.checks import Check
from weir.scheduling.encode import Class, Shape, Surroundings, classify
from weir.scheduling.explain import reason_counts, rejections
from weir.scheduling.feasible import busy, too_near, unreachable
from weir.scheduling.packing import Claim, Free, fits
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Snapshot
from weir.scheduling.start import start_s

TOP = 64
"""So many of the best are found without sorting them all."""


class Found:
    """Every pool of the network: ranked yes, or no with reasons.

    `candidates` are first the pools that fit the job now, then those that are only busy (`now` is
    False, and the term "start" estimates when, null if unknown). `rejections` has every reason of
    every pool that can't take it now, so a busy pool is in both.
    """

    def __init__(self, snapshot: Snapshot, policy: Policy, klass: Class) -> None:
        self._snapshot, self._policy, self._class = snapshot, policy, klass
        room = snapshot.room
        takes = klass.variant >= 0
        fit = room.fit(klass, takes)
        self._rows = np.flatnonzero(fit)
        self._full = np.flatnonzero(takes & ~fit)
        self._keys = klass.cost[self._rows]
        if policy.spare_weight:
            self._keys = self._keys + policy.spare_weight * self._spare(self._rows)
        if policy.use_weight:
            self._keys = self._keys + self._use_cost(self._rows)

    @cached_property
    def _order(self) -> Any:
        """The rows that fit now, best first."""
        return self._rows[np.argsort(self._keys, kind="stable")]

    @cached_property
    def _top(self) -> Any:
        """The first of them: all that people look at as a rule."""
        if len(self._rows) <= TOP:
            return self._order
        last = np.partition(self._keys, TOP - 1)[TOP - 1]
        best = np.flatnonzero(self._keys <= last)
        return self._rows[best[np.argsort(self._keys[best], kind="stable")]][:TOP]

    def _spare(self, rows: Any) -> Any:
        room, klass = self._snapshot.room, self._class
        need = room.needed(klass, rows)
        return (room.idle[rows] - need) / np.maximum(1, room.size[rows])

    def _use_cost(self, rows: Any) -> Any:
        """What it costs that so much of each pool's site is in use with the job."""
        room, klass = self._snapshot.room, self._class
        size, used = room.sites
        share = (used[rows] + room.needed(klass, rows)) / np.maximum(1, size[rows])
        asked = np.array([rank.asked(v) for v in klass.variants], dtype=float)
        milli, cpu = asked[klass.variant[rows]].T
        return rank.use_cost(self._policy, milli, cpu, share)

    @property
    def candidates(self) -> Sequence[Candidate]:
        """All that could take it, best first."""
        return _Ranked(self)

    @cached_property
    def later(self) -> tuple[Candidate, ...]:
        """The pools that are only busy now, best first."""
        found = (self._later(row) for row in self._full.tolist())
        return tuple(sorted(found, key=lambda c: (c.cost, c.pool)))

    def now(self, place: int) -> Candidate:
        """The candidate of a place in the ranking of those that fit now."""
        row = int(self._top[place] if place < len(self._top) else self._order[place])
        pool, idle = self._snapshot.routes[row].pool, int(self._snapshot.room.idle[row])
        need = rank.taken(pool, self._claims(row))
        size, used = self._snapshot.room.sites
        use = rank.share_in_use(int(size[row]), int(used[row]), need)
        return self._candidate(row, 0.0, rank.spare(pool, idle - need), use, True)

    @property
    def count_now(self) -> int:
        """How many pools fit the job now."""
        return len(self._rows)

    @cached_property
    def suited(self) -> frozenset[str]:
        """The pools that can take the job now or once they are not busy any more."""
        ids = self._snapshot.columns.ids
        return frozenset(ids.of_row(row) for row in (*self._rows.tolist(), *self._full.tolist()))

    def _later(self, row: int) -> Candidate:
        """As if all that runs there had ended by then."""
        route, claims = self._snapshot.routes[row], self._claims(row)
        start = start_s(route.pool.free, route.claims, claims, self._snapshot.now)
        need = rank.taken(route.pool, claims)
        spare = rank.spare(route.pool, rank.size(route.pool) - need)
        use = rank.share_in_use(int(self._snapshot.room.sites[0][row]), 0, need)
        return self._candidate(row, start, spare, use, False)

    def _candidate(
        self, row: int, start: float | None, spare: float, use: float, now: bool
    ) -> Candidate:
        route, tasks = self._snapshot.routes[row], self._class.judgment.tasks
        price = int(tasks.price_micro_per_hour[row])
        groups = tasks.allocations(row)
        return rank.candidate(
            self._policy, route.pool, route.cluster, groups, self._class.settled, row, price,
            start, spare, use, self._claims(row), now, self._near(row),
        )  # fmt: skip

    def _near(self, row: int) -> int | None:
        """How many others of its name are near, for a job that prefers to be apart from them."""
        apart = self._class.shape.demand.apart
        return None if apart is None or apart.required else int(self._class.near[row])

    def _claims(self, row: int) -> tuple[Claim, ...]:
        return self._class.judgment.tasks.claims(row)

    @cached_property
    def _checks(self) -> list[Check]:
        judgment = self._class.judgment
        near = too_near(judgment, self._nearby, self._class.shape.user)
        full = busy(judgment, self._full, self._snapshot.room.fitting(self._class, self._full))
        return [*judgment.checks, *unreachable(judgment), *near, *full]

    @cached_property
    def _nearby(self) -> Nearby:
        return Nearby(self._snapshot.columns, by_name(self._snapshot.mates))

    def _free(self, row: int) -> Free:
        return self._snapshot.room.free(row)

    @cached_property
    def rejections(self) -> Mapping[str, tuple[Rejection, ...]]:
        """Every reason of every pool that can't take it now."""
        return rejections(self._snapshot.columns, self._checks)

    @cached_property
    def reasons(self) -> tuple[ReasonCount, ...]:
        """The same counted over all pools."""
        return reason_counts(self._checks)

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        """What would make it fit more pools, or at once."""

        def at_once(demand: Demand, row: int, claims: tuple[Claim, ...]) -> bool:
            closed = self._nearby.closed(self._class.shape.user, demand)
            return not closed[row] and fits(self._free(row), claims)

        now = Now(at_once, lambda *_: 0.0, self._free)
        return changes(self._class.judgment, (), now if not len(self._rows) else None)


class _Ranked(Sequence[Candidate]):
    """The candidates of an answer, made when they are looked at."""

    def __init__(self, found: Found) -> None:
        self._found = found

    def __len__(self) -> int:
        return self._found.count_now + len(self._found._full)

    @overload
    def __getitem__(self, place: int) -> Candidate: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, place: int | slice) -> Candidate | tuple[Candidate, ...]:
        if isinstance(place, slice):
            return tuple(self[i] for i in range(*place.indices(len(self))))
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        if place < self._found.count_now:
            return self._found.now(place)
        return self._found.later[place - self._found.count_now]


def find(snapshot: Snapshot, demand: Demand, policy: Policy, user: str = "") -> Found:
    """Judge and rank all pools for `demand`, asked by `user`, whose jobs it may keep apart from."""
    length = 0
    if demand.walltime_s is not None and (snapshot.energy or policy.run_weight):
        length = frexp(demand.walltime_s)[1]  # as `encode.Shapes` has it
    shape = Shape(demand, frozenset(), 0, length, "", demand.data, user)
    around = Surroundings.of(snapshot)
    return Found(snapshot, policy, classify(snapshot.columns, shape, demand, policy, around))
