"""Joining over HTTP: tokens, newcomers, this domain's identity."""

from __future__ import annotations

from fastapi import Request, Response

from weir.api.calls import allowed, context, reply
from weir.control import join as joining
from weir.control.authorize import Action, Principal
from weir.wire.joining import (
    IdentityRequest,
    JoinRequest,
    JoinTokenRequest,
    TokenRequest,
    UplinkRequest,
)


def show_domain(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """Who this server is."""
    return reply(joining.describe(context(request)))


def set_identity(
    request: Request, body: IdentityRequest, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Take on the identifier that the parent has issued."""
    return reply(joining.set_identity(context(request), body))


def make_join_token(
    request: Request, body: JoinTokenRequest, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """A one-time token that lets one site or domain in."""
    return reply(joining.make_join_token(context(request), body), 201)


def join(request: Request, body: JoinRequest, who: Principal = allowed(Action.JOIN)) -> Response:
    """Spend a join token: get an identifier and the agent's token."""
    return reply(joining.join(context(request), who, body), 201)


def make_uplink(
    request: Request, body: UplinkRequest, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Make the cluster that stands for the parent, and the token of the link's agent."""
    return reply(joining.make_uplink(context(request), body), 201)


def make_token(
    request: Request, body: TokenRequest, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """A token for a person."""
    return reply(joining.make_person_token(context(request), body), 201)


def revoke_token(
    request: Request, token: str, _who: Principal = allowed(Action.OPERATE)
) -> Response:
    """End a token at once."""
    joining.revoke_token(context(request), token)
    return Response(status_code=204)
