"""How forgotten runs ended, kept for a week, so that a late repeat of an order is not run again.

One folder a day, one small file a run: keeping one is a rename, dropping a day a folder's removal.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress

from weir.executors.local_run import JOURNAL, End, Run, is_run_name, keep_end, read_end

KEPT_DAYS = 7
_DAY_S = 86400
_BLOCK_BYTES = 4096


class Ended:
    """The ends of forgotten runs under `folder`."""

    def __init__(self, folder: str, now: Callable[[], float]) -> None:
        self._folder, self._now = folder, now
        self._days: list[str] = []  # latest first

    def open(self) -> None:
        os.makedirs(self._folder, 0o700, exist_ok=True)
        days = [name for name in os.listdir(self._folder) if name.isdigit()]
        self._days = sorted(days, key=int, reverse=True)
        self._prune()

    def keep(self, run: Run) -> None:
        """Keep how this run ended."""
        day = str(int(self._now() // _DAY_S))
        if day not in self._days:
            os.makedirs(os.path.join(self._folder, day), 0o700, exist_ok=True)
            self._days.insert(0, day)
            self._prune()
        kept = os.path.join(self._folder, day, run.id)
        with suppress(OSError):
            os.rename(os.path.join(run.folder, JOURNAL), kept)
            if (
                os.stat(kept).st_size > _BLOCK_BYTES
            ):  # with its inputs, likely: only the end is needed
                keep_end(run, kept)

    def find(self, run: str) -> End | None:
        """How a forgotten run ended; None if it is not remembered."""
        if not is_run_name(run):
            return None
        for day in self._days:
            path = os.path.join(self._folder, day, run)
            if os.path.exists(path):
                return read_end(path)
        return None

    def _prune(self) -> None:
        oldest = int(self._now() // _DAY_S) - KEPT_DAYS
        for day in [day for day in self._days if int(day) < oldest]:
            shutil.rmtree(os.path.join(self._folder, day), ignore_errors=True)
            self._days.remove(day)
