"""The same two Slurm clusters, joined by Slurm's own federation and by Weir, in one run.

The federation is the real one: slurmdbd on MariaDB, both clusters under one key. Two clusters of 4
CPUs and 60 jobs of 2 s: nothing can be quicker than 15 s. Then a job that only fits the sibling of
the cluster where it is submitted.

How soon a Slurm starts what waits in its queue is a matter of its settings, which are the same for
both sides: `python -m benchmarks.slurm_federation WHICH`. `center`, as without a word: when
something ends. `plain`: Slurm's own defaults, and an epilog. `ticking`: without an epilog, and
deferred: what waits starts when Slurm looks at all of its queue, every second.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from benchmarks.networks import network
from benchmarks.slurms import (
    CENTER,
    EPILOG,
    LIMIT_S,
    call_each,
    network_text,
    stamped,
    starts,
    submit,
    until_pools,
)
from benchmarks.tables import Row, show
from tests import slurm
from tests.slurm import Server
from weir.core.lifecycle import JOB_FINAL
from weir.wire.jobspec import JobSpec, Tasks

JOBS, JOB_S, CPUS = 60, 2.0, 4
IDEAL_S = JOBS * JOB_S / (2 * CPUS)
MEMORY_MIB = {"c1": 4096, "c2": 16384}
SETTINGS: Mapping[str, Mapping[str, str]] = {
    "center": CENTER,
    "plain": {"scheduling": "sched_interval=60", "more": EPILOG},
    "ticking": {},
}
NEEDED = ("slurmdbd", "mariadbd", "mariadb-install-db", "sacctmgr", "slurmctld")

DBD = """
AuthType=auth/munge
AuthInfo=socket={home}/c1/run/munge.socket
DbdHost=localhost
DbdPort={port}
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort={database}
StorageUser=root
StoragePass=made-for-this-run
StorageLoc=slurm_acct_db
LogFile={home}/slurmdbd.log
PidFile={home}/slurmdbd.pid
"""

ACCOUNTING = """accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort={port}
AccountingStoragePass={home}/run/munge.socket
FederationParameters=fed_display"""


def main() -> None:
    """Measure and print."""
    path = [program for program in NEEDED if shutil.which(program) is None]
    if path:
        raise SystemExit(
            f"{', '.join(path)} missing: apt-get install --no-install-recommends slurm-wlm "
            "slurmdbd slurm-wlm-jwt-plugin slurmrestd munge mariadb-server"
        )
    which = sys.argv[1] if len(sys.argv) > 1 else "center"
    if which not in SETTINGS:
        raise SystemExit(f"{which!r} is none of {', '.join(SETTINGS)}")
    more = SETTINGS[which]
    with tempfile.TemporaryDirectory(prefix="weir-bench-", dir="/tmp") as home:
        ports = slurm.free_ports(8)
        with federation(Path(home), ports, more) as servers:
            native = by_federation(servers[0], made(Path(home) / "native"))
            refused = sibling_by_federation(servers[0])
        apart = Path(home) / "apart"
        with pair(apart, "accounting_storage/none", ports, more) as servers:
            weir, state = by_weir(servers, made(Path(home) / "weir"))
    rows = [
        Row("the least that is possible", f"{IDEAL_S:.1f} s"),
        Row("Slurm's federation", f"{native:.1f} s"),
        Row("Weir", f"{weir:.1f} s", "nearer to the least", weir < native),
        Row("a job that only the sibling can hold: federation", refused),
        Row("a job that only the sibling can hold: Weir", state, "accepted",
            state == "succeeded"),
    ]  # fmt: skip
    jobs = f"{JOBS} jobs of {JOB_S:g} s on two Slurms of {CPUS} CPUs ({which})"
    show(f"{jobs}, first call to last end", rows)


@contextlib.contextmanager
def pair(
    home: Path, accounting: str, ports: Sequence[int], more: Mapping[str, str]
) -> Iterator[list[Server]]:
    """Two clusters with one key and one CPU count; only the second has much memory."""
    with contextlib.ExitStack() as ending:
        servers: list[Server] = []
        for number, (name, memory) in enumerate(MEMORY_MIB.items()):
            first = ports[3 * number]
            told = accounting.format(home=home / name, port=ports[-2])
            settings = {"cpus": CPUS, "memory": memory, "accounting": told, **more}
            server = Server(made(home / name), first, first + 2, name, settings, nodes=1)
            if servers:
                shutil.copy2(servers[0].home / "munge.key", server.home / "munge.key")
            ending.enter_context(contextlib.contextmanager(slurm.started)(server))
            servers.append(server)
        yield servers


@contextlib.contextmanager
def federation(home: Path, ports: Sequence[int], more: Mapping[str, str]) -> Iterator[list[Server]]:
    """The two clusters in a federation, with a database of their own; on eight ports."""
    port, database = ports[-2:]
    first = made(home / "c1" / "run").parent
    with contextlib.ExitStack() as ending:
        ending.enter_context(running_database(home / "database", database))
        slurm.secret(first / "munge.key", 1024)
        ending.enter_context(running_dbd(home, port, database))
        servers = ending.enter_context(pair(home, ACCOUNTING, ports, more))
        add = ("sacctmgr", "-i", "add", "federation", "pair", "clusters=c1,c2")
        servers[0].run(*add, check=True)
        servers[0].until(
            lambda: "c2" in servers[0].run("scontrol", "show", "federation"), "a federation"
        )
        yield servers


@contextlib.contextmanager
def running_database(home: Path, port: int) -> Iterator[None]:
    """MariaDB on loopback."""
    made(home)
    base = ["--no-defaults", f"--datadir={home}/data"]
    with open(home / "log", "wb") as log:
        prepare = [*base, "--auth-root-authentication-method=normal", "--skip-test-db"]
        subprocess.run(["mariadb-install-db", *prepare], stdout=log, stderr=log, check=True)
        command = [*base, f"--port={port}", "--bind-address=127.0.0.1", "--user=root"]
        files = [f"--socket={home}/socket", f"--pid-file={home}/pid"]
        process = subprocess.Popen(["mariadbd", *command, *files], stdout=log, stderr=log)
    with stopping(process):
        grant = "SET PASSWORD FOR root@localhost = PASSWORD('made-for-this-run')"
        client = ["mariadb", "--no-defaults", f"--socket={home}/socket", "-e", grant]
        until = time.monotonic() + 60
        while subprocess.run(client, capture_output=True).returncode != 0:
            if time.monotonic() > until or process.poll() is not None:
                raise SystemExit(f"MariaDB does not start: {(home / 'log').read_text()[-500:]}")
            time.sleep(0.2)
        yield


@contextlib.contextmanager
def running_dbd(home: Path, port: int, database: int) -> Iterator[None]:
    """slurmdbd, with the first cluster's munged, which is started later: it waits for that."""
    config = home / "slurmdbd.conf"
    config.write_text(DBD.format(home=home, port=port, database=database))
    config.chmod(0o600)
    first = Server(home / "c1", 0, 0, "c1")
    for folder in ("run", "log"):
        made(first.home / folder)
    first.start_munge()
    environment = {**first.environment, "SLURM_CONF": str(config)}
    with open(home / "dbd.out", "wb") as log:
        process = subprocess.Popen(
            ["slurmdbd", "-D"], env=environment, stdout=log, stderr=log, cwd="/"
        )
    with stopping(process):
        until = time.monotonic() + 60
        while not slurm.answers(port):
            if time.monotonic() > until or process.poll() is not None:
                raise SystemExit(f"slurmdbd does not start: {(home / 'slurmdbd.log').read_text()}")
            time.sleep(0.2)
        yield


@contextlib.contextmanager
def stopping(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Stop a process at the end."""
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def by_federation(server: Server, folder: Path) -> float:
    """Seconds for the jobs, submitted one after the other at the first cluster."""
    script = folder.parent / "job.sh"
    script.write_text("#!/bin/sh\n" + stamped(folder, JOB_S)[-1] + "\n")
    begun = time.time()
    call_each(server, JOBS, f"sbatch -n1 -c1 --mem=64M -o /dev/null {script}")
    return until_all(folder) - begun


def sibling_by_federation(server: Server) -> str:
    """What the first cluster says of a job that is too large for it."""
    line = f"sbatch -n1 --mem={MEMORY_MIB['c2'] // 2}M -o /dev/null --wrap true 2>&1"
    said = server.run("sh", "-c", line).splitlines()
    return said[-1] if said else "nothing"


def by_weir(servers: list[Server], folder: Path) -> tuple[float, str]:
    """Seconds for the jobs, submitted at the region; and what becomes of the large job there."""
    command = tuple(stamped(folder, JOB_S))
    spec = JobSpec(name="jobs", tasks=(Tasks(command=command, memory="64MiB"),), walltime="1m")
    large = JobSpec(
        name="large", tasks=(Tasks(command=("true",), memory=f"{MEMORY_MIB['c2'] // 2}MiB"),)
    )
    with network(network_text(servers, ahead=2 * CPUS)) as up:
        client = up.servers["region"].client
        until_pools(client, len(servers))
        begun = time.time()
        submit(client, spec, JOBS, "jobs")
        took = until_all(folder) - begun
        job = submit(client, large, 1, "large")[0]
        until = time.monotonic() + 60
        while (found := client.job(job)).state not in JOB_FINAL and time.monotonic() < until:
            time.sleep(0.1)
        return took, str(found.state)


def until_all(folder: Path) -> float:
    """When the last of the jobs ended, told by their own starts."""
    until = time.monotonic() + LIMIT_S
    while len(found := starts(folder)) < JOBS:
        if time.monotonic() > until:
            raise SystemExit(f"only {len(found)} of {JOBS} jobs have started")
        time.sleep(0.1)
    time.sleep(JOB_S)
    return found[-1] + JOB_S


def made(folder: Path) -> Path:
    """The folder, made for everybody to write into."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return folder


if __name__ == "__main__":
    main()
