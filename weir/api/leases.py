"""Leases over HTTP."""

from __future__ import annotations

from fastapi import Request, Response

from weir.api.calls import allowed, context, reply, reply_list
from weir.control import leases
from weir.control.authorize import Action, Principal
from weir.wire.leases import LeaseAnswer, LeaseRequest


def make_lease(
    request: Request, body: LeaseRequest, who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Promise hosts of a pool to a queue or a user for a time."""
    return reply(leases.make_lease(context(request), who, body), 201)


def list_leases(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The leases that are not over."""
    return reply_list(LeaseAnswer, leases.list_leases(context(request)))


def end_lease(
    request: Request, lease: str, _who: Principal = allowed(Action.OPERATE)
) -> Response:  # fmt: skip
    """Let a lease end now; what its holder runs there runs on."""
    leases.end_lease(context(request), lease)
    return Response(status_code=204)
