"""What a check compares, and how it is printed: a measure with an order, or names without one.

Both answer for a set of rows, so that one pool's rejection and a count over many pools read alike.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy.typing as npt

from weir.core.devices import Precision
from weir.core.units import show_gflops
from weir.scheduling.columns import UNKNOWN, Ints

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Measure:
    """Amounts by row, unknown ones below 0; the best is the largest, or the smallest if `low`."""

    values: npt.NDArray[Any]
    show: Callable[[int], str]
    low: bool = False

    def best(self, rows: Ints) -> int | None:
        """The best known amount of these rows, None if none is known."""
        values = self.values[rows]
        known = values[(values > UNKNOWN).astype(bool)]
        if not len(known):
            return None
        return int(known.min() if self.low else known.max())

    def text(self, rows: Ints) -> str:
        best = self.best(rows)
        return "unknown" if best is None else self.show(best)


class Counted(Protocol):
    """Something that counts names over rows at one look; "" is no name."""

    def counts(self, rows: Ints) -> Iterable[tuple[str, int]]: ...
    def of_row(self, row: int) -> str | tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Names:
    """Names by row; the "best" of some rows are their most frequent names."""

    column: Counted
    none: str = "unknown"

    def of_row(self, row: int) -> tuple[str, ...]:
        """The names of one row."""
        found = self.column.of_row(row)
        return (found,) if isinstance(found, str) else found

    def text(self, rows: Ints) -> str:
        return most_common({name or self.none: n for name, n in self.column.counts(rows)})


@dataclass(frozen=True, slots=True)
class Same:
    """One name for every row."""

    name: str

    def of_row(self, row: int) -> str:
        return self.name

    def counts(self, rows: Ints) -> Iterable[tuple[str, int]]:
        return ((self.name, len(rows)),)


@dataclass(frozen=True, slots=True)
class Each:
    """Names that are looked up row for row: for few rows."""

    names: Callable[[int], Sequence[str]]

    def of_row(self, row: int) -> tuple[str, ...]:
        return tuple(self.names(row))

    def counts(self, rows: Ints) -> Iterable[tuple[str, int]]:
        return Counter(name for row in rows.tolist() for name in self.names(row) or ("",)).items()


def most_common(counts: Mapping[str, int]) -> str:
    """Up to three names, the most frequent first: `cuda, rocm, cann and 2 more`."""
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(name for name, _ in ranked[:_SHOWN])
    return shown if len(ranked) <= _SHOWN else f"{shown} and {len(ranked) - _SHOWN} more"


def any_of(names: Sequence[str]) -> str:
    """A wish for any of `names`: `a, b or c`."""
    if len(names) <= 1:
        return "".join(names)
    if len(names) > _SHOWN:
        return f"{', '.join(names[:_SHOWN])} or {len(names) - _SHOWN} more"
    return f"{', '.join(names[:-1])} or {names[-1]}"


def show_performance(gflops: int, precision: Precision | None) -> str:
    """`300 TFLOPS fp16`, `600 TOPS int8`."""
    shown = show_gflops(gflops, int8=precision is Precision.INT8)
    return f"{shown} {precision.value}" if precision else f"{shown} of no named precision"


def show_latency_us(value: int) -> str:
    """Microseconds as milliseconds, exactly: 12500 is `12.5 ms`."""
    return f"{value / 1000:.3f}".rstrip("0").rstrip(".") + " ms"


def tasks_text(count: int) -> str:
    """`1 task`, `16 tasks`."""
    return f"{count} task" if count == 1 else f"{count} tasks"
