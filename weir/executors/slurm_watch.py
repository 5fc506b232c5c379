"""What Slurm says of our jobs, taken in: which have started, ended and how, which are gone.

Laws:
- A job is taken to be gone when two answers in a row did not show it.
- A submission that was not answered is looked for by its name; made again it is only after
  `settle_s`, and when nobody has claimed the run.
- Jobs of ours that no run wants any more are canceled.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weir.core import units
from weir.core.lifecycle import RunEvent
from weir.executors import local_files, slurm_packed
from weir.executors.base import Seen
from weir.executors.local_run import End, Stop
from weir.executors.slurm_calls import Slurm
from weir.executors.slurm_lengths import Lengths
from weir.executors.slurm_packed import Next
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_records import COMPLETING, Job
from weir.executors.slurm_rows import Rows
from weir.executors.slurm_runs import Notes, Run
from weir.executors.slurm_settings import SlurmSettings
from weir.executors.slurm_verdict import (
    Trails,
    claim,
    end_of,
    read_claim,
    read_tasks,
    read_trail,
    started_at,
)
from weir.wire.jobspec import walltime_s

log = logging.getLogger(__name__)

CANCEL_AGAIN_S = 30.0

ENDING_S = 30.0
"""How long the job of a run that has ended may still be there: Slurm cleans up after it."""


@dataclass(slots=True)
class Work:
    """What is left to do at Slurm: runs to submit again, runs to stop, jobs that nobody wants; and
    whether to ask again soon, as a job was not shown that was there before.
    """

    again: list[Run] = field(default_factory=list)
    to_cancel: dict[str, Run] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)
    doubt: bool = False


@dataclass(slots=True)
class _Changes:
    """What one look at many runs comes to: it is written down at once, and then told."""

    runs: dict[str, Run] = field(default_factory=dict)
    said: list[Seen] = field(default_factory=list)

    def note(self, run: Run, *, tell: bool) -> None:
        """This run has changed. What is told is how it stands now."""
        self.runs[run.id] = run
        if tell:
            self.said.append(run.seen())


class Watch:
    """What is known of our jobs. All is called from one thread, but for `forget` and `hear`."""

    def __init__(
        self,
        settings: SlurmSettings,
        slurm: Slurm,
        pools: Pools,
        notes: Notes,
        runs: Mapping[str, Run],
        lock: threading.RLock,
        now: Callable[[], float],
        tell: Callable[[Seen], None],
        leave: Callable[[Run, End], bool] = lambda run, end: False,
        lengths: Lengths | None = None,
    ) -> None:
        self._leave, self._lengths = leave, lengths or Lengths()
        self._settings, self._slurm, self._pools, self._notes = settings, slurm, pools, notes
        self._runs, self._lock, self._now, self._tell = runs, lock, now, tell
        self._past: dict[str, Run] = {}  # forgotten; their jobs may hold something for a moment
        self._ghosts: deque[str] = deque(maxlen=1000)  # canceled already
        self.held: dict[str, Run] = {}  # whose jobs held something when last asked
        self.work = Work()

    def sent(self) -> list[Run]:
        """Runs that Slurm may have."""
        with self._lock:
            live = [run for run in self._runs.values() if run.end is None and run.leaving is None]
            return [run for run in live if run.sent_at is not None]

    def forget(self, run: Run) -> None:
        """This run is forgotten; with the lock held."""
        if run.id in self.held:
            self._past[run.id] = run

    def take(self, jobs: Sequence[Job], asked: float, since: float | None) -> None:
        """An answer to a question that was asked at some time. What holds something, or has held it
        after `since`, is in `held` from here on.
        """
        rows = Rows(jobs)
        gone, changes = [], _Changes()
        try:
            for run in self.sent():
                found = rows.of(run)
                if found:
                    self._step(run, found, changes)
                elif self._absent(run, asked):
                    gone.append(run)
            for run in slurm_packed.held_up(self.sent(), self._now(), self._settings.pack_s):
                self._take_back(run, changes)
            self.held = self._holders(rows, since)
            self._find_ghosts(rows)
            if gone:
                self._bury(gone, changes)
        finally:
            self._write_down(changes)

    def _write_down(self, changes: _Changes) -> None:
        with self._lock:
            self._notes.keep(changes.runs.values())
            for seen in changes.said:
                self._tell(seen)

    def _step(self, run: Run, jobs: Sequence[Job], changes: _Changes) -> None:
        """What is seen of a run's job."""
        now = self._now()
        started = any(job.holds or job.over for job in jobs)
        if run.job is None or run.missed or (run.own is None and started):
            with self._lock:
                if run.end is not None:  # it has rung meanwhile
                    return
                run.missed = 0
                run.job = run.job or jobs[0].array or jobs[0].leader or jobs[0].id
                if run.own is None and started:
                    run.own = jobs[0].leader or jobs[0].id
                changes.note(run, tell=False)
        if run.packed:
            self._step_packed(run, jobs, changes)
            return
        done = all(job.over for job in jobs)
        completing = all(job.over or job.state == COMPLETING for job in jobs)
        again = any(job.restarts for job in jobs)
        trails = read_trail(run, self._log_of(run)) if done or completing or again else None
        begun = any(job.holds and job.state != "CONFIGURING" for job in jobs)
        begun = begun or (trails is not None and trails.job is not None and not trails.late)
        with self._lock:
            if run.end is not None:
                return
            if any(job.nodes for job in jobs):
                run.nodes = tuple(job.nodes for job in jobs)
            if begun and run.started is None:
                at = started_at(jobs, trails or read_claim(run.claim), now)
                run.started = at
                changes.note(run, tell=True)
            # While it completes, Slurm does not say yet that it preempted a job, or canceled it.
            own = completing and trails is not None and trails.over and not trails.felled
            if trails is not None and (done or again or own):
                self._end(run, end_of(run, jobs, trails, now), changes)
                if again and not done and run.job_word:
                    self.work.leftovers.append(run.job_word)
                return
            self._keep_limits(run, now, changes)

    def _step_packed(self, run: Run, jobs: Sequence[Job], changes: _Changes) -> None:
        """The same of one whose job is a pack; without jobs Slurm has it no more."""
        if jobs and not any(job.holds or job.over or job.restarts for job in jobs):
            return
        now, trails = self._now(), read_tasks(run)
        what = slurm_packed.judge(run, jobs, trails)
        if what is Next.BACK:
            self._take_back(run, changes)
        elif what is Next.CUT_OFF:
            trails = read_trail(run, self._log_of(run))
        with self._lock:
            if run.end is not None or not run.packed:
                return
            if run.started is None and trails.job is not None and not trails.late:
                run.started = started_at((), trails, now)
                changes.note(run, tell=True)
            if what is Next.OVER:
                self._end(run, end_of(run, (), trails, now), changes)
            elif what is Next.CUT_OFF:
                self._end(run, end_of(run, jobs, trails, now), changes)
            else:
                self._keep_limits(run, now, changes)
            if any(job.restarts and not job.over for job in jobs) and run.job_word:
                self.work.leftovers.append(run.job_word)

    def take_back(self, runs: Iterable[Run]) -> None:
        """Those of these runs that their packs have not begun go to Slurm again, by themselves or
        in others; from now on nothing of their old jobs can begin them.
        """
        changes = _Changes()
        for run in runs:
            self._take_back(run, changes)
        self._write_down(changes)

    def _take_back(self, run: Run, changes: _Changes) -> None:
        if not claim(run.claim):
            return
        with self._lock:
            if run.end is not None:
                return
            if run.stop is not None:
                stop = run.stop
                self._end(run, End(stop.event, self._now(), stop.exit_code, stop.reason), changes)
                return
            run.tries += 1
            run.job = run.array = run.index = run.own = run.sent_at = run.canceled_at = None
            run.packed, run.nodes, run.missed = False, (), 0
            changes.note(run, tell=False)
            self.work.again.append(run)

    def hear(self, names: Iterable[str]) -> None:
        """Runs whose jobs have rung: what they left says whether they have started, or ended.

        What only Slurm can tell (why a signal ended a task) is left to the next answer.
        """
        now = self._now()
        rung = [run for name in names if (run := self._runs.get(name)) is not None]
        rung = [run for run in rung if run.end is None and (run.stop is None or run.packed)]
        left = [(run, self._left(run)) for run in rung]
        changes = _Changes()
        with self._lock:
            for run, trails in left:
                if trails.job is None or trails.late or run.end is not None:
                    continue
                if run.stop is not None and not run.packed:  # its job is being canceled
                    continue
                if run.started is None:
                    run.started = started_at((), trails, now)
                    changes.note(run, tell=True)
                if trails.over and not trails.felled:
                    self._end(run, end_of(run, (), trails, now), changes)
            self._write_down(changes)

    def _left(self, run: Run) -> Trails:
        """What a run has left; the log, too, if it has ended and not well."""
        trails = read_tasks(run)
        return read_trail(run, self._log_of(run)) if trails.over and not trails.done else trails

    def _keep_limits(self, run: Run, now: float, changes: _Changes) -> None:
        """Stop a run that has had its time; cancel again what is slow to be canceled."""
        limits = [walltime_s(run.order.spec)]
        kind = self._pools.get(run.pool)
        limits += [kind.share.max_walltime_s] if kind else []
        most = min((limit for limit in limits if limit is not None), default=None)
        if run.stop is None and run.started is not None and most is not None:
            if now > run.started + most:
                reason = f"wall time of {units.show_duration_s(most)} exceeded"
                run.stop = Stop(RunEvent.FAILED, reason, now)
                changes.note(run, tell=False)
                self.work.to_cancel[run.id] = run
        elif run.stop is not None and now - (run.canceled_at or now) > CANCEL_AGAIN_S:
            self.work.to_cancel[run.id] = run

    def _absent(self, run: Run, asked: float) -> bool:
        """A run that Slurm does not show: whether it is to be taken for gone."""
        if run.sent_at is None or asked <= run.sent_at:
            return False
        if run.job is not None or run.own is not None:
            run.missed += 1
            self.work.doubt |= run.missed == 1
            return run.missed > 1
        if asked - run.sent_at < self._settings.settle_s:
            return False
        claimed = read_claim(run.claim).job
        with self._lock:
            if claimed is not None:
                run.own = claimed
                if run.index is None:
                    run.job = run.job or claimed
            elif run.stop is not None:
                self.work.to_cancel[run.id] = run
            elif run.packed:
                self.take_back([run])
            else:
                log.warning("run %s did not reach Slurm; it is submitted again", run.id)
                run.sent_at = self._now()
                self.work.again.append(run)
        return False

    def _bury(self, runs: Sequence[Run], changes: _Changes) -> None:
        """Runs whose jobs Slurm has forgotten: what is on record of them, and what they left."""
        recorded = Rows(self._slurm.ended([run.record_word for run in runs if run.record_word]))
        for run in runs:
            jobs = recorded.of(run)
            if run.packed:
                self._step_packed(run, jobs, changes)
                continue
            trails = read_trail(run, self._log_of(run))
            now = self._now()
            with self._lock:
                if run.end is not None:
                    continue
                if run.started is None and trails.job is not None and not trails.late:
                    run.started = started_at(jobs, trails, now)
                    changes.note(run, tell=True)
                self._end(run, end_of(run, jobs, trails, now), changes)

    def end(self, run: Run, end: End) -> None:
        """A run has ended; with the lock held."""
        changes = _Changes()
        self._end(run, end, changes)
        self._write_down(changes)

    def _end(self, run: Run, end: End, changes: _Changes) -> None:
        self._lengths.learn(run, end)
        if end.event is RunEvent.SUCCEEDED:
            wrong = local_files.wrong_outputs(run.work, run.order.spec.outputs)
            if wrong:
                end = End(RunEvent.FAILED, end.at, end.exit_code, wrong)
        if run.leaving is None and self._leave(run, end):
            run.leaving = end
        if run.leaving is not None:
            return  # who brings away what it has left tells of its end
        run.end = end
        changes.note(run, tell=True)

    def _log_of(self, run: Run) -> str | None:
        return None if run.array is None else f"{run.array}/log.{run.index}"

    def _holders(self, rows: Rows, since: float | None) -> dict[str, Run]:
        """Runs, forgotten ones too, whose jobs hold something now, or did at the last look."""
        with self._lock:
            known = [*self._runs.values(), *self._past.values()]
            slurm_packed.one_each(known, rows)
            for run in known:
                if (
                    run.end is not None and not run.nodes and not run.packed
                ):  # it rang before it was ever seen
                    run.nodes = tuple(job.nodes for job in rows.of(run) if job.nodes)
            held = {run.id: run for run in known if run.nodes and rows.holds(run, since)}
            self._past = {name: run for name, run in self._past.items() if name in held}
        return held

    def _find_ghosts(self, rows: Rows) -> None:
        """Jobs of runs that have another job, or have ended here."""
        with self._lock:
            found = [
                job.id
                for run_id, job in rows.alive()
                if job.id not in self._ghosts and self._is_ghost(run_id, job)
            ]
        if found:
            log.warning("canceling jobs %s: their runs have other jobs, or are over", found)
            self.work.leftovers += found
            self._ghosts.extend(found)

    def _is_ghost(self, run_id: str, job: Job) -> bool:
        run = self._runs.get(run_id)
        ended = self._notes.forgotten(run_id) if run is None else run.end
        if ended is not None:
            return self._now() - ended.at > ENDING_S
        if run is None:
            return False
        return run.job is not None and run.job not in (job.id, job.leader)
