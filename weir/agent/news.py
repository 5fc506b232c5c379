"""What one parent is to be told: observations, and the files of runs, piece by piece.

Laws:
- An observation that has a number goes before any that has none: a parent takes a higher number to
  mean that it has heard all the lower ones.
- The end of a run is told with the last piece of its files, or after it.
- A run whose files can't be read now keeps nobody else's news from being told.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from weir.agent.journal import Entry, Journal, Outgoing
from weir.client.problems import Unreachable
from weir.core.errors import WeirError
from weir.executors.base import Executor
from weir.wire.exchange import MAX_CHUNK_BYTES, FileChunk, Observation

log = logging.getLogger(__name__)

MAX_OBSERVATIONS = 1000
MAX_BYTES = 2 * 2**20
"""Bytes of files in one call."""


@dataclass(frozen=True, slots=True)
class Batch:
    """One call's worth. `sizes` is how much of each file the parent has after it."""

    observations: tuple[Observation, ...]
    chunks: tuple[FileChunk, ...]
    sizes: dict[tuple[str, str], int]
    more: bool


@dataclass(slots=True)
class _Pieces:
    """Pieces of files as they are gathered, within a budget of bytes."""

    chunks: list[FileChunk]
    sizes: dict[tuple[str, str], int]
    complete: set[str]
    budget: int


def sendable(waiting: Sequence[Outgoing], complete: Collection[str]) -> list[Outgoing]:
    """Which of the observations that wait can be told now, in the order of their numbers.

    If one that has its number already can't be told (again), none without a number is: they would
    overtake it.
    """
    numbered = sorted((o for o in waiting if o.seq is not None), key=lambda o: o.seq or 0)
    ready: list[Outgoing] = []
    for item in numbered:
        if item.final and item.run not in complete:
            return ready
        ready.append(item)
    return ready + [o for o in waiting if o.seq is None and (not o.final or o.run in complete)]


class News:
    """Gathers what a parent is to be told, from the journal and the executor's files."""

    def __init__(self, journal: Journal, executor: Executor) -> None:
        self._journal, self._executor = journal, executor

    def collect(self, key: str, look: bool) -> Batch | None:
        """The next call's worth for the parent `key`; None if there is nothing to tell.

        `look` says to look for new bytes of runs that go on, too.
        """
        waiting = self._journal.outgoing(key, MAX_OBSERVATIONS)
        pieces = self._pieces(key, waiting, look)
        ready = sendable(waiting, pieces.complete)
        if not ready and not pieces.chunks:
            return None
        more = len(waiting) == MAX_OBSERVATIONS or pieces.budget <= 0
        return Batch(
            tuple(self._journal.number(key, ready)), tuple(pieces.chunks), pieces.sizes, more
        )

    def _pieces(self, key: str, waiting: Sequence[Outgoing], look: bool) -> _Pieces:
        """Pieces that the parent lacks. Ends that were sent before go first: they fitted then."""
        pieces = _Pieces([], {}, set(), MAX_BYTES)
        ending = [o.run for o in sorted(waiting, key=lambda o: o.seq is None) if o.final]
        entries = {e.order.run: e for e in self._journal.open_runs() if e.uplink == key}
        going_on = [run for run, e in entries.items() if not e.ended] if look else []
        for run in [*ending, *going_on]:
            entry = entries.get(run)
            if entry is None:
                pieces.complete.add(run)
                continue
            if pieces.budget <= 0:
                break
            try:
                whole = self._pieces_of(entry, pieces)
            except Unreachable as error:
                log.info("files are not to be had now: %s", error.detail)
                break
            except WeirError as error:
                log.warning("the files of %s can't be read: %s", run, error.detail)
                whole = True
            if entry.ended and whole:
                pieces.complete.add(run)
        return pieces

    def _pieces_of(self, entry: Entry, pieces: _Pieces) -> bool:
        """Add what the parent lacks of one run's files; whether that is all of them."""
        run = entry.order.run
        sent = self._journal.sent(run)
        whole = True
        for file in self._executor.files(run):
            offset = sent.get(file.name, 0)
            while offset < file.size and pieces.budget > 0:
                data = self._executor.read(run, file.name, offset, MAX_CHUNK_BYTES)
                if not data:
                    # Nothing more will come of a run that has ended, whatever its size was.
                    offset = file.size if entry.ended else offset
                    break
                text = base64.b64encode(data).decode()
                pieces.chunks.append(FileChunk(run=run, name=file.name, offset=offset, data=text))
                offset += len(data)
                pieces.budget -= len(data)
                pieces.sizes[(run, file.name)] = offset
            whole = whole and offset >= file.size
        return whole
