"""Prometheus' questions, by GET or by form: handed to the store of series, whichever it is.

`weir.control.series_own` answers them from the domain's database; VictoriaMetrics, where one is
set, does so itself.
"""

from __future__ import annotations

import json
from urllib.parse import quote

from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from weir.api.calls import allowed, context
from weir.control.authorize import Action, Principal
from weir.control.series_own import series_store
from weir.core.errors import NotReady
from weir.store.series_base import Answer, SeriesStore


async def prometheus_query(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """An expression at one moment."""
    return await _answered(request, "/api/v1/query")


async def prometheus_query_range(
    request: Request, _who: Principal = allowed(Action.READ)
) -> Response:
    """An expression over a time."""
    return await _answered(request, "/api/v1/query_range")


async def prometheus_labels(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The names of labels."""
    return await _answered(request, "/api/v1/labels")


async def prometheus_label_values(
    request: Request, label: str, _who: Principal = allowed(Action.READ)
) -> Response:
    """The values of a label."""
    return await _answered(request, f"/api/v1/label/{quote(label, safe='')}/values")


async def prometheus_series(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """The labels of series."""
    return await _answered(request, "/api/v1/series")


async def prometheus_metadata(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """Unit and meaning of the metrics."""
    return await _answered(request, "/api/v1/metadata")


async def prometheus_exemplars(
    request: Request, _who: Principal = allowed(Action.READ)
) -> Response:
    """Exemplars, of which there are none."""
    return await _answered(request, "/api/v1/query_exemplars")


async def prometheus_rules(request: Request, _who: Principal = allowed(Action.READ)) -> Response:
    """Rules in PromQL, of which there are none; Weir's own are alerts."""
    return await _answered(request, "/api/v1/rules")


async def prometheus_buildinfo(
    request: Request, _who: Principal = allowed(Action.READ)
) -> Response:
    """Which version of Prometheus' language is understood."""
    return await _answered(request, "/api/v1/status/buildinfo")


async def _answered(request: Request, path: str) -> Response:
    store = series_store(context(request))
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        form = await request.form(max_fields=1000)
        pairs += [(name, value) for name, value in form.multi_items() if isinstance(value, str)]
    answer = await run_in_threadpool(_asked, store, path, pairs)
    return Response(answer.body, answer.status, media_type=answer.kind)


def _asked(store: SeriesStore, path: str, pairs: list[tuple[str, str]]) -> Answer:
    try:
        return store.ask(path, pairs)
    except NotReady as error:
        said = {"status": "error", "errorType": "unavailable", "error": error.detail}
        return Answer(503, "application/json", json.dumps(said).encode())
