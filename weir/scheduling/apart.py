"""Jobs that keep apart: which pools are closed to a job, or dearer, because others of its name hold
places near by.

Jobs of one user that carry one name are *mates*. Laws:
- Of two mates that hold places at once, neither is at a level with the other that one of the two
  requires (`core.demand.Apart`).
- Who only prefers to be apart goes, of the pools that it fits now, to one with the fewest mates:
  each costs `APART_COST`, more than all else together.
- A mate counts wherever it runs, also on a pool that is not in the snapshot.

What a round places while it goes on, `weir.scheduling.mates` keeps apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

import numpy as np

from weir.core.demand import APART_LEVELS, Apart, Demand
from weir.core.inventory import Pool
from weir.scheduling.board import Mates
from weir.scheduling.columns import Bools, Ints, Labels, PoolColumns
from weir.scheduling.mates import APART_COST

if TYPE_CHECKING:
    from weir.scheduling.schedule import Round

Name = tuple[str, str]
"""Whose name it is, and the name."""

Named = Mapping[Name, Sequence["Mate"]]
"""Those who hold places, by their names."""


@dataclass(frozen=True, slots=True)
class Mate:
    """A job that carries a name and holds a place, until `ends_at` at the latest (None: nobody
    knows). `cluster`, `site` and `region` are those of the pool.
    """

    job: str
    user: str
    apart: Apart
    pool: str
    cluster: str
    site: str
    region: str
    ends_at: float | None = None


def mate_on(pool: Pool, job: str, user: str, apart: Apart, ends_at: float | None = None) -> Mate:
    """The job as a mate that has its place on this pool."""
    return Mate(job, user, apart, pool.id, pool.cluster, pool.site, pool.location.region, ends_at)


def name_of(user: str, demand: Demand) -> Name | None:
    """The name that a job of this user carries, if any."""
    return None if demand.apart is None else (user, demand.apart.name)


def by_name(mates: Iterable[Mate]) -> dict[Name, tuple[Mate, ...]]:
    """Those who hold places, by their names."""
    found: dict[Name, list[Mate]] = {}
    for mate in mates:
        found.setdefault((mate.user, mate.apart.name), []).append(mate)
    return {name: tuple(of) for name, of in found.items()}


def column_of(columns: PoolColumns, level: str) -> Labels:
    """What pools have in common at a level."""
    column: Labels = columns.ids if level == "pool" else getattr(columns, level)
    return column


def nearness(columns: PoolColumns, apart: Apart, mates: Sequence[Mate]) -> tuple[Bools, Ints]:
    """Where a job may not go because of these mates of its own, and how many of them are near each
    pool, at the job's own level.
    """
    near = _count(columns, apart.level, mates)
    closed = near > 0 if apart.required else np.zeros(len(columns), dtype=np.bool_)
    for level in APART_LEVELS:
        firm = [m for m in mates if m.apart.required and m.apart.level == level]
        if firm:
            closed = closed | (_count(columns, level, firm) > 0)
    return closed, near


def _count(columns: PoolColumns, level: str, mates: Sequence[Mate]) -> Ints:
    """How many of these are with each pool at a level."""
    column = column_of(columns, level)
    counts = np.zeros(len(column.values), dtype=np.int64)
    for mate in mates:
        code = column.index.get(getattr(mate, level))
        if code is not None:
            counts[code] += 1
    return counts[column.codes] if len(columns) else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class Nearby:
    """What is closed to jobs with names when these others hold places."""

    columns: PoolColumns
    named: Named

    def closed(self, user: str, demand: Demand) -> Bools:
        """Where a job of this user may not go."""
        mates = self._mates(user, demand)
        if demand.apart is None or not mates:
            return np.zeros(len(self.columns), dtype=np.bool_)
        return nearness(self.columns, demand.apart, mates)[0]

    def who(self, user: str, demand: Demand, row: int) -> tuple[str, ...]:
        """The jobs because of which a pool is closed to it."""
        wish, found = demand.apart, set[str]()
        for mate in self._mates(user, demand):
            levels = [x.level for x in (wish, mate.apart) if x is not None and x.required]
            if any(column_of(self.columns, x).of_row(row) == getattr(mate, x) for x in levels):
                found.add(mate.job)
        return tuple(sorted(found))

    def _mates(self, user: str, demand: Demand) -> Sequence[Mate]:
        name = name_of(user, demand)
        return () if name is None else self.named.get(name, ())


def blocks_of(columns: PoolColumns) -> Any:
    """Numbers that pools of one block share, by level and pool."""
    return np.concatenate([column_of(columns, level).codes for level in APART_LEVELS])


def apart_cost(plain: Any, near: Any) -> Any:
    """What pools cost with so many mates near, `plain` being what they cost without."""
    return plain + APART_COST * near


@dataclass(frozen=True, slots=True)
class Carrier:
    """A class of jobs that carry a name, for the board: its row, the costs without mates, and how
    many of these are near each pool.
    """

    row: int
    name: Name
    apart: Apart
    plain: Any
    near: Any


def mate_columns(
    carriers: Sequence[Carrier], classes: int, columns: PoolColumns, spare: int = 0
) -> Mates:
    """The columns of these classes among all, with slots for `spare` more of them."""
    pools, slots = len(columns), len(carriers) + spare
    found = Mates(
        ring=_none(classes),
        level=_none(classes),
        hard=_none(classes),
        slot=_none(classes),
        near=np.zeros(slots * pools, dtype=np.int64),
        plain=np.zeros(slots * pools),
        block=blocks_of(columns) if slots else np.zeros(0, dtype=np.int64),
    )
    rings: dict[Name, int] = {}
    for slot, one in enumerate(carriers):
        enter(found, one, slot, rings.get(one.name))
        rings[one.name] = one.row
    return found


def _none(classes: int) -> Ints:
    return np.full(classes, -1, dtype=np.int64)


def enter(mates: Mates, one: Carrier, slot: int, other: int | None) -> None:
    """Put a class into its slot, and into the ring of an `other` of its name, if there is one."""
    mates.ring[one.row] = one.row
    if other is not None:
        mates.ring[one.row], mates.ring[other] = mates.ring[other], one.row
    mates.level[one.row] = APART_LEVELS.index(one.apart.level)
    mates.hard[one.row], mates.slot[one.row] = one.apart.required, slot
    set_near(mates, one)


def set_near(mates: Mates, one: Carrier) -> None:
    """Say who is near before a round; the class is in its slot."""
    pools = len(one.plain)
    here = slice(int(mates.slot[one.row]) * pools, (int(mates.slot[one.row]) + 1) * pools)
    mates.near[here], mates.plain[here] = one.near, one.plain


# A round that has been played


def mates_after(round_: Round) -> tuple[Mate, ...]:
    """Those who hold places after a round, with those that it has placed."""
    found, board = list(round_.snapshot.mates), round_.board
    for row in _placed(round_, None).tolist():
        job, end = round_.jobs[row], float(board.runs.end[row])
        where, apart = round_.snapshot.routes[int(board.jobs.pool[row])].pool, job.demand.apart
        assert apart is not None
        found.append(mate_on(where, job.id, job.user, apart, end if end < inf else None))
    return tuple(found)


def near_then(round_: Round, row: int, pool: int) -> int | None:
    """How many mates were near a pool when the job of a row had its turn; None of a job that does
    not go by that.
    """
    klass = round_.classes[int(round_.board.jobs.klass[row])]
    apart, jobs = klass.shape.demand.apart, round_.board.jobs
    if apart is None or apart.required:
        return None
    rows = _placed(round_, klass.shape.name)
    before = rows[np.asarray(jobs.turn)[rows] < jobs.turn[row]]
    codes = column_of(klass.judgment.columns, apart.level).codes
    same = codes[np.asarray(jobs.pool)[before]] == codes[pool]
    return int(klass.near[pool] + same.sum())


def _placed(round_: Round, name: Name | None) -> Ints:
    """The rows of jobs of this name, or of any, that a round has placed."""
    names = [c.shape.name for c in round_.classes]
    wanted = np.array([n is not None and name in (None, n) for n in names], dtype=np.bool_)
    if not wanted.any():
        return np.empty(0, dtype=np.int64)
    count, jobs = len(round_.jobs), round_.board.jobs
    named = wanted[np.asarray(jobs.klass)[:count]]
    return np.flatnonzero(named & (np.asarray(jobs.pool)[:count] >= 0))
