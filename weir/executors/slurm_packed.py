"""Runs in packs, as they are seen: who has begun, who is over, who has to go to Slurm again.

What Slurm says is of the whole pack. What one of its runs did stands in the run's claim, and only
for the one that was cut off does Slurm's word count.

Laws:
- A run is taken back only by its claim: whoever takes it back has made the claim that a job would
  have to make to start it. It goes to Slurm again under a new claim. So it starts once at most.
- To stop the one that runs, those that have not begun are taken back first: then its job has
  nobody but it, and is canceled.
- One that waits behind a run that takes longer than a pack may is taken back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum

from weir.executors.slurm_calls import Usage
from weir.executors.slurm_packs import TRIES
from weir.executors.slurm_records import Job
from weir.executors.slurm_rows import Rows
from weir.executors.slurm_runs import Run
from weir.executors.slurm_verdict import Trails, read_tasks


class Next(Enum):
    """What a look at a run in a pack comes to."""

    WAITS = "it has not begun, and may yet"
    RUNS = "it has begun"
    OVER = "it has ended by itself, or came too late: Slurm need not be asked"
    CUT_OFF = "its job is over: Slurm says why"
    BACK = "it has not begun, and its job will not begin it"


def judge(run: Run, jobs: Sequence[Job], trails: Trails) -> Next:
    """What became of a run: from its pack's job (none if Slurm has it no more) and what it left."""
    done = all(job.over for job in jobs)
    over = done or any(job.restarts for job in jobs)
    if trails.nobody:
        return Next.BACK
    if trails.job is None:
        if not over:
            return Next.WAITS
        by_center = any(job.state == "CANCELLED" for job in jobs)
        return Next.CUT_OFF if by_center or run.tries >= TRIES else Next.BACK
    if trails.late or (trails.over and not trails.felled):
        return Next.OVER
    return Next.CUT_OFF if over else Next.RUNS


def held_up(runs: Iterable[Run], now: float, pack_s: float) -> list[Run]:
    """Runs that have not begun, behind one that has run for longer than a pack may take."""
    packed = [run for run in runs if run.packed and run.end is None]
    slow = {run.element for run in packed if run.started is not None and now - run.started > pack_s}
    return [run for run in packed if run.started is None and run.element in slow]


def one_each(runs: Iterable[Run], rows: Rows) -> None:
    """Of each pack one run has the nodes of its job, for all of it: the one that runs, else one
    that has not ended. What the job holds would count several times else.
    """
    members: dict[tuple[str, int] | None, list[Run]] = {}
    for run in runs:
        if run.packed:
            members.setdefault(run.element, []).append(run)
    for pack in members.values():
        chosen = max(pack, key=lambda run: (run.end is None, run.started is not None))
        seen = tuple(job.nodes for job in rows.of(chosen) if job.nodes)
        nodes = seen or next((run.nodes for run in pack if run.nodes), ())
        for run in pack:
            run.nodes = nodes if run is chosen else ()


def usage_left(run: Run) -> Usage | None:
    """What a run of a pack has used, by its own shell; None while it has left no end."""
    trails = read_tasks(run)
    if run.started is None or run.layout is None or not trails.over:
        return None
    (task,) = trails.tasks
    ended = run.started if task.at is None else max(task.at, run.started)
    cpus = sum(part.cpus * part.all_tasks for part in run.layout.parts)
    elapsed_s = ended - run.started
    return Usage(round(elapsed_s), cpus, round(cpus * elapsed_s), task.cpu_s)
