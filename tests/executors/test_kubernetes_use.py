"""What pods use, as a metrics API tells it. The tests' Kubernetes has none: here a small server
speaks as one does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml

from tests.contract.bench import order, shell
from weir.executors.kubernetes_calls import Garbled, Kubernetes
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_use import METRICS, Uses, reading_of

GROUPS = frozenset({METRICS, "batch"})
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC).timestamp()


def metrics(pod: str, at: float, cpu: str, memory: str = "64Mi", window: str = "15s") -> Any:
    """A pod's metrics at so many seconds after noon; what is beside the task takes more than it."""
    return {
        "metadata": {"name": pod, "namespace": "jobs"},
        "timestamp": f"{datetime.fromtimestamp(NOON + at, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "window": window,
        "containers": [
            {"name": "files", "usage": {"cpu": "9", "memory": "9Gi"}},
            {"name": "task", "usage": {"cpu": cpu, "memory": memory}},
        ],
    }


class Metrics:
    """The server: what it tells of pods, and what it was asked."""

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.asked: list[tuple[str, str]] = []

    def answer(self, path: str) -> bytes:
        asked = urlsplit(path)
        self.asked.append((asked.path, parse_qs(asked.query)["labelSelector"][0]))
        return json.dumps({"kind": "PodMetricsList", "items": self.items}).encode()


@pytest.fixture
def server() -> Iterator[tuple[Metrics, str]]:
    told = Metrics()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = told.answer(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever)
    thread.start()
    yield told, f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()
    thread.join()


@pytest.fixture
def uses(server: tuple[Metrics, str], tmp_path: Path) -> Iterator[tuple[Metrics, Uses]]:
    told, url = server
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "c", "user": {"token": "t"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
        "current-context": "c",
    }
    (tmp_path / "config").write_text(yaml.safe_dump(config))
    settings = {"kubeconfig": tmp_path / "config", "namespace": "jobs", "image": "i"}
    with closing(Kubernetes(KubernetesSettings.model_validate(settings))) as kubernetes:
        yield told, Uses(kubernetes)


def run(name: str, started: float = 0.0, count: int = 1) -> Run:
    wanted = order(name, shell("true", count=count))
    return Run(wanted, "pool", "/f", "jobs", f"weir-{name}-0a", 0.0, "w", started=NOON + started)


def test_cpu_time_is_added_up_over_readings_and_memory_is_what_is_told(
    uses: tuple[Metrics, Uses],
) -> None:
    told, adding = uses
    told.items = [metrics("weir-r-0a-x7k2p", 20, "500m")]
    (first,) = adding.read([run("r")], "agent", GROUPS)
    told.items = [metrics("weir-r-0a-x7k2p", 35, "2000000000n", "80Mi")]
    (second,) = adding.read([run("r")], "agent", GROUPS)
    (again,) = adding.read([run("r")], "agent", GROUPS)

    assert (first.run, first.at, first.cpu_ms) == ("r", NOON + 20, 10_000)  # since its start
    assert (second.cpu_ms, second.memory_bytes) == (10_000 + 30_000, 80 * 2**20)
    assert again == second  # the same reading told twice counts once
    assert told.asked[0] == (
        "/apis/metrics.k8s.io/v1beta1/namespaces/jobs/pods",
        "weir.network/agent=agent",
    )
    assert len(told.asked) == 3


def test_tasks_of_a_run_are_one_reading_and_others_pods_are_none(
    uses: tuple[Metrics, Uses],
) -> None:
    told, adding = uses
    told.items = [
        metrics("weir-r-0a-0-aaaaa", 10, "1"),
        metrics("weir-r-0a-1-bbbbb", 10, "1"),
        metrics("weir-r-0a-1-ccccc", 10, "1"),
        metrics("weir-r-0abc-xxxxx", 10, "1"),
        metrics("weir-other-0a-xxxxx", 10, "1"),
    ]
    found = adding.read([run("r", count=3), run("quiet")], "agent", GROUPS)
    assert [(use.run, use.cpu_ms) for use in found] == [("r", 30_000)]


def test_of_a_run_that_was_there_before_the_agent_only_what_is_seen_counts(
    uses: tuple[Metrics, Uses],
) -> None:
    told, adding = uses
    told.items = [metrics("weir-r-0a-x", 7200, "1", window="1m30s")]
    (found,) = adding.read([run("r")], "agent", GROUPS)
    assert found.cpu_ms == 90_000


def test_without_the_api_nothing_is_asked_and_nothing_told(uses: tuple[Metrics, Uses]) -> None:
    told, adding = uses
    assert adding.read([run("r")], "agent", frozenset({"batch"})) == []
    assert adding.read([], "agent", GROUPS) == []
    assert told.asked == []


@pytest.mark.parametrize(
    "item",
    [{}, {"metadata": {"name": "p"}}, metrics("p", 0, "many"), metrics("p", 0, "1", window="x")],
)
def test_what_is_no_reading_is_an_error(item: Any, uses: tuple[Metrics, Uses]) -> None:
    told, adding = uses
    told.items = [item]
    with pytest.raises(Garbled):
        adding.read([run("r")], "agent", GROUPS)
    with pytest.raises((KeyError, TypeError, ValueError)):
        reading_of(item)
