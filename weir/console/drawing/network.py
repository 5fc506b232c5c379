"""The network drawn: domains, sites and links, by location or as a tree. Laid out, not styled.

Areas grow with capacity. A link's width grows with the runs of this domain that are there now. The
map is an equirectangular projection around the middle of what is shown, degrees WGS 84; what stands
too close is moved apart, so positions near each other are not exact. A tree of many sites shows
the domains, and of one of them, which is opened, its largest sites.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import cos, radians, sqrt
from typing import Any

import numpy as np

from weir.console.directory import Site

WIDTH, HEIGHT, MARGIN = 680.0, 420.0, 50.0
MOST_PUSHED = 90
"""More marks than this are left where they are: pushing apart takes all pairs."""

MOST_LEAVES, MOST_OPENED = 60, 40
"""A tree of more sites shows domains only, and so many sites at most of the one that is opened."""

FOOT = 16.0
"""Room for the degrees at the lower edge."""

STEP, FAR, NEAR = 5, 260, 1000
"""Places beside its own that a mark may be moved to: so close to each other, and so far away; so
many are looked at first.
"""

MOST_MOVING = 40
"""More lines than this stand still: each step of what moves paints all of the drawing anew."""

ROW, COLUMN = 46.0, 150.0
CLOSE_ROW = 24.0
"""A row of a tree that has sites of one domain only."""


_AROUND: Any = np.array(
    sorted(
        itertools.product(range(-FAR, FAR + 1, STEP), repeat=2),
        key=lambda d: (d[0] ** 2 + d[1] ** 2, d),
    ),
    dtype=float,
)


@dataclass(frozen=True, slots=True)
class Mark:
    """A domain or a site. `used` is 0 to 1, None if unknown; `sites` are those under a domain."""

    id: str
    kind: str
    name: str
    x: float
    y: float
    r: float
    used: float | None
    health: str
    sites: tuple[Site, ...]

    @property
    def runs(self) -> int:
        """Runs of this domain there."""
        return sum(s.runs for s in self.sites)

    @property
    def level(self) -> int:
        """How full, in five steps; -1 unknown."""
        return -1 if self.used is None else min(4, int(self.used * 5))


@dataclass(frozen=True, slots=True)
class Link:
    """A line between two marks; `flow` is 0 for no runs, up to 3."""

    x1: float
    y1: float
    x2: float
    y2: float
    flow: int
    runs: int
    silent: bool


@dataclass(frozen=True, slots=True)
class Carried:
    """Jobs that were submitted at one domain and are at a site: `runs` of them."""

    home: str
    site: str
    runs: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """All that is drawn, in units of the view box. `arcs` are ways that jobs were handed on
    (`weir.console.drawing.arcs`): class and path; `carried` are all of them.
    """

    width: float
    height: float
    marks: tuple[Mark, ...]
    links: tuple[Link, ...]
    parallels: tuple[tuple[float, str], ...] = ()
    meridians: tuple[tuple[float, str], ...] = ()
    unplaced: int = 0
    folded: bool = False
    opened: str = ""
    left_out: int = 0
    arcs: tuple[tuple[str, str], ...] = ()
    carried: tuple[Carried, ...] = ()

    @property
    def is_map(self) -> bool:
        """Whether it has parallels and meridians: lines between marks are straight then."""
        return bool(self.parallels or self.meridians)

    @property
    def many(self) -> bool:
        """Whether there are too many marks for names beside them, and for lines that move."""
        return len(self.marks) > MOST_PUSHED

    @property
    def moves(self) -> bool:
        """Whether lines with jobs at their end move."""
        return len(self.links) <= MOST_MOVING

    @property
    def strokes(self) -> list[tuple[str, str]]:
        """All lines of one look as one path: its class, and what it draws."""
        found: dict[str, list[str]] = {}
        for link in sorted(self.links, key=lambda one: one.flow):
            look = f"f{link.flow} silent" if link.silent else f"f{link.flow}"
            found.setdefault(look, []).append(_drawn(link, self.is_map))
        return [(look, "".join(lines)) for look, lines in found.items()]


def _drawn(link: Link, straight: bool) -> str:
    begin, end = f"M{link.x1:.1f} {link.y1:.1f}", f"{link.x2:.1f} {link.y2:.1f}"
    if straight:
        return f"{begin}L{end}"
    middle = (link.x1 + link.x2) / 2
    return f"{begin}C{middle:.1f} {link.y1:.1f} {middle:.1f} {link.y2:.1f} {end}"


@dataclass(frozen=True, slots=True)
class Domains:
    """Who is behind whom: names of domains by identifier, this one's id and name."""

    here: str
    name: str
    names: Mapping[str, str]

    def name_of(self, identifier: str) -> str:
        """A name, or else the last part of the identifier."""
        return self.names.get(identifier) or identifier.rsplit("-", 1)[0].rsplit(".", 1)[-1]


def way_to(site: Site) -> tuple[str, ...]:
    """The domains between here and a site, nearest to here first."""
    return min((p.domains for p in site.pools), key=len)


def size_of(site: Site, by: str) -> int:
    """What its area stands for."""
    return site.cpu if by == "cores" else site.hosts if by == "hosts" else site.devices


def draw_map(sites: Sequence[Site], domains: Domains, by: str) -> Drawing:
    """Sites where they are, domains amid theirs."""
    placed = [s for s in sites if _where(s) is not None]
    if not placed:
        return Drawing(WIDTH, HEIGHT, (), (), unplaced=len(sites))
    project, frame = _projection([w for s in placed if (w := _where(s))])
    largest = max(size_of(s, by) for s in placed) or 1
    most, least = _radii(len(placed))
    marks = []
    for site in placed:
        x, y = project(*(_where(site) or (0.0, 0.0)))
        r = max(least, most * sqrt(size_of(site, by) / largest))
        marks.append(Mark(site.id, "site", site.name, x, y, r, site.used, site.health, (site,)))
    at = {m.id: m for m in marks}
    above = _domain_marks(placed, domains, at)
    if len(marks) + len(above) <= MOST_PUSHED:
        marks = _apart([*marks, *above])
    else:
        marks += _apart(above) if len(above) <= MOST_PUSHED else above
    links = _links(marks, domains)
    return Drawing(WIDTH, HEIGHT, tuple(marks), links, *frame, unplaced=len(sites) - len(placed))


def _radii(sites: int) -> tuple[float, float]:
    """The largest and the least radius of so many sites: together they take the same room."""
    if sites <= 40:
        return 26.0, 4.5
    return max(6.0, 26.0 * sqrt(40 / sites)), 2.5


def draw_tree(sites: Sequence[Site], domains: Domains, by: str, opened: str = "") -> Drawing:
    """This domain at the left, then who is behind whom, sites at the ends; of many sites the
    largest of the domain that is `opened`.
    """
    folded = len(sites) > MOST_LEAVES
    step = CLOSE_ROW if folded else ROW
    children: dict[str, list[str]] = {}
    under: dict[str, list[Site]] = {domains.here: []}
    for site in sites:
        way = (domains.here, *way_to(site))
        for parent, child in itertools.pairwise(way):
            under.setdefault(child, [])
            if child not in children.setdefault(parent, []):
                children[parent].append(child)
        for one in way:
            under.setdefault(one, []).append(site)
    leaves: dict[str, list[Site]] = {}
    for site in sites:
        last = (domains.here, *way_to(site))[-1]
        if not folded or last == opened:
            leaves.setdefault(last, []).append(site)
    left_out = 0
    if folded and opened in leaves:
        of_it = sorted(leaves[opened], key=lambda s: (-size_of(s, by), s.name, s.id))
        leaves[opened], left_out = of_it[:MOST_OPENED], max(0, len(of_it) - MOST_OPENED)
    largest = max((size_of(s, by) for s in sites), default=1) or 1
    marks: list[Mark] = []
    row = 0.0

    def place(one: str, depth: int) -> float:
        nonlocal row
        ys = [place(child, depth + 1) for child in sorted(children.get(one, ()))]
        for site in leaves.get(one, ()):
            r = max(4.5, step / 3 * sqrt(size_of(site, by) / largest))
            y = step * (row + 0.7)
            x = 40 + COLUMN * (depth + 1)
            marks.append(Mark(site.id, "site", site.name, x, y, r, site.used, site.health, (site,)))
            ys.append(y)
            row += 1
        if not ys:
            ys = [step * (row + 0.7) + (ROW - step) / 2]
            row += ROW / step
        y = ys[0] if folded and one == opened else sum(ys) / len(ys)
        marks.append(_domain_mark(one, under[one], domains, 40 + COLUMN * depth, y))
        return y

    place(domains.here, 0)
    width = max((m.x for m in marks), default=0) + 150
    links = _links(marks, domains)
    height = max(step * row + ROW * 0.4, 90)
    shown = opened if opened in leaves else ""
    return Drawing(
        width, height, tuple(marks), links, folded=folded, opened=shown, left_out=left_out
    )


def _domain_marks(sites: Sequence[Site], domains: Domains, at: Mapping[str, Mark]) -> list[Mark]:
    under: dict[str, list[Site]] = {domains.here: []}
    direct: dict[str, list[Site]] = {}
    for site in sites:
        way = (domains.here, *way_to(site))
        for one in way:
            under.setdefault(one, []).append(site)
        direct.setdefault(way[-1], []).append(site)
    found = []
    for one, below in under.items():
        amid = direct.get(one) or below
        if not amid:
            continue
        x = sum(at[s.id].x for s in amid) / len(amid)
        y = sum(at[s.id].y for s in amid) / len(amid)
        found.append(_domain_mark(one, below, domains, x, y - 26))
    return found


def _domain_mark(one: str, below: Sequence[Site], domains: Domains, x: float, y: float) -> Mark:
    whole = sum(s.devices or s.cpu for s in below)
    held = sum((s.used or 0.0) * (s.devices or s.cpu) for s in below)
    silent = bool(below) and all(s.health == "silent" for s in below)
    name = domains.name if one == domains.here else domains.name_of(one)
    kind = "here" if one == domains.here else "domain"
    used = held / whole if whole else None
    return Mark(one, kind, name, x, y, 8, used, "silent" if silent else "open", tuple(below))


def _links(marks: Sequence[Mark], domains: Domains) -> tuple[Link, ...]:
    at = {m.id: m for m in marks}
    runs: dict[tuple[str, str], int] = {}
    for mark in marks:
        for site in mark.sites if mark.kind == "here" else ():
            way = (domains.here, *way_to(site), site.id)
            for pair in itertools.pairwise(way):
                runs[pair] = runs.get(pair, 0) + site.runs
    found = []
    for (one, other), number in runs.items():
        if one in at and other in at:
            a, b = at[one], at[other]
            silent = b.health == "silent"
            found.append(Link(a.x, a.y, b.x, b.y, flow_of(number), number, silent))
    return tuple(found)


def flow_of(runs: int) -> int:
    """How wide a line is for so many runs: 0 for none, up to 3."""
    return 0 if runs == 0 else 1 if runs < 5 else 2 if runs < 50 else 3


def _where(site: Site) -> tuple[float, float] | None:
    for pool in site.pools:
        place = pool.location
        if place.latitude is not None and place.longitude is not None:
            return place.latitude, place.longitude
    return None


class _Project:
    """Degrees to units of the view box."""

    def __init__(self, south: float, north: float, west: float, east: float) -> None:
        self.squeeze = cos(radians((south + north) / 2))
        across, up = max(1.0, (east - west) * self.squeeze), max(1.0, north - south)
        self.scale = min((WIDTH - 2 * MARGIN) / across, (HEIGHT - 2 * MARGIN) / up)
        self.x0, self.y0 = (west + east) / 2, (south + north) / 2

    def __call__(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Where it is drawn."""
        x = WIDTH / 2 + (longitude - self.x0) * self.squeeze * self.scale
        return x, HEIGHT / 2 - (latitude - self.y0) * self.scale


Frame = tuple[tuple[tuple[float, str], ...], tuple[tuple[float, str], ...]]


def _projection(points: Sequence[tuple[float, float]]) -> tuple[_Project, Frame]:
    """The projection, and the parallels and meridians that cross the picture."""
    south, north = min(p[0] for p in points), max(p[0] for p in points)
    west, east = min(p[1] for p in points), max(p[1] for p in points)
    project = _Project(south, north, west, east)
    step = next((s for s in (1, 2, 5, 10, 20, 30) if s * project.scale >= 70), 45)
    parallels, meridians = [], []
    for degree in range(-90 // step * step, 91, step):
        y = project(degree, project.x0)[1]
        if 18 < y < HEIGHT - 8:
            parallels.append((y, f"{abs(degree)}°{'N' if degree >= 0 else 'S'}"))
    for degree in range(-180 // step * step, 181, step):
        x = project(project.y0, degree)[0]
        if 8 < x < WIDTH - 8:
            meridians.append((x, f"{abs(degree)}°{'E' if degree >= 0 else 'W'}"))
    return project, (tuple(parallels), tuple(meridians))


def _apart(marks: list[Mark]) -> list[Mark]:
    """Each mark where it is, or at the nearest place where it and its name lie on no other: the
    sites first, from the largest, then the domains amid them. The same way every time.
    """
    order = sorted(marks, key=lambda m: (m.kind != "site", m.kind != "here", -m.r, m.name, m.id))
    placed: list[tuple[float, float, float, float]] = []
    at: dict[str, tuple[float, float]] = {}
    for mark in order:
        wide, up, down = _box(mark)
        x, y = _nearest_free(mark, placed)
        placed.append((x - wide, x + wide, y - up, y + down))
        at[mark.id] = x, y
    return [replace(m, x=at[m.id][0], y=at[m.id][1]) for m in marks]


def _nearest_free(
    mark: Mark, placed: Sequence[tuple[float, float, float, float]]
) -> tuple[float, float]:
    """The place for a mark beside those that are `placed` (left, right, top, bottom); its own,
    moved into the frame, where none is free.
    """
    wide, up, down = _box(mark)
    home_x = max(wide, min(WIDTH - wide, mark.x))
    home_y = max(up, min(HEIGHT - down - FOOT, mark.y))
    if not placed:
        return home_x, home_y
    left, right, top, bottom = np.array(placed).T
    for some in (_AROUND[:NEAR], _AROUND[NEAR:]):  # there mostly is a place nearby
        x, y = home_x + some[:, 0, None], home_y + some[:, 1, None]
        taken = (x + wide > left) & (x - wide < right) & (y + down > top) & (y - up < bottom)
        inside = (x >= wide) & (x <= WIDTH - wide) & (y >= up) & (y <= HEIGHT - down - FOOT)
        free = np.flatnonzero(~taken.any(axis=1) & inside[:, 0])
        if len(free):
            return float(x[free[0], 0]), float(y[free[0], 0])
    return home_x, home_y


def _box(mark: Mark) -> tuple[float, float, float]:
    """Half the width of a mark with its name, and how far the two reach up and down."""
    half = max(mark.r, 3.7 * len(mark.name)) + 4
    name = 20.0
    if mark.kind == "site":
        return half, mark.r + 3, mark.r + name
    return half, mark.r + name, mark.r + 3
