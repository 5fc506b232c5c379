"""Monitoring: every indicator as it is now, with what it means; how fresh the data is."""

from __future__ import annotations

import json
from collections.abc import Sequence

from starlette.responses import Response

from weir.console import asking, render
from weir.console.pages.monitoring_reports import months
from weir.console.visit import Visit
from weir.control.balance import CPU
from weir.wire.balance import BalanceRow
from weir.wire.jobs import Scope

MOST_BARS = 24


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
        covered=asking.covered(visit),
        clusters=asking.clusters(visit),
        lease_s=ctx.settings.lease_s,
        balance=found,
        plot=json.dumps(_bars(found.rows)),
        commands=(
            (f"weir indicators --scope {scope} --by", f"GET /v1/indicators?scope={scope}"),
            ("weir clusters", "GET /v1/clusters"),
            (f"weir report --month {months(ctx.now())[1]}", "GET /v1/reports/MONTH"),
        ),
    )


def _bars(rows: Sequence[BalanceRow]) -> list[dict[str, object]]:
    return [
        {
            "kind": r.kind,
            "held": (r.total - r.free) / 1000,
            "free": r.free / 1000,
            "wanted": r.wanted / 1000,
        }
        for r in rows
        if r.kind not in (CPU, "any")
    ][:MOST_BARS]
