"""Weir's own format for workloads: a CSV whose header names the fields of `Workload`, or the same
as JSON lines (`weir.sim.loaders.lines`).

    # name: last-march
    # epoch_s: 1709251200.0
    id,submit_s,duration_s,tasks,device_milli,user
    train-1,0,3600,4,1000,wang
    train-2,12.5,60,,500,li

`submit_s` and `duration_s` are needed; the others are id, estimate_s, tasks, cpu_milli,
memory_bytes, device_milli, user, home, kind, model, priority, patience_s, data_bytes,
start_after_s, deadline_s, preemptible, queue and job, in any order. `job` has fields of a job file
as JSON (`weir.sim.loaders.wishes`). Lines before the header that begin with `#` are comments;
`name`, `epoch_s` (Unix time of second 0) and `note` (any number of times) are read from them.

Laws:
- An empty cell is the plain value: no estimate, 1 task, 0, no name; the number of the row as id.
- Rows stand in the order of submission; a clock that goes backwards is a mistake.
- Ids come once. `inf` is allowed for duration_s (never ends), patience_s (any time will do) and
  deadline_s (none).
- `load_own` reads the same workload that `save_own` wrote, to the last bit of every number.
"""

from __future__ import annotations

import csv
import gzip
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from weir.core.errors import BadInput, Mistake
from weir.sim.loaders.cells import (
    Parts,
    Read,
    Seconds,
    TextColumn,
    converted,
    count,
    number,
    share,
    yes_or_no,
)
from weir.sim.loaders.faults import Faults
from weir.sim.loaders.lines import read_lines
from weir.sim.loaders.opening import head
from weir.sim.loaders.table import Chunk, Layout, columns_of, read_table
from weir.sim.loaders.wishes import AMOUNTS, Wishes
from weir.sim.workload import Texts, Workload, workload

_NAN = float("nan")


_LARGEST = 1 << 62
_NUMBERS: Mapping[str, tuple[Read, float | None, Any]] = {
    "submit_s": (number, None, np.float64),
    "duration_s": (Seconds(infinite=True), None, np.float64),
    "estimate_s": (Seconds(infinite=True), _NAN, np.float64),
    "tasks": (count(1, 1 << 31), 1, np.int64),
    "cpu_milli": (count(), 0, np.int64),
    "memory_bytes": (count(), 0, np.int64),
    "device_milli": (share, 0, np.int64),
    "priority": (count(least=-_LARGEST), 0, np.int64),
    "patience_s": (Seconds(infinite=True), 0, np.float64),
    "data_bytes": (count(), 0, np.int64),
    "start_after_s": (Seconds(), 0, np.float64),
    "deadline_s": (Seconds(infinite=True), math.inf, np.float64),
    "preemptible": (yes_or_no, False, np.bool_),
}
_TEXTS = ("user", "home", "kind", "model", "queue")
NEEDED = ("submit_s", "duration_s")
RARE = ("start_after_s", "deadline_s", "preemptible", "queue", "job")
"""Columns that are written only where a job has something to say in them."""

COLUMNS = (
    "id",
    "submit_s",
    "duration_s",
    "estimate_s",
    "tasks",
    "cpu_milli",
    "memory_bytes",
    "device_milli",
    "user",
    "home",
    "kind",
    "model",
    "priority",
    "patience_s",
    "data_bytes",
    *RARE,
)
_ROWS_AT_ONCE = 50_000


def load_own(path: str | Path) -> Workload:
    """The workload in a file. Raises `BadInput` with every mistake and its line."""
    faults = Faults(str(path))
    comments: list[str] = []
    reading = _Reading(faults)
    for chunk in _chunks(path, faults, comments):
        reading.take(chunk)
    faults.add_repeats(reading.ids, reading.lines, "id")
    columns = reading.parts.whole()
    if not faults.count:
        _find_backwards(columns["submit_s"], reading.lines, faults)
    about = _about(comments, faults)
    faults.check()
    return workload(
        about["name"] or Path(path).name,
        reading.ids,
        **columns,
        **{name: column.texts() for name, column in reading.texts.items()},
        wish=reading.wishes.texts.texts(),
        demands=reading.wishes.demands(),
        epoch_s=about["epoch_s"],
        notes=about["notes"],
    )


def is_lines(text: str) -> bool:
    """Whether the beginning of a file is that of JSON lines."""
    lines = (line for line in text.splitlines() if line.strip() and not line.startswith("#"))
    return next(lines, "").lstrip().startswith("{")


def _chunks(path: str | Path, faults: Faults, comments: list[str]) -> Iterator[Chunk]:
    if is_lines(head(path)):
        yield from read_lines(path, faults, COLUMNS, comments)
        return
    unknown = [name for name in columns_of(path, Layout(comments=[])) if name not in COLUMNS]
    if unknown:
        known = f"is no field of a workload; those are {', '.join(COLUMNS)}"
        mistakes = [Mistake(name or "(no name)", known) for name in unknown]
        raise BadInput(f"{path} has columns that mean nothing", mistakes)
    optional = tuple(name for name in COLUMNS if name not in NEEDED)
    yield from read_table(path, faults, NEEDED, optional, Layout(comments=comments))


def save_own(jobs: Workload, path: str | Path) -> None:
    """Write a workload, packed if the name ends in .gz. Overwrites; raises `OSError`."""
    with open(path, "wb") as raw:
        if str(path).endswith(".gz"):
            # No time and no name inside: the same workload gives the same bytes.
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
                _write(jobs, io.TextIOWrapper(packed, encoding="utf-8", newline=""))
        else:
            _write(jobs, io.TextIOWrapper(raw, encoding="utf-8", newline=""))


def _write(jobs: Workload, out: io.TextIOWrapper) -> None:
    about = [("name", jobs.name), *(("note", note) for note in jobs.notes)]
    for key, text in about:
        out.write(f"# {key}: {' '.join(text.splitlines())}\n")
    if math.isfinite(jobs.epoch_s):
        out.write(f"# epoch_s: {jobs.epoch_s!r}\n")
    columns = [name for name in COLUMNS if name not in RARE or _says(jobs, name)]
    writer = csv.writer(out)  # lines end as RFC 4180 has it, so both line breaks get quotes
    writer.writerow(columns)
    for start in range(0, len(jobs), _ROWS_AT_ONCE):
        writer.writerows(_rows(jobs, columns, slice(start, start + _ROWS_AT_ONCE)))
    out.flush()
    out.detach()


def _says(jobs: Workload, name: str) -> bool:
    """Whether any job has something in this column."""
    if name in ("queue", "job"):
        return bool((_texts(jobs, name).codes >= 0).any())
    return bool((getattr(jobs, name) != _NUMBERS[name][1]).any())


def _texts(jobs: Workload, name: str) -> Texts:
    texts: Texts = jobs.wish if name == "job" else getattr(jobs, name)
    return texts


def _rows(jobs: Workload, names: Sequence[str], part: slice) -> Iterator[tuple[str, ...]]:
    """The cells of some rows. `repr` of a float is the shortest text that reads back to it."""
    whole = np.array([bool(demand.groups) for demand in jobs.demands] + [False])
    elsewhere = whole[jobs.wish.codes[part]].tolist()  # a wish says the amounts
    columns: list[list[str]] = []
    for name in names:
        if name == "id":
            cells = list(jobs.ids[part])
        elif name in _TEXTS or name == "job":
            texts = _texts(jobs, name)
            cells = [texts.names[c] if c >= 0 else "" for c in texts.codes[part].tolist()]
        elif name == "preemptible":
            cells = ["yes" if value else "" for value in jobs.preemptible[part].tolist()]
        else:
            values = getattr(jobs, name)[part].tolist()
            cells = ["" if value != value else repr(value) for value in values]
        if name in AMOUNTS:
            cells = ["" if w else cell for cell, w in zip(cells, elsewhere, strict=True)]
        columns.append(cells)
    return zip(*columns, strict=True)


class _Reading:
    """The columns as they grow, chunk by chunk."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.parts = Parts()
        self.texts = {name: TextColumn() for name in _TEXTS}
        self.wishes = Wishes(faults)
        self.ids: list[str] = []
        self.lines: list[int] = []

    def take(self, chunk: Chunk) -> None:
        """The next rows."""
        rows, lines = len(chunk.lines), chunk.lines
        self.lines += lines
        columns, amounts = self.wishes.take(chunk)
        for name, (read, plain, kind) in _NUMBERS.items():
            cells = columns.get(name, [""] * rows)
            if name in NEEDED or name in columns or name in amounts:
                part = converted(cells, lines, name, self.faults, read, plain, kind)
                for row, value in amounts.get(name, {}).items():
                    part[row] = value
                self.parts.add(name, part)
            else:
                self.parts.add(name, np.full(rows, plain, dtype=kind))
        for name, column in self.texts.items():
            column.take(columns.get(name) or [""] * rows)
        first = len(self.ids)
        given = columns.get("id") or [""] * rows
        self.ids += [text or str(first + at) for at, text in enumerate(given)]


def _find_backwards(submit_s: Any, lines: list[int], faults: Faults) -> None:
    for at in (np.flatnonzero(np.diff(submit_s) < 0) + 1).tolist():
        message = (
            f"{submit_s[at]:g} is before the {submit_s[at - 1]:g} of the row above; "
            "sort the rows by submit_s"
        )
        faults.add(lines[at], "submit_s", message)


def _about(comments: list[str], faults: Faults) -> dict[str, Any]:
    """What the comments say of the workload."""
    about: dict[str, Any] = {"name": "", "epoch_s": _NAN, "notes": []}
    for comment in comments:
        key, _, text = (piece.strip() for piece in comment.partition(":"))
        if key == "name":
            about["name"] = text
        elif key == "note":
            about["notes"].append(text)
        elif key == "epoch_s":
            try:
                about["epoch_s"] = number(text)
            except ValueError as error:
                faults.add(None, "# epoch_s", f"{error}; write seconds since 1970")
    return about
