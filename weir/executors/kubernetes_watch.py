"""What Kubernetes says of our pods, taken in: which runs have started, ended and how, are gone.

Laws:
- One answer is about all runs; nothing is asked for one run by itself but why it failed, its files,
  and once in a while the Jobs of runs that have no pod.
- A run whose pod was deleted, or replaced by another, is lost: nothing of it runs twice for long.
- An end is told once the run's files are here.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from weir.core import units
from weir.core.lifecycle import RunEvent
from weir.executors import local_files
from weir.executors.base import Seen
from weir.executors.kubernetes_bring import bring
from weir.executors.kubernetes_calls import Kubernetes, Rejected, job_path, path
from weir.executors.kubernetes_pools import Pools
from weir.executors.kubernetes_records import AGENT_LABEL, RUN_LABEL, Pod
from weir.executors.kubernetes_runs import Notes, Run
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_software import key_of, told
from weir.executors.kubernetes_states import States
from weir.executors.kubernetes_verdict import (
    LOST,
    TaskView,
    end_of,
    has_begun,
    started_at,
    stuck,
    views_of,
    waits_for,
)
from weir.executors.local_run import End, Stop
from weir.executors.staging_log import DataLog
from weir.wire.jobspec import walltime_s

log = logging.getLogger(__name__)

JOBS_S = 3.0
"""How often the Jobs of runs without pods are asked about."""

LIVE_S = 3.0
"""How often the log of a run that goes on is brought again, and only while somebody reads it."""

LIVE_RUNS = 8
"""As many logs of running runs are brought in one round."""

GONE_S = 60.0
"""A deleted pod that has not gone this long after its grace is told as gone: its node is away."""


@dataclass(slots=True)
class Work:
    """What is left to do at Kubernetes: runs to stop, Jobs that nobody wants."""

    to_stop: dict[str, Run] = field(default_factory=dict)
    leftovers: list[str] = field(default_factory=list)


class Watch:
    """What is known of our pods. All of it is called from one thread, but for `want`."""

    def __init__(
        self,
        settings: KubernetesSettings,
        kubernetes: Kubernetes,
        pools: Pools,
        notes: Notes,
        runs: Mapping[str, Run],
        agent: str,
        lock: threading.RLock,
        now: Callable[[], float],
        tell: Callable[[Seen], None],
        leave: Callable[[Run, End], bool],
    ) -> None:
        self._settings, self._kubernetes, self._pools, self._notes = (
            *(settings, kubernetes),
            *(pools, notes),
        )
        self._runs, self._agent, self._lock = runs, agent, lock
        self._now, self._tell, self._leave = now, tell, leave
        self._ghosts: deque[str] = deque(maxlen=1000)  # deleted already
        self._jobs_at = float("-inf")
        self._states = States(kubernetes, now)
        self._wanted: dict[str, float] = {}  # runs whose logs are read, and when they were brought
        self.work = Work()

    def sent(self) -> list[Run]:
        """Runs that Kubernetes may have."""
        with self._lock:
            return [r for r in self._runs.values() if r.end is None and r.sent_at is not None]

    def want(self, run: str) -> None:
        """Somebody reads the files of this run."""
        self._wanted.setdefault(run, float("-inf"))

    def ask(self) -> list[Pod]:
        """All of our pods."""
        labels = f"{AGENT_LABEL}={self._agent}"
        return [
            pod
            for namespace in self._settings.namespaces
            for pod in self._kubernetes.pods(namespace, labels)
        ]

    def take(self, pods: Sequence[Pod], asked: float) -> None:
        """An answer to a question that was asked at some time."""
        by_run: dict[str, list[Pod]] = {}
        for pod in pods:
            by_run.setdefault(pod.run, []).append(pod)
        without: list[Run] = []
        for run in self.sent():
            if run.leaving or asked <= (run.sent_at or asked):
                continue
            views = views_of(run, by_run.get(run.name, ()))
            self._step(run, views, asked)
            if run.end is None and not run.leaving and any(v.pod is None for v in views):
                without.append(run)
        self._find_ghosts(by_run)
        self._bring_live(by_run)
        self._bring_states(by_run)
        if without and self._now() - self._jobs_at > JOBS_S:
            self._jobs_at = self._now()
            self._find_lost(without, asked)

    def end(self, run: Run, end: End) -> None:
        """A run's tasks have ended; with the lock held. What it has left may be brought on first:
        then who does so calls `conclude`.
        """
        if end.event is RunEvent.SUCCEEDED:
            wrong = local_files.wrong_outputs(run.work, run.order.spec.outputs)
            if wrong:
                end = End(RunEvent.FAILED, end.at, end.exit_code, wrong)
        run.leaving = self._leave(run, end)
        if not run.leaving:
            self.conclude(run, end)

    def conclude(self, run: Run, end: End) -> None:
        """A run has ended, and nothing is left to do about it; with the lock held."""
        run.leaving, run.end = False, end
        self._wanted.pop(run.id, None)
        self._states.forget(run.id)
        self._notes.keep([run])
        self._tell(run.seen())

    # -- one run ---------------------------------------------------------------------------------

    def _step(self, run: Run, views: Sequence[TaskView], asked: float) -> None:
        """What is seen of a run's pods."""
        now = self._now()
        self._note_places(run, views)
        if run.started is None and has_begun(views) and run.stop is None:
            with self._lock:
                run.started = started_at(views, now)
                run.environment = self._note_built(run, views)
                self._notes.keep([run])
                self._tell(run.seen())
        end = end_of(run, views, {}, now)
        if end is not None:
            self._finish(run, views, end)
        elif run.stop is not None and run.deleted_at is not None and asked > run.deleted_at:
            late = now > run.deleted_at + self._settings.grace_s + GONE_S
            if late or all(v.pod is None or v.pod.over for v in views):
                with self._lock:
                    stop = run.stop
                    at = max(stop.at, run.started or 0.0)
                    self.end(run, End(stop.event, min(at, now), stop.exit_code, stop.reason))
        elif run.stop is None:
            self._keep_limits(run, views, now)

    def _note_places(self, run: Run, views: Sequence[TaskView]) -> None:
        """Where its tasks are, and by which pods: what is lost later was here once."""
        nodes = tuple(v.pod.node if v.pod else "" for v in views)
        pods = tuple(v.was or (v.pod.uid if v.pod else "") for v in views)
        if (nodes, pods) != (run.nodes, run.pods):
            with self._lock:
                run.nodes, run.pods = nodes, pods
                self._notes.keep([run])

    def _note_built(self, run: Run, views: Sequence[TaskView]) -> str:
        """Note what its pods have done about Python packages; gives what they have of them."""
        words = told([v.pod for v in views])
        for line in words:
            DataLog(run.folder, self._now).say(line)
        return key_of(words)

    def _finish(self, run: Run, views: Sequence[TaskView], end: End) -> None:
        """A run is over: bring its files, say how it ended, and see to it that nothing is left."""
        events: dict[str, str] = {}
        if end.event is RunEvent.VANISHED:
            events = self._events(run, views)
        brought = bring(run, views, self._kubernetes, live=False)
        self._states.bring(run, views[0].pod)
        again = end_of(run, views, events, self._now()) or end
        volume, wrong = self._settings.volume, brought.wrong
        if brought.unseen and volume is not None:
            if self._now() < again.at + volume.settle_s:
                return  # it is looked at again
            wrong = f"output {brought.unseen}: its pod has left it, and it is not in {run.work}"
        if again.event is RunEvent.SUCCEEDED and wrong:
            again = End(RunEvent.FAILED, again.at, again.exit_code, wrong)
        if run.started is None:
            self._note_built(run, views)
        alive = again.event is RunEvent.VANISHED or any(
            v.pod is None or not v.pod.over for v in views
        )
        with self._lock:
            self.end(run, again)
            if alive:
                self._notes.drop(job_path(run.namespace, job) for job in run.jobs)

    def _keep_limits(self, run: Run, views: Sequence[TaskView], now: float) -> None:
        """Stop a run that has had its time, can't start, or has not started in time."""
        kind = self._pools.get(run.pool)
        limits = [walltime_s(run.order.spec), kind.share.max_walltime_s if kind else None]
        most = min((limit for limit in limits if limit is not None), default=None)
        if run.started is not None and most is not None and now > run.started + most:
            reason = f"wall time of {units.show_duration_s(most)} exceeded"
            self._stop(run, Stop(RunEvent.FAILED, reason, now))
            return
        if run.started is not None:
            return
        why, hopeless = stuck(views)
        run.stuck_since = (run.stuck_since or now) if why else None
        patience = 0.0 if hopeless else self._settings.pull_s
        if run.stuck_since is not None and now >= run.stuck_since + patience:
            self._stop(run, Stop(RunEvent.FAILED, f"can't start: {why}", now))
        elif now > run.start_by:
            reason = why or waits_for(views)
            if not reason and all(v.pod is None for v in views):
                reason = " ".join(self._events(run, views).values())
                if not reason and kind is not None and kind.share.queue:
                    reason = f"queue {kind.share.queue} has not let it start"
            said = f"it did not start in time{f': {reason}' if reason else ''}"
            self._stop(run, Stop(RunEvent.REFUSED, said[:500], now))

    def _stop(self, run: Run, stop: Stop) -> None:
        with self._lock:
            if run.stop is None and run.end is None:
                run.stop = stop
                self._notes.keep([run])
                self.work.to_stop[run.id] = run

    def _events(self, run: Run, views: Sequence[TaskView]) -> dict[str, str]:
        """What is told of a run's pods and Jobs, by reason: the last of each. It is only for words,
        so without the right to read it nothing is said.
        """
        names = {*(v.pod.name for v in views if v.pod), *run.jobs}
        try:
            events = self._kubernetes.list(path("v1", "events", run.namespace))
        except Rejected:
            return {}
        found: dict[str, str] = {}
        for event in events:
            about = str((event.get("involvedObject") or {}).get("name", ""))
            mine = about in names or about.rpartition("-")[0] in run.jobs
            reason = str(event.get("reason"))
            if mine and (event.get("type") != "Normal" or reason in LOST):
                found[reason] = str(event.get("message") or "")
        return found

    # -- runs without pods, pods without runs ----------------------------------------------------

    def _find_lost(self, runs: Iterable[Run], asked: float) -> None:
        """Runs some of whose tasks have no pod: are their Jobs there at all?"""
        labels = {"labelSelector": f"{AGENT_LABEL}={self._agent}"}
        there: set[tuple[str, str]] = set()
        for namespace in {run.namespace for run in runs}:
            for job in self._kubernetes.list(job_path(namespace), labels):
                there.add((namespace, job["metadata"]["name"]))
        for run in runs:
            gone = [job for job in run.jobs if (run.namespace, job) not in there]
            if not run.made or not gone or run.stop is not None:
                run.missed = 0
                continue
            run.missed += 1
            if run.missed > 1:
                end = End(RunEvent.VANISHED, self._now(), None, "its job was deleted at the center")
                with self._lock:
                    if run.end is None:
                        self.end(run, end)
                        self._notes.drop(job_path(run.namespace, job) for job in run.jobs)

    def _find_ghosts(self, by_run: Mapping[str, Sequence[Pod]]) -> None:
        """Jobs of runs that are forgotten, were never known, or have ended here while a pod of
        theirs goes on: they are ours by their label.
        """
        with self._lock:
            known = {run.name: run.end is not None for run in self._runs.values()}
        for name, pods in by_run.items():
            ended = known.get(name)
            if ended is False:
                continue
            for pod in pods:
                if ended and (pod.over or pod.gone_at is not None):
                    continue
                place = job_path(pod.namespace, pod.job)
                if pod.job and place not in self._ghosts:
                    log.warning("deleting job %s: no run here wants it", pod.job)
                    self._ghosts.append(place)
                    self._notes.drop([place])

    # -- logs of what goes on --------------------------------------------------------------------

    def _bring_live(self, by_run: Mapping[str, Sequence[Pod]]) -> None:
        """Bring the logs that somebody reads, those first that were brought longest ago."""
        with self._lock:
            wanted = sorted(self._wanted.items(), key=lambda item: item[1])
            live = [(self._runs.get(name), at) for name, at in wanted]
        for run, at in live[:LIVE_RUNS]:
            if run is None or run.end is not None or self._now() < at + LIVE_S:
                continue
            views = views_of(run, by_run.get(run.name, ()))
            if any(v.begun for v in views):
                bring(run, views, self._kubernetes, live=True)
                with self._lock:
                    if run.id in self._wanted:
                        self._wanted[run.id] = self._now()

    def _bring_states(self, by_run: Mapping[str, Sequence[Pod]]) -> None:
        """Bring the checkpoints of runs that go on, a few at a time."""
        due = self._states.due(run for run in self.sent() if not run.leaving)
        for run in due[:LIVE_RUNS]:
            self._states.bring(run, views_of(run, by_run.get(run.name, ()))[0].pod)

    def bring_last(self, run: Run) -> None:
        """Bring what a run has printed that is about to be stopped."""
        pods = self._kubernetes.pods(run.namespace, _of_run(run))
        views = views_of(run, pods)
        bring(run, views, self._kubernetes, live=False)
        self._states.bring(run, views[0].pod)


def _of_run(run: Run) -> str:
    return f"{RUN_LABEL}={run.name}"
