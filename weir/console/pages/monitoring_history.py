"""An indicator over time, of the whole or of a domain, a site or a pool; and what lies below it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from starlette.responses import Response

from weir.console import asking, render
from weir.console.history import (
    SECONDS,
    SPANS,
    STEPS,
    Chart,
    Step,
    below,
    charts,
    span_of,
    way_to,
)
from weir.console.visit import Visit
from weir.control.indicators import history
from weir.control.measure import OF_THE_WHOLE, inventory_of
from weir.core.errors import NotFound
from weir.core.indicators import INDICATORS
from weir.wire.jobs import IndicatorAnswer
from weir.wire.series import IndicatorsAnswer

PARTS_AT_ONCE = 20
"""Places below that are shown at once, each with its newest value."""

NEWEST_S = 900
"""How far back a newest value is looked for."""

OF_A_PLACE = (
    "devices_held",
    "cpu_held",
    "devices_busy",
    "device_memory_used",
    "it_power",
    "facility_power",
    "pue",
    "carbon_intensity",
)
"""What the pages of a site and of a pool show over time, as far as it is known."""


@dataclass(frozen=True, slots=True)
class Part:
    """A place below: its newest value, None if nothing is known of it; its parts, the largest
    first, if it has those in place of a value.
    """

    step: Step
    value: float | int | None
    by: tuple[tuple[str, float | int], ...] = ()


def show(visit: Visit) -> Response:
    """The page of one indicator."""
    name = visit.request.path_params["name"]
    now = next((i for i in asking.indicators(visit) if i.name == name), None)
    if now is None:
        raise NotFound(f"there is no indicator {name}; the page Monitoring lists those there are")
    under = visit.query.get("under") or None
    sampled = any(i.name == name and i.metrics for i in INDICATORS)
    all_ways = asking.ways(visit)
    crumbs = () if under is None else way_to(all_ways, under)
    if under is not None and not crumbs:
        raise NotFound(f"nothing called {under} is in this network now; see the directory")
    span = span_of(visit.query.get("span"))
    past = over(visit, span, (name,), under)
    found = next(iter(charts(past)), None)
    parts, page, pages = _parts(visit, name, below(all_ways, under), sampled)
    return render.page(
        visit,
        "indicator.html",
        section="monitoring",
        now_value=_at(visit, now, past, under, sampled) if under else now,
        past=past,
        coverage=past.indicators[0].coverage if sampled and found else None,
        chart=found,
        plot=plot_of(found),
        span=span,
        spans=SPANS,
        under=under,
        crumbs=crumbs,
        whole_only=name == OF_THE_WHOLE,
        parts=parts,
        number=page,
        pages=pages,
        commands=_commands(name, span, under),
    )


def _commands(name: str, span: str, under: str | None) -> tuple[tuple[str, str], ...]:
    told, asked = (f" --under {under}", f"&under={under}") if under else ("", "")
    since = "365d" if span == "1y" else span
    return (
        (
            f"weir indicators {name} --since {since}{told}",
            f"GET /v1/indicators?name={name}&from=TIME&to=TIME{asked}",
        ),
    )


def over(visit: Visit, span: str, names: Sequence[str], under: str | None) -> IndicatorsAnswer:
    """Indicators over a span up to now; what is dear is kept for a while."""

    def make() -> IndicatorsAnswer:
        end = visit.ctx.now()
        return history(visit.ctx, end - SECONDS[span], end, STEPS[span], names=names, under=under)

    return visit.recent(("history", span, tuple(names), under), make)


def charts_of(visit: Visit, under: str, names: Sequence[str] = OF_A_PLACE) -> list[Chart]:
    """What is known of a place over the span that is asked for."""
    return charts(over(visit, span_of(visit.query.get("span")), names, under))


def plot_of(found: Chart | None) -> str:
    """What a plot is drawn from, as JSON; empty for none."""
    return "" if found is None else json.dumps(found.series(), separators=(",", ":"))


def _at(
    visit: Visit, now: IndicatorAnswer, past: IndicatorsAnswer, under: str, sampled: bool
) -> IndicatorAnswer:
    """The indicator with the newest value of a place in place of the whole's."""
    if not sampled:
        there = inventory_of(visit.ctx, now.name, under, asking.network(visit))
        return now.model_copy(update={"value": there.value, "by": dict(there.by), "why": there.why})
    found = past.indicators[0]
    newest = found.points[-1][1] if found.points else None
    return now.model_copy(
        update={"value": newest, "by": {n: p[-1][1] for n, p in found.by.items() if p}}
    )


def _parts(
    visit: Visit, name: str, steps: Sequence[Step], sampled: bool
) -> tuple[list[Part], int, int]:
    """One page of what lies below, its number, and how many pages there are."""
    steps = [] if name == OF_THE_WHOLE else steps
    pages = max(1, -(-len(steps) // PARTS_AT_ONCE))
    asked = visit.query.get("page", "1")
    number = min(max(1, int(asked)), pages) if asked.isdecimal() else 1
    listed = steps[(number - 1) * PARTS_AT_ONCE : number * PARTS_AT_ONCE]
    if sampled:
        return [Part(step, _newest(visit, name, step.id)) for step in listed], number, pages
    return [_has(visit, name, step) for step in listed], number, pages


def _has(visit: Visit, name: str, step: Step) -> Part:
    """What a place has now."""
    read = asking.network(visit)

    def make() -> Part:
        found = inventory_of(visit.ctx, name, step.id, read)
        known = [(part, v) for part, v in found.by.items() if v is not None]
        known.sort(key=lambda one: (-one[1], one[0]))
        return Part(step, found.value, () if found.value is not None else tuple(known[:3]))

    return visit.recent(("has", name, step.id), make)


def _newest(visit: Visit, name: str, under: str) -> float | None:
    def make() -> float | None:
        end = visit.ctx.now()
        past = history(visit.ctx, end - NEWEST_S, end, 60, names=(name,), under=under)
        points = past.indicators[0].points
        return points[-1][1] if points else None

    return visit.recent(("newest", name, under), make)
