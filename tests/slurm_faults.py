"""A Slurm that misbehaves on demand, between the executor and the real one.

By commands: programs of Slurm's names that do something before, after or instead of the real one.
By REST: a server that passes calls on. Both take the same faults, and both count what passed.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from tests import slurm
from weir.executors.base import Executor
from weir.executors.slurm import SlurmExecutor

COMMANDS = ("sbatch", "squeue", "scontrol", "scancel", "sacct")
LOST, DROPPED, GARBAGE, SLOW, LATE, STRANGE, FORGETFUL = (
    *("lost", "dropped", "garbage", "slow", "late", "strange", "forgetful"),
)
SLOW_S, LATE_S = 2, 30
"""Every call takes so long; one submission does."""

WRAPPER = """#!/bin/sh
name=$(basename "$0")
real=$(PATH=/usr/bin:/usr/local/bin command -v "$name")
echo "$name $*" >>{home}/calls
fault=$(cat "{home}/fault" 2>/dev/null)
unclear="$name: error: Batch job submission failed: Socket timed out on send/recv operation"
case $name/$fault in
sbatch/lost) rm "{home}/fault"; "$real" "$@" >/dev/null; echo "$unclear" >&2; exit 1 ;;
sbatch/dropped) rm "{home}/fault"; cat >/dev/null; echo "$unclear" >&2; exit 1 ;;
sbatch/late) rm "{home}/fault"; sleep {late} ;;
sbatch/garbage | scancel/garbage) ;;
*/garbage) echo '%%%% | this is no Slurm || <html>'; exit 0 ;;
*/slow) sleep {slow} ;;
squeue/forgetful) "$real" "$@" | grep -v weir-; exit 0 ;;
scontrol/strange) [ "$1" = --version ] && echo 'slurm 99.11.0-0rc1' && exit 0
    "$real" "$@" | sed 's/^\\(NodeName=[^ ]*\\)/\\1 Qubits=8 Mood=a=b c/; s/State=IDLE/&+DREAMING/'
    exit 0 ;;
squeue/strange) echo 'NOTE: a banner of the center'; "$real" "$@" | sed 's/|PENDING|/|DREAMING|/'
    exit 0 ;;
esac
exec "$real" "$@"
"""


@dataclass
class Faults:
    """Which fault there is now, and an executor that meets it."""

    home: Path
    make: Callable[[Path], Executor]
    url: str = ""
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def fault(self) -> str:
        file = self.home / "fault"
        return file.read_text() if file.exists() else ""

    @fault.setter
    def fault(self, name: str) -> None:
        if name:
            (self.home / "fault").write_text(name)
        else:
            (self.home / "fault").unlink(missing_ok=True)

    def calls(self, what: str) -> int:
        """How many calls there were that begin so."""
        file = self.home / "calls"
        return sum(line.startswith(what) for line in file.read_text().splitlines())


@contextmanager
def commands(home: Path, **changes: Any) -> Iterator[Faults]:
    """An executor by commands that can fail."""
    folder = home / "bin"
    folder.mkdir(parents=True)
    for name in COMMANDS:
        (folder / name).write_text(WRAPPER.format(home=home, slow=SLOW_S, late=LATE_S))
        (folder / name).chmod(0o755)

    def make(place: Path) -> Executor:
        settings = slurm.settings(place, commands=folder, **changes)
        return SlurmExecutor(settings, place / "slurm", time.time)

    yield Faults(home, make)


@contextmanager
def rest(home: Path, **changes: Any) -> Iterator[Faults]:
    """An executor by REST whose server can fail."""
    home.mkdir(parents=True, exist_ok=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Between)
    url = f"http://127.0.0.1:{server.server_port}"

    def make(place: Path) -> Executor:
        settings = slurm.rest_settings(place, rest={"url": url}, **changes)
        return SlurmExecutor(settings, place / "slurm", time.time)

    faults = Faults(home, make, url)
    server.faults = faults  # type: ignore[attr-defined]
    real = httpx.Client(
        base_url=os.environ[slurm.REST_VARIABLE],
        limits=httpx.Limits(max_keepalive_connections=0),
    )
    server.real = real  # type: ignore[attr-defined]
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
        fault, submits = faults.fault, self.command == "POST"
        with open(faults.home / "calls", "a", encoding="utf-8") as calls:
            calls.write(f"{self.command} {self.path}\n")
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
            self._answer(200, b"%% | this is no Slurm || <html>")
            return
        if fault == STRANGE:
            self.path = self.path.replace("v0.0.99", "v0.0.38")
            body = _as_of_old(body) if submits else body
        answer = self._real(body)
        content = answer.content
        if fault == STRANGE and "openapi" in self.path:
            content = content.replace(b"v0.0.38", b"v0.0.99")
        elif fault in (STRANGE, FORGETFUL) and self.command == "GET" and answer.status_code == 200:
            content = json.dumps(_otherwise(fault, answer.json())).encode()
        self._answer(answer.status_code, content)

    def _real(self, body: bytes) -> httpx.Response:
        headers = {
            k: v for k, v in self.headers.items() if k.lower().startswith(("x-", "content-t"))
        }
        real: httpx.Client = self.server.real  # type: ignore[attr-defined]
        return real.request(self.command, self.path, content=body, headers=headers)

    def _answer(self, status: int, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _as_of_old(body: bytes) -> bytes:
    """A submission as interfaces from 0.0.39 on want it, for one that came before them."""
    data = json.loads(body)
    job = data["job"]
    job["environment"] = dict(word.split("=", 1) for word in job["environment"])
    job["nodes"] = [job.pop("minimum_nodes"), job.pop("maximum_nodes")]
    job["memory_per_node"] = job["memory_per_node"]["number"]
    limit = job.pop("time_limit")
    job["time_limit"] = "UNLIMITED" if limit["infinite"] else limit["number"]
    job["no_requeue"] = not job.pop("requeue", False)
    return json.dumps(data).encode()


def _otherwise(fault: str, data: Any) -> Any:
    """An answer with other forms: numbers wrapped, states as lists, unknown fields and words."""
    if fault == FORGETFUL:
        if "jobs" in data:
            data["jobs"] = [j for j in data["jobs"] if not j["name"].startswith("weir-")]
        return data
    for job in data.get("jobs", ()):
        state = "DREAMING" if job["job_state"] == "PENDING" else job["job_state"]
        job |= {"job_state": [state, "LUCID"], "mood": {"set": True}}
        for name in ("start_time", "end_time", "restart_cnt", "het_job_id", "array_job_id"):
            job[name] = {"set": True, "infinite": False, "number": job[name]}
        job["exit_code"] = {
            "status": ["X"],
            "return_code": {"set": True, "number": job["exit_code"]},
        }
    for node in data.get("nodes", ()):
        node["state"] = [node["state"].upper(), "DREAMING", *node.pop("state_flags")]
        node["mood"] = "good"
    for partition in data.get("partitions", ()):
        partition["nodes"] = {"configured": partition["nodes"], "total": 4}
        partition["partition"] = {"state": [partition.pop("state")]}
        partition["maximums"] = {"time": {"set": False, "infinite": True, "number": 0}}
    return data
