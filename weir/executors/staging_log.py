"""What was done about a run's data and software: a file of the run, beside its output.

It is one of the run's files (`weir fetch JOB data.log`), so it comes to where the job was
submitted. Each line is one fact, with its time (UTC). No URL in it has a query or a password.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime

from weir.core import units

NAME = "data.log"

PROGRESS_S = 10.0
"""How often the progress of one file is told."""


class DataLog:
    """The file in a run's folder. Lines are appended whole; a full disk keeps nothing from going
    on.
    """

    def __init__(self, folder: str, now: Callable[[], float]) -> None:
        self.path, self._now = os.path.join(folder, NAME), now
        self._told_at = now()

    def say(self, what: str) -> None:
        """Add a line."""
        at = datetime.fromtimestamp(self._now(), UTC).strftime("%Y-%m-%d %H:%M:%S")
        with suppress(OSError), open(self.path, "a", encoding="utf-8") as file:
            file.write(f"{at} {what}\n")

    def progress(self, what: str, done: int, total: int | None) -> None:
        """Tell how far something is, if that was not told just now."""
        if self._now() - self._told_at < PROGRESS_S:
            return
        self._told_at = self._now()
        of = f" of {units.show_bytes(total)}" if total else ""
        self.say(f"{what}: {units.show_bytes(done)}{of} so far")
