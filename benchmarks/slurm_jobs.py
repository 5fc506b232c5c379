"""What Weir adds to a Slurm: time to start, and jobs per second, beside plain sbatch in one run."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.networks import network
from benchmarks.slurms import (
    LIMIT_S,
    PACK_S,
    call_each,
    network_text,
    running,
    stamped,
    starts,
    submit,
    submit_all,
    until_over,
    until_pools,
)
from benchmarks.tables import Row, show
from tests.slurm import Server
from weir.client.http import Client
from weir.wire.jobspec import JobSpec, Tasks

TIMES, JOBS, ROUNDS, AHEAD = 15, 300, 3, 128

EVERY_S = 0.25
"""How often either side is asked whether all have ended, once all are submitted."""

AIM_ADDED_S, AIM_SHARE = 0.5, 0.9


@dataclass(frozen=True)
class Way:
    """How jobs go through Weir: as arrays or not, how long packs may be, all alike or each with
    arguments of its own.
    """

    words: str
    fold: bool = True
    pack_s: float = PACK_S
    differ: bool = False


WAYS = {
    "single": Way("fold: false, an sbatch each", fold=False),
    "each-apart": Way("jobs that differ, pack_s: 0", differ=True, pack_s=0.0),
    "equal-apart": Way("equal jobs, pack_s: 0", pack_s=0.0),
    "each": Way("jobs that differ, Weir's defaults", differ=True),
    "equal": Way("equal jobs, Weir's defaults"),
}
"""By default runs that are asked of Slurm in the same words are arrays, and short ones packs."""


def main() -> None:
    """Measure and print."""
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else JOBS
    with tempfile.TemporaryDirectory(prefix="weir-bench-") as home, running() as server:
        added = added_latency(server, Path(home))
        rates: dict[str, list[float]] = {name: [] for name in ("sbatch", *WAYS)}
        for number in range(ROUNDS):
            rates["sbatch"].append(jobs / by_sbatch(server, jobs))
            for name, way in WAYS.items():
                rates[name].append(jobs / through_weir(server, jobs, way, f"{name}-{number}"))
    show("Slurm: submit at the region to started", latency_rows(*added))
    show(
        f"Slurm: {jobs} jobs of `true` on 32 CPUs, first submission to last end, {ROUNDS} rounds",
        throughput_rows(rates),
        ["sbatch: one call after the other from one script. Rates are jobs per second."],
    )


def latency_rows(plain: list[float], weir: list[float]) -> list[Row]:
    """The medians, and what Weir adds."""
    added = statistics.median(weir) - statistics.median(plain)
    return [
        Row("plain sbatch, median", spread(plain)),
        Row("through the region, median", spread(weir)),
        Row("added", f"{added:.2f} s", f"at most {AIM_ADDED_S} s", added <= AIM_ADDED_S),
    ]


def throughput_rows(rates: dict[str, list[float]]) -> list[Row]:
    """Medians, and each as a share of sbatch's."""
    medians = {name: statistics.median(found) for name, found in rates.items()}
    share = {name: medians[name] / medians["sbatch"] for name in WAYS}
    said = {name: f"{medians[name]:.1f}, {100 * share[name]:.0f} %" for name in WAYS}
    least, more = f"at least {100 * AIM_SHARE:.0f} %", "more than sbatch"
    rows = [Row("plain sbatch", f"{medians['sbatch']:.1f}")]
    for name, way in WAYS.items():
        good = share[name] >= AIM_SHARE if way.differ else share[name] > 1
        aim = least if way.differ else more
        rows.append(
            Row(way.words, said[name], aim, good) if way.fold else Row(way.words, said[name])
        )
    return rows


def spread(seconds: list[float]) -> str:
    """Median and range."""
    return f"{statistics.median(seconds):.2f} s ({min(seconds):.2f} to {max(seconds):.2f})"


def added_latency(server: Server, home: Path) -> tuple[list[float], list[float]]:
    """Seconds from the call to the job's own first line, by sbatch and through the region in turn.

    Both jobs write the time when they start, into files of their own.
    """
    plain, weir = home / "plain", home / "weir"
    for folder in (plain, weir):
        folder.mkdir()
        folder.chmod(0o777)
    script = home / "plain.sh"
    script.write_text("#!/bin/sh\n" + stamped(plain)[-1] + "\n")
    spec = JobSpec(name="start", tasks=(Tasks(command=tuple(stamped(weir))),))
    found: tuple[list[float], list[float]] = ([], [])
    with network(network_text([server])) as up:
        client = up.servers["region"].client
        until_pools(client, 1)
        for number in range(TIMES):
            found[0].append(timed(plain, lambda: server.run("sbatch", "-o", "none", str(script))))
            found[1].append(timed(weir, partial(submit, client, spec, 1, f"start-{number}")))
            until_over(client, "start")
    return found


def timed(folder: Path, act: Callable[[], object]) -> float:
    """Seconds from the act's beginning to the start that it causes."""
    before, begun = len(starts(folder)), time.time()
    act()
    until = time.monotonic() + LIMIT_S
    while len(found := starts(folder)) == before:
        if time.monotonic() > until:
            raise SystemExit("the job did not start")
        time.sleep(0.01)
    return found[-1] - begun


def by_sbatch(server: Server, jobs: int) -> float:
    """Seconds for so many jobs by a script that calls sbatch for each, until Slurm has none.

    Its shell starts the same program that a job of Weir's is, and does not do with a builtin.
    """
    begun = time.perf_counter()
    call_each(server, jobs, "sbatch -n1 -c1 --mem=16M -o /dev/null --wrap /bin/true")
    drain(server)
    return time.perf_counter() - begun


def through_weir(
    server: Server,
    jobs: int,
    way: Way,
    name: str,
    measured: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> float:
    """Seconds for so many jobs submitted at the region, until it knows that all have succeeded.

    `measured` is around that, and not around the start of the network.
    """
    own = [(str(number),) if way.differ else () for number in range(jobs)]
    specs = [
        JobSpec(name=name, tasks=(Tasks(command=("true", *said), memory="16MiB"),)) for said in own
    ]
    text = network_text([server], fold=way.fold, pack_s=way.pack_s, ahead=AHEAD)
    with network(text) as up:
        client: Client = up.servers["region"].client
        until_pools(client, 1)
        with measured():
            begun = time.perf_counter()
            submit_all(client, specs, name)
            until_over(client, name, EVERY_S)
            return time.perf_counter() - begun


def drain(server: Server) -> None:
    """Wait until no job waits or runs."""
    until = time.monotonic() + LIMIT_S
    while server.run("squeue", "-h"):
        if time.monotonic() > until:
            raise SystemExit("Slurm has not finished")
        time.sleep(EVERY_S)


if __name__ == "__main__":
    main()
