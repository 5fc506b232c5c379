"""A real VictoriaMetrics for tests marked `real`: on loopback, gone with its data at the end."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.answering import until_answers


@contextmanager
def victoria_up(home: Path, *options: str) -> Iterator[str]:
    """The URL of a VictoriaMetrics that keeps its data under `home`; `options` are more of its."""
    program = shutil.which("victoria-metrics")
    if program is None:
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip("there is no victoria-metrics on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with open(home / "victoria.log", "wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"-storageDataPath={home / 'victoria'}",
                f"-httpListenAddr=127.0.0.1:{port}",
                "-retentionPeriod=10y",
                "-search.latencyOffset=0s",
                "-dedup.minScrapeInterval=10s",
                "-memory.allowedBytes=64MB",
                *options,
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        until_answers(f"{url}/health", process, "VictoriaMetrics")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def put_text(url: str, text: str) -> None:
    """Import lines of the text format, and make them visible."""
    answer = httpx.post(f"{url}/api/v1/import/prometheus", content=text, trust_env=False)
    assert answer.status_code == 204, answer.text
    httpx.get(f"{url}/internal/force_flush", trust_env=False)
