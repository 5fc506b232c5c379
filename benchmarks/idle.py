"""What an idle network costs: five servers and six agents, their CPU and their memory."""

from __future__ import annotations

import os
import sys
import time

import psutil

from benchmarks.networks import FIVE, network
from benchmarks.tables import Row, show

SECONDS = 60.0
SETTLE_S = 15.0
AIM_CPU = 5.0
AIM_MIB = 150


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with network(FIVE):
        time.sleep(SETTLE_S)
        found = psutil.Process(os.getpid()).children(recursive=True)
        before = {p.pid: cpu_s(p) for p in found}
        begun = time.perf_counter()
        time.sleep(seconds)
        took = time.perf_counter() - begun
        used = {p.pid: cpu_s(p) - before[p.pid] for p in found}
        memory = {p.pid: p.memory_info().rss / 2**20 for p in found}
        names = {p.pid: name_of(p) for p in found}
    total = 100 * sum(used.values()) / took
    largest = max(memory.values())
    rows = [
        Row(names[p], f"{100 * used[p] / took:.2f} % of a core, {memory[p]:.0f} MiB")
        for p in sorted(names, key=names.__getitem__)
    ]
    show(
        f"An idle network of {len(found)} processes, over {took:.0f} s",
        [
            *rows,
            Row("all together", f"{total:.2f} % of a core", f"under {AIM_CPU:.0f} %",
                total < AIM_CPU),
            Row("the largest", f"{largest:.0f} MiB", f"under {AIM_MIB} MiB", largest < AIM_MIB),
        ],
    )  # fmt: skip


def cpu_s(process: psutil.Process) -> float:
    """CPU seconds of a process, user and system."""
    times = process.cpu_times()
    return float(times.user + times.system)


def name_of(process: psutil.Process) -> str:
    """What the process is, from its own command line."""
    line = process.cmdline()
    if "serve" in line:
        return f"server {line[line.index('--name') + 1]}"
    home = line[line.index("--home") + 1].rstrip("/") if "--home" in line else "?"
    return "agent " + "/".join(home.rsplit("/", 2)[-2:])


if __name__ == "__main__":
    main()
