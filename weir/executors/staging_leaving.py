"""What is to be done with what a run has left before its end is told, in threads of its own.

Outputs go to their URLs if it succeeded; else its last checkpoint is packed.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, Protocol, TypeVar

from weir.core.lifecycle import RunEvent
from weir.executors.local_run import End, Stop
from weir.executors.staging import Staging
from weir.executors.staging_access import Abandoned
from weir.wire.exchange import RunOrder

log = logging.getLogger(__name__)

THREADS = 8


class Ending(Protocol):
    """The part of a run that is looked at here."""

    order: RunOrder
    folder: str
    started: float | None
    stop: Stop | None


R = TypeVar("R", bound=Ending)


class Leaving(Generic[R]):
    """The threads. `conclude(run, end)` is called from them, without a lock held."""

    def __init__(
        self, staging: Staging, now: Callable[[], float], conclude: Callable[[R, End], None]
    ) -> None:
        self._staging, self._now, self._conclude = staging, now, conclude
        self._threads = ThreadPoolExecutor(THREADS, "weir-leaving")
        self._closing = False

    def close(self) -> None:
        """End; what is not concluded is taken up by the next process."""
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)

    def take(self, run: R, end: End) -> bool:
        """A run's tasks have ended so: whether something is to be done first; then `conclude` will
        be called, unless it is stopped meanwhile.
        """
        leaves = self._staging.leaves(run.order, end.event is RunEvent.SUCCEEDED)
        if self._closing or run.started is None or not leaves:
            return False
        self._threads.submit(self._leave, run, end)
        return True

    def _leave(self, run: R, end: End) -> None:
        succeeded, failure = end.event is RunEvent.SUCCEEDED, None

        def wanted() -> bool:
            return not self._closing and (run.stop is None or not succeeded)

        try:
            failure = self._staging.leave(run.order, run.folder, succeeded, end.at, wanted)
        except Abandoned:
            return
        except Exception as error:  # in a thread of the pool nobody else would hear of it
            log.exception("what run %s has left could not be brought away", run.order.run)
            failure = f"what it left could not be brought away: {error}" if succeeded else None
        if failure is not None:
            end = End(RunEvent.FAILED, self._now(), end.exit_code, failure)
        if not self._closing:
            self._conclude(run, end)
