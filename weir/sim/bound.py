"""What no schedule of a network can beat: lower bounds by linear programming (HiGHS).

Two bounds. `worst_load` bounds the load of the worst site: some site has at least the load that is
left when demand may be cut into any pieces. `least_cost` bounds a price in any unit (money, grams,
or a weighed sum with waiting and moving in it).

Laws:
- A bound holds for every schedule that starts each job once, at a site that it fits, between its
  release and its latest start, runs it to its end and holds no more devices than a site has. A
  schedule that delays jobs further, stops them or moves them while they run is not bounded.
- A better linear program makes a bound tighter; a bad one, or one stopped early, makes it looser
  and never wrong.

Why `least_cost` is a lower bound. Split time into blocks; a schedule that fits uses in block b of
site s at most `devices[s] * length(b)` device-hours. For any multipliers m[s, b] >= 0, adding
`m * (use - supply)`, which is never positive for such a schedule, gives at most its price. The sum
then falls apart job by job, and each job alone is put at the site and the moment that are the best
for it, exactly and with its whole duration in one piece. So the sum of these minima, less
`m * supply`, is at most the price of any schedule (weak duality: Geoffrion, Lagrangean relaxation
for integer programming, 1974). The multipliers are the shadow prices of a linear program that may
cut groups of jobs over sites and starts, with columns added where the jobs' own best choices differ
from it (Dantzig and Wolfe, Decomposition principle for linear programs, 1960).

Why `worst_load` is one. Within a window each class of jobs asks for given device-seconds, and any
assignment of jobs to sites that they fit is one way to cut them; the program may choose any way, in
each window anew.

Times are seconds from the hour in which `rate` begins; amounts are floats of the units named.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import highspy
import numpy as np
import numpy.typing as npt

from weir.core.errors import BadInput, Mistake

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HOUR_S = 3600.0
_AT_ONCE = 4096  # jobs judged together: memory, not results
_CLOSE = 1e-4  # a bound this near to what it can become is not improved any more


@dataclass(frozen=True, slots=True)
class Work:
    """Jobs to be run, a row a job; tables are (jobs, sites).

    `earliest_s` is when it could start at a site (its release and the time to move its data there),
    `latest_s` its latest start (a site where that is before `earliest_s` may still start it at
    `earliest_s`). `extra` is what running there costs besides the rate. Waiting costs `wait_rate`
    per hour after `patient_s`.
    """

    earliest_s: Floats
    latest_s: Floats
    duration_s: Floats
    devices: Floats
    fits: Bools
    extra: Floats
    patient_s: Floats
    wait_rate: float = 0.0

    def rows(self, rows: Ints) -> Work:
        """Some of the jobs."""
        return Work(
            self.earliest_s[rows], self.latest_s[rows], self.duration_s[rows], self.devices[rows],
            self.fits[rows], self.extra[rows], self.patient_s[rows], self.wait_rate,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Supply:
    """Sites: `devices` each, and `rate[site, hour]`: the price of one device for that hour.

    After the last hour the rate of the last hour goes on.
    """

    devices: Floats
    rate: Floats


@dataclass(frozen=True, slots=True)
class Bound:
    """`value` is at most the price of any schedule.

    `limit` is what better multipliers could still raise it to at most; `rounds` counts linear
    programs solved.
    """

    value: float
    limit: float
    rounds: int


def gap(reached: float, bound: float) -> float:
    """How far `reached` is above the bound, as a share of what was reached (0 is optimal)."""
    return (reached - bound) / abs(reached) if reached else 0.0


def worst_load(demand: Floats, fits: Bools, supply: Floats) -> Floats:
    """The least load of the worst site, per window; NaN where there is a demand that fits nowhere.

    `demand[window, class]` are device-seconds asked for, `fits[class, site]` where a class can run,
    `supply[window, site]` the device-seconds there.
    """
    usable = np.flatnonzero(fits.any(axis=1))
    out = np.full(len(demand), np.nan)
    for w in range(len(demand)):
        if demand[w].sum() <= 0:
            out[w] = 0.0
        elif not (demand[w, ~fits.any(axis=1)] > 0).any():
            out[w] = _one_window(demand[w, usable], fits[usable], supply[w])
    return out


def _one_window(demand: Floats, fits: Bools, supply: Floats) -> float:
    """Least z such that demand can be cut over sites with use[s] <= z * supply[s].

    What is given back is worked out from the sites' shadow prices y >= 0: with y @ supply = 1, a
    class pays at least its demand times the least y where it fits, and all pay at most z. That
    holds for any y, so what the solver leaves open can't make the bound wrong.
    """
    demand, supply = demand / demand.sum(), supply / demand.sum()
    open_to = fits & (supply > 0)[None, :]
    if not open_to[demand > 0].any(axis=1).all():
        return float("inf")
    program = _Program(len(demand) + len(supply))
    program.bound_rows(0, demand, demand)
    program.bound_rows(len(demand), np.full(len(supply), -np.inf), np.zeros(len(supply)))
    for k, s in zip(*(rows.tolist() for rows in np.nonzero(open_to)), strict=True):
        program.column(0.0, np.array([k, len(demand) + s]), np.array([1.0, 1.0]))
    # In units of all supply together: the solver's tolerances are absolute.
    program.column(1.0, len(demand) + np.arange(len(supply)), -supply / supply.sum())
    _, duals = program.solve()
    best = 0.0
    for prices in (np.maximum(-duals[len(demand) :], 0.0), np.ones(len(supply))):
        if prices @ supply > 0:
            least = np.where(open_to, prices[None, :], np.inf).min(axis=1)
            best = max(best, float(demand[demand > 0] @ least[demand > 0] / (prices @ supply)))
    return best


def least_cost(work: Work, supply: Supply, block_hours: int = 24, rounds: int = 4) -> Bound:
    """A lower bound of the price of running all the work; `BadInput` if a job fits nowhere.

    Finer blocks and more rounds make it tighter and slower; at 0 rounds devices are without end.
    """
    _check(work, supply)
    grid = _Grid.of(work, supply, block_hours)
    group = _groups(work, block_hours)
    groups = int(group.max()) + 1 if len(group) else 0
    program = _Program(groups + grid.cells)
    program.bound_rows(0, np.ones(groups), np.ones(groups))
    program.bound_rows(groups, np.full(grid.cells, -np.inf), grid.capacity)
    _overflow(program, groups, grid)
    for place in range(len(supply.devices)):
        everywhere = np.full(len(group), place, dtype=np.int64)
        _add_columns(program, grid, work, group, everywhere, work.earliest_s[:, place])
    # Without multipliers each job is put where it is the best for it alone: a bound already.
    best, chosen, start = _judged(work, grid, np.zeros(grid.cells))
    limit, done = np.inf, 0
    while done < rounds and (done == 0 or limit - best > _CLOSE * abs(limit)):
        _add_columns(program, grid, work, group, chosen, start)
        limit, shadow = program.solve()
        multipliers = np.maximum(-shadow[groups:], 0.0)
        value, chosen, start = _judged(work, grid, multipliers)
        best, done = max(best, value), done + 1
    return Bound(best, limit, done)


def _check(work: Work, supply: Supply) -> None:
    mistakes = []
    nowhere = int((~work.fits.any(axis=1)).sum())
    if nowhere:
        mistakes.append(Mistake("fits", f"{nowhere} jobs fit no site: leave them out"))
    if (work.duration_s < 0).any() or (work.earliest_s < 0).any():
        mistakes.append(Mistake("times", "no start or duration may be below 0"))
    if supply.rate.shape[:1] != supply.devices.shape or supply.rate.size == 0:
        mistakes.append(Mistake("rate", "needs a row a site, at least an hour long"))
    if mistakes:
        raise BadInput("The work can't be bounded.", mistakes)


@dataclass(frozen=True, slots=True)
class _Grid:
    """Rates and blocks as running totals per site, so that an interval is two look-ups."""

    hours: int
    block_hours: int
    blocks: int
    price: Floats  # (sites, hours + 1): what one device has cost since 0
    capacity: Floats  # (sites * blocks): device-hours

    @property
    def cells(self) -> int:
        return len(self.capacity)

    @classmethod
    def of(cls, work: Work, supply: Supply, block_hours: int) -> _Grid:
        last = np.maximum(work.latest_s[:, None], work.earliest_s) + work.duration_s[:, None]
        end = float(last[work.fits].max()) if work.fits.any() else 0.0
        blocks = max(1, int(np.ceil(end / HOUR_S / block_hours)))
        hours = blocks * block_hours + 1
        rate = supply.rate[:, np.minimum(np.arange(hours), supply.rate.shape[1] - 1)]
        price = np.concatenate([np.zeros((len(rate), 1)), np.cumsum(rate, axis=1)], axis=1)
        capacity = np.repeat(supply.devices * block_hours, blocks)
        return cls(hours, block_hours, blocks, price, capacity)

    def with_multipliers(self, multipliers: Floats) -> Floats:
        """Running totals of the price with the multipliers added, hour by hour."""
        each = np.repeat(multipliers.reshape(-1, self.blocks), self.block_hours, axis=1)
        total = np.zeros_like(self.price)
        total[:, 1 : each.shape[1] + 1] = np.cumsum(each, axis=1)
        total[:, each.shape[1] + 1 :] = total[:, each.shape[1], None]
        return self.price + total


def _at(totals: Floats, seconds: Floats) -> Floats:
    """Running total at a time, linear within the hour; `totals[hour]` or a row a time."""
    hours = np.clip(seconds / HOUR_S, 0.0, totals.shape[-1] - 1)
    low = np.minimum(hours.astype(np.int64), totals.shape[-1] - 2)
    below = totals[low]
    return np.asarray(below + (totals[low + 1] - below) * (hours - low))


def _groups(work: Work, block_hours: int) -> Ints:
    """Jobs that the linear program treats as one: released in one block, alike in length and size,
    fitting the same places. Only the tightness depends on it.
    """
    if not len(work.duration_s):
        return np.zeros(0, dtype=np.int64)
    release = (work.earliest_s.min(axis=1) // (block_hours * HOUR_S)).astype(np.int64)
    length = np.log2(np.maximum(work.duration_s, HOUR_S) / HOUR_S).astype(np.int64)
    size = np.minimum(work.devices.astype(np.int64), 8)
    _, fitting = np.unique(work.fits, axis=0, return_inverse=True)
    keys = np.stack([release, length, size, fitting.reshape(-1)], axis=1)
    _, group = np.unique(keys, axis=0, return_inverse=True)
    return np.asarray(group.reshape(-1), dtype=np.int64)


def _price(totals: Floats, work: Work, site: int, start: Floats) -> Floats:
    """Price of starting each job at `start` at one site."""
    held = _at(totals[site], start + work.duration_s) - _at(totals[site], start)
    late = np.maximum(start - work.patient_s, 0.0) / HOUR_S
    return np.asarray(work.devices * held + work.extra[:, site] + work.wait_rate * late)


def _judged(work: Work, grid: _Grid, multipliers: Floats) -> tuple[float, Ints, Floats]:
    """The bound for these multipliers, and the site and the start that each job would choose.

    The price of a job is linear in its start between hours at which it begins or ends, so its
    minimum is at one of these, at an end of its window, or where its patience ends.
    """
    totals = grid.with_multipliers(multipliers)
    jobs = len(work.duration_s)
    place, start = np.zeros(jobs, dtype=np.int64), np.zeros(jobs)
    value = -float(multipliers @ grid.capacity)
    # Jobs with windows alike together: the widest of them sets how many starts are tried.
    alike = np.argsort(work.latest_s - work.earliest_s.min(axis=1), kind="stable")
    for low in range(0, jobs, _AT_ONCE):
        rows = alike[low : low + _AT_ONCE]
        part = work.rows(rows)
        best = np.full(len(rows), np.inf)
        for s in np.flatnonzero(part.fits.any(axis=0)).tolist():
            for at in _moments(part, s):
                price = np.where(part.fits[:, s], _price(totals, part, s, at), np.inf)
                better = price < best
                best[better] = price[better]
                place[rows[better]], start[rows[better]] = s, at[better]
        value += float(best.sum())
    return value, place, start


def _moments(work: Work, site: int) -> Iterator[Floats]:
    """Starts of which one is the best for each job at this site."""
    first = work.earliest_s[:, site]
    last = np.maximum(work.latest_s, first)
    yield first
    yield last
    yield np.clip(work.patient_s, first, last)
    span = int(np.ceil(float((last - first).max()) / HOUR_S)) if len(first) else 0
    begin = np.ceil(first / HOUR_S)
    finish = np.ceil((first + work.duration_s) / HOUR_S)
    for step in range(span + 1):
        yield np.clip((begin + step) * HOUR_S, first, last)
        yield np.clip((finish + step) * HOUR_S - work.duration_s, first, last)


def _add_columns(
    program: _Program, grid: _Grid, work: Work, group: Ints, site: Ints, start: Floats
) -> None:
    """One column a group: all its jobs as chosen. Groups with a job that doesn't fit get none."""
    rows = np.arange(len(group))
    groups = int(group.max()) + 1 if len(group) else 0
    bad = np.zeros(groups, dtype=np.bool_)
    bad[group[~work.fits[rows, site]]] = True
    begin, end = start, start + work.duration_s
    late = np.maximum(begin - work.patient_s, 0.0) / HOUR_S
    price = work.extra[rows, site] + work.wait_rate * late
    for s in np.unique(site).tolist():
        here = site == s
        held = _at(grid.price[s], end[here]) - _at(grid.price[s], begin[here])
        price[here] += work.devices[here] * held
    cells, use = _use(grid, work.devices, site, begin, end, group)
    cost = np.bincount(group, price, groups)
    edges = np.searchsorted(cells[:, 0], np.arange(groups + 1))
    for k in np.flatnonzero(~bad).tolist():
        part = slice(edges[k], edges[k + 1])
        index = np.concatenate([[k], groups + cells[part, 1]])
        program.column(cost[k], index, np.concatenate([[1.0], use[part]]))


def _use(
    grid: _Grid, devices: Floats, site: Ints, begin: Floats, end: Floats, group: Ints
) -> tuple[Ints, Floats]:
    """Device-hours by (group, cell), sorted: a job is spread over the blocks that it touches."""
    block_s = grid.block_hours * HOUR_S
    first = (begin // block_s).astype(np.int64)
    count = np.maximum(np.ceil(end / block_s).astype(np.int64) - first, 1)
    row = np.repeat(np.arange(len(begin)), count)
    step = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    block = np.minimum(first[row] + step, grid.blocks - 1)
    held = np.minimum(end[row], (block + 1) * block_s) - np.maximum(begin[row], block * block_s)
    use = devices[row] * np.maximum(held, 0.0) / HOUR_S
    key = group[row] * grid.cells + site[row] * grid.blocks + block
    unique, where = np.unique(key, return_inverse=True)
    cells = np.stack([unique // grid.cells, unique % grid.cells], axis=1)
    total = np.bincount(where.reshape(-1), use, len(unique)).astype(np.float64)
    return np.asarray(cells, dtype=np.int64), total


def _overflow(program: _Program, groups: int, grid: _Grid) -> None:
    """A dear way out for every block, so that the program always has a solution.

    It bounds the multipliers, and any multipliers give a true bound.
    """
    dear = 10.0 * (float(np.abs(np.diff(grid.price, axis=1)).max()) + 1e-6)
    for cell in range(grid.cells):
        program.column(dear, np.array([groups + cell]), np.array([-1.0]))


class _Program:
    """A linear program that grows by columns (all at least 0), with what HiGHS has found so far."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._lower = np.full(rows, -np.inf)
        self._upper = np.full(rows, np.inf)
        self._cost: list[float] = []
        self._index: list[npt.NDArray[np.int32]] = []
        self._value: list[Floats] = []
        self._highs: highspy.Highs | None = None

    def bound_rows(self, first: int, lower: Floats, upper: Floats) -> None:
        self._lower[first : first + len(lower)] = lower
        self._upper[first : first + len(upper)] = upper

    def column(self, cost: float, rows: npt.NDArray[np.int64], values: Floats) -> None:
        self._cost.append(float(cost))
        self._index.append(rows.astype(np.int32))
        self._value.append(np.asarray(values, dtype=np.float64))

    def solve(self) -> tuple[float, Floats]:
        """Least value and the rows' duals. Columns added since the last time start from there."""
        if self._highs is None:
            self._highs = highspy.Highs()
            self._highs.setOptionValue("output_flag", False)
            self._highs.setOptionValue("threads", 1)
            none = np.zeros(0)
            empty = np.zeros(0, dtype=np.int32)
            starts = np.zeros(self._rows, dtype=np.int32)
            self._highs.addRows(self._rows, self._lower, self._upper, 0, starts, empty, none)
        self._flush(self._highs)
        self._highs.run()
        if self._highs.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            raise AssertionError(f"the program has no solution: {self._highs.getModelStatus()}")
        duals = np.asarray(self._highs.getSolution().row_dual, dtype=np.float64)
        return float(self._highs.getInfo().objective_function_value), duals

    def _flush(self, highs: highspy.Highs) -> None:
        """Hand the new columns over."""
        count = len(self._cost)
        if not count:
            return
        sizes = np.array([len(i) for i in self._index])
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
        highs.addCols(
            count, np.array(self._cost), np.zeros(count), np.full(count, np.inf),
            int(sizes.sum()), starts, np.concatenate(self._index), np.concatenate(self._value),
        )  # fmt: skip
        self._cost, self._index, self._value = [], [], []
