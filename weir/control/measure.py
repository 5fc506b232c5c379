"""Measure: the indicators of this domain now, from every pool once and the newest samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weir.control.context import Context
from weir.control.indicators import readings_now, totals_now
from weir.control.network import load_network
from weir.core.indicator_laws import plain
from weir.core.indicators import INDICATORS, Measured, PoolNow, View
from weir.scheduling.packing import subtract
from weir.store import jobs
from weir.wire.jobs import IndicatorAnswer, Scope


def view_of(ctx: Context, scope: Scope) -> View:
    """What the indicators are computed from: this domain and what is under it, or all it sees."""
    with ctx.store.read() as tx:
        network = load_network(ctx, tx, ctx.now())
        by_state = jobs.by_state(tx)
    chosen = network.pools_below() if scope == "domain" else network.pools()
    pools = [PoolNow(s.pool, subtract(s.pool.free, s.claims), s.silent) for s in chosen]
    return View(pools=pools, jobs=by_state)


def measure(ctx: Context, scope: Scope = "domain") -> list[IndicatorAnswer]:
    """Every indicator with its value now."""
    view, now = view_of(ctx, scope), ctx.now()
    totals: dict[str, dict[str, float]] = {}
    with ctx.store.read() as tx:
        live = readings_now(tx, now)
        if live is None:
            totals = totals_now(tx, now)
    if live is not None:
        view = replace(view, readings=live[0], width_s=live[1])
    answers = []
    for indicator in INDICATORS:
        measured = indicator.measure(view)
        if live is None and indicator.metrics:
            measured = _worked_out(totals.get(indicator.name, {}))
        answers.append(
            IndicatorAnswer(
                name=indicator.name,
                label=indicator.label,
                label_zh=indicator.label_zh,
                unit=indicator.unit,
                kind=indicator.kind,
                source=indicator.source,
                law=indicator.law,
                value=measured.value,
                by=dict(measured.by),
                definition=indicator.definition,
            )
        )
    return answers


def _worked_out(parts: Mapping[str, float]) -> Measured:
    """An indicator as its total was written."""
    by = {part: plain(value) for part, value in parts.items() if part}
    return Measured(plain(parts[""]) if "" in parts else None, by)
