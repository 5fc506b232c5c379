"""How a run ended: from what Slurm says of its job and what its tasks left in the run's folder.

`end_of` is pure; `read_trail` reads the folder. What the center did to a job (preempted it, lost
its node, requeued or canceled it) is the run's loss and no failure of the job: it is told as
VANISHED, so that the job is placed again elsewhere. What the job did itself is its failure.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from weir.core import units
from weir.core.lifecycle import RunEvent
from weir.executors import slurm_words
from weir.executors.local_run import End, explain
from weir.executors.slurm_records import Job
from weir.executors.slurm_runs import Run
from weir.executors.slurm_script import LOG
from weir.wire.jobspec import walltime_s

MAX_REASON = 500
LOG_TAIL = 65536

_EXCEEDED = re.compile(r"exceeded (?:job )?memory limit \((\d+) > (\d+)\)")
_OOM_KILL = re.compile(
    r"oom[-_ ]kill|Exceeded (?:job|step) memory limit|Out Of Memory", re.IGNORECASE
)

NOBODY = "nobody"
"""What the agent writes into a claim of its own: no job is to run this run."""

_TIMES = re.compile(r"(\d+)m(\d+(?:[.,]\d+)?)s (\d+)m(\d+(?:[.,]\d+)?)s")
"""A line of what the shell's `times` prints: user and system time."""

CENTER_SIGNALS = (128 + signal.SIGTERM, 128 + signal.SIGKILL)
"""Exit codes by which a center's preemption, cancelation or memory limit shows in a task."""

LOST = {
    "NODE_FAIL": "a node of it failed",
    "BOOT_FAIL": "its nodes did not boot",
    "PREEMPTED": "preempted by a job of the center's own",
    "REVOKED": "revoked at the center",
}
"""States in which the center took a job's nodes away."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What one task left: its node, its exit code, or why it can't start. `at` is the last sign,
    `cpu_s` the CPU time of its processes.
    """

    group: str
    index: int
    code: int | None = None
    cannot: str = ""
    stopped: bool = False
    node: str = ""
    at: float | None = None
    cpu_s: float | None = None

    @property
    def over(self) -> bool:
        return self.code is not None or bool(self.cannot)


@dataclass(frozen=True, slots=True)
class Trails:
    """What a run left: the job that claimed it and when, whether too late, its tasks, the log.
    `nobody`: it was claimed here, so that no job runs it.
    """

    job: str | None = None
    nobody: bool = False
    claimed_at: float | None = None
    late: bool = False
    tasks: tuple[Trail, ...] = ()
    log: str = ""

    @property
    def over(self) -> bool:
        """Whether all its tasks have come to their end."""
        return bool(self.tasks) and all(task.over for task in self.tasks)

    @property
    def done(self) -> bool:
        """Whether all its tasks have come to a good end."""
        return self.over and all(task.code == 0 for task in self.tasks)

    @property
    def felled(self) -> bool:
        """Whether a signal ended one that the center may have sent: only Slurm can tell why."""
        return any(task.code in CENTER_SIGNALS for task in self.tasks)


def claim(path: str) -> bool:
    """Claim a run so that none of its jobs can run it any more, by its claim's path; False if one
    of them has. Claimed again it stays so.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        left = _left(path)
        return left is not None and _claimed(*left).nobody
    except OSError:
        return True  # without its folder nothing of it can run
    with open(fd, "w", encoding="utf-8") as file:
        file.write(f"{NOBODY}\n")
    return True


def read_claim(path: str) -> Trails:
    """Who has claimed a run, if anybody has; the rest is not read."""
    left = _left(path)
    return Trails() if left is None else _claimed(*left)


def read_trail(run: Run, log: str | None = None) -> Trails:
    """All that a run has left."""
    return replace(read_tasks(run), log=_tail(log or os.path.join(run.folder, LOG)))


def read_tasks(run: Run) -> Trails:
    """What a run has left but for the log, which matters only where something went wrong."""
    left = _left(run.claim)
    claimed = Trails() if left is None else _claimed(*left)
    names = run.tasks
    if left is not None and len(names) == 1 and any(line.startswith("on ") for line in left[0]):
        tasks: tuple[Trail, ...] = (_trail(*names[0], *left),)
    else:
        tasks = tuple(_task(run, group, index) for group, index in names)
    return replace(claimed, tasks=tasks)


def _claimed(lines: Sequence[str], at: float) -> Trails:
    """Who has claimed a run and when, from the claim and the time of its last change."""
    if lines == [NOBODY]:
        return Trails(nobody=True)
    job = lines[0].removeprefix("job ").strip() if lines else ""
    ups = [line.removeprefix("up ") for line in lines if line.startswith("up ")]
    return Trails(job or None, claimed_at=at - _span_s(ups), late="late" in lines)


def _span_s(ups: Sequence[str]) -> float:
    """Seconds from the first look at a node's clock to the last."""
    try:
        return max(0.0, float(ups[-1]) - float(ups[0])) if ups else 0.0
    except ValueError:  # where there is no such clock
        return 0.0


def end_of(run: Run, jobs: Sequence[Job], trails: Trails, now: float) -> End:
    """The end of a run whose jobs (the components of one) are over, or are not to be found."""
    event, code, reason = _outcome(run, jobs, trails)
    times = [job.ended for job in jobs if job.ended is not None]
    marks = [task.at for task in trails.tasks if task.at is not None]
    at = max(times, default=max(marks, default=now))
    if times and trails.over and marks:
        at = max(marks)  # Slurm tells whole seconds only
    if run.stop is not None:
        at = max(at, run.stop.at)
    at = min(max(at, run.started or 0.0), now)
    return End(event, at, code, reason[:MAX_REASON])


def started_at(jobs: Sequence[Job], trails: Trails, now: float) -> float:
    """When a run started: Slurm tells whole seconds only, the claim tells more."""
    told = min((job.started for job in jobs if job.started is not None), default=None)
    claimed = trails.claimed_at
    if claimed is not None and (told is None or told <= claimed <= told + 60):
        return min(claimed, now)
    return now if told is None else min(told, now)


def _outcome(run: Run, jobs: Sequence[Job], trails: Trails) -> tuple[RunEvent, int | None, str]:
    state, job = _worst(jobs)
    if trails.done and state in ("COMPLETED", "COMPLETING", ""):
        return RunEvent.SUCCEEDED, 0, ""
    if run.stop is not None:
        return run.stop.event, run.stop.exit_code, run.stop.reason
    if trails.late:
        return RunEvent.REFUSED, None, "it did not start in time"
    if any(j.restarts for j in jobs):
        return RunEvent.VANISHED, None, f"requeued at the center{_because(job)}"
    if state in LOST:
        return RunEvent.VANISHED, None, f"{LOST[state]}{_on(job)}"
    memory = _memory(run, state, trails)
    if memory:
        return RunEvent.FAILED, None, _named(run, _failed(trails), memory)
    if state in ("TIMEOUT", "DEADLINE"):
        return RunEvent.FAILED, None, f"wall time of {_limit(run, jobs)} exceeded"
    if state == "CANCELLED" and not _failed_by_itself(trails):
        event = RunEvent.REFUSED if trails.job is None else RunEvent.VANISHED
        return event, None, f"canceled at the center{_because(job)}"
    return _by_tasks(run, job, trails)


def _by_tasks(run: Run, job: Job | None, trails: Trails) -> tuple[RunEvent, int | None, str]:
    failed = _failed(trails)
    if failed is not None and failed.cannot:
        return RunEvent.FAILED, None, "can't start: " + _named(run, failed, failed.cannot)
    if failed is not None and failed.code is not None:
        return RunEvent.FAILED, failed.code, _named(run, failed, explain(failed.code))
    if job is None:
        return RunEvent.VANISHED, None, "its job is gone from Slurm, and left no end"
    if trails.job is None:
        return RunEvent.VANISHED, None, f"Slurm could not launch it{_because(job)}"
    how = f"signal {job.signal}" if job.signal else f"exit code {job.exit_code}"
    text = f"ended without an exit code of its own: Slurm says {job.state}, {how}{_because(job)}"
    last = next((line.strip() for line in reversed(trails.log.splitlines()) if line.strip()), "")
    text += f"; its log ends: {last[-200:]}" if last else ""
    return RunEvent.FAILED, None, _named(run, failed, text)


def _failed(trails: Trails) -> Trail | None:
    """The task for which the run failed: the first that was not stopped itself."""
    bad = [task for task in trails.tasks if task.cannot or (task.code or 0) != 0]
    own = [task for task in bad if not task.stopped]
    first = min(own or bad, key=lambda task: task.at or 0.0, default=None)
    if first is not None:
        return first
    return next((task for task in trails.tasks if task.node and not task.over), None)


def _failed_by_itself(trails: Trails) -> bool:
    """Whether a task came to a bad end that is not the center's. Its shell may be killed before it
    notes that it was stopped: a signal that the center sends speaks for the center.
    """
    center = (None, 0, *CENTER_SIGNALS)
    return any(not t.stopped and (t.cannot or t.code not in center) for t in trails.tasks)


def _memory(run: Run, state: str, trails: Trails) -> str:
    """Why memory is the reason; empty if it is not."""
    exceeded = [(int(used), int(most)) for used, most in _EXCEEDED.findall(trails.log)]
    if not exceeded and state != "OUT_OF_MEMORY" and not _OOM_KILL.search(trails.log):
        return ""
    failed = _failed(trails)
    tasks = [t for t in run.order.spec.tasks if failed is None or t.name == failed.group]
    limit = max(units.parse_bytes(t.memory) for t in tasks)
    # A control group tells no figure: it stops a task at the limit, which is then what it used.
    used = max((used for used, _ in exceeded), default=limit)
    return f"out of memory: used {units.show_bytes(used)} of {units.show_bytes(limit)}"


def _worst(jobs: Sequence[Job]) -> tuple[str, Job | None]:
    """The state that says most, of the components of one job."""
    mild = ("COMPLETED", "CANCELLED", "COMPLETING")
    for job in jobs:
        if job.state not in mild:
            return job.state, job
    for word in ("CANCELLED", "COMPLETING", "COMPLETED"):
        for job in jobs:
            if job.state == word:
                return word, job
    return "", None


def _limit(run: Run, jobs: Sequence[Job]) -> str:
    seconds = walltime_s(run.order.spec)
    if seconds is None:
        spans = [j.ended - j.started for j in jobs if j.ended is not None and j.started is not None]
        seconds = round(max(spans, default=0.0))
    return units.show_duration_s(max(0, seconds))


def _named(run: Run, task: Trail | None, what: str) -> str:
    """`what` with the task's name in front, where the run has several."""
    several = len(run.tasks) > 1 and task is not None
    return f"{task.group}-{task.index}: {what}" if several and task else what


def _because(job: Job | None) -> str:
    return f" ({job.reason})" if job is not None and job.reason else ""


def _on(job: Job | None) -> str:
    nodes = slurm_words.hosts_text(job.nodes) if job is not None else ""
    return f" ({nodes})" if nodes else ""


def _left(path: str) -> tuple[list[str], float] | None:
    """The whole lines of a small file, and when it was changed; None if it can't be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().split("\n")[:-1], os.fstat(file.fileno()).st_mtime
    except OSError:
        return None


def _task(run: Run, group: str, index: int) -> Trail:
    left = _left(f"{run.base(group, index)}.task")
    return Trail(group, index) if left is None else _trail(group, index, *left)


def _trail(group: str, index: int, lines: Sequence[str], at: float) -> Trail:
    said = dict(line.partition(" ")[::2] for line in lines)
    code = said.get("exit", "")
    return Trail(
        group,
        index,
        int(code) if code.isdigit() else None,
        said.get("cannot", ""),
        "stopped" in said,
        said.get("on", ""),
        at,
        _cpu_s(lines),
    )


def _cpu_s(lines: Sequence[str]) -> float | None:
    """CPU seconds of a task's shell and of all that it has waited for; None if not told."""
    found = [match for line in lines if (match := _TIMES.fullmatch(line)) is not None]
    parts = [(m[i], m[i + 1]) for m in found for i in (1, 3)]
    return (
        sum(60 * int(minutes) + float(seconds.replace(",", ".")) for minutes, seconds in parts)
        if found
        else None
    )


def _tail(path: str) -> str:
    with suppress(OSError), open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        file.seek(max(0, size - LOG_TAIL))
        return file.read().decode(errors="replace")
    return ""
