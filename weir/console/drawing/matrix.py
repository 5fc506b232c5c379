"""Links as a matrix: from whom in rows, to whom in columns, each way in its latency circle. Pure.

The circles are those of the indicators: 1 ms a city, 5 ms a region, 20 ms across hubs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from weir.console import figures
from weir.control.links import Way
from weir.core.indicator_inventory import CIRCLES_MS

ROWS, MOST_COLUMNS = 60, 24
OLD_S = 240.0
"""A way that nobody has measured for so long is shown as of before."""

SHOWS: Mapping[str, str] = {
    "latency": "Round trip",
    "jitter": "Jitter",
    "loss": "Loss",
    "bandwidth": "Bandwidth",
    "age": "Age",
}
CIRCLES: Mapping[str, str] = {
    "c1": "within 1 ms: one city",
    "c5": "within 5 ms: one region",
    "c20": "within 20 ms: across hubs",
    "far": "beyond 20 ms",
    "dark": "no answer, or not known",
}


@dataclass(frozen=True, slots=True)
class End:
    """A domain or a site, as it is called here; `href` is its page, empty where it has none."""

    id: str
    name: str
    href: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One way between two ends: what is shown of it, and in which circle it lies."""

    here: End
    there: End
    way: Way
    circle: str
    old: bool

    @property
    def href(self) -> str:
        """The page of this way."""
        return f"/monitoring/links/{quote(self.way.subject, safe='')}"

    def text(self, show: str, now: float, language: str = "en") -> str:
        """One of its measures with its unit; a dash where nobody has measured it."""
        way = self.way
        if show == "jitter":
            return latency(way.jitter_s)
        if show == "loss":
            return figures.percent(way.lost, 1)
        if show == "bandwidth":
            return bits(way.bandwidth)
        if show == "age":
            return figures.duration(max(0.0, now - way.heard_at), language)
        return latency(way.rtt_s)


@dataclass(frozen=True, slots=True)
class Matrix:
    """A page of rows. `rows` pairs an end with its cells, one a column, None where there is no way;
    `cells` are the same as a list. `columns_left` did not fit beside the others.
    """

    columns: tuple[End, ...]
    rows: tuple[tuple[End, tuple[Cell | None, ...]], ...]
    cells: tuple[Cell, ...]
    number: int
    pages: int
    ends: int
    columns_left: int


def circle(rtt_s: float | None, lost: float | None = None) -> str:
    """The circle that a round trip fits into; `dark` where there is none, or nothing got through.

    That is a key of `CIRCLES`. A bound belongs to the inner circle.
    """
    if rtt_s is None or lost == 1:
        return "dark"
    names = zip(CIRCLES_MS, ("c1", "c5", "c20"), strict=True)
    return next((name for most, name in names if rtt_s * 1000 <= most), "far")


def draw(ways: Sequence[Way], ends: Mapping[str, End], now: float, number: int = 1) -> Matrix:
    """The matrix of these ways; ends that are not in `ends` are called by their identifiers."""

    def end(identifier: str) -> End:
        return ends.get(identifier) or End(identifier, identifier)

    def by_name(found: End) -> tuple[str, str]:
        return (found.name.casefold(), found.id)

    heres = sorted({end(w.here) for w in ways}, key=by_name)
    reached = [end(w.there) for w in ways]
    # With many columns those stay that most ways lead to; the list below has all.
    often = sorted(set(reached), key=lambda e: (-reached.count(e), *by_name(e)))
    columns = sorted(often[:MOST_COLUMNS], key=by_name)
    pages = max(1, -(-len(heres) // ROWS))
    number = min(max(1, number), pages)
    cells = {
        (w.here, w.there): Cell(
            end(w.here), end(w.there), w, circle(w.rtt_s, w.lost), now - w.heard_at > OLD_S
        )
        for w in ways
    }
    shown = heres[(number - 1) * ROWS : number * ROWS]
    on_page = {e.id for e in shown}
    listed = [c for c in cells.values() if c.here.id in on_page]
    return Matrix(
        columns=tuple(columns),
        rows=tuple((e, tuple(cells.get((e.id, c.id)) for c in columns)) for e in shown),
        cells=tuple(sorted(listed, key=lambda c: (*by_name(c.here), *by_name(c.there)))),
        number=number,
        pages=pages,
        ends=len(heres),
        columns_left=len(often) - len(columns),
    )


def latency(seconds: float | None) -> str:
    """A round trip: `6 ms`, `0.3 ms`."""
    return figures.latency(None if seconds is None else seconds * 1e6)


def bits(per_second: float | None) -> str:
    """A rate: `940 Mbit/s`, `9.4 Gbit/s`; decimal, as networks are named."""
    if per_second is None:
        return figures.UNKNOWN
    for unit, size in (("Tbit/s", 1e12), ("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if per_second >= size:
            return f"{per_second / size:.3g} {unit}"
    return f"{per_second:.0f} bit/s"
