"""One parent of an agent: a thread that listens for orders, and one that reports.

The listener's call waits at the parent; the reporter calls whenever there is something to tell. A
parent that is away costs nothing but tries: what is to be told stays in the journal.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from weir import __version__
from weir.agent.journal import Entry, Journal
from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.core.errors import InventoryConflict, NotReady, Superseded, WeirError
from weir.executors.base import Executor
from weir.executors.settings import Uplink as UplinkSettings
from weir.wire.exchange import (
    MAX_CHUNK_BYTES,
    ExchangeAnswer,
    ExchangeRequest,
    FileChunk,
    Observation,
)
from weir.wire.pools import PoolReport

log = logging.getLogger(__name__)

RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
MAX_OBSERVATIONS = 1000
MAX_BYTES = 2 * 2**20
"""Bytes of files in one call."""

LOOK_S = 1.0
"""How often the files of running jobs are looked at."""

PING_S = 60.0
FIRST_PING_S = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How often an uplink does things that nothing asks for, in seconds."""

    look_s: float = LOOK_S
    ping_s: float = PING_S


PACE = Pace()


class Uplink:
    """The way to one parent."""

    def __init__(
        self,
        settings: UplinkSettings,
        executor: Executor,
        journal: Journal,
        incarnation: str,
        now: Callable[[], float],
        inbox: Callable[[Uplink, ExchangeAnswer], None],
        told: Callable[[Sequence[str]], None],
        fatal: Callable[[WeirError], None],
        identifiers: dict[str, str],
        primary: bool,
        key: str,
        pace: Pace = PACE,
        connect: Callable[[str, str], Client] = Client,
    ) -> None:
        self.cluster = settings.cluster
        self.key = key  # names this parent in the journal
        self._executor, self._journal, self._now = executor, journal, now
        self._incarnation, self._inbox, self._fatal = incarnation, inbox, fatal
        self._told_all = told
        self._identifiers, self._primary, self._pace = identifiers, primary, pace
        self._url = settings.url
        token = settings.token_file.read_text(encoding="utf-8").strip()
        self._client = connect(settings.url, token)
        self._news = threading.Event()
        self._stopped = threading.Event()
        self._greeted = threading.Event()
        self._generation = 0
        self._told: dict[str, str] = {}  # pool name or id -> digest of what the parent has
        self._static: str = ""
        self._lease_s = 30.0
        self._after = 0
        self._rtt_us: int | None = None
        self._ping_at = float("-inf")
        self._ping_every_s = FIRST_PING_S
        self._reporter = threading.Thread(
            target=self._report_loop, name=f"report {self.cluster}", daemon=True
        )
        self._listener = threading.Thread(
            target=self._listen_loop, name=f"listen {self.cluster}", daemon=True
        )

    def start(self) -> None:
        """Begin to report and to listen."""
        self._reporter.start()
        self._listener.start()

    def stop(self) -> None:
        """End; what is not told yet stays in the journal."""
        self._stopped.set()
        self._news.set()
        self._greeted.set()
        self._client.close()
        self._reporter.join(timeout=2)  # the listener's call may wait long; it tells nothing

    def tell(self) -> None:
        """There is something to tell."""
        self._news.set()

    # -- listening ---------------------------------------------------------------------------------

    def _listen_loop(self) -> None:
        self._greeted.wait()
        failures = 0
        while not self._stopped.is_set():
            try:
                answer = self._client.exchange(
                    self._request(after=self._after, wait_s=self._lease_s / 3, want=True)
                )
            except Exception as error:
                failures = self._failed(error, failures)
                continue
            failures = 0
            self._after, self._lease_s = answer.revision, answer.lease_s
            self._inbox(self, answer)
            if answer.resend:
                self._static = ""
                self._news.set()
            if answer.recheck or answer.resend:
                self._stopped.wait(0.2)  # time for the answer to be told before asking again

    def _failed(self, error: Exception, failures: int) -> int:
        if self._stopped.is_set():
            return failures
        if isinstance(error, Superseded):
            self._stopped.set()
            self._fatal(error)
            return failures
        if isinstance(error, WeirError):
            log.warning("%s: %s", self._url, error.detail)
        else:
            log.exception("the exchange with %s failed", self._url, exc_info=error)
        self._stopped.wait(RETRY_S[min(failures, len(RETRY_S) - 1)])
        return failures + 1

    # -- reporting ---------------------------------------------------------------------------------

    def _report_loop(self) -> None:
        failures = 0
        while not self._stopped.is_set():
            try:
                if not self._greeted.is_set():
                    self._greet()
                    self._greeted.set()
                    failures = 0
                self._news.wait(self._idle_s())
                if self._stopped.is_set():
                    return
                self._news.clear()
                self._report_all()
                failures = 0
            except InventoryConflict:
                self._greeted.clear()  # learn the parent's generation, then tell everything again
            except NotReady as error:
                log.info("%s", error.detail)
                self._stopped.wait(0.1)
                self._news.set()
            except Exception as error:
                failures = self._failed(error, failures)
                self._news.set()

    def _idle_s(self) -> float | None:
        """Until files are to be looked at; without runs, until the next ping."""
        busy = any(e.uplink == self.key for e in self._journal.open_runs())
        return self._pace.look_s if busy else min(self._ping_every_s, self._pace.ping_s)

    def _greet(self) -> None:
        """The first call of this process: take over, and hear what stands."""
        answer = self._client.exchange(self._request(hello=True, want=True))
        self._generation, self._lease_s = answer.generation, answer.lease_s
        self._static = ""
        self._after = answer.revision
        self._learn(answer.identifiers)
        self._acknowledge(answer)
        self._inbox(self, answer)
        self._news.set()  # the inventory may be another than the last process told

    def _report_all(self) -> None:
        self._ping()
        self._report_inventory()
        while self._report_once() and not self._stopped.is_set():
            pass

    def _ping(self) -> None:
        """The round trip to the parent: the quickest of three small calls, now and then."""
        if time.monotonic() < self._ping_at:
            return
        took = []
        for _ in range(3):
            begun = time.perf_counter()
            self._client.alive()
            took.append(time.perf_counter() - begun)
        self._rtt_us = round(min(took) * 1e6)
        # The first look comes while everything starts: look again soon, then ever less often.
        self._ping_at = time.monotonic() + self._ping_every_s
        self._ping_every_s = min(2 * self._ping_every_s, self._pace.ping_s)

    def _report_inventory(self) -> None:
        """Tell pools that are new or look different since they were last told."""
        mine = [
            e.order for e in self._journal.open_runs() if e.uplink == self.key and (not e.ended)
        ]
        reports = [self._named(r) for r in self._executor.pools(mine)]
        if not self._primary and any(not r.id for r in reports):
            raise NotReady("the first parent has not issued the pools' identifiers yet")
        static = _digest([r.model_copy(update={"free": ()}) for r in reports])
        digests = {r.id or r.name: _digest([r]) for r in reports}
        if static == self._static:
            changed = [
                r for r in reports if self._told.get(r.id or r.name) != digests[r.id or r.name]
            ]
            if not changed:
                return
            request = self._request(changed=tuple(changed))
        else:
            request = self._request(inventory=tuple(reports))
        answer = self._client.exchange(request)
        self._generation = answer.generation
        if self._learn(answer.identifiers):
            reports = [self._named(r) for r in reports]
            static = _digest([r.model_copy(update={"free": ()}) for r in reports])
            digests = {r.id or r.name: _digest([r]) for r in reports}
        self._static, self._told = static, digests

    def _learn(self, identifiers: Mapping[str, str]) -> bool:
        """Take over the pools' identifiers, by name; only the first parent's count."""
        if not identifiers or not self._primary:
            return False
        self._identifiers.update(identifiers)
        self._executor.name_pools(self._identifiers)
        return True

    def _named(self, report: PoolReport) -> PoolReport:
        """A pool with the identifier that the first parent has issued."""
        if report.id or report.name not in self._identifiers:
            return report
        return report.model_copy(update={"id": self._identifiers[report.name]})

    def _report_once(self) -> bool:
        """One call with files and observations; True if there is more to tell at once."""
        waiting = self._journal.outgoing(self.key, MAX_OBSERVATIONS)
        ending = {o.run for o in waiting if o.final}
        chunks, sizes, complete = self._pieces(ending)
        ready = [o for o in waiting if not o.final or o.run in complete]
        if not ready and not chunks:
            return False
        observations = self._journal.number(self.key, ready)
        answer = self._client.exchange(
            self._request(observations=tuple(observations), chunks=tuple(chunks))
        )
        self._journal.keep_sent(sizes)
        self._acknowledge(answer)
        return len(ready) < len(waiting) or len(waiting) == MAX_OBSERVATIONS

    def _acknowledge(self, answer: ExchangeAnswer) -> None:
        self._told_all(self._journal.acknowledged(self.key, answer.acknowledged))

    def _pieces(
        self, ending: set[str]
    ) -> tuple[list[FileChunk], dict[tuple[str, str], int], set[str]]:
        """Pieces of files that the parent lacks, and the ended runs that these complete."""
        chunks: list[FileChunk] = []
        sizes: dict[tuple[str, str], int] = {}
        complete: set[str] = set()
        budget = MAX_BYTES
        for entry in self._journal.open_runs():
            run = entry.order.run
            if entry.uplink != self.key or (entry.ended and run not in ending):
                continue
            if budget <= 0:
                break
            try:
                budget, whole = self._pieces_of(entry, budget, chunks, sizes)
            except Unreachable:
                raise
            except WeirError as error:
                # Files that are gone must not keep the end of the run from being told.
                log.warning("the files of %s can't be read: %s", run, error.detail)
                whole = True
            if entry.ended and whole:
                complete.add(run)
        return chunks, sizes, complete

    def _pieces_of(
        self,
        entry: Entry,
        budget: int,
        chunks: list[FileChunk],
        sizes: dict[tuple[str, str], int],
    ) -> tuple[int, bool]:
        run = entry.order.run
        sent = self._journal.sent(run)
        whole = True
        for file in self._executor.files(run):
            offset = sent.get(file.name, 0)
            while offset < file.size and budget > 0:
                data = self._executor.read(run, file.name, offset, MAX_CHUNK_BYTES)
                if not data:
                    # Nothing more will come of a run that has ended, whatever its size was.
                    offset = file.size if entry.ended else offset
                    break
                text = base64.b64encode(data).decode()
                chunks.append(FileChunk(run=run, name=file.name, offset=offset, data=text))
                offset += len(data)
                budget -= len(data)
                sizes[(run, file.name)] = offset
            whole = whole and offset >= file.size
        return budget, whole

    def _request(
        self,
        *,
        hello: bool = False,
        inventory: Sequence[PoolReport] | None = None,
        changed: Sequence[PoolReport] = (),
        observations: Sequence[Observation] = (),
        chunks: Sequence[FileChunk] = (),
        after: int = 0,
        wait_s: float = 0,
        want: bool = False,
    ) -> ExchangeRequest:
        return ExchangeRequest(
            cluster=self.cluster,
            incarnation=self._incarnation,
            hello=hello,
            journal=self._journal.name,
            sent_at=self._now(),
            version=__version__,
            rtt_us=self._rtt_us,
            generation=self._generation,
            inventory=None if inventory is None else tuple(inventory),
            changed=tuple(changed),
            observations=tuple(observations),
            chunks=tuple(chunks),
            after=after,
            wait_s=wait_s,
            want=want,
        )


def _digest(reports: Sequence[PoolReport]) -> str:
    text = "\n".join(r.model_dump_json() for r in reports)
    return hashlib.sha256(text.encode()).hexdigest()
