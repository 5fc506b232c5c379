"""Measure: the indicators of this domain, from every pool once."""

from __future__ import annotations

from weir.control.context import Context
from weir.control.network import load_network
from weir.core.indicators import INDICATORS, PoolNow, View
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
    view = view_of(ctx, scope)
    answers = []
    for indicator in INDICATORS:
        measured = indicator.measure(view)
        answers.append(
            IndicatorAnswer(
                name=indicator.name,
                label=indicator.label,
                label_zh=indicator.label_zh,
                unit=indicator.unit,
                law=indicator.law,
                value=measured.value,
                by=dict(measured.by),
                definition=indicator.definition,
            )
        )
    return answers
