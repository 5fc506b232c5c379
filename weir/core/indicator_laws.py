"""How an indicator of parts becomes one of the whole: the laws, as functions of a `View`.

- SUM: over subjects, each identifier once; where a pool tells a metric its hosts' are not added.
  Sums are exactly rounded (`math.fsum`), so that their order, and the tree by which they came,
  changes nothing: whole units add up to the last one, as far as a double holds them (2^53).
  What stands is a mean over the time known; an amount (energy) is that times the time covered, so
  it is the same from buckets of every width.
- RATIO: sum of numerators over sum of denominators, of those subjects that tell both and over the
  time that both are known. Never a mean of ratios.
- MEAN: the mean weighted by capacity, which is a ratio of sums too.
- MAX: the largest of any subject, with the few worst by name.
- SKETCH: bins of a mergeable histogram (`weir.core.sketch`); percentiles are never averaged.
- COUNT: how many distinct identifiers.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from weir.core import sketch
from weir.core.indicator_view import (
    NOTHING,
    Measure,
    Measured,
    Pairs,
    PoolNow,
    Readings,
    Value,
    View,
    added,
    over_time,
    paired_places,
    pairs_of,
    plain,
    shares,
    subjects_of,
    why,
)

__all__ = [
    "Indicator",
    "IndicatorKind",
    "Law",
    "Measure",
    "Measured",
    "PoolNow",
    "Readings",
    "Value",
    "View",
    "plain",
    "ratio",
]

WORST = 20
"""So many single links or sources an indicator names; of the others their own samples tell."""


class Law(StrEnum):
    """How an indicator of parts becomes one of the whole."""

    SUM = "sum"
    RATIO = "ratio of sums"
    COUNT = "count of distinct"
    MEAN = "mean by capacity"
    MAX = "largest"
    SKETCH = "percentiles of merged bins"


class IndicatorKind(StrEnum):
    """What an indicator is of."""

    CAPACITY = "capacity"
    USE = "use"
    ENERGY = "energy"
    NETWORK = "network"
    JOBS = "jobs"
    QUALITY = "quality"


@dataclass(frozen=True, slots=True)
class Indicator:
    """A defined quantity.

    `source` names the standard or text that the definition is from. `metrics` are those of samples
    that it is computed from; without any it is computed from inventory and jobs, and has a history
    only from when this domain wrote it down.
    """

    name: str
    label: str
    label_zh: str
    unit: str
    law: Law
    definition: str
    measure: Measure
    kind: IndicatorKind = IndicatorKind.CAPACITY
    source: str = "Weir"
    metrics: tuple[str, ...] = ()


def ratio(numerator: float, denominator: float) -> float | None:
    """A ratio in percent; null where there is nothing to divide by."""
    return None if denominator == 0 else 100.0 * numerator / denominator


def sum_of(metric: str, scale: float = 1.0) -> Measure:
    """The sum of a metric over subjects; by part where it has parts."""

    def measure(view: View) -> Measured:
        parts: dict[str, list[float]] = {}
        if view.covered.get(metric):
            for share in shares(view, metric):
                parts.setdefault(share.part, []).append(over_time(share))
        else:
            for (_, part), value in subjects_of(view, metric).items():
                parts.setdefault(part, []).append(value)
        if not parts:
            return NOTHING
        total = added(v for values in parts.values() for v in values)
        by = {p: _scaled(added(v), scale) for p, v in sorted(parts.items()) if p}
        return Measured(_scaled(total, scale), by)

    return measure


def _scaled(value: int | float, scale: float) -> int | float:
    return value if scale == 1.0 else plain(value * scale)


def energy_of(metric: str) -> Measure:
    """Energy in kWh within the time covered, from a metric in W."""
    return _amount_of(metric, 3.6e6)


def mass_of(metric: str) -> Measure:
    """Amount within the time covered, from a metric per hour."""
    return _amount_of(metric, 3600)


def _amount_of(metric: str, per: float) -> Measure:
    def measure(view: View) -> Measured:
        found = shares(view, metric)
        if not found:
            return NOTHING
        return Measured(math.fsum(s.value * s.seconds for s in found) / per, {})

    return measure


def ratio_of(top: str, bottom: str, scale: float = 1.0, by_site: bool = False) -> Measure:
    """Sum over sum of the subjects that tell both, times `scale`.

    `by_site`: the two are told by different things of one site (a building's meter, its pools).
    """

    def measure(view: View) -> Measured:
        return _ratio(
            paired_places(view, top, bottom) if by_site else pairs_of(view, top, bottom), scale
        )

    return measure


def _ratio(found: Pairs, scale: float) -> Measured:
    # Of equal times nothing is weighted: whole numbers stay whole.
    most = max((p.weight for p in found.pairs), default=1.0)
    weighted = [(p, 1.0 if p.weight == most else p.weight / most) for p in found.pairs]
    under = math.fsum(p.bottom * weight for p, weight in weighted)
    if not under:
        return Measured(None, {}, why(found))
    return Measured(scale * math.fsum(p.top * w for p, w in weighted) / under, {}, why(found))


def ratio_less(top: str, bottom: str, less: str, scale: float) -> Measure:
    """Sum of `top` over the sum of `bottom` without `less`, of those that tell the first two.

    They are amounts. A subject that says nothing of `less` has none of it.
    """

    def measure(view: View) -> Measured:
        tops, bottoms, rest = (_by_subject(view, m) for m in (top, bottom, less))
        both = tops.keys() & bottoms.keys()
        under = math.fsum(bottoms[s] - rest.get(s, 0.0) for s in both)
        if not under:
            return NOTHING
        return Measured(scale * math.fsum(tops[s] for s in both) / under, {})

    return measure


def ratio_of_totals(top: str, bottom: str, scale: float) -> Measure:
    """Sum over sum times `scale`, where the two are told by different things of the network."""

    def measure(view: View) -> Measured:
        over, under = sum_of(top)(view).value, sum_of(bottom)(view).value
        return Measured(scale * over / under, {}) if over is not None and under else NOTHING

    return measure


def _by_subject(view: View, metric: str) -> dict[str, float]:
    places: dict[str, list[float]] = {}
    for (subject, _), value in subjects_of(view, metric).items():
        places.setdefault(subject, []).append(value)
    return {place: math.fsum(values) for place, values in places.items()}


def mean_of(metric: str, weight: str) -> Measure:
    """The mean of a metric, each subject weighted by another metric of it."""

    def measure(view: View) -> Measured:
        pairs = pairs_of(view, metric, weight).pairs
        under = math.fsum(p.bottom * p.weight for p in pairs)
        if not under:
            return NOTHING
        return Measured(math.fsum(p.top * p.bottom * p.weight for p in pairs) / under, {})

    return measure


def largest_of(metric: str, scale: float = 1.0, *, least_is_worst: bool = False) -> Measure:
    """The largest of any subject; by name that of the worst links, and of each part."""

    def measure(view: View) -> Measured:
        found = subjects_of(view, metric)
        if not found:
            return NOTHING
        named: dict[str, float] = {}
        for (subject, part), value in found.items():
            if name := part or (subject if ">" in subject else ""):
                named[name] = max(named.get(name, value), value)
        by: dict[str, Value] = {n: v * scale for n, v in sorted(worst(named, least_is_worst))}
        return Measured(max(found.values()) * scale, by)

    return measure


def worst(named: dict[str, float], least: bool) -> Iterable[tuple[str, float]]:
    """The `WORST` entries with the largest values, or the least ones; of equals by name."""
    if len(named) <= WORST:
        return named.items()
    sign = 1 if least else -1
    return heapq.nsmallest(WORST, named.items(), key=lambda n: (sign * n[1], n[0]))


def by_bounds(metric: str, bounds: dict[str, float], beyond: str) -> Measure:
    """How many subjects' values lie up to which bound, the least one that holds it."""

    def measure(view: View) -> Measured:
        found = subjects_of(view, metric)
        by: dict[str, Value] = {}
        for value in found.values():
            name = next((n for n, most in bounds.items() if value <= most), beyond)
            by[name] = (by.get(name) or 0) + 1
        return Measured(len(found), by) if found else NOTHING

    return measure


def share_of_part(metric: str, part: str) -> Measure:
    """One part of a metric over all its parts, in percent."""

    def measure(view: View) -> Measured:
        by = sum_of(metric)(view).by
        total = math.fsum(v for v in by.values() if v is not None)
        return Measured(ratio(by.get(part) or 0, total), {})

    return measure


def by_model(metric: str) -> Measure:
    """The sum of a metric of pools, by their device model and its part: `MODEL part`."""

    def measure(view: View) -> Measured:
        models = {} if view.placed is None else view.placed.models
        parts: dict[str, list[float]] = {}
        for share in shares(view, metric):
            name = f"{models.get(share.subject, 'unknown')} {share.part}".strip()
            parts.setdefault(name, []).append(over_time(share))
        by: dict[str, Value] = {name: added(values) for name, values in sorted(parts.items())}
        return Measured(added(v for v in by.values() if v is not None), by) if by else NOTHING

    return measure


def racks_of(metric: str) -> Measure:
    """Power in W as standard racks of the domain's own measure."""

    def measure(view: View) -> Measured:
        watts = sum_of(metric)(view).value
        return NOTHING if watts is None else Measured(watts / view.rack_w, {})

    return measure


def percentiles_of(metric: str) -> Measure:
    """The median, and 50 %, 90 %, 99 % by part, of a metric whose parts are bins of a sketch."""

    def measure(view: View) -> Measured:
        bins: dict[int, int] = {}
        for (_, part), value in subjects_of(view, metric).items():
            bins[int(part)] = bins.get(int(part), 0) + round(value)
        if not bins:
            return NOTHING
        by = {f"p{q}": sketch.quantile(bins, q / 100) for q in (50, 90, 99)}
        return Measured(by["p50"], by)

    return measure
