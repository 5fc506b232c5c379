"""Runs that wait until it is known from the first of their kind whether they are short.

`slurm_lengths` has the laws. The caller holds the executor's lock, but for `due_at`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from weir.executors.slurm_lengths import SCOUTS_S, KindOfRun, Lengths, kind_of
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_runs import Run


class Scouts:
    """Those that wait, in order."""

    def __init__(self, lengths: Lengths, pools: Pools) -> None:
        self._lengths, self._pools = lengths, pools
        self._waiting: list[Run] = []
        self._until = math.inf

    @property
    def due_at(self) -> float:
        """When somebody waits no longer; without end if nobody does."""
        return self._until

    def ready(self, now: float) -> list[Run]:
        """Those that wait no longer, in order."""
        ready = [run for run in self._waiting if self._lengths.first_sent(run, now) is None]
        gone = {run.id for run in ready}
        self._waiting = [run for run in self._waiting if run.id not in gone]
        if not self._waiting:
            self._until = math.inf
        return ready

    def keep(self, runs: Iterable[Run], live: Iterable[Run], now: float) -> list[Run]:
        """Keep those of these runs that have to wait; gives the others, in order."""
        out: Counter[KindOfRun] | None = None
        places: dict[KindOfRun, int] = {}
        free = []
        for run in runs:
            first = self._lengths.first_sent(run, now) if len(run.tasks) == 1 else None
            if first is None:
                free.append(run)
                continue
            if out is None:
                out = Counter(kind_of(other) for other in live if other.sent_at is not None)
            kind = kind_of(run)
            if kind not in places:
                places[kind] = self._pools.places(run)
            if out[kind] < places[kind]:
                out[kind] += 1
                free.append(run)
            else:
                self._waiting.append(run)
                self._until = min(self._until, first + SCOUTS_S)
        return free
