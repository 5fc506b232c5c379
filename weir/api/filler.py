"""Bytes that mean nothing: what an agent sends to learn what its way to here can carry."""

from __future__ import annotations

from fastapi import Request, Response

from weir.api.calls import allowed
from weir.control.authorize import Action, Principal


async def take_filler(request: Request, who: Principal = allowed(Action.EXCHANGE)) -> Response:
    """Take bytes and keep none of them; the answer comes when the last one is here."""
    async for _ in request.stream():
        pass
    return Response(status_code=204)
