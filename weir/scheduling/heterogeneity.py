"""Which jobs run in this round, and each on which device model, where models differ in speed.

`assign` is a pure function of plain columns. It is used for policies that look at heterogeneity, by
the server and by the simulator alike. In one page:

1. **Prices.** The fluid relaxation of what is still to do (`weir.scheduling.fluid`) says what an
   hour of each device model is worth, and how long each job must run on which model so that all
   ends as early as can be. Work goes where it is comparatively fast, not where it is fastest.
2. **Turn.** Jobs go by priced work over weight, the least first: Smith's rule, which for one model
   and gangs of one is shortest remaining first. It keeps the mean completion time low.
3. **The tail.** Smith's rule leaves the longest jobs to the end, where devices run empty beside
   them. So a job that must run nearly all the time that is left (its fluid time reaches the fluid
   end), or nearly all the time that wider gangs leave to its model, is lifted to the head of the
   jobs it competes with. This is the rule by which preemptive schedules of unrelated machines
   reach the fluid bound; it costs the mean little.
4. **Places.** In turn, each job takes the model that is cheapest for it among those with room, if
   that is at most 5 % dearer than its best. A second pass gives what is left to whoever can use it.
   Then pairs of equal gangs change places where that is better for both together.

Laws: never over capacity; a gang is whole, on one model; the same input gives the same output (ties
by row); no job waits while its gang fits into free devices that it can use. Moving a running job
costs `switch_s` of its time, so that it moves only where that pays.

Sources of the ideas: W. E. Smith (1956), various optimizers for single-stage production; E. Lawler
and J. Labetoulle (1978), on preemptive scheduling of unrelated parallel processors by linear
programming; D. Narayanan et al. (OSDI 2020), heterogeneity-aware cluster scheduling.
"""

from __future__ import annotations

import numpy as np

from weir.core.errors import BadInput, Mistake
from weir.scheduling.fluid import Bools, Floats, FluidJobs, FluidPlan, Ints, fluid, fluid_jobs

# A job takes a model at once if it is at most this much dearer there than on its cheapest one.
_DEARER = 0.05
# Of places that are as good within this share, a running job keeps the one that it has.
_STAY = 0.02
# Of places that cost the same, a job takes the one where the fluid plan has it: prices alone can't
# tell (at a vertex of the program, models that it uses and ones that it doesn't may cost the same).
_PLANNED = 0.03
# An exchange of places must raise the progress of the jobs of that gang by this share.
_WORTH_IT = 1e-3


def assign(
    remaining: Floats,
    speed: Floats,
    gang: Ints,
    weight: Floats,
    current: Ints,
    capacity: Ints,
    switch_s: float,
    round_s: float,
    *,
    makespan: bool = True,
) -> Ints:
    """The model that each job runs on until the next decision: a column of `speed`, or -1.

    `remaining` [n] is the work left, in units of the job's own; `speed` [n, k] the units per second
    of the whole gang on each model, 0 where it can't run; `gang` [n] the devices that it takes, all
    of one model; `weight` [n] how much its completion counts (the caller raises it with priority or
    age); `current` [n] the model on which it runs now, -1 if it waits; `capacity` [k] the devices
    of each model. `switch_s` is what a start or a move takes, `round_s` how long a plan usually
    stands. With `makespan` false, step 3 is left out: only the mean completion counts.

    A job that no model can ever hold gets -1. Raises `BadInput`, which names every bad column.
    """
    _check(remaining, speed, gang, weight, current, capacity)
    chosen = np.full(len(remaining), -1, dtype=np.int64)
    able = (speed > 0) & (gang[:, None] <= capacity) & (capacity > 0)
    rows = np.flatnonzero(able.any(axis=1))
    if len(rows):
        jobs = fluid_jobs(remaining[rows], speed[rows], able[rows], gang[rows], weight[rows])
        now = current[rows]
        plan = fluid(jobs, capacity)
        turn = _turn(jobs, plan, now, capacity, switch_s, round_s, makespan)
        dearness = _dearness(jobs, plan, now, switch_s)
        placed = _places(turn, dearness, jobs.gang, capacity)
        chosen[rows] = _exchanged(placed, _progress(jobs, plan, now, switch_s, round_s), jobs.gang)
    return chosen


def _check(
    remaining: Floats, speed: Floats, gang: Ints, weight: Floats, current: Ints, capacity: Ints
) -> None:
    n, k = len(remaining), len(capacity)
    shapes = {"speed": speed.shape == (n, k), "gang": gang.shape == (n,)}
    shapes |= {"weight": weight.shape == (n,), "current": current.shape == (n,)}
    wrong = [
        Mistake(name, "has another shape than the rest") for name in shapes if not shapes[name]
    ]
    if not wrong:
        rules = (
            ("remaining", np.isfinite(remaining) & (remaining >= 0), "must be 0 or more"),
            ("speed", np.isfinite(speed) & (speed >= 0), "must be 0 or more"),
            ("gang", gang >= 1, "must be 1 or more"),
            ("weight", np.isfinite(weight) & (weight > 0), "must be above 0"),
            ("current", (current >= -1) & (current < k), "must be -1 or a column of speed"),
            ("capacity", capacity >= 0, "must be 0 or more"),
        )
        wrong = [Mistake(name, what) for name, good, what in rules if not good.all()]
    if wrong:
        raise BadInput("Jobs can't be assigned to device models: correct these columns.", wrong)


def _turn(
    jobs: FluidJobs,
    plan: FluidPlan,
    current: Ints,
    capacity: Ints,
    switch_s: float,
    round_s: float,
    makespan: bool,
) -> Ints:
    """The rows in the order in which they may choose a place."""
    # A waiting job has its start still to pay, a running one has paid it.
    starting = np.where(current < 0, switch_s, 0.0)[:, None]
    priced = (jobs.time + starting) * jobs.gang[:, None] * plan.price
    key = np.where(jobs.able, priced, np.inf).min(axis=1) / jobs.weight
    late = np.zeros(len(key))
    if makespan:
        key, late = _lifted(key, jobs, plan, capacity, round_s)
    turn: Ints = np.lexsort((np.arange(len(key)), -late, key))
    return turn


def _lifted(
    key: Floats, jobs: FluidJobs, plan: FluidPlan, capacity: Ints, round_s: float
) -> tuple[Floats, Floats]:
    """Keys with the jobs lifted that can't wait, and the fluid time of these (others 0).

    A lifted job comes before others of at most its weight, but never before one that is done
    within a round: letting that pass costs the end nothing that the next round can't make up.
    """
    time = plan.share * jobs.time
    long = jobs.best_time() > round_s
    tight = time.sum(axis=1) >= plan.end_s - round_s
    narrow = _narrow(time, jobs.gang, capacity, plan.end_s - round_s)
    lifted = key.copy()
    for gang in np.unique(jobs.gang[tight | narrow]).tolist():
        same = jobs.gang == gang
        # With a single model, jobs too wide to run beside this one are not delayed by its waiting.
        beside = long & ((jobs.gang + gang <= capacity.max()) | (len(capacity) > 1))
        for which, rivals in ((tight, beside), (narrow, long & (jobs.gang <= gang))):
            up = same & which
            lifted[up] = np.minimum(lifted[up], _least(key, jobs.weight, rivals, jobs.weight[up]))
    return lifted, np.where(tight | narrow, time.sum(axis=1), 0.0)


def _narrow(time: Floats, gang: Ints, capacity: Ints, end_s: float) -> Bools:
    """Jobs that need nearly all the time that wider gangs leave them on their model.

    While a gang runs that leaves less than the job's devices free, the job can't run beside it.
    The fluid plan doesn't see this; without the rule, narrow jobs end one by one and leave devices
    empty that are too few for a wide gang.
    """
    model = time.argmax(axis=1)
    found = np.zeros(len(gang), dtype=bool)
    for size in np.unique(gang).tolist():
        wide = gang[:, None] > capacity - size
        left = end_s - (time * wide).sum(axis=0)
        rows = np.flatnonzero(gang == size)
        mine = model[rows]
        found[rows] = (time[rows, mine] >= left[mine]) & ~wide[rows, mine]
    return found


def _least(key: Floats, weight: Floats, rivals: Bools, own: Floats) -> Floats:
    """For each of the weights `own`, the least key of a rival of at most that weight, else inf."""
    rows = np.flatnonzero(rivals)
    if not len(rows):
        return np.full(len(own), np.inf)
    rows = rows[np.argsort(weight[rows], kind="stable")]
    so_far = np.append(np.inf, np.minimum.accumulate(key[rows]))
    least: Floats = so_far[np.searchsorted(weight[rows], own, side="right")]
    return least


def _rate(jobs: FluidJobs, plan: FluidPlan) -> Floats:
    """[n, k]: what a second of each job on each model adds to the objective of the fluid plan."""
    rate: Floats = jobs.gang[:, None] * plan.price + (plan.haste + plan.own)[:, None]
    return rate


def _dearness(jobs: FluidJobs, plan: FluidPlan, current: Ints, switch_s: float) -> Floats:
    """[n, k]: how many times its cheapest model each model costs a job, inf where it can't run."""
    moves = (current >= 0)[:, None] & (current[:, None] != np.arange(jobs.time.shape[1]))
    rate = _rate(jobs, plan)
    cost = np.where(jobs.able, (jobs.time + np.where(moves, switch_s, 0.0)) * rate, np.inf)
    dearness: Floats = cost / cost.min(axis=1)[:, None] * (1.0 - _PLANNED * plan.share.clip(0, 1))
    stays = np.flatnonzero(current >= 0)
    dearness[stays, current[stays]] *= 1.0 - _STAY
    return dearness


def _places(turn: Ints, dearness: Floats, gang: Ints, capacity: Ints) -> Ints:
    """Each job's model in this round: first only good places, then whatever is left."""
    chosen = np.full(len(gang), -1, dtype=np.int64)
    free = capacity.copy()
    for limit in (1.0 + _DEARER, np.inf):
        for row in turn.tolist():
            if chosen[row] >= 0:
                continue
            costs = np.where(free >= gang[row], dearness[row], np.inf)
            model = int(costs.argmin())
            if np.isfinite(costs[model]) and costs[model] <= limit:
                chosen[row] = model
                free[model] -= gang[row]
            if not free.any():
                return chosen
    return chosen


def _progress(
    jobs: FluidJobs, plan: FluidPlan, current: Ints, switch_s: float, round_s: float
) -> Floats:
    """[n, k]: by how much the fluid objective falls per second that a job runs on a model.

    It is what the job's work costs on its cheapest model, over the time that it takes here. By
    duality the sum over the jobs that run can't be more than the plan charges for them. -inf where
    a job can't run.
    """
    rate = _rate(jobs, plan)
    worth = np.where(jobs.able, jobs.time * rate, np.inf).min(axis=1)
    gone = min(switch_s / round_s, 1.0) if round_s > 0 else 0.0
    moves = (current >= 0)[:, None] & (current[:, None] != np.arange(jobs.time.shape[1]))
    part = np.where(moves, 1.0 - gone, 1.0)
    able = np.where(jobs.able, jobs.time, 1.0)
    progress: Floats = np.where(jobs.able, worth[:, None] / able * part, -np.inf)
    return progress


def _exchanged(chosen: Ints, progress: Floats, gang: Ints) -> Ints:
    """The same jobs, after pairs of equal gangs have changed places where both gain in all.

    Places are taken one after the other, and the last job may be left with one that is bad for it
    alone. Each exchange raises the total progress, so that this ends; the bound on the count only
    guards against gains that are nothing but rounding.
    """
    chosen = chosen.copy()
    models = progress.shape[1]
    for size in np.unique(gang[chosen >= 0]).tolist():
        for _ in range(len(chosen)):
            if not any(
                _exchange(chosen, progress, np.flatnonzero((gang == size) & (chosen >= 0)), a, b)
                for a in range(models)
                for b in range(a + 1, models)
            ):
                break
    return chosen


def _exchange(chosen: Ints, progress: Floats, rows: Ints, a: int, b: int) -> bool:
    """Let the best pair of `rows`, one on each model, change places; whether there was one."""
    there, here = rows[chosen[rows] == a], rows[chosen[rows] == b]
    if not len(there) or not len(here):
        return False
    onward, back = progress[there, b] - progress[there, a], progress[here, a] - progress[here, b]
    first, second = int(onward.argmax()), int(back.argmax())
    gain = onward[first] + back[second]
    if not gain > _WORTH_IT * progress[rows, chosen[rows]].sum():
        return False
    chosen[there[first]], chosen[here[second]] = b, a
    return True
