"""Runs as jobs of a Slurm, driven by its commands or by slurmrestd, beside the center's own jobs.

What is asked of the executor is done on its own memory, at once; `slurm_hand` talks to Slurm, in
threads of its own. A run's files are in a folder that this machine and the nodes share;
`slurm_script` says what is in it.

Laws beside those of every executor:
- A run is one job (one element of an array where equal runs are folded), named after the run.
- However a submission went, a run's tasks run at most once: its folder is claimed by who runs it.
- A run that has not started within its order's `start_within_s` never starts late.
- What the center does to a job (preempts, requeues or cancels it, loses its node) is no failure of
  the run's own: it is told as lost.
- A forgotten run is remembered for a week by how it ended, and is not run again.
- One executor at a time uses a home; the lock goes with the process that holds it.
"""

from __future__ import annotations

import fcntl
import logging
import os
import platform
import shutil
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from weir.core.lifecycle import RunEvent
from weir.executors import local_files
from weir.executors.base import RunFile, Seen
from weir.executors.local_hosts import needs_of
from weir.executors.local_run import End, Stop, is_run_name
from weir.executors.run_notes import seen_of
from weir.executors.sharing import Gate
from weir.executors.slurm_bells import FOLDER as BELLS
from weir.executors.slurm_calls import Slurm, Usage
from weir.executors.slurm_hand import Hand
from weir.executors.slurm_opening import connect, lock_file, make_folder
from weir.executors.slurm_packed import usage_left
from weir.executors.slurm_pools import GAVE_WAY, Pools
from weir.executors.slurm_runs import Notes, Run
from weir.executors.slurm_settings import SlurmSettings
from weir.executors.staging import Staging
from weir.executors.staging_access import Abandoned, StageError
from weir.executors.staging_leaving import Leaving
from weir.executors.staging_software import software_of
from weir.wire.exchange import RunOrder
from weir.wire.pools import PoolReport

__all__ = ["SlurmExecutor", "connect"]

log = logging.getLogger(__name__)

STAGING_THREADS = 8
FIRST_LOOK_S = 10.0
"""How long `open` waits for Slurm to be seen for the first time; it goes on without as well."""


class SlurmExecutor:
    """One Slurm; what it keeps is under `home`, what runs need under the settings' folder."""

    kind = "slurm"

    def __init__(
        self,
        settings: SlurmSettings,
        home: Path,
        now: Callable[[], float],
        slurm: Slurm | None = None,
    ) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings, self._home, self._now = settings, home, now
        self._runs_folder = str(settings.folder / "runs")
        self._slurm = slurm or connect(settings, now)
        self._lock = threading.RLock()
        self._seen: deque[Seen] = deque()
        self._news = False
        self._wake: Callable[[], None] = lambda: None
        self._runs: dict[str, Run] = {}
        self._closing = False
        self._lock_file: int | None = None
        self._staging = ThreadPoolExecutor(STAGING_THREADS, "weir-slurm-staging")
        data, software = settings.data, settings.software
        self._data = Staging(data, software, str(settings.folder), now, self._software_in_use)
        self._leaving = Leaving(self._data, now, self._conclude)

    # -- the contract ----------------------------------------------------------------------------

    def open(self, wake: Callable[[], None]) -> None:
        """Take up what is noted, and look at Slurm; one that is away is waited for in the
        background. Raises BadInput if the runs' folder can't be used.
        """
        self._lock_file = lock_file(str(self._home / "lock"))
        make_folder(self._runs_folder)
        make_folder(str(self._settings.folder / BELLS))
        self._wake = wake
        self._notes = Notes(self._home / "slurm.db", self._now())
        shares, names = self._settings.shares, self._notes.identifiers()
        gate = Gate(self._home / "sharing.db", shares, self._runs.values, self._now)
        self._pools = Pools(shares, names, platform.machine(), gate)
        self._hand = Hand(
            self._settings,
            self._slurm,
            self._pools,
            self._notes,
            self._runs,
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
            self._hand.wait_until_canceled(10.0)
        self._staging.shutdown(wait=False, cancel_futures=True)
        self._data.close()
        self._hand.stop()
        self._slurm.close()
        self._notes.close()
        fcntl.flock(self._lock_file, fcntl.LOCK_UN)
        os.close(self._lock_file)
        self._lock_file = None

    def name_pools(self, identifiers: Mapping[str, str]) -> None:
        """The identifiers of the pools, by name: what orders call them. Kept over restarts."""
        with self._lock:
            self._notes.keep_identifiers(self._pools.name(identifiers))

    def pools(self, without: Iterable[RunOrder]) -> Sequence[PoolReport]:
        left_out = {order.run for order in without}
        with self._lock:
            if (run := self._pools.giving_way(self._live(), self._now())) is not None:
                self._stop(run, Stop(RunEvent.VANISHED, GAVE_WAY, self._now()))
            counted = [run for run in self._live() if run.id not in left_out]
            return self._data.with_traits(
                self._pools.reports(counted, self._hand.away), self._pools.foreign()
            )

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        with self._lock:
            fresh = [order for order in orders if order.run not in self._runs]
            if self._hand.away:
                return dict.fromkeys((o.run for o in fresh), "Slurm has not answered for a while")
            coming = [order for order in active if not self._knows(order.run)]
            unfit = self._data.refusals(fresh)
            fresh = [order for order in fresh if order.run not in unfit]
            return {**unfit, **self._pools.refusals(fresh, self._live(), coming)}

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

    def files(self, run: str) -> Sequence[RunFile]:
        known = self._runs.get(run)
        if known is None:
            return ()
        outputs = known.order.spec.outputs if known.end is not None else ()
        begun = known.started is not None or known.end is not None
        # Most of those that are asked about wait in Slurm's queue: nobody looks for their files.
        found = local_files.list_files(_streams(known), known.work, outputs) if begun else []
        return found + self._data.files(known.order, known.folder, known.over)

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        known = self._runs.get(run)
        if known is None:
            return b""
        if self._data.is_mine(name):
            return self._data.read(known.order, known.folder, name, offset, limit)
        outputs = known.order.spec.outputs if known.end is not None else ()
        return local_files.read_file(_streams(known), known.work, outputs, name, offset, limit)

    def forget(self, runs: Sequence[str]) -> None:
        with self._lock:
            known = [self._runs[name] for name in dict.fromkeys(runs) if name in self._runs]
            ended = [run for run in known if run.end is not None]
            self._pools.charge(ended)
            if ended:
                self._notes.forget(ended, self._now())
            for run in ended:
                del self._runs[run.id]
                self._hand.forget(run)
            arrays = {run.array for run in ended} - {r.array for r in self._runs.values()}
        self._data.forget([run.id for run in ended])
        for folder in (*(run.folder for run in ended), *arrays):
            if folder is not None:
                shutil.rmtree(folder, ignore_errors=True)

    def usage(self, runs: Sequence[str]) -> dict[str, Usage]:
        """What these runs have used, of those of which something is on record: from Slurm's
        accounting or its completion file, and of runs in packs, which these know only together,
        from what each has left. Raises `Away`.
        """
        known = [run for name in runs if (run := self._runs.get(name)) is not None]
        packed = {run.id: usage for run in known if run.packed and (usage := usage_left(run))}
        jobs = {w: r.id for r in known if not r.packed and (w := r.record_word) is not None}
        told = self._slurm.usage(list(jobs)) if jobs else {}
        return packed | {jobs[job]: used for job, used in told.items() if job in jobs}

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
        folder = os.path.join(self._runs_folder, order.run)
        return Run(order, self._pools.name_of(order.pool), folder, self._now())

    def _take_up(self, run: Run) -> None:
        """A run that an earlier process has noted: say what is known of it, and go on with it."""
        self._runs[run.id] = run
        if run.started is not None:
            self._tell(Seen(run.id, RunEvent.STARTED, run.started))
        if run.end is not None:
            self._tell(run.seen())
        elif run.sent_at is None:
            if run.stop is not None:
                self._end(run, run.stop)
            else:
                self._staging.submit(self._prepare, run)
        elif run.stop is not None:
            self._hand.cancel(run)

    def _sweep(self) -> None:
        """Delete the folders of forgotten runs that a killed process has left."""
        with self._lock:
            used = {run.folder for run in self._runs.values()}
            used |= {run.array for run in self._runs.values() if run.array}
        for folder in (self._runs_folder, str(self._settings.folder / "arrays")):
            with suppress(OSError):
                for entry in os.scandir(folder):
                    if self._closing:
                        return
                    run = entry.name.partition("~")[0]  # an array's folder may say which try
                    if entry.path not in used and self._notes.forgotten(run) is not None:
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
            for folder in (run.folder, run.work, os.path.join(run.folder, "tmp")):
                with suppress(FileExistsError):
                    os.mkdir(folder, 0o700)
            self._data.bring_in(run.order, run.folder, wanted)
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
        """A run's job has ended, and what it left is where it belongs."""
        with self._lock:
            if self._closing or run.end is not None:
                return
            run.end = end
            self._notes.keep([run])
            self._tell(run.seen())
        self._flush()

    def _software_in_use(self) -> list[str]:
        live = list(self._runs.values())
        return [software_of(r.order.spec, r.folder).uses for r in live if r.end is None]

    def _stop(self, run: Run, stop: Stop) -> None:
        """Stop a run that has not ended, whether or not Slurm has it."""
        if run.stop is not None:
            return
        run.stop = stop
        if run.sent_at is None or run.leaving is not None:
            self._end(run, stop)
        else:
            self._notes.keep([run])
            self._hand.cancel(run)

    def _end(self, run: Run, stop: Stop) -> None:
        """End a run that Slurm has never had, or has no more."""
        run.stop = stop
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
