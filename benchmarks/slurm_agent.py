"""What the agent of a Slurm costs with thousands of jobs in it: CPU, memory, and calls a second.

The jobs are held ones of the agent's own user, so that Slurm tells the agent of each of them; and
some runs of the network are out all the while, else nobody would ask.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.idle import cpu_s
from benchmarks.networks import network
from benchmarks.slurms import network_text, running, submit, until_pools
from benchmarks.tables import Row, show
from tests.slurm import Server
from weir.client.http import Client
from weir.core.lifecycle import JobState
from weir.wire.jobspec import JobSpec, Tasks

JOBS, RUNS, SECONDS, SETTLE_S = 5000, 16, 60.0, 20.0
AIM_CPU, AIM_MIB = 2.0, 100
COUNTED = ("squeue", "sinfo", "scontrol", "sacct", "sbatch", "scancel")


def main() -> None:
    """Measure and print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    with running() as server:
        fill(server, jobs)
        counted = count_calls(server)
        with network(network_text([server], commands=counted)) as up:
            client = up.servers["region"].client
            until_pools(client, 1)
            sleeping = Tasks(command=("sleep", "1000"), memory="16MiB")
            submit(client, JobSpec(name="out", tasks=(sleeping,)), RUNS, "out")
            until_running(client, RUNS)
            agent = agent_of(server.name)
            time.sleep(SETTLE_S)
            own, children = cpu_s(agent), child_s(agent)
            called, begun = calls(counted), time.perf_counter()
            time.sleep(SECONDS)
            took = time.perf_counter() - begun
            used = 100 * (cpu_s(agent) - own) / took
            by_children = 100 * (child_s(agent) - children) / took
            made = calls(counted) - called
            memory = agent.memory_info().rss / 2**20
    show(
        f"The agent of a Slurm with {jobs:,} jobs in it and {RUNS} runs out, over {took:.0f} s",
        [
            Row("the agent", f"{used:.2f} % of a core", f"at most {AIM_CPU:.0f} %",
                used <= AIM_CPU),
            Row("memory", f"{memory:.0f} MiB", f"at most {AIM_MIB} MiB", memory <= AIM_MIB),
            Row("Slurm's commands that it calls", f"{by_children:.2f} % of a core"),
            Row("calls of these a second, all jobs together", f"{made / took:.2f}"),
        ],
    )  # fmt: skip


def fill(server: Server, jobs: int) -> None:
    """So many jobs that are held, each a job of its own."""
    line = f"seq {jobs} | xargs -P 4 -I N sbatch --hold -n1 -o /dev/null --wrap true >/dev/null"
    subprocess.run(["sh", "-c", line], env=server.environment, check=True)


def until_running(client: Client, runs: int) -> None:
    """Wait until so many jobs run."""
    until = time.monotonic() + 120
    while len(client.jobs(state=[JobState.RUNNING], limit=runs).jobs) < runs:
        if time.monotonic() > until:
            raise SystemExit(f"{runs} jobs were not running within two minutes")
        time.sleep(0.5)


def count_calls(server: Server) -> Path:
    """A folder of Slurm's commands that note each call of theirs."""
    folder = server.home / "counted"
    folder.mkdir()
    for name in COUNTED:
        script = folder / name
        script.write_text(f'#!/bin/sh\necho {name} >> {folder}/calls\nexec /usr/bin/{name} "$@"\n')
        script.chmod(0o755)
    return folder


def calls(folder: Path) -> int:
    """How many calls were noted."""
    noted = folder / "calls"
    return len(noted.read_text().splitlines()) if noted.exists() else 0


def agent_of(site: str) -> psutil.Process:
    """The agent's process."""
    for process in psutil.Process(os.getpid()).children(recursive=True):
        line = process.cmdline()
        if "agent" in line and any(part.endswith(f"sites/{site}") for part in line):
            return process
    raise SystemExit("the agent is not there")


def child_s(process: psutil.Process) -> float:
    """CPU seconds of the processes that it has started and that have ended."""
    times = process.cpu_times()
    return float(times.children_user + times.children_system)


if __name__ == "__main__":
    main()
