"""Reads the text format of Prometheus and OpenMetrics: samples only, without comments and times."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from weir.core.errors import BadInput, Mistake

MAX_LINES = 100_000
_LINE = re.compile(
    r"(?P<name>[A-Za-z_:][\w:]*)\s*(?:\{(?P<labels>.*)\})?\s+(?P<value>\S+)(?:\s+\S+)?"
)
_LABEL = re.compile(r'\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)')
_ESCAPES = {"\\\\": "\\", '\\"': '"', "\\n": "\n"}


class Line(NamedTuple):
    """One sample: name, labels and value, which may be NaN."""

    name: str
    labels: dict[str, str]
    value: float


def parse(text: str) -> list[Line]:
    """Every sample of a text. Raises `BadInput` with the lines that are none."""
    found, mistakes = [], []
    for number, line in enumerate(text.split("\n")[:MAX_LINES], 1):
        stripped = line.split(" # {")[0].strip()  # without its exemplar
        if not stripped or stripped.startswith("#"):
            continue
        match = _LINE.fullmatch(stripped)
        labels = None if match is None else _labels(match["labels"] or "")
        value = None if match is None else _value(match["value"])
        if match is None or labels is None or value is None:
            mistakes.append(Mistake("output", f"is no sample: {stripped[:60]!r}", number))
        else:
            found.append(Line(match["name"], labels, value))
    if mistakes:
        raise BadInput("what was printed is not OpenMetrics", mistakes[:20])
    return found


def _labels(text: str) -> dict[str, str] | None:
    found, place = {}, 0
    for match in _matches(text):
        found[match[1]] = re.sub(r"\\.", lambda m: _ESCAPES.get(m[0], m[0]), match[2])
        place = match.end()
    return found if not text[place:].strip() else None


def _matches(text: str) -> Iterator[re.Match[str]]:
    place = 0
    while place < len(text) and (match := _LABEL.match(text, place)) is not None:
        place = match.end()
        yield match


def _value(text: str) -> float | None:
    try:
        return float(text.replace("Inf", "inf"))
    except ValueError:
        return math.nan if text.lower() == "nan" else None
