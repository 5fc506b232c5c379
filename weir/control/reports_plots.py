"""The lines of a sheet as SVG: an indicator over the month, hour by hour, breaks where nothing is.

Laws: the same input gives the same text. Colors are names (`var(--ink)`) that the page chooses.
A line is broken where a bucket lacks: what is not known is not drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from html import escape
from math import floor, isfinite, log10

from weir.control.reports_shown import shown
from weir.core.report import Figure, MonthReport, Reading

WIDTH, HEIGHT = 460, 170
LEFT, RIGHT, TOP, BOTTOM = 66, 8, 26, 22
DAY_S = 86400


def plot(figure: Figure, name: str, report: MonthReport) -> str:
    """One indicator's line; empty where there is none."""
    points = [p for p in figure.points if isfinite(p[1])]
    if len(points) < 2:
        return ""
    low, high, marks = scale([v for _, v in points])
    span = report.end - report.begin

    def across(at: float) -> float:
        return LEFT + (at - report.begin) / span * (WIDTH - LEFT - RIGHT)

    def up(value: float) -> float:
        return HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(name)}">',
        f'<text x="0" y="14" class="name">{escape(name)}</text>',
    ]
    for mark in marks:
        y = up(mark)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(
            f'<text x="{LEFT - 6}" y="{y + 3.5:.1f}" text-anchor="end">'
            f"{escape(shown(mark, figure.unit))}</text>"
        )
    for day, at in _days(report):
        parts.append(
            f'<text x="{across(at):.1f}" y="{HEIGHT - 6}" text-anchor="middle">{day}</text>'
        )
    for stretch in stretches(points, report.width_s):
        # Each value stands for its bucket; the line goes through the middle of it.
        way = " ".join(
            f"{across(at + report.width_s / 2):.1f},{up(value):.1f}" for at, value in stretch
        )
        if len(stretch) == 1:
            x, _, height = way.partition(",")
            parts.append(f'<circle cx="{x}" cy="{height}" r="1.4"/>')
        else:
            parts.append(f'<polyline points="{way}"/>')
    return "".join([*parts, "</svg>"])


def stretches(points: Sequence[Reading], width: int) -> Iterator[list[Reading]]:
    """The points in pieces without a bucket that lacks."""
    piece: list[Reading] = []
    for point in points:
        if piece and point[0] - piece[-1][0] > width * 1.5:
            yield piece
            piece = []
        piece.append(point)
    if piece:
        yield piece


def scale(values: Sequence[float]) -> tuple[float, float, list[float]]:
    """Bottom, top and the marks of an axis on which all values lie. A flat line lies in the middle;
    what is nowhere below zero and goes near it begins at zero.
    """
    low, high = min(values), max(values)
    if low >= 0 and low < 0.6 * high:
        low = 0.0
    if low == high:
        half = abs(low) / 2 or 1.0
        low, high = (low - half, high + half) if low else (0.0, 1.0)
    step = _round_up((high - low) / 3)
    bottom = floor(low / step + 1e-9) * step
    count = 1
    while bottom + count * step < high - step * 1e-9:
        count += 1
    return bottom, bottom + count * step, [bottom + n * step for n in range(count + 1)]


def _round_up(value: float) -> float:
    """The next of 1, 2, 2.5, 5, 10 times a power of ten."""
    power = 10.0 ** floor(log10(value))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= value * (1 - 1e-9))


def _days(report: MonthReport) -> Iterator[tuple[int, float]]:
    """The first of the month and every fifth day, and when each begins."""
    at = report.begin
    while at < report.end:
        day = (datetime.fromtimestamp(at, UTC) + timedelta(seconds=report.zone_s)).day
        if day == 1 or day % 5 == 0:
            yield day, at
        at += DAY_S
