"""Runs as this executor knows them, and what of them must be remembered over a restart.

What is lost of this with the machine is made good by the claim in the run's folder: a second job of
a run finds it and does nothing. `run_notes` has the laws of the file.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End, Stop
from weir.executors.run_notes import RunNotes, seen_of
from weir.executors.slurm_layout import Layout, Part, Span
from weir.executors.slurm_script import CLAIM, task_files
from weir.wire.exchange import RunOrder


@dataclass(slots=True)
class Run:
    """A run. Times are seconds since 1970.

    `sent_at` is when it was last sent to Slurm, `job` the id that Slurm gave then; `array` is the
    folder of the array it was folded into and `index` its number there, and `own` the id that the
    element has by itself, which Slurm gives it when it starts. `nodes` are those of each component
    of its job; `missed` counts looks at Slurm that did not show it. `leaving` is the end of
    one of which something is still to be brought away before that is told. `packed`: its job has
    other runs, too, one after the other. `tries` counts how often it was taken back from a job.
    """

    order: RunOrder
    pool: str
    folder: str
    at: float
    layout: Layout | None = None
    sent_at: float | None = None
    job: str | None = None
    array: str | None = None
    index: int | None = None
    own: str | None = None
    started: float | None = None
    stop: Stop | None = None
    end: End | None = None
    nodes: tuple[tuple[str, ...], ...] = ()
    missed: int = 0
    canceled_at: float | None = None
    leaving: End | None = None
    packed: bool = False
    tries: int = 0

    @property
    def id(self) -> str:
        return self.order.run

    @property
    def work(self) -> str:
        return os.path.join(self.folder, "work")

    @property
    def claim_name(self) -> str:
        """How its claim is called: a new name whenever it was taken back from a job."""
        return f"{CLAIM}-{self.tries}" if self.tries else CLAIM

    @property
    def claim(self) -> str:
        """The file that says who runs it."""
        return os.path.join(self.folder, self.claim_name)

    @property
    def element(self) -> tuple[str, int] | None:
        """The array's folder and the number in it; None if it is not of an array."""
        return None if self.array is None or self.index is None else (self.array, self.index)

    @property
    def name(self) -> str:
        """What its job is called at Slurm."""
        return job_name(os.path.basename(self.array) if self.array else self.id)

    @property
    def job_word(self) -> str | None:
        """What its job is canceled by. Never by the id of its own: the last element of an array has
        the array's, and by that all of it would be canceled.
        """
        return self.job if self.job is None or self.index is None else f"{self.job}_{self.index}"

    @property
    def record_word(self) -> str | None:
        """What accounting is asked for; a completion file knows only ids of their own."""
        return self.own or self.job_word

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

    def base(self, group: str, index: int) -> str:
        """What the names of a task's files begin with."""
        return task_files(self.folder, group, index)

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


def job_name(run: str) -> str:
    """The name of a run's job."""
    return f"weir-{run}"


class Notes(RunNotes[Run]):
    """The executor's file of runs."""

    def own(self, run: Run) -> dict[str, Any]:
        layout = _record(run.layout) if run.layout else None
        return {"layout": layout, **{name: getattr(run, name) for name in _PLAIN}}

    def made(self, record: Mapping[str, Any], **common: Any) -> Run:
        layout = _layout(record["layout"]) if record["layout"] else None
        return Run(layout=layout, **common, **_plain(record))


_PLAIN: tuple[str, ...] = (
    *("pool", "folder", "at", "sent_at", "job", "array", "index", "own", "started"),
    *("packed", "tries"),
)


def _plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """What is noted as it is; an older process has noted less."""
    return {name: record[name] for name in _PLAIN if name in record}


@lru_cache(maxsize=256)
def _record(layout: Layout) -> dict[str, Any]:
    """A layout as it is noted; equal runs have equal ones. Nobody changes it."""
    return asdict(layout)


def _layout(record: Mapping[str, Any]) -> Layout:
    return Layout(
        tuple(Part(**part) for part in record["parts"]),
        tuple(Span(**span) for span in record["spans"]),
    )
