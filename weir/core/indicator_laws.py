"""How an indicator of parts becomes one of the whole: the laws, as functions of a `View`.

- SUM: over subjects, each identifier once; where a pool tells a metric its hosts' are not added.
  Sums are exactly rounded (`math.fsum`), so that their order, and the tree by which they came,
  changes nothing: whole units add up to the last one, as far as a double holds them (2^53).
- RATIO: sum of numerators over sum of denominators, of those subjects that tell both. Never a mean
  of ratios.
- MEAN: the mean weighted by capacity, which is a ratio of sums too.
- MAX: the largest of any subject.
- SKETCH: bins of a mergeable histogram (`weir.core.sketch`); percentiles are never averaged.
- COUNT: how many distinct identifiers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from weir.core import sketch
from weir.core.inventory import FreeShape, Pool
from weir.core.series import body_of, counted, site_of
from weir.core.verified import Comparison


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
class PoolNow:
    """A pool and what is left of it, the viewer's own runs counted.

    `claims` are what it claims beside what was found of it, where that was asked for.
    """

    pool: Pool
    left: tuple[FreeShape, ...]
    silent: bool
    claims: tuple[Comparison, ...] = ()


Readings = Mapping[str, Mapping[tuple[str, str], float]]
"""Values over one bucket of time: metric -> (subject, part) -> value. Unknown is left out."""


@dataclass(frozen=True, slots=True)
class View:
    """What the indicators of a domain are computed from: every pool once, jobs, and readings.

    `width_s` is how much time the readings cover.
    """

    pools: Sequence[PoolNow]
    jobs: Mapping[str, int]
    readings: Readings = field(default_factory=dict)
    width_s: int = 10


Value = int | float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """An indicator's value, and its parts where it has parts (by precision, model, state ...)."""

    value: Value
    by: Mapping[str, Value]


Measure = Callable[[View], Measured]

NOTHING = Measured(None, {})


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


def plain(value: float) -> int | float:
    """A whole number as an integer, where a double holds it exactly."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def subjects_of(view: View, metric: str) -> dict[tuple[str, str], float]:
    """The readings of a metric that count: each subject once, by its identifier without the check.

    By two spellings of one identifier a subject still counts once.
    """
    found = view.readings.get(metric, {})
    count = counted({subject for subject, _ in found})
    return {(body_of(s), part): value for (s, part), value in found.items() if s in count}


def added(values: Iterable[float]) -> int | float:
    """The exactly rounded sum."""
    return plain(math.fsum(values))


def sum_of(metric: str, scale: float = 1.0) -> Measure:
    """The sum of a metric over subjects; by part where it has parts."""

    def measure(view: View) -> Measured:
        parts: dict[str, list[float]] = {}
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

    def measure(view: View) -> Measured:
        watts = sum_of(metric)(view).value
        return NOTHING if watts is None else Measured(watts * view.width_s / 3.6e6, {})

    return measure


def mass_of(metric: str) -> Measure:
    """Amount within the time covered, from a metric per hour."""

    def measure(view: View) -> Measured:
        rate = sum_of(metric)(view).value
        return NOTHING if rate is None else Measured(rate * view.width_s / 3600, {})

    return measure


def ratio_of(top: str, bottom: str, scale: float = 1.0, by_site: bool = False) -> Measure:
    """Sum over sum of the subjects that tell both, times `scale`.

    `by_site`: the two are told by different things of one site (a building's meter, its pools).
    """

    def measure(view: View) -> Measured:
        tops, bottoms = _by_place(view, top, by_site), _by_place(view, bottom, by_site)
        both = tops.keys() & bottoms.keys()
        under = math.fsum(bottoms[s] for s in both)
        if not under:
            return NOTHING
        return Measured(scale * math.fsum(tops[s] for s in both) / under, {})

    return measure


def ratio_less(top: str, bottom: str, less: str, scale: float) -> Measure:
    """Sum of `top` over the sum of `bottom` without `less`, of those that tell the first two.

    A subject that says nothing of `less` has none of it.
    """

    def measure(view: View) -> Measured:
        tops, bottoms, rest = (_by_place(view, m, False) for m in (top, bottom, less))
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


def _by_place(view: View, metric: str, by_site: bool) -> dict[str, float]:
    places: dict[str, list[float]] = {}
    for (subject, _), value in subjects_of(view, metric).items():
        places.setdefault(site_of(subject) if by_site else subject, []).append(value)
    return {place: math.fsum(values) for place, values in places.items()}


def mean_of(metric: str, weight: str) -> Measure:
    """The mean of a metric, each subject weighted by another metric of it."""

    def measure(view: View) -> Measured:
        values, weights = _by_place(view, metric, False), _by_place(view, weight, False)
        both = values.keys() & weights.keys()
        under = math.fsum(weights[s] for s in both)
        if not under:
            return NOTHING
        return Measured(math.fsum(values[s] * weights[s] for s in both) / under, {})

    return measure


def largest_of(metric: str, scale: float = 1.0) -> Measure:
    """The largest of any subject, and every subject's: for links and temperatures."""

    def measure(view: View) -> Measured:
        found = subjects_of(view, metric)
        if not found:
            return NOTHING
        by: dict[str, Value] = {}
        if any(">" in subject for subject, _ in found):
            by = {s: value * scale for (s, _), value in sorted(found.items())}
        return Measured(max(found.values()) * scale, by)

    return measure


def share_of_part(metric: str, part: str) -> Measure:
    """One part of a metric over all its parts, in percent."""

    def measure(view: View) -> Measured:
        by = sum_of(metric)(view).by
        total = math.fsum(v for v in by.values() if v is not None)
        return Measured(ratio(by.get(part) or 0, total), {})

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
