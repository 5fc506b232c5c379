"""Samples in VictoriaMetrics (or what speaks like it): by Prometheus' remote write, read by PromQL.

A bucket becomes one sample at its begin: the metric's value, under `weir_` and the metric's name,
with the labels `subject`, `part` and `site`. Written again, the sample is the same one; run the
server with `-dedup.minScrapeInterval=10s`, so that it also keeps it once. Whatever Prometheus' API
can be asked is passed through.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlencode

import httpx

from weir.core.errors import NotReady
from weir.core.series import Key, site_of
from weir.store.remote_write import HEADERS, body_of, head_of
from weir.store.series_base import Answer, Minutes

PREFIX = "weir_"
TIMEOUT_S = 30.0
BY_FORM = frozenset({"query", "query_range", "labels", "series", "query_exemplars"})
"""What Prometheus can be asked by form; the rest by an address only."""


class VictoriaSeries:
    """One server, at a URL."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self._heads: dict[int, bytes] = {}  # how series are told in a body, by their numbers
        self._http = httpx.Client(timeout=TIMEOUT_S, transport=transport, trust_env=False)

    def write(self, minutes: Minutes) -> None:
        """Send these. Raises `NotReady` if they were not taken."""
        for number in minutes.numbers:
            if number not in self._heads:
                self._heads[number] = head_of(labels_of(minutes.keys[number]))
        heads = [self._heads[number] for number in minutes.numbers]
        body = body_of(heads, [(at * 1000, values) for at, values in minutes.columns])
        self.put(body)

    def put(self, body: bytes) -> None:
        """Send a body of `remote_write`. Raises `NotReady` if it was not taken."""
        said = self.call("POST", "/api/v1/write", content=body, headers=HEADERS)
        if said.status not in (200, 204):
            raise NotReady(f"{self.url} takes no samples: {said.status} {said.body[:200]!r}")

    def ask(self, path: str, pairs: Sequence[tuple[str, str]]) -> Answer:
        """Pass a question through. Raises `NotReady` if nobody answers."""
        if path.removeprefix("/api/v1/") in BY_FORM:  # which may be longer than an address
            return self.call("POST", path, data=_form(pairs))
        return self.call("GET", f"{path}?{urlencode(pairs)}" if pairs else path)

    def call(
        self,
        method: str,
        path: str,
        *,
        data: Mapping[str, list[str]] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One call. Raises `NotReady` if nobody answers."""
        try:
            answer = self._http.request(
                method, self.url + path, data=data, content=content, headers=headers
            )
        except httpx.RequestError as error:
            raise NotReady(f"{self.url} does not answer: {error}") from None
        kind = answer.headers.get("content-type", "application/json")
        return Answer(answer.status_code, kind, answer.content)

    def close(self) -> None:
        """Disconnect."""
        self._http.close()


def labels_of(key: Key) -> list[tuple[str, str]]:
    """What a series is called there, sorted by the labels' names."""
    said = (
        ("__name__", f"{PREFIX}{key.metric}"),
        ("part", key.part),
        ("site", site_of(key.subject)),
        ("subject", key.subject),
    )
    return [(name, value) for name, value in said if value]


def _form(pairs: Sequence[tuple[str, str]]) -> dict[str, list[str]]:
    form: dict[str, list[str]] = {}
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    return form
