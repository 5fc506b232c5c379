"""What the contract tests hold an executor with: orders to give it, and waiting for its news."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from tests import kubernetes, ray_cluster, slurm
from tests.contract import federated
from weir.core.lifecycle import RunEvent
from weir.executors.base import Executor, Seen
from weir.executors.local import LocalExecutor
from weir.executors.settings import LocalSettings
from weir.wire.exchange import RunOrder

T = TypeVar("T")

DEADLINE_S = 30.0
ENDS = {
    RunEvent.SUCCEEDED,
    RunEvent.FAILED,
    RunEvent.CANCELED,
    RunEvent.REFUSED,
    RunEvent.VANISHED,
}


def local(home: Path) -> Executor:
    settings = local_settings(data=data(home), software=software(home))
    return LocalExecutor(settings, home / "local", time.time)


def data(home: Path) -> dict[str, Any]:
    """Jobs may read and write under `home`, and by HTTP on this machine."""
    both = [f"file://{home}/*", "http://127.0.0.1/*"]
    return {"read": both, "write": both, "inside": ["127.0.0.1"]}


def software(home: Path) -> dict[str, Any]:
    """Jobs have the Python that runs the tests, and packages of `home`/wheels."""
    options = ["--no-index", f"--find-links={home}/wheels", "--only-binary=:all:"]
    return {"python": sys.executable, "pip_options": options}


def local_settings(**changes: Any) -> LocalSettings:
    """Four emulated hosts of 8 CPUs, 16 GiB and 2 devices."""
    pool = {
        "name": "pool",
        "hosts": 4,
        "shape": {"cpu_milli": 8000, "memory_bytes": 16 * 2**30, "devices": 2},
        "device_model": "nvidia-h100-sxm5",
        "emulated": True,
    }
    return LocalSettings.model_validate({"pools": [pool], "grace_s": 0.3, **changes})


KINDS: Mapping[str, Callable[[Path], Executor]] = {
    "federated": federated.executor,
    "kubernetes": kubernetes.executor,
    "kubernetes-volume": kubernetes.volume_executor,
    "local": local,
    "ray": ray_cluster.executor,
    "slurm": slurm.by_commands,
    "slurm-rest": slurm.by_rest,
}
"""Every executor under contract: how to make one over a folder."""


def shell(script: str, **changes: Any) -> dict[str, Any]:
    """A task group that runs a line of shell."""
    return {"command": ["/bin/sh", "-c", script], **changes}


def order(run: str, *tasks: dict[str, Any], pool: str = "pool", **changes: Any) -> RunOrder:
    """An order for these task groups; `changes` are of the job file, or of the order itself."""
    tasks = tasks or (shell("true"),)
    own = {name: changes.pop(name) for name in list(changes) if name in RunOrder.model_fields}
    spec = {"name": "job", "tasks": list(tasks), **changes}
    groups = [{"group": t.get("name", "main"), "count": t.get("count", 1)} for t in tasks]
    value = {
        "run": run,
        "revision": 1,
        "job": f"job-{run}",
        "root_job": f"root-{run}",
        "submitter": "tester",
        "pool": pool,
        "groups": groups,
        "spec": spec,
        "start_within_s": 60,
        **own,
    }
    return RunOrder.model_validate(value)


class Bench:
    """An open executor, and all that has been seen of its runs."""

    def __init__(self, make: Callable[[Path], Executor], home: Path) -> None:
        self._make, self.home = make, home
        self.executor = make(home)
        self.seen: list[Seen] = []
        self._woken = threading.Event()

    def __enter__(self) -> Self:
        self.executor.open(self._woken.set)
        return self

    def __exit__(self, *_: object) -> None:
        runs = {s.run for s in self.seen}
        self.executor.cancel([*runs])
        for run in runs:
            self.end(run)
        self.executor.close()

    def restart(self) -> None:
        """Close the executor and open another over the same folder."""
        self.executor.close()
        self.executor, self.seen = self._make(self.home), []
        self.executor.open(self._woken.set)

    def submit(self, *orders: RunOrder) -> None:
        self.executor.submit(orders)

    def events(self, run: str) -> list[RunEvent]:
        """What has been seen of a run so far, in order; the same told again is no news."""
        told = [s.event for s in self.seen if s.run == run]
        return [event for n, event in enumerate(told) if n == 0 or event is not told[n - 1]]

    def wait(self, run: str, *events: RunEvent) -> Seen:
        """The first of these events that is seen of a run."""
        return self.until(
            lambda: next((s for s in self.seen if s.run == run and s.event in events), None),
            f"{run} to be {' or '.join(events)}",
        )

    def end(self, run: str) -> Seen:
        return self.wait(run, *ENDS)

    def started(self, run: str) -> Seen:
        return self.wait(run, RunEvent.STARTED)

    def until(self, found: Callable[[], T | None], what: str, within_s: float = DEADLINE_S) -> T:
        """What `found` gives once it does; asked again whenever the executor wakes us."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline:
            self._woken.clear()
            self.seen += self.executor.observe()
            if (value := found()) is not None:
                return value
            self._woken.wait(0.1)
        raise AssertionError(f"waited in vain for {what}; seen: {self.seen}")

    def run(self, wanted: RunOrder) -> Seen:
        """Submit, and wait for the end."""
        self.submit(wanted)
        return self.end(wanted.run)

    def text(self, run: str, name: str = "stdout") -> str:
        return self.executor.read(run, name, 0, 2**20).decode()

    def until_file(self, path: Path) -> str:
        """The first complete line of a file that a task writes."""

        def line() -> str | None:
            lines = path.read_text().split("\n") if path.exists() else []
            return lines[0] if len(lines) > 1 else None

        return self.until(line, f"a line in {path}")
