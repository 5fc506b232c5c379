"""Answers about the past: indicators and series over time."""

from __future__ import annotations

from weir.wire.base import Answer

Reading = tuple[float, float]
"""A moment (the begin of its bucket, seconds since 1970) and the value there."""


class GapAnswer(Answer):
    """A time of which samples were thrown away before they came here."""

    cluster: str
    begin: float
    end: float
    reason: str


class HistoryOfIndicator(Answer):
    """An indicator over time. Where nothing is known there is no point.

    `step_s` is the width of the buckets that it was answered from. `by` has its parts. `coverage`
    is the share of the time asked for, up to now, that samples cover; 0 to 1.
    """

    name: str
    label: str
    label_zh: str
    unit: str
    law: str
    definition: str
    step_s: int
    points: tuple[Reading, ...]
    by: dict[str, tuple[Reading, ...]]
    coverage: float | None = None


class IndicatorsAnswer(Answer):
    """Indicators over time, of all that this domain has below it or of what lies `under` one."""

    begin: float
    end: float
    step_s: int
    under: str | None
    indicators: tuple[HistoryOfIndicator, ...]
    gaps: tuple[GapAnswer, ...]


class SeriesAnswer(Answer):
    """One series: points of (begin of the bucket, value, least, most, samples); of each in
    `covered_s` for how many seconds its samples stand.
    """

    subject: str
    metric: str
    part: str
    unit: str
    step_s: int
    points: tuple[tuple[float, float, float, float, int], ...]
    covered_s: tuple[int, ...] = ()
