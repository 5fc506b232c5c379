"""What a run used over its time, as plots: paths in a view box, with what they mean beside them.

A plot has a line of what was used and one of what is held for the run. Where nothing was measured
there is no line. All of it pure.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from weir.console import figures
from weir.wire.usage import RunUsageAnswer

WIDTH, HEIGHT = 600.0, 96.0
HEADROOM = 1.08
MOST_POINTS = 240
"""More than a plot has room for; of several neighbors the highest is drawn."""

CPU, MEMORY, DEVICES = "CPU cores in use", "Memory in use", "Accelerators busy"
IN_POOL = "Accelerators busy in its whole pool"
TITLES = (CPU, MEMORY, DEVICES, IN_POOL)

Point = tuple[float, float | None]
"""A moment, and the value from the one before up to it; None where it is not known."""


@dataclass(frozen=True, slots=True)
class Plot:
    """One measure over time. `line` and `area` are paths; `held_y` is where what is held lies."""

    title: str
    line: str
    area: str
    held_y: float | None
    held: str
    last: str
    most: str
    top: str
    rows: tuple[tuple[float, str], ...]


def plots(run: RunUsageAnswer, until: float, pool_busy: Sequence[Point] = ()) -> list[Plot]:
    """The plots of a run from its start until it ended, or until now.

    `pool_busy` is how much of its pool's devices were busy, in percent: drawn where nothing tells
    what the run's own devices did.
    """
    begin = run.started_at
    end = run.ended_at if run.ended_at is not None else until
    if begin is None or end <= begin:
        return []
    span = (begin, end)
    cpu = [(p.at, _thousandth(p.cpu_milli)) for p in run.points]
    memory = [(p.at, _float(p.memory_bytes)) for p in run.points]
    devices = [(p.at, _thousandth(p.device_milli)) for p in run.points]
    found = [
        _plot(CPU, cpu, span, run.held_cpu_milli / 1000, _cores),
        _plot(MEMORY, memory, span, float(run.held_memory_bytes), _size),
        _plot(DEVICES, devices, span, run.held_device_milli / 1000, _cores),
    ]
    if run.held_device_milli and found[2] is None:
        found.append(_plot(IN_POOL, pool_busy, span, None, _share))
    return [plot for plot in found if plot is not None]


def _plot(
    title: str,
    points: Sequence[Point],
    span: tuple[float, float],
    held: float | None,
    show: Callable[[float], str],
) -> Plot | None:
    begin, end = span
    inside = [(at, v) for at, v in points if begin <= at <= end + 1]
    known = [v for _, v in inside if v is not None]
    if not known:
        return None
    top = 100.0 if show is _share else max([*known, held or 0.0]) * HEADROOM or 1.0

    def x(at: float) -> float:
        return WIDTH * min(1.0, max(0.0, (at - begin) / (end - begin)))

    def y(value: float) -> float:
        return HEIGHT * (1 - value / top)

    thin = thinned(inside)
    return Plot(
        title=title,
        line=" ".join(_steps(thin, begin, x, y)),
        area=" ".join(_areas(thin, begin, x, y)),
        held_y=None if not held else round(y(held), 1),
        held="" if not held else show(held),
        last=show(known[-1]),
        most=show(max(known)),
        top=show(top),
        rows=tuple((at, show(v)) for at, v in inside[-50:] if v is not None),
    )


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> list[Point]:
    """At most so many points: of each few neighbors the last moment, and the highest value."""
    each = -(-len(points) // most)
    if each <= 1:
        return list(points)
    groups = (points[first : first + each] for first in range(0, len(points), each))
    return [(g[-1][0], max((v for _, v in g if v is not None), default=None)) for g in groups]


Place = Callable[[float], float]


def _steps(points: Sequence[Point], begin: float, x: Place, y: Place) -> list[str]:
    """A line that holds each value from the moment before up to its own; broken where unknown."""
    said, before, drawn = [], begin, False
    for at, value in points:
        if value is None:
            drawn = False
        else:
            to = f"{y(value):.1f}H{x(at):.1f}"
            said.append(f"V{to}" if drawn else f"M{x(before):.1f} {to}")
            drawn = True
        before = at
    return said


def _areas(points: Sequence[Point], begin: float, x: Place, y: Place) -> list[str]:
    said, before = [], begin
    for at, value in points:
        if value is not None:
            said.append(f"M{x(before):.1f} {HEIGHT:.0f}V{y(value):.1f}H{x(at):.1f}V{HEIGHT:.0f}Z")
        before = at
    return said


def _thousandth(value: int | None) -> float | None:
    return None if value is None else value / 1000


def _float(value: int | None) -> float | None:
    return None if value is None else float(value)


def _cores(value: float) -> str:
    return f"{value:.2f}" if value < 10 else figures.number(round(value, 1))


def _size(value: float) -> str:
    return figures.size(round(value))


def _share(value: float) -> str:
    return figures.percent(value, 100)
