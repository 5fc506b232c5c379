"""The report of some simulations side by side: one HTML file that needs nothing else.

Laws: no script, no other host, nothing to fetch. All text from outside is escaped. Numbers come
from `results.MEASURES`, written by `shown`, so that they are those of the table and of the JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib import resources
from string import Template
from typing import Any

from weir.sim import plots
from weir.sim.drawing import COLORS, need_matplotlib
from weir.sim.results import BY_NAME, EVERY, Measure, Number
from weir.sim.shown import cells, label, one
from weir.sim.summary import Column, Run, columns, to_json

SPENT = ("money", "g", "Wh", "bytes", "work", "share")
"""Units of which a row of nothing but zeros is left out."""

COUNTED = ("placed", "finished", "never_started", "unallocated_gpu_percent")
"""Measures that compare also where not the same jobs were done."""

MOST_ROWS = 40
"""Users and members that the report shows; result.json has all."""


@dataclass(frozen=True, slots=True)
class Page:
    """What a report says beside the numbers: its title, how it was made, and what to know."""

    title: str
    command: str
    notes: tuple[str, ...] = ()


def result(runs: Sequence[Run], page: Page) -> dict[str, Any]:
    """All numbers of all simulations, as result.json has them.

    With several seeds, `means` has the mean of each column over its seeds.
    """
    gathered = columns(runs)
    found: dict[str, Any] = {
        "title": page.title,
        "command": page.command,
        "notes": [*page.notes, *_notes_of(gathered)],
        "measures": {m.name: {"label": m.label, "unit": m.unit} for m in EVERY},
        "runs": [to_json(run) for run in runs],
    }
    if any(len(c.runs) > 1 for c in gathered):
        found["means"] = means(gathered)
    return found


def means(gathered: Sequence[Column]) -> list[dict[str, Any]]:
    """A column with its numbers as means over the seeds."""
    return [
        {"policy": c.policy, "network": c.network, "seeds": [r.seed for r in c.runs], **c.numbers}
        for c in gathered
    ]


def headline(gathered: Sequence[Column]) -> Iterator[tuple[Measure, str, list[str], set[int]]]:
    """The rows of the table that compares: measure, name, a cell a column, and which are best.

    Only what is known of at least one column. Best is marked where columns differ as shown, and
    only between columns that did the same jobs: who leaves the long ones undone has short waits.
    Of networks of several sizes the fullest is not the best.
    """
    first = gathered[0].first
    same_jobs = len({(c.numbers["placed"], c.numbers["finished"]) for c in gathered}) == 1
    same_size = len({c.first.capacity for c in gathered}) == 1
    for measure in EVERY:
        values = [column.numbers[measure.name] for column in gathered]
        if not measure.shown or all(v is None for v in values):
            continue
        if measure.unit in SPENT and not any(values):
            continue
        texts = cells(measure, values, first.currency)
        fair = same_jobs or measure.name in COUNTED
        fair = fair and (same_size or measure.name != "utilisation")
        best = _best(measure, values, texts) if fair else set[int]()
        yield measure, label(measure, first.devices), texts, best


def _best(measure: Measure, values: Sequence[Number], texts: Sequence[str]) -> set[int]:
    known = [v for v in values if v is not None]
    if not measure.better or len(set(texts)) < 2 or len(known) < 2:
        return set()
    top = max(known) if measure.better > 0 else min(known)
    shown = {text for text, value in zip(texts, values, strict=True) if value == top}
    return {i for i, text in enumerate(texts) if text in shown}


def report(runs: Sequence[Run], page: Page) -> str:
    """The whole page as HTML. Raises `BadInput` if there is no matplotlib to draw with."""
    need_matplotlib()
    gathered = columns(runs)
    template = resources.files("weir.sim").joinpath("report.html").read_text(encoding="utf-8")
    parts = [*_numbers(gathered), *_plots(gathered), *_groups(gathered), *_made(gathered, page)]
    return Template(template).substitute(
        title=escape(page.title), lead=escape(lead(gathered)), body="\n".join(parts)
    )


def lead(gathered: Sequence[Column]) -> str:
    """What was simulated, in a sentence: jobs, capacity, sites."""
    first = gathered[0].first
    amount = one(first.capacity, 1.0, "devices" if first.devices else "cores", 0)
    sites = len(first.sites)
    where = f"{sites} sites" if sites > 1 else "one site"
    jobs = one(gathered[0].numbers["jobs"], 1.0, "jobs", 0)
    seeds = len(gathered[0].runs)
    repeated = f", each with {seeds} seeds" if seeds > 1 else ""
    return f"{jobs} of {first.workload} on {amount} at {where}{repeated}."


def _numbers(gathered: Sequence[Column]) -> Iterator[str]:
    rows = []
    for measure, name, texts, best in headline(gathered):
        marks = [' class="best"' if i in best else "" for i in range(len(texts))]
        shown = "".join(
            f"<td{mark}>{escape(text)}{_range(column, measure)}</td>"
            for text, mark, column in zip(texts, marks, gathered, strict=True)
        )
        rows.append(f"<tr><td>{escape(name)}</td>{shown}</tr>")
    heads = "".join(f"<th>{_key(i, c)}</th>" for i, c in enumerate(gathered))
    yield "<h2>In numbers</h2>"
    yield f'<div class="scroll"><table><tr><th></th>{heads}</tr>{"".join(rows)}</table></div>'
    said = (
        "The best of a row is marked where columns did the same jobs. " if len(gathered) > 1 else ""
    )
    yield (
        f'<p class="small">{said}Waits are those of jobs that started, completion times and '
        "slowdowns those of jobs that finished. Bounded slowdown is completion time over run time, "
        "a run under 10 s counted as 10 s. Utilization is work done over capacity, from the first "
        "submission to the last end.</p>"
    )


def _range(column: Column, measure: Measure) -> str:
    """The least and the most over the seeds, where they differ."""
    low, high = column.extremes(measure.name)
    if len(column.runs) == 1 or low is None or low == high or measure.name == "wall_s":
        return ""
    texts = cells(measure, [low, high], column.first.currency)
    return f'<span class="range">{escape(texts[0])} to {escape(texts[1])}</span>'


def _key(number: int, column: Column) -> str:
    color = f"var(--c{number % COLORS})"
    return f'<span class="key" style="background:{color}"></span>{escape(column.label)}'


def _plots(gathered: Sequence[Column]) -> Iterator[str]:
    many = " (of the first seed)" if len(gathered[0].runs) > 1 else ""
    yield f"<h2>Over time{many}</h2>"
    yield _figure(
        plots.over_time(gathered),
        "Lines are means over short spans of time; the shade around them is from the lowest to the "
        "highest value in each."
        + (STOPPED if any(c.first.numbers["lost_h"] for c in gathered) else ""),
    )
    yield "<h2>Waits and slowdowns</h2>"
    yield _figure(
        plots.distributions(gathered),
        "Of all jobs, also those that never started: a line that ends below 100 % leaves these "
        "out. Waits under a second are drawn at 1 s; slowdown `none` is less than 1.1.",
    )
    if any(len(c.first.sites) > 1 for c in gathered):
        yield "<h2>Sites</h2>"
        yield _figure(plots.sites(gathered), "")
        yield _figure(
            plots.sites_over_time(gathered),
            "A lane is a site; a lane filled to its top is a site with everything in use."
            + (f" The first {plots.PANELS} columns." if len(gathered) > plots.PANELS else ""),
        )
    spent = plots.spent(gathered)
    if spent is not None:
        yield "<h2>Cost and carbon</h2>"
        yield _figure(spent, "What a job cost is spread evenly over its run.")


def _figure(svg: str, caption: str) -> str:
    below = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return f"<figure>{svg}{below}</figure>"


STOPPED = (
    " A job that was stopped in between is drawn evenly from its first start to its end, with what "
    "it had on average; what that comes to above 100 % is drawn as 100 %."
)

SITE_COLUMNS = (
    ("capacity", "Capacity"),
    ("utilisation", "Utilization"),
    ("demand", "Own demand"),
    ("jobs", "Jobs run"),
    ("work_h", "Device-hours"),
    ("mean_wait_s", "Mean wait"),
    ("p95_wait_s", "Wait, p95"),
    ("cost", "Cost"),
    ("carbon_g", "Carbon"),
    ("energy_wh", "Energy"),
    ("moved_bytes", "Data moved"),
)
MEMBER_COLUMNS = (
    ("jobs", "Jobs"),
    ("never_started", "Never started"),
    ("work_h", "Device-hours"),
    ("mean_wait_s", "Mean wait"),
    ("p95_wait_s", "Wait, p95"),
    ("mean_slowdown", "Mean slowdown"),
    ("away_share", "Done away"),
    ("cost", "Cost"),
    ("carbon_g", "Carbon"),
    ("energy_wh", "Energy"),
    ("moved_bytes", "Data moved"),
)
UNITS: Mapping[str, Measure] = {
    **BY_NAME,
    "capacity": Measure("capacity", "", "count", lambda _: None),
    "demand": Measure("demand", "", "share", lambda _: None),
}


def _groups(gathered: Sequence[Column]) -> Iterator[str]:
    """A table of sites, of members and of users for each column."""
    for title, kind, heads in (
        ("Per site", "sites", SITE_COLUMNS),
        ("Per member", "homes", MEMBER_COLUMNS),
        ("Per user", "users", MEMBER_COLUMNS),
    ):
        found = [getattr(c.first, kind) for c in gathered]
        if all(len(rows) < 2 for rows in found):
            continue
        yield f"<h2>{title}</h2>"
        if kind == "sites" and any(r["demand"] is not None for rows in found for r in rows):
            yield (
                '<p class="small">Own demand is the work that a site\'s own members submitted '
                "over what the site could do in the same time; more than 100 % can't be done at "
                "home.</p>"
            )
        for number, (column, rows) in enumerate(zip(gathered, found, strict=True)):
            if len(gathered) > 1:
                yield f"<p><strong>{_key(number, column)}</strong></p>"
            yield _table(rows[:MOST_ROWS], heads, column)
            if len(rows) > MOST_ROWS:
                yield f'<p class="small">{len(rows) - MOST_ROWS} more are in result.json.</p>'


def _table(
    rows: Sequence[Mapping[str, Any]], heads: Sequence[tuple[str, str]], column: Column
) -> str:
    first = column.first
    kept = [(key, name) for key, name in heads if any(r.get(key) for r in rows)]
    shown = [cells(UNITS[key], [r.get(key) for r in rows], first.currency) for key, _ in kept]
    names = [n if first.devices else n.replace("Device-", "Core-") for _, n in kept]
    head = "".join(f"<th>{escape(name)}</th>" for name in names)
    body = "".join(
        f"<tr><td>{escape(str(row['name']))}</td>"
        + "".join(f"<td>{escape(texts[i])}</td>" for texts in shown)
        + "</tr>"
        for i, row in enumerate(rows)
    )
    return f'<div class="scroll"><table><tr><th></th>{head}</tr>{body}</table></div>'


def _made(gathered: Sequence[Column], page: Page) -> Iterator[str]:
    yield "<h2>How this was made</h2>"
    yield f"<pre>{escape(page.command)}</pre>"
    notes = [*page.notes, *_notes_of(gathered)]
    if notes:
        yield f"<ul>{''.join(f'<li>{escape(n)}</li>' for n in notes)}</ul>"
    yield '<p class="small">All numbers are in result.json beside this file.</p>'


def _notes_of(gathered: Sequence[Column]) -> list[str]:
    """What the workload says of itself, and since when it counts."""
    first = gathered[0].first
    found = list(first.notes)
    if math.isfinite(first.epoch_s):
        from datetime import UTC, datetime

        began = datetime.fromtimestamp(first.epoch_s, UTC)
        found.append(f"Second 0 is {began:%Y-%m-%d %H:%M:%S} UTC.")
    return found
