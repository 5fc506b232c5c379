"""History: indicators over time as charts, and the way down from the whole to a pool. All pure.

Laws:
- Where a bucket of time is missing the line ends and begins again: nothing is drawn across it.
- All lines of a chart are in one unit, which fits the largest value; the unit stands beside it.
- What lies below a place is told by the ways on which pools are reached, not by guessing at names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from weir.console import figures
from weir.wire.pools import PoolAnswer
from weir.wire.series import HistoryOfIndicator, IndicatorsAnswer, Reading

SPANS = {
    "1h": "1 hour",
    "6h": "6 hours",
    "24h": "24 hours",
    "7d": "7 days",
    "30d": "30 days",
    "1y": "1 year",
}
SECONDS = {"1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000, "1y": 31536000}
STEPS = {"1h": 60, "6h": 60, "24h": 900, "7d": 3600, "30d": 3600, "1y": 86400}
"""Seconds from point to point: a minute at least, since totals are worked out minute by minute."""

MOST_LINES = 12
LADDERS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "bytes": (1024, ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")),
    "GFLOPS": (1000, ("GFLOPS", "TFLOPS", "PFLOPS", "EFLOPS")),
    "GOPS": (1000, ("GOPS", "TOPS", "POPS", "EOPS")),
    "W": (1000, ("W", "kW", "MW", "GW")),
    "Wh": (1000, ("Wh", "kWh", "MWh", "GWh")),
    "kWh": (1000, ("kWh", "MWh", "GWh")),
    "g": (1000, ("g", "kg", "t", "kt")),
    "bit/s": (1000, ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")),
    "bytes/s": (1000, ("B/s", "kB/s", "MB/s", "GB/s", "TB/s")),
}
"""Units that have larger ones above them, each so many times the one before."""

Point = tuple[float, float | None]


@dataclass(frozen=True, slots=True)
class Line:
    """One part of an indicator; None in its points is a gap."""

    name: str
    points: tuple[Point, ...]

    @property
    def known(self) -> list[tuple[float, float]]:
        """Its points without the gaps."""
        return [(at, value) for at, value in self.points if value is not None]


@dataclass(frozen=True, slots=True)
class Chart:
    """An indicator over time. `unit` is the chart's own; `told` is the indicator's, for words.

    It covers the time from `begin` to `end`, known or not.
    """

    name: str
    label: str
    label_zh: str
    told: str
    unit: str
    step_s: int
    lines: tuple[Line, ...]
    begin: float
    end: float

    def series(self) -> list[dict[str, object]]:
        """What the plot is drawn from."""
        return [{"name": line.name, "points": line.points} for line in self.lines]


def span_of(asked: str | None) -> str:
    """A known span; an hour where none, or no such one, is asked for."""
    return asked if asked in SPANS else "1h"


def charts(past: IndicatorsAnswer) -> list[Chart]:
    """A chart of each indicator of which something is known in this time."""
    return [c for one in past.indicators if (c := chart(one, past.begin, past.end))]


def chart(found: HistoryOfIndicator, begin: float, end: float) -> Chart | None:
    """An indicator's chart: the whole, or its parts where it has no whole; None without points."""
    lines = parts_of(found)
    if not lines:
        return None
    most = max(abs(v) for _, points in lines for _, v in points)
    whole_numbers = found.unit == "GFLOPS" and all(name == "int8" for name, _ in lines)
    factor, unit = scale(most, "GOPS" if whole_numbers else found.unit)
    step = int(found.step_s)
    drawn = tuple(Line(n, with_gaps([(t, v / factor) for t, v in p], step)) for n, p in lines)
    return Chart(found.name, found.label, found.label_zh, found.unit, unit, step, drawn, begin, end)


def parts_of(found: HistoryOfIndicator) -> list[tuple[str, tuple[Reading, ...]]]:
    """The lines of an indicator; of many parts the largest."""
    if found.points:
        return [(found.label, found.points)]
    parts = [(name, points) for name, points in found.by.items() if points]
    return sorted(parts, key=lambda p: -p[1][-1][1])[:MOST_LINES]


def with_gaps(points: Sequence[tuple[float, float]], step_s: int) -> tuple[Point, ...]:
    """The points, with a None wherever at least one bucket of `step_s` is missing between two."""
    drawn: list[Point] = list(points[:1])
    for (before, _), (at, value) in pairwise(points):
        if at - before > 1.5 * step_s:
            drawn.append((before + step_s, None))
        drawn.append((at, value))
    return tuple(drawn)


def scale(most: float, unit: str) -> tuple[float, str]:
    """What to divide by, and the unit then, so that the largest value reads well."""
    base, names = LADDERS.get(unit, (1, (figures.NAMED_UNITS.get(unit, unit),)))
    rung = 0
    while rung + 1 < len(names) and most >= base ** (rung + 1):
        rung += 1
    return float(base**rung), names[rung]


@dataclass(frozen=True, slots=True)
class Step:
    """A place on the way down: a domain, a site or a pool."""

    id: str
    name: str
    kind: str


def ways(pools: Iterable[PoolAnswer], names: Mapping[str, str]) -> list[tuple[Step, ...]]:
    """From here to each pool: the domains, nearest first, its site, itself."""
    found = []
    for pool in pools:
        domains = [Step(d, names.get(d) or d, "domain") for d in pool.domains]
        site = Step(pool.site, pool.site_name, "site")
        found.append((*domains, site, Step(pool.id, pool.name, "pool")))
    return found


def way_to(all_ways: Iterable[tuple[Step, ...]], wanted: str) -> tuple[Step, ...]:
    """The steps down to a place, itself the last; () if no pool lies there."""
    for way in all_ways:
        for number, step in enumerate(way):
            if step.id == wanted:
                return way[: number + 1]
    return ()


def below(all_ways: Iterable[tuple[Step, ...]], under: str | None) -> list[Step]:
    """What lies right below a place, or below here: each once, by kind and name."""
    found: dict[str, Step] = {}
    for way in all_ways:
        at = 0 if under is None else next((n + 1 for n, s in enumerate(way) if s.id == under), None)
        if at is not None and at < len(way):
            found.setdefault(way[at].id, way[at])
    order = ("domain", "site", "pool")
    return sorted(found.values(), key=lambda s: (order.index(s.kind), s.name, s.id))
