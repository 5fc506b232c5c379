"""Runs as processes of this machine; its pools may be emulated hosts, the processes are real.

The runs belong to no process: they go on when the agent is killed, and the next executor over the
same folder finds them there. `local_run` says what is on disk, `local_supervisor` how runs are
looked after. A run that does not fit its pool when it is submitted is refused. Linux only.

Laws beside those of every executor:
- One executor at a time uses a folder; the lock goes with the process that holds it.
- A run that could not start within its order's `start_within_s` is refused, and never starts late.
- A forgotten run is remembered for a week by how it ended, and is not run again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from weir.core import units
from weir.core.errors import Conflict, NotReady
from weir.core.lifecycle import RunEvent
from weir.executors import local_files, local_machine, local_run
from weir.executors.base import RunFile, Seen
from weir.executors.local_ended import Ended
from weir.executors.local_pools import Pools
from weir.executors.local_run import End, Run, Stop
from weir.executors.local_supervisor import Supervisor
from weir.executors.local_use import Uses
from weir.executors.settings import LocalSettings
from weir.executors.staging import Staging
from weir.executors.staging_access import Abandoned, StageError
from weir.executors.staging_leaving import Leaving
from weir.wire.exchange import RunOrder
from weir.wire.pools import PoolReport
from weir.wire.usage import RunUse

log = logging.getLogger(__name__)

STAGING_THREADS = 8


class LocalExecutor:
    """This machine as a resource manager; everything it keeps is under `home`."""

    kind = "local"

    def __init__(self, settings: LocalSettings, home: Path, now: Callable[[], float]) -> None:
        self._settings, self._now = settings, now
        self._home = str(home.absolute())
        self._runs_folder = os.path.join(self._home, "runs")
        self._ended = Ended(os.path.join(self._home, "ended"), now)
        self._lock = threading.RLock()
        self._pools = Pools(settings.pools, self._home)
        self._runs: dict[str, Run] = {}
        self._seen: deque[Seen] = deque()
        self._news = False
        self._wake: Callable[[], None] = lambda: None
        self._closing = False
        self._lock_file: int | None = None
        self._staging = ThreadPoolExecutor(STAGING_THREADS, "weir-staging")
        data, software = settings.data, settings.software
        self._data = Staging(data, software, self._home, now, self._software_in_use)
        self._uses = Uses()
        self._leaving = Leaving(self._data, now, self._conclude)
        self._supervisor = Supervisor(
            settings,
            self._home,
            now,
            self._lock,
            self._tell,
            self._pools.release,
            self._flush,
            self._leaving.take,
        )

    def open(self, wake: Callable[[], None]) -> None:
        """Take up what is under `home`. Raises BadInput if the pools claim more than there is."""
        if sys.platform != "linux":
            raise NotReady(f"the local executor needs Linux; this is {sys.platform}")
        local_machine.check(self._settings.pools)
        os.makedirs(self._runs_folder, 0o700, exist_ok=True)
        local_run.spread(self._runs_folder)
        self._lock_file = _lock(os.path.join(self._home, "lock"))
        self._wake = wake
        self._ended.open()
        self._pools.open()
        with self._lock:
            self._supervisor.open()
            for entry in sorted(os.scandir(self._runs_folder), key=lambda e: e.name):
                self._take_up(entry.path, entry.name)
        self._flush()

    def close(self) -> None:
        if self._lock_file is None:
            return
        with self._lock:
            self._closing = True
            self._leaving.close()
            if self._settings.stop_runs_on_exit:
                reason = "stopped: the agent that ran it was shut down"
                for run in [r for r in self._runs.values() if r.end is None]:
                    self._stop(run, Stop(RunEvent.FAILED, reason, self._now()))
                self._supervisor.wait_until_none(self._settings.grace_s + 5)
        self._staging.shutdown(wait=False, cancel_futures=True)
        self._data.close()
        self._supervisor.close()
        fcntl.flock(self._lock_file, fcntl.LOCK_UN)  # a child just being started may still have it
        os.close(self._lock_file)
        self._lock_file = None

    def name_pools(self, identifiers: Mapping[str, str]) -> None:
        """The identifiers of the pools, by name: what orders call them. Kept over restarts."""
        with self._lock:
            self._pools.name(identifiers)

    def pools(self, without: Iterable[RunOrder]) -> Sequence[PoolReport]:
        with self._lock:
            runs = [self._runs.get(order.run) for order in without]
            reports = self._pools.reports(r for r in runs if r is not None and r.end is None)
        return self._data.with_traits(reports)

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        with self._lock:
            coming = [o for o in active if not self._knows(o.run)]
            fresh = [o for o in orders if o.run not in self._runs]
            unfit = self._data.refusals(fresh)
            fresh = [o for o in fresh if o.run not in unfit]
            return unfit | self._pools.refusals(fresh, coming)

    def archive(self, run: str) -> str:
        """Where the agent puts the checkpoint that a run begins with."""
        return self._data.archive(run)

    def submit(self, orders: Sequence[RunOrder]) -> None:
        for order in orders:
            with self._lock:
                self._submit(order)
        self._flush()

    def cancel(self, runs: Sequence[str]) -> None:
        for name in runs:
            with self._lock:
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

    def files(self, run: str) -> Sequence[RunFile]:
        known = self._runs.get(run)
        if known is None:
            return ()
        outputs = known.order.spec.outputs if known.end is not None else ()
        found = local_files.list_files(_streams(known), known.work, outputs)
        return found + self._data.files(known.order, known.folder, known.over)

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        known = self._runs.get(run)
        if known is None:
            return b""
        if self._data.is_mine(name):
            return self._data.read(known.order, known.folder, name, offset, limit)
        outputs = known.order.spec.outputs if known.end is not None else ()
        return local_files.read_file(_streams(known), known.work, outputs, name, offset, limit)

    def used(self, runs: Sequence[str]) -> Sequence[RunUse]:
        """What the processes of these runs use now."""
        with self._lock:
            known = [run for name in runs if (run := self._runs.get(name)) is not None]
            self._uses.keep(set(self._runs))
        return self._uses.read(known, self._now())

    def forget(self, runs: Sequence[str]) -> None:
        for name in runs:
            with self._lock:
                run = self._runs.get(name)
                if run is None or run.end is None:
                    continue
                self._ended.keep(run)
                del self._runs[name]
            self._data.forget([name])
            local_run.remove_folders(run)

    # What the above is made of; all of it with the lock held.

    def _submit(self, order: RunOrder) -> None:
        ended = self._ended.find(order.run)
        if order.run in self._runs:
            return
        if ended is not None:
            self._tell(local_run.seen_of(order.run, ended))
            return
        if not local_run.is_run_name(order.run):
            reason = "the run's identifier can't name a folder"
            self._tell(Seen(order.run, RunEvent.REFUSED, self._now(), reason=reason))
            return
        pool = self._pools.name_of(order.pool)
        folder = os.path.join(self._runs_folder, order.run)
        run = Run(order, pool, folder, self._now(), adopted=os.path.isdir(folder))
        self._runs[run.id] = run
        try:
            placed = self._pools.place(run)
            if not isinstance(placed, str):
                run.tasks = local_run.tasks_of(run.folder, placed)
            local_run.make_folders(run)
            local_run.write_order(run)
        except OSError as error:
            self._fail_to_keep(run, error)
            return
        if order.cancel:
            self._stop(run, Stop(RunEvent.CANCELED, "canceled before it started", self._now()))
        elif isinstance(placed, str):
            self._stop(run, Stop(RunEvent.REFUSED, placed, self._now()))
        else:
            self._launch(run)

    def _fail_to_keep(self, run: Run, error: OSError) -> None:
        """The disk takes nothing: the run ends here, in memory only, and nothing was started."""
        run.end = local_run.End(RunEvent.FAILED, self._now(), None, f"can't start: {error}")
        self._pools.release(run)
        self._tell(run.seen())

    def _launch(self, run: Run) -> None:
        """Bring the inputs, then start; what has to be fetched is fetched by other threads."""
        if self._data.slow(run.order):
            self._staging.submit(self._fetch, run)
        else:
            self._staged(run, self._stage(run))

    def _fetch(self, run: Run) -> None:
        try:
            failure = self._stage(run)
            with self._lock:
                if not self._closing and run.stop is None and run.end is None:
                    self._staged(run, failure)
        except Abandoned:
            return
        except Exception:  # in a thread of the pool nobody else would hear of it
            log.exception("run %s could not be started", run.id)
        self._flush()

    def _stage(self, run: Run) -> str | None:
        def wanted() -> bool:
            return not self._closing and run.stop is None

        try:
            self._data.bring_in(run.order, run.folder, wanted)
        except (StageError, OSError) as error:
            return str(error)
        return None

    def _conclude(self, run: Run, end: End) -> None:
        """A run's tasks have ended, and what they left is where it belongs."""
        with self._lock:
            if not self._closing:
                self._supervisor.conclude(run, end)
        self._flush()

    def _software_in_use(self) -> Iterable[str]:
        return [r.software.uses for r in list(self._runs.values()) if r.software.uses]

    def _staged(self, run: Run, failure: str | None) -> None:
        late = self._now() - run.at > run.order.start_within_s
        if failure is not None:
            self._stop(run, Stop(RunEvent.FAILED, failure, self._now()))
        elif late:
            limit = units.show_duration_s(max(0, round(run.order.start_within_s)))
            self._stop(run, Stop(RunEvent.REFUSED, f"not started within {limit}", self._now()))
        else:
            self._supervisor.start(run, self._pools.get(run.pool))

    def _stop(self, run: Run, stop: Stop) -> None:
        """Stop a run that has not ended, whether or not it has been started."""
        if self._supervisor.has(run):
            self._supervisor.stop(run, stop)
        elif run.stop is None:
            run.stop = stop
            local_run.write_stop(run)
            self._supervisor.start(run, self._pools.get(run.pool))

    def _take_up(self, folder: str, name: str) -> None:
        """A run that an earlier process left: say what is known of it, and go on with it."""
        run = local_run.read_run(folder)
        if self._ended.find(name) is not None:  # the earlier process was about to delete it
            shutil.rmtree(folder, ignore_errors=True)
            return
        if run is None:
            return
        self._runs[run.id] = run
        if run.started is not None:
            self._tell(Seen(run.id, RunEvent.STARTED, run.started))
        if run.end is not None:
            self._tell(run.seen())
            return
        self._pools.book(run)
        if run.started is None and run.stop is None and not run.claimed:
            self._launch(run)
        else:
            self._supervisor.start(run, self._pools.get(run.pool))

    def _knows(self, run: str) -> bool:
        return run in self._runs or self._ended.find(run) is not None

    def _status(self, name: str) -> Seen:
        run = self._runs.get(name)
        if run is not None:
            return run.seen()
        ended = self._ended.find(name)
        if ended is not None:
            return local_run.seen_of(name, ended)
        return Seen(name, RunEvent.VANISHED, self._now(), reason="there is no such run here")

    def _tell(self, seen: Seen) -> None:
        self._seen.append(seen)
        self._news = True

    def _flush(self) -> None:
        """Wake the agent if there is something new; without the lock, for it may ask at once."""
        if self._news:
            self._news = False
            self._wake()


def _streams(run: Run) -> dict[str, str]:
    return local_files.streams(run.folder, ((p.group, p.index) for p in run.places))


def _lock(path: str) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(20):  # a process that was killed takes a moment to be gone
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            time.sleep(0.05)
    os.close(fd)
    raise Conflict(f"another agent uses {os.path.dirname(path)}")
