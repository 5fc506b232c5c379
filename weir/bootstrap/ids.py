"""Ids that sort by time."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


class IdMaker:
    """Ids that sort by time: a letter, 10 characters of milliseconds, 8 of chance.

    Within one process they never repeat: an id is always larger than the last of its kind.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._last = 0
        self._guard = threading.Lock()

    def __call__(self, kind: str) -> str:
        """A new id that begins with `kind`."""
        with self._guard:
            fresh = (int(self._now() * 1000) << 40) | secrets.randbits(40)
            # In the same millisecond count on from the last one, so that order and uniqueness hold.
            same = fresh >> 40 <= self._last >> 40
            self._last = self._last + 1 + secrets.randbits(16) if same else fresh
            return kind + _spelled(self._last)


def _spelled(number: int) -> str:
    characters = []
    for _ in range(18):
        characters.append(ALPHABET[number & 31])
        number >>= 5
    return "".join(reversed(characters))
