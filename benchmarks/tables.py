"""A result as a table: what, measured, aim, and whether it is reached, in plain words."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from rich.console import Console
from rich.table import Table

ROWS = "WEIR_BENCHMARK_ROWS"
"""The variable that names a file to add all figures to, for `python -m benchmarks`."""

NOT_RUN = "not run"
"""What is measured where something that the benchmark needs is not there."""

WORDS = {True: "pass", False: "falls short", None: ""}


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `reached` is None where there is no aim."""

    what: str
    measured: str
    aim: str = ""
    reached: bool | None = None


def show(title: str, rows: Sequence[Row], notes: Sequence[str] = ()) -> None:
    """Print the table and the machine that it was measured on."""
    console = Console(highlight=False)
    table = Table(title=title, title_justify="left")
    for heading in ("what", "measured", "aim", "result"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(row.what, row.measured, row.aim, WORDS[row.reached])
    console.print(table)
    for note in notes:
        console.print(note)
    load = psutil.getloadavg()[0]
    console.print(
        f"{psutil.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {load:.1f} at the end"
    )
    _keep(rows)


def _keep(rows: Sequence[Row]) -> None:
    """Add the figures to the file that somebody collects them in, if any."""
    if name := os.environ.get(ROWS):
        with Path(name).open("a") as file:
            # A figure of numpy's has its own kind of true and false.
            lines = [{**asdict(r), "reached": None if r.reached is None else bool(r.reached)}
                     for r in rows]  # fmt: skip
            file.writelines(f"{json.dumps(line)}\n" for line in lines)
