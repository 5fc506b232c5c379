"""Ahead: what the first page of a large network asks for, worked out before anybody asks.

With ten thousand pools the first answer after a start, or after nobody looked for a while, would
take seconds. So a domain that has `LARGE` pools or more works it out when its server starts and
every `EVERY_S` from then on, in a thread of its own: a few hundredths of a core. A smaller domain
works out each page as it is asked for, and has no such thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from weir.console import asking, render
from weir.console.recent import FRESH_S, Recent
from weir.control.context import Context
from weir.store import clusters

T = TypeVar("T")
log = logging.getLogger(__name__)

LARGE = 1000
EVERY_S = 60.0
"""Half of what may be shown at its oldest (`recent.STALE_S`)."""


@dataclass(frozen=True, slots=True)
class _Anew:
    """Asks like a page does, and has everything made anew."""

    ctx: Context
    kept: Recent

    def recent(self, key: Hashable, make: Callable[[], T], fresh_s: float = FRESH_S) -> T:
        return self.kept.renew(key, make)


@dataclass
class Ahead:
    """The thread of one server, begun at most once; `ended` is asked whether the server closes.

    `once` is what is dear only the first time.
    """

    ctx: Context
    kept: Recent
    ended: Callable[[], bool]
    once: Callable[[], object] = lambda: None
    guard: threading.Lock = field(default_factory=threading.Lock)
    thread: threading.Thread | None = None

    def begin_if_large(self, pools: int | None = None) -> None:
        """Begin, unless the domain is small or it has begun; `pools` where the number is known."""
        if self.thread is not None:
            return
        if (self._pools() if pools is None else pools) < LARGE:
            return
        with self.guard:
            if self.thread is None:
                self.thread = threading.Thread(target=self._run, daemon=True, name="console-ahead")
                self.thread.start()

    def work(self) -> None:
        """Work out once what pages ask for."""
        asker = _Anew(self.ctx, self.kept)
        asking.first_page(asker)
        render.environment().get_template("overview.html")

    def _pools(self) -> int:
        with self.ctx.store.read() as tx:
            return sum(not head.gone for head in clusters.pool_heads(tx))

    def _run(self) -> None:
        pause = threading.Event()
        first = True
        while not self.ended():
            try:
                self.work()
                if first:
                    self.once()
                    first = False
            except Exception:
                # A page that is asked for meets the same fault and tells it; this goes on trying.
                log.exception("the first page could not be worked out ahead")
            pause.wait(EVERY_S)
