"""Monitoring: every indicator now and over time, with what it means; how fresh the data is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.responses import Response

from weir.console import asking, render
from weir.console.pages.monitoring_reports import months
from weir.console.visit import Visit
from weir.control.balance import CPU
from weir.control.indicators import history
from weir.core.errors import NotFound
from weir.wire.balance import BalanceRow
from weir.wire.jobs import Scope
from weir.wire.series import HistoryOfIndicator, Reading

MOST_BARS, MOST_LINES = 24, 12
SPANS = {"1h": "1 hour", "6h": "6 hours", "24h": "24 hours", "7d": "7 days", "30d": "30 days"}
SECONDS = {"1h": 3600, "6h": 21600, "24h": 86400, "7d": 604800, "30d": 2592000}
POINTS = 240


def show(visit: Visit) -> Response:
    """The page."""
    scope: Scope = "domain" if visit.query.get("scope") == "domain" else "network"
    ctx = visit.ctx
    found, indicators = asking.balance(visit), asking.indicators(visit, scope)
    told = [i.value is not None or any(v is not None for v in i.by.values()) for i in indicators]
    return render.page(
        visit,
        "monitoring.html",
        section="monitoring",
        live=True,
        scope=scope,
        known=[i for i, yes in zip(indicators, told, strict=True) if yes],
        unknown=[i for i, yes in zip(indicators, told, strict=True) if not yes],
        months=months(ctx.now()),
        clusters=asking.clusters(visit),
        lease_s=ctx.settings.lease_s,
        balance=found,
        plot=json.dumps(_bars(visit, found.rows)),
        commands=(
            (f"weir indicators --scope {scope} --by", f"GET /v1/indicators?scope={scope}"),
            ("weir clusters", "GET /v1/clusters"),
            (f"weir report --month {months(ctx.now())[1]}", "GET /v1/reports/MONTH"),
        ),
    )


def _bars(visit: Visit, rows: Sequence[BalanceRow]) -> list[dict[str, object]]:
    return [
        {
            "kind": visit.words("any accelerator") if r.kind == "any" else r.kind,
            "held": (r.total - r.free) / 1000,
            "free": r.free / 1000,
            "wanted": r.wanted / 1000,
        }
        for r in rows
        if r.kind != CPU
    ][:MOST_BARS]


def indicator(visit: Visit) -> Response:
    """One indicator, now and over time."""
    name = visit.request.path_params["name"]
    now = next((i for i in asking.indicators(visit) if i.name == name), None)
    if now is None:
        raise NotFound(f"there is no indicator {name}; the page Monitoring lists those there are")
    span = visit.query.get("span", "1h")
    span = span if span in SPANS else "1h"
    end = visit.ctx.now()
    past = history(visit.ctx, end - SECONDS[span], end, SECONDS[span] / POINTS, names=(name,))
    lines = _lines(past.indicators[0]) if past.indicators else []
    return render.page(
        visit,
        "indicator.html",
        section="monitoring",
        now_value=now,
        past=past,
        lines=lines,
        plot=json.dumps([{"name": n, "points": p} for n, p in lines]),
        span=span,
        spans=SPANS,
        commands=(
            (
                f"weir indicators {name} --since {span}",
                f"GET /v1/indicators?name={name}&from=TIME&to=TIME",
            ),
        ),
    )


def _lines(found: HistoryOfIndicator) -> list[tuple[str, tuple[Reading, ...]]]:
    """The whole, or its parts where it has no whole; the largest where there are many."""
    if found.points:
        return [(found.label, found.points)]
    parts = [(name, points) for name, points in found.by.items() if points]
    return sorted(parts, key=lambda p: -p[1][-1][1])[:MOST_LINES]
