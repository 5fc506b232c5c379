"""Ahead: what the first page of a large network asks for, worked out before anybody asks.

With ten thousand pools the first answer after a start, or after nobody looked for a while, would
take seconds. So a domain that has `LARGE` pools or more works it out before its server takes calls,
and every `EVERY_S` from then on in a thread of its own: two hundredths of a core. A smaller domain
works out each page as it is asked for, and has no such thread.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from weir.console import asking, render
from weir.console.recent import FRESH_S, Recent
from weir.control.context import Context
from weir.store import clusters

T = TypeVar("T")
log = logging.getLogger(__name__)

LARGE = asking.LARGE
EVERY_S = 60.0
"""Half of what may be shown at its oldest (`recent.STALE_S`)."""


@dataclass(frozen=True, slots=True)
class _Anew:
    """Asks like a page does, and has everything made anew, once: what one thing is made of, another
    may be made of too.
    """

    ctx: Context
    kept: Recent
    made: dict[Hashable, Any] = field(default_factory=dict)
    under: list[Hashable] = field(default_factory=list)

    def recent(self, key: Hashable, make: Callable[[], T], fresh_s: float = FRESH_S) -> T:
        if key not in self.made:
            if not self.under:  # who waits for a thing waits for what it is made of, too
                self.kept.calm()
            self.under.append(key)
            try:
                self.made[key] = self.kept.renew(key, make)
            finally:
                self.under.pop()
        value: T = self.made[key]
        return value


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
    done_once: bool = False

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

    def first_if_large(self) -> None:
        """Work it out once before anybody can ask, unless the domain is small; then begin."""
        if (pools := self._pools()) >= LARGE:
            self._round()
            self.begin_if_large(pools)

    def work(self) -> None:
        """Work out once what pages ask for."""
        asker = _Anew(self.ctx, self.kept)
        asking.first_page(asker)
        templates = render.environment()
        for name in templates.list_templates():  # compiled once, and not by who comes first
            templates.get_template(name)

    def _pools(self) -> int:
        with self.ctx.store.read() as tx:
            return sum(not head.gone for head in clusters.pool_heads(tx))

    def _round(self) -> None:
        try:
            self.work()
            if not self.done_once:
                self.once()
                self.done_once = True
        except Exception:
            # A page that is asked for meets the same fault and tells it; this goes on trying.
            log.exception("the first page could not be worked out ahead")

    def _run(self) -> None:
        pause = threading.Event()
        if self.done_once:
            pause.wait(EVERY_S)
        while not self.ended():
            self._round()
            pause.wait(EVERY_S)
