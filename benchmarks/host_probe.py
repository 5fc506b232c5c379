"""What the agent of a machine costs that measures it every ten seconds: its CPU and its memory.

One server and one agent with the local executor, joined as `weir up` does it; the agent has the
probes `host`, every ten seconds, and `executor` and `link` as they are without settings. Memory is
the proportional share (PSS) where the system tells it: pages that it shares with others count by
the number of those who have them.

    python -m benchmarks.host_probe [SECONDS]
"""

from __future__ import annotations

import os
import sys
import time

import psutil

from benchmarks.idle import cpu_s, name_of
from benchmarks.networks import network
from benchmarks.tables import Row, show

SECONDS = 120.0
SETTLE_S = 20.0
EVERY_S = 5.0
AIM_CPU = 1.0
AIM_MIB = 80

ONE = """
network: one
domains:
  - {name: nation, kind: national}
sites:
  - name: center
    domains: [nation]
    clusters:
      - name: local
        executor: local
        pools: [{name: cpu, hosts: 1, cpu: 2, memory: 2GiB}]
        probes:
          - {kind: host, pool: cpu, interval_s: 10}
          - {kind: executor}
          - {kind: link}
"""


def main() -> None:
    """Measure and print."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS
    with network(ONE) as running:
        time.sleep(SETTLE_S)
        [agent] = [
            process
            for process in psutil.Process(os.getpid()).children(recursive=True)
            if name_of(process).startswith("agent ")
        ]
        cpu, begun, most = cpu_s(agent), time.perf_counter(), 0.0
        while (left := begun + seconds - time.perf_counter()) > 0:
            time.sleep(min(EVERY_S, left))
            most = max(most, mib_of(agent))
        took = time.perf_counter() - begun
        share = 100 * (cpu_s(agent) - cpu) / took
        whole = agent.memory_info().rss / 2**20
        since = str(time.time() - took)
        came = running.first().client.series(metrics=["memory_seen"], begin=since, step="10s")
    arrived = sum(samples for one in came for *_, samples in one.points)
    show(
        f"An agent with the host probe every 10 s, over {took:.0f} s",
        [
            Row("CPU", f"{share:.2f} % of a core", f"at most {AIM_CPU:.0f} %", share <= AIM_CPU),
            Row("memory (PSS, its most)", f"{most:.0f} MiB", f"at most {AIM_MIB} MB",
                most * 2**20 <= AIM_MIB * 10**6),
            Row("memory (RSS)", f"{whole:.0f} MiB"),
            Row("looks that the server has", f"{arrived}", f"{int(took / 10) - 1} or more",
                arrived >= int(took / 10) - 1),
        ],
    )  # fmt: skip


def mib_of(process: psutil.Process) -> float:
    """The proportional share of memory in MiB; the resident set where that is not told."""
    full = process.memory_full_info()
    return float(getattr(full, "pss", 0) or full.rss) / 2**20


if __name__ == "__main__":
    main()
