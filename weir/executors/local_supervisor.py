"""Runs from their start to their end: starts their tasks, notices exits, keeps limits, stops.

Laws:
- Why a run is stopped is written down before anything is killed; the first reason stays.
- A run that was begun by an earlier process is taken up where it was: tasks that are claimed are
  found again, others are started. The claim makes that safe, whoever may still be starting one.
- When one task fails, the others are stopped, and the run has failed for that task's reason.
"""

from __future__ import annotations

import heapq
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from signal import SIGKILL, SIGTERM, Signals

from weir.core import units
from weir.core.lifecycle import RunEvent
from weir.executors import local_files, local_process, local_run
from weir.executors.base import Seen
from weir.executors.local_environment import (
    STANDARD_PATH,
    command_of,
    environment_of,
    maker_of,
    program,
)
from weir.executors.local_machine import Cores
from weir.executors.local_process import Process
from weir.executors.local_run import End, Run, Stop, Task
from weir.executors.local_watch import Key, Watcher, have_pidfd
from weir.executors.settings import LocalSettings
from weir.executors.staging_software import software_of
from weir.wire.jobspec import walltime_s
from weir.wire.pools import PoolFields

SAMPLE_S = 0.5
SAMPLE_SHARE = 20
"""Sampling memory takes at most one part in so many of one core's time."""

MAX_REASON = 500

WALL, AGAIN, KILL = "wall", "again", "kill"
AGAIN_IF_S, AGAIN_AFTER_S = 1.0, 0.1
"""A wrapper just starting its command keeps a signal for itself: young runs hear it twice."""


class CantStart(Exception):
    """A task's command can't be run; the text is for the person whose job it is."""


class Supervisor:
    """Looks after live runs. Its methods are called with `lock` held; its own thread takes it.

    `tell` hears every event of a run, `finished` every run that has ended; `flush` is called
    without the lock once there may be something new. `leave` is told of a run whose tasks have
    ended: if it gives True, `conclude` will be called once what it left was brought away.
    """

    def __init__(
        self,
        settings: LocalSettings,
        home: str,
        now: Callable[[], float],
        lock: threading.RLock,
        tell: Callable[[Seen], None],
        finished: Callable[[Run], None],
        flush: Callable[[], None],
        leave: Callable[[Run, End], bool] = lambda run, end: False,
    ) -> None:
        self._settings, self._now, self._lock = settings, now, lock
        self._tell, self._finished, self._flush, self._leave = tell, finished, flush, leave
        self._path = ":".join((*settings.path, STANDARD_PATH))
        self._boot = local_process.boot_id()
        self._cores = Cores(os.sched_getaffinity(0), home)
        self._live: dict[str, Run] = {}
        self._due: list[tuple[float, str, str]] = []  # when, which run, what: WALL, AGAIN, KILL
        self._sample_at = 0.0
        self._none_live = threading.Condition(lock)
        self._watcher = Watcher(self._step, have_pidfd())

    def open(self) -> None:
        self._watcher.start()

    def close(self) -> None:
        """Stop looking; called without the lock."""
        self._watcher.stop()

    def wait_until_none(self, timeout_s: float) -> None:
        """Wait until no run is live, so long at most."""
        self._none_live.wait_for(lambda: not self._live, timeout_s)

    @property
    def live(self) -> Sequence[Run]:
        return tuple(self._live.values())

    def has(self, run: Run) -> bool:
        """Whether the run is being looked after: started, and not ended."""
        return run.id in self._live

    # Starting.

    def start(self, run: Run, pool: PoolFields | None) -> None:
        """Start a run, or take it up again; one with a `stop` is ended, started or not."""
        if not self._live:
            self._sample_at = self._now() + SAMPLE_S
            self._watcher.poke()
        self._live[run.id] = run
        run.software = software_of(run.order.spec, run.folder)
        todo = [t for t in run.tasks if not (run.adopted and self._find(run, t))]
        if run.stop is None:
            try:
                self._start_tasks(run, todo, pool)
            except (CantStart, OSError) as error:
                self._note(run, Stop(RunEvent.FAILED, f"can't start: {error}", self._now()))
            else:
                self._started(run, pool)
        elif run.adopted:  # one whose starter is gone may still be about to claim it
            for task in todo:
                if not local_process.claim(task.base):
                    self._find(run, task)
        if run.stop is not None:
            self._stop_tasks(run)
        self._settle(run)

    def _start_tasks(self, run: Run, tasks: Sequence[Task], pool: PoolFields | None) -> None:
        if pool is None:
            raise CantStart(f"there is no pool {run.pool} any more")
        ready = [(task, *self._command(run, task, pool)) for task in tasks]
        for task, command, environment in ready:
            task.pid = local_process.spawn(task.base, run.work, command, environment)
            task.ours = True
            task.cores = self._cores.take(task.place.cpu_milli)
            if task.cores:
                local_process.bind(task.pid, task.cores)
            self._watcher.watch(task.pid, (run.id, task.number))

    def _command(
        self, run: Run, task: Task, pool: PoolFields
    ) -> tuple[tuple[str, ...], dict[str, str]]:
        place = task.place
        path = ":".join((*run.software.path, self._path))
        environment = environment_of(
            run.order, pool, place, path, run.folder, self._cores.count(place.cpu_milli)
        )
        tasks = next(t for t in run.order.spec.tasks if t.name == place.group)
        stack = next(g.stack for g in run.order.groups if g.group == place.group)
        maker = "" if pool.emulated else maker_of(pool.device_model)
        name, *arguments = run.software.command(command_of(tasks, stack)[0], maker)
        found = program(name, environment["PATH"], run.work)
        if found is None:
            raise CantStart(local_run.named(run, task, f"there is no program {name}"))
        return (found, *arguments), environment

    def _started(self, run: Run, pool: PoolFields | None) -> None:
        if run.started is None:
            run.started = self._now()
            local_run.write_started(run)
            self._tell(run.seen())
        run.limit_s = _limit_s(run, pool)
        if run.limit_s is not None:
            self._at(run.started + run.limit_s, run, WALL)

    def _find(self, run: Run, task: Task) -> bool:
        """Look for a task that may have been started earlier; False if nobody has claimed it."""
        if not local_process.claimed(task.base):
            return False
        process = local_process.claimant_soon(task.base)
        if process is not None:
            task.pid = process.pid
            watched = local_process.alive(process, self._boot) and self._watcher.watch(
                process.pid, (run.id, task.number)
            )
            if watched and local_process.alive(process, self._boot):
                task.cores = self._cores.retake(process.pid)
                return True
        self._task_ended(run, task)
        return True

    # Ending.

    def stop(self, run: Run, stop: Stop, at_once: bool = False) -> None:
        """Stop a live run for this reason, unless it is being stopped already."""
        if run.stop is None and run.end is None:
            self._note(run, stop)
            self._stop_tasks(run, at_once)
            self._settle(run)

    def _note(self, run: Run, stop: Stop) -> None:
        run.stop = stop
        local_run.write_stop(run)

    def _stop_tasks(self, run: Run, at_once: bool = False) -> None:
        if at_once:
            self._signal(run, SIGKILL)
            return
        now = self._now()
        self._signal(run, SIGTERM)
        self._at(now + self._settings.grace_s, run, KILL)
        if run.started is not None and now - run.started < AGAIN_IF_S:
            self._at(now + AGAIN_AFTER_S, run, AGAIN)

    def _signal(self, run: Run, number: Signals) -> None:
        for task in run.alive:
            process = None if task.ours else local_process.claimant(task.base)
            if process is None or local_process.alive(process, self._boot):
                local_process.signal_group(task.pid, number)

    def _task_ended(self, run: Run, task: Task) -> None:
        """A task's process is gone: find its exit code, or the process that runs it instead."""
        task.code = local_process.exit_code(task.base)
        if task.code is None:
            process = local_process.claimant_soon(task.base)
            if process is not None and process.pid != task.pid:  # it was claimed before, by another
                if task.ours:
                    local_process.reap(task.pid)
                task.pid, task.ours = process.pid, False
                if local_process.alive(process, self._boot) and self._watcher.watch(
                    process.pid, (run.id, task.number)
                ):
                    return
            if task.ours:  # not yet reaped, so that its number is still its own
                local_process.signal_group(task.pid, SIGKILL)
            elif process is not None and process.boot == self._boot:
                local_process.kill_orphans(process.pid, run.id)
            task.code = local_process.exit_code(task.base)
            task.lost = _lost(process, self._boot)
        if task.ours:
            local_process.reap(task.pid)
        self._cores.give_back(task.cores)
        task.done = True

    def _settle(self, run: Run) -> None:
        """Draw the conclusions from the tasks that have ended."""
        failed = next((t for t in run.tasks if t.done and t.code != 0), None)
        if failed and run.stop is None and run.alive:
            reason = local_run.failure(run, failed)
            self._note(run, Stop(RunEvent.FAILED, reason, self._now(), failed.code))
            self._stop_tasks(run)
        if run.end is None and not run.alive:
            self._finish(run)

    def _finish(self, run: Run) -> None:
        event, code, reason = local_run.outcome(run)
        if event is RunEvent.SUCCEEDED and run.order.spec.outputs:
            wrong = local_files.wrong_outputs(run.work, run.order.spec.outputs)
            if wrong:
                event, reason = RunEvent.FAILED, wrong
        end = End(event, self._end_time(run), code, reason[:MAX_REASON])
        if run.leaving is None and self._leave(run, end):
            run.leaving = end
        if run.leaving is None or run.leaving.event is not event:  # else who brings it concludes
            self.conclude(run, end)

    def conclude(self, run: Run, end: End) -> None:
        """A run has ended, and what it left is where it belongs."""
        if run.end is not None or run.id not in self._live:
            return
        run.end = end
        local_run.write_end(run)
        del self._live[run.id]
        if not self._live:
            self._none_live.notify_all()
        self._finished(run)
        self._tell(run.seen())

    def _end_time(self, run: Run) -> float:
        """Now; for a run that was begun earlier, when its last task wrote its exit code."""
        now = self._now()
        if not run.adopted or run.started is None:
            return now
        times = [t for task in run.tasks if (t := local_process.exit_time(task.base)) is not None]
        return max(run.started, min(now, max(times, default=now)))

    # Watching.

    def _at(self, when: float, run: Run, what: str) -> None:
        if len(self._due) > 1000 + 4 * len(self._live):  # mostly of runs that ended long before
            self._due = [moment for moment in self._due if moment[1] in self._live]
            heapq.heapify(self._due)
        heapq.heappush(self._due, (when, run.id, what))
        if self._due[0][0] == when:
            self._watcher.poke()

    def _step(self, ended: Sequence[Key]) -> float | None:
        with self._lock:
            for run_id, number in ended:
                run = self._live.get(run_id)
                if run is not None and not run.tasks[number].done:
                    self._task_ended(run, run.tasks[number])
                    self._settle(run)
            began = self._now()
            self._fire(began)
            due = bool(self._live) and began >= self._sample_at
            sessions = [t.pid for run in self.live for t in run.alive] if due else []
        if due:
            self._judge(local_process.memory_by_session(sessions))
            self._sample_at = self._now() + max(SAMPLE_S, SAMPLE_SHARE * (self._now() - began))
        self._flush()
        with self._lock:
            moments = [self._due[0][0]] if self._due else []
            moments += [self._sample_at] if self._live else []
            return max(0.0, min(moments) - self._now()) if moments else None

    def _fire(self, now: float) -> None:
        while self._due and self._due[0][0] <= now:
            _, run_id, what = heapq.heappop(self._due)
            run = self._live.get(run_id)
            if run is None:
                continue
            if what == KILL:
                self._signal(run, SIGKILL)
            elif what == AGAIN:
                self._signal(run, SIGTERM)
            elif run.started is not None and run.leaving is None:
                limit = units.show_duration_s(run.limit_s or 0)
                self.stop(run, Stop(RunEvent.FAILED, f"wall time of {limit} exceeded", now))

    def _judge(self, used: Mapping[int, tuple[int, list[int]]]) -> None:
        """Kill the runs of which a task uses more memory than it asked for."""
        with self._lock:
            for run in self.live:
                for task in run.alive:
                    total, members = used.get(task.pid, (0, []))
                    limit = task.place.memory_bytes
                    if total > limit:  # pages that are shared were counted often: look closely
                        exact = local_process.proportional_bytes(members)
                        total = total if exact is None else exact
                    if total > limit:
                        text = f"used {units.show_bytes(total)} of {units.show_bytes(limit)}"
                        reason = local_run.named(run, task, f"out of memory: {text}")
                        stop = Stop(RunEvent.FAILED, reason, self._now())
                        self.stop(run, stop, at_once=True)
                        break


def _limit_s(run: Run, pool: PoolFields | None) -> int | None:
    """The longest the run may take: the job's wall time or the pool's, whichever is less."""
    limits = (walltime_s(run.order.spec), pool.max_walltime_s if pool else None)
    return min((limit for limit in limits if limit is not None), default=None)


def _lost(process: Process | None, boot: str) -> str:
    if process is None:
        return "ended before its command was started"
    if process.boot != boot:
        return "the machine was restarted while it ran"
    return "ended without an exit code: it was killed together with what watched it"
