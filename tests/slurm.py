"""A real Slurm for tests: a controller, nodes and a REST server on loopback, gone at the end.

Everything is in a folder of its own: its munge key, its configuration, its state. Virtual nodes are
daemons of their own on ports of their own, with devices that are empty files.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from weir.executors.base import Executor
from weir.executors.settings import SlurmSettings
from weir.executors.slurm import SlurmExecutor

NEEDED = ("slurmctld", "slurmd", "slurmrestd", "munged", "sbatch")
START_S = 30.0
NODES, CPUS, MEMORY_MIB, DEVICES = 4, 8, 16384, 2

OFTEN = "sched_interval=1,sched_min_interval=0,bf_interval=1,batch_sched_delay=0"
"""Slurm looks at its queue every second, and not every minute and half-minute."""

CONFIG = """
ClusterName={name}
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={home}/run/munge.socket
CryptoType=crypto/munge
CredType=cred/munge
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key={home}/jwt.key
StateSaveLocation={home}/state
SlurmdSpoolDir={home}/spool/%n
SlurmctldPidFile={home}/run/slurmctld.pid
SlurmdPidFile={home}/run/slurmd.%n.pid
SlurmctldLogFile={home}/log/slurmctld.log
SlurmdLogFile={home}/log/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
JobAcctGatherParams=OverMemoryKill
AccountingStorageType={accounting}
JobCompType=jobcomp/filetxt
JobCompLoc={home}/log/jobcomp.log
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny
ReturnToService=2
SlurmctldTimeout=60
SlurmdTimeout={slurmd_timeout}
InactiveLimit=0
MinJobAge={min_job_age}
KillWait=1
MaxJobCount=50000
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SchedulerType=sched/backfill
SchedulerParameters={scheduling}
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
PropagateResourceLimits=NONE
PlugStackConfig=/dev/null
GresTypes=gpu,npu
{more}
Licenses=solver:2
NodeName={name}-n[1-{nodes}] NodeHostname={host} NodeAddr=127.0.0.1 Port=[{first}-{last}] \
CPUs={cpus} Sockets=1 CoresPerSocket={cpus} ThreadsPerCore=1 RealMemory={memory} \
Gres=gpu:h100:{devices},npu:4 Feature=ib,rack1 State=UNKNOWN
PartitionName=debug Nodes=ALL Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes=ALL MaxTime=60 State=UP PriorityTier=10 PreemptMode=OFF
"""


@dataclass
class Server:
    """A Slurm under `home`. What it has started it stops, by process id."""

    home: Path
    port: int
    rest_port: int
    name: str = "c1"
    settings: Mapping[str, Any] = field(default_factory=dict)
    nodes: int = NODES
    rest: subprocess.Popen[bytes] | None = None

    @property
    def config(self) -> Path:
        return self.home / "slurm.conf"

    @property
    def key(self) -> Path:
        return self.home / "jwt.key"

    @property
    def environment(self) -> dict[str, str]:
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/bin"
        return {**os.environ, "SLURM_CONF": str(self.config), "PATH": path}

    def start(self) -> None:
        """Make everything and start it; returns once all nodes are idle."""
        for folder in ("run", "log", "state", "spool", "dev"):
            (self.home / folder).mkdir(exist_ok=True)
        self.home.chmod(0o755)
        secret(self.home / "munge.key", 1024)
        secret(self.key, 32)
        for number in range(DEVICES):
            (self.home / "dev" / f"gpu{number}").touch()
        values = {
            **{"slurmd_timeout": 60, "min_job_age": 300, "nodes": self.nodes, "cpus": CPUS},
            **{
                "accounting": "accounting_storage/none",
                "scheduling": f"defer_batch,{OFTEN}",
                "more": "",
                "memory": MEMORY_MIB,
                "devices": DEVICES,
                "home": self.home,
                "name": self.name,
            },
            **{"port": self.port, "first": self.port + 1, "last": self.port + self.nodes},
            "host": socket.gethostname().partition(".")[0],
            **self.settings,
        }
        self.config.write_text(CONFIG.format(**values))
        hosts = f"{self.name}-n[1-{self.nodes}]"
        last = DEVICES - 1
        (self.home / "gres.conf").write_text(
            f"NodeName={hosts} Name=gpu Type=h100 File={self.home}/dev/gpu[0-{last}]\n"
            f"NodeName={hosts} Name=npu Count=4\n"
        )
        self.start_munge()
        self.start_controller()
        for number in range(1, self.nodes + 1):
            self.start_node(number)
        self.until(lambda: self.run("sinfo", "-h", "-o", "%T").split() == ["idle"], "idle nodes")

    def stop(self) -> None:
        """Stop everything that was started."""
        with suppress(subprocess.SubprocessError, OSError):
            self.run("scancel", "--user=root")
            self.until(lambda: not self.run("squeue", "-h"), "the end of its jobs", 5)
        self.stop_rest()
        for file in sorted((self.home / "run").glob("*.pid")):
            self._kill(file, signal.SIGKILL)  # all that they have to save is thrown away

    def start_controller(self) -> None:
        self._spawn("slurmctld", "-f", str(self.config))
        self.until(lambda: "UP" in self.run("scontrol", "ping"), "the controller")

    def stop_controller(self, how: int = signal.SIGTERM) -> None:
        self._kill(self.home / "run" / "slurmctld.pid", how)

    def start_node(self, number: int) -> None:
        self._spawn("slurmd", "-N", f"{self.name}-n{number}", "-f", str(self.config))

    def stop_node(self, number: int) -> None:
        self._kill(self.home / "run" / f"slurmd.{self.name}-n{number}.pid", signal.SIGKILL)

    def start_rest(self, versions: Sequence[str] = ("v0.0.38", "v0.0.37", "v0.0.36")) -> str:
        """Start slurmrestd, as somebody who is not root, and give its URL."""
        if self.rest is None:
            nobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
            # Only what needs no slurmdbd: with it slurmrestd would not start.
            plugins = ",".join(f"openapi/{version}" for version in versions)
            command = ["slurmrestd", "-a", "rest_auth/jwt", "-s", plugins]
            command.append(f"127.0.0.1:{self.rest_port}")
            with open(self.home / "log" / "slurmrestd.log", "ab") as log:
                self.rest = subprocess.Popen(
                    [*nobody, *command],
                    env={**self.environment, "SLURM_JWT": "daemon"},
                    stdout=log,
                    stderr=log,
                    cwd="/",
                )
            self.until(lambda: answers(self.rest_port), "slurmrestd")
        return f"http://127.0.0.1:{self.rest_port}"

    def stop_rest(self) -> None:
        if self.rest is not None:
            self.rest.kill()
            self.rest.wait()
            self.rest = None

    def run(self, *command: str, check: bool = False) -> str:
        """What one of Slurm's commands prints."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, timeout=30, check=check
        )
        return done.stdout.strip()

    def until(self, found: Callable[[], Any], what: str, limit_s: float = START_S) -> Any:
        """What `found` gives once it gives something."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if value := found():
                return value
            time.sleep(0.1)
        raise AssertionError(f"waited in vain for {what}\n{self.tail()}")

    def tail(self) -> str:
        """The end of the controller's log."""
        file = self.home / "log" / "slurmctld.log"
        return "\n".join(file.read_text().splitlines()[-15:]) if file.exists() else ""

    def start_munge(self) -> None:
        """Start munged, unless it runs."""
        at = self.home
        if (at / "run" / "munged.pid").exists():
            return
        self._spawn(
            *("munged", "-f", f"--key-file={at}/munge.key", f"--socket={at}/run/munge.socket"),
            *(f"--pid-file={at}/run/munged.pid", f"--log-file={at}/log/munged.log"),
            f"--seed-file={at}/run/munged.seed",
        )

    def _spawn(self, *command: str) -> None:
        """Start a daemon; it puts itself into the background and leaves its process id."""
        with open(self.home / "log" / "start.log", "ab") as log:
            subprocess.run(
                command, env=self.environment, stdout=log, stderr=log, check=True, cwd="/"
            )

    def _kill(self, file: Path, how: int = signal.SIGTERM) -> None:
        """Stop the daemon that left its process id in this file; with more force if it is slow."""
        with suppress(OSError, ValueError, psutil.NoSuchProcess):
            daemon = psutil.Process(int(file.read_text()))
            daemon.send_signal(how)
            until = time.monotonic() + 10
            while daemon.status() != psutil.STATUS_ZOMBIE:  # not everybody's init reaps
                if time.monotonic() > until:
                    daemon.kill()
                time.sleep(0.02)
        with suppress(OSError):
            file.unlink()


def make(name: str = "c1", **settings: Any) -> Server:
    """A Slurm that is not started, in a folder and on ports of its own; skips without Slurm."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    absent = [program for program in NEEDED if shutil.which(program, path=path) is None]
    if absent or os.geteuid() != 0:
        # For `pytest -m real` elsewhere; `make test-real` installs it and takes a skip for a
        # failure.
        pytest.skip(f"Slurm's tests need root and {', '.join(absent) or 'nothing else'}")
    home = Path(tempfile.mkdtemp(prefix="weir-slurm-", dir="/tmp"))
    port, *_, rest = free_ports(NODES + 2)
    return Server(home, port, rest, name, settings)


def started(server: Server) -> Iterator[Server]:
    """The server, started; gone with all its data at the end."""
    try:
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.home, ignore_errors=True)


@pytest.fixture(scope="module")
def slurm() -> Iterator[Server]:
    """A Slurm for the tests of one file: those of others keep the machine busy."""
    yield from started(make())


def free_ports(count: int) -> Sequence[int]:
    """So many ports in a row that nobody uses."""
    for first in range(20000 + os.getpid() % 1000 * 10, 32000, count):
        ports = range(first, first + count)
        if all(_free(port) for port in ports):
            return ports
    raise RuntimeError("no free ports")


def _free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def secret(path: Path, size: int) -> None:
    if not path.exists():
        path.write_bytes(os.urandom(size))
        path.chmod(0o400)


# -- executors over it, for the contract's suite; its processes find it by the environment.

CONFIG_VARIABLE, REST_VARIABLE = "WEIR_TEST_SLURM", "WEIR_TEST_SLURM_REST"


def publish(server: Server) -> None:
    """Tell this process, and those that it starts, where the server is."""
    os.environ[CONFIG_VARIABLE] = str(server.config)
    os.environ[REST_VARIABLE] = server.start_rest()


def settings(home: Path, **changes: Any) -> SlurmSettings:
    """One share, `pool`: the nodes of the partition `debug`, with their GPUs."""
    share = {"partition": "debug", "pool": "pool", "emulated": True, **changes.pop("share", {})}
    urls = [f"file://{home}/*", "http://127.0.0.1/*"]
    value = {
        "folder": home / "shared",
        "config": os.environ[CONFIG_VARIABLE],
        "shares": [share],
        "poll_s": 0.2,
        "look_s": 0.5,
        "settle_s": 2.0,
        "data": {"read": urls, "write": urls, "inside": ["127.0.0.1"]},
        **changes,
    }
    return SlurmSettings.model_validate(value)


def by_commands(home: Path) -> Executor:
    return SlurmExecutor(settings(home), home / "slurm", time.time)


def by_rest(home: Path) -> Executor:
    return SlurmExecutor(rest_settings(home), home / "slurm", time.time)


def rest_settings(home: Path, **changes: Any) -> SlurmSettings:
    key = Path(os.environ[CONFIG_VARIABLE]).parent / "jwt.key"
    rest = {"url": os.environ[REST_VARIABLE], "user": "root", "key_file": key}
    return settings(home, rest={**rest, **changes.pop("rest", {})}, **changes)
