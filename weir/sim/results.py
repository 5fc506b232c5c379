"""What came of a simulation, in numbers: one table of measures that every output prints from.

Laws:
- A number stands in one place, `MEASURES`, with its name (the JSON key), unit, label and sense. The
  table on the terminal, the JSON and the report read it from there.
- A mean or a percentile is over the jobs for which the thing exists: waits of jobs that started,
  completion and slowdown of jobs that ended. How many did neither is always told beside it.
- What can't be known (no prices, no power, nothing ended) is None, never 0.

Sources: bounded slowdown with a bound of 10 s, Feitelson et al., "Theory and Practice in Parallel
Job Scheduling" (JSSPP 1997). Percentiles interpolate linearly between the nearest ranks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core.inventory import DEVICE_MILLI
from weir.sim.outcome import Outcome
from weir.sim.workload import Floats, Texts

BOUND_S = 10.0
"""A job shorter than this counts as this long in its slowdown."""

HOUR_S = 3600.0
CPU_MILLI = 1000

Number = int | float | None
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the measures of some jobs are computed from: one row a job, NaN where there is nothing.

    `work` is what a job used, in devices (or cores) times seconds, `lost` the part of it that was
    thrown away, `held` the devices that it has when the last job comes, `late` whether it missed
    its deadline (NaN: it has none). `capacity` is in devices (or cores), `span_s` from the first
    submission to the last end.
    """

    wait_s: Floats
    jct_s: Floats
    slowdown: Floats
    work: Floats
    lost: Floats
    held: Floats
    price: Floats
    carbon_g: Floats
    energy_wh: Floats
    moved_bytes: Floats
    away: Floats
    late: Floats
    capacity: float
    devices: float
    span_s: float
    endless: bool

    def __len__(self) -> int:
        return len(self.wait_s)

    def take(self, rows: Rows, capacity: float, devices: float) -> Facts:
        """The facts of some of the jobs, beside another capacity."""
        columns = {f.name: getattr(self, f.name) for f in fields(self)}
        taken: dict[str, Any] = {
            n: v[rows] for n, v in columns.items() if isinstance(v, np.ndarray)
        }
        return replace(self, **taken, capacity=capacity, devices=devices)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a simulation: `better` is -1 where less is better, 1 where more is.

    `shown` tells whether it stands in tables; what does not is in the JSON all the same.
    """

    name: str
    label: str
    unit: str
    of: Callable[[Facts], Number]
    better: int = 0
    shown: bool = True


def _mean(values: Floats) -> Number:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _share(values: Floats, percent: float) -> Number:
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if len(known) else None


def _most(values: Floats) -> Number:
    known = values[np.isfinite(values)]
    return float(known.max()) if len(known) else None


def _sum(values: Floats) -> Number:
    """The sum of what is known; None if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.sum()) if len(known) else None


def _count(values: Floats) -> int:
    return int(np.isfinite(values).sum())


def _over(part: Number, whole: float, factor: float = 1.0) -> Number:
    return None if part is None or not whole > 0 else part / whole * factor


def _utilization(f: Facts) -> Number:
    return None if f.endless else _over(_sum(f.work), f.capacity * f.span_s)


def _unallocated(f: Facts) -> Number:
    if not f.endless or not f.devices:
        return None
    return 100.0 * (1.0 - (_sum(f.held) or 0.0) / f.devices)


MEASURES: tuple[Measure, ...] = (
    Measure("jobs", "Jobs", "count", len),
    Measure("placed", "Jobs started", "count", lambda f: _count(f.wait_s), 1),
    Measure("finished", "Jobs finished", "count", lambda f: _count(f.jct_s), 1),
    Measure(
        "never_started", "Jobs never started", "count", lambda f: len(f) - _count(f.wait_s), -1
    ),
    Measure("unallocated_gpu_percent", "Devices left unallocated", "%", _unallocated, -1),
    Measure("mean_wait_s", "Mean wait", "s", lambda f: _mean(f.wait_s), -1),
    Measure("median_wait_s", "Median wait", "s", lambda f: _share(f.wait_s, 50), -1),
    Measure("p95_wait_s", "Wait, 95th percentile", "s", lambda f: _share(f.wait_s, 95), -1),
    Measure("p99_wait_s", "Wait, 99th percentile", "s", lambda f: _share(f.wait_s, 99), -1),
    Measure("max_wait_s", "Longest wait", "s", lambda f: _most(f.wait_s), -1),
    Measure("mean_jct_s", "Mean completion time", "s", lambda f: _mean(f.jct_s), -1),
    Measure(
        "mean_jct_h",
        "Mean completion time",
        "h",
        lambda f: _over(_mean(f.jct_s), HOUR_S),
        -1,
        False,
    ),
    Measure("mean_slowdown", "Mean bounded slowdown", "times", lambda f: _mean(f.slowdown), -1),
    Measure(
        "p95_slowdown", "Slowdown, 95th percentile", "times", lambda f: _share(f.slowdown, 95), -1
    ),
    Measure("utilisation", "Utilization", "share", _utilization, 1),
    Measure("makespan_s", "Makespan", "s", lambda f: _makespan(f), -1),
    Measure("makespan_h", "Makespan", "h", lambda f: _over(_makespan(f), HOUR_S), -1, False),
    Measure("work_h", "Device-hours used", "work", lambda f: _over(_sum(f.work), HOUR_S)),
    Measure("lost_h", "Device-hours lost to preemption", "work", lambda f: _lost(f), -1),
    Measure("cost", "Cost", "money", lambda f: _sum(f.price), -1),
    Measure("carbon_g", "Carbon", "g", lambda f: _sum(f.carbon_g), -1),
    Measure("energy_wh", "Energy", "Wh", lambda f: _sum(f.energy_wh), -1),
    Measure("moved_bytes", "Data moved", "bytes", lambda f: int(f.moved_bytes.sum()), -1),
    Measure("late", "Jobs past their deadline", "count", lambda f: _late(f), -1),
    Measure("away_share", "Work done away from home", "share", lambda f: _away(f)),
)
BY_NAME: Mapping[str, Measure] = {m.name: m for m in MEASURES}

WALL = Measure("wall_s", "Simulated in", "wall", lambda _: None)
ROUNDS = Measure("rounds", "Rounds of the scheduler", "count", lambda _: None)
EVERY: tuple[Measure, ...] = (*MEASURES, ROUNDS, WALL)
"""All that a simulation's object in the JSON has, in order."""

PER_GROUP: tuple[str, ...] = (
    "jobs",
    "never_started",
    "work_h",
    "mean_wait_s",
    "p95_wait_s",
    "mean_jct_s",
    "mean_slowdown",
    "cost",
    "carbon_g",
    "energy_wh",
    "moved_bytes",
    "away_share",
)
"""What is told of a site, a member or a user."""


def _makespan(f: Facts) -> Number:
    return None if f.endless or not f.span_s > 0 else f.span_s


def _lost(f: Facts) -> Number:
    """None where nothing was lost, so that a table has no row of zeros."""
    lost = _sum(f.lost)
    return _over(lost, HOUR_S) if lost else None


def _late(f: Facts) -> Number:
    """None where no job has a deadline."""
    return int(np.nansum(f.late)) if np.isfinite(f.late).any() else None


def _away(f: Facts) -> Number:
    known = np.isfinite(f.away) & np.isfinite(f.work)
    return _over(_sum(f.work[known] * f.away[known]), float(f.work[known].sum()))


def counts_devices(outcome: Outcome) -> bool:
    """Whether work is counted in devices; in cores where the network or the jobs have none."""
    supply = sum(p.device_milli for p in outcome.pools)
    return supply > 0 and bool((outcome.workload.device_milli > 0).any())


def last_end_s(outcome: Outcome) -> float:
    """When the last job ended; if none did, the last start or submission."""
    moments = np.concatenate((outcome.end_s, outcome.start_s, outcome.workload.submit_s[-1:]))
    ends = outcome.end_s[outcome.done]
    known = ends if len(ends) else moments[np.isfinite(moments)]
    return float(known.max()) if len(known) else 0.0


def size_of(outcome: Outcome) -> Floats:
    """Devices (or cores, see `counts_devices`) of each job, all tasks together."""
    load = outcome.workload
    milli = load.device_milli if counts_devices(outcome) else load.cpu_milli
    whole = DEVICE_MILLI if counts_devices(outcome) else CPU_MILLI
    return load.tasks * milli / whole


def capacity_of(outcome: Outcome, site: str | None = None) -> float:
    """Devices (or cores) of the network, or of one site."""
    pools = [p for p in outcome.pools if site is None or p.site == site]
    if counts_devices(outcome):
        return sum(p.device_milli for p in pools) / DEVICE_MILLI
    return sum(p.cpu_milli for p in pools) / CPU_MILLI


def facts_of(outcome: Outcome) -> Facts:
    """What the measures are computed from, for all jobs."""
    load = outcome.workload
    first = float(load.submit_s[0]) if len(load) else 0.0
    last = last_end_s(outcome)
    started, size = np.isfinite(outcome.start_s), size_of(outcome)
    busy = np.where(started, outcome.busy_s, np.nan)
    jct = outcome.end_s - load.submit_s
    jct[~outcome.done] = np.nan
    with np.errstate(invalid="ignore"):
        run = np.where(outcome.done, np.maximum(busy - outcome.lost_s, 0.0), np.nan)
        slowdown = np.maximum(1.0, jct / np.maximum(run, BOUND_S))
    arrived = float(load.submit_s[-1]) if len(load) else 0.0
    holds = started & (outcome.start_s <= arrived) & ~(outcome.end_s <= arrived)
    return Facts(
        wait_s=np.where(started, outcome.start_s - load.submit_s, np.nan),
        jct_s=jct,
        slowdown=slowdown,
        work=busy * size,
        lost=outcome.lost_s * size,
        held=np.where(holds, load.tasks * load.device_milli / DEVICE_MILLI, 0.0),
        price=outcome.price,
        carbon_g=outcome.carbon_g,
        energy_wh=outcome.energy_wh,
        moved_bytes=np.where(started, outcome.moved_bytes, 0).astype(np.float64),
        away=_ran_away(outcome),
        late=_ran_late(outcome),
        capacity=capacity_of(outcome),
        devices=sum(p.device_milli for p in outcome.pools) / DEVICE_MILLI,
        span_s=last - first,
        endless=bool((started & ~outcome.done).any() or np.isinf(load.duration_s).any()),
    )


def _ran_late(outcome: Outcome) -> Floats:
    """1 where a job did not end by its deadline, 0 where it did, NaN where it has none."""
    load = outcome.workload
    due = load.submit_s + load.deadline_s
    in_time = outcome.end_s <= due  # NaN, of what never ended, is not
    return np.where(np.isfinite(due), ~in_time, np.nan).astype(np.float64)


def _ran_away(outcome: Outcome) -> Floats:
    """1 where a job ran at a site that is not its home, 0 at home, NaN where it has no home.

    Homes that are no site of the network say nothing of away.
    """
    sites = site_names(outcome)
    index = {name: i for i, name in enumerate(sites)}
    home = outcome.workload.home
    of_name = np.array([index.get(n, -1) for n in home.names] + [-1], dtype=np.int64)
    at_home = of_name[home.codes]
    ran = site_codes(outcome)
    known = (at_home >= 0) & (ran >= 0)
    return np.where(known, at_home != ran, np.nan).astype(np.float64)


def site_names(outcome: Outcome) -> tuple[str, ...]:
    """The sites of the network, in the order of its pools."""
    return tuple(dict.fromkeys(p.site for p in outcome.pools))


def site_codes(outcome: Outcome) -> npt.NDArray[np.int64]:
    """The row in `site_names` of where each job ran, -1 for a job that never started."""
    index = {name: i for i, name in enumerate(site_names(outcome))}
    of_pool = np.array([index[p.site] for p in outcome.pools] + [-1], dtype=np.int64)
    return of_pool[outcome.pool]


def measures_of(outcome: Outcome, facts: Facts | None = None) -> dict[str, Number]:
    """Every number of `EVERY`, by name."""
    found = facts or facts_of(outcome)
    return {
        **{m.name: m.of(found) for m in MEASURES},
        "rounds": outcome.rounds,
        "wall_s": outcome.wall_s,
    }


Group = dict[str, Any]
"""The numbers of a site, a member or a user: its `name`, and those of `PER_GROUP` and more."""


def per_site(outcome: Outcome, facts: Facts) -> list[Group]:
    """A row a site: what ran there, how full it was, and what its own members asked of it.

    `demand` is the work submitted by members of that name over what the site could do in the span
    (1: all of it), None where nobody has it as home.
    """
    codes, found = site_codes(outcome), []
    asked = _asked_by_home(outcome)
    for code, name in enumerate(site_names(outcome)):
        devices = sum(p.device_milli for p in outcome.pools if p.site == name) / DEVICE_MILLI
        here = facts.take(np.flatnonzero(codes == code), capacity_of(outcome, name), devices)
        row: Group = {"name": name, "capacity": here.capacity}
        row |= {"utilisation": _utilization(here) if len(here) else _idle(here), "jobs": len(here)}
        row["demand"] = _over(asked.get(name), here.capacity * here.span_s)
        row |= {n: BY_NAME[n].of(here) for n in PER_GROUP if n not in ("away_share", "jobs")}
        found.append(row)
    return found


def _idle(here: Facts) -> Number:
    """The utilization of a site where nothing ran."""
    return 0.0 if here.capacity > 0 and not here.endless else None


def _asked_by_home(outcome: Outcome) -> dict[str, float]:
    home, run = outcome.workload.home, outcome.workload.duration_s
    known = (home.codes >= 0) & np.isfinite(run)
    work = size_of(outcome)[known] * run[known]
    sums = np.bincount(home.codes[known], weights=work, minlength=len(home.names))
    return dict(zip(home.names, sums.tolist(), strict=False))


def per_text(texts: Texts, facts: Facts) -> list[Group]:
    """A row a text (a user, a home) that has jobs, who used most first; ties by name."""
    found = [
        {"name": name, **{n: BY_NAME[n].of(part) for n in PER_GROUP}}
        for name, part in _parts(texts, facts)
    ]
    return sorted(found, key=lambda row: (-float(row["work_h"] or 0), str(row["name"])))


def _parts(texts: Texts, facts: Facts) -> Iterator[tuple[str, Facts]]:
    """The facts by text, one sort for all of them."""
    order = np.argsort(texts.codes, kind="stable")
    edges = np.searchsorted(texts.codes[order], np.arange(len(texts.names) + 1))
    for code, name in enumerate(texts.names):
        rows = order[edges[code] : edges[code + 1]]
        if len(rows):
            yield name, facts.take(rows, facts.capacity, facts.devices)


def mean_of(found: Sequence[Mapping[str, Number]]) -> dict[str, Number]:
    """The means over several seeds, a number at a time; None where any is unknown."""
    means: dict[str, Number] = {}
    for measure in EVERY:
        values = [one[measure.name] for one in found]
        known = [v for v in values if v is not None]
        if len(known) < len(values) or not known:
            means[measure.name] = None
        elif all(isinstance(v, int) and v == known[0] for v in known):
            means[measure.name] = known[0]
        else:
            means[measure.name] = sum(known) / len(known)
    return means
