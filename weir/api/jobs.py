"""Jobs over HTTP: submit, list, show, why, cancel, files, find."""

from __future__ import annotations

import time
from typing import Annotated

from fastapi import Query, Request, Response
from starlette.concurrency import run_in_threadpool

from weir.api.calls import allowed, context, reply, wakeups
from weir.api.wakeups import pause
from weir.control import job_usage as usage
from weir.control import show
from weir.control.authorize import Action, Principal
from weir.control.cancel import cancel
from weir.control.context import job_key
from weir.control.find import why
from weir.control.start_range import find_with_start
from weir.control.submit import submit
from weir.core.lifecycle import JobState
from weir.wire.jobs import FindRequest, SubmitRequest
from weir.wire.jobspec import JobSpec

MAX_READ = 4 * 2**20
Limit = Annotated[int, Query(ge=1, le=1000)]


def submit_jobs(
    request: Request, body: SubmitRequest, who: Principal = allowed(Action.SUBMIT)
) -> Response:
    """Submit jobs, all or none. With a `key`, sending again gives the same jobs."""
    return reply(submit(context(request), who, body), 201)


def list_jobs(
    request: Request,
    state: Annotated[list[JobState], Query(default_factory=list)],
    submitter: str | None = None,
    name: str | None = None,
    array: str | None = None,
    pool: str | None = None,
    before: str | None = None,
    limit: Limit = 100,
    _who: Principal = allowed(Action.READ),
) -> Response:
    """A page of jobs, newest first; `next` of the answer is `before` of the next page."""
    found = show.list_jobs(
        context(request),
        states=tuple(state),
        submitter=submitter,
        name=name,
        array=array,
        pool=pool,
        before=before,
        limit=limit,
    )
    return reply(found)


def show_job(request: Request, job: str, who: Principal = allowed(Action.READ)) -> Response:
    """One job with its runs and history; its spec only for its owner, operators, its own link."""
    return reply(show.show_job(context(request), who, job))


def why_job(request: Request, job: str, _who: Principal = allowed(Action.READ)) -> Response:
    """Why it waits, with counted reasons; or why it is where it is, with the terms."""
    return reply(why(context(request), job))


def job_usage(request: Request, job: str, _who: Principal = allowed(Action.READ)) -> Response:
    """What its runs hold, what they used over their time as far as it was measured, and in all."""
    return reply(usage.job_usage(context(request), job))


def cancel_job(request: Request, job: str, who: Principal = allowed(Action.CANCEL)) -> Response:
    """Cancel a job; it ends when what runs of it has been stopped."""
    cancel(context(request), who, job)
    return reply(show.job_answer(context(request), job))


def list_files(request: Request, job: str, who: Principal = allowed(Action.READ)) -> Response:
    """The files of a job's latest run that have come here."""
    return reply(show.list_files(context(request), who, job))


async def read_file(
    request: Request,
    job: str,
    name: str,
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_READ)] = MAX_READ,
    wait_s: Annotated[float, Query(ge=0, le=30)] = 0,
    who: Principal = allowed(Action.READ),
) -> Response:
    """Bytes of a file. With `wait_s`, waits for more where there are none yet.

    `X-Weir-Size` is its size now, `X-Weir-Complete` whether it can't grow any more.
    """
    ctx, until = context(request), time.monotonic() + wait_s
    waiting = wakeups(request)
    with waiting.listening([job_key(job)]) as event:
        while True:
            data, size, complete = await run_in_threadpool(
                show.read_file, ctx, who, job, name, offset, limit
            )
            left = until - time.monotonic()
            if data or complete or left <= 0 or waiting.closing:
                break
            await pause(event, left)
    headers = {"X-Weir-Size": str(size), "X-Weir-Complete": str(complete).lower()}
    return Response(data, media_type="application/octet-stream", headers=headers)


def find(request: Request, body: FindRequest, who: Principal = allowed(Action.READ)) -> Response:
    """Where a job could run: each pool with a ranked yes or a reasoned no. Nothing is submitted."""
    return reply(find_with_start(context(request), body, who.subject))


def job_schema() -> dict[str, object]:
    """The JSON schema of a job file."""
    return JobSpec.model_json_schema()
