"""A real Prometheus for tests marked `real`: it scrapes nothing and takes remote writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.answering import server_up


@contextmanager
def prometheus_up(home: Path) -> Iterator[str]:
    """The URL of a Prometheus that keeps its data under `home`; stopped at the end."""
    config = home / "prometheus.yml"
    config.write_text("scrape_configs: []\n")

    def options(where: str) -> list[str]:
        return [
            f"--config.file={config}",
            f"--storage.tsdb.path={home / 'prometheus'}",
            f"--web.listen-address={where}",
            "--storage.tsdb.retention.time=100y",
            "--web.enable-remote-write-receiver",
        ]

    with server_up(["prometheus"], "/-/ready", home / "prometheus.log", options) as url:
        yield url
