"""Measuring a host of a pool by an ordinary job: a pod, a job of Ray, a job sent by slurmrestd.

The agent's own kind of executor sends it, from a home and a folder beside the agent's, so that
neither is in the other's way: the agent may be running. The script goes along as an input; the host
needs Python, and a numeric library for products.

Laws:
- The job asks for one device, where the pool has any, and for as many cores as one host has free: a
  measurement beside other work says less.
- It is given up when it has not started within `wait_s`, and nothing of it is left behind.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from pydantic import ValidationError

from weir.core.errors import NotReady
from weir.core.lifecycle import RunEvent
from weir.executors.base import Executor, Seen
from weir.executors.registry import make_executor
from weir.executors.settings import ExecutorSettings, KubernetesSettings, RaySettings, SlurmSettings
from weir.probes import measure, measured
from weir.probes.measured import Measurement
from weir.wire.exchange import RunOrder
from weir.wire.pools import PoolReport

FOLDER = "verify"
SCRIPT = "measure.py"
MEMORY_BYTES = 8 * 2**30
"""Host memory that is asked for, where so much is free: three matrices of the larger sizes."""

LATE_S = 60.0
"""What a job may take beyond its own time to be seen as ended, with all that it printed."""

LEAVE_S = 2.0
"""How long the resource manager is given to delete what was forgotten."""

MOST_BYTES = 2**20
ENDS = {
    RunEvent.SUCCEEDED,
    RunEvent.FAILED,
    RunEvent.CANCELED,
    RunEvent.REFUSED,
    RunEvent.VANISHED,
}


@dataclass(frozen=True, slots=True)
class Asked:
    """How it is measured: seconds for each figure, where on the disk, by which Python and image,
    and how long a host is waited for.
    """

    seconds: float
    folder: str | None = None
    python: str | None = None
    image: str | None = None
    wait_s: float = 60.0

    @property
    def most_s(self) -> float:
        """What a measurement that has started takes at most."""
        return measured.ABOUT_S + measured.FIGURES * self.seconds


class ByJob:
    """The pools of one resource manager, measured by jobs of it. Used as a context."""

    def __init__(
        self,
        settings: ExecutorSettings,
        home: Path,
        make: Callable[[ExecutorSettings, Path, Callable[[], float]], Executor] = make_executor,
    ) -> None:
        self._python = settings.python if isinstance(settings, RaySettings) else "python3"
        self._executor = make(aside(settings), home / FOLDER, time.time)
        self._woken = threading.Event()

    def __enter__(self) -> Self:
        self._executor.open(self._woken.set)
        return self

    def __exit__(self, *_: object) -> None:
        time.sleep(LEAVE_S)
        self._executor.close()

    def pools(self) -> Sequence[PoolReport]:
        """The pools that are there now."""
        found = self._executor.pools(())
        self._executor.name_pools({report.name: report.name for report in found})
        return found

    def take(self, report: PoolReport, asked: Asked) -> Measurement:
        """Measure a host of a pool. Raises `NotReady` with why there is no measurement."""
        run = f"verify-{secrets.token_hex(6)}"
        order = order_of(run, report, asked, asked.python or self._python)
        self._executor.submit([order])
        try:
            end = self._end(run, asked.wait_s + asked.most_s + LATE_S)
            if end is None:
                self._executor.cancel([run])
                end = self._end(run, LATE_S)
                raise NotReady("no measurement within its time; is a host free?")
            said = self._read(run, "stdout")
            try:
                return Measurement.model_validate_json(said.strip().rpartition("\n")[2])
            except ValidationError:
                last = (self._read(run, "stderr") or said).strip().rpartition("\n")[2]
                why = last or end.reason or f"exit code {end.exit_code}"
                raise NotReady(f"the measurement failed: {why}") from None
        finally:
            self._executor.forget([run])

    def _end(self, run: str, within_s: float) -> Seen | None:
        until = time.monotonic() + within_s
        while (left := until - time.monotonic()) > 0:
            self._woken.clear()
            ends = [s for s in self._executor.observe() if s.run == run and s.event in ENDS]
            if ends:
                return ends[-1]
            self._woken.wait(left)
        return None

    def _read(self, run: str, name: str) -> str:
        there = {file.name for file in self._executor.files(run)}
        found = self._executor.read(run, name, 0, MOST_BYTES) if name in there else b""
        return found.decode("utf-8", "replace")


def aside(settings: ExecutorSettings) -> ExecutorSettings:
    """The same resource manager, with nothing of the agent's: other folders, no shared volume."""
    if isinstance(settings, KubernetesSettings):
        return settings.model_copy(update={"volume": None, "stop_runs_on_exit": True})
    if isinstance(settings, RaySettings | SlurmSettings):
        own = {"folder": settings.folder / FOLDER, "stop_runs_on_exit": True}
        return settings.model_copy(update=own)
    return settings


def order_of(run: str, report: PoolReport, asked: Asked, python: str) -> RunOrder:
    """The job: the script on one host of a pool."""
    shape = report.shape
    free = [f for f in report.free if f.devices or not shape.devices]
    most = max(free, key=lambda f: f.cpu_milli, default=None)
    cores = max(1, (most.cpu_milli if most else shape.cpu_milli) // 1000)
    memory = min(MEMORY_BYTES, most.memory_bytes if most else shape.memory_bytes)
    words = [python, SCRIPT, "--seconds", f"{asked.seconds:g}"]
    task = {
        "command": [*words, *(["--folder", asked.folder] if asked.folder else [])],
        "cpu": str(cores),
        "memory": f"{memory // 2**20}MiB",
        **({"devices": {"count": 1}} if shape.devices else {}),
    }
    script = Path(measure.__file__).read_text(encoding="utf-8")
    spec = {
        "name": "weir-verify",
        "tasks": [task],
        "walltime": f"{asked.most_s:.0f}s",
        "inputs": [{"path": SCRIPT, "text": script}],
        **({"image": asked.image} if asked.image else {}),
    }
    return RunOrder.model_validate(
        {
            "run": run,
            "revision": 1,
            "job": run,
            "root_job": run,
            "submitter": "weir-verify",
            "pool": report.name,
            "groups": [{"group": "main", "count": 1}],
            "spec": spec,
            "start_within_s": asked.wait_s,
        }
    )
