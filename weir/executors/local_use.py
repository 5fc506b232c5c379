"""What runs on this machine use, as /proc tells it of their processes.

CPU time of a task that has ended is what was last seen of it: a total never falls. Memory counts
pages that processes share for each of them. What accelerators do, /proc does not tell.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from weir.executors import local_process
from weir.executors.local_run import Run
from weir.wire.usage import RunUse


class Uses:
    """Reads what runs use. It remembers the most that each task was seen to have taken."""

    def __init__(self) -> None:
        self._cpu_ms: dict[str, dict[int, int]] = {}

    def read(self, runs: Sequence[Run], now: float) -> list[RunUse]:
        """Those of these runs of which a process is alive."""
        sessions = {task.pid: (run, task.number) for run in runs for task in run.alive}
        found = local_process.use_by_session(sessions) if sessions else {}
        memory: dict[str, int] = {}
        for pid, (cpu_ms, rss_bytes) in found.items():
            run, number = sessions[pid]
            seen = self._cpu_ms.setdefault(run.id, {})
            seen[number] = max(cpu_ms, seen.get(number, 0))
            memory[run.id] = memory.get(run.id, 0) + rss_bytes
        return [
            RunUse(run=name, at=now, cpu_ms=sum(self._cpu_ms[name].values()), memory_bytes=held)
            for name, held in memory.items()
        ]

    def keep(self, runs: Collection[str] | Mapping[str, object]) -> None:
        """Forget all others than these."""
        for name in [name for name in self._cpu_ms if name not in runs]:
            del self._cpu_ms[name]
