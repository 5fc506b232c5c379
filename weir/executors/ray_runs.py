"""Runs as this executor knows them, and what of them must be remembered over a restart.

A run's job has the same id at Ray each time that it is sent, so that Ray takes it once. `run_notes`
has the laws of the file.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from weir.core.lifecycle import RunEvent
from weir.executors import local_files
from weir.executors.base import Seen
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End, Stop
from weir.executors.ray_inventory import Amount
from weir.executors.ray_layout import Bundle, Layout, task_amount
from weir.executors.run_notes import RunNotes, seen_of
from weir.wire.exchange import RunOrder


@dataclass(slots=True)
class Run:
    """A run. Times are seconds since 1970.

    `sent_at` is when it was last sent to Ray; `nodes` is where each task is, as far as that is
    known; `claimed` whether a driver has begun with it. `missed` counts answers of Ray's that did
    not show its job, `over_since` is when its job was first seen to be over. `leaving` is the
    end of one whose outputs, or checkpoint, are still on their way to where its job wants them.
    """

    order: RunOrder
    pool: str
    folder: str
    at: float
    layout: Layout | None = None
    sent_at: float | None = None
    started: float | None = None
    stop: Stop | None = None
    end: End | None = None
    nodes: dict[str, str] = field(default_factory=dict)
    claimed: bool = False
    missed: int = 0
    over_since: float | None = None
    canceled_at: float | None = None
    leaving: End | None = None

    @property
    def id(self) -> str:
        return self.order.run

    @property
    def work(self) -> str:
        return os.path.join(self.folder, "work")

    @property
    def job(self) -> str:
        """What its job is called at Ray: the same each time, and of this executor's folder."""
        return f"weir-{self.id}-{mark_of(os.path.dirname(self.folder))}"

    @property
    def start_by(self) -> float:
        return self.at + self.order.start_within_s

    @property
    def tasks(self) -> list[tuple[str, int]]:
        """Its tasks in the order of the job file: group and number there."""
        return [
            (need.group, index)
            for need in needs_of(self.order)
            for index in range(need.claim.count)
        ]

    @property
    def streams(self) -> dict[str, str]:
        """Where its tasks' output is, by the name of the file as people see it."""
        return local_files.streams(self.folder, self.tasks)

    def amounts(self) -> dict[str, Amount]:
        """What each task asks for, by the task's name."""
        return {
            f"{need.group}-{index}": task_amount(need.claim)
            for need in needs_of(self.order)
            for index in range(need.claim.count)
        }

    def bundles(self) -> tuple[Bundle, ...]:
        """What it holds, node by node; before it is laid out, what its tasks ask for."""
        if self.layout is not None:
            return self.layout.bundles
        return tuple(Bundle((task,), amount) for task, amount in self.amounts().items())

    @property
    def over(self) -> bool | None:
        """Whether it has succeeded; None while it goes on."""
        return None if self.end is None else self.end.event is RunEvent.SUCCEEDED

    def seen(self) -> Seen:
        """Its state now, as the event that says it."""
        if self.end is not None:
            return seen_of(self.id, self.end)
        if self.started is not None:
            return Seen(self.id, RunEvent.STARTED, self.started)
        return Seen(self.id, RunEvent.ACCEPTED, self.at)


def mark_of(runs_folder: str) -> str:
    """By what the jobs of one executor are known at Ray, among those of others."""
    return hashlib.sha256(runs_folder.encode()).hexdigest()[:8]


class Notes(RunNotes[Run]):
    """The executor's file of runs."""

    def own(self, run: Run) -> dict[str, Any]:
        layout = asdict(run.layout) if run.layout else None
        return {"layout": layout, **{name: getattr(run, name) for name in _PLAIN}}

    def made(self, record: Mapping[str, Any], **common: Any) -> Run:
        layout = _layout(record["layout"]) if record["layout"] else None
        return Run(layout=layout, **common, **{name: record[name] for name in _PLAIN})


_PLAIN = ("pool", "folder", "at", "sent_at", "started", "nodes", "claimed")


def _layout(record: Mapping[str, Any]) -> Layout:
    bundles = (Bundle(tuple(b["tasks"]), Amount(**b["amount"])) for b in record["bundles"])
    return Layout(tuple(bundles), record["strategy"])
