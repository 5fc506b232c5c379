"""A run on disk: what is written down, and how its end follows from it.

    <home>/runs/<run>/journal     what was ordered and where its tasks are, that all are started,
                                  why it is being stopped, how it ended: one JSON record a line
                     /work        the working directory of its tasks
                     /tmp         their TMPDIR
                     /<group>-<index>.{claim,stdout,stderr}    a task's, see `task.sh`
    <home>/ended/<day>/<run>      the journal of a forgotten run: it is not run again

A record counts once its line is complete. Why a run is stopped is written before it is killed.
Nothing is flushed to the disk itself: what a crash of the machine takes had no process left either.
Few files a run, because making and deleting them is what costs most.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import sys
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import Any

from pydantic import ValidationError

from weir.core.lifecycle import RunEvent
from weir.executors import local_process
from weir.executors.base import Seen
from weir.executors.local_hosts import TaskPlace
from weir.executors.staging_software import Software
from weir.wire.exchange import RunOrder

JOURNAL = "journal"

_GET_FLAGS, _SET_FLAGS, _TOP_OF_HIERARCHIES = 0x80086601, 0x40086602, 0x00020000  # linux/fs.h
_RUN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")


@dataclass(slots=True)
class Task:
    """One process, as it is being watched: `pid` is the wrapper's and its group's number.

    `number` is its own in the run; `base` is what the names of its files begin with. `done` with
    no `code` means that no exit code was left; `lost` says why. `cores` are those it is bound to,
    empty for all. `ours` are children of this process; others were found again.
    """

    place: TaskPlace
    base: str
    number: int = 0
    pid: int = 0
    done: bool = False
    code: int | None = None
    lost: str = ""
    cores: tuple[int, ...] = ()
    ours: bool = False

    @property
    def name(self) -> str:
        return f"{self.place.group}-{self.place.index}"


@dataclass(frozen=True, slots=True)
class Stop:
    """Why a run is being stopped: what its end will be. The first reason stays."""

    event: RunEvent
    reason: str
    at: float
    exit_code: int | None = None


@dataclass(frozen=True, slots=True)
class End:
    """How a run ended."""

    event: RunEvent
    at: float
    exit_code: int | None = None
    reason: str = ""


@dataclass(slots=True)
class Run:
    """A run as this executor knows it.

    `at` is when it was submitted, `limit_s` the longest it may take once it has started. One that
    is `adopted` was begun by an earlier process. `leaving` is the end of one of which something is
    still to be brought away before that is told. `software` is what tasks start with.
    """

    order: RunOrder
    pool: str
    folder: str
    at: float
    tasks: list[Task] = field(default_factory=list)
    started: float | None = None
    stop: Stop | None = None
    end: End | None = None
    limit_s: int | None = None
    adopted: bool = False
    leaving: End | None = None
    software: Software = field(default_factory=Software)

    @property
    def id(self) -> str:
        return self.order.run

    @property
    def work(self) -> str:
        return os.path.join(self.folder, "work")

    @property
    def journal(self) -> str:
        return os.path.join(self.folder, JOURNAL)

    @property
    def places(self) -> list[TaskPlace]:
        return [task.place for task in self.tasks]

    @property
    def alive(self) -> list[Task]:
        """Tasks that have been started and have not ended."""
        return [task for task in self.tasks if task.pid and not task.done]

    @property
    def claimed(self) -> bool:
        """Whether any of its tasks has been claimed, by whatever process."""
        return any(local_process.claimed(task.base) for task in self.tasks)

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


def is_run_name(run: str) -> bool:
    """Whether a run's identifier can be the name of its folder."""
    return _RUN_NAME.fullmatch(run) is not None


def seen_of(run: str, end: End) -> Seen:
    """The end of a run as it is told."""
    return Seen(run, end.event, end.at, end.exit_code, end.reason)


def outcome(run: Run) -> tuple[RunEvent, int | None, str]:
    """How a run whose tasks have all ended ended: the event, the exit code, and why."""
    if run.stop is not None:
        return run.stop.event, run.stop.exit_code, run.stop.reason
    for task in run.tasks:
        if task.code != 0:
            return RunEvent.FAILED, task.code, failure(run, task)
    return RunEvent.SUCCEEDED, 0, ""


def failure(run: Run, task: Task) -> str:
    """Why a task failed; with its name where the run has several."""
    return named(run, task, task.lost if task.code is None else explain(task.code))


def named(run: Run, task: Task, what: str) -> str:
    """`what` with the task's name in front, where the run has several."""
    return f"{task.name}: {what}" if len(run.tasks) > 1 else what


def explain(code: int) -> str:
    """An exit code in words; a shell adds 128 to the number of the signal that killed a command."""
    try:
        return f"killed by signal {signal.Signals(code - 128).name}"
    except ValueError:
        return f"exit code {code}"


def write_order(run: Run) -> None:
    """Write down what was ordered and where it is: now the run is known. Raises OSError."""
    places = [
        (p.group, p.index, p.host, p.cpu_milli, p.memory_bytes, p.devices, p.exclusive)
        for p in run.places
    ]
    head = json.dumps({"at": run.at, "pool": run.pool, "places": places})
    order = run.order.model_dump_json(exclude_defaults=True)
    _write(run.journal, f'{{"head": {head}, "order": {order}}}', os.O_CREAT | os.O_TRUNC)


# A full disk must not keep a run from being stopped or told of: these are written if they can be.


def write_started(run: Run) -> None:
    """Write down that all tasks have been started."""
    with suppress(OSError):
        _write(run.journal, json.dumps({"started": run.started}))


def write_stop(run: Run) -> None:
    """Write down why the run is being stopped."""
    with suppress(OSError):
        _write(run.journal, json.dumps({"stop": asdict(run.stop) if run.stop else None}))


def write_end(run: Run) -> None:
    """Write down how the run ended."""
    with suppress(OSError):
        _write(run.journal, json.dumps({"end": asdict(run.end) if run.end else None}))


def keep_end(run: Run, journal: str) -> None:
    """Make this the journal of a run of which only the end is kept. Raises OSError."""
    _write(journal, json.dumps({"end": asdict(run.end) if run.end else None}), os.O_TRUNC)


def read_run(folder: str) -> Run | None:
    """A run as it was written down; None if its order was never written whole, or can't be read."""
    kept = _read(os.path.join(folder, JOURNAL))
    try:
        order = RunOrder.model_validate(kept["order"])
    except (KeyError, ValidationError):
        return None
    head, stop = kept["head"], kept.get("stop")
    run = Run(order, head["pool"], folder, head["at"], adopted=True)
    run.tasks = tasks_of(folder, (_place(value) for value in head["places"]))
    run.started = kept.get("started")
    run.stop = Stop(**{**stop, "event": RunEvent(stop["event"])}) if stop else None
    run.end = _end(kept)
    return run


def read_end(journal: str) -> End | None:
    """How the run of a journal ended; None if it is not known to have."""
    return _end(_read(journal))


def tasks_of(folder: str, places: Iterable[TaskPlace]) -> list[Task]:
    """Tasks, not started, with where their files are."""
    return [
        Task(place, os.path.join(folder, f"{place.group}-{place.index}"), number)
        for number, place in enumerate(places)
    ]


def spread(folder: str) -> None:
    """Tell the file system that what is made in `folder` is unrelated, where it can be told (ext4).

    Else ext4 makes all runs in one of its groups, and without a journal looks there past every file
    deleted in the last minutes: with hundreds of runs a second that takes longer than the runs.
    """
    fd = os.open(folder, os.O_RDONLY)
    try:
        flags = bytearray(8)
        fcntl.ioctl(fd, _GET_FLAGS, flags)
        wanted = int.from_bytes(flags, sys.byteorder) | _TOP_OF_HIERARCHIES
        fcntl.ioctl(fd, _SET_FLAGS, wanted.to_bytes(8, sys.byteorder))
    except OSError:
        return
    finally:
        os.close(fd)


def make_folders(run: Run) -> None:
    """The folders of a run, for its owner alone; harmless where they are. Raises OSError."""
    for folder in (run.folder, run.work, os.path.join(run.folder, "tmp")):
        with suppress(FileExistsError):
            os.mkdir(folder, 0o700)


def remove_folders(run: Run) -> None:
    """Delete all of a run."""
    try:  # most leave nothing in their folders, and then this is much the fastest
        for task in run.tasks:
            for suffix in ("claim", "stdout", "stderr"):
                os.unlink(f"{task.base}.{suffix}")
        for folder in (run.work, os.path.join(run.folder, "tmp"), run.folder):
            os.rmdir(folder)
    except OSError:
        shutil.rmtree(run.folder, ignore_errors=True)


def _place(value: list[Any]) -> TaskPlace:
    group, index, host, cpu, memory, held, *alone = value  # an older journal has six
    devices = tuple((number, milli) for number, milli in held)
    return TaskPlace(group, index, host, cpu, memory, devices, *alone)


def _end(kept: dict[str, Any]) -> End | None:
    end = kept.get("end")
    return End(**{**end, "event": RunEvent(end["event"])}) if end else None


def _write(journal: str, record: str, flags: int = 0) -> None:
    fd = os.open(journal, os.O_WRONLY | os.O_APPEND | flags, 0o600)
    try:
        os.write(fd, f"\n{record}\n".encode())  # what an earlier record lacks stays its own
    finally:
        os.close(fd)


def _read(journal: str) -> dict[str, Any]:
    """All records of a journal in one; nothing if there is none."""
    try:
        with open(journal, "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return {}
    records: dict[str, Any] = {}
    for line in filter(None, lines):
        with suppress(ValueError):
            record = json.loads(line)
            records |= record if isinstance(record, dict) else {}
    return records
