"""The agent: one executor, its parents, one journal, and the loop between them.

A turn of the loop: take what the parents have said, decide, journal, act, look what happened,
journal, let the parents know. Everything real happens in the executor; everything remembered is in
the journal.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from weir.agent.decide import NOT_READ, NOT_STARTED, overdue, sort_orders, state_as_seen, steps
from weir.agent.journal import Entry, Journal
from weir.agent.pace import END_COUNTS, PACE, Pace
from weir.agent.probing import Names, Probing
from weir.agent.restore import Restorer
from weir.agent.spool import Spool
from weir.agent.uplink import Uplink
from weir.agent.using import Using, Waiting
from weir.client.http import Client
from weir.core.errors import NotReady, WeirError
from weir.core.lifecycle import RUN_FINAL, RunEvent, RunState
from weir.executors.base import Executor, Seen
from weir.executors.settings import AgentSettings
from weir.probes.base import Probe
from weir.probes.measured import Kept
from weir.wire.exchange import ExchangeAnswer, RunOrder, UnreadOrder

log = logging.getLogger(__name__)

TURN_S = 1.0
"""A turn comes at least this often while there are runs, for what has no event (deadlines)."""

IDLE_S = 30.0

MakeProbes = Callable[[Callable[[str], str | None], Callable[[str], bool]], Sequence[Probe]]
"""Makes an agent's probes; it is handed what says how the parent at a URL is called, and whether
it is being told something just now."""

START_AT_ONCE = 32
"""Runs that are started in one turn: between turns it is told what has ended meanwhile."""


class Agent:
    """One agent. `run` returns after `stop`, or with the error for which it can't go on."""

    def __init__(
        self,
        settings: AgentSettings,
        executor: Executor,
        home: Path,
        now: Callable[[], float],
        new_id: Callable[[str], str],
        pace: Pace = PACE,
        connect: Callable[[str, str], Client] = Client,
        make_probes: MakeProbes | None = None,
    ) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name = settings.name
        self._executor, self._now = executor, now
        self._journal = Journal(home / "journal.db", new_id("journal-"))
        self._inbox: queue.SimpleQueue[tuple[Uplink, ExchangeAnswer, float]] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        self._starting: deque[str] = deque()
        self._restored: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        self._restorer = Restorer(executor, self._note_restored)
        self._wanted = threading.Event()
        self._stopped = threading.Event()
        self._error: WeirError | None = None
        incarnation = new_id("incarnation-")
        self._spools = [
            Spool(home / f"samples-{index}.db") for index, _ in enumerate(settings.uplinks)
        ]
        self._uplinks = [
            Uplink(
                settings_of_it,
                executor,
                self._journal,
                incarnation,
                now,
                self._take,
                self._done.put,
                self._fail,
                primary=index == 0,
                pace=pace,
                connect=connect,
                spool=spool,
                measured=Kept(home),
            )
            for index, (settings_of_it, spool) in enumerate(
                zip(settings.uplinks, self._spools, strict=True)
            )
        ]
        probes = make_probes(self._domain_at, self._busy_at) if make_probes else []
        self._probing = Probing(probes, self._spools, self._names, now, self._tell_all)
        self._using = Using(executor, self._journal, self._uses_of, now, self._tell_all)

    def run(self) -> WeirError | None:
        """Work until stopped."""
        self._executor.open(self._wanted.set)
        threading.Thread(target=self._tidy, name="tidy", daemon=True).start()
        try:
            self._resume()
            for uplink in self._uplinks:
                uplink.start()
            self._probing.start()
            self._using.start()
            while not self._stopped.is_set():
                self._wanted.wait(TURN_S if self._journal.open_runs() else IDLE_S)
                self._wanted.clear()
                self._turn()
        finally:
            self._probing.stop()
            self._using.stop()
            for uplink in self._uplinks:
                uplink.stop()
            for spool in self._spools:
                spool.close()
            self._restorer.close()
            self._executor.close()
            self._journal.close()
        return self._error

    def stop(self) -> None:
        """End soon; runs go on unless the executor's settings say otherwise."""
        self._stopped.set()
        self._wanted.set()

    # -- from the uplinks' threads -----------------------------------------------------------------

    def _take(self, uplink: Uplink, answer: ExchangeAnswer, heard_at: float) -> None:
        if answer.orders or answer.unread or answer.cancels or answer.recheck:
            self._inbox.put((uplink, answer, heard_at))
            self._wanted.set()

    def _fail(self, error: WeirError) -> None:
        self._error = error
        self.stop()

    def _tell_all(self) -> None:
        for uplink in self._uplinks:
            uplink.tell()

    def _uses_of(self, key: str) -> Waiting | None:
        """Where readings wait for the parent with this key."""
        return next((u.uses for u in self._uplinks if u.key and u.key == key), None)

    def _domain_at(self, url: str) -> str | None:
        """What the parent at a URL is called, once it has answered."""
        return next((u.domain for u in self._uplinks if u.url == url), None)

    def _busy_at(self, url: str) -> bool:
        """Whether anything is being told to the parent at a URL."""
        return any(u.busy for u in self._uplinks if u.url == url)

    def _names(self) -> Names:
        return Names(self._uplinks[0].cluster, self._journal.identifiers)

    def _note_restored(self, run: str, why_not: str) -> None:
        self._restored.put((run, why_not))
        self._wanted.set()

    def _tidy(self) -> None:
        """Let the executor forget what was told to its end, without keeping the loop waiting."""
        while not self._stopped.is_set():
            runs = self._done.get()
            if runs:
                self._executor.forget(runs)

    # -- the loop ----------------------------------------------------------------------------------

    def _resume(self) -> None:
        """After a restart: find what the journal has; start what was accepted and not started."""
        entries = [e for e in self._journal.open_runs() if not e.ended]
        self._journal.prune(self._now())
        self._done.put(self._journal.told_lately())
        if not entries:
            return
        log.info("%s resumes with %d runs", self.name, len(entries))
        states = {s.run: s for s in self._executor.status([e.order.run for e in entries])}
        now = self._now()
        again: list[RunOrder] = []
        seen: list[Seen] = []
        late: dict[str, str] = {}
        for entry in entries:
            run, found = entry.order.run, states.get(entry.order.run)
            lost = found is not None and found.event is RunEvent.VANISHED
            if (
                entry.state is RunState.ACCEPTED
                and lost
                and (entry.stopping or entry.start_by < now)
            ):
                # Nothing of it was ever started, and now it must not be any more.
                late |= {} if entry.stopping else {run: NOT_STARTED}
                seen.append(Seen(run, RunEvent.CANCELED, now, reason=entry.stopping))
            elif entry.state is RunState.ACCEPTED and (lost or found is None):
                again.append(entry.order)
            elif found is not None:
                seen.append(found)
        if late:
            self._journal.stopping(late)
        self._record(seen)
        self._executor.submit(self._ready(again))
        self._executor.cancel([e.order.run for e in entries if e.stopping])

    def _turn(self) -> None:
        """One turn."""
        while True:
            try:
                uplink, answer, heard_at = self._inbox.get_nowait()
            except queue.Empty:
                break
            self._accept(uplink, answer.orders, heard_at)
            self._send_back(uplink, answer.unread)
            self._stop_runs(uplink, answer.cancels)
            self._answer(uplink, answer.recheck)
        self._take_restored()
        self._start_some()
        moves = self._record(self._executor.observe())
        late = overdue(self._journal.open_runs(), self._now())
        self._halt(dict.fromkeys(late, NOT_STARTED))
        for uplink in self._uplinks:
            uplink.tell(moves)
        if self._starting:
            self._wanted.set()

    def _ready(self, orders: Iterable[RunOrder]) -> list[RunOrder]:
        """Those of these accepted runs that can start; the others wait for their checkpoints."""
        ready = []
        for order in orders:
            if self._restorer.needed(order):
                self._restorer.bring(order, self._read_checkpoint, self._wants(order.run))
            else:
                ready.append(order)
        return ready

    def _wants(self, run: str) -> Callable[[], bool]:
        def wanted() -> bool:
            entry = self._journal.get(run)
            return entry is not None and not entry.ended and not entry.stopping

        return wanted

    def _read_checkpoint(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """A piece of a checkpoint, from the parent that has sent its run."""
        entry = self._journal.get(run)
        key = "" if entry is None else entry.uplink
        uplink = next((u for u in self._uplinks if u.key and u.key == key), None)
        if uplink is None:
            raise NotReady("the parent has not been heard yet")
        return uplink.read_checkpoint(run, name, offset, limit)

    def _take_restored(self) -> None:
        """Runs whose checkpoints have come start; one that can't have its own is sent back."""
        while True:
            try:
                run, why_not = self._restored.get_nowait()
            except queue.Empty:
                return
            if why_not:
                self._record([Seen(run, RunEvent.REFUSED, self._now(), reason=why_not)])
            else:
                self._starting.append(run)

    def _start_some(self) -> None:
        """Start the next of the runs that were accepted; what is to be stopped already never is."""
        orders: list[RunOrder] = []
        while self._starting and len(orders) < START_AT_ONCE:
            entry = self._journal.get(self._starting.popleft())
            if entry is None or entry.ended:
                continue
            if entry.stopping:
                seen = Seen(entry.order.run, RunEvent.CANCELED, self._now(), reason=entry.stopping)
                self._record([seen])
            else:
                orders.append(entry.order)
        self._executor.submit(orders)

    def _accept(self, uplink: Uplink, orders: Sequence[RunOrder], heard_at: float) -> None:
        """Journal first, then act: a run that was accepted is found again whatever happens."""
        if not orders:
            return
        now = self._now()
        active = [e.order for e in self._journal.open_runs() if not e.ended]
        late = {o.run for o in orders if heard_at + o.start_within_s < now}
        decided = sort_orders(
            [o for o in orders if o.run not in late],
            active,
            self._journal.knows,
            self._executor.admit,
        )
        no = [(run, NOT_STARTED) for run in sorted(late) if not self._journal.knows(run)]
        no += decided.refused
        if no:
            self._journal.refuse(uplink.key, no, now)
        if decided.taken:
            self._journal.accept(uplink.key, decided.taken, now, heard_at)
            uplink.tell()
            self._starting.extend(o.run for o in self._ready(decided.taken))
        # The parent may have lost the answer that it was given to what is known already.
        known = [
            o.run
            for o in orders
            if o.run not in {r for r, _ in no} | {t.run for t in decided.taken}
        ]
        self._answer(uplink, known)

    def _send_back(self, uplink: Uplink, unread: Sequence[UnreadOrder]) -> None:
        """Refuse what a newer parent wants and this version can't read: nothing of it is run."""
        no = [(u.run, f"{NOT_READ} {u.why}") for u in unread if not self._journal.knows(u.run)]
        if no:
            self._journal.refuse(uplink.key, no, self._now())
            uplink.tell()

    def _stop_runs(self, uplink: Uplink, runs: Iterable[str]) -> None:
        """Stop what the parent asked to stop; what was never heard of is canceled already."""
        wanted: dict[str, str] = {}
        unknown: list[Seen] = []
        for run in runs:
            entry = self._own(uplink, run)
            if entry is None:
                unknown.append(self._word_on(run, RunEvent.CANCELED, "it was not started"))
            elif not entry.ended:
                wanted[run] = "canceled"
        if unknown:
            self._journal.answer(uplink.key, unknown)
        self._halt(wanted)

    def _halt(self, runs: dict[str, str]) -> None:
        if runs:
            self._journal.stopping(runs)
            self._executor.cancel(list(runs))

    def _answer(self, uplink: Uplink, runs: Iterable[str]) -> None:
        """Tell a parent that asks how its runs stand."""
        answers = []
        for run in runs:
            entry = self._own(uplink, run)
            if entry is None:
                word = self._word_on(run, RunEvent.VANISHED, "the agent does not know this run")
                answers.append(word)
            elif (seen := state_as_seen(entry, self._now())) is not None:
                answers.append(seen)
        if answers:
            self._journal.answer(uplink.key, answers)

    def _own(self, uplink: Uplink, run: str) -> Entry | None:
        """An open run that this parent has sent: no parent has a say in another's runs."""
        entry = self._journal.get(run)
        return entry if entry is not None and entry.uplink == uplink.key else None

    def _word_on(self, run: str, otherwise: RunEvent, reason: str) -> Seen:
        """The end of a run that was told before; or, if it was never known, what that means."""
        last = self._journal.last_word(run)
        return last or Seen(run, otherwise, self._now(), reason=reason)

    def _record(self, found: Iterable[Seen]) -> int:
        """Journal what was seen, as the moves that it stands for; gives how much that is."""
        moves: list[tuple[Seen, RunState]] = []
        states: dict[str, RunState] = {}
        for seen in found:
            entry: Entry | None = self._journal.get(seen.run)
            if entry is None:
                continue
            state = states.get(seen.run, entry.state)
            for move in steps(state, entry.stopping, seen):
                moves.append(move)
                states[seen.run] = move[1]
        self._journal.record(moves)
        return sum(END_COUNTS if state in RUN_FINAL else 1 for _, state in moves)
