"""Runs as Jobs of a Kubernetes, beside the center's own pods.

What is asked of the executor is done on its own memory, at once; one thread (`kubernetes_hand`)
talks to Kubernetes. Inputs go to a run's pods as Secrets; what they print, and their outputs, come
back as their logs (`kubernetes_script`) into the run's folder under the agent's home.

Laws beside those of every executor:
- A run's objects are named after it: however often they are made, there is one of each.
- A run that has not started within its order's `start_within_s` never starts late.
- What the center does to a pod (evicts, preempts or deletes it, loses its node) is no failure of
  the run's own: it is told as lost.
- A forgotten run is remembered for a week by how it ended, and is not run again.
- One executor at a time uses a home; the lock goes with the process that holds it.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from weir.core.lifecycle import RunEvent
from weir.executors import kubernetes_software, local_files
from weir.executors.base import RunFile, Seen
from weir.executors.kubernetes_calls import Kubernetes
from weir.executors.kubernetes_hand import Hand, litter_of
from weir.executors.kubernetes_home import give_lock_back, make_folders, take_lock
from weir.executors.kubernetes_pod import RUNS
from weir.executors.kubernetes_pools import Pools
from weir.executors.kubernetes_runs import Notes, Run, object_name
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_use import Uses
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End, Stop, is_run_name
from weir.executors.run_notes import seen_of
from weir.executors.sharing import Gate
from weir.executors.staging import Staging
from weir.executors.staging_access import Abandoned, StageError
from weir.executors.staging_leaving import Leaving
from weir.executors.staging_settings import SoftwareSettings
from weir.wire.exchange import RunOrder
from weir.wire.pools import PoolReport
from weir.wire.usage import RunUse

log = logging.getLogger(__name__)

STAGING_THREADS = 4
FIRST_LOOK_S = 10.0
"""How long `open` waits for Kubernetes to be seen for the first time; it goes on without."""

AGENT = "agent"
"""Facts that are kept: the word that marks our pods, and pools' names by identifier."""


def any_word() -> str:
    """Some letters that nobody guesses."""
    return secrets.token_hex(8)


class KubernetesExecutor:
    """One Kubernetes; what it keeps is under `home`."""

    kind = "kubernetes"

    def __init__(
        self,
        settings: KubernetesSettings,
        home: Path,
        now: Callable[[], float],
        kubernetes: Kubernetes | None = None,
        word: Callable[[], str] = any_word,
    ) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings, self._home, self._now, self._word = settings, home, now, word
        # What pods see of a run, and what is kept for the next, is on the volume if there is one.
        self._shared = settings.volume.folder if settings.volume is not None else home
        self._runs_folder = str(self._shared / RUNS)
        self._kubernetes = kubernetes or Kubernetes(settings)
        self._lock = threading.RLock()
        self._seen: deque[Seen] = deque()
        self._news = False
        self._wake: Callable[[], None] = lambda: None
        self._runs: dict[str, Run] = {}
        self._data = Staging(settings.data, SoftwareSettings(), str(self._shared), now)
        self._uses = Uses(self._kubernetes)
        self._leaving = Leaving(self._data, now, self._conclude)
        self._closing = False
        self._lock_file: int | None = None
        self._staging = ThreadPoolExecutor(STAGING_THREADS, "weir-kubernetes-staging")

    # -- the contract ----------------------------------------------------------------------------

    def open(self, wake: Callable[[], None]) -> None:
        """Take up what is noted, and look at Kubernetes; one that is away is waited for in the
        background.
        """
        self._lock_file = take_lock(str(self._home / "lock"))
        make_folders(self._settings, self._runs_folder)
        self._wake = wake
        self._notes = Notes(self._home / "kubernetes.db", self._now())
        agent = self._agent = self._notes.fact(AGENT) or self._word()
        self._notes.keep_fact(AGENT, agent)
        gate = Gate(self._home / "sharing.db", self._settings.shares, self._runs.values, self._now)
        self._pools = Pools(self._settings, self._notes.identifiers(), agent, gate)
        self._hand = Hand(
            self._settings,
            self._kubernetes,
            self._pools,
            self._notes,
            self._runs,
            agent,
            self._lock,
            self._now,
            self._tell,
            self._flush,
            self._leaving.take,
        )
        with self._lock:
            for run in self._notes.runs():
                self._take_up(run)
        self._staging.submit(self._sweep)
        self._hand.start()
        self._hand.looked.wait(FIRST_LOOK_S)
        self._flush()

    def close(self) -> None:
        if self._lock_file is None:
            return
        self._closing = True
        self._leaving.close()
        if self._settings.stop_runs_on_exit:
            reason = "stopped: the agent that ran it was shut down"
            with self._lock:
                live = [run for run in self._runs.values() if run.end is None]
                for run in live:
                    self._stop(run, Stop(RunEvent.FAILED, reason, self._now()))
            self._hand.wait_until_stopped(10.0)
        self._staging.shutdown(wait=False, cancel_futures=True)
        self._data.close()
        self._hand.stop()
        self._kubernetes.close()
        self._notes.close()
        give_lock_back(self._lock_file)
        self._lock_file = None

    def name_pools(self, identifiers: Mapping[str, str]) -> None:
        """The identifiers of the pools, by name: what orders call them. Kept over restarts."""
        with self._lock:
            self._notes.keep_identifiers(self._pools.name(identifiers))

    def pools(self, without: Iterable[RunOrder]) -> Sequence[PoolReport]:
        left_out = {order.run for order in without}
        with self._lock:
            counted = [run for run in self._live() if run.id not in left_out]
            return self._pools.reports(counted, self._hand.away)

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        with self._lock:
            fresh = [order for order in orders if order.run not in self._runs]
            if self._hand.away:
                said = "Kubernetes has not answered for a while"
                return dict.fromkeys((o.run for o in fresh), said)
            coming = [order for order in active if not self._knows(order.run)]
            return self._pools.refusals(fresh, self._live(), coming)

    def archive(self, run: str) -> str:
        """Where the agent puts the checkpoint that a run begins with."""
        return self._data.archive(run)

    def submit(self, orders: Sequence[RunOrder]) -> None:
        fresh = []
        with self._lock:
            for order in orders:
                run = self._known_or_new(order)
                if run is not None:
                    self._runs[run.id] = run
                    fresh.append(run)
            self._notes.keep(fresh)
        for run in fresh:
            self._prepare(run)
        self._flush()

    def cancel(self, runs: Sequence[str]) -> None:
        with self._lock:
            for name in runs:
                run = self._runs.get(name)
                if run is not None and run.end is None:
                    self._stop(run, Stop(RunEvent.CANCELED, "canceled", self._now()))
        self._flush()

    def observe(self) -> Sequence[Seen]:
        with self._lock:
            seen = tuple(self._seen)
            self._seen.clear()
        return seen

    def status(self, runs: Sequence[str]) -> Sequence[Seen]:
        with self._lock:
            return [self._status(name) for name in runs]

    def used(self, runs: Sequence[str]) -> Sequence[RunUse]:
        """What these runs use, where the cluster has metrics of pods; others are told too."""
        with self._lock:
            live = [run for run in self._live() if run.started is not None]
            groups, agent = self._hand.groups, self._agent
        return self._uses.read(live, agent, groups)

    def files(self, run: str) -> Sequence[RunFile]:
        known = self._runs.get(run)
        if known is None:
            return ()
        if known.end is None:
            with self._lock:
                self._hand.want(run)
        outputs = known.order.spec.outputs if known.end is not None else ()
        found = local_files.list_files(_streams(known), known.work, outputs)
        over = None if known.end is None else known.end.event is RunEvent.SUCCEEDED
        return found + self._data.files(known.order, known.folder, over)

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        known = self._runs.get(run)
        if known is None:
            return b""
        if self._data.is_mine(name):
            return self._data.read(known.order, known.folder, name, offset, limit)
        outputs = known.order.spec.outputs if known.end is not None else ()
        return local_files.read_file(_streams(known), known.work, outputs, name, offset, limit)

    def forget(self, runs: Sequence[str]) -> None:
        for name in runs:
            with self._lock:
                run = self._runs.get(name)
                if run is None or run.end is None:
                    continue
                litter = litter_of(run) if run.sent_at is not None else []
                self._pools.charge([run])
                self._notes.forget_with(run, self._now(), litter)
                del self._runs[name]
                self._hand.poke()
                used = {other.environment for other in self._runs.values()}
            if run.environment:
                self._staging.submit(kubernetes_software.prune, self._settings, used, self._now())
            shutil.rmtree(run.folder, ignore_errors=True)
            self._data.forget([name])

    # -- what the above is made of; with the lock held -------------------------------------------

    def _known_or_new(self, order: RunOrder) -> Run | None:
        """A run for an order that is new; nothing for one that is known, or can't be run."""
        if order.run in self._runs:
            return None
        ended = self._notes.forgotten(order.run)
        if ended is not None:
            self._tell(seen_of(order.run, ended))
            return None
        wrong = "" if is_run_name(order.run) else "the run's identifier can't name a folder"
        try:
            needs_of(order)
        except ValueError as error:
            wrong = str(error)
        if wrong:
            self._tell(Seen(order.run, RunEvent.REFUSED, self._now(), reason=wrong))
            return None
        member = self._settings.member_of(order.submitter, order.path[0] if order.path else "")
        return Run(
            order=order,
            pool=self._pools.name_of(order.pool),
            folder=os.path.join(self._runs_folder, order.run),
            namespace=member.namespace or self._settings.namespace,
            name=object_name(order.run, self._agent),
            at=self._now(),
            word=self._word(),
        )

    def _take_up(self, run: Run) -> None:
        """A run that an earlier process has noted: say what is known of it, and go on with it."""
        self._runs[run.id] = run
        if run.started is not None:
            self._tell(Seen(run.id, RunEvent.STARTED, run.started))
        if run.end is not None:
            self._tell(run.seen())
        elif run.stop is not None and run.sent_at is None:
            self._end(run, run.stop)
        elif run.stop is not None:
            self._hand.cancel(run)
        elif not run.made:
            self._staging.submit(self._prepare, run)

    def _sweep(self) -> None:
        """Delete the folders of forgotten runs that a killed process has left."""
        with suppress(OSError):
            for entry in os.scandir(self._runs_folder):
                if self._closing:
                    return
                forgotten = self._notes.forgotten(entry.name) is not None
                if entry.name not in self._runs and forgotten:
                    shutil.rmtree(entry.path, ignore_errors=True)

    def _prepare(self, run: Run) -> None:
        """Bring the inputs, then hand the run on; what has to be fetched, other threads fetch."""
        if run.order.cancel:
            with self._lock:
                reason = "canceled before it started"
                self._stop(run, Stop(RunEvent.CANCELED, reason, self._now()))
        elif self._data.slow(run.order):
            self._staging.submit(self._stage, run)
        else:
            self._stage(run)

    def _stage(self, run: Run) -> None:
        def wanted() -> bool:
            return not self._closing and run.stop is None

        failure = ""
        try:
            for folder in (run.folder, run.work):
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o700)
            self._data.bring_in(kubernetes_software.without(run.order), run.folder, wanted)
            kubernetes_software.check(run.order.spec, run.work)
        except Abandoned:
            return
        except StageError as error:
            failure = str(error)
        except OSError as error:
            failure = f"can't start: {error}"
        except Exception:  # in a thread of the pool nobody else would hear of it
            log.exception("run %s could not be prepared", run.id)
            failure = "can't start: its inputs could not be brought"
        with self._lock:
            if self._closing or run.stop is not None or run.end is not None:
                return
            if failure:
                self._end(run, Stop(RunEvent.FAILED, failure, self._now()))
            else:
                self._hand.send(run)
        self._flush()

    def _conclude(self, run: Run, end: End) -> None:
        """A run's tasks have ended, and what it left is where it belongs."""
        with self._lock:
            if not self._closing:
                self._hand.conclude(run, end)
        self._flush()

    def _stop(self, run: Run, stop: Stop) -> None:
        """Stop a run that has not ended, whether or not Kubernetes has it."""
        if run.stop is not None:
            return
        run.stop = stop
        if run.sent_at is None or run.leaving:
            self._end(run, stop)
        else:
            self._notes.keep([run])
            self._hand.cancel(run)

    def _end(self, run: Run, stop: Stop) -> None:
        """End a run that Kubernetes has never had, or whose tasks have ended there."""
        run.stop, run.leaving = stop, False
        run.end = End(stop.event, stop.at, stop.exit_code, stop.reason)
        self._notes.keep([run])
        self._tell(run.seen())

    def _live(self) -> list[Run]:
        return [run for run in self._runs.values() if run.end is None]

    def _knows(self, run: str) -> bool:
        return run in self._runs or self._notes.forgotten(run) is not None

    def _status(self, name: str) -> Seen:
        run = self._runs.get(name)
        if run is not None:
            return run.seen()
        ended = self._notes.forgotten(name)
        if ended is not None:
            return seen_of(name, ended)
        return Seen(name, RunEvent.VANISHED, self._now(), reason="there is no such run here")

    def _tell(self, seen: Seen) -> None:
        self._seen.append(seen)
        self._news = True

    def _flush(self, anyway: bool = False) -> None:
        """Wake the agent if there is something new; without the lock, for it may ask at once."""
        if self._news or anyway:
            self._news = False
            self._wake()


def _streams(run: Run) -> dict[str, str]:
    return local_files.streams(run.folder, run.tasks)
