"""One parent of an agent: a thread that listens for orders, and one that reports.

The listener's call waits at the parent; the reporter calls whenever there is something to tell, at
once as long as that is seldom: under load more is told in one call (`Pace`). A parent that is away
costs nothing but tries: what is to be told stays in the journal. What can't be told of the pools
keeps nothing from being told of the runs.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from weir import __version__
from weir.agent.journal import Journal
from weir.agent.news import News
from weir.agent.pace import PACE, Pace, Reports
from weir.agent.spool import Spool
from weir.agent.stock import Stock, named
from weir.agent.using import Waiting
from weir.client.http import Client
from weir.client.spells import Spell
from weir.core.errors import BadInput, InventoryConflict, NotReady, Superseded, WeirError
from weir.executors.base import Executor, Neighbors
from weir.executors.settings import Uplink as UplinkSettings
from weir.probes.measured import Kept
from weir.wire.exchange import MAX_WAIT_S, ExchangeAnswer, ExchangeRequest

log = logging.getLogger(__name__)

UNREAD_S = 3600.0
"""A parent that can't read what runs use, or names of domains, is told none for so long."""

FIRST_PING_S = 5.0

FAILURES = {
    "reports": "takes no reports",
    "orders": "gives no orders",
    "pools": "is not told of the pools",
    "samples": "takes no samples",
}
"""What can fail beside the other, and what is logged of it after the parent's address."""


class Uplink:
    """The way to one parent. `key` names it in the journal: the parent's own identifier.

    `busy` is true while it is told something: a measurement of the way would be of what is left.
    """

    def __init__(
        self,
        settings: UplinkSettings,
        executor: Executor,
        journal: Journal,
        incarnation: str,
        now: Callable[[], float],
        inbox: Callable[[Uplink, ExchangeAnswer, float], None],
        told: Callable[[Sequence[str]], None],
        fatal: Callable[[WeirError], None],
        primary: bool,
        pace: Pace = PACE,
        connect: Callable[[str, str], Client] = Client,
        spool: Spool | None = None,
        measured: Kept | None = None,
    ) -> None:
        self.cluster, self.url = settings.cluster, settings.url
        self.key = ""
        self.domain: str | None = None
        self.busy = False
        self._spool, self._samples_at = spool, float("-inf")
        self._names: Mapping[str, str] = {}
        self._names_at = float("-inf")
        self.uses, self._uses_at = Waiting(), float("-inf")
        self._measured = measured
        self._refusals: set[str] = set()
        self._executor, self._journal, self._now = executor, journal, now
        self._incarnation, self._inbox, self._fatal = incarnation, inbox, fatal
        self._told_all, self._primary, self._pace = told, primary, pace
        self._url = settings.url
        self._client = connect(
            settings.url, settings.token_file.read_text(encoding="utf-8").strip()
        )
        self._to_tell, self._stock = News(journal, executor), Stock()
        self._news = threading.Event()
        self._reports = Reports(pace, time.monotonic)
        self._told = False  # whether the report that is under way has called
        self._stopped = threading.Event()
        self._greeted = threading.Event()
        self._generation, self._after, self._lease_s = 0, 0, 30.0
        self._rtt_us: int | None = None
        self._looks: deque[int] = deque(maxlen=5)
        self._ping_at = self._look_at = self._stock_at = float("-inf")
        self._ping_every_s = FIRST_PING_S
        self._spells = {
            what: Spell(f"{self._url} {words}", time.monotonic) for what, words in FAILURES.items()
        }
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
        self._reports.stop()
        self._greeted.set()
        self._client.close()
        self._reporter.join(timeout=2)  # the listener's call may wait long; it tells nothing

    def tell(self, moves: int = 0) -> None:
        """There is something to tell: so many moves of runs, or something else."""
        self._reports.came(moves)
        self._news.set()

    def read_checkpoint(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """A piece of the checkpoint that an order of this parent named."""
        return self._client.read_checkpoint(run, name, offset, limit)

    # -- listening ---------------------------------------------------------------------------------

    def _listen_loop(self) -> None:
        self._greeted.wait()
        while not self._stopped.is_set():
            wait_s = min(MAX_WAIT_S, self._lease_s / 3)
            called = self._now()
            try:
                answer = self._client.exchange(
                    self._request(after=self._after, wait_s=wait_s, want=True)
                )
            except Exception as error:
                self._failed("orders", error)
                continue
            self._spells["orders"].over()
            self._after, self._lease_s = answer.revision, answer.lease_s
            self._inbox(self, answer, called + wait_s)
            if answer.resend:
                self._stock.forget()
                self._news.set()
            if answer.recheck or answer.resend:
                self._stopped.wait(0.2)  # time for the answer to be told before asking again

    def _failed(self, what: str, error: Exception) -> None:
        if self._stopped.is_set():
            return
        if isinstance(error, Superseded):
            self._stopped.set()
            self._fatal(error)
            return
        self._stopped.wait(self._spells[what].failed(error))

    # -- reporting ---------------------------------------------------------------------------------

    def _report_loop(self) -> None:
        while not self._stopped.is_set():
            try:
                if not self._greeted.is_set():
                    self._greet()
                self._news.wait(self._idle_s())
                moves = self._reports.wait()
                if self._stopped.is_set():
                    return
                self._news.clear()
                self.busy, self._told = True, False
                self._report_all()
                if self._told:
                    self._reports.told(moves)
                self._spells["reports"].over()
            except InventoryConflict:
                self._greeted.clear()  # learn the parent's generation, then tell everything again
            except Exception as error:
                self._failed("reports", error)
                self._news.set()
            finally:
                self.busy = False

    def _idle_s(self) -> float:
        """Until files are to be looked at; without runs, until the next ping."""
        busy = any(e.uplink == self.key for e in self._journal.open_runs())
        until = self._pace.look_s if busy else min(self._ping_every_s, self._pace.ping_s)
        again = self._stock_at - time.monotonic()
        return min(until, again) if again > 0 else until

    def _greet(self) -> None:
        """The first call of this process: take over, and hear what stands."""
        called = self._now()
        answer = self._client.exchange(self._request(hello=True, want=True))
        self.key, self.domain = f"{self.cluster} {answer.domain}", answer.domain
        # A journal that was put back from a copy may count from lower numbers than it was heard.
        self._journal.raise_number(self.key, answer.acknowledged)
        self._generation, self._lease_s = answer.generation, answer.lease_s
        self._after = answer.revision
        self._stock.forget()
        self._learn(answer.identifiers)
        self._acknowledge(answer)
        self._inbox(self, answer, called)
        self._greeted.set()
        self._news.set()  # the inventory may be another than the last process told

    def _report_all(self) -> None:
        look = time.monotonic() >= self._look_at
        if look:
            self._look_at = time.monotonic() + self._pace.look_s
        while not self._stopped.is_set() and self._report_once(look):
            pass
        self._report_stock()
        self._tell_samples()
        self._tell_uses()
        self._tell_names()
        self._ping()

    def _report_once(self, look: bool) -> bool:
        """One call with observations and files; True if there is more to tell at once."""
        batch = self._to_tell.collect(self.key, look)
        if batch is None:
            return False
        answer = self._report(observations=batch.observations, chunks=batch.chunks)
        self._journal.keep_sent(batch.sizes)
        self._acknowledge(answer)
        return batch.more

    def _acknowledge(self, answer: ExchangeAnswer) -> None:
        self._told_all(self._journal.acknowledged(self.key, answer.acknowledged))

    def _report_stock(self) -> None:
        """Tell of pools that are new or look different; if that fails, again later."""
        if time.monotonic() < self._stock_at:
            return
        try:
            if self._tell_stock():
                self._stock_at = time.monotonic() + self._pace.stock_s
            self._spells["pools"].over()
        except (InventoryConflict, Superseded):
            raise
        except WeirError as error:
            self._stock_at = time.monotonic() + self._spells["pools"].failed(error)

    def _tell_stock(self) -> bool:
        """Tell what is new of the pools; whether anything is."""
        own = [e.order for e in self._journal.open_runs() if e.uplink == self.key and not e.ended]
        pools = self._executor.pools(own)
        if self._measured is not None:
            pools = self._measured.onto(pools)
        reports = named(pools, self._journal.identifiers)
        if not self._primary and any(not r.id for r in reports):
            raise NotReady("the first parent has not issued the pools' identifiers yet")
        change = self._stock.change(reports)
        if change is None:
            return False
        answer = self._report(inventory=change.inventory, changed=change.changed)
        self._generation = answer.generation
        if self._learn(answer.identifiers):
            reports = named(reports, self._journal.identifiers)
        self._stock.told(reports)
        return True

    def _tell_samples(self) -> None:
        """Send some of the samples that wait. It delays nothing: what is more comes next time."""
        if self._spool is None or time.monotonic() < self._samples_at:
            return
        batch = self._spool.take()
        if batch is None:
            return
        try:
            answer = self._report(samples=batch.blocks, gaps=batch.gaps)
        except (InventoryConflict, Superseded):
            raise
        except BadInput as error:
            log.warning("%s can't read some samples, they are dropped: %s", self._url, error)
        except WeirError as error:
            self._samples_at = time.monotonic() + self._spells["samples"].failed(error)
            return
        else:
            self._spells["samples"].over()
            self._note_refusals(answer.refused)
        self._spool.told(batch)
        if batch.more:
            self._news.set()

    def _tell_uses(self) -> None:
        """Tell what runs use. What can't be told is not kept: later readings tell the totals."""
        uses = self.uses.take()
        if not uses or time.monotonic() < self._uses_at:
            return
        try:
            self._report(uses=uses)
        except BadInput as error:
            self._uses_at = time.monotonic() + UNREAD_S
            log.info("%s does not read what runs use: %s", self._url, error)

    def _tell_names(self) -> None:
        """Tell how the domains behind this link are called, when that is new."""
        names = self._executor.domain_names if isinstance(self._executor, Neighbors) else {}
        if names == self._names or time.monotonic() < self._names_at:
            return
        try:
            self._report(domains=dict(names))
            self._names = names
        except BadInput as error:
            self._names_at = time.monotonic() + UNREAD_S
            log.info("%s does not read the names of domains: %s", self._url, error)

    def _note_refusals(self, refused: Sequence[str]) -> None:
        for said in refused:
            reason = said.rpartition(" (")[0]
            if reason not in self._refusals and len(self._refusals) < 1000:
                self._refusals.add(reason)
                log.warning("%s does not take some samples: %s", self._url, said)

    def _learn(self, identifiers: Mapping[str, str]) -> bool:
        """Take over the pools' identifiers, by name; only the first parent's count."""
        if not identifiers or not self._primary:
            return False
        self._journal.keep_identifiers(identifiers)
        self._executor.name_pools(self._journal.identifiers)
        return True

    def _ping(self) -> None:
        """The round trip to the parent: the quickest small call of the last few looks.

        A busy machine makes a call slow, never quick.
        """
        if time.monotonic() < self._ping_at:
            return
        took = []
        for _ in range(3):
            begun = time.perf_counter()
            self._client.alive()
            took.append(time.perf_counter() - begun)
        self._looks.append(round(min(took) * 1e6))
        self._rtt_us = min(self._looks)
        # The first look comes while everything starts: look again soon, then ever less often.
        self._ping_at = time.monotonic() + self._ping_every_s
        self._ping_every_s = min(2 * self._ping_every_s, self._pace.ping_s)

    def _report(self, **said: Any) -> ExchangeAnswer:
        self._told = True
        return self._client.exchange(self._request(**said))

    def _request(self, **said: Any) -> ExchangeRequest:
        return ExchangeRequest(
            cluster=self.cluster,
            incarnation=self._incarnation,
            journal=self._journal.name,
            sent_at=self._now(),
            version=__version__,
            rtt_us=self._rtt_us,
            generation=self._generation,
            **({"want": False} | said),
        )
