"""Prometheus' questions, answered from the domain's own series: what Grafana's data source asks.

Bodies, errors and status codes are as Prometheus has them: 400 `bad_data` for what is no question,
422 `execution` for what can't be worked out. Times are seconds since 1970 or RFC 3339; steps are
seconds or durations.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import unquote

from weir.control.context import Context
from weir.control.promql_values import text_of
from weir.control.series_query import MINUTE_S, Line, labels_of, looked_at, matching, query
from weir.core.metrics import METRICS
from weir.core.promql import Matcher, NotMatched, NotSupported, Selector, parse, span_s
from weir.store import series as rows_of
from weir.store.series_base import Answer, Minutes, SeriesStore

LANGUAGE = "2.45.0"
"""The version of Prometheus whose language is read; Grafana asks for it."""

Asked = Mapping[str, Sequence[str]]


class OwnSeries:
    """The default: what the domain keeps itself."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def write(self, minutes: Minutes) -> None:
        """Keep these, in one transaction: each value as a minute's only sample."""
        keys = [minutes.keys[number] for number in minutes.numbers]
        with self._ctx.store.write() as tx:
            numbers = rows_of.add(tx, sorted(set(keys)), "")
            rows: list[rows_of.Row] = [
                (MINUTE_S, at, numbers[key], 1, value, value, value, value)
                for at, values in minutes.columns
                for key, value in zip(keys, values, strict=True)
            ]
            rows_of.put(tx, rows)

    def ask(self, path: str, pairs: Sequence[tuple[str, str]]) -> Answer:
        """Answer a question of Prometheus' API."""
        asked: dict[str, list[str]] = {}
        for name, value in pairs:
            asked.setdefault(name, []).append(value)
        try:
            return _answer(200, {"status": "success", "data": _told(self._ctx, path, asked)})
        except NotSupported as error:
            return _failed(400, "bad_data", str(error))
        except NotMatched as error:
            return _failed(422, "execution", str(error))


def series_store(ctx: Context) -> SeriesStore:
    """Where this server's questions about series go: VictoriaMetrics if one is set, or itself."""
    return OwnSeries(ctx) if ctx.victoria is None else ctx.victoria


def _answer(status: int, body: Any) -> Answer:
    return Answer(status, "application/json", json.dumps(body, ensure_ascii=False).encode())


def _failed(status: int, kind: str, text: str) -> Answer:
    return _answer(status, {"status": "error", "errorType": kind, "error": text})


def _told(ctx: Context, path: str, asked: Asked) -> Any:
    """What stands under `data`."""
    if path.startswith("/api/v1/label/"):
        label = unquote(path.removeprefix("/api/v1/label/").removesuffix("/values"))
        return _values(ctx, label, asked)
    return _QUESTIONS[path](ctx, asked)


def _one(asked: Asked, name: str, otherwise: str | None = None) -> str:
    found = asked.get(name)
    if found:
        return found[-1]
    if otherwise is None:
        raise NotSupported(f'invalid parameter "{name}": it is missing')
    return otherwise


def _moment(name: str, said: str) -> float:
    try:
        found = float(said)
    except ValueError:
        try:
            parsed = datetime.fromisoformat(said)
        except ValueError:
            parsed = None
        found = math.nan if parsed is None or parsed.tzinfo is None else parsed.timestamp()
    if not math.isfinite(found):
        raise NotSupported(
            f'invalid parameter "{name}": cannot parse "{said[:40]}" to a valid timestamp'
        )
    return found


def _expression(asked: Asked, name: str = "query") -> Any:
    try:
        return parse(_one(asked, name))
    except NotSupported as error:
        raise NotSupported(f'invalid parameter "{name}": {error}') from None


def _instant(ctx: Context, asked: Asked) -> Any:
    at = _moment("time", _one(asked, "time", str(ctx.now())))
    of = _expression(asked)
    if isinstance(of, Selector) and of.window_s:
        return {"resultType": "matrix", "result": [_row(line) for line in looked_at(ctx, of, at)]}
    found = query(ctx, of, at, at, 60.0)
    if isinstance(found, str):
        return {"resultType": "string", "result": [at, found]}
    if not isinstance(found, list):
        return {"resultType": "scalar", "result": [at, text_of(float(found[0]))]}
    rows = [{"metric": line.labels, "value": [at, text_of(line.points[-1][1])]} for line in found]
    return {"resultType": "vector", "result": rows}


def _range(ctx: Context, asked: Asked) -> Any:
    begin, end = (_moment(name, _one(asked, name)) for name in ("start", "end"))
    said = _one(asked, "step")
    try:
        step = float(said)
    except ValueError:
        step = span_s(said)
    of = _expression(asked)
    if isinstance(of, Selector) and of.window_s:
        raise NotSupported(
            'invalid parameter "query": invalid expression type "range vector" for range query, '
            "must be Scalar or instant Vector"
        )
    found = query(ctx, of, begin, end, step)
    if isinstance(found, str):
        raise NotSupported(
            'invalid parameter "query": invalid expression type "string" for range query, '
            "must be Scalar or instant Vector"
        )
    if not isinstance(found, list):
        points = [(begin + n * step, value) for n, value in enumerate(found.tolist())]
        found = [Line({}, points)]
    return {"resultType": "matrix", "result": [_row(line) for line in found]}


def _row(line: Line) -> Any:
    return {"metric": line.labels, "values": [[at, text_of(value)] for at, value in line.points]}


def _labels(ctx: Context, asked: Asked) -> Any:
    return _limited(sorted({name for labels in _series(ctx, asked) for name in labels}), asked)


def _values(ctx: Context, label: str, asked: Asked) -> Any:
    found = {labels[label] for labels in _series(ctx, asked) if label in labels}
    return _limited(sorted(found), asked)


def _listed(ctx: Context, asked: Asked) -> Any:
    if not asked.get("match[]"):
        raise NotSupported("no match[] parameter provided")
    return _limited(_series(ctx, asked), asked)


def _limited(found: list[Any], asked: Asked) -> list[Any]:
    said = _one(asked, "limit", "0")
    if not said.isdecimal():
        raise NotSupported('invalid parameter "limit": it must be a whole number, 0 for all')
    return found[: int(said)] if int(said) else found


def _series(ctx: Context, asked: Asked) -> list[dict[str, str]]:
    """The labels of all series that fit any of the selectors; of all, without any."""
    wanted: list[tuple[Matcher, ...]] = []
    for text in asked.get("match[]", ()):
        of = _expression({"match[]": [text]}, "match[]")
        if not isinstance(of, Selector) or of.window_s:
            raise NotSupported('invalid parameter "match[]": it takes selectors of series')
        wanted.append(of.matchers)
    with ctx.store.read() as tx:
        rows = {row.id: row.key for matchers in wanted or [()] for row in matching(tx, matchers)}
    return [labels_of(key) for key in sorted(rows.values())]


def _metadata(ctx: Context, asked: Asked) -> Any:
    """Unit and meaning of every metric. None is a counter, so nobody is led to take its rate."""
    wanted = _one(asked, "metric", "").removeprefix("weir_")
    told = {
        f"weir_{m.name}": [{"type": "gauge", "help": m.what, "unit": m.unit}]
        for m in METRICS.values()
        if wanted in ("", m.name)
    }
    return dict(_limited(list(told.items()), asked))


def _about(ctx: Context, _asked: Asked) -> Any:
    return {"version": LANGUAGE, "revision": f"weir {ctx.version}", "branch": "", "goVersion": ""}


_QUESTIONS: Mapping[str, Callable[[Context, Asked], Any]] = {
    "/api/v1/query": _instant,
    "/api/v1/query_range": _range,
    "/api/v1/labels": _labels,
    "/api/v1/series": _listed,
    "/api/v1/metadata": _metadata,
    "/api/v1/query_exemplars": lambda _ctx, _asked: [],
    "/api/v1/rules": lambda _ctx, _asked: {"groups": []},
    "/api/v1/status/buildinfo": _about,
}
"""Of each path what is told. There are no exemplars here, and rules are Weir's own, not PromQL."""
