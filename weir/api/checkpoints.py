"""Checkpoints over HTTP: an agent reads the one of its order, a link leaves one for its run."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from weir.api.calls import allowed, context
from weir.control import checkpoints
from weir.control.authorize import Action, Principal

Name = Annotated[str, Query(max_length=300)]
Offset = Annotated[int, Query(ge=0)]


def read_checkpoint(
    request: Request,
    run: str,
    name: Name,
    offset: Offset = 0,
    limit: Annotated[int, Query(ge=1, le=checkpoints.MAX_PIECE_BYTES)] = 2**20,
    who: Principal = allowed(Action.EXCHANGE),
) -> Response:
    """Bytes of the checkpoint that the order of a run names."""
    data, size = checkpoints.read(context(request), who, run, name, offset, limit)
    headers = {"X-Weir-Size": str(size)}
    return Response(data, media_type="application/octet-stream", headers=headers)


async def leave_checkpoint(
    request: Request,
    run: str,
    name: Name,
    offset: Offset = 0,
    who: Principal = allowed(Action.WATCH),
) -> Response:
    """A piece of the checkpoint of a run that the link is about to hand over.

    `X-Weir-Size` is how much of it is there. An empty piece only asks that.
    """
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > checkpoints.MAX_PIECE_BYTES:
            break
    there = await run_in_threadpool(
        checkpoints.leave, context(request), who, run, name, offset, bytes(data)
    )
    return Response(status_code=204, headers={"X-Weir-Size": str(there)})
