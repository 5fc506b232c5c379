"""Bells: a run's job rings when it starts and when it ends, so that nobody has to ask Slurm for it.

A bell is a line with the run's name at the end of one of a few files, in a folder beside the runs:
a line costs a fraction of a file of its own. Laws:
- A bell says only that there is something to see; what it is stands in the run's own folder.
- A bell that is lost, or late on a slow file system, costs time and nothing else: Slurm is asked
  all the same. So where nodes that write at once may overwrite each other's lines (NFS), they may.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from shlex import quote

FOLDER = "bells"

LISTEN_S = 0.1
"""How often a folder is looked at while runs are out: one look at each file."""

FILES = 8
"""Files to ring at: so many nodes can write at once without being in each other's way."""

LARGEST = 2**20
"""Bytes after which a file is begun anew."""


class Bells:
    """The folder of bells under the executor's folder for runs."""

    def __init__(self, folder: Path) -> None:
        self._paths = [str(folder / FOLDER / str(number)) for number in range(FILES)]
        self._heard = dict.fromkeys(self._paths, 0)

    def rung(self) -> list[str]:
        """The runs that have rung since the last call."""
        return list(dict.fromkeys(name for path in self._paths for name in self._lines(path)))

    def _lines(self, path: str) -> list[str]:
        """The whole lines that a file has beyond what was heard; none if it can't be read."""
        with suppress(OSError):
            size, heard = os.stat(path).st_size, self._heard[path]
            if size < heard:
                heard = 0  # somebody has begun it anew
            if size > heard:
                with open(path, "rb") as file:
                    file.seek(heard)
                    text = file.read()
                whole = text.rfind(b"\n") + 1
                self._heard[path] = heard + whole
                if self._heard[path] > LARGEST:
                    os.truncate(path, 0)
                    self._heard[path] = 0
                return text[:whole].decode(errors="replace").splitlines()
        return []


def bell_of(run_folder: str) -> str:
    """Where a run rings, in words of its job's shell; from its folder (`<folder>/runs/<run>`)."""
    folder = os.path.join(os.path.dirname(os.path.dirname(run_folder)), FOLDER)
    return f'{quote(folder)}/"$((${{SLURM_JOB_ID:-0}} % {FILES}))"'
