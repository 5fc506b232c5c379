"""What is wrong with one file, gathered while it is read, and said all at once.

Laws:
- Reading goes on after a mistake, so that the count is the count of the whole file.
- The mistakes shown are those of the earliest lines, whatever the order in which they were found.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field

from weir.core.errors import BadInput, Mistake

SHOWN = 20
"""Mistakes that are named one by one; of the rest only the count is told."""

_MAX_TEXT = 60


@dataclass(slots=True)
class Faults:
    """The mistakes of one file so far."""

    path: str
    count: int = 0
    kept: list[Mistake] = field(default_factory=list)

    def add(self, line: int | None, column: str, message: str) -> None:
        """One more mistake: `message` says what was found and what would be right."""
        self.count += 1
        insort(self.kept, Mistake(column, message, line), key=lambda mistake: mistake.line or 0)
        del self.kept[SHOWN:]

    def add_repeats(self, names: Sequence[str], lines: Sequence[int], column: str) -> None:
        """Names that come again are mistakes."""
        seen: set[str] = set()
        for name, line in zip(names, lines, strict=True):
            if name in seen:
                self.add(line, column, f"{quoted(name)} is there already; each comes once")
            seen.add(name)

    def check(self) -> None:
        """Raise `BadInput` if there was any mistake."""
        if not self.count:
            return
        detail = f"{self.path} has {self.count} mistake{'s' if self.count > 1 else ''}"
        if self.count > len(self.kept):
            detail += f"; these are the first {len(self.kept)}, {self.count - SHOWN} more follow"
        raise BadInput(detail, self.kept)


def quoted(text: str) -> str:
    """A text from a file as it is shown in a message: in quotes and not endless."""
    return repr(text if len(text) <= _MAX_TEXT else text[: _MAX_TEXT - 3] + "...")
