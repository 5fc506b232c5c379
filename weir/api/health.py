"""What is this, is it alive, is it ready, and its numbers for a scraper."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi import Request, Response
from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest

from weir.api.calls import context
from weir.control.context import Context
from weir.control.join import describe
from weir.control.measure import measure

UNITS = {"%": "ratio", "bytes": "bytes"}


def root(request: Request) -> dict[str, str | None]:
    """Who this server is, and where its API is described."""
    found = describe(context(request))
    return {
        "name": found.name,
        "kind": found.kind,
        "id": found.id,
        "version": found.version,
        "api": "/openapi.json",
    }


def healthz() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


def readyz(request: Request) -> dict[str, str]:
    """The store answers and this domain has a name; 503 with the reason otherwise."""
    return {"status": "ready", "domain": context(request).domain().name}


def metrics(request: Request) -> Response:
    """The indicators and this process, in the OpenMetrics text format."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Indicators(context(request)))
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return Response(text, headers={"Content-Type": CONTENT_TYPE_LATEST})


class _Indicators:
    """This domain's indicators as gauges; an unknown value is left out, never written as 0."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx

    def collect(self) -> Iterator[Metric]:
        for found in measure(self._ctx):
            unit = UNITS.get(found.unit, "")
            scale = 0.01 if found.unit == "%" else 1.0
            suffix = f"_{unit}" if unit else "_gflops" if found.unit == "GFLOPS" else ""
            family = GaugeMetricFamily(
                f"weir_{found.name}{suffix}", found.definition, labels=["by"] if found.by else []
            )
            if not found.by and found.value is not None:
                family.add_metric([], found.value * scale)
            for part, value in found.by.items():
                if value is not None:
                    family.add_metric([part], value * scale)
            yield family
