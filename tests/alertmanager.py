"""A real Alertmanager for tests marked `real`: on loopback, gone with its data at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.answering import server_up

CONFIG = """
route: {{receiver: told, group_by: [alertname, subject], group_wait: 1s, group_interval: 1s}}
receivers:
  - name: told
    webhook_configs: [{{url: "http://127.0.0.1:{port}/told", send_resolved: true}}]
"""


@contextmanager
def alertmanager_up(home: Path, tells: int) -> Iterator[str]:
    """The URL of an Alertmanager that tells a port of what fires and of what is resolved."""
    config = home / "alertmanager.yaml"
    config.write_text(CONFIG.format(port=tells))

    def options(where: str) -> list[str]:
        return [
            f"--config.file={config}",
            f"--storage.path={home / 'alertmanager'}",
            f"--web.listen-address={where}",
            "--cluster.listen-address=",
        ]

    programs = ["prometheus-alertmanager", "alertmanager"]
    with server_up(programs, "/-/ready", home / "alertmanager.log", options) as url:
        yield url


def alerts_at(url: str) -> list[dict[str, Any]]:
    """The alerts that fire there now."""
    answer = httpx.get(f"{url}/api/v2/alerts", trust_env=False).raise_for_status()
    found: list[dict[str, Any]] = answer.json()
    return found
