"""What a job costs in CPU time, by process: plain sbatch, and through Weir to the same Slurm.

On a machine that does other things, too, jobs per second say more of those than of Weir; CPU time
does not grow when somebody waits. All processes that the two ways start are counted, those that
have ended as well: they are descendants of one process, which also takes on those that have lost
their parent.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import statistics
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator

import psutil

from benchmarks import slurm_jobs
from benchmarks.slurm_jobs import WAYS, Way
from benchmarks.slurms import running
from benchmarks.tables import Row, show
from tests.slurm import Server

JOBS, ROUNDS = 200, 3
TAKE_ON = 36
"""PR_SET_CHILD_SUBREAPER of prctl(2)."""

AIM_EACH = 1 / 0.9

Cost = dict[str, float]
"""CPU seconds by process."""


def main(top: int) -> None:
    """Measure and print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    found: dict[str, list[Cost]] = {name: [] for name in ("sbatch", *WAYS)}
    with running() as server:
        for number in range(ROUNDS):
            found["sbatch"].append(by_sbatch(server, jobs, top))
            for name, way in WAYS.items():
                found[name].append(through_weir(server, jobs, way, f"{name}-{number}", top))
    medians = {name: median(costs, jobs) for name, costs in found.items()}
    show(
        f"Slurm: CPU time of a job of `true`, in ms; {jobs} jobs, medians of {ROUNDS} rounds",
        rows({name: sum(cost.values()) for name, cost in medians.items()}),
        [f"{name}: {words(cost)}" for name, cost in medians.items()],
    )


def rows(ms: dict[str, float]) -> list[Row]:
    """Milliseconds a job, and as a share of what sbatch's take."""
    plain = ms["sbatch"]
    said = {name: f"{ms[name]:.1f}, {100 * ms[name] / plain:.0f} %" for name in WAYS}
    most, less = f"at most {100 * AIM_EACH:.0f} %", "less than sbatch"
    found = [Row("plain sbatch", f"{plain:.1f}")]
    for name, way in WAYS.items():
        good = ms[name] <= AIM_EACH * plain if way.differ else ms[name] < plain
        aim = most if way.differ else less
        found.append(
            Row(way.words, said[name], aim, good) if way.fold else Row(way.words, said[name])
        )
    return found


def under_one_process(act: Callable[[int], None]) -> int:
    """Do it in a child, and wait for whoever else comes to be one; gives how the child has ended.

    `act` is handed the process to which everybody belongs.
    """
    if ctypes.CDLL(None, use_errno=True).prctl(TAKE_ON, 1, 0, 0, 0) != 0:
        raise SystemExit("this system can't count what its processes leave behind")
    top = os.getpid()
    child = os.fork()
    if child == 0:
        act(top)
        return 0
    while True:
        ended, status = os.wait()
        if ended == child:
            return os.waitstatus_to_exitcode(status)


def by_sbatch(server: Server, jobs: int, top: int) -> Cost:
    """The CPU time of so many jobs by a script that calls sbatch for each."""
    with counted(top) as cost:
        slurm_jobs.by_sbatch(server, jobs)
    return cost


def through_weir(server: Server, jobs: int, way: Way, name: str, top: int) -> Cost:
    """The CPU time of so many jobs submitted at the region, of servers and agents, too."""
    cost: Cost = {}
    slurm_jobs.through_weir(server, jobs, way, name, lambda: counted(top, cost))
    return cost


@contextlib.contextmanager
def counted(top: int, cost: Cost | None = None) -> Iterator[Cost]:
    """What all processes under `top` use within the block."""
    found: Cost = {} if cost is None else cost
    before = used(top)
    yield found
    found.update((name, s - before.get(name, 0.0)) for name, s in used(top).items())


def used(top: int) -> Cost:
    """CPU seconds by process; of those that have ended by who has waited for them."""
    found: defaultdict[str, float] = defaultdict(float)
    first = psutil.Process(top)
    for process in (first, *first.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            name = "jobs and their steps" if process.pid == top else name_of(process)
            found[name] += times.user + times.system
            ended = f"{name}'s" if name.startswith("agent") else name
            found[ended] += times.children_user + times.children_system
    return found


def name_of(process: psutil.Process) -> str:
    """What a process is, from its own command line."""
    try:
        line = process.cmdline()
    except psutil.ZombieProcess:
        line = []
    if "serve" in line:
        return f"server {line[line.index('--name') + 1]}"
    if "agent" in line and "--home" in line:
        return "agent " + line[line.index("--home") + 1].rstrip("/").rsplit("/", 1)[-1]
    own = process.pid == os.getpid() or "python" in process.name()
    return "client" if own else process.name()


def median(costs: list[Cost], jobs: int) -> Cost:
    """Milliseconds a job by process: the round whose total is in the middle."""
    middle = statistics.median_low([sum(cost.values()) for cost in costs])
    chosen = next(cost for cost in costs if sum(cost.values()) == middle)
    return {name: 1000 * seconds / jobs for name, seconds in chosen.items()}


def words(cost: Cost) -> str:
    """The largest parts of a cost."""
    parts = sorted(cost.items(), key=lambda part: -part[1])
    return ", ".join(f"{name} {ms:.1f}" for name, ms in parts if ms >= 0.1)


if __name__ == "__main__":
    raise SystemExit(under_one_process(main))
