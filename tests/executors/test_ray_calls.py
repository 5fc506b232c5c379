"""The calls to a Ray dashboard, as far as a server that is none can show how they fail."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from weir.cli.agent_proposal_ray import RayFound, look_for_dashboard
from weir.executors.ray_calls import Away, Ray, Rejected
from weir.executors.ray_records import Garbled

EXISTS = "ValueError: Job with submission_id weir-r already exists. Please use a different one."
OLD = "TypeError: JobSubmitRequest.__init__() got an unexpected keyword argument '{}'"


@dataclass
class Dashboard:
    """What it answers next, in order (then 200 and {}), and what it was asked."""

    url: str = ""
    answers: list[tuple[int, str]] = field(default_factory=list)
    asked: list[tuple[str, Any, str]] = field(default_factory=list)


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    made = Dashboard()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._take()

        def do_POST(self) -> None:
            self._take()

        def do_DELETE(self) -> None:
            self._take()

        def _take(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            token = self.headers.get("Authorization", "")
            asked = json.loads(body) if body else None
            made.asked.append((f"{self.command} {self.path}", asked, token))
            status, text = made.answers.pop(0) if made.answers else (200, "{}")
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_job_that_is_there_already_was_taken(dashboard: Dashboard) -> None:
    dashboard.answers = [(500, f"Traceback\nRequest failed with status code 400\n{EXISTS}")]

    Ray(dashboard.url, 5).submit({"submission_id": "weir-r"})


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (500, "Request failed with status code 400: ValueError: label is invalid", Rejected),
        (400, OLD.format("entrypoint_memory"), Rejected),
        (500, "RuntimeError: No head node agent found", Away),
        (403, "go away", Away),
    ],
)
def test_a_refusal_is_told_from_a_failure(
    dashboard: Dashboard, status: int, text: str, error: type[Exception]
) -> None:
    dashboard.answers = [(status, f"Traceback (most recent call last):\n{text}")]

    with pytest.raises(error):
        Ray(dashboard.url, 5).submit({"submission_id": "weir-r"})


def test_a_ray_without_label_selectors_is_asked_without(dashboard: Dashboard) -> None:
    dashboard.answers = [(400, OLD.format("entrypoint_label_selector"))]
    ray, job = (
        Ray(dashboard.url, 5),
        {"submission_id": "r", "entrypoint_label_selector": {"a": "b"}},
    )
    ray.submit(job)
    ray.submit(job)

    assert [len(body) for _, body, _ in dashboard.asked] == [2, 1, 1]


def test_the_token_is_read_at_each_call(dashboard: Dashboard, tmp_path: Path) -> None:
    token = tmp_path / "token"
    ray = Ray(dashboard.url, 5, token)
    for word in ("one", "two"):
        token.write_text(f"{word}\n")
        ray.stop("weir-r")

    assert [sent for _, _, sent in dashboard.asked] == ["Bearer one", "Bearer two"]


def test_what_is_not_there_can_be_stopped_and_deleted(dashboard: Dashboard) -> None:
    dashboard.answers = [(404, "Job weir-r does not exist"), (404, "Job weir-r does not exist")]
    ray = Ray(dashboard.url, 5)
    ray.stop("weir-r")
    ray.delete("weir-r")

    assert [what for what, _, _ in dashboard.asked] == [
        "POST /api/jobs/weir-r/stop",
        "DELETE /api/jobs/weir-r",
    ]


def test_what_is_no_dashboard_is_garbled_and_nothing_is_away(dashboard: Dashboard) -> None:
    dashboard.answers = [(200, "<html>"), (200, "{}")]
    ray = Ray(dashboard.url, 5)
    for _ in range(2):
        with pytest.raises(Garbled):
            ray.version()
    with pytest.raises(Away, match="does not answer"):
        Ray("http://127.0.0.1:9", 5).jobs()


def test_a_dashboard_is_found_by_what_is_said(dashboard: Dashboard) -> None:
    def version(url: str) -> str:
        if "8265" in url:
            raise Away("no answer")
        return f"2 at {url}"

    named = {"RAY_API_SERVER_ADDRESS": "http://env:1"}
    assert look_for_dashboard("", {}, version) is None
    assert look_for_dashboard("10.0.0.1:6379", {}, version) == RayFound(
        "http://127.0.0.1:8265", error="no answer"
    )
    assert look_for_dashboard("", named, version) == RayFound("http://env:1", "2 at http://env:1")
    assert look_for_dashboard("http://said:1", named, version) == RayFound(
        "http://said:1", "2 at http://said:1"
    )
    dashboard.answers = [(200, '{"ray_version": "2.60.0"}')]
    assert look_for_dashboard(dashboard.url, {}) == RayFound(dashboard.url, "2.60.0")
