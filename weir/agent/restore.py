"""Brings the checkpoints that runs begin with, from the parent to where the executor wants them.

Laws:
- The run is not given to the executor before its checkpoint is there, whole and as it was.
- What came before a break, of the connection or of the agent, is not fetched again.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from weir.client.problems import Unreachable
from weir.core.errors import WeirError
from weir.executors.base import Executor, Restores
from weir.wire.checkpoint import Saved, parse
from weir.wire.exchange import RunOrder

log = logging.getLogger(__name__)

THREADS = 2
PIECE_BYTES = 2**20
PAUSES_S = (0.5, 1.0, 2.0, 5.0, 10.0)

Read = Callable[[str, str, int, int], bytes]
"""Given a run, a file's name, an offset and a limit: a piece of it, from the parent."""


class Restorer:
    """A few threads. `done(run, why_not)` is called from them: "" once the checkpoint is there."""

    def __init__(self, executor: Executor, done: Callable[[str, str], None]) -> None:
        self._executor, self._done = executor, done
        self._threads = ThreadPoolExecutor(THREADS, "weir-restore")
        self._stopped = threading.Event()

    def close(self) -> None:
        """End; what has come of a checkpoint stays for the next process."""
        self._stopped.set()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def needed(self, order: RunOrder) -> bool:
        """Whether a run has to wait for its checkpoint."""
        if order.restore is None:
            return False
        if not isinstance(self._executor, Restores):
            log.warning("run %s begins anew: no checkpoint can be brought here", order.run)
            return False
        return not os.path.exists(self._executor.archive(order.run))

    def bring(self, order: RunOrder, read: Read, wanted: Callable[[], bool]) -> None:
        """Fetch it, in the background, for as long as it is `wanted`."""
        if isinstance(self._executor, Restores):
            self._threads.submit(
                self._bring, order, self._executor.archive(order.run), read, wanted
            )

    def _bring(self, order: RunOrder, path: str, read: Read, wanted: Callable[[], bool]) -> None:
        try:
            why_not = self._persist(order, path, read, wanted)
        except Exception as error:  # in a thread of the pool nobody else would hear of it
            log.exception("the checkpoint of run %s could not be brought", order.run)
            why_not = f"its checkpoint can't be kept here: {error}"
        if not self._stopped.is_set():
            self._done(order.run, why_not)

    def _persist(self, order: RunOrder, path: str, read: Read, wanted: Callable[[], bool]) -> str:
        saved = parse(order.restore or "")
        if saved is None:
            return f"{order.restore!r} is no checkpoint"
        os.makedirs(os.path.dirname(path), 0o700, exist_ok=True)
        tries = 0
        while wanted() and not self._stopped.is_set():
            try:
                return self._once(order.run, saved, path, read, wanted)
            except WeirError as error:
                if error.status < 500 and not isinstance(error, Unreachable):
                    return f"its checkpoint can't be had: {error.detail}"
                log.info("the checkpoint of %s is not to be had now: %s", order.run, error.detail)
            self._stopped.wait(PAUSES_S[min(tries, len(PAUSES_S) - 1)])
            tries += 1
        return ""

    def _once(
        self, run: str, saved: Saved, path: str, read: Read, wanted: Callable[[], bool]
    ) -> str:
        part = f"{path}.part"
        with open(part, "ab") as file:
            while file.tell() < saved.size and wanted() and not self._stopped.is_set():
                data = read(run, saved.name, file.tell(), PIECE_BYTES)
                if not data:
                    return "its checkpoint is not whole where it comes from"
                file.write(data)
            if file.tell() < saved.size:
                return ""
        with open(part, "rb") as whole:
            found = hashlib.file_digest(whole, "sha256").hexdigest()
        if found != saved.sha256:
            with suppress(FileNotFoundError):
                os.unlink(part)
            return f"its checkpoint came with sha256 {found}, and should have {saved.sha256}"
        os.rename(part, path)
        return ""
