"""The report's plots: the same color for the same column throughout. See `drawing` for the laws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from weir.sim.drawing import GRID, INK, color_of, plot, style_of
from weir.sim.results import BY_NAME
from weir.sim.series import SLOWDOWN_EDGES, Band, Curve
from weir.sim.shown import ladder
from weir.sim.summary import Column
from weir.sim.workload import Floats

if TYPE_CHECKING:
    from matplotlib.axes import Axes

ROW_CHARACTERS = 110
"""About so many characters fit into one row of names."""

PANELS = 3
"""Columns whose sites are shown over time."""

MOST_SITES = 24
"""Sites that get a bar; of more, the largest."""


def over_time(columns: Sequence[Column]) -> str:
    """Utilization, and jobs in the queue, over time."""

    def draw(axes: list[Axes]) -> None:
        unit, size = _time_unit(columns)
        for number, column in enumerate(columns):
            kept = column.first
            capacity = kept.capacity or 1.0
            width = _width(number, len(columns))
            full = _at_most(kept.series.work, capacity)
            _draw_band(axes[0], full, number, size, 100.0 / capacity, width)
            _draw_band(axes[1], kept.series.queue, number, size, 1.0, width)
        axes[0].set_title("Utilization (%)")
        axes[0].set_ylim(0, 105)
        axes[0].set_yticks([0, 25, 50, 75, 100])
        axes[1].set_title("Jobs in the queue")
        _maybe_log(axes[1], [c.first.series.queue for c in columns])
        axes[1].set_xlabel(f"{unit} since the first job")
        for each in axes:
            each.set_xlim(0, None)
            each.grid(axis="x", visible=False)
            each.margins(x=0)
        _legend(axes[0], columns)

    return plot("over-time", "Utilization and queue over time", draw, 5.0, rows=2)


def _at_most(band: Band, top: float) -> Band:
    """Jobs that were stopped are drawn by their mean, and that may come to more than there is."""
    low, mean, high = (np.minimum(values, top) for values in (band.low, band.mean, band.high))
    return Band(band.at_s, mean, low, high)


def _draw_band(
    axes: Axes, band: Band, number: int, size: float, scale: float, width: float
) -> None:
    middle = ((band.at_s[:-1] + band.at_s[1:]) / 2 - band.at_s[0]) / size
    style = style_of(number)
    axes.fill_between(
        middle,
        band.low * scale,
        band.high * scale,
        color=style["color"],
        alpha=0.13,
        linewidth=0,
    )
    axes.plot(middle, band.mean * scale, linewidth=width, **style)


def _maybe_log(axes: Axes, bands: Sequence[Band]) -> None:
    """A scale that shows the small ones where one queue is far longer than another."""
    peaks = [float(b.high.max(initial=0.0)) for b in bands]
    if len(peaks) > 1 and max(peaks) > 25 * max(min(peaks), 1.0):
        axes.set_yscale("symlog", linthresh=10)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}".replace(",", " "))
    axes.set_ylim(0, None)


def _time_unit(columns: Sequence[Column]) -> tuple[str, float]:
    span = max(float(np.ptp(c.first.series.work.at_s)) for c in columns)
    for name, size in (("Days", 86400.0), ("Hours", 3600.0), ("Minutes", 60.0)):
        if span > 3 * size:
            return name, size
    return "Seconds", 1.0


def _legend(axes: Axes, columns: Sequence[Column]) -> None:
    """Which color is which, above the whole figure; nothing to tell where there is one column."""
    from matplotlib.lines import Line2D

    figure = axes.get_figure()
    if len(columns) < 2 or figure is None:
        return
    lines = [Line2D([], [], label=c.label, **style_of(n)) for n, c in enumerate(columns)]
    figure.legend(
        handles=lines,
        loc="outside upper left",
        ncols=max(1, ROW_CHARACTERS // (4 + max(len(c.label) for c in columns))),
        handlelength=1.6,
        borderpad=0.1,
        columnspacing=1.6,
    )


def distributions(columns: Sequence[Column]) -> str:
    """How waits and slowdowns are spread over the jobs."""

    def draw(axes: list[Axes]) -> None:
        waits, slow = axes
        farthest = 120.0
        for number, column in enumerate(columns):
            wait = column.first.series.wait
            if not len(wait.value):
                continue
            farthest = max(farthest, float(wait.value[-1]))
            x = np.maximum(wait.value, 1.0)
            x, y = np.concatenate(([1.0], x)), np.concatenate(([0.0], wait.share)) * 100
            waits.plot(
                x,
                y,
                drawstyle="steps-post",
                linewidth=_width(number, len(columns)),
                **style_of(number),
            )
        waits.set_xscale("log")
        waits.set_xlim(1, farthest * 1.1)
        waits.set_ylim(0, 103)
        waits.set_title("Jobs that waited no longer than ... (%)")
        _wait_ticks(waits, farthest)
        _legend(waits, columns)
        _slowdown_bars(slow, columns)

    return plot("distributions", "How waits and slowdowns are spread", draw, 3.1, columns=2)


def _wait_ticks(axes: Axes, farthest: float) -> None:
    named = (
        (1, "1 s"), (10, "10 s"), (60, "1 min"), (600, "10 min"), (3600, "1 h"),
        (36000, "10 h"), (86400 * 3, "3 d"), (86400 * 30, "30 d"), (86400 * 365, "1 y"),
    )  # fmt: skip
    shown = [(at, text) for at, text in named if at <= farthest * 1.1]
    axes.set_xticks([at for at, _ in shown], [text for _, text in shown])
    axes.minorticks_off()


def _slowdown_bars(axes: Axes, columns: Sequence[Column]) -> None:
    names = ["none", "2x", "5x", "10x", "50x", "100x", "1000x", "more"]
    assert len(names) == len(SLOWDOWN_EDGES) - 1, "a name for each bin"
    shares = [c.first.series.slowdown_bins for c in columns]
    last = max((i for s in shares for i, v in enumerate(s) if v > 0), default=0)
    width = 0.8 / len(columns)
    for number, each in enumerate(shares):
        at = np.arange(last + 1) - 0.4 + width * (number + 0.5)
        axes.bar(at, np.array(each[: last + 1]) * 100, width * 0.92, color=color_of(number))
    axes.set_xticks(range(last + 1), names[: last + 1])
    axes.set_title("Jobs by bounded slowdown, up to ... (%)")
    axes.grid(axis="x", visible=False)
    axes.tick_params(axis="x", length=0)


def _site_names(columns: Sequence[Column]) -> list[str]:
    """The sites of all columns that have any of what is counted, the largest first."""
    size = {str(row["name"]): float(row["capacity"]) for c in columns for row in c.first.sites}
    some = [name for name in size if size[name] > 0]
    return sorted(some, key=lambda name: (-size[name], name))[:MOST_SITES]


def sites(columns: Sequence[Column]) -> str:
    """How full each site was, and how long its jobs waited."""
    names = _site_names(columns)

    def draw(axes: list[Axes]) -> None:
        found = [{str(r["name"]): r for r in c.first.sites} for c in columns]
        waits = [r["p95_wait_s"] for by_name in found for r in by_name.values()]
        size, unit = ladder(BY_NAME["p95_wait_s"].unit, waits, "")
        _site_bars(axes[0], names, [_column(f, names, "utilisation", 100) for f in found])
        _site_bars(axes[1], names, [_column(f, names, "p95_wait_s", 1 / size) for f in found])
        axes[0].set_title("Utilization (%)")
        axes[0].set_xlim(0, 105)
        axes[1].set_title(f"Wait, 95th percentile ({unit})")
        axes[1].set_yticklabels([])
        _legend(axes[0], columns)

    tall = 0.9 + len(names) * (0.16 + 0.11 * len(columns))
    return plot("sites", "Sites", draw, tall, columns=2)


def _column(
    by_name: dict[str, dict[str, Any]], names: Sequence[str], key: str, scale: float
) -> list[float]:
    values = [by_name.get(n, {}).get(key) for n in names]
    return [0.0 if v is None else float(v) * scale for v in values]


def _site_bars(axes: Axes, names: Sequence[str], values: Sequence[Sequence[float]]) -> None:
    height = 0.76 / len(values)
    for number, each in enumerate(values):
        at = np.arange(len(names)) - 0.38 + height * (number + 0.5)
        axes.barh(at, each, height * 0.9, color=color_of(number))
    axes.set_yticks(range(len(names)), names)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)


def sites_over_time(columns: Sequence[Column]) -> str:
    """How full each site was over time: a lane a site, a panel for each of the first columns."""
    shown = columns[:PANELS]
    names = _site_names(columns)

    def draw(axes: list[Axes]) -> None:
        unit, size = _time_unit(shown)
        for number, (panel, column) in enumerate(zip(axes, shown, strict=True)):
            bands = dict(column.first.series.sites)
            have = {str(r["name"]): float(r["capacity"]) for r in column.first.sites}
            for row, name in enumerate(names):
                if name in bands and have.get(name):
                    full = bands[name].mean / have[name]
                    _strip(panel, row, full, bands[name], size, color_of(number))
            panel.set_yticks(range(len(names)), names if panel is axes[0] else [""] * len(names))
            panel.tick_params(axis="y", labelcolor=INK)
            panel.set_ylim(len(names) - 0.5, -0.5)
            panel.set_title(column.label)
            panel.set_xlabel(f"{unit} since the first job")
            panel.grid(visible=False)

    tall = 0.9 + 0.24 * len(names)
    return plot("sites-over-time", "Sites over time", draw, tall, columns=len(shown))


def _strip(axes: Axes, row: int, full: Floats, band: Band, size: float, color: str) -> None:
    """One site as a filled line in its lane: the lane's top is all of the site in use."""
    x = (band.at_s - band.at_s[0]) / size
    top = row + 0.42 - 0.84 * np.clip(full, 0.0, 1.0)
    axes.fill_between(x, np.append(top, top[-1]), row + 0.42, step="post", color=color, linewidth=0)
    axes.axhline(row + 0.42, color=GRID, linewidth=0.7)


def spent(columns: Sequence[Column]) -> str | None:
    """Cost and carbon as they add up; None where neither is known."""
    panels = [
        (name, unit, curves)
        for name, unit, curves in (
            ("Cost so far", "money", [c.first.series.cost for c in columns]),
            ("Carbon so far", "g", [c.first.series.carbon for c in columns]),
        )
        if any(curve is not None and curve.total[-1] > 0 for curve in curves)
    ]
    if not panels:
        return None

    def draw(axes: list[Axes]) -> None:
        at_unit, at_size = _time_unit(columns)
        for each, (name, unit, curves) in zip(axes, panels, strict=True):
            totals = [float(c.total[-1]) for c in curves if c is not None]
            size, text = ladder(unit, totals, columns[0].first.currency)
            _curves(each, curves, at_size, size)
            each.set_title(f"{name} ({text})")
            each.set_xlabel(f"{at_unit} since the first job")
            each.grid(axis="x", visible=False)
        _legend(axes[0], columns)

    return plot("spent", "Cost and carbon over time", draw, 3.0, columns=len(panels))


def _curves(axes: Axes, curves: Sequence[Curve | None], at: float, size: float) -> None:
    """Lines that end in a dot: there it has been paid."""
    for number, curve in enumerate(curves):
        if curve is None:
            continue
        x, y = (curve.at_s - curve.at_s[0]) / at, curve.total / size
        axes.plot(x, y, linewidth=_width(number, len(curves)), **style_of(number))
        axes.plot(x[-1:], y[-1:], "o", markersize=5, color=color_of(number), clip_on=False)
    axes.set_ylim(0, None)
    axes.set_xlim(0, None)
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:,.6g}".replace(",", " "))


def _width(number: int, columns: int) -> float:
    """Later lines are thinner, so that one under another still shows at its rims."""
    return 1.4 + 0.9 * (columns - 1 - number) / max(columns - 1, 1) if columns > 1 else 1.8
