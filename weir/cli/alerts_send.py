"""Send: take notices from a server one by one, and tell each receiver of those that are for it.

Laws:
- Each receiver has its own place in the numbered notices, kept in one durable file: one that is
  away holds up no other, and after a restart each goes on where it was.
- A place moves on once the notice was taken. Only if the process dies between the two is a notice
  told again, with the same key (`weir.cli.alerts_receivers`).
- A notice that is not taken is tried again after 5, 10, 20 ... up to 300 s, and given up after
  `give_up`; one that is refused for what it says is left out at once. Both are logged.
"""

from __future__ import annotations

import fcntl
import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from weir.cli.alerts_receivers import Away, Refused, Tell, tell
from weir.client.http import Client
from weir.core import units
from weir.core.errors import BadInput, WeirError
from weir.executors.durable import open_durable
from weir.wire.alert_answers import NoticeAnswer, NoticesAnswer
from weir.wire.alert_sending import Receiver, Sending

log = logging.getLogger(__name__)

FIRST_S, LONGEST_S = 5.0, 300.0
AT_ONCE = 200

SCHEMA = """
CREATE TABLE IF NOT EXISTS mark (
    receiver TEXT NOT NULL, data_id TEXT NOT NULL, number INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0,
    PRIMARY KEY (receiver, data_id));
"""


class Source(Protocol):
    """Where notices come from."""

    def notices(self, after: int, limit: int = 100) -> NoticesAnswer:
        """Notices after a number."""


@dataclass(frozen=True, slots=True)
class Mark:
    """How far a receiver has come, how often the next one was tried, and when it is again."""

    number: int
    tries: int = 0
    next_at: float = 0.0


class Marks:
    """The places of all receivers, in one file."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db: sqlite3.Connection = open_durable(path, SCHEMA)

    def get(self, receiver: str, data_id: str) -> Mark | None:
        """A receiver's place in the notices of this data; None if it has none yet."""
        query = "SELECT number, tries, next_at FROM mark WHERE receiver = ? AND data_id = ?"
        row = self._db.execute(query, (receiver, data_id)).fetchone()
        return None if row is None else Mark(*row)

    def put(self, receiver: str, data_id: str, mark: Mark) -> None:
        """Keep a place; it is on the disk when this returns."""
        self._db.execute(
            "INSERT INTO mark VALUES (?, ?, ?, ?, ?) ON CONFLICT (receiver, data_id) DO UPDATE SET "
            "number = excluded.number, tries = excluded.tries, next_at = excluded.next_at",
            (receiver, data_id, mark.number, mark.tries, mark.next_at),
        )

    def close(self) -> None:
        """Close the file."""
        self._db.close()


class Sender:
    """Sends what waits, when asked to."""

    def __init__(
        self, settings: Sending, source: Source, marks: Marks, tell_one: Tell = tell
    ) -> None:
        self._settings, self._source, self._marks, self._tell = settings, source, marks, tell_one
        self._since_s = units.parse_duration_s(settings.since)
        self._give_up_s = units.parse_duration_s(settings.give_up)

    def turn(self, now: float) -> bool:
        """Send what is due; whether nothing waits any more. Raises if the server is away."""
        data_id = self._source.notices(2**53, 1).data_id
        done = [self._serve(receiver, data_id, now) for receiver in self._settings.receivers]
        return all(done)

    def _serve(self, receiver: Receiver, data_id: str, now: float) -> bool:
        mark = self._marks.get(receiver.name, data_id)
        if mark is None:
            mark = Mark(self._beginning(now))
            self._marks.put(receiver.name, data_id, mark)
        if mark.next_at > now:
            return False
        while True:
            answer = self._source.notices(mark.number, AT_ONCE)
            if answer.data_id != data_id:  # the server has other data since: look again
                return False
            for notice in answer.notices:
                mark = self._one(receiver, notice, data_id, mark, now)
                self._marks.put(receiver.name, data_id, mark)
                if mark.tries:
                    return False
            if len(answer.notices) < AT_ONCE:
                return True

    def _beginning(self, now: float) -> int:
        """The place from which a receiver is told that is new."""
        place = 0
        while True:
            notices = self._source.notices(place, 1000).notices
            old = [n.number for n in notices if n.at < now - self._since_s]
            place = max([place, *old])
            if len(old) < 1000:
                return place

    def _one(
        self, receiver: Receiver, notice: NoticeAnswer, data_id: str, mark: Mark, now: float
    ) -> Mark:
        """The place after this notice: it has moved on, or waits for another try."""
        taken = Mark(notice.number)
        if not receiver.wants(notice.rule, notice.severity):
            return taken
        try:
            self._tell(receiver, notice, data_id)
        except Refused as error:
            log.error("%s refuses notice %d: %s; left out", receiver.name, notice.number, error)
        except Away as error:
            if now - notice.at > self._give_up_s:
                log.error("notice %d is given up for %s: %s", notice.number, receiver.name, error)
                return taken
            pause_s = min(LONGEST_S, FIRST_S * 2 ** min(mark.tries, 10))
            log.warning(
                "%s: notice %d waits %g s: %s", receiver.name, notice.number, pause_s, error
            )
            return Mark(mark.number, mark.tries + 1, now + pause_s)
        return taken


@contextmanager
def alone(state: Path) -> Iterator[None]:
    """Hold the state file for this process. Raises `BadInput` while another one has it."""
    state.parent.mkdir(parents=True, exist_ok=True)
    with open(state.with_name(state.name + ".lock"), "a", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise BadInput(
                f"another `weir alerts send` works with {state}; end it, or choose another state"
            ) from None
        yield


def run(settings: Sending, *, once: bool, clock: Callable[[], float] = time.time) -> bool:
    """Send until stopped, or once what waits now; whether nothing waits any more."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it would log addresses, which are secret
    token = settings.server.token_file.read_text(encoding="utf-8")
    stopped = threading.Event()
    with alone(settings.state), Client(settings.server.url, token) as client:
        marks = Marks(settings.state)
        sender = Sender(settings, client, marks)
        try:
            if once:
                return sender.turn(clock())
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: stopped.set())
            until_stopped(stopped, sender, units.parse_duration_s(settings.every), clock)
            return True
        finally:
            marks.close()


def until_stopped(
    stopped: threading.Event, sender: Sender, every_s: float, clock: Callable[[], float]
) -> None:
    """Send what is due every so many seconds; a server that is away is asked again."""
    away = False
    while not stopped.is_set():
        try:
            sender.turn(clock())
            if away:
                log.info("the server answers again")
            away = False
        except WeirError as error:
            if not away:
                log.warning("%s", error.detail)
            away = True
        stopped.wait(every_s)
