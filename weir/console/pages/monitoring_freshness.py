"""Freshness and coverage: what has come of each place, source and indicator, and what lacks.

One goes down from the whole to a domain, a site and its pools, as with an indicator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from starlette.responses import Response

from weir.console import asking, figures, render
from weir.console.drawing.coverage import Coverage, coverage
from weir.console.history import SECONDS, SPANS, STEPS, Step, below, way_to
from weir.console.visit import Visit
from weir.control.freshness import Source, of_places, of_sources, sources, window
from weir.control.indicators import MAX_SERIES, history
from weir.core.errors import BadInput, NotFound
from weir.core.series import body_of
from weir.wire.pools import PoolAnswer
from weir.wire.series import IndicatorsAnswer

T = TypeVar("T")

SPANS_HERE = {span: word for span, word in SPANS.items() if span != "1y"}
PAGE = 20
"""Places, and sources, that are shown at once."""

MOST_GAPS = 30


@dataclass(frozen=True, slots=True)
class Place:
    """A domain, a site or a pool. `heard_at` is when the agent or link by which it is reached last
    called; `sources` counts its probes and `failing` those of them that don't answer.
    """

    step: Step
    health: str
    heard_at: float | None
    pools: int
    sources: int
    failing: int
    known: Coverage


@dataclass(frozen=True, slots=True)
class Told:
    """An indicator: what of the time it is known, and why its value leaves something out."""

    name: str
    label: str
    label_zh: str
    known: Coverage
    why: str


def show(visit: Visit) -> Response:
    """The page."""
    asked, under = visit.query.get("span", ""), visit.query.get("under") or None
    span = asked if asked in SPANS_HERE else "24h"
    width = STEPS[span]
    begin, end = window(visit.ctx.now(), SECONDS[span], width)
    over = (width, begin, end)
    all_ways = asking.ways(visit)
    crumbs = () if under is None else way_to(all_ways, under)
    if under is not None and not crumbs:
        raise NotFound(f"nothing called {under} is in this network now; see the directory")
    every = visit.recent(("sources", under), lambda: sources(visit.ctx, under))
    steps, page, pages = _page(below(all_ways, under), visit.query.get("page", ""))
    shown, source_page, source_pages = _page(every, visit.query.get("sources", ""))
    past = _past(visit, over, under)
    indicators = [] if past is None else _indicators(visit, past, over, under)
    return render.page(
        visit,
        "monitoring_freshness.html",
        section="monitoring",
        live=True,
        span=span,
        spans=SPANS_HERE,
        step_s=width,
        under=under,
        crumbs=crumbs,
        places=_places(visit, steps, every, over),
        page=(page, pages),
        sources=_sources(visit, shown, over),
        failing=sum(not one.answered for one in every),
        all_sources=len(every),
        source_page=(source_page, source_pages),
        known=[one for one in indicators if one.known.newest is not None],
        unknown=[one for one in indicators if one.known.newest is None],
        too_many=past is None,
        gaps=[] if past is None else past.gaps[-MOST_GAPS:][::-1],
        gaps_in_all=0 if past is None else len(past.gaps),
        clusters=_names_of_clusters(visit),
        commands=_commands(span, under),
    )


def _commands(span: str, under: str | None) -> tuple[tuple[str, str], ...]:
    told, asked = (f" --under {under}", f"&under={under}") if under else ("", "")
    return (
        (
            f"weir indicators --since {span}{told}",
            f"GET /v1/indicators?from=TIME&to=TIME{asked}",
        ),
        (
            f"weir indicators sources_up sources_age{told}",
            f"GET /v1/series?metric=probe_up&metric=probe_age&from=TIME&to=TIME{asked}",
        ),
        ("weir clusters", "GET /v1/clusters"),
    )


def _page(listed: Sequence[T], asked: str) -> tuple[Sequence[T], int, int]:
    """One page of a list, its number, and how many there are."""
    pages = max(1, -(-len(listed) // PAGE))
    number = min(max(1, int(asked)), pages) if asked.isdecimal() else 1
    return listed[(number - 1) * PAGE : number * PAGE], number, pages


Over = tuple[int, int, int]
"""Width of the buckets, begin and end."""


def _places(
    visit: Visit, steps: Sequence[Step], every: Sequence[Source], over: Over
) -> list[Place]:
    width, begin, end = over
    ids = tuple(step.id for step in steps)
    known = visit.recent(
        ("known", ids, width, end - begin), lambda: (of_places(visit.ctx, ids, *over), over)
    )
    inside: dict[str, list[PoolAnswer]] = {one: [] for one in ids}
    for pool in asking.pools(visit):
        for one in {*pool.domains, pool.site, pool.id} & inside.keys():
            inside[one].append(pool)
    probes: dict[str, list[Source]] = {one: [] for one in ids}
    bodies = {body_of(one): one for one in ids}
    for source in every:
        parts = body_of(source.subject).split("/")[0].split(".")
        for n in range(1, len(parts) + 1):
            if place := bodies.get(".".join(parts[:n])):
                probes[place].append(source)
    return [
        Place(
            step,
            _health(inside[step.id]),
            max((p.heard_at for p in inside[step.id] if p.heard_at is not None), default=None),
            len(inside[step.id]),
            len(probes[step.id]),
            sum(not one.answered for one in probes[step.id]),
            coverage(known[0].get(step.id, {}), *known[1]),
        )
        for step in steps
    ]


def _health(pools: Sequence[PoolAnswer]) -> str:
    states = {figures.health(pool) for pool in pools}
    if "silent" in states:
        return "silent" if len(states) == 1 else "partly"
    return "open" if "open" in states else "closed"


def _sources(visit: Visit, shown: Sequence[Source], over: Over) -> list[tuple[Source, Coverage]]:
    width, begin, end = over
    key = ("asked", tuple((s.subject, s.probe) for s in shown), width, end - begin)
    known, then = visit.recent(key, lambda: (of_sources(visit.ctx, shown, *over), over))
    return [(one, coverage(of, *then)) for one, of in zip(shown, known, strict=True)]


def _past(visit: Visit, over: Over, under: str | None) -> IndicatorsAnswer | None:
    """Every indicator over the time; None of a place that has too many series to go through."""
    width, begin, end = over

    def make() -> IndicatorsAnswer | None:
        try:
            return history(visit.ctx, begin, end, width, under=under, most_series=MAX_SERIES)
        except BadInput:
            return None

    return visit.recent(("coverage", under, width, end - begin), make)


def _indicators(visit: Visit, past: IndicatorsAnswer, over: Over, under: str | None) -> list[Told]:
    """Of each indicator what is known; those first that lack most."""
    why = {} if under else {one.name: one.why for one in asking.indicators(visit)}
    begin, end = int(past.begin), int(past.end)
    found = []
    for one in past.indicators:
        times = {int(at) for points in (one.points, *one.by.values()) for at, _ in points}
        drawn = coverage(dict.fromkeys(times, over[0]), past.step_s, begin, end)
        share = min(drawn.share, one.coverage if one.coverage is not None else drawn.share)
        known = Coverage(share, drawn.newest, drawn.gaps, drawn.longest_gap_s, drawn.pieces)
        found.append(Told(one.name, one.label, one.label_zh, known, why.get(one.name, "")))
    return sorted(found, key=lambda one: one.known.share)


def _names_of_clusters(visit: Visit) -> Mapping[str, str]:
    """What clusters and links of this domain are called."""
    return {
        one.id: one.name if one.peer_domain else f"{one.site_name} / {one.name}"
        for one in asking.clusters(visit)
    }
