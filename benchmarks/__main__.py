"""Several benchmarks one after the other, and all their figures that have an aim in one table.

`python -m benchmarks packing optimal` runs these two. Each is a process of its own, so one that
can't run here (a server that is not installed, traces that are not there) stops none of the others:
it is listed as such, and what is amiss is in what it printed. The exit status is 1 if one broke
off; that a figure falls short is no failure of the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.tables import NOT_RUN, ROWS, WORDS, Row

BROKE_OFF = "broke off"


def main(names: Sequence[str]) -> int:
    """Run them, print what they print and then the table; the exit status."""
    found: list[tuple[str, Row]] = []
    broken: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            print(f"==> benchmarks.{name}", flush=True)
            kept = Path(folder) / f"{name}.jsonl"
            status = run(name, kept)
            found += [(name, row) for row in rows_of(kept)]
            if status:
                broken.append(name)
                found.append((name, Row(BROKE_OFF, f"exit status {status}")))
    show_all(found, [name for name in names if name not in {n for n, _ in found}])
    return 1 if broken else 0


def run(name: str, kept: Path) -> int:
    """Run one; the figures of its tables go to the file as well. Its exit status."""
    command = [sys.executable, "-m", f"benchmarks.{name}"]
    return subprocess.run(command, env={**os.environ, ROWS: str(kept)}, check=False).returncode


def rows_of(kept: Path) -> list[Row]:
    """The figures that a benchmark has left."""
    if not kept.exists():
        return []
    return [Row(**json.loads(line)) for line in kept.read_text().splitlines()]


def show_all(found: Sequence[tuple[str, Row]], silent: Sequence[str]) -> None:
    """Print every figure with an aim, what did not run, and how many reach theirs."""
    table = Table(title="All figures with an aim", title_justify="left")
    for heading in ("benchmark", "what", "measured", "aim", "result"):
        table.add_column(heading, overflow="fold")
    for name, row in found:
        if row.reached is not None or row.measured == NOT_RUN or row.what == BROKE_OFF:
            table.add_row(name, row.what, row.measured, row.aim, WORDS[row.reached])
    console = Console(highlight=False)
    console.print(table)
    if silent:
        console.print(f"Without such figures: {', '.join(silent)}.")
    reached = [row.reached for _, row in found if row.reached is not None]
    short = reached.count(False)
    console.print(f"{sum(reached)} of {len(reached)} figures pass, {short} fall short.")


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
