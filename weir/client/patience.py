"""Ask again for a while when a server gives no answer: for questions that may be repeated."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from weir.client.problems import Unreachable
from weir.core.errors import NotReady, WeirError

T = TypeVar("T")

PAUSE_S = 1.0
"""Pause before a server that gave no answer is asked again, in seconds."""


def _tell_nobody(_error: WeirError) -> None:
    return


@dataclass(frozen=True, slots=True)
class Patience:
    """For how long, and who is told once when it begins. Without `most_s` nothing is repeated."""

    most_s: float = 0.0
    tell: Callable[[WeirError], None] = _tell_nobody
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def ask(self, question: Callable[[], T]) -> T:
        """The answer; raises the last failure when the time is over."""
        until: float | None = None
        while True:
            try:
                return question()
            except (Unreachable, NotReady) as error:
                if until is None:
                    until = self.clock() + self.most_s
                    if self.most_s:
                        self.tell(error)
                if self.clock() >= until:
                    raise
                self.sleep(PAUSE_S)


NONE = Patience()
"""Ask once."""
