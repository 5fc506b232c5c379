"""The one thread that talks to Ray: cancels, submits, asks how the jobs are, looks at the nodes.

Laws:
- How the jobs are is one call a round, whatever their number; a round comes every `poll_s`, and
  less often where the call takes long, so that asking never is a load.
- Nothing is concluded from an answer that did not come, or that can't be understood.
- What can't be done now is done when Ray is back.
- Ray is given a few jobs at a time: starting one costs it more than a second of CPU time.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping

from weir.client.spells import Spell
from weir.core.errors import WeirError
from weir.core.lifecycle import RunEvent
from weir.executors.base import Seen
from weir.executors.local_run import End
from weir.executors.ray_calls import Ray, Rejected
from weir.executors.ray_inventory import Kind
from weir.executors.ray_plan import place_driver, submission_of, write_plan
from weir.executors.ray_pools import Pools
from weir.executors.ray_runs import Notes, Run
from weir.executors.ray_settings import RaySettings
from weir.executors.ray_verdict import LATE, claim, read_trail
from weir.executors.ray_waiting import Request
from weir.executors.ray_watch import Watch

log = logging.getLogger(__name__)

OUT_OF_TOUCH_S = 30.0
"""A Ray that has not answered for this long, and for much longer than it usually takes, gets
nothing new: its pools are closed.
"""

SHARE = 20
"""Asking takes at most one part in so many of the time."""

LONGEST_S = 15.0
"""Longest that a slow Ray is left alone for that."""

QUIET_S = 10.0
"""How often Ray is asked about jobs while there are none of ours."""

AT_ONCE = 16
"""Submissions, and stops, between two looks at other things."""


class Hand:
    """The thread. Its public methods are called with `lock` held, but for those of its life."""

    def __init__(
        self,
        settings: RaySettings,
        ray: Ray,
        pools: Pools,
        notes: Notes,
        runs: Mapping[str, Run],
        lock: threading.RLock,
        now: Callable[[], float],
        tell: Callable[[Seen], None],
        flush: Callable[[bool], None],
        leave: Callable[[Run, End], bool],
    ) -> None:
        self._settings, self._ray, self._pools, self._notes = settings, ray, pools, notes
        self._runs, self._lock, self._now, self._flush = runs, lock, now, flush
        self._watch = Watch(settings, ray, notes, runs, lock, now, tell, leave)
        self._ready: dict[str, Run] = {}
        self._to_cancel: dict[str, Run] = {}
        self._driver = ""  # where it is, once it was put there
        self._answered_at = now()
        self._took_s = 0.0
        self._look_at = self._ask_at = self._ask_not_before = float("-inf")
        self._spells: dict[str, Spell] = {}
        self._poked, self._stopped = threading.Event(), threading.Event()
        self.looked = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="weir-ray", daemon=True)

    # -- for the executor ------------------------------------------------------------------------

    @property
    def away(self) -> bool:
        """Whether Ray has not answered for a while."""
        return self._now() - self._answered_at > max(OUT_OF_TOUCH_S, 3 * self._took_s)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End; called without the lock. A call that is under way is waited for, for a while."""
        self._stopped.set()
        self._poked.set()
        self._thread.join(self._settings.timeout_s + 1)

    def send(self, run: Run) -> None:
        """This run is ready to be submitted."""
        self._ready[run.id] = run
        self._poked.set()

    def cancel(self, run: Run) -> None:
        """This run, which Ray may have, has a `stop`: stop its job."""
        self._to_cancel[run.id] = run
        self._poked.set()

    def forget(self, run: Run) -> None:
        """This run has ended and is forgotten."""
        self._to_cancel.pop(run.id, None)
        self._ask_soon()

    def wait_until_canceled(self, timeout_s: float) -> None:
        """Wait until nothing is left to cancel, so long at most; without the lock."""
        pause, until = threading.Event(), self._now() + timeout_s
        while self._to_cancel and self._now() < until:
            pause.wait(0.05)

    # -- the thread ------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._stopped.is_set():
            self._poked.clear()
            waits = [
                self._try("folders can't be read", self._watch.read),
                self._try("stops no jobs", self._cancel_some),
                self._try("takes no jobs", self._send_some),
                self._try("does not tell of its jobs", self._ask_if_due),
                self._try("does not tell of its nodes", self._look_if_due),
            ]
            self._flush(False)
            failed = max((wait for wait in waits if wait is not None), default=None)
            if failed is not None:
                busy = self._watch.sent()  # their folders tell of them, whatever Ray does
                self._stopped.wait(min(failed, self._settings.poll_s) if busy else failed)
            else:
                self._poked.wait(max(0.0, self._idle_s()))

    def _try(self, what: str, act: Callable[[], None]) -> float | None:
        """Do it; if that fails, say so once and give how long to wait."""
        spell = self._spells.get(what)
        try:
            act()
        except Exception as error:
            if self._stopped.is_set():
                return None
            if spell is None:
                spell = self._spells[what] = Spell(f"Ray {what}", self._now)
            if not isinstance(error, WeirError):
                log.exception("Ray %s", what)
            return spell.failed(error)
        if spell is not None:
            spell.over()
        return None

    def _idle_s(self) -> float:
        """Until there is something to do: runs' folders are looked into at each poll."""
        due = self._look_at - self._now()
        return min(due, self._settings.poll_s) if self._watch.sent() or self._ready else due

    def _answered(self, asked: float) -> None:
        was_away = self.away
        self._answered_at = self._now()
        self._took_s = self._answered_at - asked
        if was_away:
            self._flush(True)

    # -- stopping --------------------------------------------------------------------------------

    def _cancel_some(self) -> None:
        with self._lock:
            runs = [run for run in self._to_cancel.values() if run.end is None]
            work = self._watch.work
        for run in runs[:AT_ONCE]:
            if not run.claimed and claim(run.folder) and run.stop is not None:
                stop = run.stop  # nothing runs it any more, whether or not Ray has it
                self._watch.end(run, End(stop.event, self._now(), stop.exit_code, stop.reason))
            work.to_stop.add(run.job)
            with self._lock:
                run.claimed = True
                run.canceled_at = self._now()
                self._to_cancel.pop(run.id, None)
        with self._lock:
            for name in [n for n, run in self._to_cancel.items() if run.end is not None]:
                del self._to_cancel[name]
        self._flush(False)
        for jobs, act in ((work.to_stop, self._ray.stop), (work.to_delete, self._ray.delete)):
            for job in sorted(jobs)[:AT_ONCE]:
                asked = self._now()
                act(job)
                self._answered(asked)
                jobs.discard(job)

    # -- submitting ------------------------------------------------------------------------------

    def _send_some(self) -> None:
        """Submit what is ready, as much as Ray can start. Raises `Away`."""
        room = min(AT_ONCE, self._settings.starting - self._watch.starting())
        while self._ready and room > 0 and self._pools.looked and not self._stopped.is_set():
            with self._lock:  # the earliest first, however long its inputs took
                run = min(self._ready.values(), key=lambda ready: ready.at)
                del self._ready[run.id]
            if run.end is not None or run.stop is not None:
                continue
            try:
                room -= self._send(run)
            except Exception:  # whatever it was: the run is not to be forgotten
                with self._lock:
                    self._ready[run.id] = run
                raise

    def _send(self, run: Run) -> bool:
        """Submit one; whether it is at Ray now. Raises `Away`: then it may be there."""
        kind, now = self._pools.get(run.pool), self._now()
        if kind is None or now > run.start_by:
            late = f"there is no pool {run.order.pool} here any more" if kind is None else LATE
            if not read_trail(run.folder).claimed and claim(run.folder):
                self._watch.end(run, End(RunEvent.REFUSED, now, None, late))
            return False
        wrong = self._plan(run, kind)
        if wrong is not None:
            self._watch.end(run, wrong)
            return False
        with self._lock:
            run.sent_at = now
            self._notes.keep([run])
        try:
            self._ray.submit(submission_of(run, kind, self._settings, self._driver))
        except Rejected as error:
            reason = f"Ray says: {error.detail}"
            self._watch.end(run, End(RunEvent.REFUSED, self._now(), None, reason))
            return False
        self._answered(now)
        self._ask_soon()
        return True

    def _plan(self, run: Run, kind: Kind) -> End | None:
        """Lay a run out and write its plan, unless it was sent before: then a driver may have begun
        with it. Gives the run's end if that can't be done.
        """
        try:
            self._driver = self._driver or place_driver(self._settings.folder)
            if run.sent_at is None:
                with self._lock:
                    live = [other for other in self._runs.values() if other.end is None]
                    run.layout = self._pools.layout(run, kind, live)
                write_plan(run, kind, self._settings)
        except ValueError as error:
            return End(RunEvent.REFUSED, self._now(), None, str(error))
        except OSError as error:
            return End(RunEvent.FAILED, self._now(), None, f"can't start: {error}")
        return None

    def _ask_soon(self) -> None:
        """Something was done about jobs: ask about them before long."""
        soon = self._now() + self._settings.poll_s
        self._ask_at = max(self._ask_not_before, min(self._ask_at, soon))

    # -- asking ----------------------------------------------------------------------------------

    def _ask_if_due(self) -> None:
        if self._now() < self._ask_at:
            return
        asked = self._now()
        try:
            jobs = self._ray.jobs()
            self._answered(asked)
        finally:
            now = self._now()
            self._ask_not_before = now + min(SHARE * (now - asked), LONGEST_S)
            pause = self._settings.poll_s if self._watch.holders() else QUIET_S
            self._ask_at = max(now + pause, self._ask_not_before)
        self._watch.take(jobs, asked)
        with self._lock:
            work = self._watch.work
            self._ready |= {run.id: run for run in work.again}
            self._to_cancel |= work.to_cancel
            work.again, work.to_cancel = [], {}
        if self._to_cancel or work.to_stop or work.to_delete:
            self._poked.set()

    def _look_if_due(self) -> None:
        if self._now() < self._look_at:
            return
        asked = self._now()
        try:
            nodes = self._ray.nodes()
            told = self._ray.waiting() if self._pools.idle_only else Counter[Request]()
            self._answered(asked)
        finally:
            now = self._now()
            self._look_at = now + max(self._settings.look_s, min(SHARE * (now - asked), LONGEST_S))
        holders = self._watch.holders()
        with self._lock:
            changed = self._pools.take(nodes, holders, self._watch.waiting(told))
        self.looked.set()
        if changed:
            self._flush(True)
