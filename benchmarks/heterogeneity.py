"""Training jobs on GPUs of three models: mean completion and makespan beside Gavel's.

Gavel (Narayanan et al., OSDI 2020) gives for two of its traces what it reaches with V100s, P100s
and K80s, 4 of each and 12 of each: the mean completion under max-min fairness, and the makespan
under the policy that minimizes it. Jobs run at the speeds that Gavel measured for each model. Ours
is one policy for all four, `heterogeneity`: each job on the model where its kind gains most.

What is assumed, as in `weir.sim.rounds`: a plan is made every 360 s, as by Gavel, and also when a
job comes or ends (Gavel leaves devices empty until the round is over; that is a row of its own). A
start, a restart and a move take 20 s in which the devices are held and nothing is done, and a job
that is stopped loses nothing else; 0 and 60 s are rows of their own. Two jobs never share a device,
and speeds don't depend on where in the cluster a gang is. Ours knows how many steps each job has
left, as Gavel's makespan policy does; max-min fairness, which stands beside our mean completion,
makes no use of that.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track

from benchmarks.tables import Row, show
from benchmarks.traces import parser, there
from weir.sim.in_turn import ROUND_POLICIES
from weir.sim.loaders.gavel import Throughputs, load_gavel, load_throughputs
from weir.sim.outcome import Outcome
from weir.sim.rounds import ROUND_S, SWITCH_S, simulate_rounds
from weir.sim.workload import Workload

MODELS = ("v100", "p100", "k80")
THROUGHPUTS = "gavel/simulation_throughputs.json"
OTHER_SWITCH_S = (0.0, 60.0)
HOUR_S = 3600.0


@dataclass(frozen=True, slots=True)
class Case:
    """A trace on so many devices of each model; what Gavel reaches, in hours."""

    trace: str
    devices: int
    makespan: bool
    gavel_h: float

    @property
    def name(self) -> str:
        """The measure and the cluster."""
        what = "makespan" if self.makespan else "mean completion"
        return f"{what} on {self.devices}:{self.devices}:{self.devices}"


CASES = (
    Case("gavel/max_min_fairness.trace", 4, False, 18.38),
    Case("gavel/max_min_fairness.trace", 12, False, 4.16),
    Case("gavel/minimize_makespan.trace", 4, True, 61.23),
    Case("gavel/minimize_makespan.trace", 12, True, 20.92),
)


def main() -> None:
    """Measure and print."""
    asked = parser("Mean completion and makespan beside Gavel's.").parse_args()
    title = "Heterogeneity: Gavel's traces"
    if not there(title, asked.traces, [THROUGHPUTS, *(case.trace for case in CASES)]):
        return
    speeds = load_throughputs(asked.traces / THROUGHPUTS)
    rows: list[Row] = []
    for case in track(CASES, "heterogeneity", transient=True):
        load = load_gavel(asked.traces / case.trace)
        rows += case_rows(case, load, speeds)
    show(
        title,
        rows,
        [
            f"Plans every {ROUND_S:g} s and when a job comes or ends; {SWITCH_S:g} s a start or a "
            "move unless said otherwise. Ours knows the steps that each job has left; Gavel's "
            "makespan policy does too, its max-min fairness does not.",
        ],
    )


def case_rows(case: Case, load: Workload, speeds: Throughputs) -> list[Row]:
    """The case as it counts, and under other assumptions."""
    hours = measured(case, load, speeds)
    rows = [Row(case.name, f"{hours:.2f} h", f"Gavel {case.gavel_h} h", hours <= case.gavel_h)]
    for switch_s in OTHER_SWITCH_S:
        other = measured(case, load, speeds, switch_s)
        rows.append(Row(f"  with {switch_s:g} s a start or a move", f"{other:.2f} h"))
    late = measured(case, load, speeds, only_rounds=True)
    rows.append(Row("  planned at the end of rounds only", f"{late:.2f} h"))
    turn = measured(case, load, speeds, name="fifo")
    return [*rows, Row("  first in, first out, knowing no speeds", f"{turn:.2f} h")]


def measured(
    case: Case,
    load: Workload,
    speeds: Throughputs,
    switch_s: float = SWITCH_S,
    only_rounds: bool = False,
    name: str = "heterogeneity",
) -> float:
    """The measure of the case, in hours."""
    columns = [speeds.device_types.index(model) for model in MODELS]
    outcome = simulate_rounds(
        load,
        speeds.table(load.kind.names)[load.kind.codes][:, columns],
        MODELS,
        [case.devices] * len(MODELS),
        policy=name,
        by=ROUND_POLICIES[name],
        switch_s=switch_s,
        only_rounds=only_rounds,
    )
    return measure_h(case, outcome)


def measure_h(case: Case, outcome: Outcome) -> float:
    """Mean completion or makespan. A job that never ended is a fault here."""
    if not outcome.done.all():
        raise SystemExit(f"{(~outcome.done).sum()} jobs of {Path(case.trace).name} never ended")
    if case.makespan:
        return float(outcome.end_s.max() - outcome.workload.submit_s.min()) / HOUR_S
    return float(np.mean(outcome.end_s - outcome.workload.submit_s)) / HOUR_S


if __name__ == "__main__":
    main()
