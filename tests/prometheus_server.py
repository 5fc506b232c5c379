"""A real Prometheus for tests marked `real`: it scrapes nothing and takes remote writes."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.answering import until_answers


@contextmanager
def prometheus_up(home: Path) -> Iterator[str]:
    """The URL of a Prometheus that keeps its data under `home`; stopped at the end."""
    program = shutil.which("prometheus")
    if program is None:
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip("there is no prometheus on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (home / "prometheus.yml").write_text("scrape_configs: []\n")
    with open(home / "prometheus.log", "wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={home / 'prometheus.yml'}",
                f"--storage.tsdb.path={home / 'prometheus'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--storage.tsdb.retention.time=100y",
                "--web.enable-remote-write-receiver",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until_answers(f"{url}/-/ready", process, "Prometheus")
        yield url
    finally:
        process.terminate()
        process.wait(20)
