"""Prometheus' questions: passed through to VictoriaMetrics where one is set, else answered here.

Without VictoriaMetrics a part of PromQL is understood (`weir.core.promql`); what is not is refused
as Prometheus refuses it. Times are seconds since 1970 or RFC 3339; steps are seconds or durations.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from fastapi import Request, Response
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

from weir.api.calls import allowed, context
from weir.api.series import moment
from weir.control.authorize import Action, Principal
from weir.control.context import Context
from weir.control.series_query import Line, labels_of, matching, query
from weir.core.errors import NotReady, WeirError
from weir.core.promql import Matcher, NotSupported, Selector, parse, span_s

Asked = dict[str, list[str]]
MAX_FORM = 2**20


async def prometheus_query(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """An expression at one moment."""
    return await _answered(request, "/api/v1/query", _instant)


async def prometheus_query_range(
    request: Request, _who: Principal = allowed(Action.READ)
) -> Response:
    """An expression over a time."""
    return await _answered(request, "/api/v1/query_range", _range)


async def prometheus_labels(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The names of labels."""
    return await _answered(request, "/api/v1/labels", _labels)


async def prometheus_label_values(
    request: Request, label: str, _who: Principal = allowed(Action.READ)
) -> Response:
    """The values of a label."""

    def values(ctx: Context, asked: Asked) -> Any:
        return sorted({of[label] for of in _series(ctx, asked) if label in of})

    return await _answered(request, f"/api/v1/label/{label}/values", values)


async def prometheus_series(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The labels of series."""

    def listed(ctx: Context, asked: Asked) -> Any:
        if not asked.get("match[]"):
            raise NotSupported("no match[] parameter provided")
        return _series(ctx, asked)

    return await _answered(request, "/api/v1/series", listed)


async def _answered(request: Request, path: str, answer: Any) -> Response:
    ctx = context(request)
    asked = await _asked(request)
    return await run_in_threadpool(_answer, ctx, path, asked, answer)


def _answer(ctx: Context, path: str, asked: Asked, answer: Any) -> Response:
    try:
        if ctx.victoria is not None:
            pairs = [(name, value) for name, values in asked.items() for value in values]
            status, kind, body = ctx.victoria.ask("GET", path, params=pairs)
            return Response(body, status, media_type=kind)
        return JSONResponse({"status": "success", "data": answer(ctx, asked)})
    except NotReady as error:
        return _failed(503, "unavailable", error.detail)
    except (NotSupported, WeirError) as error:
        return _failed(400, "bad_data", str(error))


def _failed(status: int, kind: str, text: str) -> Response:
    body = {"status": "error", "errorType": kind, "error": text}
    return JSONResponse(body, status)


async def _asked(request: Request) -> Asked:
    asked: Asked = {}
    form = await request.form(max_fields=1000) if request.method == "POST" else ()
    pairs = [*request.query_params.multi_items()]
    if form:
        pairs += [(k, v) for k, v in form.multi_items() if isinstance(v, str)]
    for name, value in pairs:
        asked.setdefault(name, []).append(value)
    return asked


def _one(asked: Asked, name: str, otherwise: str | None = None) -> str:
    found = asked.get(name)
    if found:
        return found[-1]
    if otherwise is None:
        raise NotSupported(f'invalid parameter "{name}": it is missing')
    return otherwise


def _instant(ctx: Context, asked: Asked) -> Any:
    at = moment("time", _one(asked, "time", str(ctx.now())))
    found = query(ctx, _one(asked, "query"), at, at, 60.0)
    if isinstance(found, float):
        return {"resultType": "scalar", "result": [at, _text(found)]}
    rows = [{"metric": line.labels, "value": [at, _text(line.points[-1][1])]} for line in found]
    return {"resultType": "vector", "result": rows}


def _range(ctx: Context, asked: Asked) -> Any:
    begin, end = (moment(name, _one(asked, name)) for name in ("start", "end"))
    said = _one(asked, "step")
    try:
        step = float(said)
    except ValueError:
        step = span_s(said)
    found = query(ctx, _one(asked, "query"), begin, end, step)
    if isinstance(found, float):
        times = [begin + n * step for n in range(int((end - begin) / step) + 1)]
        found = [Line({}, [(at, found) for at in times])]
    rows = [
        {"metric": line.labels, "values": [[at, _text(value)] for at, value in line.points]}
        for line in found
    ]
    return {"resultType": "matrix", "result": rows}


def _labels(ctx: Context, asked: Asked) -> Any:
    return sorted({name for labels in _series(ctx, asked) for name in labels})


def _series(ctx: Context, asked: Asked) -> list[dict[str, str]]:
    """The labels of all series that fit any of the selectors; of all, without any."""
    wanted: Sequence[tuple[Matcher, ...]] = [()]
    if asked.get("match[]"):
        found = [parse(text) for text in asked["match[]"]]
        if not all(isinstance(of, Selector) for of in found):
            raise NotSupported("match[] takes selectors of series")
        wanted = [of.matchers for of in found if isinstance(of, Selector)]
    with ctx.store.read() as tx:
        rows = {row.id: row.key for matchers in wanted for row in matching(tx, matchers)}
    return [labels_of(key) for _, key in sorted(rows.items())]


def _text(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
