"""The thread that runs scheduling rounds when something has changed, and expiry now and then."""

from __future__ import annotations

import logging
import threading
import time
from math import inf

from weir.control.avoid import next_try_s
from weir.control.context import Context
from weir.control.expire import expire
from weir.control.schedule import schedule_round
from weir.core.errors import WeirError

log = logging.getLogger(__name__)

GATHER_S = 0.01
"""Changes that come within this are planned together."""


class Rounds:
    """Runs rounds until stopped; `wake` asks for one soon."""

    def __init__(self, ctx: Context, every_s: float) -> None:
        self._ctx, self._every_s = ctx, every_s
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._expired_at = self._listening_since = float("-inf")
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """There may be something to place."""
        self._wanted.set()

    def stop(self) -> None:
        """End after the round that is under way."""
        self._stopped.set()
        self._wanted.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        expired_at, pause_s = 0.0, self._every_s
        while not self._stopped.is_set():
            if self._wanted.wait(pause_s):
                self._stopped.wait(GATHER_S)
            pause_s = self._every_s
            self._wanted.clear()
            if self._stopped.is_set():
                return
            try:
                if time.monotonic() - expired_at >= self._every_s:
                    expired_at = time.monotonic()
                    self._expire()
                again_at = self._next_try_at()
                if schedule_round(self._ctx) >= self._ctx.settings.max_of_a_shape:
                    self._wanted.set()  # it may have placed all it looked at: there may be more
                # A time that has come while the round was worked out is still to be looked at.
                pause_s = self._pause_s(min(again_at, self._next_try_at()))
            except WeirError as error:
                log.warning("this round comes to nothing: %s", error.detail)
                self._stopped.wait(0.2)
                self._wanted.set()
            except Exception:
                # A fault of ours, logged whole. The thread goes on: a server that answers and
                # places nothing would be worse, and nothing half-done is stored.
                log.exception("a round has failed; the next one starts from what is stored")
                self._stopped.wait(1.0)

    def _next_try_at(self) -> float:
        """When a job may next be tried again on a pool that has refused it."""
        next_s = next_try_s(self._ctx)
        return inf if next_s is None else self._ctx.now() + next_s

    def _pause_s(self, again_at: float) -> float:
        """Until the next round if nobody asks: sooner if a refused job may be tried again."""
        return min(self._every_s, max(0.0, again_at - self._ctx.now()) + GATHER_S)

    def _expire(self) -> None:
        """Expire, knowing since when this server has been there to hear others.

        After a start, or when the machine slept, nobody could be heard for a while: to take that
        for silence would place what runs everywhere a second time.
        """
        now = self._ctx.now()
        if now - self._expired_at > self._ctx.settings.lease_s:
            self._listening_since = now
        self._expired_at = now
        expire(self._ctx, self._listening_since)
