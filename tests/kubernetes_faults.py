"""A Kubernetes that misbehaves on demand, between the executor and the real one: a server that
passes calls on, counts them, and does something before, after or instead of it.
"""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2

from tests import kubernetes
from tests.kubernetes import Server
from weir.executors.base import Executor

LOST, DROPPED, GARBAGE, SLOW, LATE, STRANGE, FORGETFUL, AWAY = (
    *("lost", "dropped", "garbage", "slow", "late", "strange", "forgetful", "away"),
)
SLOW_S, LATE_S = 2, 30
"""Every call takes so long; one submission does."""


@dataclass
class Faults:
    """Which fault there is now, and an executor that meets it."""

    home: Path
    make: Callable[[Path], Executor]
    fault: str = ""
    calls: list[str] = field(default_factory=list)

    def count(self, method: str, part: str) -> int:
        """How many calls there were whose path has this part."""
        return sum(c.startswith(method) and part in c for c in list(self.calls))


@contextmanager
def between(server: Server, home: Path, **changes: Any) -> Iterator[Faults]:
    """An executor whose Kubernetes can fail."""
    home.mkdir(parents=True, exist_ok=True)
    proxy = ThreadingHTTPServer(("127.0.0.1", 0), _Between)
    proxy.daemon_threads = True
    file = home / "kubeconfig"
    server.write_kubeconfig(file, server.token, f"http://127.0.0.1:{proxy.server_port}")

    def make(place: Path) -> Executor:
        return kubernetes.executor(place, kubeconfig=file, **changes)

    faults = Faults(home, make)
    trust = ssl.create_default_context(cafile=str(server.home / "certs" / "apiserver.crt"))
    real = httpx2.Client(
        base_url=server.url,
        verify=trust,
        timeout=30,
        limits=httpx2.Limits(max_keepalive_connections=0),
    )
    proxy.faults, proxy.real = faults, real  # type: ignore[attr-defined]
    thread = threading.Thread(target=proxy.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield faults
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
        real.close()


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
        faults.calls.append(f"{self.command} {self.path}")
        fault, submits = faults.fault, self.command == "POST" and "/jobs" in self.path
        if submits and fault in (LOST, DROPPED):
            faults.fault = ""
            if fault == LOST:
                self._real(body)
            self.close_connection = True  # and no answer
            return
        if fault == AWAY:  # as what stands before a server that is down answers for it
            self._answer(503, b"no upstream")
            return
        if fault == SLOW:
            time.sleep(SLOW_S)
        if submits and fault == LATE:
            faults.fault = ""
            time.sleep(LATE_S)
        if fault == GARBAGE and self.command == "GET":
            self._answer(200, b"%% | this is no Kubernetes || <html>")
            return
        try:
            answer = self._real(body)
        except httpx2.HTTPError:
            self.close_connection = True
            return
        content = answer.content
        if fault in (STRANGE, FORGETFUL) and self.command == "GET" and "/log" not in self.path:
            content = json.dumps(_otherwise(fault, self.path, answer.json())).encode()
        self._answer(answer.status_code, content)

    def _real(self, body: bytes) -> httpx2.Response:
        names = ("authorization", "content-type", "accept")
        headers = {k: v for k, v in self.headers.items() if k.lower() in names}
        real: httpx2.Client = self.server.real  # type: ignore[attr-defined]
        return real.request(self.command, self.path, content=body, headers=headers)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _otherwise(fault: str, path: str, data: Any) -> Any:
    """An answer without our objects; or of a server of another time: unknown fields and words."""
    if fault == FORGETFUL:
        if "items" in data and "nodes" not in path:
            data["items"] = []
        return data
    if path.startswith("/version"):
        return {**data, "major": "1", "minor": "99+", "gitVersion": "v1.99.0-alpha", "mood": "odd"}
    for item in data.get("items") or ():
        item["mood"] = {"set": True}
        status = item.setdefault("status", {})
        status.setdefault("conditions", []).append({"type": "Dreaming", "status": "Maybe"})
        for one in status.get("containerStatuses") or ():
            one["allocatedResourcesStatus"] = [{"name": "qubits"}]
    return data
