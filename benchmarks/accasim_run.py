"""AccaSim 1.1.3 on one log in Standard Workload Format, timed: the peer of the simulator's speed.

This runs in an environment of its own, where Weir is not installed, and prints one JSON object:

    python -m venv DIR
    DIR/bin/pip install --no-deps accasim==1.1.3 psutil==7.2.2 sortedcontainers==2.4.0
    DIR/bin/python benchmarks/accasim_run.py LOG.swf[.gz] --cores 256 --policy fifo|easy [--hosts 1]

    -> {"jobs", "mean_wait_s", "wall_s", "cpu_s", "policy", "accasim", "python"}

These three are all that a simulation needs: AccaSim also names matplotlib, numpy and scipy, for
plots and for making workloads. It was written for Python 3.5 and looks for `Mapping` where Python
had it until 3.9, so it is put back there before AccaSim is loaded; nothing else is changed.

Everything is chosen in AccaSim's favor: no output files, no statistics, the cheapest check of the
requests (a job larger than everything is turned away, without which it would never end), and by
default all cores in one host, which its allocator is fastest with. `wall_s` is from before the
simulator is built to after the last job has ended, so it includes reading the log, as Weir's does,
and not the start of Python; `cpu_s` is the processor's time for the same. The run time serves as
estimate where a log has none. Times are in seconds.

Mean waits under `easy` are to be compared with care: AccaSim 1.1.3 hands its allocator an empty
list of reserved hosts, so whatever fits is started and may delay the first in the queue. Where that
never matters it agrees with EASY; on a loaded machine it waits less than EASY does.
"""

from __future__ import annotations

import argparse
import collections
import collections.abc
import gzip
import json
import logging
import platform
import shutil
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from time import perf_counter, process_time
from typing import Any


def main() -> None:
    """Simulate the log that the command line names."""
    parser = argparse.ArgumentParser(description="Time AccaSim on one SWF log.")
    parser.add_argument("log", type=Path)
    parser.add_argument("--cores", type=int, required=True)
    parser.add_argument("--policy", choices=("fifo", "easy"), default="fifo")
    parser.add_argument("--hosts", type=int, default=1, help="hosts that share the cores equally")
    given = parser.parse_args()
    if given.cores % given.hosts:
        sys.exit(f"{given.cores} cores can't be shared equally by {given.hosts} hosts.")
    with tempfile.TemporaryDirectory() as folder:
        log = unpacked(given.log, Path(folder))
        waits, left_out, (wall_s, cpu_s) = simulate(
            log, Path(folder), given.cores, given.hosts, given.policy
        )
    if left_out or not waits:
        sys.exit(f"AccaSim ran {len(waits)} jobs of {given.log} and not {left_out} others.")
    result = {
        "jobs": len(waits),
        "mean_wait_s": sum(waits) / len(waits),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "policy": given.policy,
        "accasim": version("accasim"),
        "python": platform.python_version(),
    }
    print(json.dumps(result))


def unpacked(log: Path, folder: Path) -> Path:
    """The log as plain text, which is all that AccaSim reads, with an end to its last line."""
    plain = folder / log.name.removesuffix(".gz")
    read = gzip.open if log.suffix == ".gz" else open
    with read(log, "rb") as source, plain.open("wb") as target:
        shutil.copyfileobj(source, target)
        target.write(b"\n; end\n")
    return plain


def simulate(
    log: Path, folder: Path, cores: int, hosts: int, policy: str
) -> tuple[list[int], int, tuple[float, float]]:
    """Waits of the jobs that ran, how many others there were, and the time (wall, processor)."""
    collections.Mapping = collections.abc.Mapping  # type: ignore[attr-defined]
    from accasim.base.allocator_class import FirstFit  # type: ignore[import-not-found]
    from accasim.base.scheduler_class import (  # type: ignore[import-not-found]
        EASYBackfilling,
        FirstInFirstOut,
        JobVerification,
    )
    from accasim.base.simulator_class import Simulator  # type: ignore[import-not-found]
    from accasim.utils.reader_class import DefaultTweaker  # type: ignore[import-not-found]

    class RunTimeAsEstimate(DefaultTweaker):  # type: ignore[misc]
        def tweak_function(self, row: dict[str, Any]) -> Any:
            if row["requested_time"] <= 0:
                row["requested_time"] = row["duration"]
            return super().tweak_function(row)

    system = folder / "system.json"
    system.write_text(
        json.dumps(
            {
                "groups": {"host": {"core": cores // hosts}},
                "resources": {"host": hosts},
                "equivalence": {"processor": {"core": 1}},
                "start_time": 0,
            }
        )
    )
    dispatcher = FirstInFirstOut if policy == "fifo" else EASYBackfilling
    begin, begin_cpu = perf_counter(), process_time()
    simulator = Simulator(
        str(log),
        str(system),
        dispatcher(FirstFit(), job_check=JobVerification.CHECK_TOTAL),
        tweak_function=RunTimeAsEstimate(0),
        scheduling_output=False,
        statistics_output=False,
        show_statistics=False,
        LOG_LEVEL="INFO",
        RESULTS_FOLDER_PATH=str(folder),
    )
    logging.getLogger("accasim").setLevel(logging.ERROR)
    simulator.start_simulation()
    took = perf_counter() - begin, process_time() - begin_cpu
    waits = list(simulator.mapper.wtimes)
    return waits, simulator.loaded_jobs - len(waits), took


if __name__ == "__main__":
    main()
