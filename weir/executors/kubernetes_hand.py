"""The one thread that talks to Kubernetes: stops, makes, asks how the pods are, looks at the nodes.

Laws:
- How the pods are is one call a round for each namespace, whatever their number; a round comes
  every `poll_s`, and less often where the call takes long, so that asking never is a load.
- Nothing is concluded from an answer that did not come, or that can't be understood.
- A run is noted as sent before anything of it is made. Making it again finds what is there already.
"""

from __future__ import annotations

import logging
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Mapping

from weir.client.spells import Spell
from weir.core.errors import WeirError
from weir.core.lifecycle import RunEvent
from weir.executors import kubernetes_quota
from weir.executors.base import Seen
from weir.executors.kubernetes_calls import (
    Kubernetes,
    Rejected,
    There,
    Version,
    job_path,
    path,
)
from weir.executors.kubernetes_inputs import Inputs, inputs_of, too_large
from weir.executors.kubernetes_manifest import KUEUE, VOLCANO, Manifest, Place, manifest_of, unable
from weir.executors.kubernetes_pod import Object
from weir.executors.kubernetes_pools import Pools
from weir.executors.kubernetes_runs import Notes, Run
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_watch import Watch
from weir.executors.local_run import End

log = logging.getLogger(__name__)

OUT_OF_TOUCH_S = 30.0
"""A Kubernetes that has not answered for this long, and for much longer than it usually takes, gets
nothing new: its pools are closed.
"""

CLUSTER_S = 300.0
"""How often the version and the API groups are read: they change when an operator changes them."""

SOON_S = 0.2
"""After something was made pods are asked about so soon: most start at once, if they can."""

SHARE = 15
"""Asking takes at most one part in so many of the time."""

AT_ONCE = 16
"""Runs that are made between two looks at other things."""


class Hand:
    """The thread. Its public methods are called with `lock` held, but for those of its life."""

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
        flush: Callable[[bool], None],
        leave: Callable[[Run, End], bool],
    ) -> None:
        self._settings, self._kubernetes = settings, kubernetes
        self._pools, self._notes, self._agent = pools, notes, agent
        self._lock, self._now, self._flush = lock, now, flush
        self._watch = Watch(settings, kubernetes, pools, notes, runs, agent, lock, now, tell, leave)
        self._ready: deque[Run] = deque()
        self._to_stop: dict[str, Run] = {}
        self._version: Version | None = None
        self._groups: frozenset[str] = frozenset()
        self._places = kubernetes_quota.places_of(settings)
        self._cluster_at = self._look_at = self._poll_at = float("-inf")
        self._poll_not_before = float("-inf")
        self._answered_at, self._took_s = now(), 0.0
        self._polled = False
        self._spells: dict[str, Spell] = {}
        self._poked, self._stopped = threading.Event(), threading.Event()
        self.looked = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="weir-kubernetes", daemon=True)

    # -- for the executor ------------------------------------------------------------------------

    @property
    def away(self) -> bool:
        """Whether Kubernetes has not answered for a while."""
        return self._now() - self._answered_at > max(OUT_OF_TOUCH_S, 3 * self._took_s)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End; called without the lock. A call that is under way is waited for, for a while."""
        self._stopped.set()
        self._poked.set()
        self._thread.join(self._settings.timeout_s + 1)

    def send(self, run: Run) -> None:
        """This run is ready to be made."""
        self._ready.append(run)
        self._poked.set()

    def cancel(self, run: Run) -> None:
        """This run, which Kubernetes may have, has a `stop`: delete its Jobs."""
        self._to_stop[run.id] = run
        self._poked.set()

    def conclude(self, run: Run, end: End) -> None:
        """What this run has left is where it is to be, or can't get there."""
        if run.end is None:
            self._watch.conclude(run, end)

    def want(self, run: str) -> None:
        """Somebody reads the files of this run."""
        self._watch.want(run)

    @property
    def groups(self) -> frozenset[str]:
        """The API groups that the cluster has, as far as it has been heard."""
        return self._groups

    def poke(self) -> None:
        """There is something to delete."""
        self._poked.set()

    def wait_until_stopped(self, timeout_s: float) -> None:
        """Wait until nothing is left to stop, so long at most; without the lock."""
        pause, until = threading.Event(), self._now() + timeout_s
        while self._to_stop and self._now() < until:
            pause.wait(0.05)

    # -- the thread ------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._stopped.is_set():
            self._poked.clear()
            waits = [
                self._try("does not say what it is", self._learn_if_due),
                self._try("deletes no jobs", self._stop_some),
                self._try("takes no jobs", self._send_some),
                self._try("does not tell of its pods", self._poll_if_due),
                self._try("does not tell of its nodes", self._look_if_due),
                self._try("deletes nothing", self._sweep),
            ]
            self._flush(False)
            failed = max((wait for wait in waits if wait is not None), default=None)
            if failed is not None:
                self._stopped.wait(failed)
            elif not self._ready:
                self._poked.wait(max(0.0, self._idle_s()))

    def _try(self, what: str, act: Callable[[], None]) -> float | None:
        """Do it; if that fails, say so once and give how long to wait."""
        spell = self._spells.get(what)
        if self._stopped.is_set():
            return None
        try:
            act()
        except Exception as error:
            if self._stopped.is_set():
                return None
            if spell is None:
                spell = self._spells[what] = Spell(f"Kubernetes {what}", self._now)
            if not isinstance(error, WeirError):
                log.exception("Kubernetes %s", what)
            return spell.failed(error)
        if spell is not None:
            spell.over()
        return None

    def _idle_s(self) -> float:
        due = [self._look_at]
        if self._watch.sent():
            due.append(self._poll_at)
        return min(due) - self._now()

    def _answered(self, asked: float) -> None:
        was_away = self.away
        self._answered_at = self._now()
        self._took_s = self._answered_at - asked
        if was_away:
            self._flush(True)

    def _learn_if_due(self) -> None:
        """What server it is: by that the form of the objects is chosen."""
        if self._now() >= self._cluster_at + CLUSTER_S or self._version is None:
            self._version = self._kubernetes.version()
            self._groups = self._kubernetes.groups()
            self._cluster_at = self._now()

    # -- stopping --------------------------------------------------------------------------------

    def _stop_some(self) -> None:
        with self._lock:
            self._to_stop |= self._watch.work.to_stop
            self._watch.work.to_stop = {}
            runs = [run for run in self._to_stop.values() if run.end is None]
            self._to_stop = {run.id: run for run in runs}
        for run in runs:
            if run.started is not None:
                try:
                    self._watch.bring_last(run)
                except WeirError as error:
                    log.info("the last of run %s's log is not to be had: %s", run.id, error.detail)
            for job in run.jobs:
                self._kubernetes.delete(job_path(run.namespace, job))
            with self._lock:
                run.deleted_at = self._now()
                self._notes.keep([run])
                self._to_stop.pop(run.id, None)
            self._poll_soon()

    # -- making ----------------------------------------------------------------------------------

    def _send_some(self) -> None:
        if self._version is None or not self._pools.looked:
            return
        for _ in range(min(AT_ONCE, len(self._ready))):
            if self._stopped.is_set():
                return
            run = self._ready.popleft()
            try:
                self._send(run)
            except Exception:  # not swallowed: the run only keeps its turn
                self._ready.appendleft(run)
                raise
            self._poll_soon()

    def _send(self, run: Run) -> None:
        """Make the objects of a run. What fails half way is done again from the beginning."""
        if run.end is not None or run.stop is not None:
            return
        kind, now = self._pools.get(run.pool), self._now()
        refusal = ""
        if kind is None:
            refusal = f"there is no pool {run.order.pool} here any more"
        elif now > run.start_by and run.sent_at is None:
            refusal = "it did not start in time"
        refusal = refusal or unable(run.order, self._settings)
        if refusal or kind is None or self._version is None:
            self._end(run, RunEvent.REFUSED, refusal)
            return
        try:
            inputs = Inputs() if self._settings.volume is not None else inputs_of(run)
        except OSError as error:
            self._end(run, RunEvent.FAILED, f"can't start: {error}")
            return
        refusal = too_large(run, inputs)
        if refusal:
            self._end(run, RunEvent.REFUSED, refusal)
            return
        place = Place(self._agent, self._version.indexed, self._groups)
        manifest = manifest_of(run, kind, self._settings, place, inputs)
        self._note(run, manifest)
        self._make(run, manifest)

    def _note(self, run: Run, manifest: Manifest) -> None:
        with self._lock:
            run.jobs = tuple(job["metadata"]["name"] for job in manifest.jobs)
            run.secrets = tuple(one["metadata"]["name"] for one in manifest.secrets)
            run.group = manifest.group["metadata"]["name"] if manifest.group else ""
            run.sent_at = run.sent_at or self._now()
            self._notes.keep([run])

    def _make(self, run: Run, manifest: Manifest) -> None:
        group = [(group_path(run.namespace), manifest.group)] if manifest.group else []
        wanted: list[tuple[str, Object]] = [
            *((path("v1", "secrets", run.namespace), secret) for secret in manifest.secrets),
            *group,
            *((job_path(run.namespace), job) for job in manifest.jobs),
        ]
        for where, body in wanted:
            if run.stop is not None:
                return
            try:
                self._kubernetes.create(where, body)
            except There:
                continue
            except Rejected as error:
                with self._lock:
                    self._notes.drop(litter_of(run))
                self._end(run, RunEvent.REFUSED, f"Kubernetes says: {error.detail}"[:500])
                return
        with self._lock:
            run.made = True
            self._notes.keep([run])
        if self._settings.volume is None:
            shutil.rmtree(run.work, ignore_errors=True)  # inputs are there, and outputs come here
            os.makedirs(run.work, 0o700, exist_ok=True)

    def _end(self, run: Run, event: RunEvent, reason: str) -> None:
        with self._lock:
            if run.end is None:
                self._watch.end(run, End(event, self._now(), None, reason))

    # -- asking ----------------------------------------------------------------------------------

    def _poll_soon(self) -> None:
        """Something was done about pods: ask about them before long."""
        self._poll_at = max(self._poll_not_before, min(self._poll_at, self._now() + SOON_S))

    def _poll_if_due(self) -> None:
        if self._now() < self._poll_at or (self._polled and not self._watch.sent()):
            return
        asked = self._now()
        try:
            pods = self._watch.ask()
            self._answered(asked)
        finally:
            now = self._now()
            self._poll_not_before = now + min(SHARE * (now - asked), 30.0)
            self._poll_at = max(now + self._settings.poll_s, self._poll_not_before)
        self._polled = True
        self._watch.take(pods, asked)
        if self._watch.work.to_stop:
            self._poked.set()

    def _look_if_due(self) -> None:
        if self._now() < self._look_at:
            return
        asked = self._now()
        try:
            nodes = self._kubernetes.nodes()
            pods = self._kubernetes.pods(fields="status.phase!=Succeeded,status.phase!=Failed")
            rooms = kubernetes_quota.rooms_of(self._kubernetes, self._places, self._groups)
            self._answered(asked)
        finally:
            took = self._now() - asked
            self._look_at = self._now() + max(self._settings.look_s, SHARE * took)
        with self._lock:
            changed = self._pools.take(nodes, pods, rooms, KUEUE in self._groups)
        self.looked.set()
        if self._ready:
            self._poked.set()
        if changed:
            self._flush(True)

    # -- deleting --------------------------------------------------------------------------------

    def _sweep(self) -> None:
        """Delete what is left of runs that are over, a part at a time."""
        for place in self._notes.litter(4 * AT_ONCE):
            if self._stopped.is_set():
                return
            try:
                self._kubernetes.delete(place)
            except Rejected as error:
                log.warning("%s can't be deleted: %s", place, error.detail)
            self._notes.swept(place)


def group_path(namespace: str, name: str = "") -> str:
    """Where Volcano's groups of pods are."""
    return path("v1beta1", "podgroups", namespace, name, group=VOLCANO)


def litter_of(run: Run) -> list[str]:
    """Everything of a run at Kubernetes, by path."""
    found = [job_path(run.namespace, job) for job in run.jobs]
    found += [path("v1", "secrets", run.namespace, secret) for secret in run.secrets]
    return [*found, *([group_path(run.namespace, run.group)] if run.group else [])]
