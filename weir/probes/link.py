"""The way to each parent: round trip, jitter and loss of small calls, its certificate's age, and
now and then what it can carry.

Light by default: a few small calls each half minute, and at most one MiB an hour for the bandwidth.

How the bandwidth is measured, from here to the parent: a quarter of the budget is sent first and
not timed, so that the connection has left its slow start; then the rest, on the same connection.
Its time less a round trip is what the bytes took.

Laws:
- Nothing is sent while the agent tells that parent something, or while a way loses calls.
- A transfer that takes less than ROUND_TRIPS says what the window of the connection was, and not
  what the way can carry: then the bandwidth is unknown, until the budget is larger.
- A measurement that fails is not made again before its time: a way in trouble is left alone.
- What was measured is told at each look until the next one, and no longer than twice as long.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

from weir.client.http import Client
from weir.core.errors import WeirError
from weir.probes.base import Look, Sample, known
from weir.probes.certificate import Certificates
from weir.wire.probes import LinkProbeSettings

ROUND_TRIPS = 2.0
"""After a quarter of the budget a window lets the rest through in two round trips, of which one is
taken off: what takes twice that is held up by the way itself."""

TRANSFER_S = 30.0
"""The longest step of a transfer: one MiB over 280 kbit/s."""


class LinkProbe:
    """Some small calls to each parent, one after the other. `tokens` are by the parents' URLs."""

    def __init__(
        self,
        settings: LinkProbeSettings,
        urls: Sequence[str],
        domain_of: Callable[[str], str | None],
        connect: Callable[[str, str | None, float], Client] = Client,
        clock: Callable[[], float] = time.perf_counter,
        tokens: Mapping[str, str] | None = None,
        busy: Callable[[str], bool] = lambda _: False,
        filler: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._settings, self._clock, self._domain_of = settings, clock, domain_of
        self._busy, self._filler = busy, filler
        self._certificates = Certificates(settings.timeout_s)
        self._ways = {url: connect(url, None, settings.timeout_s) for url in urls}
        measured = tokens if tokens and settings.bandwidth_bytes else {}
        self._wide = {url: connect(url, t, TRANSFER_S) for url, t in measured.items()}
        self._measured: dict[str, tuple[float, float | None]] = {}

    def look(self, now: float) -> Look:
        """Each way once."""
        return Look([sample for url in self._ways for sample in self._way(url, now)])

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Disconnect."""
        for way in (*self._ways.values(), *self._wide.values()):
            way.close()

    def _way(self, url: str, now: float) -> list[Sample]:
        domain = self._domain_of(url)
        if domain is None:  # it has never answered: nobody knows yet what it is called
            return []
        place, tries, took = f"link/{domain}", self._settings.tries, []
        for _ in range(tries):
            begun = self._clock()
            try:
                self._ways[url].alive()
            except WeirError:
                continue
            took.append(self._clock() - begun)
        jitter = [abs(b - a) for a, b in pairwise(took)]
        if len(took) == tries:
            self._measure(url, min(took), now)
        return [
            *known("link_sent", tries, place),
            *known("link_lost", tries - len(took), place),
            *known("link_rtt", min(took, default=None), place),
            *known("link_jitter", sum(jitter) / len(jitter) if jitter else None, place),
            *known("link_certificate", self._certificates.spent(url, now), place),
            *known("link_bandwidth", self._carried(url, now), place),
        ]

    def _carried(self, url: str, now: float) -> float | None:
        """What was measured last, until it is twice as old as it may become."""
        at, carries = self._measured.get(url, (now, None))
        return carries if now - at < 2 * self._settings.bandwidth_every_s else None

    def _measure(self, url: str, rtt_s: float, now: float) -> None:
        """Measure the bandwidth if it is time, and nothing else goes there."""
        way, every_s = self._wide.get(url), self._settings.bandwidth_every_s
        at, _ = self._measured.get(url, (now - every_s, None))
        due = not at <= now < at + every_s  # a clock that was put back makes it due too
        if way is not None and due and not self._busy(url):
            self._measured[url] = now, self._carries(way, rtt_s)

    def _carries(self, way: Client, rtt_s: float) -> float | None:
        """The bandwidth in bit/s; None where it can't be told."""
        budget = self._settings.bandwidth_bytes
        first, rest = self._filler(budget // 4), self._filler(budget - budget // 4)
        try:
            way.send_filler(first)
            begun = self._clock()
            way.send_filler(rest)
            took = self._clock() - begun - rtt_s
        except WeirError:
            return None
        return 8 * len(rest) / took if took >= ROUND_TRIPS * rtt_s and took > 0 else None
