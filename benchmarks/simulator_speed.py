"""How fast the simulator is: beside AccaSim 1.1.3 on known logs, and on a log of a million jobs.

AccaSim is installed into an environment of its own in a temporary folder (its pins stand in
`benchmarks.accasim_run`) and run here and now, one after the other with ours, each in a process of
its own. A time is from before the log is read until all jobs have ended; "as a whole" also has the
start of Python and the loading of everything. Ours reads its compiled kernel from disk; compiling
it, once on a machine, is a row of its own. AccaSim's rows are single runs, ours medians of three.

AccaSim's `easy` lets whatever fits pass the first in the queue, so it has less to do and waits
differ; under `fifo` both say the same, and that is compared too.

The million jobs are drawn after the model of Lublin and Feitelson (JPDC 2003): sizes, run times and
a daily cycle, for 1,024 cores at nine tenths of what these can do. That is too much for `fifo`,
whose queue grows to the end: the harder case. The time is of the whole process, from the start of
Python, with the reading of the file.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from rich.progress import Progress

from benchmarks.tables import Row, show
from benchmarks.traces import parser, there

AIM_TIMES, AIM_MILLION_S, AIM_BYTES = 20.0, 60.0, 2 * 10**9
LIMIT_S = 900
PINS = ("accasim==1.1.3", "psutil==7.2.2", "sortedcontainers==2.4.0")
LUBLIN, NASA = "swf/lublin_256.swf", "swf/NASA-iPSC-1993-3.1-cln.swf.gz"
CASES = (
    (LUBLIN, 256, "fifo", "Lublin, fifo"),
    (LUBLIN, 256, "easy", "Lublin, easy"),
    (NASA, 128, "fifo", "NASA iPSC, fifo"),
    (NASA, 128, "easy", "NASA iPSC, easy"),
)
MILLION, CORES, LOAD = 1_000_000, 1024, 0.9
ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Ran:
    """A run in a process of its own. `whole_s` and `whole_cpu_s` are of all of that process."""

    mean_wait_s: float
    wall_s: float
    cpu_s: float
    whole_s: float
    whole_cpu_s: float
    ready_s: float = 0.0
    peak_bytes: int = 0


def main() -> None:
    """Measure and print; with --replay be one of the runs."""
    given = parser("The simulator beside AccaSim, and a million jobs.")
    given.add_argument("--accasim", type=Path, help="a Python that has AccaSim already")
    given.add_argument("--runs", type=int, default=3, help="of ours")
    given.add_argument("--replay", type=Path, help=argparse.SUPPRESS)
    given.add_argument("--cores", type=int, default=256, help=argparse.SUPPRESS)
    given.add_argument("--policy", default="fifo", help=argparse.SUPPRESS)
    asked = given.parse_args()
    if asked.replay is not None:
        replay(asked.replay, asked.cores, asked.policy)
        return
    with tempfile.TemporaryDirectory() as folder, Progress(transient=True) as progress:
        task = progress.add_task("a million jobs", total=None)
        rows = million_rows(Path(folder), asked.runs)
        title = "Simulator, one process, one core"
        if there(title, asked.traces, [LUBLIN, NASA]):
            progress.update(task, description="AccaSim and ours")
            rows = peer_rows(asked.traces, Path(folder), asked.accasim, asked.runs) + rows
        progress.update(task, description="compiling")
        rows.append(compile_row(Path(folder)))
    show(title, rows)


def replay(log: Path, cores: int, name: str) -> None:
    """Simulate one log and print what it took, as JSON."""
    begun = perf_counter()
    from weir.scheduling.policies import policy
    from weir.sim.engine import simulate
    from weir.sim.loaders.swf import load_swf
    from weir.sim.networks import flat_pool
    from weir.sim.workload import workload

    chosen, pools = policy(name), [flat_pool(cores=cores)]
    one = workload("one job", ["job"], submit_s=[0.0], duration_s=[1.0], cpu_milli=[1000])
    simulate(one, pools, chosen)  # loads the kernel
    ready = perf_counter() - begun
    begun, begun_cpu = perf_counter(), process_time()
    outcome = simulate(load_swf(log), pools, chosen)
    took = perf_counter() - begun, process_time() - begun_cpu
    if not outcome.done.all():
        raise SystemExit(f"{(~outcome.done).sum()} jobs of {log} never ended")
    unit = 1 if sys.platform == "darwin" else 1024
    said = {
        "mean_wait_s": float((outcome.start_s - outcome.workload.submit_s).mean()),
        "wall_s": took[0],
        "cpu_s": took[1],
        "ready_s": ready,
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit,
    }
    print(json.dumps(said))


def ours(log: Path, cores: int, name: str, **environment: str) -> Ran:
    """One simulation of ours in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.simulator_speed"]
    return ran([*command, "--replay", str(log), "--cores", str(cores), "--policy", name],
               **environment)  # fmt: skip


def ran(command: list[str], **environment: str) -> Ran:
    """Run a command whose last line says what it took. Raises `subprocess.SubprocessError`."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begun = perf_counter()
    done = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, timeout=LIMIT_S,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    whole = perf_counter() - begun
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    known = {name: said[name] for name in Ran.__slots__ if name in said}
    return Ran(**known, whole_s=whole, whole_cpu_s=cpu)


def peer_rows(traces: Path, folder: Path, given: Path | None, runs: int) -> list[Row]:
    """Ours beside AccaSim's on every case."""
    python, problem = (given, "") if given is not None else installed(folder / "accasim")
    rows: list[Row] = []
    for file, cores, name, title in CASES:
        log = traces / file
        mine = [ours(log, cores, name) for _ in range(runs)]
        wall = median(each.wall_s for each in mine)
        if python is None:
            rows.append(Row(f"{title}: ours {wall:.3f} s; AccaSim", f"not run: {problem}"))
            continue
        try:
            theirs = ran([str(python), str(ROOT / "benchmarks" / "accasim_run.py"), str(log),
                          "--cores", str(cores), "--policy", name])  # fmt: skip
        except subprocess.SubprocessError as failure:
            rows.append(Row(f"{title}: ours {wall:.3f} s; AccaSim", f"not run: {said(failure)}"))
            continue
        rows += compared(title, mine, theirs, counts=file == LUBLIN and name == "fifo")
    return rows


def compared(title: str, mine: list[Ran], theirs: Ran, counts: bool) -> list[Row]:
    """The rows of one case; only with `counts` is there an aim."""

    def row(what: str, ours_s: float, theirs_s: float, aimed: bool) -> Row:
        times = theirs_s / ours_s
        measured = f"{ours_s:.3f} s to {theirs_s:.2f} s: {times:,.0f} times"
        aim = f"{AIM_TIMES:.0f} times" if aimed else ""
        return Row(f"{title}: {what}", measured, aim, times >= AIM_TIMES if aimed else None)

    wall = median(each.wall_s for each in mine)
    cpu = median(each.cpu_s for each in mine)
    whole = median(each.whole_s for each in mine)
    rows = [
        row("on the clock, ours to AccaSim's", wall, theirs.wall_s, counts),
        row("of the processor", cpu, theirs.cpu_s, counts),
    ]
    if counts:
        rows.append(row("as a whole, with the start of Python", whole, theirs.whole_s, False))
        same = abs(mine[0].mean_wait_s - theirs.mean_wait_s) <= 1e-6 * theirs.mean_wait_s
        waits = f"{mine[0].mean_wait_s:,.1f} s, AccaSim {theirs.mean_wait_s:,.1f} s"
        rows.append(Row(f"{title}: mean wait", waits, "the same", same))
    return rows


def installed(folder: Path) -> tuple[Path | None, str]:
    """A Python of its own with AccaSim, or None and why not."""
    python = folder / "bin" / "python"
    commands = (
        [sys.executable, "-m", "venv", str(folder)],
        [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet",
         "install", "--no-deps", *PINS],
    )  # fmt: skip
    try:
        for command in commands:
            subprocess.run(command, timeout=300, capture_output=True, text=True, check=True)
    except subprocess.SubprocessError as failure:
        return None, f"it could not be installed ({said(failure)})"
    return python, ""


def said(failure: subprocess.SubprocessError) -> str:
    """The last line that the command wrote, or what happened to it."""
    text = getattr(failure, "stderr", None)
    lines = text.strip().splitlines() if isinstance(text, str) else []
    return lines[-1] if lines else str(failure)


def million_rows(folder: Path, runs: int) -> list[Row]:
    """The million-job log under two policies."""
    log = folder / "million.swf"
    write_log(log, MILLION, CORES, seed=1)
    rows = []
    for name in ("fifo", "easy"):
        mine = [ours(log, CORES, name) for _ in range(runs)]
        whole = median(each.whole_s for each in mine)
        peak = max(each.peak_bytes for each in mine)
        rows += [
            Row(f"{MILLION:,} jobs, {name}: as a whole",
                f"{whole:.1f} s, of it {median(m.wall_s for m in mine):.1f} s reading and "
                f"simulating", f"{AIM_MILLION_S:.0f} s", whole <= AIM_MILLION_S),
            Row(f"{MILLION:,} jobs, {name}: memory at most", f"{peak / 1e9:.2f} GB", "2 GB",
                peak <= AIM_BYTES),
        ]  # fmt: skip
    log.unlink()
    return rows


def write_log(path: Path, jobs: int, cores: int, seed: int) -> None:
    """A log in Standard Workload Format: sizes and run times of Lublin's model, a daily cycle."""
    chance = np.random.default_rng(seed)
    high = np.log2(cores)
    low_sizes = chance.random(jobs) < 0.86
    log2_size = np.where(
        low_sizes, chance.uniform(0.8, high - 2.5, jobs), chance.uniform(high - 2.5, high, jobs)
    )
    powers = chance.random(jobs) < 0.576
    size = np.rint(2 ** np.where(powers, np.rint(log2_size), log2_size)).astype(np.int64)
    size[chance.random(jobs) < 0.244] = 1
    short = chance.random(jobs) < np.clip(0.78 - 0.0054 * size, 0.05, 0.95)
    log_run = np.where(short, chance.gamma(4.2, 0.94, jobs), chance.gamma(312.0, 0.03, jobs))
    run = np.maximum(1, np.exp(np.minimum(log_run, 12.0))).astype(np.int64)
    # Asked for is more than it takes, in whole quarters of an hour, as people do.
    asked = -(-run * chance.uniform(1, 4, jobs) // 900).astype(np.int64) * 900
    span = float((run * size).sum()) / (LOAD * cores)
    # Three of four arrivals in the twelve busy hours of a day.
    at = np.sort(chance.random(jobs)) * span
    day, hour = np.divmod(at, 86_400.0)
    share = hour / 86_400.0
    within = np.where(share < 0.75, share / 0.75 * 0.5, 0.5 + (share - 0.75) / 0.25 * 0.5)
    submit = (day * 86_400.0 + within * 86_400.0).astype(np.int64)
    user = chance.integers(1, 200, jobs)
    with path.open("w", encoding="ascii") as file:
        file.write(f"; MaxProcs: {cores}\n")
        columns = (submit, run, size, asked, user)
        for n, (s, r, p, a, u) in enumerate(zip(*(c.tolist() for c in columns), strict=True), 1):
            file.write(f"{n} {s} -1 {r} {p} -1 -1 {p} {a} -1 1 {u} 1 1 1 1 -1 -1\n")


def compile_row(folder: Path) -> Row:
    """What the compiler takes where nothing is compiled yet, and what loading takes later."""
    log = folder / "few.swf"
    write_log(log, 100, CORES, seed=1)
    cold = ours(log, CORES, "fifo", NUMBA_CACHE_DIR=str(folder / "cache"))
    warm = ours(log, CORES, "fifo")
    return Row(
        "compiling the kernel, once on a machine",
        f"{cold.ready_s:.0f} s; loading {warm.ready_s:.1f} s",
    )


if __name__ == "__main__":
    main()
