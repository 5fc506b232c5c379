"""The calls of agents and links: exchange and watch. Both can wait for news."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from fastapi import Depends, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from weir.api.calls import allowed, context, reply, wakeups
from weir.api.wakeups import pause
from weir.control.authorize import Action, Principal
from weir.control.context import WATCH, orders_for
from weir.control.exchange import exchange as exchange_once
from weir.control.job_usage import uses_after
from weir.control.watch import watch as watch_once
from weir.wire.exchange import ExchangeAnswer, ExchangeRequest, read_request
from weir.wire.jobs import WatchAnswer


async def _said(request: Request) -> ExchangeRequest:
    """The body, of whichever version the agent is."""
    try:
        return read_request(await request.body())
    except ValidationError as error:
        found = error.errors(include_url=False)
        raise RequestValidationError([{**e, "loc": ("body", *e["loc"])} for e in found]) from error


async def exchange(
    request: Request,
    who: Annotated[Principal, allowed(Action.EXCHANGE)],
    body: Annotated[ExchangeRequest, Depends(_said)],
) -> Response:
    """Report, and hear what is to be done; with `wait_s`, wait until there is something."""
    ctx, begun = context(request), time.monotonic()
    until = begun + body.wait_s
    said = {"hello": False, "inventory": None, "changed": (), "observations": (), "chunks": ()}
    said |= {"samples": (), "gaps": (), "uses": (), "domains": None}
    waiting, asked = wakeups(request), body
    with waiting.listening([orders_for(body.cluster)]) as event:
        while True:
            answer = await run_in_threadpool(exchange_once, ctx, who, asked)
            left = until - time.monotonic()
            over = left <= 0 or waiting.closing or await request.is_disconnected()
            if over or _has_news(answer):
                return reply(answer, small=True)
            await pause(event, left)
            # Asked again, with nothing new to say; the agent's clock has gone on meanwhile.
            sent_at = body.sent_at + time.monotonic() - begun
            asked = body.model_copy(update={**said, "sent_at": sent_at})


def _has_news(answer: ExchangeAnswer) -> bool:
    return bool(answer.orders or answer.cancels or answer.recheck or answer.resend)


async def watch(
    request: Request,
    jobs_after: Annotated[int, Query(ge=0)] = 0,
    offers_after: Annotated[int, Query(ge=0)] = 0,
    wait_s: Annotated[float, Query(ge=0, le=60)] = 0,
    who: Principal = allowed(Action.WATCH),
) -> Response:
    """What has changed for a linked domain: the jobs that it handed over, and the offers."""
    ctx, until = context(request), time.monotonic() + wait_s
    waiting = wakeups(request)
    allowance = waiting.watches[who.cluster or who.token]
    with waiting.listening([WATCH]) as event:
        while True:
            left = until - time.monotonic()
            if left > 0 and not waiting.closing:
                await asyncio.sleep(min(left, allowance.wait_s(time.monotonic())))
            answer = await run_in_threadpool(watch_once, ctx, who, jobs_after, offers_after)
            left = until - time.monotonic()
            over = left <= 0 or waiting.closing or await request.is_disconnected()
            if over or _changed(answer):
                allowance.spend(time.monotonic(), 1 if answer.jobs else OFFERS_COUNT)
                return reply(answer)
            await pause(event, left)


OFFERS_COUNT = 3
"""An answer that tells of pools only counts as so many: nobody waits for that."""


def _changed(answer: WatchAnswer) -> bool:
    return bool(answer.jobs or answer.offers or answer.gone or answer.complete)


def uses(
    request: Request,
    after: Annotated[int, Query(ge=0)] = 0,
    who: Principal = allowed(Action.WATCH),
) -> Response:
    """For a link: what the jobs that it handed over have used, from a number on."""
    return reply(uses_after(context(request), who, after))
