"""Arcs: from the domain where jobs were submitted to the site where they are. Pure.

Jobs that were submitted here go along the links of the drawing; those that another domain handed on
are drawn as bows over it, since the way between those two is no link of this domain's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from weir.console.drawing.network import Carried, Drawing, Mark, flow_of

MOST_ARCS = 30
"""So many are drawn, those first that most jobs went."""

BEND = 0.18
"""How far a bow stands off the straight line, as a share of its length."""


def with_arcs(drawing: Drawing, here: str, carried: Sequence[Carried]) -> Drawing:
    """The drawing with its arcs: to the mark of the site, or of the domain that stands for it.

    `carried` is what there is, the largest number first.
    """
    at = {m.id: m for m in drawing.marks}
    stands = {s.id: m for m in drawing.marks if m.kind == "domain" for s in m.sites}
    stands |= {s.id: m for m in drawing.marks if m.kind == "site" for s in m.sites}
    runs: dict[tuple[str, str], int] = {}
    for one in carried:
        to = stands.get(one.site)
        if one.home in at and one.home != here and to is not None and to.id != one.home:
            runs[one.home, to.id] = runs.get((one.home, to.id), 0) + one.runs
    largest = sorted(runs.items(), key=lambda r: (-r[1], r[0]))[:MOST_ARCS]
    arcs = tuple((f"f{flow_of(n)}", _bow(at[a], at[b])) for (a, b), n in largest)
    return replace(drawing, arcs=arcs, carried=tuple(carried))


def _bow(a: Mark, b: Mark) -> str:
    """Bent to the left of its way, so that two that go to and fro don't lie on each other."""
    x, y = (a.x + b.x) / 2 + (b.y - a.y) * BEND, (a.y + b.y) / 2 - (b.x - a.x) * BEND
    return f"M{a.x:.1f} {a.y:.1f}Q{x:.1f} {y:.1f} {b.x:.1f} {b.y:.1f}"
