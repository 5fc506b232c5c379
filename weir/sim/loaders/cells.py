"""Texts of a column to numbers: what an amount, a duration or a date-time looks like in a trace.

Laws:
- Nothing is guessed: a text that is no such thing is a fault, which says what would be right.
- Equal texts are read once a chunk; logs repeat themselves.
- NaN and infinity are no numbers here, except where a caller says that infinity is one.
- A date-time without a time zone is in UTC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from weir.core import units
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.workload import Codes, Floats, Ints, Texts

Read = Callable[[str], float]

UNIX_FROM_S = 1e9
"""Numbers of seconds from here on (September 2001) are taken as Unix time."""

_START = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)


def converted(
    texts: Sequence[str],
    lines: Sequence[int],
    column: str,
    faults: Faults,
    read: Read,
    plain: float | None = None,
    kind: Any = np.float64,
) -> npt.NDArray[Any]:
    """The numbers of one column of a chunk, `kind` their type.

    `plain` is what an empty cell means; None if it may not be empty. `read` raises `ValueError`
    with a sentence; such cells go to `faults`, and are 0 in what is returned.
    """
    if isinstance(read, Seconds) and (quick := read.many(texts)) is not None:
        return quick
    good: dict[str, float] = {}
    bad: dict[str, str] = {}
    for text in set(texts):
        stripped = text.strip()
        if not stripped:
            if plain is None:
                bad[text] = "is empty, and a value is needed"
            else:
                good[text] = plain
            continue
        try:
            good[text] = read(stripped)
        except ValueError as error:
            bad[text] = str(error)
    if bad:
        for text, line in zip(texts, lines, strict=True):
            if text in bad:
                faults.add(line, column, bad[text])
    return np.array([good.get(text, 0) for text in texts], dtype=kind)


@dataclass(frozen=True, slots=True)
class Seconds:
    """Reads a duration: a number of units of `factor` seconds, or such as `1h30m` or `1:30:00`."""

    factor: float = 1.0
    infinite: bool = False

    def __call__(self, text: str) -> float:
        value = _float(text)
        if value is None:
            return float(units.parse_duration_s(text))
        if value < 0:
            raise ValueError(f"{quoted(text)} is negative; a duration is 0 or more")
        if math.isnan(value) or (math.isinf(value) and not self.infinite):
            raise ValueError(f"{quoted(text)} is no duration; write a number of seconds")
        return value * self.factor

    def many(self, texts: Sequence[str]) -> Floats | None:
        """The same for a column of plain numbers, at once; None if any needs a closer look."""
        values = _floats(texts)
        if values is None or not (np.isfinite(values) & (values >= 0)).all():
            return None
        return values * self.factor


def count(
    least: int = 0, most: int = units.LARGEST, noun: str = "a whole number"
) -> Callable[[str], int]:
    """Reads a whole number from `least` to `most`; `4.0` is one, `4.5` is not."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            number = _float(text)
            if number is None or not math.isfinite(number) or number != int(number):
                raise ValueError(f"{quoted(text)} is not {noun}") from None
            value = int(number)
        if "_" in text:
            raise ValueError(f"{quoted(text)} is not {noun}")
        if not least <= value <= most:
            above = f"it must be {least} or more" if value < least else f"the most is {most}"
            raise ValueError(f"{quoted(text)} is out of range: {above}")
        return value

    return read


def share(text: str) -> int:
    """Reads `device_milli`: a share of one device below 1000, or whole ones, 1000 each."""
    return units.parse_milli_devices(f"{count()(text)}m")


def yes_or_no(text: str) -> bool:
    """Reads `yes`, `true` or `1` and `no`, `false` or `0`."""
    word = text.lower()
    if word in ("yes", "true", "1"):
        return True
    if word in ("no", "false", "0"):
        return False
    raise ValueError(f"{quoted(text)} is neither yes nor no")


def number(text: str) -> float:
    """A finite number, negative or not."""
    value = _float(text)
    if value is None or not math.isfinite(value):
        raise ValueError(f"{quoted(text)} is not a number")
    return value


def _float(text: str) -> float | None:
    """The number that a text is; None if it is none. Python's `1_000` is none."""
    try:
        return None if "_" in text else float(text)
    except ValueError:
        return None


def _floats(texts: Sequence[str]) -> Floats | None:
    """The numbers that the texts are; None if any of them is none."""
    if "_" in "".join(texts):
        return None
    try:
        return np.array(list(map(float, texts)), dtype=np.float64)
    except ValueError:
        return None


@dataclass(slots=True)
class Instants:
    """A column of points in time: numbers of seconds, or date-times, but not both.

    Which of them, the first cell says. `factor` turns numbers into seconds; `form` is a
    `strptime` format for date-times that are not ISO 8601.
    """

    column: str
    factor: float = 1.0
    form: str | None = None
    dates: bool | None = None
    _parts: list[npt.NDArray[Any]] = field(default_factory=list)

    def take(self, texts: Sequence[str], lines: Sequence[int], faults: Faults) -> None:
        """The next chunk of texts."""
        if self.dates is None:
            first = next((text.strip() for text in texts if text.strip()), "")
            self.dates = self.form is not None or _float(first) is None
        if self.dates:
            part = converted(texts, lines, self.column, faults, self._date, kind=np.int64)
        else:
            quick = _floats(texts)
            if quick is not None and np.isfinite(quick).all():
                part = quick * self.factor
            else:
                part = converted(texts, lines, self.column, faults, self._number)
        self._parts.append(part)

    def seconds_after(self, origin: float | None = None) -> tuple[Floats, float]:
        """Seconds after `origin`, and the origin: the earliest of the column if None.

        The origin is in Unix time for date-times. Differences of date-times are exact to 1 us.
        """
        values = np.concatenate(self._parts) if self._parts else np.zeros(0)
        if not self.dates:
            start = float(values.min()) if origin is None else origin
            return values - start, start
        start_us = int(values.min()) if origin is None else round(origin * 1e6)
        return (values - start_us) / 1e6, start_us / 1e6

    def is_epoch(self, origin: float) -> bool:
        """Whether an origin of this column is Unix time: that of date-times, or a large number."""
        return bool(self.dates) or origin >= UNIX_FROM_S

    def _number(self, text: str) -> float:
        value = _float(text)
        if value is None:
            raise ValueError(f"{quoted(text)} is no number of seconds, as the rows above have")
        if not math.isfinite(value):
            raise ValueError(f"{quoted(text)} is no point in time; write a number of seconds")
        return value * self.factor

    def _date(self, text: str) -> int:
        try:
            if self.form is not None:
                moment = datetime.strptime(text, self.form)
            else:
                moment = datetime.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{quoted(text)} is no point in time; {self._right()}") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return (moment - _START) // _MICRO

    def _right(self) -> str:
        if self.form is not None:
            return f"the form asked for is {self.form}"
        return "write seconds or 2024-05-31T07:01:55 in all rows, or name the form of the times"


@dataclass(slots=True)
class TextColumn:
    """A column of texts, coded as it grows: an equal text is kept once."""

    _index: dict[str, int] = field(default_factory=dict)
    _parts: list[Codes] = field(default_factory=list)

    def take(self, texts: Sequence[str]) -> None:
        index = self._index
        codes = [index.setdefault(text, len(index)) if text else -1 for text in texts]
        self._parts.append(np.array(codes, dtype=np.int32))

    def texts(self) -> Texts:
        codes = np.concatenate(self._parts) if self._parts else np.zeros(0, dtype=np.int32)
        return Texts(codes, tuple(self._index))


@dataclass(slots=True)
class Parts:
    """Columns of numbers that grow chunk by chunk."""

    _parts: dict[str, list[npt.NDArray[Any]]] = field(default_factory=dict)

    def add(self, name: str, part: Floats | Ints) -> None:
        self._parts.setdefault(name, []).append(part)

    def whole(self) -> dict[str, npt.NDArray[Any]]:
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}
