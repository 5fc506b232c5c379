"""The fluid relaxation of jobs on device models: prices of the models, and the earliest end.

Jobs may be cut into parts and packed without loss here; what remains is a small linear program
(HiGHS). It ends no later than any real schedule, but for a small second term; its duals say what a
second of each device model, and of each job, adds to the end. Law: the same input gives the same
plan.
"""

from __future__ import annotations

from dataclasses import dataclass

import highspy
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

# What the mean time that jobs run counts beside the end of all: it decides between plans that end
# (almost) equally early, and keeps jobs on fast devices while there is no queue.
_OWN_TIME = 0.1
# So many jobs, the longest, are bounded one by one in the fluid plan; the others by their class.
_ALONE = 256
# No price is nil: the least is this share of what a device costs at one price for all.
_LEAST_PRICE = 1e-6
# Shorter than this share of the longest time, or than this, counts as this long: so that neither
# the solver nor a division meets nothing at all.
_SHORTEST, _LEAST_S = 1e-9, 1e-9
# A model that is slower for a job than its fastest by more than this counts as slower by this.
_SLOWEST = 1e6


@dataclass(frozen=True, slots=True)
class FluidJobs:
    """Jobs that can run: `time` [n, k] is the seconds left on each model, 0 where not `able`."""

    time: Floats
    able: Bools
    gang: Ints
    weight: Floats
    speed: Floats

    def best_time(self) -> Floats:
        """[n]: seconds left on the fastest model."""
        least: Floats = np.where(self.able, self.time, np.inf).min(axis=1)
        return least


@dataclass(frozen=True, slots=True)
class FluidPlan:
    """The fluid plan: `share` [n, k] of each job's work by model, `end_s` when all has ended.

    `price` [k] is what one device for one second adds to the end, `haste` [n] what one second more
    of this very job adds to it, `own` [n] what a second of the job's time counts in itself.
    """

    share: Floats
    end_s: float
    price: Floats
    haste: Floats
    own: Floats


def fluid_jobs(
    remaining: Floats, speed: Floats, able: Bools, gang: Ints, weight: Floats
) -> FluidJobs:
    """Jobs with `remaining` work [n] at `speed` [n, k]; each must be able to run somewhere."""
    fastest = np.where(able, speed, 0.0).max(axis=1)[:, None]
    rate = np.maximum(speed, fastest / _SLOWEST)
    time = np.where(able, remaining[:, None] / rate, 0.0)
    least = max(float(time.max()) * _SHORTEST, _LEAST_S)
    return FluidJobs(np.where(able, np.maximum(time, least), 0.0), able, gang, weight, speed)


def fluid(jobs: FluidJobs, capacity: Ints) -> FluidPlan:
    """The plan that ends earliest if jobs could be cut and packed without loss.

    Linear program over the share x of each row on each model, and the end C:
        least  C + 0.1 sum(weight * time * x) / sum(weight)
        with   each row's shares add up to 1;
               gang-seconds on each model at most its devices times C;
               seconds of one job at most C.
    It is a lower bound on the end of all, but for the second term. Where there are very many jobs,
    those of one class (equal speeds and gang) are one row, except for the longest jobs, which
    are the likeliest to decide the end alone.
    """
    groups, alone = _groups(jobs)
    rows = int(groups.max()) + 1
    scale = float(jobs.time.max())
    time, counted = np.zeros((rows, len(capacity))), np.zeros((rows, len(capacity)))
    np.add.at(time, groups, jobs.time / scale)
    own = _OWN_TIME * jobs.weight / jobs.weight.sum()
    np.add.at(counted, groups, jobs.time / scale * own[:, None])
    able, gang = np.zeros(time.shape, dtype=bool), np.zeros(rows, dtype=np.int64)
    able[groups], gang[groups] = jobs.able, jobs.gang
    share, end, price, haste = _solve(time, counted, able, gang, alone, capacity)
    floor = _LEAST_PRICE / capacity.sum()
    return FluidPlan(share[groups], end * scale, np.maximum(price, floor), haste[groups], own)


def _groups(jobs: FluidJobs) -> tuple[Ints, Ints]:
    """The row of the linear program that stands for each job, and the rows that are one job."""
    n = len(jobs.gang)
    if n <= _ALONE:
        every = np.arange(n, dtype=np.int64)
        return every, every
    longest = np.argsort(-jobs.best_time(), kind="stable")[:_ALONE]
    rest = np.setdiff1d(np.arange(n), longest)
    shape = np.column_stack([jobs.speed * jobs.able, jobs.gang])[rest]
    _, which = np.unique(shape, axis=0, return_inverse=True)
    groups = np.empty(n, dtype=np.int64)
    groups[longest] = np.arange(_ALONE)
    groups[rest] = _ALONE + which.reshape(-1)
    return groups, np.arange(_ALONE, dtype=np.int64)


def _solve(
    time: Floats, counted: Floats, able: Bools, gang: Ints, alone: Ints, capacity: Ints
) -> tuple[Floats, float, Floats, Floats]:
    """The linear program of `fluid`: shares, end, price of each model, haste of each row."""
    (rows, models), lengths = able.shape, len(alone)
    row, model = np.nonzero(able)
    columns = len(row)
    bounded = np.isin(row, alone)
    place = np.full(rows, -1)
    place[alone] = np.arange(lengths)
    # Each column has an entry for its row's sum, for its model's devices, and maybe for its length.
    entries = np.where(bounded, 3, 2)
    keep = np.column_stack([np.ones((columns, 2), dtype=bool), bounded])
    index = np.column_stack([row, rows + model, rows + models + place[row]])[keep]
    used = time[row, model]
    value = np.column_stack([np.ones(columns), used * gang[row] / capacity.clip(1)[model], used])
    limits = rows + np.arange(models + lengths)

    program = highspy.HighsLp()
    program.num_col_, program.num_row_ = columns + 1, rows + models + lengths
    program.col_cost_ = np.append(counted[row, model], 1.0)
    program.col_lower_ = np.zeros(columns + 1)
    program.col_upper_ = np.full(columns + 1, np.inf)
    program.row_lower_ = np.append(np.ones(rows), np.full(len(limits), -np.inf))
    program.row_upper_ = np.append(np.ones(rows), np.zeros(len(limits)))
    matrix = program.a_matrix_
    matrix.format_ = highspy.MatrixFormat.kColwise
    starts = np.concatenate([[0], np.cumsum(entries)])
    matrix.start_ = np.append(starts, starts[-1] + len(limits)).astype(np.int32)
    matrix.index_ = np.append(index, limits).astype(np.int32)
    matrix.value_ = np.append(value[keep], -np.ones(len(limits)))

    solver = highspy.Highs()
    for option, setting in (("output_flag", False), ("solver", "simplex"), ("presolve", "off")):
        solver.setOptionValue(option, setting)
    solver.passModel(program)
    solver.run()
    if solver.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        raise AssertionError(f"the fluid plan always has an optimum: {solver.getModelStatus()}")
    solution = solver.getSolution()
    found, duals = np.array(solution.col_value), -np.array(solution.row_dual)
    share, haste = np.zeros((rows, models)), np.zeros(rows)
    share[row, model] = found[:-1]
    haste[alone] = np.maximum(duals[rows + models :], 0.0)
    price = np.maximum(duals[rows : rows + models], 0.0) / capacity.clip(1)
    return share, float(found[-1]), price, haste
