"""A real VictoriaMetrics for tests marked `real`: on loopback, gone with its data at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.answering import server_up


@contextmanager
def victoria_up(home: Path, *more: str) -> Iterator[str]:
    """The URL of a VictoriaMetrics that keeps its data under `home`; `more` are options of its."""

    def options(where: str) -> list[str]:
        return [
            f"-storageDataPath={home / 'victoria'}",
            f"-httpListenAddr={where}",
            "-retentionPeriod=10y",
            "-search.latencyOffset=0s",
            "-dedup.minScrapeInterval=10s",
            "-memory.allowedBytes=64MB",
            *more,
        ]

    with server_up(["victoria-metrics"], "/health", home / "victoria.log", options) as url:
        yield url


def put_text(url: str, text: str) -> None:
    """Import lines of the text format, and make them visible."""
    answer = httpx.post(f"{url}/api/v1/import/prometheus", content=text, trust_env=False)
    assert answer.status_code == 204, answer.text
    httpx.get(f"{url}/internal/force_flush", trust_env=False)
