"""Operating a domain over HTTP: what it schedules by, and who is let in."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Body, Request, Response

from weir.api.calls import allowed, context, reply
from weir.control import approve, policies, queues
from weir.control.authorize import Action, Principal
from weir.wire.mistakes import validated
from weir.wire.queues import queues_in
from weir.wire.scheduling import PolicyRequest, QueuesRequest


def show_scheduling(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The policy and the queues that count now, and who has changed them of late."""
    return reply(queues.show_scheduling(context(request)))


def set_queues(
    request: Request,
    body: Annotated[dict[str, Any], Body()],
    who: Principal = allowed(Action.OPERATE),
) -> Response:
    """Other queues from the next round on; all mistakes are told at once, as of a file."""
    seen = validated(QueuesRequest, {**body, "queues": ()}, "the request").seen
    listed = {"queues": body.get("queues")}
    queues.set_queues(context(request), who, queues_in(listed, "the request", {}, none=True), seen)
    return reply(queues.show_scheduling(context(request)))


def set_policy(
    request: Request, body: PolicyRequest, who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Another scheduling policy from the next round on."""
    policies.set_policy(context(request), who, body.policy, body.seen)
    return reply(queues.show_scheduling(context(request)))


def list_joins(request: Request, _who: Principal = allowed(Action.OPERATE)) -> Response:
    """Who has joined and waits for approval, the longest first."""
    return reply(approve.list_joins(context(request)))


def approve_join(
    request: Request, token: str, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Let in one who waits."""
    return reply(approve.approve_join(context(request), token))


def reject_join(
    request: Request, token: str, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Refuse one who waits: its token ends."""
    approve.reject_join(context(request), token)
    return Response(status_code=204)
