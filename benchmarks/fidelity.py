"""Whether simulations say what others measured: waits and completion times on four known cases.

Known figures: NASA iPSC on 128 cores and Lublin's first-in-first-out on 256 are what AccaSim 1.1.3
and a plain reference simulator agree on; the others are from the plain reference (`tests/sim/plain`
has one). Ties go by arrival; a job without an estimate has its run time for one.

`learned` is told no durations: it orders by what the past jobs of a user took. Beside it stands the
shortest job first, which is told all of them. That it does not starve the longest 5 % of the jobs
means here: their mean wait is at most 1.1 times that under first-in-first-out, and the worst wait
among them is less than the shortest-job-first's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tables import Row, show
from benchmarks.traces import parser, there
from weir.core.inventory import Pool
from weir.scheduling.policies import policy
from weir.sim.engine import simulate
from weir.sim.loaders.columns import load_csv
from weir.sim.loaders.swf import load_swf
from weir.sim.networks import flat_pool
from weir.sim.outcome import Outcome
from weir.sim.workload import Floats, Workload

TOLERANCE = 0.001
ABOVE_SJF = 1.15
LONGEST = 0.05
LONG_WAIT = 1.1
PHILLY = "philly/philly20k.csv"
NASA = "swf/NASA-iPSC-1993-3.1-cln.swf.gz"
LUBLIN = "swf/lublin_256.swf"
PHILLY_MAP = "submit=submit_time,duration=duration,devices=num_gpu,user=user"


@dataclass(frozen=True, slots=True)
class Case:
    """A workload on one pool, and the known mean by policy: of completion, or of waits, seconds."""

    name: str
    file: str
    pool: Pool
    completion: bool
    known: Mapping[str, float]


CASES = (
    Case("philly20k, 600 GPUs", PHILLY, flat_pool(devices=600), True,
         {"fifo": 15_804.2972, "sjf": 12_159.1596}),
    Case("NASA iPSC, 128 cores", NASA, flat_pool(cores=128), False,
         {"fifo": 8.00466, "easy": 4.02807}),
    Case("Lublin, 256 cores", LUBLIN, flat_pool(cores=256), False,
         {"fifo": 2_388_443.7601, "easy": 97_155.9945}),
)  # fmt: skip


def main() -> None:
    """Measure and print."""
    asked = parser("Simulated figures beside known ones.").parse_args()
    title = "Fidelity: simulated means beside known ones"
    if not there(title, asked.traces, [case.file for case in CASES]):
        return
    rows: list[Row] = []
    for case in CASES:
        load = read(asked.traces / case.file)
        found = {name: simulate(load, [case.pool], policy(name)) for name in case.known}
        rows += [known_row(case, name, outcome) for name, outcome in found.items()]
        if case.file == PHILLY:
            learned = simulate(load, [case.pool], policy("learned"))
            rows += learned_rows(found["fifo"], found["sjf"], learned)
    show(title, rows, [f"Within {TOLERANCE:.1%} of the known figure counts as reached."])


def read(path: Path) -> Workload:
    """A log or a CSV of Philly's layout."""
    return load_csv(path, PHILLY_MAP) if path.suffix == ".csv" else load_swf(path)


def known_row(case: Case, name: str, outcome: Outcome) -> Row:
    """A mean beside the known one."""
    times = completion_s(outcome) if case.completion else wait_s(outcome)
    known, mean = case.known[name], float(times.mean())
    what = f"{case.name}, {name}: mean {'completion' if case.completion else 'wait'}"
    apart = mean / known - 1
    aim = f"{known:,.3f} s ({apart:+.5%})"
    return Row(what, f"{mean:,.3f} s", aim, abs(apart) <= TOLERANCE)


def learned_rows(fifo: Outcome, sjf: Outcome, learned: Outcome) -> list[Row]:
    """The policy that learns, beside the one that is told."""
    means = [float(completion_s(outcome).mean()) for outcome in (sjf, learned)]
    ratio = means[1] / means[0]
    duration = learned.workload.duration_s
    longest = np.argsort(-duration, kind="stable")[: round(LONGEST * len(duration))]
    waits = [wait_s(outcome)[longest] for outcome in (fifo, sjf, learned)]
    mean = [float(each.mean()) for each in waits]
    worst = [float(each.max()) for each in waits]
    return [
        Row("philly20k, learned: mean completion",
            f"{means[1]:,.1f} s, {ratio:.3f} times SJF's", f"{ABOVE_SJF} times",
            ratio <= ABOVE_SJF),
        Row(f"the longest {LONGEST:.0%}, learned: mean wait",
            f"{mean[2]:,.0f} s, {mean[2] / mean[0]:.2f} times FIFO's (SJF's: "
            f"{mean[1] / mean[0]:.2f})", f"{LONG_WAIT} times", mean[2] <= LONG_WAIT * mean[0]),
        Row(f"the longest {LONGEST:.0%}, learned: worst wait",
            f"{worst[2]:,.0f} s, {worst[2] / worst[0]:.2f} times FIFO's",
            f"below SJF's {worst[1] / worst[0]:.2f} times", worst[2] < worst[1]),
    ]  # fmt: skip


def wait_s(outcome: Outcome) -> Floats:
    """From submission to start. A job that never started is a fault here."""
    if not outcome.done.all():
        raise SystemExit(f"{(~outcome.done).sum()} jobs of {outcome.workload.name} never ended")
    return outcome.start_s - outcome.workload.submit_s


def completion_s(outcome: Outcome) -> Floats:
    """From submission to end."""
    return wait_s(outcome) + outcome.end_s - outcome.start_s


if __name__ == "__main__":
    main()
