"""Coverage: of how much of a time something is known, and where it has gaps. Pure.

Laws:
- A gap is at least one whole bucket of which nothing is known; what lacks within a bucket lowers
  the share, and is no gap of its own.
- What is drawn is what is known: nothing is drawn across a gap.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

WIDE = 100.0
"""How wide a drawing is, in its own units."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """`share` is 0 to 1; `newest` is the end of the newest bucket with something in it, None if
    nothing came. `pieces` are (left, width) of what is known, in hundredths of the time.
    """

    share: float
    newest: float | None
    gaps: int
    longest_gap_s: float
    pieces: tuple[tuple[float, float], ...]

    @property
    def whole(self) -> bool:
        """Whether everything is known, as far as three figures tell."""
        return self.share >= 0.9995

    @property
    def path(self) -> str:
        """What is drawn: a line of one unit's height for each piece."""
        return "".join(f"M{left:.2f} 0h{wide:.2f}v6h-{wide:.2f}z" for left, wide in self.pieces)


def coverage(known: Mapping[int, int], width: int, begin: int, end: int) -> Coverage:
    """Of what is known, as seconds by the begin of each bucket of `width`, over [begin, end)."""
    inside = {at: seconds for at, seconds in known.items() if begin <= at < end and seconds > 0}
    span = max(1, end - begin)
    runs = stretches(inside, width)
    edges = [begin, *(edge for run in runs for edge in run), end]
    gaps = [b - a for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= width]
    return Coverage(
        share=min(1.0, sum(min(width, s) for s in inside.values()) / span),
        newest=float(max(inside) + width) if inside else None,
        gaps=len(gaps),
        longest_gap_s=float(max(gaps, default=0)),
        pieces=tuple((WIDE * (a - begin) / span, WIDE * (b - a) / span) for a, b in runs),
    )


def stretches(begins: Iterable[int], width: int) -> list[tuple[int, int]]:
    """Buckets that follow each other without a gap, joined: when each stretch begins and ends."""
    found: list[tuple[int, int]] = []
    for at in sorted(begins):
        if found and at <= found[-1][1]:
            found[-1] = found[-1][0], at + width
        else:
            found.append((at, at + width))
    return found
