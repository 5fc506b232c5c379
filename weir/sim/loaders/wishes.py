"""What a simulated job wishes beside the columns of its row, as a job file says it.

A wish is an object with fields of the job file, as

    {"tasks": [{"count": 4, "devices": {"count": 8}, "topology": {"required": "rack"}}],
     "apart": {"name": "web", "required": "site"}}

Laws:
- The job file's own schema reads it, so what a server takes is taken here and means the same.
- Nothing runs, so tasks need no command and the job no name.
- A wish without `tasks` goes with the amounts of its row; one with `tasks` has them all.
- What a column of the row can say as well stands in one of the two, never in both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from weir.core.demand import Demand
from weir.core.errors import BadInput, Mistake
from weir.sim.loaders.cells import TextColumn
from weir.sim.loaders.faults import Faults
from weir.sim.loaders.table import Chunk
from weir.wire.jobdemand import demand_of
from weir.wire.jobspec import (
    JobSpec,
    deadline_s,
    patience_s,
    start_after_s,
    walltime_s,
)
from weir.wire.mistakes import validated

_NOTHING_RUNS = "-"
"""The command of a task that only asks for room."""

LIFTED: Mapping[str, str] = {
    "walltime": "estimate_s",
    "priority": "priority",
    "patience": "patience_s",
    "start_after": "start_after_s",
    "deadline": "deadline_s",
    "preemptible": "preemptible",
    "queue": "queue",
}
"""Fields of a job file that are columns of a workload."""

MOST = 1 << 62
"""More than there is anywhere, and less than overflows."""

AMOUNTS = ("tasks", "cpu_milli", "memory_bytes", "device_milli", "model")
"""Columns that `tasks` of a wish says instead."""


@dataclass(frozen=True, slots=True)
class Wish:
    """One wish, read. `text` is what of it no column says, as JSON with sorted keys, `demand` the
    same for the scheduler, with no groups where the columns have the amounts. `values` are the
    texts of columns that it says instead, by column.
    """

    text: str
    demand: Demand
    values: Mapping[str, str]

    @property
    def has_tasks(self) -> bool:
        """Whether it says the amounts itself."""
        return bool(self.demand.groups)


class Wishes:
    """The wishes of a file as they come, an equal one read once."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.texts = TextColumn()
        self._seen: dict[str, Wish | list[Mistake]] = {}
        self._demands: dict[str, Demand] = {}

    def take(self, chunk: Chunk) -> tuple[dict[str, list[str]], dict[str, dict[int, int]]]:
        """The cells of a chunk with what wishes say put in, and the amounts that they say, by
        column and row of the chunk.
        """
        given = chunk.columns.get("job")
        columns = {name: cells for name, cells in chunk.columns.items() if name != "job"}
        if given is None or not any(given):
            self.texts.take([""] * len(chunk.lines))
            return columns, {}
        columns = {name: list(cells) for name, cells in columns.items()}
        amounts: dict[str, dict[int, int]] = {}
        kept = [""] * len(given)
        for row, text in enumerate(given):
            wish = self._read(text.strip(), chunk.lines[row]) if text.strip() else None
            if wish is None:
                continue
            kept[row] = wish.text
            for name, value in wish.values.items():
                cells = columns.setdefault(name, [""] * len(given))
                self._put(cells, row, name, value, chunk.lines[row])
            if wish.has_tasks:
                for name in AMOUNTS:
                    if name in columns:
                        self._put(columns[name], row, name, "", chunk.lines[row])
                for name, amount in _sums(wish.demand).items():
                    amounts.setdefault(name, {})[row] = amount
        self.texts.take(kept)
        return columns, amounts

    def demands(self) -> tuple[Demand, ...]:
        """What the texts mean, in their order."""
        return tuple(self._demands[name] for name in self.texts.texts().names)

    def _read(self, text: str, line: int) -> Wish | None:
        found = self._seen.get(text)
        if found is None:
            found = self._seen[text] = read_wish(text)
        if isinstance(found, Wish):
            self._demands.setdefault(found.text, found.demand)
            return found
        for mistake in found:
            field = f"job.{mistake.field}" if mistake.field else "job"
            self.faults.add(line, field, mistake.message)
        return None

    def _put(self, cells: list[str], row: int, name: str, value: str, line: int) -> None:
        if cells[row].strip():
            self.faults.add(line, name, "says what job says as well; leave one of them out")
        cells[row] = value


def _sums(demand: Demand) -> dict[str, int]:
    """The amounts of all tasks together, as far as they don't depend on the pool."""
    groups = demand.groups
    milli = sum(g.count * g.device.milli for g in groups if g.device)
    found = {
        "tasks": 1,
        "cpu_milli": sum(g.count * g.cpu_milli for g in groups),
        "memory_bytes": sum(g.count * g.memory_bytes for g in groups),
        "device_milli": milli,
    }
    return {name: min(amount, MOST) for name, amount in found.items()}


def read_wish(text: str) -> Wish | list[Mistake]:
    """The wish in a cell, or what is wrong with it, by field."""
    try:
        data = json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        return [Mistake("", f"is no JSON object: {error}")]
    if not isinstance(data, dict):
        return [Mistake("", 'is no JSON object; write fields of a job file, as {"deadline": "2h"}')]
    if "array" in data:
        return [Mistake("array", "has no place in a workload; write a row for each job")]
    try:
        spec = validated(JobSpec, _complete(data), "the job")
    except BadInput as error:
        return [m for m in error.mistakes if m.message] or [Mistake("", error.detail)]
    left = {name: value for name, value in data.items() if name not in LIFTED}
    demand = demand_of(spec.model_copy(update={"walltime": None}))
    if "tasks" not in data:
        demand = replace(demand, groups=())
    said = {LIFTED[name]: value for name, value in _lifted(spec).items() if name in data}
    kept = json.dumps(left, sort_keys=True, separators=(",", ":")) if left else ""
    return Wish(kept, demand, {name: value for name, value in said.items() if value})


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object whose keys come once. Raises `ValueError`."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands twice in one object")
    return found


def _complete(data: dict[str, Any]) -> dict[str, Any]:
    """The object as a whole job file: with a name, and a command where a task has none."""
    tasks = data.get("tasks", [{}])
    if isinstance(tasks, list):
        tasks = [
            {"command": [_NOTHING_RUNS], **task}
            if isinstance(task, dict) and "variants" not in task
            else task
            for task in tasks
        ]
    return {"name": "job", **data, "tasks": tasks}


def _lifted(spec: JobSpec) -> dict[str, str]:
    """What the columns would say, as texts of theirs."""
    seconds = {
        "walltime": walltime_s(spec),
        "patience": patience_s(spec),
        "start_after": start_after_s(spec),
        "deadline": deadline_s(spec),
    }
    return {
        **{name: "" if value is None else str(value) for name, value in seconds.items()},
        "priority": str(spec.priority),
        "preemptible": "yes" if spec.preemptible else "",
        "queue": spec.queue or "",
    }
