"""Runs that wait until it is known from the first of their kind whether they are short.

`slurm_lengths` has the laws. The caller holds the executor's lock, but for `due_at`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable

from weir.executors.slurm_lengths import KindOfRun, Lengths, kind_of
from weir.executors.slurm_packs import GRAIN_S
from weir.executors.slurm_pools import Pools
from weir.executors.slurm_runs import Run

LOOK_S = 0.25
"""How often those that wait are looked at, if no run rings."""


class Scouts:
    """Those that wait, in order."""

    def __init__(self, lengths: Lengths, pools: Pools) -> None:
        self._lengths, self._pools = lengths, pools
        self._waiting: list[Run] = []
        self._look_at = math.inf

    @property
    def due_at(self) -> float:
        """When to look at those that wait; never if nobody does."""
        return self._look_at

    def ready(self, live: Iterable[Run], now: float) -> list[Run]:
        """Those that wait no longer, in order: one that has run for as long as a pack is at least
        tells enough of its kind.
        """
        for run in live:
            if run.started is not None and run.end is None and now - run.started > GRAIN_S:
                self._lengths.wait_no_more(run)
        ready = [run for run in self._waiting if not self._lengths.unknown(run, now)]
        gone = {run.id for run in ready}
        self._waiting = [run for run in self._waiting if run.id not in gone]
        self._look_at = now + LOOK_S if self._waiting else math.inf
        return ready

    def keep(self, runs: Iterable[Run], live: Iterable[Run], now: float) -> list[Run]:
        """Keep those of these runs that have to wait; gives the others, in order."""
        out: Counter[KindOfRun] | None = None
        places: dict[KindOfRun, int] = {}
        free = []
        for run in runs:
            if len(run.tasks) > 1 or not self._lengths.unknown(run, now):
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
                self._look_at = min(self._look_at, now + LOOK_S)
        return free
