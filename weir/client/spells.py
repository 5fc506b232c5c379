"""Spells of failed tries: waits that grow, and a log that tells the beginning and the end."""

from __future__ import annotations

import logging
from collections.abc import Callable

from weir.core.errors import WeirError

log = logging.getLogger(__name__)

RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Waits before the next try, in seconds; the last one stays."""


class Spell:
    """Tries of one thing that fail one after the other. It is told when they begin, or fail in
    another way, and when they are over; not each time.
    """

    def __init__(self, what: str, now: Callable[[], float]) -> None:
        self._what, self._now = what, now
        self._tries, self._since = 0, 0.0
        self._told: object = None

    def failed(self, error: Exception) -> float:
        """A try has failed; gives how long to wait before the next."""
        if self._tries == 0:
            self._since = self._now()
        kind = (type(error), getattr(error, "status", None))
        if kind != self._told:
            self._told = kind
            unforeseen = None if isinstance(error, WeirError) else error
            log.warning("%s: %s", self._what, error, exc_info=unforeseen)
        self._tries += 1
        return RETRY_S[min(self._tries, len(RETRY_S)) - 1]

    def over(self) -> None:
        """A try has succeeded."""
        if self._tries:
            log.warning("%s: no more, after %.0f s", self._what, self._now() - self._since)
        self._tries, self._told = 0, None
