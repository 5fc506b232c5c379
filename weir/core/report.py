"""The sheet of a month, worked out: every indicator by its law over the whole time, and per site.

Laws:
- A month's figure is worked out from the month's samples by the indicator's own law, never from
  figures of shorter times: a ratio is the ratio of the month's sums, a percentile that of the
  month's merged bins, a largest the largest sample.
- Amounts (energy, emissions, jobs that ended) are added up over the time that is known. Time
  without samples is not filled up; `coverage` says how much of the month is known.
- What stands now (devices, power) is the mean over the time known. A part that stood for half of it
  counts half.
- An indicator of inventory has no samples, only what was noted: its figure is the mean of these.
- Unknown is None, and is never 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from weir.core.indicator_laws import Indicator, Law
from weir.core.indicator_view import RACK_W, Measured, Placed, View, plain
from weir.core.metrics import METRICS, MetricKind
from weir.core.series import Key

HOUR_S, DAY_S = 3600, 86400

AMOUNTS = frozenset({"facility_energy", "it_energy", "emissions", "jobs_ended"})
"""Indicators that are of the time covered: those of two hours add up to that of both."""

Reading = tuple[float, float]
"""A moment (the begin of its bucket, seconds since 1970) and the value there."""

Noted = tuple[float, str, float, float]
"""The begin of a bucket, the part ("": the whole), the value, and seconds of it that are known."""


@dataclass(frozen=True, slots=True)
class Merged:
    """All samples of a series within a time, and for how many seconds they stand."""

    n: int
    total: float
    most: float
    seconds: int


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of which nothing is known."""

    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Figure:
    """An indicator over a month. `taken` says how `value` was made of the time, `least`, `most` and
    `last` are of its buckets; `coverage` is the share of the time that is known, 0 to 1. `why` says
    what the value leaves out, or why there is none.
    """

    name: str
    label: str
    label_zh: str
    unit: str
    kind: str
    law: str
    definition: str
    source: str
    taken: str
    value: float | None
    least: float | None
    most: float | None
    last: float | None
    by: Mapping[str, float]
    coverage: float
    gaps: tuple[Gap, ...]
    points: tuple[Reading, ...]
    why: str = ""


@dataclass(frozen=True, slots=True)
class SiteFigure:
    """An indicator of one site over a month, from its samples or from what was noted of its pools.

    `why` says what the value leaves out, or why there is none.
    """

    name: str
    unit: str
    value: float | None
    by: Mapping[str, float]
    coverage: float
    why: str = ""


@dataclass(frozen=True, slots=True)
class SiteSheet:
    """A center's part of the sheet."""

    site: str
    name: str
    figures: tuple[SiteFigure, ...]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What the runs of somebody's jobs held within the month. `kind`: user, domain or site."""

    kind: str
    name: str
    runs: int
    device_hours: float
    core_hours: float


@dataclass(frozen=True, slots=True)
class NotedGap:
    """Samples that were thrown away before they came here, and why."""

    cluster: str
    begin: float
    end: float
    reason: str


@dataclass(frozen=True, slots=True)
class DowntimeNote:
    """A time for which a center was declared to be down; `afterwards`: once it had begun."""

    site: str
    begin: float
    end: float
    reason: str
    afterwards: bool = False


@dataclass(frozen=True, slots=True)
class MonthReport:
    """The whole sheet. Times are seconds since 1970; `until` is how far the month has come, and
    `zone_s` how far its days begin before those of UTC. `unknown` names indicators without data.
    """

    domain: str
    domain_name: str
    kind: str
    under: str | None
    month: str
    zone_s: int
    begin: float
    end: float
    until: float
    made_at: float
    width_s: int
    figures: tuple[Figure, ...]
    unknown: tuple[str, ...]
    sites: tuple[SiteSheet, ...]
    delivered: tuple[Delivered, ...]
    downtimes: tuple[DowntimeNote, ...]
    gaps: tuple[NotedGap, ...]


def pieces(begin: int, end: int, settled: int, hours_from: int) -> list[tuple[int, int, int]]:
    """[begin, end) as (width, begin, end): whole days of UTC, and hours at their sides.

    Days that end after `settled` may not be rolled up yet, so they are read as hours. Hours are
    kept from `hours_from` on; of an older time there are whole days only, those that begin in it.
    """
    if begin < hours_from:
        return [(DAY_S, -(-begin // DAY_S) * DAY_S, end)]
    first, last = -(-begin // DAY_S) * DAY_S, min(end, settled) // DAY_S * DAY_S
    if first >= last:
        return [(HOUR_S, begin, end)]
    found = [(HOUR_S, begin, first), (DAY_S, first, last), (HOUR_S, last, end)]
    return [piece for piece in found if piece[1] < piece[2]]


def added_up(parts: Iterable[Merged]) -> Merged:
    """The samples of several times as those of all of them."""
    some = list(parts)
    return Merged(
        n=sum(m.n for m in some),
        total=math.fsum(m.total for m in some),
        most=max(m.most for m in some),
        seconds=sum(m.seconds for m in some),
    )


Samples = Mapping[str, Mapping[tuple[str, str], Merged]]
"""Metric -> (subject, part) -> all samples of that series."""


def by_metric(samples: Iterable[tuple[Key, Merged]]) -> Samples:
    """Series by what they are of."""
    found: dict[str, dict[tuple[str, str], Merged]] = defaultdict(dict)
    for key, merged in samples:
        found[key.metric][key.subject, key.part] = merged
    return found


def measured(
    indicator: Indicator,
    samples: Samples,
    span_s: int,
    placed: Placed | None = None,
    rack_w: int = RACK_W,
) -> Measured:
    """An indicator over the whole of a time, by its law, from all samples of it."""
    view = view_over(indicator.metrics, samples, span_s, largest=indicator.law is Law.MAX)
    return indicator.measure(replace(view, placed=placed, rack_w=rack_w))


def view_over(metrics: Iterable[str], samples: Samples, span_s: int, *, largest: bool) -> View:
    """All samples of a time as readings, each with how much of it they cover."""
    series = {metric: samples.get(metric, {}) for metric in metrics}
    readings = {
        metric: {place: _value(metric, merged, largest) for place, merged in of.items()}
        for metric, of in series.items()
    }
    covered = {
        metric: {place: merged.seconds for place, merged in of.items()}
        for metric, of in series.items()
    }
    return View((), {}, readings, span_s, covered)


def _value(metric: str, merged: Merged, largest: bool) -> float:
    if METRICS[metric].kind is MetricKind.DELTA:
        return merged.total
    return merged.most if largest else merged.total / merged.n


def taken(indicator: Indicator) -> str:
    """How a month's figure is made of the month, in words."""
    if indicator.name in AMOUNTS:
        return "sum over the time known"
    if not indicator.metrics or indicator.law in (Law.SUM, Law.COUNT):
        return "mean over the time known"
    if indicator.law is Law.MAX:
        return "largest sample"
    return "percentiles of all" if indicator.law is Law.SKETCH else "ratio of the month's sums"


def figure(
    indicator: Indicator,
    whole: Measured,
    history: Sequence[Noted],
    begin: int,
    until: int,
    width: int,
) -> Figure:
    """An indicator's line of the sheet, from its buckets by time."""
    points = tuple((at, value) for at, part, value, _ in history if not part)
    known = {at: seconds for at, _, _, seconds in history}
    value, by = whole.value, {k: float(v) for k, v in whole.by.items() if v is not None}
    if not indicator.metrics:
        value, by = _means(history)
    values = [v for _, v in points]
    return Figure(
        name=indicator.name,
        label=indicator.label,
        label_zh=indicator.label_zh,
        unit=indicator.unit,
        kind=indicator.kind,
        law=indicator.law,
        definition=indicator.definition,
        source=indicator.source,
        taken=taken(indicator),
        value=value,
        least=min(values, default=None),
        most=max(values, default=None),
        last=values[-1] if values else None,
        by=by,
        coverage=share_known(known, begin, until, width),
        gaps=tuple(gaps(known, begin, until, width)),
        points=points,
        why=whole.why,
    )


def _means(history: Sequence[Noted]) -> tuple[float | None, dict[str, float]]:
    """The means of what was noted: of the whole, and of each part over all times noted."""
    found: dict[str, list[float]] = defaultdict(list)
    for _, part, value, _ in history:
        found[part].append(value)
    times = len({at for at, *_ in history})
    by = {p: plain(math.fsum(v) / times) for p, v in sorted(found.items()) if p}
    whole = found.get("")
    return (plain(math.fsum(whole) / len(whole)) if whole else None), by


def share_known(known: Mapping[float, float], begin: int, until: int, width: int) -> float:
    """How much of [begin, until) is known, 0 to 1, of buckets by their begin: seconds of each.

    Of one that lies in it for a part the same share is taken to be known.
    """
    if until <= begin:
        return 0.0
    inside = sum(
        seconds * (min(t + width, until) - max(t, begin)) / width
        for t, seconds in known.items()
        if t < until
    )
    return min(1.0, max(0.0, inside / (until - begin)))


def gaps(times: Iterable[float], begin: int, until: int, width: int) -> list[Gap]:
    """The times within [begin, until) of which there is no bucket, in order."""
    found, at = [], float(begin)
    for time in sorted(set(times)):
        if time > at:
            found.append(Gap(at, min(time, until)))
        at = max(at, time + width)
    if at < until:
        found.append(Gap(at, until))
    return [gap for gap in found if gap.begin < gap.end]


def site_figures(
    indicators: Sequence[Indicator],
    samples: Samples,
    span_s: int,
    placed: Placed | None = None,
    rack_w: int = RACK_W,
    noted: Mapping[str, tuple[Measured, float]] | None = None,
) -> tuple[SiteFigure, ...]:
    """What is known of a site: a line for each indicator that has a value there, or a reason.

    `noted`: indicators of inventory over the time, and the share of it that they are known of.
    """
    found = []
    for indicator in indicators:
        if not indicator.metrics:
            if indicator.name in (noted or {}):
                whole, coverage = (noted or {})[indicator.name]
                found += _site_figure(indicator, whole, coverage)
        elif samples.keys() & set(indicator.metrics):
            whole = measured(indicator, samples, span_s, placed, rack_w)
            told = [m for m in indicator.metrics if m in samples]
            seconds = min(max(s.seconds for s in samples[m].values()) for m in told)
            found += _site_figure(indicator, whole, min(1.0, seconds / span_s))
    return tuple(found)


def _site_figure(indicator: Indicator, whole: Measured, coverage: float) -> list[SiteFigure]:
    by = {k: float(v) for k, v in whole.by.items() if v is not None}
    if whole.value is None and not by and not whole.why:
        return []
    name, unit = indicator.name, indicator.unit
    return [SiteFigure(name, unit, whole.value, by, coverage, whole.why)]
