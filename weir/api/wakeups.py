"""Wake those who wait: from any thread to any number of waiting calls, without polling.

Several server processes share no memory: a waiting call therefore also looks again by itself every
`RECHECK_S`.
"""

from __future__ import annotations

import asyncio
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress

from weir.core.allowance import Allowance

RECHECK_S = 10.0

WATCHES, WATCHES_PER_S = 8.0, 4.0
"""Answers that one link's watch is given at once, and then a second: each has to look at all pools,
and makes the link's domain do the same. Under load an answer says more.
"""


class Wakeups:
    """Keys and who waits for them."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._callbacks: dict[str, list[Callable[[], None]]] = defaultdict(list)
        self._guard = threading.Lock()
        self._fired: set[str] = set()
        self.watches: dict[str, Allowance] = defaultdict(lambda: Allowance(WATCHES, WATCHES_PER_S))
        self.closing = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve waiting calls of this event loop."""
        self._loop = loop

    def close(self) -> None:
        """The server ends: all who wait get the answer that there is now."""
        self.closing = True
        for key in list(self._waiting):
            self.wake(key)

    def call(self, key: str, callback: Callable[[], None]) -> None:
        """Call back, from the waking thread, whenever `key` is woken."""
        self._callbacks[key].append(callback)

    def wake(self, key: str) -> None:
        """Wake all who wait for `key`; from any thread."""
        for callback in self._callbacks.get(key, ()):
            callback()
        if self._loop is None:
            return
        with self._guard:
            first = not self._fired
            self._fired.add(key)
        if first:
            with suppress(RuntimeError):  # the loop has closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._fire)

    def _fire(self) -> None:
        with self._guard:
            keys, self._fired = self._fired, set()
        for key in keys:
            for event in self._waiting.get(key, ()):
                event.set()

    @contextmanager
    def listening(self, keys: Sequence[str]) -> Iterator[asyncio.Event]:
        """An event that is set when one of `keys` is woken. Register, then look, then wait."""
        event = asyncio.Event()
        for key in keys:
            self._waiting[key].add(event)
        try:
            yield event
        finally:
            for key in keys:
                self._waiting[key].discard(event)
                if not self._waiting[key]:
                    del self._waiting[key]


async def pause(event: asyncio.Event, seconds: float) -> None:
    """Wait for the event, at most this long."""
    with suppress(asyncio.TimeoutError):
        await asyncio.wait_for(event.wait(), min(seconds, RECHECK_S))
    event.clear()
