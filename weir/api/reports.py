"""Reports over HTTP: the sheet of a month, declared downtimes, and how long sites were up."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response
from pydantic import TypeAdapter

from weir.api.calls import allowed, context, reply, reply_list
from weir.api.series import Since, Until, moment
from weir.control import downtimes
from weir.control.authorize import Action, Principal
from weir.control.reports import month_report
from weir.core.report import MonthReport
from weir.wire.downtimes import AvailabilityAnswer, DowntimeAnswer, DowntimeRequest

DAY_S = 86400.0
_REPORT = TypeAdapter(MonthReport)


def show_report(
    request: Request,
    month: str,
    zone: Annotated[str, Query()] = "+00:00",
    under: str | None = None,
    _who: Principal = allowed(Action.READ),
) -> Response:
    """The sheet of a month, such as `2026-10`, of this domain or of what lies under an identifier.

    `zone` says whose days the month has: `+08:00`, in whole hours. Of a month that is not over the
    sheet goes up to the last whole hour.
    """
    report = month_report(context(request), month, zone, under)
    return Response(_REPORT.dump_json(report), media_type="application/json")


def list_downtimes(
    request: Request, since: Since = None, _who: Principal = allowed(Action.READ)
) -> Response:
    """Downtimes that are or will be; with `from` those that have been since, too."""
    begin = None if since is None else moment("from", since)
    return reply_list(DowntimeAnswer, downtimes.list_downtimes(context(request), begin))


def declare_downtime(
    request: Request, body: DowntimeRequest, who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Declare that a site that reports to this domain will be down."""
    return reply(downtimes.declare(context(request), who, body), 201)


def end_downtime(
    request: Request, downtime: str, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """End a downtime now; one that has not begun never will."""
    return reply(downtimes.end(context(request), downtime))


def list_availability(
    request: Request,
    since: Since = None,
    until: Until = None,
    _who: Principal = allowed(Action.READ),
) -> Response:
    """How long each site was up within a time, in whole hours; the last 30 days if none is said."""
    ctx = context(request)
    end = ctx.now() if until is None else moment("to", until)
    begin = end - 30 * DAY_S if since is None else moment("from", since)
    return reply_list(AvailabilityAnswer, downtimes.availability(ctx, begin, end))
