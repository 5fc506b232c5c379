"""The linear program behind `weir.scheduling.optimal`: columns, rows, cutting planes, the bound.

A column is a class of equal jobs on a pool; its variable is how many of them go there. A row is an
amount of one pool, scaled to what the pool has free (so bytes and devices weigh the same), or a
class: no more jobs than wait. HiGHS solves the relaxation, in which a third of a job may be placed.

Whole jobs leave room over that the relaxation fills: beside a gang that takes five hosts of eight,
it places 3/5 of another. Mixed-integer rounding (Marchand and Wolsey, 2001) takes that away, pool
by pool: a row a.x <= b is divided by one of its amounts and rounded, after the jobs near their
upper limit are counted from there down. Rows of a pool are also added up first, weighed with their
duals, which finds what no row shows alone.

Laws:
- Every whole-numbered plan within the amounts is within each cutting plane.
- `Relaxation.bound` is a bound whatever the duals are: it is the Lagrangian, worked out anew from
  all columns, and takes only the sign of a dual from the solver.
- Nothing here reads a clock. HiGHS stops itself at its time limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

WHOLE = 1e-6
"""How far from a whole number still is one."""

_EPS = 1e-9
_DEEP = 1e-3
"""A cutting plane must cut off the present point by so much, as a distance."""

_TIGHT = 0.98
"""Rows that are filled less than this are not rounded: their rounding rarely cuts."""

_FIRST = 2
"""So many amounts of each pool are in the program from the start."""

_SLACK = 1e-7
"""The bound is raised by this share, which covers what floats lose in the cutting planes."""


@dataclass(frozen=True, slots=True)
class Columns:
    """The pairs of class and pool that are worth a variable, by pool, then by class.

    `job` and `pool` index classes and pools, `profit` is what one job there is worth, `most` how
    many jobs of the class fit there at most. `jobs` [C] is how many wait. `share` [N, R] is what
    part of the pool's free amount r one job takes. `start` [P + 1] is where each pool's columns
    begin.
    """

    job: Ints
    pool: Ints
    profit: Floats
    most: Floats
    jobs: Floats
    share: Floats
    start: Ints

    def __len__(self) -> int:
        return len(self.job)

    def of(self, pool: int) -> slice:
        """The columns of a pool."""
        return slice(int(self.start[pool]), int(self.start[pool + 1]))


@dataclass(slots=True)
class _Rows:
    """The rows of one pool: `a` [rows, columns of the pool] . x <= `b`, numbered in the solver, -1
    for those that it has not been given yet. The first `amounts` are amounts, the others cutting
    planes.
    """

    a: Floats
    b: Floats
    numbers: Ints
    amounts: int

    def prices(self, duals: Floats) -> Floats:
        """The duals of the rows; nothing for those that the last solve didn't have."""
        solved = (self.numbers >= 0) & (self.numbers < len(duals))
        found = np.zeros(len(self.numbers))
        found[solved] = np.maximum(0.0, duals[self.numbers[solved]])
        return found


class Relaxation:
    """The linear program in HiGHS, one thread, warm from one solve to the next."""

    def __init__(self, columns: Columns, time_limit_s: float) -> None:
        self.columns = columns
        self.x: Floats = np.zeros(len(columns))
        self.reduced: Floats = np.zeros(len(columns))
        self.objective = 0.0
        self._rows = _amounts(columns)
        self._height = len(columns.jobs) + sum(int((r.numbers >= 0).sum()) for r in self._rows)
        self._duals: Floats = np.zeros(self._height)
        self._looked_at: dict[int, Floats] = {}
        self._highs = _solver(time_limit_s)
        # Little can be left out beforehand, and looking for it costs more than it saves.
        self._highs.setOptionValue("presolve", "off")
        self._highs.passModel(self._program())

    def solve(self) -> bool:
        """Whether HiGHS came to the end; then `x`, `reduced`, `objective` and the duals are new.

        If it was stopped before, the duals are those that it had got to, which make a bound too.
        """
        self._highs.run()
        solution = self._highs.getSolution()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            if solution.dual_valid and np.all(np.isfinite(solution.row_dual)):
                self._duals = np.array(solution.row_dual)
            return False
        self.x = np.array(solution.col_value)
        self.reduced = np.array(solution.col_dual)
        self._duals = np.array(solution.row_dual)
        self.objective = float(self._highs.getObjectiveValue())
        return True

    def solve_all(self) -> bool:
        """Solve until no amount is broken, also of those that the solver didn't have."""
        while self.solve():
            if not self.add_broken():
                return True
        return False

    def limit(self, least: Floats, most: Floats) -> None:
        """Change how many of each column there must be and may be."""
        n = len(self.columns)
        self._highs.changeColsBounds(n, np.arange(n, dtype=np.int32), least, most)

    def bound(self) -> float:
        """No whole-numbered plan is worth more.

        Amounts and cutting planes are priced with the duals; then each class fills its best
        columns, as many as wait. Right for any prices that are not negative.
        """
        columns = self.columns
        worth = columns.profit.copy()
        priced = 0.0
        for pool, rows in enumerate(self._rows):
            price = rows.prices(self._duals)
            worth[columns.of(pool)] -= price @ rows.a
            priced += float(price @ rows.b)
        worth = np.maximum(0.0, worth)
        order = np.lexsort((-worth, columns.job))
        job, most = columns.job[order], columns.most[order]
        before = np.cumsum(most) - most
        first = np.searchsorted(job, job)
        left = columns.jobs[job] - (before - before[first])
        total = priced + float(worth[order] @ np.clip(left, 0.0, most))
        return total + _SLACK * abs(total)

    def add_broken(self) -> int:
        """Give the solver the amounts that the present point breaks; how many these were."""
        late = []
        for pool, rows in enumerate(self._rows):
            outside = np.nonzero(rows.numbers[: rows.amounts] < 0)[0]
            x = self.x[self.columns.of(pool)]
            late += [(pool, int(r)) for r in outside[rows.a[outside] @ x > rows.b[outside] + WHOLE]]
        self._give(late)
        return len(late)

    def cut(self) -> int:
        """Add cutting planes that the present point breaks; how many were found."""
        new: list[tuple[int, Floats, float]] = []
        for pool, rows in enumerate(self._rows):
            x = self.x[self.columns.of(pool)]
            here = np.nonzero(x > WHOLE)[0]
            last = self._looked_at.get(pool)
            if last is not None and np.array_equal(x, last):
                continue
            self._looked_at[pool] = x
            if np.all(np.abs(x[here] - np.round(x[here])) < 1e-4):
                continue
            most = self.columns.most[self.columns.of(pool)]
            for a, b in self._to_round(rows, x):
                found = rounding(a, b, x, most, here)
                if found is not None:
                    new.append((pool, *found))
        self._add(new)
        return len(new)

    def whole_program(self, least: Floats, most: Floats) -> Any:
        """The program with its cutting planes, for whole numbers within these limits."""
        rest = [
            (p, int(r))
            for p, rows in enumerate(self._rows)
            for r in np.nonzero(rows.numbers < 0)[0]
        ]
        self._give(rest)
        program = self._highs.getLp()
        program.col_lower_, program.col_upper_ = least, most
        program.integrality_ = [highspy.HighsVarType.kInteger] * len(self.columns)
        return program

    def _to_round(self, rows: _Rows, x: Floats) -> list[tuple[Floats, float]]:
        filled = rows.a[: rows.amounts] @ x > _TIGHT * rows.b[: rows.amounts]
        found = [(rows.a[r], float(rows.b[r])) for r in np.nonzero(filled)[0]]
        price = rows.prices(self._duals)
        if price.any():
            found.append((price @ rows.a, float(price @ rows.b)))
        return found

    def _add(self, new: list[tuple[int, Floats, float]]) -> None:
        given = []
        for pool, a, b in new:
            rows = self._rows[pool]
            scale = float(np.abs(a).max())
            rows.a, rows.b = np.vstack([rows.a, a / scale]), np.append(rows.b, b / scale)
            rows.numbers = np.append(rows.numbers, -1)
            given.append((pool, len(rows.b) - 1))
        self._give(given)

    def _give(self, given: list[tuple[int, int]]) -> None:
        """Give the solver these rows: (pool, row)."""
        if not given:
            return
        starts, index, value, upper = [0], [], [], []
        for i, (pool, r) in enumerate(given):
            rows = self._rows[pool]
            rows.numbers[r] = self._height + i
            there = np.nonzero(rows.a[r])[0]
            index.append(there + self.columns.start[pool])
            value.append(rows.a[r][there])
            starts.append(starts[-1] + len(there))
            upper.append(rows.b[r])
        self._height += len(given)
        self._highs.addRows(
            len(given),
            np.full(len(given), -np.inf),
            np.array(upper),
            starts[-1],
            np.array(starts[:-1], dtype=np.int32),
            np.concatenate(index).astype(np.int32),
            np.concatenate(value),
        )

    def _program(self) -> Any:
        columns = self.columns
        n = len(columns)
        index, value, counts = [], [], np.zeros(n + 1, dtype=np.int64)
        for pool, rows in enumerate(self._rows):
            here = columns.of(pool)
            first = rows.numbers >= 0
            a = np.vstack([np.ones((1, here.stop - here.start)), rows.a[first]]).T
            numbers = np.broadcast_to(np.append(0, rows.numbers[first]), a.shape).copy()
            numbers[:, 0] = columns.job[here]
            counts[here.start + 1 : here.stop + 1] = np.count_nonzero(a, axis=1)
            index.append(numbers[a != 0])
            value.append(a[a != 0])
        program = highspy.HighsLp()
        program.num_col_, program.num_row_ = n, self._height
        program.sense_ = highspy.ObjSense.kMaximize
        program.col_cost_, program.col_lower_ = columns.profit, np.zeros(n)
        program.col_upper_ = columns.most
        program.row_lower_ = np.full(self._height, -np.inf)
        upper = [columns.jobs, *(rows.b[rows.numbers >= 0] for rows in self._rows)]
        program.row_upper_ = np.concatenate(upper)
        program.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        program.a_matrix_.start_ = np.cumsum(counts).astype(np.int32)
        program.a_matrix_.index_ = np.concatenate([np.zeros(0), *index]).astype(np.int32)
        program.a_matrix_.value_ = np.concatenate([np.zeros(0), *value])
        return program


def rounding(
    a: Floats, b: float, x: Floats, most: Floats, here: Ints
) -> tuple[Floats, float] | None:
    """The deepest rounding of a.x <= b, 0 <= x <= most, that cuts off `x`, or None.

    `here` are the columns where x is not 0. For a divisor k, with f the broken part of b / k, the
    rounded row has floor(a / k) + max(0, broken part of a / k - f) / (1 - f) on the left and
    floor(b / k) on the right. Columns that are more than half full count from `most` down.
    """
    size, full = a[here], most[here]
    takes = size > _EPS
    if not takes.any():
        return None
    divisors = np.unique(np.concatenate([size[takes], size[takes] / 2]))
    nearly = (x[here] > full / 2 + _EPS) & takes
    best: tuple[float, float, float, float, Ints] | None = None
    for turned in (nearly, np.zeros_like(nearly)) if nearly.any() else (nearly,):
        point = np.where(turned, full - x[here], x[here])
        right = (b - float(size[turned] @ full[turned])) / divisors
        floor = np.floor(right + _SLACK)
        broken = np.maximum(0.0, right - floor)
        signed = np.where(turned, -size, size)
        left = _rounded(signed[None, :] / divisors[:, None], broken[:, None])
        deep = (left @ point - floor) / (np.sqrt((left * left).sum(axis=1)) + _EPS)
        deep[broken > 0.99] = -1.0
        i = int(np.argmax(deep))
        if deep[i] > max(_DEEP, best[0] if best else 0.0):
            best = float(deep[i]), divisors[i], broken[i], floor[i], here[turned]
    if best is None:
        return None
    _, divisor, part, whole, from_top = best
    down = np.zeros(len(a), dtype=bool)
    down[from_top] = True
    row = _rounded(np.where(down, -a, a) / divisor, part)
    return np.where(down, -row, row), float(whole - row[down] @ most[down])


def _rounded(a: Floats, broken: Any) -> Floats:
    floor = np.floor(a + _EPS)
    over = np.maximum(0.0, a - floor - broken)
    return np.asarray(floor + over / np.maximum(1.0 - broken, 0.01))


def _amounts(columns: Columns) -> list[_Rows]:
    """The rows of amounts that can become short; the solver has the scarcest of each pool at first.

    Few of the others ever bind, and fewer rows are solved sooner.
    """
    found = []
    number = len(columns.jobs)
    for pool in range(len(columns.start) - 1):
        here = columns.of(pool)
        share = columns.share[here]
        asked = columns.most[here] @ share
        short = np.nonzero(asked > 1.0)[0]
        short = short[np.argsort(-asked[short], kind="stable")]
        numbers = np.full(len(short), -1)
        numbers[:_FIRST] = np.arange(number, number + min(_FIRST, len(short)))
        number += min(_FIRST, len(short))
        a = np.ascontiguousarray(share[:, short].T)
        found.append(_Rows(a, np.ones(len(short)), numbers, len(short)))
    return found


def _solver(time_limit_s: float) -> Any:
    highs = highspy.Highs()
    highs.silent()
    highs.setOptionValue("threads", 1)
    highs.setOptionValue("time_limit", max(0.0, float(time_limit_s)))
    return highs


def solve_whole(
    program: Any, start: Floats, nodes: int, gap: float, time_limit_s: float
) -> tuple[Floats | None, float]:
    """Branch and bound from the plan `start`: the best plan found, if any, and a bound on all.

    Stops at `nodes` nodes or at a relative gap of `gap`, which is the same each time, and at the
    time limit, which is not.
    """
    highs = _solver(time_limit_s)
    highs.setOptionValue("mip_rel_gap", gap)
    highs.setOptionValue("mip_abs_gap", 1e-9)
    highs.setOptionValue("mip_max_nodes", nodes)
    highs.passModel(program)
    highs.setSolution(len(start), np.arange(len(start), dtype=np.int32), start)
    highs.run()
    bound = float(highs.getInfo().mip_dual_bound) * (1 + _SLACK)
    if highs.getInfo().primal_solution_status != 2:
        return None, bound
    return np.round(np.array(highs.getSolution().col_value)), bound
