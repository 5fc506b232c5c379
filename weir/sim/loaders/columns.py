"""Any CSV as a workload, by a map of columns: `submit=submit_time,duration=run,devices=gpus`.

Keys (the unit is the key's ending, where there is a choice):

- submit, end: a point in time, seconds or ISO 8601 (`submit_h`: hours, and so on)
- duration, estimate, patience: seconds, or such as `1h30m` or `1-12:00:00` (`duration_h`, ...)
- cores or cpu: cores as a job file writes them (`2`, `500m`); cpu_milli: thousandths
- memory, data: bytes, or such as `80GiB` (`memory_mib`, `data_gb`: numbers of that unit)
- devices: whole devices, or a share below 1; device_milli: thousandths
- tasks: equal tasks of the job; the amounts above are then of each
- id, user, home, kind, model, priority

Laws: every row is a job; a job without `tasks` is one task; `submit` and one of `duration` and
`end` are needed; rows are put in the order of submission, ties in that of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np

from weir.core import units
from weir.core.errors import BadInput, Mistake
from weir.sim.loaders.cells import (
    Instants,
    Parts,
    Read,
    Seconds,
    TextColumn,
    converted,
    count,
    share,
)
from weir.sim.loaders.faults import Faults, quoted
from weir.sim.loaders.table import columns_of, read_table
from weir.sim.workload import Floats, Workload, workload

EXAMPLE = "submit=submit_time,duration=duration,devices=num_gpu,user=user"

_TIMES: Mapping[str, float] = {
    "": 1.0,
    "_ms": 0.001,
    "_s": 1.0,
    "_min": 60.0,
    "_h": 3600.0,
    "_d": 86400.0,
}
_BYTES = ("kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib")
_MOST_TASKS = 1 << 31


@dataclass(frozen=True, slots=True)
class _Key:
    """What a key stands for: the field of the workload, how a cell is read, and what none means."""

    field: str
    read: Read | None = None  # None: a text, or (with a factor) a point in time
    plain: float | None = None
    whole: bool = False
    factor: float = 0.0


def _bytes_of(unit: str) -> Read:
    return lambda text: units.parse_bytes(text + unit)


def _priority(text: str) -> float:
    return count(least=-(1 << 31), most=1 << 31)(text)


def _keys() -> dict[str, _Key]:
    keys = {name: _Key(name) for name in ("user", "home", "kind", "model")} | {"id": _Key("ids")}
    for ending, factor in _TIMES.items():
        for name in ("submit", "end"):
            keys[name + ending] = _Key(f"{name}_s", factor=factor)
        keys["duration" + ending] = _Key("duration_s", Seconds(factor))
        keys["estimate" + ending] = _Key("estimate_s", Seconds(factor), float("nan"))
        keys["patience" + ending] = _Key("patience_s", Seconds(factor, infinite=True), 0)
    for ending in ("", "_bytes", *(f"_{unit}" for unit in _BYTES)):
        unit = "" if ending == "_bytes" else ending[1:]
        # parse_bytes takes Gb for bits; kb and the like here are kilobytes
        read = _bytes_of(unit if unit.endswith("ib") else unit.upper())
        keys["memory" + ending] = _Key("memory_bytes", read, 0, whole=True)
        keys["data" + ending] = _Key("data_bytes", read, 0, whole=True)
    keys["cores"] = keys["cpu"] = _Key("cpu_milli", units.parse_cpu_milli, 0, whole=True)
    keys["cpu_milli"] = _Key("cpu_milli", count(), 0, whole=True)
    keys["devices"] = _Key("device_milli", units.parse_milli_devices, 0, whole=True)
    keys["device_milli"] = _Key("device_milli", share, 0, whole=True)
    keys["tasks"] = _Key("tasks", count(1, _MOST_TASKS), 1, whole=True)
    keys["priority"] = _Key("priority", _priority, 0, whole=True)
    return keys


_KEYS: Mapping[str, _Key] = _keys()
PLAIN_KEYS = (
    "submit",
    "duration",
    "end",
    "estimate",
    "patience",
    "cores",
    "cpu",
    "cpu_milli",
    "memory",
    "data",
    "devices",
    "device_milli",
    "tasks",
    "id",
    "user",
    "home",
    "kind",
    "model",
    "priority",
)
"""The keys; times and amounts of bytes also with a unit (`duration_h`, `memory_mib`)."""


def parse_mapping(text: str) -> dict[str, str]:
    """`key=column,key=column` as a dictionary. Raises `BadInput` with every mistake in it."""
    mistakes: list[Mistake] = []
    mapping: dict[str, str] = {}
    for part in text.split(","):
        key, equals, column = (piece.strip() for piece in part.partition("="))
        if not part.strip():
            continue
        if not equals or not key or not column:
            mistakes.append(Mistake(part.strip(), "is not of the form key=column"))
        elif key in mapping:
            mistakes.append(Mistake(key, "is given twice"))
        else:
            mapping[key] = column
    _check_mapping(mapping, mistakes)
    return mapping


def _check_mapping(mapping: Mapping[str, str], mistakes: list[Mistake]) -> None:
    fields: dict[str, str] = {}
    for key in mapping:
        if key not in _KEYS:
            close = get_close_matches(key, _KEYS, n=1, cutoff=0.5)
            known = f"did you mean {close[0]}? " if close else ""
            mistakes.append(Mistake(key, f"is no key; {known}The keys are {', '.join(PLAIN_KEYS)}"))
            continue
        other = fields.setdefault(_KEYS[key].field, key)
        if other != key:
            mistakes.append(Mistake(key, f"says the same as {other}; give one of them"))
    unknown = any(key not in _KEYS for key in mapping)
    if "submit_s" not in fields and not unknown:
        mistakes.append(Mistake("submit", "is needed: the column of the time of submission"))
    if not unknown and ("duration_s" in fields) == ("end_s" in fields):
        mistakes.append(Mistake("duration", "one of duration and end is needed, and not both"))
    if mistakes:
        raise BadInput(f"the map of columns can't be used; write for example {EXAMPLE}", mistakes)


def load_csv(
    path: str | Path, mapping: str | Mapping[str, str], time_format: str | None = None
) -> Workload:
    """The jobs of a CSV (or .csv.gz) with a header. See the module for the keys of `mapping`.

    Points in time are numbers of seconds or ISO date-times, the same in all rows; `time_format` is
    a `strptime` form for others. Numbers from 1e9 on are Unix time. The first submission becomes 0.
    Empty cells mean "none"; those of submit, duration and end may not be empty. Raises `BadInput`.
    """
    if isinstance(mapping, str):
        mapping = parse_mapping(mapping)
    else:
        _check_mapping(mapping, [])
    faults = Faults(str(path))
    instants = {
        _KEYS[key].field: Instants(column, _KEYS[key].factor, time_format)
        for key, column in mapping.items()
        if _KEYS[key].factor
    }
    names = {
        _KEYS[key].field: TextColumn()
        for key in mapping
        if _KEYS[key].read is None and not _KEYS[key].factor and key != "id"
    }
    parts = Parts()
    ids: list[str] = []
    lines: list[int] = []
    for chunk in read_table(path, faults, list(mapping.values())):
        lines += chunk.lines if "end_s" in instants else ()
        for key, column in mapping.items():
            spec, texts = _KEYS[key], chunk.columns[column]
            if spec.factor:
                instants[spec.field].take(texts, chunk.lines, faults)
            elif spec.read is not None:
                kind: Any = np.int64 if spec.whole else np.float64
                part = converted(
                    texts, chunk.lines, column, faults, spec.read, spec.plain, kind=kind
                )
                parts.add(spec.field, part)
            elif key == "id":
                ids += texts
            else:
                names[spec.field].take(texts)
    faults.check()
    columns = parts.whole() | {field: column.texts() for field, column in names.items()}
    times, epoch_s = _times(instants, lines, faults)
    rows = len(times["submit_s"])
    return workload(
        Path(path).name,
        ids or map(str, range(rows)),
        **(columns | times),
        epoch_s=epoch_s,
    )


def _times(
    instants: Mapping[str, Instants], lines: list[int], faults: Faults
) -> tuple[dict[str, Floats], float]:
    """Submissions after the first, durations if there are ends, and the Unix time of the first."""
    submit, end = instants["submit_s"], instants.get("end_s")
    submit_s, start = submit.seconds_after()
    epoch_s = start if submit.is_epoch(start) else float("nan")
    if end is None:
        return {"submit_s": submit_s}, epoch_s
    if end.dates != submit.dates:
        message = f"has not the same kind of times as {submit.column}: seconds or date-times, both"
        raise BadInput(f"{faults.path} mixes times", [Mistake(end.column, message)])
    end_s, _ = end.seconds_after(start)
    duration_s = end_s - submit_s
    for at in np.flatnonzero(duration_s < 0).tolist():
        message = f"is {-duration_s[at]:g} s before {submit.column}; jobs end after they come"
        faults.add(lines[at], end.column, message)
    faults.check()
    return {"submit_s": submit_s, "duration_s": duration_s}, epoch_s


def columns_with_example(path: str | Path) -> str:
    """What to say to somebody who gave no map: the columns that there are, and an example."""
    there = ", ".join(map(quoted, columns_of(path)))
    return f"its columns are {there}; map them, for example {EXAMPLE}"
