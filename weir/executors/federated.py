"""Another Weir server as a resource manager: its offers are our pools, its jobs are our runs.

The same code points down (a region below a nation) and up (the nation, as the place where a
region's overflow goes). The server is asked to run a job on one pool, at once or not at all; it may
refuse.

Laws, besides those of `base`:
- A run is handed over under its own id, so handing it over again finds the same job there.
- A server that is away is tried again until it answers or the run is canceled: nothing is lost by
  it.
- What the server tells of times is corrected by the difference of the clocks.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.core.errors import NotReady, WeirError
from weir.core.lifecycle import JobState, RunEvent
from weir.executors.base import RunFile, Seen
from weir.executors.settings import FederatedSettings
from weir.wire.exchange import RunOrder
from weir.wire.jobs import JobChange, Origin, Submission, SubmitRequest, WatchAnswer
from weir.wire.pools import PoolReport

log = logging.getLogger(__name__)

WATCH_S = 10.0
BATCH = 200
RETRY_S = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0)

EVENTS: Mapping[JobState, RunEvent] = {
    JobState.RUNNING: RunEvent.STARTED,
    JobState.SUCCEEDED: RunEvent.SUCCEEDED,
    JobState.FAILED: RunEvent.FAILED,
    JobState.CANCELED: RunEvent.CANCELED,
    JobState.REFUSED: RunEvent.REFUSED,
}
"""What a job's state there says of our run. Waiting and placed say nothing new."""


class FederatedExecutor:
    """One peer, seen from the link's agent."""

    kind = "federated"

    def __init__(self, settings: FederatedSettings, home: Path, now: Callable[[], float]) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings, self._now = settings, now
        self._notes = _Notes(home / "federated.db")
        self._guard = threading.Lock()
        self._offers: dict[str, PoolReport] = {}
        self._complete = False
        self._seen: list[Seen] = []
        self._cursor = self._notes.cursor()
        self._to_submit: dict[str, RunOrder] = {}
        self._to_cancel: set[str] = set()
        self._in_flight: set[str] = set()
        self._work = threading.Event()
        self._stopped = threading.Event()
        self._wake: Callable[[], None] = lambda: None
        self._hand = threading.Thread(
            target=self._hand_over, name="federated hand over", daemon=True
        )

    # -- the contract ----------------------------------------------------------------------------

    def open(self, wake: Callable[[], None]) -> None:
        """Begin to watch the peer."""
        self._wake = wake
        token = self._settings.token_file.read_text(encoding="utf-8").strip()
        self._client = Client(self._settings.url, token)
        threading.Thread(target=self._watch, name="federated watch", daemon=True).start()
        self._hand.start()

    def close(self) -> None:
        """Stop watching; what runs there runs on."""
        self._stopped.set()
        self._work.set()
        self._client.close()
        self._hand.join(timeout=2)  # the watching call may wait long, and writes nothing
        self._notes.close()

    def name_pools(self, identifiers: Mapping[str, str]) -> None:
        """Nothing to do: a domain's pools have their identifiers."""

    def pools(self, without: Iterable[RunOrder]) -> Sequence[PoolReport]:
        """The peer's offers. It leaves our own runs out of `free` itself.

        Raises `NotReady` before the peer was first heard: no inventory is not an empty inventory.
        """
        with self._guard:
            if not self._complete:
                raise NotReady(f"{self._settings.url} has not answered yet")
            return list(self._offers.values())

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        """The peer decides by itself; only a pool that it does not offer is refused here."""
        with self._guard:
            if not self._complete:
                return {}
            offers = {o.run: self._offers.get(o.pool) for o in orders}
        refused = {}
        for order in orders:
            offer = offers[order.run]
            if offer is None:
                refused[order.run] = f"pool {order.pool} is not on offer any more"
            elif not offer.open:
                refused[order.run] = f"pool {order.pool} is closed for now"
        return refused

    def submit(self, orders: Sequence[RunOrder]) -> None:
        """Hand runs over, in the background."""
        with self._guard:
            for order in orders:
                self._to_submit[order.run] = order
        self._work.set()

    def cancel(self, runs: Sequence[str]) -> None:
        """Cancel the peer's jobs of these runs; what was not handed over yet never will be."""
        with self._guard:
            for run in runs:
                waits = run in self._to_submit and run not in self._in_flight
                self._to_submit.pop(run, None)
                if waits and self._notes.job_of(run) is None:
                    self._note(Seen(run, RunEvent.CANCELED, self._now(), reason="not handed over"))
                else:
                    self._to_cancel.add(run)
        self._work.set()
        self._wake()

    def observe(self) -> Sequence[Seen]:
        """What the peer has told since the last call."""
        with self._guard:
            seen, self._seen = self._seen, []
            cursor = self._cursor
        if not seen:
            # All that came before the cursor was handed to the agent in an earlier call.
            self._notes.keep_cursor(cursor)
        return seen

    def status(self, runs: Sequence[str]) -> Sequence[Seen]:
        """The state now of these runs at the peer; VANISHED if it never had them."""
        found = []
        for run in runs:
            job = self._notes.job_of(run)
            if job is None:
                found.append(Seen(run, RunEvent.VANISHED, self._now(), reason="not handed over"))
                continue
            try:
                answer = self._client.job(job)
            except Unreachable:
                continue
            except WeirError as error:
                found.append(Seen(run, RunEvent.VANISHED, self._now(), reason=error.detail))
                continue
            event = EVENTS.get(answer.state, RunEvent.ACCEPTED)
            found.append(
                Seen(run, event, self._now(), answer.exit_code, answer.reason, answer.place)
            )
        return found

    def files(self, run: str) -> Sequence[RunFile]:
        """The files of the peer's job."""
        job = self._notes.job_of(run)
        if job is None:
            return []
        return [RunFile(f.name, f.size) for f in self._client.files(job).files]

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """Bytes of a file of the peer's job."""
        job = self._notes.job_of(run)
        return b"" if job is None else self._client.read_file(job, name, offset, limit).data

    def forget(self, runs: Sequence[str]) -> None:
        """Drop the notes of these runs."""
        self._notes.forget(runs)

    # -- the peer, in the background ---------------------------------------------------------------

    def _watch(self) -> None:
        offers_after, failures = 0, 0
        while not self._stopped.is_set():
            try:
                answer = self._client.watch(
                    jobs_after=self._cursor, offers_after=offers_after, wait_s=WATCH_S
                )
            except Exception as error:
                if self._stopped.is_set():
                    return
                log.warning("%s does not tell its news: %s", self._settings.url, error)
                self._stopped.wait(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                continue
            failures = 0
            if answer.offer_revision < offers_after or answer.job_seq < self._cursor:
                offers_after = self._start_over()
                continue
            offers_after = answer.offer_revision
            self._take(answer)
            if not answer.jobs:
                self._stopped.wait(min(0.05, self._settings.refresh_s))

    def _start_over(self) -> int:
        """The peer counts from lower numbers: its data was replaced. Look at all of it again."""
        with self._guard:
            self._cursor = 0
            self._complete = False
        return 0

    def _take(self, answer: WatchAnswer) -> None:
        skew = answer.server_time - self._now()
        with self._guard:
            if answer.complete:
                self._offers = {o.id: o for o in answer.offers}
                self._complete = True
            else:
                self._offers.update((o.id, o) for o in answer.offers)
                for pool in answer.gone:
                    self._offers.pop(pool, None)
            for change in answer.jobs:
                self._seen += seen_of(change, skew, self._now())
            self._cursor = answer.job_seq
        if answer.jobs or answer.offers or answer.gone:
            self._wake()

    def _hand_over(self) -> None:
        failures = 0
        while True:
            self._work.wait()
            self._work.clear()
            if self._stopped.is_set():
                return
            try:
                self._submit_all()
                self._cancel_all()
                failures = 0
            except Unreachable as error:
                log.warning("%s can't be reached: %s", self._settings.url, error.detail)
                self._stopped.wait(RETRY_S[min(failures, len(RETRY_S) - 1)])
                failures += 1
                self._work.set()
            except Exception:
                if self._stopped.is_set():
                    return
                log.exception("handing over to %s failed", self._settings.url)
                self._stopped.wait(1.0)
                self._work.set()

    def _submit_all(self) -> None:
        while True:
            with self._guard:
                batch = list(self._to_submit.values())[:BATCH]
                self._in_flight = {o.run for o in batch}
            try:
                if not batch:
                    return
                self._submit_batch(batch)
            finally:
                with self._guard:
                    self._in_flight = set()

    def _submit_batch(self, batch: Sequence[RunOrder]) -> None:
        try:
            answer = self._client.submit(SubmitRequest(jobs=tuple(map(submission_of, batch))))
        except Unreachable:
            raise
        except WeirError as error:
            if error.status >= 500:
                raise Unreachable(error.detail) from error
            self._refused(batch, error)
            return
        jobs = [(order.run, ids[0]) for order, ids in zip(batch, answer.ids, strict=True)]
        self._notes.keep_jobs(jobs)
        with self._guard:
            for order in batch:
                self._to_submit.pop(order.run, None)

    def _refused(self, batch: Sequence[RunOrder], error: WeirError) -> None:
        """One refusal refuses a whole request: find out which run it is, one at a time."""
        if len(batch) > 1:
            for order in batch:
                self._submit_batch([order])
            return
        reason = "; ".join([error.detail, *map(str, error.mistakes)])
        with self._guard:
            self._to_submit.pop(batch[0].run, None)
            self._note(Seen(batch[0].run, RunEvent.REFUSED, self._now(), reason=reason))
        self._wake()

    def _cancel_all(self) -> None:
        with self._guard:
            runs = list(self._to_cancel)
        for run in runs:
            job = self._notes.job_of(run)
            try:
                if job is not None:
                    self._client.cancel(job)
            except Unreachable:
                raise
            except WeirError as error:
                log.warning("run %s can't be canceled at the peer: %s", run, error.detail)
            with self._guard:
                self._to_cancel.discard(run)
                if job is None:
                    self._note(Seen(run, RunEvent.CANCELED, self._now(), reason="not handed over"))

    def _note(self, seen: Seen) -> None:
        self._seen.append(seen)


def submission_of(order: RunOrder) -> Submission:
    """A run as the peer's job: pinned to its pool, with the path it has come."""
    return Submission(
        spec=order.spec,
        origin=Origin(
            run=order.run,
            root_job=order.root_job,
            submitter=order.submitter,
            path=order.path,
            pool=order.pool,
            groups=tuple((g.group, g.count) for g in order.groups),
            array_index=order.array_index,
            start_within_s=order.start_within_s,
        ),
    )


def seen_of(change: JobChange, skew_s: float, now: float) -> list[Seen]:
    """The events that a change of the peer's job says happened to our run."""
    event = EVENTS.get(change.state)
    if event is None:
        return []
    if change.lost and event is RunEvent.FAILED:
        event = RunEvent.VANISHED
    seen = []
    if change.started_at is not None:
        started = change.started_at - skew_s
        seen.append(Seen(change.run, RunEvent.STARTED, started, place=change.place))
    if event is not RunEvent.STARTED:
        at = now if change.ended_at is None else change.ended_at - skew_s
        seen.append(Seen(change.run, event, at, change.exit_code, change.reason, change.place))
    return seen


class _Notes:
    """Which job at the peer a run is, and how far its changes were told. Survives the process."""

    def __init__(self, path: Path) -> None:
        self._guard = threading.Lock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")  # lost notes are told again, not lost jobs
        self._db.execute("CREATE TABLE IF NOT EXISTS job (run TEXT PRIMARY KEY, job TEXT)")
        self._db.execute("CREATE TABLE IF NOT EXISTS cursor (one INTEGER PRIMARY KEY, seq INTEGER)")
        self._jobs = dict(self._db.execute("SELECT run, job FROM job").fetchall())
        self._kept = self.cursor()

    def cursor(self) -> int:
        row = self._db.execute("SELECT seq FROM cursor").fetchone()
        return int(row[0]) if row else 0

    def keep_cursor(self, seq: int) -> None:
        with self._guard:
            if seq != self._kept:
                self._db.execute("INSERT OR REPLACE INTO cursor VALUES (1, ?)", (seq,))
                self._kept = seq

    def job_of(self, run: str) -> str | None:
        return self._jobs.get(run)

    def keep_jobs(self, jobs: Sequence[tuple[str, str]]) -> None:
        with self._guard:
            self._db.execute("BEGIN")
            self._db.executemany("INSERT OR REPLACE INTO job VALUES (?, ?)", jobs)
            self._db.execute("COMMIT")
            self._jobs.update(jobs)

    def forget(self, runs: Sequence[str]) -> None:
        with self._guard:
            self._db.execute("BEGIN")
            self._db.executemany("DELETE FROM job WHERE run = ?", [(r,) for r in runs])
            self._db.execute("COMMIT")
            for run in runs:
                self._jobs.pop(run, None)

    def close(self) -> None:
        with self._guard:
            self._db.close()
