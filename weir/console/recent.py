"""Recent: what many pages ask for, not worked out again for each where that takes long.

What is cheap is worked out every time, so a small network is always shown as it is. What is dear
is kept for a hundred times what it took, at most `FRESH_S`; after that who comes gets what was
kept, up to `STALE_S` old, and it is made anew in the background. So a page of a network of ten
thousand pools comes at once, and keeping one answer new takes a hundredth of a core at most.

In the background there is one thread, which makes one thing after the other: all threads of a
process share one core, and each more that works takes its share from those who wait for a page.
For the same reason it begins nothing while a page is being answered, for a moment (`POLITE_S`); and
what the thing is made of is made anew first, so that nothing new is made of what is old.

Only what every reader may see is kept here, under a key that says what it is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")
log = logging.getLogger(__name__)

DEAR_S, DEAR_CPU_S = 0.03, 0.012
"""What takes so long, or so much of a core, is dear. The core counts by itself: how long something
cheap takes on a busy machine tells little.
"""

TIMES, TIMES_WAITED = 100, 10
"""So many times what it took of a core it is kept, or so many times what it took by the clock,
where that is longer: what waits for a database takes little of this core.
"""

FRESH_S, STALE_S = 30.0, 120.0
LONGEST_S = 30.0
"""Who waits for an answer that another thread works out waits no longer than this."""

POLITE_S = 0.25
"""So long at most work in the background is put off by pages that are being answered."""

MOST = 200
"""So many answers are kept; the oldest goes first."""


@dataclass(frozen=True, slots=True)
class _Kept:
    value: Any
    made_at: float
    keep_s: float
    dear: bool


class _Behind(threading.local):
    """Whether this thread is the one that works in the background."""

    here = False


@dataclass
class Recent:
    """The answers that are kept for one server's pages."""

    clock: Callable[[], float] = time.monotonic
    busy: Callable[[], float] = time.thread_time
    kept: dict[Hashable, _Kept] = field(default_factory=dict)
    making: set[Hashable] = field(default_factory=set)
    begun: dict[Hashable, threading.Event] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)
    due: dict[Hashable, Callable[[], Any]] = field(default_factory=dict)
    answered: threading.Condition = field(default_factory=threading.Condition)
    answering: int = 0
    working: bool = False
    behind: _Behind = field(default_factory=_Behind)

    @contextmanager
    def answer(self) -> Iterator[None]:
        """A page is being answered: work in the background waits for a moment."""
        with self.answered:
            self.answering += 1
        try:
            yield
        finally:
            with self.answered:
                self.answering -= 1
                if not self.answering:
                    self.answered.notify_all()

    def calm(self) -> None:
        """Wait until no page is being answered, `POLITE_S` at most."""
        with self.answered:
            self.answered.wait_for(lambda: not self.answering, POLITE_S)

    def get(self, key: Hashable, make: Callable[[], T], fresh_s: float = FRESH_S) -> T:
        """The answer to `key`, kept or made by `make`; what is dear is made anew after `fresh_s`
        at the latest.
        """
        found = self.kept.get(key)
        if found is not None and not found.dear:
            return self._make(key, make)
        if found is None or (age := self.clock() - found.made_at) > STALE_S:
            return self._made_once(key, make)
        if age > min(fresh_s, found.keep_s):
            if self.behind.here:
                with self.guard:
                    if self.due.pop(key, None) is not None:
                        self.making.discard(key)
                return self._made_once(key, make)
            self._renew(key, make)
        value: T = found.value
        return value

    def renew(self, key: Hashable, make: Callable[[], T]) -> T:
        """The answer to `key`, made anew and kept."""
        return self._made_once(key, make)

    def _made_once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Made here, or waited for where another thread is at it: dear work is not done twice."""
        with self.guard:
            begun = self.begun.get(key)
            mine = begun is None
            if begun is None:
                begun = self.begun[key] = threading.Event()
        if not mine:
            begun.wait(LONGEST_S)
            found = self.kept.get(key)
            if found is not None and self.clock() - found.made_at <= STALE_S:
                value: T = found.value
                return value
            return self._make(key, make)  # what was waited for has failed
        try:
            return self._make(key, make)
        finally:
            with self.guard:
                del self.begun[key]
            begun.set()

    def _make(self, key: Hashable, make: Callable[[], T]) -> T:
        begun, worked = self.clock(), self.busy()
        value = make()
        ended, spent_s = self.clock(), self.busy() - worked
        dear = ended - begun >= DEAR_S or spent_s >= DEAR_CPU_S
        keep_s = max(TIMES * spent_s, TIMES_WAITED * (ended - begun))
        with self.guard:
            self.kept[key] = _Kept(value, ended, keep_s, dear)
            while len(self.kept) > MOST:
                del self.kept[min(self.kept, key=lambda k: self.kept[k].made_at)]
        return value

    def _renew(self, key: Hashable, make: Callable[[], T]) -> None:
        """Have it made anew in the background, unless that is about to be."""
        with self.guard:
            if key in self.making:
                return
            self.making.add(key)
            self.due[key] = make
            begin, self.working = not self.working, True
        if begin:
            threading.Thread(target=self._work, daemon=True, name="console-renews").start()

    def _work(self) -> None:
        """Make what is due, one thing after the other, until there is nothing any more."""
        self.behind.here = True
        while True:
            self.calm()
            with self.guard:
                if not self.due:
                    self.working = False
                    return
                key = next(iter(self.due))
                make = self.due.pop(key)
            try:
                self._made_once(key, make)
            except Exception:
                # The old answer stays until it is too old, and then who asks meets the fault.
                log.exception("%s could not be made anew", key)
            finally:
                with self.guard:
                    self.making.discard(key)
