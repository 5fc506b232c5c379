"""JSON lines as a table: an object a line, its keys the columns, its values the cells.

    {"submit_s": 0, "duration_s": 3600, "job": {"tasks": [{"devices": {"count": 8}}]}}

Laws:
- A cell is the text that a CSV would have: so what reads columns of a CSV reads these.
- `null` and a key that is left out are an empty cell; a list of names is joined by a bar.
- Lines at the beginning that begin with `#` are comments; blank lines are passed over.
- A line that is no object, or has a key that is no column, is a fault, and reading goes on.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from itertools import islice
from pathlib import Path
from typing import Any

from weir.core.errors import BadInput
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.opening import opened
from weir.sim.loaders.table import ROWS_PER_CHUNK, Chunk
from weir.sim.loaders.wishes import once


def read_lines(
    path: str | Path, faults: Faults, columns: Sequence[str], comments: list[str]
) -> Iterator[Chunk]:
    """Chunks with all `columns`. Raises `BadInput` for a file that can't be read, or has no rows;
    what is wrong with a line goes to `faults`.
    """
    any_row = False
    with opened(path) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8-sig")
        numbered = ((n, line) for n, line in enumerate(text, 1) if line.strip())
        try:
            while block := list(islice(numbered, ROWS_PER_CHUNK)):
                cells: dict[str, list[str]] = {name: [] for name in columns}
                lines: list[int] = []
                for number, line in block:
                    if not any_row and line.startswith("#"):
                        comments.append(line[1:].strip("\r\n"))
                        continue
                    any_row = True
                    row = _row(line, number, faults, columns)
                    if row is not None:
                        lines.append(number)
                        for name, column in cells.items():
                            column.append(row.get(name, ""))
                if lines:
                    yield Chunk(lines, cells)
        except UnicodeDecodeError as error:
            raise BadInput(f"{path} is no UTF-8 text: {error.reason}") from None
    if not any_row:
        raise BadInput(f"{path} has no jobs")


def _row(line: str, number: int, faults: Faults, columns: Sequence[str]) -> dict[str, str] | None:
    """The cells of a line; None (and a fault) where it is none."""
    try:
        data = json.loads(line, object_pairs_hook=once)
    except (ValueError, RecursionError) as error:
        faults.add(number, "(line)", f"is no JSON object: {error}")
        return None
    if not isinstance(data, dict):
        faults.add(number, "(line)", f"is no JSON object but {quoted(line.strip())}")
        return None
    for name in data.keys() - set(columns):
        near = get_close_matches(name, columns, n=1)
        hint = f"did you mean {near[0]}?" if near else f"those are {', '.join(columns)}"
        faults.add(number, name or "(no name)", f"is no field of a workload; {hint}")
    return {name: _cell(name, value, number, faults) for name, value in data.items()}


def _cell(name: str, value: Any, number: int, faults: Faults) -> str:
    if value is None:
        return ""
    if name == "job":
        return json.dumps(value, sort_keys=True)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return str(value)
    if name == "model" and isinstance(value, list) and all(isinstance(v, str) for v in value):
        return "|".join(value)
    faults.add(number, name, "takes a number or a text")
    return ""
