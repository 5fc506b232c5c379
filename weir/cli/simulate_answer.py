"""What `weir simulate` answers: a table, JSON, and a folder with the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from weir.cli.output import Column, Sheet, note, say, show_sheet

if TYPE_CHECKING:
    from weir.sim.report import Page
    from weir.sim.summary import Run


def show_runs(runs: Sequence[Run], notes: Sequence[str], *, wide: bool = False) -> None:
    """Print the measures, a column a policy (or an alternative), the best of a row marked."""
    from weir.sim.report import headline, lead
    from weir.sim.summary import columns

    gathered = columns(runs)
    sheet = Sheet((Column(""), *(Column(c.label, right=True) for c in gathered)))
    marked = False
    for _, name, texts, best in headline(gathered):
        marked = marked or bool(best)
        sheet.add(name, *(f"* {t}" if i in best else t for i, t in enumerate(texts)))
    say(lead(gathered))
    say()
    show_sheet(sheet, wide=wide)
    if marked:
        say("* the best of its row", style="dim")
    for line in (*notes, *gathered[0].first.notes):
        note(line)


def print_runs(runs: Sequence[Run]) -> None:
    """Print JSON: the object of the only simulation, or all of them under `runs`."""
    from weir.sim.report import means
    from weir.sim.summary import columns, to_json

    objects = [_small(to_json(run)) for run in runs]
    if len(objects) == 1:
        click.echo(json.dumps(objects[0], indent=2, allow_nan=False))
        return
    answer: dict[str, Any] = {"runs": objects}
    gathered = columns(runs)
    if len(gathered) < len(runs):
        answer["means"] = means(gathered)
    click.echo(json.dumps(answer, indent=2, allow_nan=False))


def _small(found: dict[str, Any]) -> dict[str, Any]:
    """Without users, and without sites and members where there is but one: they are in --out."""
    return {
        key: value
        for key, value in found.items()
        if key != "users" and not (key in ("sites", "homes") and len(value) < 2)
    }


def write_report(folder: Path, runs: Sequence[Run], page: Page) -> None:
    """Write report.html and result.json into a folder, which is made if it is not there."""
    from weir.sim.report import report, result

    folder.mkdir(parents=True, exist_ok=True)
    numbers = json.dumps(result(runs, page), indent=2, allow_nan=False)
    (folder / "result.json").write_text(numbers + "\n", encoding="utf-8")
    (folder / "report.html").write_text(report(runs, page), encoding="utf-8")
    note(f"the report is {folder / 'report.html'}, its numbers are in {folder / 'result.json'}")
