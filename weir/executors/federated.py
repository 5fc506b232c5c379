"""Another Weir server as a resource manager: its offers are our pools, its jobs are our runs.

The same code points down (a region below a nation) and up (the nation, as the place where a
region's overflow goes). The server is asked to run a job on one pool, at once or not at all; it may
refuse.

Laws, besides those of `base`:
- A run is handed over under its own id, so handing it over again finds the same job there.
- A run that was ever sent may be there. Nothing is said of it until the server has said which job
  it is; canceled, it is sent again, with no time left to start, and that job is canceled.
- A server that is away is tried again until it answers: nothing is lost by it. When it has been
  away for a while, its pools are closed.
- A server whose data is not what it was is looked at anew; what it does not know has vanished.
- What the server tells of times is corrected by the difference of the clocks.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path

from weir.client.http import Client
from weir.client.problems import Unreachable
from weir.client.spells import Spell
from weir.core.errors import Conflict, NotFound, NotReady, WeirError
from weir.core.lifecycle import JOB_ACTIVE, LOST_PREFIX, RunEvent
from weir.executors.base import RunFile, Seen
from weir.executors.federated_checkpoint import take_along
from weir.executors.federated_notes import Notes
from weir.executors.federated_words import EVENTS, seen_of, submission_of
from weir.executors.settings import FederatedSettings
from weir.wire.exchange import RunOrder
from weir.wire.jobs import JobChange, SubmitRequest, WatchAnswer
from weir.wire.pools import PoolReport
from weir.wire.usage import RunUse

log = logging.getLogger(__name__)

WATCH_S = 10.0
BATCH = 200

OUT_OF_TOUCH_S = 30.0
"""A peer that has not answered the watch for this long gets nothing new: its pools are closed."""


class FederatedExecutor:
    """One peer, seen from the link's agent."""

    kind = "federated"

    def __init__(
        self,
        settings: FederatedSettings,
        home: Path,
        now: Callable[[], float],
        connect: Callable[[str, str], Client] = Client,
    ) -> None:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._settings, self._now, self._connect = settings, now, connect
        self._restores = home / "restores"
        self._notes = Notes(home / "federated.db", now())
        self._guard = threading.Lock()
        self._offers: dict[str, PoolReport] = {}
        self._offers_after = 0
        self._complete = self._closed = False
        self._answered_at = now()
        self._seen: list[Seen] = []
        self._cursor = self._notes.cursor
        self._to_submit: dict[str, RunOrder] = {}
        self._to_cancel: set[str] = set()
        self._live: dict[str, str] = {}  # run -> the peer's job, as the watch last showed it
        self._ghosts: set[str] = set()  # live jobs of runs that have ended here
        self._doubtful: set[str] = set()  # runs that a peer with other data may not know
        self._uses_after = 0
        self.domain_names: Mapping[str, str] = {}
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
        self._client = self._connect(self._settings.url, token)
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

        They are closed while the peer is out of touch.

        Raises `NotReady` before the peer was first heard: no inventory is not an empty inventory.
        """
        with self._guard:
            if not self._complete:
                raise NotReady(f"{self._settings.url} has not answered yet")
            offers = list(self._offers.values())
        if self._out_of_touch():
            return [o.model_copy(update={"open": False}) for o in offers]
        return offers

    def admit(self, orders: Sequence[RunOrder], active: Iterable[RunOrder]) -> Mapping[str, str]:
        """The peer decides by itself; only a pool that it does not offer is refused here."""
        with self._guard:
            if not self._complete:
                return {}
            offers = {o.run: self._offers.get(o.pool) for o in orders}
        refused = {}
        away = self._out_of_touch()
        for order in orders:
            offer = offers[order.run]
            if offer is None:
                refused[order.run] = f"pool {order.pool} is not on offer any more"
            elif away:
                refused[order.run] = f"{self._settings.url} has not answered for a while"
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
        """Cancel the peer's jobs of these runs; what was not sent yet never will be."""
        with self._guard:
            for run in runs:
                if self._notes.sent(run):
                    self._to_cancel.add(run)
                else:
                    self._to_submit.pop(run, None)
                    self._note(Seen(run, RunEvent.CANCELED, self._now(), reason="not handed over"))
        self._work.set()
        self._wake()

    def observe(self) -> Sequence[Seen]:
        """What the peer has told since the last call."""
        with self._guard:
            seen, self._seen = self._seen, []
            if not seen:
                # All that came before the cursor was handed to the agent in an earlier call.
                self._notes.keep_cursor(self._cursor)
        return seen

    def status(self, runs: Sequence[str]) -> Sequence[Seen]:
        """The state now of these runs at the peer; VANISHED if it does not have them.

        Nothing of a run for which only a repeated hand-over can tell; and nothing more once the
        peer does not answer.
        """
        found = []
        for run in runs:
            try:
                seen = self._state_of(run)
            except Unreachable as error:
                log.warning("%s tells no states: %s", self._settings.url, error.detail)
                break
            if seen is not None:
                found.append(seen)
        return found

    def files(self, run: str) -> Sequence[RunFile]:
        """The files of the peer's job."""
        job = self._notes.job_of(run)
        if job is None:
            return []
        return [RunFile(f.name, f.size) for f in self._client.files(job).files]

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """Bytes of a file of the peer's job; none of what the peer does not have."""
        job = self._notes.job_of(run)
        if job is None:
            return b""
        try:
            return self._client.read_file(job, name, offset, limit).data
        except NotFound:
            return b""

    def used(self, runs: Sequence[str]) -> Sequence[RunUse]:
        """What the peer has read of our runs since the last call, by our clock."""
        answer = self._client.uses(self._uses_after)
        self._uses_after = answer.after
        skew = answer.server_time - self._now()
        return [u.model_copy(update={"at": u.at - skew}) for u in answer.uses]

    def archive(self, run: str) -> str:
        """Where the agent puts the checkpoint that a run begins with; the peer is left it."""
        return str(self._restores / run)

    def forget(self, runs: Sequence[str]) -> None:
        """These runs are over here. One that the peer still shows alive is canceled there."""
        with self._guard:
            for run in runs:
                self._to_submit.pop(run, None)
                self._to_cancel.discard(run)
                if (job := self._live.pop(run, None)) is not None:
                    self._ghosts.add(job)
            self._notes.forget(runs, self._now())
        for run in runs:
            Path(self.archive(run)).unlink(missing_ok=True)
        if self._ghosts:
            self._work.set()

    # -- the peer, in the background ---------------------------------------------------------------

    def _watch(self) -> None:
        spell = Spell(f"{self._settings.url} does not tell its news", self._now)
        while not self._stopped.is_set():
            try:
                changed = self._look()
            except Exception as error:
                if self._stopped.is_set():
                    return
                self._open_or_close()
                self._stopped.wait(spell.failed(error))
                continue
            spell.over()
            self._open_or_close()
            if not changed:
                self._stopped.wait(min(0.05, self._settings.refresh_s))

    def _look(self) -> bool:
        """Hear the peer's news once; whether there were any of jobs."""
        self._ask_doubtful()
        answer = self._client.watch(
            jobs_after=self._cursor, offers_after=self._offers_after, wait_s=WATCH_S
        )
        self._answered_at = self._now()
        if self._has_other_data(answer):
            self._start_over(answer.data_id)
            return True
        self._take(answer)
        self._offers_after = answer.offer_revision
        return bool(answer.jobs)

    def _out_of_touch(self) -> bool:
        return self._now() - self._answered_at > OUT_OF_TOUCH_S

    def _open_or_close(self) -> None:
        """Have the agent look at the pools when the peer falls out of touch, or is back."""
        closed = self._out_of_touch()
        if closed != self._closed:
            self._closed = closed
            self._wake()

    def _has_other_data(self, answer: WatchAnswer) -> bool:
        """Whether the peer's data was replaced: it has another id, or counts from lower numbers."""
        return (
            answer.data_id != self._notes.data_id
            or answer.job_seq < self._cursor
            or answer.offer_revision < self._offers_after
        )

    def _start_over(self, data_id: str) -> None:
        """Look at all of the peer again. Which runs it has no job of, it must be asked."""
        if self._notes.data_id is not None:
            log.warning("%s has other data than before", self._settings.url)
        with self._guard:
            self._cursor = self._offers_after = 0
            self._live = {}
            self._notes.start_over(data_id)
            self._doubtful = set(self._notes.handed_over())

    def _ask_doubtful(self) -> None:
        """Which runs a peer with other data does not have. The watch tells of those that it has."""
        for run in sorted(self._doubtful):
            asked = self._notes.sent(run) and run not in self._to_submit
            seen = self._state_of(run) if asked else None
            if seen is not None and seen.event is RunEvent.VANISHED:
                with self._guard:
                    self._note(seen)
                self._wake()
            self._doubtful.discard(run)

    def _state_of(self, run: str) -> Seen | None:
        """The state of a run at the peer; None while only a repeated hand-over can tell.

        Raises `Unreachable` if the peer does not say.
        """
        job = self._notes.job_of(run)
        if job is None:
            vanished = Seen(run, RunEvent.VANISHED, self._now(), reason="not handed over")
            return None if self._notes.sent(run) else vanished
        try:
            answer = self._client.job(job)
        except NotFound as error:
            return Seen(run, RunEvent.VANISHED, self._now(), reason=error.detail)
        except WeirError as error:
            raise Unreachable(error.detail) from error
        event = EVENTS.get(answer.state, RunEvent.ACCEPTED)
        if event is RunEvent.FAILED and answer.reason.startswith(LOST_PREFIX):
            event = RunEvent.VANISHED
        return Seen(run, event, self._now(), answer.exit_code, answer.reason, answer.place)

    def _take(self, answer: WatchAnswer) -> None:
        skew = answer.server_time - self._now()
        self._learn(answer.jobs)
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
        self.domain_names = answer.domains
        if answer.jobs or answer.offers or answer.gone:
            self._wake()

    def _learn(self, changes: Iterable[JobChange]) -> None:
        """Which jobs our runs are there. A live one of a run that has ended here is a ghost."""
        with self._guard:
            for change in changes:
                if change.state not in JOB_ACTIVE:
                    self._live.pop(change.run, None)
                elif not self._notes.sent(change.run) and self._notes.ended(change.run):
                    self._ghosts.add(change.job)
                else:
                    self._live[change.run] = change.job
            told = [c for c in changes if self._notes.job_of(c.run) is None]
            self._notes.keep_jobs([(c.run, c.job) for c in told])
            for change in told:
                if self._notes.job_of(change.run) is not None:
                    self._to_submit.pop(change.run, None)
        if self._ghosts or self._to_cancel:
            self._work.set()

    def _hand_over(self) -> None:
        spell = Spell(f"{self._settings.url} takes no runs over", self._now)
        while True:
            self._work.wait()
            self._work.clear()
            if self._stopped.is_set():
                return
            try:
                self._cancel_all()
                self._submit_all()
                self._cancel_all()
            except Exception as error:
                if self._stopped.is_set():
                    return
                self._stopped.wait(spell.failed(error))
                self._work.set()
            else:
                spell.over()

    def _submit_all(self) -> None:
        while batch := self._next_batch():
            self._submit_batch(batch)

    def _next_batch(self) -> list[RunOrder]:
        """Some runs to send. Each may be at the peer from here on, and canceled only there."""
        with self._guard:
            batch = list(islice(self._to_submit.values(), BATCH))
            self._notes.sending(order.run for order in batch)
        return batch

    def _submit_batch(self, batch: Sequence[RunOrder]) -> None:
        jobs = [
            submission_of(
                o,
                0 if o.run in self._to_cancel else o.start_within_s,
                take_along(self._client, o, self.archive(o.run)),
            )
            for o in batch
        ]
        try:
            answer = self._client.submit(SubmitRequest(jobs=tuple(jobs)))
        except WeirError as error:
            if error.status >= 500:
                raise
            self._refused(batch, error)
            return
        self._notes.keep_jobs(
            [(order.run, ids[0]) for order, ids in zip(batch, answer.ids, strict=True)]
        )
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
            self._to_cancel.discard(batch[0].run)
            self._note(Seen(batch[0].run, RunEvent.REFUSED, self._now(), reason=reason))
        self._wake()

    def _cancel_all(self) -> None:
        with self._guard:
            jobs = {run: self._notes.job_of(run) for run in self._to_cancel}
            ghosts = list(self._ghosts)
        for run, job in jobs.items():
            if job is None:
                continue  # it is handed over again first, or the watch tells
            gone = self._cancel_there(job)
            with self._guard:
                self._to_cancel.discard(run)
                if gone:
                    self._note(Seen(run, RunEvent.VANISHED, self._now(), reason=gone))
            if gone:
                self._wake()
        for job in ghosts:
            log.warning("job %s at %s has ended here: canceling it", job, self._settings.url)
            self._cancel_there(job)
            self._ghosts.discard(job)

    def _cancel_there(self, job: str) -> str:
        """Cancel a job at the peer; says so if the peer has no such job.

        Raises if that did not come about and may later.
        """
        try:
            self._client.cancel(job)
        except NotFound as error:
            return error.detail
        except WeirError as error:
            if error.status >= 500 or isinstance(error, Conflict):
                raise
            log.warning("job %s can't be canceled at the peer: %s", job, error.detail)
        return ""

    def _note(self, seen: Seen) -> None:
        self._seen.append(seen)
