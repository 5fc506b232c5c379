"""Joining over HTTP: tokens, newcomers, this domain's identity."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from weir.api.calls import allowed, context, reply
from weir.control import join as joining
from weir.control import sessions
from weir.control import tokens as holding
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


def list_tokens(
    request: Request,
    before: str | None = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    _who: Principal = allowed(Action.OPERATE),
) -> Response:
    """A page of tokens without their secrets, newest first; `next` is the next `before`."""
    return reply(holding.list_tokens(context(request), before, limit))


def make_signin_link(request: Request, who: Principal = allowed(Action.OPERATE)) -> Response:
    """A code that signs the caller in to the console once: open `/signin?code=CODE`."""
    return reply(sessions.make_link(context(request), who), 201)
