"""A real Ray for tests: a head and more nodes on loopback, gone at the end.

Everything is in a folder of its own, on ports of its own. What was started is stopped by process
id: `ray stop` would stop every Ray of the machine.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from weir.executors.base import Executor
from weir.executors.ray import RayExecutor
from weir.executors.ray_records import nodes_of
from weir.executors.settings import RaySettings

RAY_VARIABLE = "WEIR_RAY"
"""Where `scripts/install-ray` has put Ray; its default is asked for without it."""

LATE_S = 1.5
"""How late Ray tells what is used: it looks once a second."""

START_S = 90.0
CPUS, MEMORY_BYTES, GPUS = 8, 16 * 2**30, 2
NODES = 4
RESOURCES = '{"accelerator_type:H100": 1, "license": 4}'


def installed() -> Path | None:
    """The folder of Ray's programs, if it is installed."""
    if given := os.environ.get(RAY_VARIABLE):
        return Path(given) / "bin"
    script = Path(__file__).parents[1] / "scripts" / "install-ray"
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(
        [script, "--where"], env=environment, capture_output=True, text=True, check=True
    )
    where = Path(done.stdout.strip()) / "bin"
    return where if (where / "ray").exists() else None


@dataclass
class Cluster:
    """A Ray under `home`. What it has started it stops, by process id."""

    home: Path
    programs: Path
    port: int
    dashboard: int
    nodes: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.dashboard}"

    @property
    def environment(self) -> dict[str, str]:
        """For Ray alone: nothing of this process's Python, and no look at the network."""
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TZ") if name in os.environ}
        return {
            **kept,
            "PATH": f"{self.programs}:/usr/local/bin:/usr/bin:/bin",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "disabled",  # whatever token another Ray has left in this home
            "RAY_memory_monitor_refresh_ms": "0",  # what others use of this machine is no matter
            "RAY_raylet_start_wait_time_s": "120",
            "AUTOSCALER_UPDATE_INTERVAL_S": "1",  # so soon it tells what is used
            "RAY_DEFAULT_OBJECT_STORE_MEMORY_PROPORTION": "0.01",
        }

    def start(self) -> None:
        """Start the head; returns once it takes jobs."""
        self._start(
            *("--head", f"--port={self.port}", "--dashboard-host=127.0.0.1"),
            *(f"--dashboard-port={self.dashboard}", f"--temp-dir={self.home}"),
            *("--include-dashboard=true", f"--ray-client-server-port={free_port()}"),
        )
        self.until(self._answers, "the dashboard")

    def add_nodes(self, count: int = 1) -> None:
        """Start more nodes; returns once Ray knows them."""
        wanted = len(self.nodes) + count
        for _ in range(count):  # at the same time they get into each other's way
            self._start(f"--address=127.0.0.1:{self.port}")
        self.until(lambda: self.alive() == wanted, "more nodes")

    def kill_node(self) -> None:
        """Take the last node away as a power cut does."""
        mark = f"={self.nodes.pop()}"
        _kill([p for p in self._processes() if any(mark in word for word in p.info["cmdline"])])

    def stop(self) -> None:
        """Stop everything that was started, and what that has started."""
        _kill(self._processes())

    def alive(self) -> int:
        """How many nodes Ray says are there."""
        with suppress(httpx.HTTPError, KeyError, ValueError):
            data = httpx.get(f"{self.url}/nodes?view=summary", timeout=10).json()["data"]
            rows = [row.get("raylet", {}) for row in data["summary"]]
            told = {row["nodeId"] for row in rows if row.get("state") == "ALIVE"}
            return len(told & set(data["nodeLogicalResources"]))
        return 0

    def idle(self) -> bool:
        """Whether Ray tells that nothing of it is used."""
        with suppress(httpx.HTTPError):
            nodes = nodes_of(httpx.get(f"{self.url}/nodes?view=summary", timeout=10).json())
            return not any(any((node.used or {}).values()) for node in nodes)
        return False

    def quiet(self) -> bool:
        """Whether it is idle and stays so: of a run that has just ended Ray tells the use late."""
        if not self.idle():
            return False
        time.sleep(LATE_S)
        return self.idle()

    def until(self, found: Callable[[], Any], what: str, limit_s: float = START_S) -> Any:
        """What `found` gives once it gives something."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if value := found():
                return value
            time.sleep(0.2)
        raise AssertionError(f"waited in vain for {what}\n{self.tail()}")

    def tail(self) -> str:
        """The end of what starting it has printed."""
        return (self.home / "start.log").read_text()[-2000:]

    def _answers(self) -> bool:
        with suppress(httpx.HTTPError):
            version = httpx.get(f"{self.url}/api/version", timeout=10)
            return version.status_code == 200 and self.alive() > 0
        return False

    def _start(self, *options: str) -> None:
        """Start a node. It is known by the port of its agent, which its raylet names."""
        port = free_port()
        command = [
            *(str(self.programs / "ray"), "start", *options, "--node-ip-address=127.0.0.1"),
            *(f"--num-cpus={CPUS}", f"--num-gpus={GPUS}", f"--memory={MEMORY_BYTES}"),
            *(f"--resources={RESOURCES}", "--object-store-memory=80000000"),
            *("--disable-usage-stats", "--min-worker-port=0", "--max-worker-port=0"),
            f"--dashboard-agent-listen-port={port}",
        ]
        with open(self.home / "start.log", "ab") as log:
            done = subprocess.run(
                command, env=self.environment, stdout=log, stderr=log, cwd="/", timeout=2 * START_S
            )
        assert done.returncode == 0, self.tail()
        self.nodes.append(port)

    def _processes(self) -> list[psutil.Process]:
        """Those that name this cluster's folder."""
        found = psutil.process_iter(["cmdline"])
        return [p for p in found if any(str(self.home) in w for w in p.info["cmdline"] or ())]


def _kill(processes: Sequence[psutil.Process]) -> None:
    """Kill these and all that they have started."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            for each in (*process.children(recursive=True), process):
                with suppress(psutil.NoSuchProcess):
                    each.kill()


def make() -> Cluster:
    """A Ray that is not started, in a folder and on ports of its own; skips without Ray."""
    programs = installed()
    if programs is None:
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip("Ray is not installed: scripts/install-ray")
    home = Path(tempfile.mkdtemp(prefix="weir-ray-", dir="/tmp"))
    return Cluster(home, programs, free_port(), free_port())


def started(cluster: Cluster, nodes: int = NODES) -> Iterator[Cluster]:
    """The cluster, started; gone with all its data at the end."""
    try:
        cluster.start()
        cluster.add_nodes(nodes - 1)
        yield cluster
    finally:
        cluster.stop()
        shutil.rmtree(cluster.home, ignore_errors=True)


@pytest.fixture(scope="module")
def ray() -> Iterator[Cluster]:
    """A Ray of four nodes for the tests of one file: those of others keep the machine busy."""
    yield from started(make())


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# -- executors over it, for the contract's suite; its processes find it by the environment.

URL_VARIABLE = "WEIR_TEST_RAY"


def publish(cluster: Cluster) -> None:
    """Tell this process, and those that it starts, where the cluster is. What an earlier test has
    left there would be somebody else's use: the end of that is waited for.
    """
    cluster.until(cluster.quiet, "the end of earlier jobs")
    os.environ[URL_VARIABLE] = cluster.url


def settings(home: Path, **changes: Any) -> RaySettings:
    """One share, `pool`: all nodes, with their GPUs."""
    value = {
        "url": os.environ[URL_VARIABLE],
        "folder": home / "shared",
        "shares": [{"pool": "pool", "emulated": True, **changes.pop("share", {})}],
        "poll_s": 0.2,
        "look_s": 1.0,
        "settle_s": 2.0,
        "data": {"read": [f"file://{home}/*"]},
        "starting": 6,
        **changes,
    }
    return RaySettings.model_validate(value)


def executor(home: Path) -> Executor:
    return RayExecutor(settings(home), home / "ray", time.time)
