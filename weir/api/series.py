"""Samples over HTTP: indicators and series over time, and what a link is offered."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request, Response

from weir.api.calls import allowed, context, reply, reply_list
from weir.control.authorize import Action, Principal
from weir.control.indicators import at_time, history, series_over_time
from weir.control.measure import measure
from weir.control.series_offers import samples_after
from weir.core import units
from weir.core.errors import BadInput, Mistake
from weir.wire.jobs import IndicatorAnswer, Scope
from weir.wire.series import SeriesAnswer

Names = Annotated[list[str] | None, Query()]
Since = Annotated[str | None, Query(alias="from")]
Until = Annotated[str | None, Query(alias="to")]
Step = Annotated[str | None, Query()]
DAY_S = 86400.0


def list_indicators(
    request: Request,
    scope: Scope = "domain",
    name: Names = None,
    under: str | None = None,
    at: str | None = None,
    since: Since = None,
    until: Until = None,
    step: Step = None,
    _who: Principal = allowed(Action.READ),
) -> Response:
    """Every indicator: value, unit, definition, and how it adds up.

    They cover this domain and what is under it, or with `scope=network` the whole network it sees.
    With `at` (one moment) or `from`, `to` and `step` they are of the past; `under` asks for what
    lies in one site, cluster, pool or domain, now or then. Times are seconds since 1970, or RFC
    3339.
    """
    ctx = context(request)
    if at is None and since is None and until is None and step is None:
        found = [i for i in measure(ctx, scope, under) if not name or i.name in name]
        return reply_list(IndicatorAnswer, found)
    if at is not None:
        return reply(at_time(ctx, moment("at", at), names=name or (), under=under))
    begin, end = _span(since, until, ctx.now())
    return reply(history(ctx, begin, end, _step(step, end - begin), names=name or (), under=under))


def list_series(
    request: Request,
    metric: Names = None,
    under: str | None = None,
    since: Since = None,
    until: Until = None,
    step: Step = None,
    _who: Principal = allowed(Action.READ),
) -> Response:
    """Series of samples: what was measured of each subject, as buckets."""
    ctx = context(request)
    begin, end = _span(since, until, ctx.now())
    step_s = _step(step, end - begin)
    return reply_list(
        SeriesAnswer,
        series_over_time(ctx, begin, end, step_s, metrics=metric or (), under=under),
    )


def offered_samples(
    request: Request,
    after: Annotated[int, Query(ge=0)] = 0,
    who: Principal = allowed(Action.WATCH),
) -> Response:
    """For the link to the domain above: buckets that have come or changed after a number."""
    return reply(samples_after(context(request), who, after))


def moment(field: str, said: str) -> float:
    """A time as seconds since 1970, from these or from RFC 3339. Raises `BadInput`."""
    try:
        return float(said)
    except ValueError:
        pass
    try:
        found = datetime.fromisoformat(said)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise BadInput(
            "a time can't be read",
            [Mistake(field, f"{said[:40]!r} is neither seconds since 1970 nor RFC 3339 with zone")],
        )
    return found.timestamp()


def duration(field: str, said: str) -> float:
    """Seconds, from a number or a duration such as 15m. Raises `BadInput`."""
    try:
        return float(said)
    except ValueError:
        pass
    try:
        return float(units.parse_duration_s(said))
    except ValueError as error:
        raise BadInput("a duration can't be read", [Mistake(field, str(error))]) from None


def _span(since: str | None, until: str | None, now: float) -> tuple[float, float]:
    end = now if until is None else moment("to", until)
    return (end - DAY_S if since is None else moment("from", since)), end


def _step(said: str | None, span_s: float) -> float:
    """What was asked; otherwise about a hundred points."""
    return max(10.0, span_s / 100) if said is None else duration("step", said)
