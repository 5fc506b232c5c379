"""Alerts over HTTP: what is open, the rules, silences, acknowledgements, notices to be sent."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from weir.api.calls import allowed, context, reply, reply_list
from weir.control import alerts as using
from weir.control.authorize import Action, Principal
from weir.wire.alert_answers import (
    AcknowledgeRequest,
    AlertAnswer,
    QuietAnswer,
    QuietRequest,
    RuleAnswer,
)


def list_alerts(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """Alerts that fire or are about to: the firing first, the worst first, the oldest first."""
    return reply_list(AlertAnswer, using.list_alerts(context(request)))


def list_rules(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The rules that alerts are made by."""
    return reply_list(RuleAnswer, using.list_rules(context(request)))


def list_silences(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """Silences and acknowledgements that hold."""
    return reply_list(QuietAnswer, using.list_silences(context(request)))


def put_silence(
    request: Request, body: QuietRequest, who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Tell nobody of a rule, of a subject, or of a rule at a subject, for a while."""
    return reply(using.silence(context(request), who, body))


def put_acknowledgement(
    request: Request, body: AcknowledgeRequest, who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Somebody has taken care of an alert that fires: nobody is told of it until it is over."""
    return reply(using.acknowledge(context(request), who, body))


def end_silence(
    request: Request,
    rule: str = "",
    subject: str = "",
    _who: Principal = allowed(Action.OPERATE),
) -> Response:
    """Take a silence and an acknowledgement of this rule and subject away."""
    using.end_silence(context(request), rule, subject)
    return Response(status_code=204)


def list_notices(
    request: Request,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    _who: Principal = allowed(Action.READ),
) -> Response:
    """Notices after a number, in order, for `weir alerts send`; they are kept for two weeks."""
    return reply(using.notices_after(context(request), after, limit))
