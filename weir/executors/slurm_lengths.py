"""How long runs of a kind take, from those that ended lately: what is told from it is only whether
one is short enough to share a job of Slurm's with others.

A kind is what one user calls by one name in one pool and starts with the same program. Laws:
- A kind is short once `LEAST` of it were, and for as long as three in four of its last `KEPT` are.
  Those that run still count with what they have run so far: else, while the long ones of a mixture
  run, only its short ones would have been seen.
- A wall time is believed: a run is stopped after it.
- It is kept in memory only: after a restart it is learned anew.
- Of a kind that nobody knows, first go as many as there are places; the others, which could not
  start before these end anyway, wait until that is known, and for `SCOUTS_S` at most.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping

from weir.core.lifecycle import RunEvent
from weir.executors.local_run import End
from weir.executors.slurm_runs import Run
from weir.wire.jobspec import walltime_s

SHORT_S = 5.0
"""A run that is expected to take no longer is short."""

LEAST_S = 0.02
"""No run counts for less: its shell takes so long."""

SCOUTS_S = 3.0
"""So long at most others wait for the first of their kind: Slurm takes about a second to start
them.
"""

OWN_ENDS = (RunEvent.SUCCEEDED, RunEvent.FAILED)
KEPT, LEAST, KINDS = 16, 4, 1000

KindOfRun = tuple[str, str, str, tuple[str, ...]]


def kind_of(run: Run) -> KindOfRun:
    """What a run is taken to be like: who sent it, its job's name, its pool, its programs."""
    spec = run.order.spec
    programs = tuple(tasks.command[0] for tasks in spec.tasks if tasks.command)
    return (run.order.submitter, spec.name, run.pool, programs)


class Lengths:
    """The last lengths of each kind, in seconds. The caller holds a lock."""

    def __init__(self) -> None:
        self._ended: OrderedDict[KindOfRun, deque[float]] = OrderedDict()
        self._first: OrderedDict[KindOfRun, float] = OrderedDict()

    def learn(self, run: Run, end: End) -> None:
        """How a run ended; one that did not by itself teaches nothing."""
        if run.started is None or run.stop is not None or end.event not in OWN_ENDS:
            return
        kind = kind_of(run)
        known = self._ended.setdefault(kind, deque(maxlen=KEPT))
        known.append(max(0.0, end.at - run.started))
        self._ended.move_to_end(kind)
        if len(self._ended) > KINDS:
            self._ended.popitem(last=False)

    def unknown(self, run: Run, now: float) -> bool:
        """Whether it is not known how long a run takes, and worth while to wait for the first of
        its kind; that is the first one asked about.
        """
        kind = kind_of(run)
        wall = walltime_s(run.order.spec)
        if len(self._ended.get(kind, ())) >= LEAST or (wall is not None and wall <= SHORT_S):
            return False
        first = self._first.setdefault(kind, now)
        if len(self._first) > KINDS:
            self._first.popitem(last=False)
        return now < first + SCOUTS_S

    def wait_no_more(self, run: Run) -> None:
        """Enough is known of a run's kind: it is not so short."""
        self._first[kind_of(run)] = -math.inf

    def short(self, runs: Iterable[Run], live: Iterable[Run], now: float) -> Mapping[str, float]:
        """Those of these runs that are expected to be short, with the seconds expected."""
        running: dict[KindOfRun, list[float]] = {}
        for run in live:
            if run.started is not None and run.end is None and now - run.started > SHORT_S:
                running.setdefault(kind_of(run), []).append(now - run.started)
        expected: dict[KindOfRun, float | None] = {}
        found = {}
        for run in runs:
            kind = kind_of(run)
            if kind not in expected:
                expected[kind] = self._expected(kind, running.get(kind, []))
            told = [s for s in (expected[kind], walltime_s(run.order.spec)) if s is not None]
            if told and min(told) <= SHORT_S:
                found[run.id] = max(LEAST_S, min(told))
        return found

    def _expected(self, kind: KindOfRun, running: list[float]) -> float | None:
        """What three in four of a kind do not exceed; None if too few are known."""
        known = self._ended.get(kind, ())
        if len(known) < LEAST:
            return None
        lengths: list[float] = sorted([*known, *running])
        return lengths[(3 * len(lengths) - 1) // 4]
