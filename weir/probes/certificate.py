"""How much of a TLS certificate's lifetime has passed, at the other end of a way."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

LOOK_S = 3600.0
"""A certificate is looked at so often: it changes a few times a year."""


@dataclass(slots=True)
class Certificates:
    """The certificates of some URLs, each looked at once an hour and after it was not to be had."""

    timeout_s: float
    fetch: Callable[[str, float], Mapping[str, Any] | None] = field(
        default_factory=lambda: certificate_of
    )
    _known: dict[str, tuple[float, float, float]] = field(default_factory=dict)

    def spent(self, url: str, now: float) -> float | None:
        """The share of its lifetime that has passed at `now` (seconds since 1970); 1: it ends.

        None without TLS, and where no certificate that is trusted was ever seen.
        """
        if urlsplit(url).scheme != "https":
            return None
        seen_at, begin, end = self._known.get(url, (-LOOK_S, 0.0, 0.0))
        if now - seen_at >= LOOK_S and (found := self.fetch(url, self.timeout_s)):
            begin, end = (ssl.cert_time_to_seconds(found[n]) for n in ("notBefore", "notAfter"))
            self._known[url] = now, begin, end
        return (now - begin) / (end - begin) if end > begin else None


def certificate_of(url: str, timeout_s: float) -> Mapping[str, Any] | None:
    """The certificate that the server of an https URL shows; None if it is not to be had.

    One that has expired, or that is not trusted, ends the handshake: then calls fail as well, and
    that is told of the link.
    """
    where = urlsplit(url)
    context = ssl.create_default_context()
    with suppress(OSError, ValueError):
        address = (where.hostname or "", where.port or 443)
        with (
            socket.create_connection(address, timeout=timeout_s) as plain,
            context.wrap_socket(plain, server_hostname=where.hostname) as secure,
        ):
            return secure.getpeercert()
    return None
