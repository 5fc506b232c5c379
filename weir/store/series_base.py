"""Where questions about series are answered: the one small interface of such a store.

The server asks it whatever Prometheus' API can be asked (`weir.api.prometheus`), and feeds one that
is not its own database with minutes as they come (`weir.control.series_feed`). A shared contract
test holds it, on SQLite, PostgreSQL and VictoriaMetrics.

Laws:
- What was written is found by its labels and time; writing it again changes nothing.
- What was never written is not there: nothing is filled up, and unknown is never 0.
- The same question has the same answer, as far as the domain's own store understands it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from weir.core.series import Key


@dataclass(frozen=True, slots=True)
class Minutes:
    """Values of some series, each in its metric's unit, at some minutes.

    `numbers` are what the series are called for short, the same in every call; `keys` has at least
    these. `columns` are when a minute begins, in seconds since 1970, and everybody's value then.
    """

    numbers: Sequence[int]
    keys: Mapping[int, Key]
    columns: Sequence[tuple[int, Sequence[float]]]


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said to a question over HTTP: status, type and body."""

    status: int
    kind: str
    body: bytes


class SeriesStore(Protocol):
    """The domain's own database (`weir.control.series_own`), or VictoriaMetrics."""

    def write(self, minutes: Minutes) -> None:
        """Keep these. Raises `NotReady` where it is full or away: they can be written again."""

    def ask(self, path: str, pairs: Sequence[tuple[str, str]]) -> Answer:
        """Answer a question: a path of Prometheus' API, and the names and values asked with.

        Raises `NotReady` where nobody answers.
        """
