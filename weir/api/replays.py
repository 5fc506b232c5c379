"""The thread that works off replays, one after the other, and the calls that ask for them."""

from __future__ import annotations

import logging
import threading
from typing import Annotated

from fastapi import Query, Request, Response

from weir.api.calls import allowed, context, reply
from weir.control import replay
from weir.control.authorize import Action, Principal
from weir.control.context import Context
from weir.core.errors import NotReady, WeirError
from weir.wire.replays import MOST_DAYS, ReplayRequest

log = logging.getLogger(__name__)

LOOK_S = 30.0
"""How often is looked for a replay that another process of the domain was asked for."""


class Replays:
    """Works off replays until stopped; `wake` tells of a new one."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._wanted, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="replays", daemon=True)

    def start(self) -> None:
        """Begin, where there is something that simulates."""
        if self._ctx.simulate is not None:
            self._thread.start()

    def wake(self) -> None:
        """There is a replay to work on."""
        self._wanted.set()

    def stop(self) -> None:
        """End; a replay that is under way fails."""
        self._stopped.set()
        self._wanted.set()
        if self._thread.is_alive():
            self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                while replay.work_off(self._ctx, self._check):
                    pass
            except WeirError as error:
                log.warning("no replay now: %s", error.detail)
            except Exception:
                # A fault of ours, logged whole: the replay is told as failed once nothing is heard.
                log.exception("a replay has failed")
            self._wanted.wait(LOOK_S)
            self._wanted.clear()

    def _check(self) -> None:
        if self._stopped.is_set():
            raise NotReady("the server that worked on it was stopped; ask again")


def ask_replay(
    request: Request, body: ReplayRequest, who: Principal = allowed(Action.OPERATE)
) -> Response:
    """Have the jobs of the last days replayed under other policies."""
    return reply(replay.ask_replay(context(request), who, body), 201)


def list_replays(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The last replays, newest first, without their results."""
    return reply(replay.list_replays(context(request)))


def list_past_jobs(
    request: Request,
    days: Annotated[float, Query(gt=0, le=MOST_DAYS)] = 7.0,
    _who: Principal = allowed(Action.READ),
) -> Response:
    """The jobs of the last days with what they wished and how long they ran, to simulate them."""
    return reply(replay.past_jobs(context(request), days))


def show_replay(
    request: Request, replay_id: str, _who: Principal = allowed(Action.READ)
) -> Response:
    """A replay: how much of it is done, and then its result."""
    return reply(replay.show_replay(context(request), replay_id))
