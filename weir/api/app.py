"""The web application of a domain server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from weir.api import problems, routes
from weir.api.alert_rounds import AlertRounds
from weir.api.replays import Replays
from weir.api.rounds import Rounds
from weir.api.series_rounds import SeriesRounds
from weir.api.wakeups import Wakeups
from weir.control.context import SCHEDULE, Context, replay_key

MAX_BODY_BYTES = 64 * 2**20
"""Largest request: an inventory of some ten thousand pools, a batch of jobs with their scripts."""


def make_app(ctx: Context, wakeups: Wakeups) -> FastAPI:
    """The app over a context whose `wake` is that of `wakeups`."""
    every = max(0.2, min(4.0, ctx.settings.lease_s / 6))
    rounds = Rounds(ctx, every_s=every)
    series = SeriesRounds(ctx)
    replays = Replays(ctx)
    alerts = AlertRounds(ctx)

    @asynccontextmanager
    async def life(_app: FastAPI) -> AsyncIterator[None]:
        wakeups.start(asyncio.get_running_loop())
        wakeups.call(SCHEDULE, rounds.wake)
        wakeups.call(replay_key(), replays.wake)
        rounds.start()
        series.start()
        replays.start()
        alerts.start()
        yield
        alerts.stop()
        replays.stop()
        series.stop()
        rounds.stop()
        ctx.store.close()

    app = FastAPI(
        title="Weir",
        version=ctx.version,
        description="One domain of a compute network: its resources, its jobs, its links.",
        lifespan=life,
        docs_url=None,  # they would load from another host; the console shows the same
        redoc_url=None,
        max_body_size=2 * MAX_BODY_BYTES,  # for requests that state no size; see SizeLimit
    )
    app.state.context = ctx
    app.state.wakeups = wakeups
    problems.install(app, MAX_BODY_BYTES)
    routes.install(app)
    return app
