"""What the runs of an agent use: read now and then from its executor, and told to who sent them.

Laws:
- Readings are kept in memory, `MAX_WAITING` for each parent: one that is lost costs detail only,
  because each tells totals since the run's start.
- The executor is asked on a thread of its own: an answer that takes long delays no run.
- A parent that can't read them is told no more of them for a while, and is told all else as before.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from weir.agent.journal import Entry, Journal
from weir.core.errors import WeirError
from weir.core.lifecycle import RunState
from weir.core.usage import EVERY_S, next_reading
from weir.executors.base import Account, Accounts, Executor, Measures
from weir.wire.usage import MAX_USES, RunUse

log = logging.getLogger(__name__)

MAX_WAITING = 5 * MAX_USES
AT_ONCE = 500
"""Runs that the executor is asked about in one call."""

MEASURED = frozenset({RunState.RUNNING, RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELED})


class Waiting:
    """Readings that wait to be told to one parent. Safe for two threads."""

    def __init__(self) -> None:
        self._uses: deque[RunUse] = deque(maxlen=MAX_WAITING)

    def put(self, use: RunUse) -> None:
        """One more; with too many, the oldest goes."""
        self._uses.append(use)

    def take(self) -> tuple[RunUse, ...]:
        """As many as one call may have, oldest first."""
        return tuple(self._uses.popleft() for _ in range(min(MAX_USES, len(self._uses))))


class Using:
    """Reads what runs use while they run, and once more after their end.

    `waiting` gives the readings of the parent with this key, None while it has not been heard.
    """

    def __init__(
        self,
        executor: Executor,
        journal: Journal,
        waiting: Callable[[str], Waiting | None],
        now: Callable[[], float],
        tell: Callable[[], None],
        every_s: float = EVERY_S,
    ) -> None:
        self._executor, self._journal, self._waiting = executor, journal, waiting
        self._now, self._tell, self._every_s = now, tell, every_s
        self._first: dict[str, float] = {}
        self._read: dict[str, float] = {}
        self._over: set[str] = set()
        self._stopped = threading.Event()
        self._failing = ""

    def start(self) -> None:
        """Begin to read, if the executor can tell anything."""
        if isinstance(self._executor, Measures | Accounts):
            threading.Thread(target=self._read_on, name="uses", daemon=True).start()

    def stop(self) -> None:
        """Read no more."""
        self._stopped.set()

    def _read_on(self) -> None:
        while not self._stopped.wait(self._every_s):
            try:
                self.look()
                self._failing = ""
            except (WeirError, OSError) as error:
                if str(error) != self._failing:
                    self._failing = str(error)
                    log.info("what runs use can't be told now: %s", error)
            except Exception:  # runs go on whatever becomes of their readings
                if not self._stopped.is_set():
                    log.exception("what runs use can't be read; it is tried again")

    def look(self) -> int:
        """Read those whose turn it is; gives how many readings there were."""
        now = self._now()
        entries = {e.order.run: e for e in self._journal.open_runs() if e.state in MEASURED}
        self._forget(entries)
        due = self._due(entries, now)
        if not due:
            return 0
        uses = self._ask(due, now)
        for run in due:
            self._read[run] = now
            if entries[run].ended:
                self._over.add(run)
        found = 0
        for use in uses:
            entry = entries.get(use.run)
            waiting = None if entry is None else self._waiting(entry.uplink)
            if waiting is not None:
                waiting.put(use)
                found += 1
        if found:
            self._tell()
        return found

    def _due(self, entries: Mapping[str, Entry], now: float) -> list[str]:
        """The runs to read now, those that have waited longest first."""
        due = []
        for run, entry in entries.items():
            first = self._first.setdefault(run, now)
            if entry.ended:
                if run not in self._over:
                    due.append((0.0, run))
            elif (at := next_reading(first, self._read.get(run))) <= now:
                due.append((at, run))
        return [run for _, run in sorted(due)[:AT_ONCE]]

    def _ask(self, runs: Sequence[str], now: float) -> Sequence[RunUse]:
        if isinstance(self._executor, Measures):
            return self._executor.used(runs)
        assert isinstance(self._executor, Accounts)
        return [
            use
            for run, account in self._executor.usage(runs).items()
            if (use := use_of(run, account, now)) is not None
        ]

    def _forget(self, entries: Mapping[str, Entry]) -> None:
        for run in [run for run in self._first if run not in entries]:
            del self._first[run]
            self._read.pop(run, None)
            self._over.discard(run)


def use_of(run: str, account: Account, now: float) -> RunUse | None:
    """An account as a reading; None where nothing is on record yet."""
    use = RunUse(
        run=run,
        at=now,
        cpu_ms=_ms(account.used_cpu_s),
        peak_bytes=account.peak_memory_bytes,
        elapsed_ms=_ms(account.elapsed_s),
        given_cpu_ms=_ms(account.allocated_cpu_s),
    )
    told = (use.cpu_ms, use.peak_bytes, use.elapsed_ms, use.given_cpu_ms)
    return None if all(value is None for value in told) else use


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
