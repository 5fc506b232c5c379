"""A timeline (Gantt) of jobs: a row for each pool, a bar for each job, stacked if they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from weir.wire.jobs import JobAnswer

WIDTH, LEFT, LANE, GAP = 1000.0, 0.0, 16.0, 12.0
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
MOST_LANES = 12
"""A pool that has more jobs at once shows the rest in its last lane, over one another."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A job's time: waiting (thin, before) and running."""

    job: JobAnswer
    x: float
    width: float
    waited_x: float
    y: float


@dataclass(frozen=True, slots=True)
class Row:
    """A pool's bars."""

    site: str
    pool: str
    y: float
    height: float
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Rows from top to bottom, and (x, time) of the marks on the axis."""

    height: float
    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, float], ...]
    began: float
    ended: float


def draw(jobs: Sequence[JobAnswer], now: float) -> Timeline | None:
    """The jobs that have started, up to now; None if none has."""
    started = [j for j in jobs if j.started_at is not None]
    if not started:
        return None
    began = min(min(_start(j), j.submitted_at) for j in started)
    ended = max(now if j.ended_at is None else j.ended_at for j in started)
    span = max(1.0, ended - began)
    scale = WIDTH / span
    rows: dict[tuple[str, str], list[JobAnswer]] = {}
    for job in started:
        where = (job.site_name or (job.place[-1] if job.place else "–"), job.pool_name or "–")
        rows.setdefault(where, []).append(job)
    y, drawn = GAP, []
    for (site, pool), group in sorted(rows.items()):
        row = _row(site, pool, sorted(group, key=_start), y, began, now, scale)
        drawn.append(row)
        y += row.height + GAP
    step = next((s for s in STEPS_S if span / s <= 8), STEPS_S[-1])
    first = -(-began // step) * step
    ticks = [
        (scale * (first + n * step - began), first + n * step) for n in range(int(span // step) + 1)
    ]
    return Timeline(y, tuple(drawn), tuple(t for t in ticks if t[0] <= WIDTH), began, ended)


def _start(job: JobAnswer) -> float:
    assert job.started_at is not None
    return job.started_at


def _row(
    site: str, pool: str, group: list[JobAnswer], y: float, began: float, now: float, scale: float
) -> Row:
    lanes: list[float] = []
    bars = []
    for job in group:
        start = _start(job)
        end = now if job.ended_at is None else job.ended_at
        lane = next((n for n, until in enumerate(lanes) if until <= start), len(lanes))
        if lane >= MOST_LANES:
            lane = MOST_LANES - 1
        if lane == len(lanes):
            lanes.append(end)
        lanes[lane] = max(lanes[lane], end)
        x, width = scale * (start - began), max(2.0, scale * (end - start))
        waited = scale * (job.submitted_at - began)
        bars.append(Bar(job, x, width, min(x, waited), y + lane * LANE))
    return Row(site, pool, y, len(lanes) * LANE, tuple(bars))
