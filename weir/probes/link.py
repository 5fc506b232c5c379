"""The way to each parent: round trip, jitter and loss of small calls, and its certificate's age.

Light by default.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

from weir.client.http import Client
from weir.core.errors import WeirError
from weir.probes.base import Look, Sample, known
from weir.probes.certificate import Certificates
from weir.wire.probes import LinkProbeSettings


class LinkProbe:
    """Some small calls to each parent, one after the other."""

    def __init__(
        self,
        settings: LinkProbeSettings,
        urls: Sequence[str],
        domain_of: Callable[[str], str | None],
        connect: Callable[[str, str | None, float], Client] = Client,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._tries, self._clock, self._domain_of = settings.tries, clock, domain_of
        self._certificates = Certificates(settings.timeout_s)
        self._ways = {url: connect(url, None, settings.timeout_s) for url in urls}

    def look(self, now: float) -> Look:
        """Each way once."""
        return Look([sample for url in self._ways for sample in self._way(url, now)])

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Disconnect."""
        for way in self._ways.values():
            way.close()

    def _way(self, url: str, now: float) -> list[Sample]:
        domain = self._domain_of(url)
        if domain is None:  # it has never answered: nobody knows yet what it is called
            return []
        place, took = f"link/{domain}", []
        for _ in range(self._tries):
            begun = self._clock()
            try:
                self._ways[url].alive()
            except WeirError:
                continue
            took.append(self._clock() - begun)
        jitter = [abs(b - a) for a, b in pairwise(took)]
        return [
            *known("link_sent", self._tries, place),
            *known("link_lost", self._tries - len(took), place),
            *known("link_rtt", min(took, default=None), place),
            *known("link_jitter", sum(jitter) / len(jitter) if jitter else None, place),
            *known("link_certificate", self._certificates.spent(url, now), place),
        ]
