"""A Ray dashboard that misbehaves on demand: a server that passes calls on to the real one, counts
them, and does something before, after or instead.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests import ray_cluster
from weir.executors.base import Executor
from weir.executors.ray import RayExecutor

LOST, DROPPED, GARBAGE, SLOW, LATE, STRANGE, FORGETFUL, OLD, AWAY = (
    *("lost", "dropped", "garbage", "slow", "late", "strange", "forgetful", "old", "away"),
)
SLOW_S, LATE_S = 2, 30
"""Every call takes so long; one submission does."""


@dataclass
class Faults:
    """Which fault there is now, and an executor that meets it."""

    home: Path
    url: str
    settings: dict[str, Any]
    fault: str = ""
    calls: list[str] = field(default_factory=list)

    def make(self, place: Path) -> Executor:
        settings = ray_cluster.settings(place, url=self.url, **self.settings)
        return RayExecutor(settings, place / "ray", time.time)

    def count(self, what: str) -> int:
        """How many calls there were that begin so."""
        return sum(call.startswith(what) for call in self.calls)


@contextmanager
def faulty(home: Path, **changes: Any) -> Iterator[Faults]:
    """A way to the published Ray that can fail."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Between)
    faults = Faults(home, f"http://127.0.0.1:{server.server_port}", changes)
    with httpx.Client(base_url=os.environ[ray_cluster.URL_VARIABLE], timeout=60) as real:
        server.faults, server.real = faults, real  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield faults
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class _Between(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def log_message(self, *_: object) -> None:
        return

    def _pass_on(self) -> None:
        faults: Faults = self.server.faults  # type: ignore[attr-defined]
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault, submits = faults.fault, self.command == "POST" and self.path == "/api/jobs/"
        faults.calls.append(f"{self.command} {self.path}")
        if fault == AWAY:
            self.close_connection = True
            return
        if submits and fault in (LOST, DROPPED):
            faults.fault = ""
            if fault == LOST:
                self._real(body)
            self.close_connection = True  # and no answer
            return
        if fault == SLOW:
            time.sleep(SLOW_S)
        if submits and fault == LATE:
            faults.fault = ""
            time.sleep(LATE_S)
        if fault == GARBAGE and self.command == "GET":
            self._answer(200, b"%% | this is no Ray || <html>")
            return
        if fault == OLD and submits and b"entrypoint_label_selector" in body:
            text = "TypeError: JobSubmitRequest.__init__() got an unexpected keyword argument"
            self._answer(400, f"{text} 'entrypoint_label_selector'".encode())
            return
        answer = self._real(body)
        content = answer.content
        if fault in (STRANGE, FORGETFUL) and self.command == "GET" and answer.is_success:
            content = json.dumps(_otherwise(fault, self.path, answer.json())).encode()
        self._answer(answer.status_code, content)

    def _real(self, body: bytes) -> httpx.Response:
        real: httpx.Client = self.server.real  # type: ignore[attr-defined]
        return real.request(self.command, self.path, content=body)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _otherwise(fault: str, path: str, data: Any) -> Any:
    """An answer with unknown fields, words and rows; or one that has forgotten our jobs."""
    if path == "/api/jobs/":
        if fault == FORGETFUL:
            return [job for job in data if not str(job["submission_id"]).startswith("weir-")]
        for job in data:
            job["mood"] = {"good": True}
            if job["status"] == "PENDING":
                job["status"] = "DREAMING"
        return [*data, {"type": "QUANTUM"}, None, 7]
    if fault == STRANGE and path.startswith("/nodes"):
        for row in data["data"]["summary"]:
            row["mood"] = "good"
            row["raylet"]["resourcesTotal"]["qubit"] = 8.0
        data["data"]["summary"].append({"hostname": "new", "raylet": {"state": "DREAMING"}})
        usage = data["data"]["nodeLogicalResources"]
        data["data"]["nodeLogicalResources"] = {k: f"{v}\nmood: good" for k, v in usage.items()}
    if fault == STRANGE and path == "/api/version":
        data["ray_version"] = "99.0.0.dev0"
    return data
