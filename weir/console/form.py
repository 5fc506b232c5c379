"""The form beside the job file: some fields of a job, read from its data and written into it.

What the form has no field for stays as it is in the file. A field that is empty is left out of the
file, and so is a group that has nothing left in it. All of it pure.
"""

from __future__ import annotations

import copy
import itertools
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Field:
    """A field: where it stands in the job, and how it is shown. `kind` says how text is meant."""

    name: str
    path: Path
    label: str
    hint: str = ""
    kind: str = "text"  # text, number, words (a list), command, choice, real


FIELDS: tuple[Field, ...] = (
    Field("name", ("name",), "Name", "a-z, 0-9, dashes"),
    Field("walltime", ("walltime",), "Longest run", "1h"),
    Field("command", ("tasks", 0, "command"), "Command", "python train.py --epochs 3", "command"),
    Field("count", ("tasks", 0, "count"), "Tasks at once", "1", "number"),
    Field("cpu", ("tasks", 0, "cpu"), "CPU cores per task", "1"),
    Field("memory", ("tasks", 0, "memory"), "Memory per task", "256MiB"),
    Field("devices", ("tasks", 0, "devices", "count"), "Accelerators per task", "0", "number"),
    Field("models", ("tasks", 0, "devices", "models"), "Models", "any", "words"),
    Field("min_memory", ("tasks", 0, "devices", "min_memory"), "Memory of each, at least", "40GiB"),
    Field("regions", ("constraints", "regions"), "Regions", "any", "words"),
    Field("price", ("constraints", "max_price_per_hour"), "Price per hour, at most", "15.00"),
    Field("latency", ("constraints", "max_latency"), "Latency, at most", "30ms"),
    Field("priority", ("priority",), "Priority, 0 to 100", "50", "number"),
    Field("queue", ("queue",), "Queue", "none"),
    Field("real", ("constraints", "emulated"), "Real machines only", "", "real"),
)


def fields_of(data: Any) -> dict[str, str]:
    """What the form shows of a job; what is of another shape than the form knows is empty."""
    return {field.name: _shown(field, _get(data, field.path)) for field in FIELDS}


def merged(data: Any, typed: Mapping[str, str]) -> dict[str, Any]:
    """A job with the form's fields written into it."""
    result: dict[str, Any] = copy.deepcopy(data) if isinstance(data, dict) else {}
    for field in FIELDS:
        value = _meant(field, typed.get(field.name, ""))
        if value != _meant(field, _shown(field, _get(result, field.path))):
            _put(result, field.path, value)
    return {"name": result.pop("name", None), **result} if "name" in result else result


def groups_of(data: Any) -> int:
    """How many task groups a job has; the form edits the first."""
    tasks = data.get("tasks") if isinstance(data, dict) else None
    return len(tasks) if isinstance(tasks, list) else 0


def _shown(field: Field, value: Any) -> str:
    if field.kind == "real":
        return "on" if value is False else ""
    if value is None or isinstance(value, dict):
        return ""
    if field.kind == "words":
        return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    if field.kind == "command":
        return shlex.join(map(str, value)) if isinstance(value, list) else str(value)
    return "" if isinstance(value, list) else str(value)


def _meant(field: Field, text: str) -> Any:
    text = text.strip()
    if field.kind == "real":
        return False if text else None
    if not text:
        return None
    if field.kind == "words":
        return [w.strip() for w in text.split(",") if w.strip()]
    if field.kind == "command":
        try:
            return shlex.split(text)
        except ValueError:
            return [text]
    if field.kind == "number" and text.isdigit():
        return int(text)
    return text


def _get(data: Any, path: Path) -> Any:
    for part in path:
        if isinstance(part, int):
            data = data[part] if isinstance(data, list) and len(data) > part else None
        else:
            data = data.get(part) if isinstance(data, dict) else None
    return data


def _put(data: dict[str, Any], path: Path, value: Any) -> None:
    """Set a value, making what is around it; None takes it out, and what is empty then."""
    around: list[tuple[Any, str | int]] = []
    here: Any = data
    for part, following in itertools.pairwise(path):
        around.append((here, part))
        inner = _step(here, part)
        wanted: type = list if isinstance(following, int) else dict
        if not isinstance(inner, wanted):
            if value is None:
                return
            inner = wanted()
            _set(here, part, inner)
        here = inner
    if value is not None:
        _set(here, path[-1], value)
        return
    if isinstance(here, dict):
        here.pop(path[-1], None)
    for outer, part in reversed(around):
        if _step(outer, part) == {} and isinstance(outer, dict):
            outer.pop(part)


def _step(here: Any, part: str | int) -> Any:
    if isinstance(here, list):
        return here[part] if isinstance(part, int) and len(here) > part else None
    return here.get(part)


def _set(here: Any, part: str | int, value: Any) -> None:
    if isinstance(here, list):
        if isinstance(part, int) and len(here) > part:
            here[part] = value
        else:
            here.append(value)
    else:
        here[part] = value
