"""What is free in all pools as columns: which of them fit a job, at one look."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from weir.core.inventory import DEVICE_MILLI
from weir.scheduling import rank
from weir.scheduling.columns import Bools, Ints
from weir.scheduling.packing import MOST, Claim, Free, fits, fitting, subtract, taken_milli
from weir.scheduling.routes import PoolState

if TYPE_CHECKING:
    from weir.scheduling.encode import Class


class Vacancy:
    """The free hosts of all pools: a row for each `FreeShape`; shares of devices have columns."""

    def __init__(self, routes: Sequence[PoolState]) -> None:
        self._frees = [subtract(r.pool.free, r.claims) if r.claims else r.pool.free for r in routes]
        shapes = [(row, s) for row, free in enumerate(self._frees) for s in free]
        self._first = np.cumsum([0, *(len(f) for f in self._frees)])[:-1]
        self._empty = np.array([not f for f in self._frees], dtype=bool)
        self._hosts = _ints([s.hosts for _, s in shapes])
        self._cpu = _ints([min(s.cpu_milli, MOST) for _, s in shapes])
        self._memory = _ints([min(s.memory_bytes, MOST) for _, s in shapes])
        self._whole = _ints([s.whole_devices for _, s in shapes])
        parts = [[(m, n) for m, n in s.devices if 0 < m < DEVICE_MILLI] for _, s in shapes]
        width = max((len(p) for p in parts), default=0)
        self._share = np.zeros((2, len(shapes), width), dtype=np.int64)
        for i, some in enumerate(parts):
            for k, (milli, count) in enumerate(some):
                self._share[:, i, k] = milli, count
        self.size = _ints([rank.size(r.pool) for r in routes])
        self.idle = _ints([rank.idle(r.pool, f) for r, f in zip(routes, self._frees, strict=True)])
        self._last: tuple[Claim, Ints] | None = None
        self._by_devices = np.array([bool(r.pool.devices) for r in routes], dtype=bool)
        self._site = [r.pool.site for r in routes]

    @cached_property
    def sites(self) -> tuple[Ints, Ints]:
        """What the site of each pool has and uses: all its pools that are counted alike."""
        names: dict[tuple[str, bool], int] = {}
        keys = zip(self._site, self._by_devices.tolist(), strict=True)
        code = _ints([names.setdefault(key, len(names)) for key in keys])
        size, idle = np.zeros((2, len(names)), dtype=np.int64)
        np.add.at(size, code, self.size)
        np.add.at(idle, code, self.idle)
        return size[code], (size - idle)[code]

    def free(self, row: int) -> Free:
        """What is free of one pool."""
        return self._frees[row]

    def fit(self, klass: Class, takes: Bools) -> Bools:
        """Which pools of `takes` fit a job of the class now."""
        found = np.zeros(len(takes), dtype=np.bool_)
        for number, claims in enumerate(klass.variants):
            rows = takes & (klass.variant == number)
            if not rows.any():
                continue
            enough = np.ones(len(takes), dtype=np.bool_)
            for claim in claims:
                enough &= self._tasks(claim) >= claim.count
            rows &= enough
            if len(claims) > 1 or claims[0].within > 0:  # each alone fits: now all together
                for row in np.flatnonzero(rows).tolist():
                    rows[row] = fits(self._frees[row], claims)
            found |= rows
        return found

    def fitting(self, klass: Class, rows: Ints) -> list[Ints]:
        """How many tasks of each claim fit each of these pools, packed largest first."""
        if klass.judgment.tasks.alike and len(klass.variants[0]) == 1:
            return [self._tasks(klass.variants[0][0])[rows]]
        tasks = klass.judgment.tasks
        found = [fitting(self._frees[row], tasks.claims(row)) for row in rows.tolist()]
        return [np.array(n, dtype=np.int64) for n in zip(*found, strict=True)]

    def _tasks(self, claim: Claim) -> Ints:
        """How many tasks of the claim's size each pool takes, as far as its count."""
        if self._last is None or self._last[0] != claim:
            self._last = claim, self._counted(claim)
        return self._last[1]

    def _counted(self, claim: Claim) -> Ints:
        most = max(0, min(claim.count, claim.per_host))
        each = np.full(len(self._hosts), most, dtype=np.int64)
        if claim.cpu_milli:
            each = np.minimum(each, self._cpu // claim.cpu_milli)
        if claim.memory_bytes:
            each = np.minimum(each, self._memory // claim.memory_bytes)
        if claim.device_milli >= DEVICE_MILLI:
            each = np.minimum(each, self._whole // -(-claim.device_milli // DEVICE_MILLI))
        elif claim.device_milli:
            room = self._whole * (DEVICE_MILLI // claim.device_milli)
            room = room + (self._share[0] // claim.device_milli * self._share[1]).sum(axis=1)
            each = np.minimum(each, room)
        safe = MOST // np.maximum(1, self._hosts * max(1, len(self._hosts)))
        if not len(self._first):
            return np.zeros(0, dtype=np.int64)
        # A last 0, so that pools without a free host at the end of the list begin somewhere too.
        tasks = np.append(np.minimum(each, safe) * self._hosts, 0)
        return np.where(self._empty, 0, np.add.reduceat(tasks, self._first))

    def needed(self, klass: Class, rows: Any) -> Any:
        """What a job of the class takes of each of the pools, counted as `rank.size` counts."""
        milli = [sum(taken_milli(c) * c.count for c in v) for v in klass.variants]
        cpu = [sum(c.cpu_milli * c.count for c in v) for v in klass.variants]
        number = klass.variant[rows]
        return np.where(
            self._by_devices[rows], np.array(milli, float)[number], np.array(cpu, float)[number]
        )


def _ints(values: list[int]) -> Ints:
    return np.array(values, dtype=np.int64)
