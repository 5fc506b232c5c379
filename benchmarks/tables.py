"""A result as a table: what, measured, aim, and whether it is reached, in plain words."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass

import psutil
from rich.console import Console
from rich.table import Table


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
    words = {True: "pass", False: "falls short", None: ""}
    for row in rows:
        table.add_row(row.what, row.measured, row.aim, words[row.reached])
    console.print(table)
    for note in notes:
        console.print(note)
    load = psutil.getloadavg()[0]
    console.print(
        f"{psutil.cpu_count()} cores, Python {platform.python_version()}, "
        f"load {load:.1f} at the end"
    )
