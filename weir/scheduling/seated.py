"""Jobs in the rows of a board that is kept: rows in their order, and who stands in spare ones."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import overload

from weir.scheduling.columns import Ints
from weir.scheduling.snapshot import WaitingJob


class Standing(Sequence[WaitingJob]):
    """The jobs of some rows, one after the other; good until the next round."""

    def __init__(self, jobs: Sequence[WaitingJob | None], rows: Ints) -> None:
        self._jobs, self._rows = jobs, rows

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, place: int) -> WaitingJob: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[WaitingJob, ...]: ...
    def __getitem__(self, place: int | slice) -> WaitingJob | tuple[WaitingJob, ...]:
        if isinstance(place, slice):
            return tuple(self._job(int(row)) for row in self._rows[place])
        return self._job(int(self._rows[place]))

    def _job(self, row: int) -> WaitingJob:
        job = self._jobs[row]
        assert job is not None, "rounds have gone on since"
        return job


class Nobody:
    """Stands in a row that is kept for a job to come."""

    expected_s = inf
    queue = ""


NOBODY = Nobody()
