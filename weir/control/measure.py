"""Measure: the indicators of this domain now, from every pool once and the newest samples."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from weir.control.context import Context
from weir.control.indicators import readings_now, totals_now
from weir.control.network import Network, left_of, load_network
from weir.core.errors import BadInput, NotFound
from weir.core.indicator_view import NOTHING, placed, plain
from weir.core.indicators import INDICATORS, Measured, PoolNow, View
from weir.core.series import lies_under
from weir.store import jobs
from weir.wire.jobs import IndicatorAnswer, Scope

OF_THE_WHOLE = "jobs"
"""The indicator that is known of whole domains only."""


def view_of(
    ctx: Context, scope: Scope, under: str | None = None, network: Network | None = None
) -> View:
    """What the indicators are computed from: this domain and what is under it, or all it sees; or
    what lies in one site, cluster, pool or domain.
    """
    with ctx.store.read() as tx:
        network = network or load_network(ctx, tx, ctx.now())
        by_state = jobs.by_state(tx)
    chosen = network.pools_below() if scope == "domain" else network.pools()
    pools = [
        PoolNow(s.pool, left_of(ctx, s), s.silent)
        for s in chosen
        if under is None or lies_under(s.pool.id, under)
    ]
    there = placed(n.pool for n in pools)
    return View(pools=pools, jobs=by_state, placed=there, rack_w=ctx.settings.rack_w)


def measure(
    ctx: Context,
    scope: Scope = "domain",
    under: str | None = None,
    network: Network | None = None,
) -> list[IndicatorAnswer]:
    """Every indicator with its value now; of a place below, with `under`; `network` if it was read
    already.

    Jobs are known of whole domains: of a place in one there is no value. Raises `NotFound` where
    nothing is known of a place.
    """
    view, now = view_of(ctx, scope, under, network), ctx.now()
    totals: dict[str, dict[str, float]] = {}
    with ctx.store.read() as tx:
        live = readings_now(tx, now, under)
        if live is None and under is not None:
            raise BadInput(f"there are too many series in {under[:120]}; ask for a part of it")
        if live is None:
            totals = totals_now(tx, now)
    if live is not None:
        view = replace(view, readings=live[0], width_s=live[1])
    if under is not None and not (view.pools or view.readings):
        raise NotFound(f"nothing is known here of {under[:120]}; see `weir pools` and `weir links`")
    answers = []
    for indicator in INDICATORS:
        unknown = under is not None and (
            indicator.name == OF_THE_WHOLE or not (indicator.metrics or view.pools)
        )
        measured = NOTHING if unknown else indicator.measure(view)
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
                why=measured.why,
            )
        )
    return answers


def inventory_of(ctx: Context, name: str, under: str, network: Network | None = None) -> Measured:
    """One indicator of what a place has, from its pools as they are now; nothing without any."""
    view = view_of(ctx, "domain", under, network)
    asked = next(i for i in INDICATORS if i.name == name)
    return asked.measure(view) if view.pools and name != OF_THE_WHOLE else NOTHING


def _worked_out(parts: Mapping[str, float]) -> Measured:
    """An indicator as its total was written."""
    by = {part: plain(value) for part, value in parts.items() if part}
    return Measured(plain(parts[""]) if "" in parts else None, by)
