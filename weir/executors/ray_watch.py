"""What is seen of our runs, taken in: which have started, ended and how, which are gone.

Two sources: the trails in the runs' folders, which their drivers write at once, and Ray's list of
jobs. A trail that has its end decides; where there is none, Ray's word does.

Laws:
- A job is taken to be gone when two answers in a row did not show it. If its driver never began,
  it is sent again under its old id; else the run is lost.
- A run that has not begun when its time to start is over is claimed for nobody: it never starts.
- Jobs of ours that no run wants any more are stopped, and deleted once they are over.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from weir.core.errors import WeirError
from weir.core.lifecycle import RunEvent
from weir.executors import local_files
from weir.executors.base import Seen
from weir.executors.local_run import End
from weir.executors.ray_calls import Ray
from weir.executors.ray_records import Job
from weir.executors.ray_runs import Notes, Run, mark_of
from weir.executors.ray_settings import RaySettings
from weir.executors.ray_verdict import LATE, TRAIL, Trail, claim, end_of, read_trail
from weir.executors.ray_waiting import Request, Waiting, request_of

log = logging.getLogger(__name__)

CANCEL_AGAIN_S = 15.0
LATE_USE_S = 8.0
"""How old what Ray tells of its use may be: its autoscaler gathers that every 5 s."""

LET_GO_S = 60.0
"""Longest that a run which has ended here may still hold something at Ray."""


@dataclass(slots=True)
class Work:
    """What is left to do at Ray: runs to send again, runs to stop, jobs to stop and to delete."""

    again: list[Run] = field(default_factory=list)
    to_cancel: dict[str, Run] = field(default_factory=dict)
    to_stop: set[str] = field(default_factory=set)
    to_delete: set[str] = field(default_factory=set)


class Watch:
    """What is known of our runs at Ray. All of it is called from one thread, but for `ended`."""

    def __init__(
        self,
        settings: RaySettings,
        ray: Ray,
        notes: Notes,
        runs: Mapping[str, Run],
        lock: threading.RLock,
        now: Callable[[], float],
        tell: Callable[[Seen], None],
        leave: Callable[[Run, End], bool],
    ) -> None:
        self._leave = leave
        self._settings, self._ray, self._notes = settings, ray, notes
        self._runs, self._lock, self._now, self._tell = runs, lock, now, tell
        self._mark = mark_of(str(settings.folder / "runs"))
        self._sizes: dict[str, int] = {}  # of trails as they were last read
        self._letting_go: dict[str, tuple[Run, float, float | None]] = {}
        self._waiting_jobs: dict[str, Request] = {}
        self.work = Work()

    def sent(self) -> list[Run]:
        """Runs that Ray may have."""
        with self._lock:
            live = [run for run in self._runs.values() if run.end is None and run.leaving is None]
            return [run for run in live if run.sent_at is not None]

    def starting(self) -> int:
        """How many of them have not begun."""
        return sum(not run.claimed for run in self.sent())

    def holders(self) -> list[Run]:
        """Runs of which something may be in use, or may be told to be."""
        now = self._now()
        kept = {
            name: (run, ended, over)
            for name, (run, ended, over) in self._letting_go.items()
            if now < ended + LET_GO_S and (over is None or now < over + LATE_USE_S)
        }
        with self._lock:
            self._letting_go = kept
            ended = [run for run, _, _ in kept.values()]
        return [*self.sent(), *ended]

    def waiting(self, told: Counter[Request] | None) -> Waiting:
        """What Ray tells to wait for room, and what of it may be ours."""
        fresh = self._now() - LATE_USE_S
        maybe = [run for run in self.holders() if run.started is None or run.started > fresh]
        runs = [run for run in maybe if run.job not in self._waiting_jobs]
        return Waiting(told, tuple(self._waiting_jobs.values()), runs)

    # -- trails ----------------------------------------------------------------------------------

    def read(self) -> None:
        """Look into the folders of the runs that have been sent."""
        for run in self.sent():
            try:
                names = os.listdir(run.folder)  # that makes NFS look again
                size = os.stat(os.path.join(run.folder, TRAIL)).st_size if TRAIL in names else 0
            except OSError:
                size = 0
            if size != self._sizes.get(run.id, 0):
                self._sizes[run.id] = size
                trail = read_trail(run.folder)
                self._follow(run, trail)
                if trail.ended is not None or trail.late:
                    self.end(run, end_of(run, None, trail, self._now()))

    def _follow(self, run: Run, trail: Trail) -> None:
        """Take in what a trail says before its end."""
        with self._lock:
            if run.end is not None or not trail.claimed:
                return
            new = not run.claimed or (trail.nodes and dict(trail.nodes) != run.nodes)
            run.claimed = True
            if trail.nodes:
                run.nodes = dict(trail.nodes)
            if trail.started is not None and run.started is None:
                run.started = min(trail.started, self._now())
                self._tell(run.seen())
                new = True
            if new:
                self._notes.keep([run])

    # -- jobs ------------------------------------------------------------------------------------

    def take(self, jobs: Sequence[Job], asked: float) -> None:
        """An answer of Ray's to a question that was asked at some time."""
        by_id = {job.id: job for job in jobs}
        for run in self.sent():
            job = by_id.get(run.job)
            if job is not None:
                self._step(run, job)
            elif run.sent_at is not None and asked > run.sent_at:
                self._absent(run)
            self._keep_start(run)
        ours = {job.id: request_of(job) for job in jobs if self._is_ours(job)}
        self._waiting_jobs = {name: asked for name, asked in ours.items() if asked is not None}
        self._let_go(by_id)
        self._find_ghosts(jobs)

    def _step(self, run: Run, job: Job) -> None:
        """What is seen of a run's job."""
        now = self._now()
        run.missed = 0
        tasks = run.tasks
        if job.node and len(tasks) == 1 and not run.nodes:
            (group, index), *_ = tasks
            run.nodes = {f"{group}-{index}": job.node}
        if not job.over:
            run.over_since = None
            if run.stop is not None and now - (run.canceled_at or now) > CANCEL_AGAIN_S:
                self.work.to_cancel[run.id] = run
            return
        run.over_since = run.over_since or now
        trail = read_trail(run.folder)
        self._follow(run, trail)
        done = trail.ended is not None or trail.late
        if done or now - run.over_since >= self._settings.settle_s:
            text = "" if done else self._log_of(run)
            self.end(run, end_of(run, job, trail, now, text))

    def _absent(self, run: Run) -> None:
        """A run that Ray does not show."""
        run.missed += 1
        if run.missed < 2:
            return
        trail = read_trail(run.folder)
        self._follow(run, trail)
        now = self._now()
        run.over_since = run.over_since or now
        if trail.ended is not None or trail.late:
            self.end(run, end_of(run, None, trail, now))
        elif trail.claimed:
            if now - run.over_since >= self._settings.settle_s:
                self.end(run, end_of(run, None, trail, now))
        elif run.stop is not None:
            self.work.to_cancel[run.id] = run
        else:
            log.warning("run %s is not at Ray; it is sent again", run.id)
            run.missed, run.over_since = 0, None
            self.work.again.append(run)

    def _keep_start(self, run: Run) -> None:
        """A run that has not begun in time does not begin."""
        if run.end is None and not run.claimed and self._now() > run.start_by and claim(run.folder):
            self.end(run, End(RunEvent.REFUSED, self._now(), None, LATE))
            self.work.to_stop.add(run.job)

    def end(self, run: Run, end: End) -> None:
        """A run has ended."""
        with self._lock:
            if run.end is not None or run.leaving is not None:
                return
            if end.event is RunEvent.SUCCEEDED:
                wrong = local_files.wrong_outputs(run.work, run.order.spec.outputs)
                if wrong:
                    end = End(RunEvent.FAILED, end.at, end.exit_code, wrong)
            self._sizes.pop(run.id, None)
            if run.sent_at is not None:
                self._letting_go[run.id] = (run, self._now(), None)
            if self._leave(run, end):
                run.leaving = end
                return  # who brings away what it has left tells of its end
            run.end = end
            self._notes.keep([run])
            self._tell(run.seen())

    def _log_of(self, run: Run) -> str:
        try:
            return self._ray.log(run.job)
        except WeirError:
            return ""

    def _let_go(self, jobs: Mapping[str, Job]) -> None:
        """Note of runs that have ended here when their jobs are over too."""
        with self._lock:
            for name, (run, ended, over) in list(self._letting_go.items()):
                job = jobs.get(run.job)
                if over is None and (job is None or job.over):
                    self._letting_go[name] = (run, ended, self._now())

    def _is_ours(self, job: Job) -> bool:
        return job.metadata.get("weir_agent") == self._mark

    def _find_ghosts(self, jobs: Sequence[Job]) -> None:
        """Jobs of runs that have ended here: stopped if they go on, deleted once forgotten."""
        for job in jobs:
            if not self._is_ours(job):
                continue
            name = job.metadata.get("weir_run", "")
            run = self._runs.get(name)
            if run is not None and run.end is not None and not job.over:
                if self._now() > run.end.at + CANCEL_AGAIN_S:
                    self.work.to_stop.add(job.id)
            elif run is None and self._notes.forgotten(name) is not None:
                (self.work.to_delete if job.over else self.work.to_stop).add(job.id)
