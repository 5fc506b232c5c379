"""Where samples are kept: the one small interface, which a shared contract test holds.

Laws:
- What was written can be read by its series and time; writing it again changes nothing.
- What was never written is not there: nothing is filled up, and unknown is never 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from weir.core.series import Key
from weir.wire.samples import Point

Readings = dict[Key, dict[int, float]]
"""Values by series and by the begin of their bucket."""


class SeriesStore(Protocol):
    """A place for buckets of one width."""

    def write(self, width: int, points: Sequence[Point]) -> None:
        """Keep these. Raises `NotReady` where it is full or away."""

    def read(self, width: int, metrics: Iterable[str], begin: int, end: int) -> Readings:
        """The values of these metrics' buckets that begin in [begin, end)."""
