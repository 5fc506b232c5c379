"""What the agent of a Slurm costs with thousands of jobs in it: CPU, memory, and calls per look."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from benchmarks.idle import cpu_s
from benchmarks.networks import network
from benchmarks.slurms import network_text, running, until_pools
from benchmarks.tables import Row, show
from tests.slurm import Server

JOBS, SECONDS, SETTLE_S = 5000, 60.0, 20.0
AIM_CPU, AIM_MIB = 2.0, 100
COUNTED = ("squeue", "sinfo", "scontrol", "sacct", "sbatch", "scancel")


def main() -> None:
    """Measure and print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    with running() as server:
        fill(server, jobs)
        counted = count_calls(server)
        with network(
            network_text([server]).replace(" fold:", f" commands: {counted}\n{12 * ' '}fold:")
        ) as up:
            until_pools(up.servers["region"].client, 0)
            agent = agent_of(server.name)
            time.sleep(SETTLE_S)
            before, called, begun = cpu_s(agent), calls(counted), time.perf_counter()
            time.sleep(SECONDS)
            took = time.perf_counter() - begun
            used = 100 * (cpu_s(agent) - before) / took
            children = 100 * child_s(agent) / (took + SETTLE_S)
            made = calls(counted) - called
            memory = agent.memory_info().rss / 2**20
    show(
        f"The agent of a Slurm with {jobs:,} jobs in it, over {took:.0f} s",
        [
            Row("the agent", f"{used:.2f} % of a core", f"at most {AIM_CPU:.0f} %",
                used <= AIM_CPU),
            Row("memory", f"{memory:.0f} MiB", f"at most {AIM_MIB} MiB", memory <= AIM_MIB),
            Row("Slurm's commands that it calls", f"{children:.2f} % of a core"),
            Row("calls a second, all jobs together", f"{made / took:.2f}"),
        ],
    )  # fmt: skip


def fill(server: Server, jobs: int) -> None:
    """So many jobs of somebody else that wait, each a job of its own."""
    line = f"seq {jobs} | xargs -P 4 -I N sbatch --hold -n1 -o /dev/null --wrap true >/dev/null"
    subprocess.run(["sh", "-c", line], env=server.environment, check=True)


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
