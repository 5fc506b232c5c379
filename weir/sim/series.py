"""How a simulation went over time, and how waits are spread: few points, from many jobs.

Laws:
- Everything is computed from the jobs' times at once, by sorting; nothing is stepped through.
- Thinning loses no peak: a bucket of time keeps its lowest and its highest value beside its mean,
  and the mean is weighted by time, so the area under it is that of the whole curve.
- What happens at one instant happens at once: a job that comes and starts at the same second is
  never in the queue.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from weir.sim.outcome import Outcome
from weir.sim.results import last_end_s, site_codes, site_names, size_of
from weir.sim.workload import Floats

POINTS = 400
"""Buckets of time, and points of a distribution: as many as a plot can show."""

SHORTEST_S = 1e-3
"""A job without length is paid within a millisecond: less is lost beside a large time."""

SLOWDOWN_EDGES = (1.0, 1.1, 2.0, 5.0, 10.0, 50.0, 100.0, 1000.0, float("inf"))
"""Bins of bounded slowdown: 1 is no wait at all, and each step is about a factor of two to ten."""


@dataclass(frozen=True, slots=True)
class Band:
    """Something over time in `n` buckets: `at_s` are their `n + 1` edges, the rest `n` values."""

    at_s: Floats
    mean: Floats
    low: Floats
    high: Floats


@dataclass(frozen=True, slots=True)
class Spread:
    """A cumulative distribution: the share of all jobs with at most `value`, rising."""

    value: Floats
    share: Floats


@dataclass(frozen=True, slots=True)
class Curve:
    """Something summed up over time."""

    at_s: Floats
    total: Floats


@dataclass(frozen=True, slots=True)
class Series:
    """All that a report draws of one simulation; None where nothing is known."""

    work: Band
    queue: Band
    sites: tuple[tuple[str, Band], ...]
    wait: Spread
    slowdown: Spread
    slowdown_bins: tuple[float, ...]
    cost: Curve | None
    carbon: Curve | None


def band(times: Floats, changes: Floats, begin: float, end: float, points: int = POINTS) -> Band:
    """What rises and falls by `changes` at `times`, from 0 on, in at most `points` buckets.

    `times` and `changes` have one value an event, in any order.
    """
    order = np.argsort(times, kind="stable")
    at, first = np.unique(times[order], return_index=True)
    sums = np.add.reduceat(changes[order], first) if len(at) else np.zeros(0)
    at = np.concatenate(([-np.inf], at))
    level = np.concatenate(([0.0], np.cumsum(sums)))
    level[np.abs(level) < 1e-9 * max(1.0, float(np.abs(level).max()))] = 0.0
    end = end if end > begin else begin + 1.0
    edges = np.linspace(begin, end, points + 1)
    enters = np.searchsorted(at, edges[:-1], side="right") - 1
    leaves = np.searchsorted(at, edges[1:], side="left")
    pairs = np.stack((enters, leaves), axis=1).ravel()
    padded = np.append(level, level[-1])
    return Band(
        at_s=edges,
        mean=np.diff(_area(at, level, edges)) / np.diff(edges),
        low=np.minimum.reduceat(padded, pairs)[::2],
        high=np.maximum.reduceat(padded, pairs)[::2],
    )


def _area(at: Floats, level: Floats, edges: Floats) -> Floats:
    """The area under a step curve from its first step to each edge."""
    if len(at) < 2:
        return np.zeros(len(edges))
    inner = np.concatenate(([0.0], np.cumsum(level[1:-1] * np.diff(at[1:]))))
    after = np.maximum(edges - at[-1], 0.0) * level[-1]
    result: Floats = np.interp(edges, at[1:], inner, left=0.0) + after
    return result


def spread(values: Floats, rows: int, points: int = POINTS) -> Spread:
    """The distribution of `values` among `rows` jobs; those without a value never arrive.

    The curve keeps its both ends, and in between points at equal steps of the share.
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return Spread(np.zeros(0), np.zeros(0))
    last = len(known) - 1
    rank = np.unique(np.linspace(0, last, min(points, len(known))).round().astype(np.int64))
    return Spread(known[rank], (rank + 1) / rows)


def binned(values: Floats, rows: int, edges: tuple[float, ...]) -> tuple[float, ...]:
    """The share of all `rows` jobs in each bin; the last edge is without end."""
    known = values[np.isfinite(values)]
    counts = np.histogram(known, bins=np.array((*edges[:-1], np.finfo(np.float64).max)))[0]
    return tuple((counts / max(rows, 1)).tolist())


def summed(
    start_s: Floats, end_s: Floats, amounts: Floats, begin: float, end: float, points: int = POINTS
) -> Curve | None:
    """What the jobs' amounts come to over time, each spread evenly from its start to its end."""
    known = np.isfinite(start_s) & np.isfinite(end_s) & np.isfinite(amounts)
    if not known.any():
        return None
    start, stop, amount = start_s[known], end_s[known], amounts[known]
    at = np.linspace(begin, end if end > begin else begin + 1.0, points + 1)
    length = np.maximum(stop - start, SHORTEST_S)
    times = np.concatenate((start, start + length))
    slopes = np.concatenate((amount / length, -amount / length))
    order = np.argsort(times, kind="stable")
    inner, rate = times[order], np.cumsum(slopes[order])
    total = np.concatenate(([0.0], np.cumsum(rate[:-1] * np.diff(inner))))
    return Curve(at, np.interp(at, inner, total, left=0.0))


def occupation(
    outcome: Outcome, rows: npt.NDArray[np.bool_], begin: float, end: float, points: int = POINTS
) -> Band:
    """Devices (or cores) in use by some of the jobs over time.

    A job that was stopped in between counts evenly from its first start to its end, for as much as
    it had on average, so that the area is the work done. One that never ends stays.
    """
    ran = rows & np.isfinite(outcome.start_s)
    start = outcome.start_s[ran]
    stop = np.where(np.isfinite(outcome.end_s[ran]), outcome.end_s[ran], np.inf)
    length, busy = stop - start, outcome.busy_s[ran]
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(np.isfinite(length) & (length > 0), busy / length, 1.0)
    size = size_of(outcome)[ran] * np.clip(np.nan_to_num(part, nan=1.0), 0.0, 1.0)
    ends = np.isfinite(stop)
    times = np.concatenate((start, stop[ends]))
    return band(times, np.concatenate((size, -size[ends])), begin, end, points)


def waiting(outcome: Outcome, begin: float, end: float, points: int = POINTS) -> Band:
    """Jobs that have come and not started, over time."""
    started = np.isfinite(outcome.start_s)
    submit = outcome.workload.submit_s
    times = np.concatenate((submit, outcome.start_s[started]))
    changes = np.concatenate((np.ones(len(submit)), -np.ones(int(started.sum()))))
    return band(times, changes, begin, end, points)


def series_of(outcome: Outcome, wait_s: Floats, slowdown: Floats, points: int = POINTS) -> Series:
    """All curves of one simulation. `wait_s` and `slowdown` are those of `results.facts_of`."""
    load = outcome.workload
    begin = float(load.submit_s[0]) if len(load) else 0.0
    end = last_end_s(outcome)
    everything = np.ones(len(load), dtype=np.bool_)
    codes, names = site_codes(outcome), site_names(outcome)
    few = min(points, 120)
    return Series(
        work=occupation(outcome, everything, begin, end, points),
        queue=waiting(outcome, begin, end, points),
        sites=tuple(
            (name, occupation(outcome, codes == code, begin, end, few))
            for code, name in enumerate(names)
        ),
        wait=spread(wait_s, len(load), points),
        slowdown=spread(slowdown, len(load), points),
        slowdown_bins=binned(slowdown, len(load), SLOWDOWN_EDGES),
        cost=summed(outcome.start_s, outcome.end_s, outcome.price, begin, end, points),
        carbon=summed(outcome.start_s, outcome.end_s, outcome.carbon_g, begin, end, points),
    )
