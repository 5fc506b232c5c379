"""Samples in VictoriaMetrics (or what speaks like it): by Prometheus' remote write, read by PromQL.

A bucket becomes one sample at its begin: the metric's value, under `weir_` and the metric's name,
with the labels `subject`, `part` and `site`. Written again, the sample is the same one; run the
server with `-dedup.minScrapeInterval=10s`, so that it also keeps it once. Whatever Prometheus' API
can be asked is passed through.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import httpx

from weir.core.errors import NotReady
from weir.core.metrics import METRICS
from weir.core.series import Key, site_of
from weir.store.remote_write import HEADERS, body_of, head_of
from weir.store.series_base import Readings
from weir.wire.samples import Point

PREFIX = "weir_"
TIMEOUT_S = 30.0


class VictoriaSeries:
    """One server, at a URL.

    `heads` is for whoever feeds it: how series are told in a body, by their numbers there; `added`
    are those whose samples are added up. Of a metric that is not known here nothing is said.
    """

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/")
        self.heads: Mapping[int, bytes | None] = {}
        self.added: Collection[int] = frozenset()
        self._http = httpx.Client(timeout=TIMEOUT_S, transport=transport, trust_env=False)

    def write(self, width: int, points: Sequence[Point]) -> None:
        """Send these. Raises `NotReady` if they were not taken: they can be sent again."""
        by_time: dict[int, list[Point]] = {}
        for point in points:
            by_time.setdefault(point.at, []).append(point)
        for at, some in by_time.items():
            heads = [head_of(labels_of(p.key)) for p in some]
            self.put(body_of(heads, [(at * 1000, [_value(p) for p in some])]))

    def put(self, body: bytes) -> None:
        """Send a body of `remote_write`. Raises `NotReady` if it was not taken."""
        status, _, answer = self.ask("POST", "/api/v1/write", content=body, headers=HEADERS)
        if status not in (200, 204):
            raise NotReady(f"{self.url} takes no samples: {status} {answer[:200]!r}")

    def read(self, width: int, metrics: Iterable[str], begin: int, end: int) -> Readings:
        """The values of these metrics' buckets that begin in [begin, end)."""
        found: Readings = {}
        for metric in metrics:
            asked = {
                "match[]": f'{{__name__="{PREFIX}{metric}"}}',
                "start": str(begin),
                "end": str(end - 1),
                "reduce_mem_usage": "0",
            }
            status, _, body = self.ask("POST", "/api/v1/export", data=asked)
            if status != 200:
                raise NotReady(f"{self.url} gives no samples: {status} {body[:200]!r}")
            for line in body.splitlines():
                said = httpx.Response(200, content=line).json()
                labels = said["metric"]
                key = Key(labels.get("subject", ""), metric, labels.get("part", ""))
                pairs = zip(said["timestamps"], said["values"], strict=True)
                values = {int(at) // 1000: float(v) for at, v in pairs if math.isfinite(v)}
                found.setdefault(key, {}).update(values)
        return found

    def ask(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, str, bytes]:
        """One call: its status, type and body. Raises `NotReady` if nobody answers."""
        try:
            answer = self._http.request(
                method,
                self.url + path,
                params=params,
                data=data,
                content=content,
                headers=headers,
            )
        except httpx.RequestError as error:
            raise NotReady(f"{self.url} does not answer: {error}") from None
        kind = answer.headers.get("content-type", "application/json")
        return answer.status_code, kind, answer.content

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


def _value(point: Point) -> float:
    return METRICS[point.key.metric].value(point.bucket)
