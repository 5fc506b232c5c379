"""How a checkpoint is called on its way: a file of a run, whose name says all there is to know.

    checkpoint/NUMBER-TIME-SIZE-SHA256

NUMBER counts a run's checkpoints from 1, TIME is when it was made (whole seconds since 1970, by the
clock of the center), SIZE its bytes, SHA256 of its content. So whoever has a piece of it knows when
it is whole, at every tier.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PREFIX = "checkpoint/"

_NAME = re.compile(r"checkpoint/(\d{1,9})-(\d{1,12})-(\d{1,15})-([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, order=True)
class Saved:
    """A checkpoint, as its name tells it; later ones of a run are greater."""

    number: int
    at: int
    size: int
    sha256: str

    @property
    def name(self) -> str:
        """The name of the file."""
        return f"{PREFIX}{self.number}-{self.at}-{self.size}-{self.sha256}"


def parse(name: str) -> Saved | None:
    """What a file's name says of a checkpoint; None if it is none."""
    match = _NAME.fullmatch(name)
    return match and Saved(int(match[1]), int(match[2]), int(match[3]), match[4])


def next_to_send(names: Iterable[str], sent: Mapping[str, int]) -> str | None:
    """Which of a run's checkpoints goes up next: one that was begun, so that a slow link carries
    one to its end at all, else the newest that is later than those that went.
    """
    found = sorted(s for s in map(parse, names) if s is not None)
    went = [s.number for name in sent if (s := parse(name)) and sent[name] >= s.size]
    late = [s for s in found if s.number > max(went, default=0)]
    begun = [s for s in late if sent.get(s.name, 0) > 0]
    chosen = begun or late
    return chosen[-1].name if chosen else None
