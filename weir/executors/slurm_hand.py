"""The thread that talks to Slurm: cancels, submits, asks how the jobs are, looks at the nodes.

Laws:
- How the jobs are is one call a round, whatever their number; a round comes every `poll_s`, and
  less often where the call takes long, so that asking never is a load. Only when a job was not
  shown that was there before, the next one does not wait for that.
- A run whose job rings is looked at by itself, at once, without asking Slurm, and also while Slurm
  is asked about others or takes them in.
- Nothing is concluded from an answer that did not come, or that can't be understood.
- What can't be done now is done when Slurm is back; reading, cancels and submissions do not keep
  each other waiting for longer than one call or half a second.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from weir.client.spells import Spell
from weir.core.errors import WeirError
from weir.executors import slurm_inventory
from weir.executors.base import Seen
from weir.executors.local_run import End
from weir.executors.slurm_bells import LISTEN_S, Bells
from weir.executors.slurm_calls import Slurm
from weir.executors.slurm_inventory import Amount, Kind
from weir.executors.slurm_lengths import Lengths
from weir.executors.slurm_pools import Held, Pools, held_by
from weir.executors.slurm_records import Node, Partition
from weir.executors.slurm_runs import Notes, Run
from weir.executors.slurm_send import Sender
from weir.executors.slurm_settings import SlurmSettings
from weir.executors.slurm_verdict import claim, read_claim, read_tasks
from weir.executors.slurm_watch import Watch

log = logging.getLogger(__name__)

OUT_OF_TOUCH_S = 30.0
"""A Slurm that has not answered for this long, and for much longer than it usually takes, gets
nothing new: its pools are closed.
"""

PARTITIONS_S = 30.0
"""How often the partitions are read: they change when an operator changes them."""

SOON_S = 0.3
"""After a submission jobs are asked about so soon: most start at once, if they can."""

GATHER_S = 0.01
"""Runs that become ready within this are submitted together."""

SHARE = 60
"""Asking takes at most one part in so many of the time."""


class Hand:
    """The thread, and one that listens for bells. Its public methods are called with `lock` held,
    but for those of its life.
    """

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
        flush: Callable[[bool], None],
        leave: Callable[[Run, End], bool],
    ) -> None:
        self._settings, self._slurm, self._pools = settings, slurm, pools
        self._lock, self._now, self._flush = lock, now, flush
        self._runs, lengths = runs, Lengths()
        self._watch = Watch(settings, slurm, pools, notes, runs, lock, now, tell, leave, lengths)
        self._bells = Bells(settings.folder)
        self._sender = Sender(
            settings, slurm, pools, notes, runs, lock, now, self._watch.end, lengths
        )
        self._to_cancel: dict[str, Run] = {}
        self._look_taken: _Look | None = None  # that waits for the next poll
        self._leftovers: list[str] = []  # jobs of runs that are over here
        self._answered_at = now()
        self._took_s = 0.0  # of the last poll or look
        self._poll_not_before = float("-inf")
        self._partitions: tuple[Partition, ...] = ()
        self._partitions_at = self._look_at = self._poll_at = float("-inf")
        self._spells: dict[str, Spell] = {}
        self._poked, self._stopped = threading.Event(), threading.Event()
        self._out = threading.Event()  # runs are at Slurm: they may ring
        self.looked = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="weir-slurm", daemon=True)
        self._ears = threading.Thread(target=self._listen, name="weir-slurm-bells", daemon=True)

    # -- for the executor ------------------------------------------------------------------------

    @property
    def away(self) -> bool:
        """Whether Slurm has not answered for a while."""
        return self._now() - self._answered_at > max(OUT_OF_TOUCH_S, 3 * self._took_s)

    def start(self) -> None:
        self._thread.start()
        self._ears.start()

    def stop(self) -> None:
        """End; called without the lock. A call that is under way is waited for, for a while."""
        self._stopped.set()
        self._sender.stopping = True
        self._poked.set()
        self._thread.join(self._settings.timeout_s + 1)
        self._out.set()
        self._ears.join(self._settings.timeout_s + 1)
        self._sender.close()

    def send(self, run: Run) -> None:
        """This run is ready to be submitted."""
        self._sender.add(run)
        self._poked.set()

    def cancel(self, run: Run) -> None:
        """This run, which Slurm may have, has a `stop`: cancel its job."""
        self._to_cancel[run.id] = run
        self._poked.set()

    def forget(self, run: Run) -> None:
        """This run has ended and is forgotten."""
        self._to_cancel.pop(run.id, None)
        self._watch.forget(run)

    def wait_until_canceled(self, timeout_s: float) -> None:
        """Wait until nothing is left to cancel, so long at most; without the lock."""
        pause, until = threading.Event(), self._now() + timeout_s
        while self._to_cancel and self._now() < until:
            pause.wait(0.05)

    # -- the thread ------------------------------------------------------------------------------

    def _loop(self) -> None:
        while not self._stopped.is_set():
            self._poked.clear()
            self._note_out()
            waits = [
                self._try("cancels no jobs", self._cancel_some),
                self._try("takes no jobs", self._send_some),
                self._try("does not tell of its jobs", self._poll_if_due),
                self._try("does not tell of its nodes", self._look_if_due),
            ]
            self._flush(False)
            failed = max((wait for wait in waits if wait is not None), default=None)
            if failed is not None:
                self._stopped.wait(failed)
            elif not self._sender.busy:
                self._poked.wait(max(0.0, self._idle_s()))

    def _note_out(self) -> None:
        """Whether there is anybody to listen for."""
        if self._watch.sent():
            self._out.set()
        else:
            self._out.clear()

    def _listen(self) -> None:
        """While runs are out, see what those that ring have to tell. Runs in a thread of its own:
        calls to Slurm take their time.
        """
        while not self._stopped.is_set():
            self._out.wait()
            try:
                if names := self._bells.rung():
                    self._watch.hear(names)
                    self._flush(False)
                    if self._sender.due_at < math.inf:  # runs wait for what these have told
                        self._poked.set()
            except Exception:  # Slurm is asked all the same
                log.exception("what rang could not be looked at")
            self._stopped.wait(LISTEN_S)

    def _try(self, what: str, act: Callable[[], None]) -> float | None:
        """Do it; if that fails, say so once and give how long to wait."""
        spell = self._spells.get(what)
        try:
            act()
        except Exception as error:
            if self._stopped.is_set():
                return None
            if spell is None:
                spell = self._spells[what] = Spell(f"Slurm {what}", self._now)
            if not isinstance(error, WeirError):
                log.exception("Slurm %s", what)
            return spell.failed(error)
        if spell is not None:
            spell.over()
        return None

    def _idle_s(self) -> float:
        due = [self._look_at, self._sender.due_at]
        if self._watch.sent():
            due.append(self._poll_at)
        return min(due) - self._now()

    def _answered(self, asked: float | None = None) -> None:
        was_away = self.away
        self._answered_at = self._now()
        if asked is not None:
            self._took_s = self._answered_at - asked
        if was_away:
            self._flush(True)

    # -- canceling -------------------------------------------------------------------------------

    def _cancel_some(self) -> None:
        with self._lock:
            runs = [run for run in self._to_cancel.values() if run.end is None]
            words, self._leftovers = self._leftovers, []
        for run in runs:
            if run.job is None or run.packed:
                self._claim_for_nobody(run)
            if self._to_be_canceled(run):
                words.append(run.job_word or "")
        if words:
            self._cancel(words)
            self._answered()
            self._poll_soon()
        with self._lock:
            for run in runs:
                if run.job_word is not None or run.end is not None:  # else once it is known
                    run.canceled_at = self._now()
                    self._to_cancel.pop(run.id, None)

    def _to_be_canceled(self, run: Run) -> bool:
        """Whether a run's job is to be canceled: a pack only once it has nobody but this run."""
        if run.job_word is None or (run.end is not None and not run.packed):
            return False
        if not run.packed:
            return True
        with self._lock:
            mates = [r for r in self._runs.values() if r.packed and r.element == run.element]
            mates = [r for r in mates if r is not run and r.end is None]
        if run.end is not None:
            return not mates
        self._watch.take_back(r for r in mates if r.started is None)
        self._take_work()
        left = read_tasks(run)
        return not (left.over or left.late)

    def _cancel(self, jobs: list[str]) -> None:
        """Cancel these jobs; if that fails, again later."""
        try:
            self._slurm.cancel(jobs)
        except WeirError:
            self._leftovers += jobs
            raise

    def _claim_for_nobody(self, run: Run) -> None:
        """A run of which it is not known whether Slurm has it: see to it that nothing runs it."""
        free = claim(run.claim)
        with self._lock:
            if not free and run.job is None:
                run.own = run.own or read_claim(run.claim).job
                run.job = run.own if run.index is None else None
            elif not free:
                pass  # it runs, and its job is known
            elif run.stop is not None and run.end is None:
                stop = run.stop
                self._watch.end(run, End(stop.event, self._now(), stop.exit_code, stop.reason))

    # -- jobs ------------------------------------------------------------------------------------

    def _send_some(self) -> None:
        self._sender.release()
        if self._sender.busy:
            self._stopped.wait(GATHER_S)
            self._out.set()
            self._sender.send_some()
            self._poll_soon()

    def _poll_soon(self) -> None:
        """Something was done about jobs: ask about them before long."""
        self._poll_at = max(self._poll_not_before, min(self._poll_at, self._now() + SOON_S))

    def _poll_if_due(self) -> None:
        if self._now() >= self._poll_at and self._watch.sent():
            self._poll()

    def _poll(self) -> None:
        """Ask how the jobs are, and draw the conclusions."""
        asked = self._now()
        try:
            jobs = self._slurm.jobs()
            self._answered(asked)
        finally:
            now = self._now()
            self._poll_not_before = now + min(SHARE * (now - asked), 30.0)
            self._poll_at = max(now + self._settings.poll_s, self._poll_not_before)
        look = self._look_taken
        self._watch.take(jobs, asked, None if look is None else look.at - 1)
        self._take_work()
        if look is not None:
            self._conclude(look)
        self._flush(False)

    def _take_work(self) -> None:
        """What the answer leaves to do."""
        with self._lock:
            work = self._watch.work
            for run in work.again:
                self._sender.add(run)
            self._to_cancel |= work.to_cancel
            self._leftovers += work.leftovers
            if work.doubt:
                self._poll_at = self._now() + self._settings.poll_s
            work.again, work.to_cancel, work.leftovers, work.doubt = [], {}, [], False
        if self._to_cancel or self._leftovers:
            self._poked.set()

    # -- nodes -----------------------------------------------------------------------------------

    def _look_if_due(self) -> None:
        if self._now() >= self._look_at:
            try:
                self._look()
            finally:
                self._look_at = self._now() + self._settings.look_s

    def _look(self) -> None:
        """Look at the nodes. What is allocated there to our own jobs the next poll will tell."""
        if self._now() - self._partitions_at > PARTITIONS_S:
            self._partitions = self._slurm.partitions()
            self._partitions_at = self._now()
            self._warn()
        at = self._now()
        nodes = self._slurm.nodes()
        self._answered(at)
        crowded = self._slurm.waiting() if self._pools.watches_others else {}
        look = _Look(
            at, nodes, frozenset(n for n, count in crowded.items() if count), self._watch.held
        )
        self._look_taken = look
        if not self.looked.is_set() and self._watch.sent():
            self._poll()  # the first look is waited for
        elif not self._watch.sent() and not self._watch.held:
            self._conclude(look)
        elif not self._watch.sent():
            self._poll()  # only of those that have ended, to see when they let go

    def _conclude(self, look: _Look) -> None:
        """Take a look's nodes: our jobs are those of the poll before it and of the one after."""
        holders = {**look.held, **self._watch.held}.values()
        self._look_taken = None
        with self._lock:
            changed = self._pools.take(
                look.nodes, self._partitions, look.crowded, lambda kind: _held(kind, holders)
            )
        self.looked.set()
        if changed:
            self._flush(True)

    def _warn(self) -> None:
        absent = slurm_inventory.missing(self._settings.shares, self._partitions)
        if absent:
            log.warning("Slurm shows no partition %s, which is shared", ", ".join(absent))


@dataclass(frozen=True, slots=True)
class _Look:
    """The nodes as they were at some time, and whose jobs held something at the poll before."""

    at: float
    nodes: tuple[Node, ...]
    crowded: frozenset[str]
    held: Mapping[str, Run]


def _held(kind: Kind, runs: Iterable[Run]) -> Held:
    held: dict[str, Amount] = {}
    for run in runs:
        if run.pool == kind.name:
            for node, amount in held_by(run, kind).items():
                held[node] = held.get(node, Amount()) + amount
    return held
