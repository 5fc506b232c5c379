"""Live: news by server-sent events, and a log as it grows. Both wait; neither polls the database.

An event says only that something has changed; the page then asks for itself again, by the same
address and with the same permissions, and changes what is different.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import AbstractContextManager
from typing import Any, Protocol

import anyio
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from weir.console.visit import Visit
from weir.control import show as reading
from weir.control.context import WATCH, job_key
from weir.control.sessions import signed_in

ALIVE_S = 10.0
"""A page looks again after this without news: what only grows older changes too."""

CALM_S = 1.0
"""News come no closer together than this."""

LONGEST_S = 20.0
MAX_READ = 2**20


class Wakeups(Protocol):
    """What tells who waits that something has happened; the API's own."""

    closing: bool

    def listening(self, keys: Any) -> AbstractContextManager[Any]: ...


async def changes(visit: Visit) -> Response:
    """A stream of `changed`, each when something has."""
    wakeups: Wakeups = visit.request.app.state.wakeups
    job = visit.query.get("job")
    keys = [WATCH, job_key(job)] if job else [WATCH]

    async def told() -> AsyncIterator[str]:
        yield "retry: 2000\n\n"
        with wakeups.listening(keys) as event:
            while not wakeups.closing and not await visit.request.is_disconnected():
                with anyio.move_on_after(ALIVE_S):
                    await event.wait()
                event.clear()
                # Who has been signed out meanwhile is told nothing any more.
                await run_in_threadpool(signed_in, visit.ctx, visit.session)
                yield f"event: changed\ndata: {visit.ctx.now():.3f}\n\n"
                await anyio.sleep(CALM_S)

    headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    return StreamingResponse(told(), media_type="text/event-stream", headers=headers)


async def follow(visit: Visit) -> Response:
    """What has been added to a file of a job, waiting for it if there is nothing yet.

    A job that is tried again writes its files anew: who followed an earlier run gets the newest
    one's from their beginning, and is told by `X-Weir-Run` that they are another's.
    """
    ctx, who = visit.ctx, visit.person
    job, name = visit.request.path_params["job"], visit.request.path_params["name"]
    asked = visit.query.get("offset", "0")
    offset, until = int(asked) if asked.isdigit() else 0, time.monotonic() + LONGEST_S
    followed = visit.query.get("run")
    wakeups: Wakeups = visit.request.app.state.wakeups
    with wakeups.listening([job_key(job)]) as event:
        while True:
            run = (await run_in_threadpool(reading.list_files, ctx, who, job)).run or ""
            if followed is not None and run != followed:
                offset, followed = 0, run
            data, size, complete = await run_in_threadpool(
                reading.read_file, ctx, who, job, name, offset, MAX_READ
            )
            left = until - time.monotonic()
            other = run != visit.query.get("run", run)
            if data or other or complete or left <= 0 or wakeups.closing:
                break
            with anyio.move_on_after(min(left, ALIVE_S)):
                await event.wait()
            event.clear()
    headers = {
        "X-Weir-Run": run,
        "X-Weir-Offset": str(offset + len(data)),
        "X-Weir-Complete": str(complete and offset + len(data) >= size).lower(),
        "Cache-Control": "no-store",
    }
    return Response(data, media_type="text/plain; charset=utf-8", headers=headers)
