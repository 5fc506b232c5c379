"""Runs that are ready, on their way to Slurm: laid out, written down, submitted; equal ones as one.

Laws:
- A run is noted as sent before Slurm is called: from then on it may be there.
- Equal runs that are ready at the same time become one array, each with a folder, a script and a
  claim of its own: they end, fail and are canceled one by one.
- A few submissions are under way at the same time, of different runs: the next ones begin in order,
  and what Slurm has taken in may be out of order by so many. None begins after one for which Slurm
  was away.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, replace

from weir.core.lifecycle import RunEvent
from weir.executors import slurm_script
from weir.executors.local_run import End
from weir.executors.slurm_asked import comment_of, submission_of
from weir.executors.slurm_calls import Away, Rejected, Slurm, Submission, Unclear
from weir.executors.slurm_inventory import Kind
from weir.executors.slurm_lengths import Lengths
from weir.executors.slurm_packs import driver, may_pack, packed_minutes, packs
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_runs import Notes, Run, job_name
from weir.executors.slurm_scouts import Scouts
from weir.executors.slurm_script import LOG, SCRIPT, Place
from weir.executors.slurm_settings import SlurmSettings
from weir.executors.staging_software import software_of

log = logging.getLogger(__name__)

AT_ONCE = 16
"""Submissions that are prepared together."""

BUSY_S = 0.5
"""While more are ready than that, they go on for so long before other things are looked at: then
all that are under way are waited for, and nothing is on its way to Slurm.
"""

UNDER_WAY = 4
"""Submissions under way at the same time: most of one is waiting, for munge and for the network."""

MOST_FOLDED = 200
"""Runs that are prepared together, and elements of one array; Slurm takes 1,000 at least."""


@dataclass(frozen=True, slots=True)
class _Parcel:
    """One submission and the runs that it stands for: several where they are folded."""

    runs: tuple[Run, ...]
    job: Submission


class Sender:
    """The queue of runs to submit. `end` tells of a run that ended here; it holds the lock."""

    def __init__(
        self,
        settings: SlurmSettings,
        slurm: Slurm,
        pools: Pools,
        notes: Notes,
        runs: Mapping[str, Run],
        lock: threading.RLock,
        now: Callable[[], float],
        end: Callable[[Run, End], None],
        lengths: Lengths | None = None,
    ) -> None:
        self._lengths = lengths or Lengths()
        self._scouts = Scouts(self._lengths, pools)
        self._settings, self._slurm, self._pools, self._notes = settings, slurm, pools, notes
        self._runs, self._lock, self._now, self._end = runs, lock, now, end
        self._threads = ThreadPoolExecutor(UNDER_WAY, "weir-slurm-submit")
        self._ready: deque[Run] = deque()
        self._alone: set[str] = set()  # runs of arrays that were refused as a whole
        self.stopping = False

    @property
    def busy(self) -> bool:
        """Whether there are runs that can be submitted now."""
        return bool(self._ready) and self._pools.looked

    def add(self, run: Run) -> None:
        """This run is ready."""
        self._ready.append(run)

    @property
    def due_at(self) -> float:
        """When runs that wait for the first of their kind are to be looked at again."""
        return self._scouts.due_at

    def release(self) -> None:
        """What waits no longer for the first of its kind is ready."""
        if self.due_at < math.inf:
            with self._lock:
                live = [run for run in self._runs.values() if run.end is None]
                self._ready.extendleft(reversed(self._scouts.ready(live, self._now())))

    def close(self) -> None:
        """No more submissions; those under way are not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def send_some(self) -> None:
        """Submit some of what is ready. Raises `Away` if Slurm can't be reached."""
        if not self.busy:
            return
        until = self._now() + BUSY_S
        left = deque(self._next())
        calls: dict[Future[str], _Parcel] = {}
        back, settled = list[_Parcel](), list[Run]()
        failed: Exception | None = None
        while calls or (left and failed is None and not self.stopping):
            while left and len(calls) < UNDER_WAY and failed is None and not self.stopping:
                parcel = left.popleft()
                calls[self._threads.submit(self._slurm.submit, parcel.job)] = parcel
            for call in wait(calls, return_when=FIRST_COMPLETED).done:
                parcel = calls.pop(call)
                try:
                    settled += self._settle(parcel, call)
                except Away as error:
                    back.append(parcel)
                    failed = failed or error
                except Exception as error:  # what came of this one is found out as after silence
                    failed = error
            more = not left and len(self._ready) >= AT_ONCE and self._now() < until
            if more and failed is None and not self.stopping:
                left.extend(self._next())
        # A job whose id is not noted yet when this process is killed is found by its name.
        with self._lock:
            self._notes.keep(run for run in settled if run.end is None)
        self._put_back([*back, *left])
        if failed is not None:
            raise failed

    def _next(self) -> list[_Parcel]:
        """Lay out what is next, write its scripts, and note that it is sent."""
        most = MOST_FOLDED if self._settings.fold else AT_ONCE
        alike: dict[Submission, list[Run]] = {}
        texts: dict[str, str] = {}
        with self._lock:
            live = [run for run in self._runs.values() if run.end is None]
            if self._settings.fold and self._settings.pack_s > 0:
                self._ready = deque(self._scouts.keep(self._ready, live, self._now()))
        while self._ready and most > 0 and len(alike) < AT_ONCE:
            run = self._ready.popleft()
            most -= 1
            laid = self._laid(run, live)
            if laid is not None:
                job, texts[run.id] = laid
                alike.setdefault(job, []).append(run)
        parcels = list[_Parcel]()
        for job, runs in alike.items():
            try:
                parcels.append(self._parcel(job, runs, texts, live))
            except OSError as error:
                self._fail(runs, error)
        with self._lock:
            self._notes.keep([run for parcel in parcels for run in parcel.runs])
        return parcels

    def _fail(self, runs: Sequence[Run], error: OSError) -> None:
        with self._lock:
            for run in runs:
                if run.end is None:
                    reason = f"can't start: {error}"
                    self._end(run, End(RunEvent.FAILED, self._now(), None, reason))

    def _laid(self, run: Run, live: Sequence[Run]) -> tuple[Submission, str] | None:
        """Lay out one run; what Slurm is to be asked for it, and its script, if it is still wanted.

        Files are made without the lock: they are slow, and others have news to tell.
        """
        with self._lock:
            if run.end is not None or run.stop is not None:
                return None
            now = self._now()
            kind = self._pools.get(run.pool)
            run.layout = self._pools.layout(run, live)
            end: End | None = None
            if kind is None or run.layout is None:
                reason = f"there is no pool {run.order.pool} here any more"
                end = End(RunEvent.REFUSED, now, None, reason)
            elif now > run.start_by:
                end = End(RunEvent.REFUSED, now, None, "it did not start in time")
        text = ""
        if end is None and kind is not None:
            try:
                text = self._prepared(run, kind)
            except OSError as error:
                end = End(RunEvent.FAILED, now, None, f"can't start: {error}")
        with self._lock:
            if run.end is not None or run.stop is not None:  # meanwhile
                return None
            if end is not None:
                self._end(run, end)
                return None
            assert kind is not None, "else it has just ended"
            run.sent_at, run.nodes = now, ()
            job = submission_of(run, kind, self._settings.accounts)
            alone = not self._settings.fold or len(job.components) > 1 or run.id in self._alone
            if alone or run.job or run.array:
                job = replace(job, name=run.name)  # no other has its name
            return job, text

    def _parcel(
        self, job: Submission, runs: Sequence[Run], texts: Mapping[str, str], live: Sequence[Run]
    ) -> _Parcel:
        """Runs as one submission, given the script of each by its run. Raises OSError."""
        if len(runs) == 1:
            return self._single(job, runs[0], texts[runs[0].id])
        pack_s = self._settings.pack_s
        with self._lock:
            kind = self._pools.get(runs[0].pool)
            able = [run for run in runs if kind and may_pack(run, kind, pack_s, job.minutes)]
            short = self._lengths.short(able, live, self._now())
            places = self._pools.places(runs[0]) + (kind.share.queue_ahead if kind else 0)
            elements = packs(runs, short, places, pack_s)
        if kind is not None and len(elements) < len(runs):
            job = replace(job, minutes=packed_minutes(job.minutes, pack_s, kind.limit_s))
        return self._folded(job, elements, texts)

    def _single(self, job: Submission, run: Run, text: str) -> _Parcel:
        with self._lock:
            run.array = run.index = run.own = None
            run.packed = False
        script = text
        if not _given(run, text):
            path = os.path.join(run.folder, SCRIPT)
            slurm_script.write_script(path, text)
            script = slurm_script.batch(path)
        output = os.path.join(run.folder, LOG)
        job = replace(
            job,
            name=run.name,
            folder=run.folder,
            output=output,
            script=script,
            comment=comment_of(run),
        )
        return _Parcel((run,), job)

    def _folded(
        self, job: Submission, elements: Sequence[Sequence[Run]], texts: Mapping[str, str]
    ) -> _Parcel:
        """An array: element i runs the script of the i-th run, which has that name; one that the
        tasks have to find by themselves is in the run's own folder, and there is a link to it. Of
        a pack each run's script is in its folder, and the element's starts one after the other.
        """
        first = elements[0][0]
        folder = os.path.join(str(self._settings.folder), "arrays", first.id)
        folder += f"~{first.tries}" if first.tries else ""
        shutil.rmtree(folder, ignore_errors=True)  # what a killed process may have left
        os.makedirs(folder, 0o700)
        for index, runs in enumerate(elements):
            path = os.path.join(folder, str(index))
            for run in runs:
                own, text = os.path.join(run.folder, SCRIPT), texts[run.id]
                if len(runs) > 1:
                    slurm_script.write_script(own, text)
                elif not _given(run, text):
                    slurm_script.write_script(own, text)
                    os.symlink(own, path)
                else:
                    slurm_script.write_script(path, text)
            if len(runs) > 1:
                slurm_script.write_script(path, driver(runs))
        with self._lock:
            for index, runs in enumerate(elements):
                for run in runs:
                    run.array, run.index, run.own = folder, index, None
                    run.packed = len(runs) > 1
        job = replace(
            job,
            name=job_name(os.path.basename(folder)),
            folder=folder,
            output=os.path.join(folder, "log"),
            script=slurm_script.batch_of_array(folder),
            comment=comment_of(first),
            array=len(elements),
        )
        return _Parcel(tuple(run for runs in elements for run in runs), job)

    def _settle(self, parcel: _Parcel, call: Future[str]) -> Sequence[Run]:
        """What a submission came to; gives the runs of which the job is known by now. Raises `Away`
        if nothing of it is there.
        """
        job: str | None = None
        refusal = ""
        try:
            job = call.result()
        except Rejected as error:
            if parcel.job.array:  # fewer may be taken, or each by itself
                self._alone |= {run.id for run in parcel.runs}
                self._put_back([parcel])
                return ()
            refusal = error.detail
        except Unclear as error:
            names = ", ".join(run.id for run in parcel.runs[:3])
            log.warning("whether Slurm has %s is not known: %s", names, error.detail)
        self._alone -= {run.id for run in parcel.runs}
        with self._lock:
            now = self._now()
            for run in parcel.runs:
                run.job = job or run.job  # also of one that has rung before Slurm had answered
                if refusal and run.end is None:
                    self._end(run, End(RunEvent.REFUSED, now, None, f"Slurm says: {refusal}"))
        return () if job is None else parcel.runs

    def _put_back(self, parcels: Sequence[_Parcel]) -> None:
        """Slurm was not reached: nothing of these is there, unless it was sent before."""
        with self._lock:
            runs = [run for parcel in parcels for run in parcel.runs if run.end is None]
            for folder in {run.array for run in runs if run.array}:
                shutil.rmtree(folder, ignore_errors=True)
            for run in reversed(runs):
                run.sent_at = run.array = run.index = None
                run.packed = False
                if run.stop is not None:
                    stop = run.stop
                    self._end(run, End(stop.event, self._now(), stop.exit_code, stop.reason))
                else:
                    self._ready.appendleft(run)
            self._notes.keep(runs)

    def _prepared(self, run: Run, kind: Kind) -> str:
        """Make a run's folder ready for its job, and give its script. Raises OSError."""
        assert run.layout is not None, "it is laid out"
        software = software_of(run.order.spec, run.folder)
        emulated, first = kind.share.emulated, self._settings.path
        place = Place(kind.name, kind.model, emulated, first, software)
        slurm_script.note_start_by(run.folder, run.start_by)
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(run.folder, LOG))
        return slurm_script.script_of(run.order, run.folder, run.layout, place, run.claim_name)


def _given(run: Run, text: str) -> bool:
    """Whether Slurm is given a run's script itself, and not where to find it."""
    return run.layout is not None and slurm_script.can_be_given(text, run.layout)
