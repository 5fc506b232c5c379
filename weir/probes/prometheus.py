"""A center's own Prometheus or VictoriaMetrics, asked in PromQL for what Weir's metrics are.

An expression that gives nothing is unknown. One that fails, or takes too long, keeps no other from
being asked; if all fail, or no connection is to be had, the source is away. After SLOW of them have
taken too long the others wait for the next look, which begins with them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import httpx

from weir.client.problems import NotUnderstood, Unreachable
from weir.core.errors import BadInput, Mistake, WeirError
from weir.core.metrics import METRICS
from weir.probes.base import CLUSTER, SITE, Look, Sample, bounded, known, pool
from weir.probes.credentials import FromFile, connect
from weir.probes.prometheus_mappings import MAPPINGS, expression
from weir.wire.probes import PrometheusProbeSettings, PromPool

MAX_ANSWER = 4 * 2**20

SLOW = 3
"""So many expressions of one look may run out of time: a probe has to come to an end."""


class NoConnection(Unreachable):
    """The source can't be reached at all: no other expression fares better."""


class PrometheusProbe:
    """One Prometheus, and the pools that its exporters speak of."""

    def __init__(
        self, settings: PrometheusProbeSettings, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._settings = settings
        self._url = settings.url.rstrip("/")
        check(settings)
        self._http = connect(settings.timeout_s, _auth(settings), settings.ca_file, transport)
        self._asked = [line for p in settings.pools for line in _lines(p, settings.window_s)]
        self._first = 0

    def look(self, now: float) -> Look:
        """Every expression, as of the source's now."""
        samples: list[Sample] = []
        failed: list[str] = []
        slow = 0
        asked = [*self._asked[self._first :], *self._asked[: self._first]]
        for turn, (metric, part, promql, scale, place) in enumerate(asked):
            if slow == SLOW:
                failed += [
                    f"{metric}: not asked, the source is too slow" for metric, *_ in asked[turn:]
                ]
                self._first = (self._first + turn) % len(asked)
                break
            try:
                found = self._ask(promql)
            except httpx.TimeoutException:
                slow += 1
                failed.append(f"{metric}: no answer within {self._settings.timeout_s:g} s")
                continue
            except NoConnection:
                raise
            except WeirError as error:
                failed.append(f"{metric}: {error.detail}")
                continue
            for labels, value in found:
                # The part is a label's name where the expression counts by one.
                samples += known(metric, value * scale, place, labels.get(part, part))
        if failed and len(failed) == len(self._asked):
            raise Unreachable(f"{self._url} answers nothing: {failed[0]}")
        kept, said = bounded(samples, self.name, len(failed))
        return Look(kept, said=(*failed[:5], *said))

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Disconnect."""
        self._http.close()

    def _ask(self, promql: str) -> list[tuple[Mapping[str, str], float]]:
        try:
            with self._http.stream(
                "POST", f"{self._url}/api/v1/query", data={"query": promql}
            ) as answer:
                body = b"".join(_bounded(answer))
                status = answer.status_code
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NoConnection(f"{self._url} does not answer: {error}") from None
        except httpx.TimeoutException:
            raise
        except httpx.RequestError as error:
            raise Unreachable(f"{self._url} broke off its answer: {error}") from None
        try:
            said = httpx.Response(status, content=body).json()
        except ValueError:
            raise Unreachable(f"{self._url} answered {status} without JSON") from None
        if not isinstance(said, dict) or said.get("status") != "success":
            detail = said.get("error", "") if isinstance(said, dict) else ""
            raise NotUnderstood(f"{self._url} answered {status}: {str(detail)[:300]}")
        return list(_values(said.get("data")))


def _auth(settings: PrometheusProbeSettings) -> FromFile | None:
    if settings.token_file is not None:
        return FromFile(settings.token_file)
    if settings.password_file is not None:
        return FromFile(settings.password_file, settings.user)
    return None


def _bounded(answer: httpx.Response) -> Iterator[bytes]:
    size = 0
    for piece in answer.iter_bytes():
        size += len(piece)
        if size > MAX_ANSWER:
            raise NotUnderstood(f"an answer has more than {MAX_ANSWER} bytes: ask for a sum")
        yield piece


def _values(data: Any) -> Iterator[tuple[Mapping[str, str], float]]:
    """The finite values of an answer. What is none is left out; what is no answer raises."""
    try:
        kind, result = data["resultType"], data["result"]
        rows = [({}, result)] if kind == "scalar" else [(r["metric"], r["value"]) for r in result]
        for labels, (_, text) in rows:
            value = float(text)
            if math.isfinite(value):
                yield labels, value
    except (TypeError, KeyError, ValueError):
        raise NotUnderstood("an answer is none that Prometheus gives") from None


_Line = tuple[str, str, str, float, str]
"""metric, part, expression, scale, place"""


def _lines(of: PromPool, window_s: int) -> Iterator[_Line]:
    place = pool(of.pool) if of.pool else SITE if of.site else CLUSTER
    for mapping in of.mappings:
        for metric, part, template in MAPPINGS.get(mapping, ()):
            yield metric, part, expression(template, of.matching, window_s), 1.0, place
    for query in of.queries:
        promql = expression(query.promql, of.matching, window_s)
        yield query.metric, query.part, promql, query.scale, place


def check(settings: PrometheusProbeSettings) -> None:
    """Raise `BadInput` with every mapping and metric that there is none of, and half of a login."""
    mistakes = []
    if bool(settings.user) != (settings.password_file is not None):
        where = f"probes.{settings.name}.{'password_file' if settings.user else 'user'}"
        mistakes.append(Mistake(where, "is missing: a user has a password_file, and it a user"))
    if settings.token_file is not None and settings.password_file is not None:
        where = f"probes.{settings.name}.token_file"
        mistakes.append(Mistake(where, "stands beside a password_file: give one of the two"))
    for n, of in enumerate(settings.pools):
        where = f"probes.{settings.name}.pools[{n}]"
        mistakes += [
            Mistake(f"{where}.mappings", f"{m!r} is none of {', '.join(MAPPINGS)}")
            for m in of.mappings
            if m not in MAPPINGS
        ]
        mistakes += [
            Mistake(f"{where}.queries[{k}].metric", f"{query.metric!r} is no metric")
            for k, query in enumerate(of.queries)
            if query.metric not in METRICS
        ]
        if not of.mappings and not of.queries:
            mistakes.append(Mistake(where, "asks nothing: name mappings or queries"))
    if mistakes:
        raise BadInput(f"the probe {settings.name} has mistakes", mistakes)
