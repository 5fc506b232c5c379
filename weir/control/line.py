"""The waiting jobs as a process knows them from round to round: read once, then by their changes.

Laws:
- `given` are the jobs that `store.jobs.waiting` would find: of those that no policy tells apart but
  by when they came (`Group`), the first `of_a_shape` whose time has come.
- A round looks at `most` of them at most: half are the first of all by priority and arrival, the
  rest are the first of each queue in turn, so that no queue hides another.
- Twice as many of a shape are remembered, so that most changes need no other look at the database.
  Once so many have gone that those behind them count, the line is `short`: a new one is needed.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from types import MappingProxyType
from typing import Any

from sqlalchemy import Connection

from weir.control.context import Context
from weir.core.demand import Demand, from_record
from weir.core.lifecycle import JobState
from weir.scheduling.snapshot import WaitingJob
from weir.store import jobs

Place = tuple[int, float, str]
"""Where a job stands: priority (negated), when it came, its identifier."""

Group = tuple[str, str, int, str, bool]
"""Shape, queue, priority, submitter, whether there is a deadline: ageing, shares, predictions and
deadlines may put the last of one group before the first of another."""


@dataclass(slots=True)
class _Members:
    """The first of a group, in order; `whole` if there are no others behind them."""

    places: list[Place] = field(default_factory=list)
    whole: bool = True
    given: frozenset[str] = frozenset()


class Line:
    """See the module. Rows are those of `store.jobs.next_in_line`."""

    def __init__(self, rows: Iterable[Any], now: float, of_a_shape: int, most: int) -> None:
        self._of_a_shape, self._most = of_a_shape, most
        self._rows: dict[str, Any] = {}
        self._groups: dict[Group, _Members] = {}
        self._later: dict[str, Any] = {}
        self._wakes: list[tuple[float, str]] = []
        self._handed_over: dict[str, float] = {}
        self._touched: set[Group] = set()
        self._given: set[str] = set()
        self.short = False
        for row in rows:
            self._put(row, now)
        for members in self._groups.values():
            members.whole = len(members.places) < 2 * of_a_shape

    def row(self, job: str) -> Any:
        """The row of a job that is in line."""
        return self._rows[job]

    def change(self, rows: Iterable[Any], now: float) -> set[str]:
        """Take up jobs that have changed; gives those that stood here and may be others now."""
        same = set()
        for row in rows:
            if self._take(row.id):
                same.add(row.id)
            if row.state == JobState.WAITING:
                self._put(row, now)
        return same

    def _take(self, job: str) -> bool:
        """Take a job out of the line; whether it was there."""
        self._later.pop(job, None)
        self._handed_over.pop(job, None)
        row = self._rows.pop(job, None)
        if row is None:
            return False
        group = _group(row)
        places = self._groups[group].places
        del places[bisect_left(places, _place(row))]
        self._touched.add(group)
        return True

    def _put(self, row: Any, now: float) -> None:
        if row.start_after is not None and row.start_after > now:
            self._later[row.id] = row
            heappush(self._wakes, (row.start_after, row.id))
            return
        group, place = _group(row), _place(row)
        members = self._groups.setdefault(group, _Members())
        if not members.whole and (not members.places or place > members.places[-1]):
            return  # it stands behind others that are not remembered either
        insort(members.places, place)
        self._rows[row.id] = row
        self._touched.add(group)
        if row.origin_cluster is not None and row.expires_at is not None:
            self._handed_over[row.id] = row.expires_at
        if len(members.places) > 4 * self._of_a_shape:
            for _, _, job in members.places[2 * self._of_a_shape :]:
                del self._rows[job]
                self._handed_over.pop(job, None)
            del members.places[2 * self._of_a_shape :]
            members.whole = False

    def move(self, now: float) -> tuple[set[str], set[str]]:
        """Go on to `now`: who is given now and was not, and who was and is not any more.

        A job that a link handed over and whose time to start has passed is nobody's any more.
        """
        while self._wakes and self._wakes[0][0] <= now:
            at, job = heappop(self._wakes)
            row = self._later.get(job)
            if row is not None and row.start_after == at:
                del self._later[job]
                self._put(row, now)
        for job in [j for j, at in self._handed_over.items() if at <= now]:
            self._take(job)
        come, gone = set[str](), set[str]()
        for group in self._touched:
            members = self._groups[group]
            self.short |= not members.whole and len(members.places) < self._of_a_shape
            given = frozenset(job for _, _, job in members.places[: self._of_a_shape])
            come |= given - members.given
            gone |= members.given - given
            members.given = given
            if not members.places and members.whole:
                del self._groups[group]
        self._touched.clear()
        self._given -= gone
        self._given |= come
        return come, gone

    def allowed(self) -> set[str]:
        """Those of the given that a round looks at."""
        if len(self._given) <= self._most:
            return self._given
        rows = sorted((self._rows[job] for job in self._given), key=_place)
        return {row.id for row in first_of(rows, self._most)}

    @property
    def crowded(self) -> bool:
        """Whether more are given than a round looks at."""
        return len(self._given) > self._most


def first_of(rows: Sequence[Any], most: int) -> list[Any]:
    """The rows that a round looks at, of rows in the line's order; in that order."""
    if len(rows) <= most:
        return list(rows)
    front = most // 2
    ahead = Counter[str]()
    behind = []
    for place, row in enumerate(rows):
        if place >= front:
            behind.append((ahead[row.queue], place))
        ahead[row.queue] += 1
    taken = sorted(place for _, place in sorted(behind)[: most - front])
    return [*rows[:front], *(rows[place] for place in taken)]


def _place(row: Any) -> Place:
    return -row.priority, row.submitted_at, row.id


def _group(row: Any) -> Group:
    return row.shape, row.queue, row.priority, row.submitter, row.expires_at is not None


def waiting_job(
    row: Any,
    demands: Mapping[str, Demand],
    avoided: Mapping[str, frozenset[str]],
    kinds: Mapping[tuple[str, str, str], tuple[str, float]] = MappingProxyType({}),
) -> WaitingJob:
    """A job in line as the scheduler sees it. The deadline of one that a link handed over is to be
    placed at all, and no matter of its turn. `kinds` are those that have run before, by submitter,
    name and shape, with how long they take.
    """
    kind, usual_s = kinds.get((row.submitter, row.name, row.shape), ("", None)) if kinds else _NEW
    demand = demands[row.shape]
    return WaitingJob(
        id=row.id,
        demand=demand,
        priority=row.priority,
        submitted_at=row.submitted_at,
        avoid=avoided.get(row.id, _NONE),
        queue=row.queue,
        start_after=row.start_after,
        deadline_at=row.expires_at if row.origin_cluster is None else None,
        user=row.submitter if row.origin_cluster is None else "",
        kind=kind,
        usual_s=usual_s,
        data=demand.data,
    )


_NONE: frozenset[str] = frozenset()
_NEW: tuple[str, float | None] = ("", None)


def demands_of(ctx: Context, tx: Connection, keys: set[str]) -> Mapping[str, Demand]:
    """The demands of these shapes, read once each in the life of the process."""
    cache = ctx.caches.demands
    missing = keys - cache.keys()
    if missing:
        for key, record in jobs.demands(tx, missing).items():
            cache[key] = from_record(record)
    return cache
