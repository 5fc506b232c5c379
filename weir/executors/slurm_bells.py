"""Bells: a run's job rings when it starts and when it ends, so that nobody has to ask Slurm for it.

A bell is an empty file named after the run, in a folder beside the runs. Laws:
- A bell says only that there is something to see; what it is stands in the run's own folder.
- A bell that is lost, or late on a slow file system, costs time and nothing else: Slurm is asked
  all the same.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

FOLDER = "bells"

LISTEN_S = 0.1
"""How often a folder is looked at while runs are out: one call of the file system."""


class Bells:
    """The folder of bells under the executor's folder for runs."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder / FOLDER)

    def rung(self) -> list[str]:
        """The runs that have rung since the last call."""
        try:
            names = os.listdir(self._folder)
        except OSError:
            return []
        for name in names:
            with suppress(OSError):
                os.unlink(os.path.join(self._folder, name))
        return names


def bell_of(run_folder: str) -> str:
    """The bell of a run, from its folder (`<folder>/runs/<run>`)."""
    runs, name = os.path.split(run_folder)
    return os.path.join(os.path.dirname(runs), FOLDER, name)
