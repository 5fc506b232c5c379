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
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from weir.agent.journal import Entry, Journal, Outgoing
from weir.client.problems import Unreachable
from weir.core.errors import WeirError
from weir.executors.base import Executor, RunFile
from weir.wire.checkpoint import next_to_send, parse
from weir.wire.exchange import MAX_CHUNK_BYTES, FileChunk, Observation

log = logging.getLogger(__name__)

MAX_OBSERVATIONS = 1000
MAX_BYTES = 2 * 2**20
"""Bytes of files in one call."""

RESULTS = "output/"
"""What the names of a job's results begin with."""


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
        large: list[tuple[Entry, list[RunFile]]] = []
        for run in [*ending, *going_on]:
            entry = entries.get(run)
            if entry is None:
                pieces.complete.add(run)
                continue
            if pieces.budget <= 0:
                break
            saved: list[RunFile] = []
            whole = _told(entry, partial(self._others, entry, pieces, saved))
            if whole is None:
                break
            if whole and saved:
                large.append((entry, saved))
            elif whole and entry.ended:
                pieces.complete.add(run)
        for entry, saved in large:  # checkpoints last: they keep no log waiting
            whole = _told(entry, partial(self._newest, entry, pieces, saved))
            if whole is None:
                break
            if whole and entry.ended:
                pieces.complete.add(entry.order.run)
        return pieces

    def _others(self, entry: Entry, pieces: _Pieces, saved: list[RunFile]) -> bool:
        """Add what the parent lacks of one run's files, but for its checkpoints, which are put into
        `saved`; whether that is all of them.
        """
        whole = True
        for file in self._executor.files(entry.order.run):
            if parse(file.name) is not None:
                saved.append(file)
            else:
                whole = self._pieces_of(entry, file, pieces) and whole
        return whole

    def _newest(self, entry: Entry, pieces: _Pieces, files: Sequence[RunFile]) -> bool:
        """Add what the parent lacks of the newest checkpoint; whether that is all of it."""
        sent = self._journal.sent(entry.order.run)
        by_name = {file.name: file for file in files}
        while (name := next_to_send(by_name, sent)) is not None:
            if not self._pieces_of(entry, by_name[name], pieces):
                return False
            sent[name] = pieces.sizes.get((entry.order.run, name), sent.get(name, 0))
            by_name.pop(name)
        return True

    def _pieces_of(self, entry: Entry, file: RunFile, pieces: _Pieces) -> bool:
        """Add what the parent lacks of one file; whether that is all of it."""
        run = entry.order.run
        sent = self._journal.sent(run)
        offset = sent.get(file.name, 0)
        if file.size == 0 and file.name.startswith(RESULTS) and file.name not in sent:
            # A result that is empty is one, too: often it only marks that something is done.
            pieces.chunks.append(FileChunk(run=run, name=file.name, offset=0, data=""))
            pieces.sizes[(run, file.name)] = 0
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
        return offset >= file.size


def _told(entry: Entry, act: Callable[[], bool]) -> bool | None:
    """Do something with a run's files; None if this parent's other runs can't be told of either."""
    try:
        return act()
    except Unreachable as error:
        log.info("files are not to be had now: %s", error.detail)
        return None
    except WeirError as error:
        log.warning("the files of %s can't be read: %s", entry.order.run, error.detail)
        return True
