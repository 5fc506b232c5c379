"""How a run ended: from what its driver left in the run's folder and what Ray says of its job.

`end_of` is pure; `read_trail` reads the folder. What the center did to a run (stopped its job, lost
its node, killed what watched it) is no failure of the job: it is told as VANISHED, so that the job
is placed again elsewhere. What the job did itself is its failure.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from weir.core import units
from weir.core.lifecycle import RunEvent
from weir.executors.local_run import End, explain
from weir.executors.ray_records import STOPPED, Job
from weir.executors.ray_runs import Run

MAX_REASON = 500
CLAIM, TRAIL = "claim", "trail"
LATE = "it did not start in time"

DIED = frozenset({"JOB_SUPERVISOR_ACTOR_DIED", "JOB_SUPERVISOR_ACTOR_UNKNOWN_FAILURE"})
"""Ray's words for: what ran the entry point is gone."""

TIMED_OUT = "JOB_SUPERVISOR_ACTOR_START_TIMEOUT"


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one task: its exit code, or why it can't start, was stopped or is lost;
    `memory_bytes` is what it used when that was too much.
    """

    task: str
    at: float
    code: int | None = None
    cannot: str = ""
    stop: str = ""
    lost: str = ""
    memory_bytes: int | None = None
    wall_s: int | None = None

    @property
    def own_failure(self) -> bool:
        """Whether it failed, and not because it was told to stop."""
        return self.code != 0 and self.stop != "stopped"


@dataclass(frozen=True, slots=True)
class Trail:
    """What a run's driver has left. Times by the clock of its node."""

    claimed: bool = False
    late: bool = False
    stopped: bool = False
    started: float | None = None
    nodes: Mapping[str, str] = field(default_factory=dict)
    results: tuple[Result, ...] = ()
    ended: float | None = None


def claim(folder: str) -> bool:
    """Claim a run so that no driver can run it any more; False if one has."""
    try:
        fd = os.open(os.path.join(folder, CLAIM), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return False
    except OSError:
        return True  # without its folder nothing of it can run
    os.close(fd)
    return True


def read_trail(folder: str) -> Trail:
    """All that a run's driver has left; lines that are not complete don't count."""
    claimed = os.path.exists(os.path.join(folder, CLAIM))
    try:
        with open(os.path.join(folder, TRAIL), "rb") as file:
            lines = file.read().split(b"\n")[:-1]
    except OSError:
        return Trail(claimed)
    records = []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and isinstance(record.get("at"), int | float):
            records.append(record)
    return _trail(records)


def _trail(records: list[dict[str, Any]]) -> Trail:
    late = stopped = False
    started, ended, nodes = None, None, dict[str, str]()
    results = []
    for record in records:
        at = float(record["at"])
        late = late or bool(record.get("late"))
        stopped = stopped or bool(record.get("stopped"))
        if "started" in record:
            started = at
        if "end" in record:
            ended = at
        if isinstance(record.get("nodes"), dict):
            nodes = {str(k): str(v) for k, v in record["nodes"].items()}
        if isinstance(record.get("task"), str):
            results.append(_result(record, at))
    return Trail(True, late, stopped, started, nodes, tuple(results), ended)


def _result(record: Mapping[str, Any], at: float) -> Result:
    code, memory, wall = (record.get(name) for name in ("code", "memory", "wall_s"))
    return Result(
        record["task"],
        at,
        code if isinstance(code, int) else None,
        str(record.get("cannot") or ""),
        str(record.get("stop") or ""),
        str(record.get("lost") or ""),
        memory if isinstance(memory, int) else None,
        wall if isinstance(wall, int) else None,
    )


def end_of(run: Run, job: Job | None, trail: Trail, now: float, log: str = "") -> End:
    """The end of a run whose driver has ended, or whose job is over or not to be found. `log` is
    what Ray has kept of the driver's output.
    """
    event, code, reason = _outcome(run, job, trail, log)
    last = max((result.at for result in trail.results), default=None)
    told = [trail.ended, job.ended if job else None, last]
    at = next((time for time in told if time is not None), now)
    at = min(max(at, trail.started or 0.0, run.started or 0.0), now)
    return End(event, at, code, reason[:MAX_REASON])


def _outcome(run: Run, job: Job | None, trail: Trail, log: str) -> tuple[RunEvent, int | None, str]:
    good = [result for result in trail.results if result.code == 0]
    if trail.ended is not None and len(good) == len(run.tasks) == len(trail.results):
        return RunEvent.SUCCEEDED, 0, ""
    if run.stop is not None:
        return run.stop.event, run.stop.exit_code, run.stop.reason
    if trail.late:
        return RunEvent.REFUSED, None, LATE
    own = next((result for result in trail.results if result.own_failure), None)
    if own is not None:
        return _by_task(run, own)
    stopped = trail.stopped or any(result.stop for result in trail.results)
    if job is None and not stopped:
        return RunEvent.VANISHED, None, "its job is gone from Ray, and left no end"
    if job is None or stopped or job.status == STOPPED:
        event = RunEvent.VANISHED if trail.claimed else RunEvent.REFUSED
        return event, None, "stopped at the center"
    if not trail.claimed:
        reason = LATE if job.error == TIMED_OUT else f"Ray could not start it: {_words(job, log)}"
        return RunEvent.REFUSED, None, reason
    if job.error in DIED:
        return RunEvent.VANISHED, None, f"Ray lost what ran it: {_words(job, '')}"
    if job.status == "SUCCEEDED":
        return RunEvent.VANISHED, None, "what ran it has left no end"
    reason = f"ended without an exit code of its own: {_words(job, log)}"
    return RunEvent.FAILED, None, reason


def _by_task(run: Run, result: Result) -> tuple[RunEvent, int | None, str]:
    if result.lost:
        return RunEvent.VANISHED, None, _named(run, result, f"Ray lost it: {result.lost}")
    if result.cannot:
        return RunEvent.FAILED, None, "can't start: " + _named(run, result, result.cannot)
    if result.memory_bytes is not None:
        limit = _memory_limit(run, result.task)
        used = units.show_bytes(result.memory_bytes)
        reason = f"out of memory: used {used} of {units.show_bytes(limit)}"
        return RunEvent.FAILED, None, _named(run, result, reason)
    if result.stop:
        time = units.show_duration_s(result.wall_s or 0)
        return RunEvent.FAILED, None, f"wall time of {time} exceeded"
    code = result.code or 1
    return RunEvent.FAILED, code, _named(run, result, explain(code))


def _memory_limit(run: Run, task: str) -> int:
    amount = run.amounts().get(task)
    return amount.memory_bytes if amount else 0


def _named(run: Run, result: Result, what: str) -> str:
    """`what` with the task's name in front, where the run has several."""
    return f"{result.task}: {what}" if len(run.tasks) > 1 else what


def _words(job: Job, log: str) -> str:
    """What Ray says, without the log that it adds; else the end of the log."""
    first = job.message.split("last available logs")[0].strip().splitlines()
    text = (first[0] if first else "").rstrip(",.: ")
    last = next((line.strip() for line in reversed(log.splitlines()) if line.strip()), "")
    if last and last not in text:
        text += f"; its log ends: {last[-200:]}"
    return text or f"status {job.status}, without a word"
