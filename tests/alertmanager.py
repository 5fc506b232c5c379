"""A real Alertmanager for tests marked `real`: on loopback, gone with its data at the end."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.answering import until_answers

CONFIG = """
route: {{receiver: told, group_by: [alertname, subject], group_wait: 1s, group_interval: 1s}}
receivers:
  - name: told
    webhook_configs: [{{url: "http://127.0.0.1:{port}/told", send_resolved: true}}]
"""


@contextmanager
def alertmanager_up(home: Path, tells: int) -> Iterator[str]:
    """The URL of an Alertmanager that tells a port of what fires and of what is resolved."""
    program = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
    if program is None:
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip("there is no Alertmanager on this machine")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = home / "alertmanager.yaml"
    config.write_text(CONFIG.format(port=tells))
    with open(home / "alertmanager.log", "wb") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={config}",
                f"--storage.path={home / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{port}",
                "--cluster.listen-address=",
            ],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        until_answers(f"{url}/-/ready", process, "Alertmanager")
        yield url
    finally:
        process.terminate()
        process.wait(20)


def alerts_at(url: str) -> list[dict[str, Any]]:
    """The alerts that fire there now."""
    answer = httpx.get(f"{url}/api/v2/alerts", trust_env=False).raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found
