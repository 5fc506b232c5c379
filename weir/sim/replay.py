"""The past of a domain, simulated: what its jobs met, beside what they would have met.

The first column of the result is what really happened, measured like the rest. The others are the
scheduler on its clock (`weir.sim.engine`) over the same pools, empty at the first submission, with
the demands and the queues as they are in the domain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite, nan

import numpy as np

from weir.control.replay import MOST_PLANNED, PastJob, Study, Told
from weir.core.demand import Demand
from weir.core.inventory import Pool
from weir.scheduling.columns import canonical_model
from weir.scheduling.energy import Energy
from weir.scheduling.policies import policy
from weir.sim.engine import Options, simulate
from weir.sim.outcome import Outcome, SimPool
from weir.sim.results import BY_NAME, Number, counts_devices, measures_of
from weir.sim.workload import Floats, Workload, workload
from weir.wire.replays import ReplayColumn, ReplayMeasure, ReplayResult

SHOWN = (
    "placed", "never_started", "mean_wait_s", "median_wait_s", "p95_wait_s", "max_wait_s",
    "mean_jct_s", "mean_slowdown", "p95_slowdown", "utilisation", "makespan_s", "work_h", "cost",
    "energy_wh", "carbon_g",
)  # fmt: skip
"""What is told of each column, by the names of `weir.sim.results`."""

AS_IT_WAS = ""
"""The name of the column of what really happened."""

MICRO = 1e6


def replay(study: Study, told: Told) -> ReplayResult:
    """Simulate a study, policy by policy."""
    load = workload_of(study.jobs)
    pools = tuple(sorted(study.pools, key=lambda p: p.id))
    options = Options(queues=study.queues, demands=_demands(study), energy=dict(study.energy))
    past = as_it_was(study.jobs, load, pools, dict(study.energy))
    columns = [_column(AS_IT_WAS, past)]
    for number, name in enumerate(study.policies):

        def progress(share: float, waiting: int, number: int = number, name: str = name) -> None:
            told((number + share) / len(study.policies), f"{name}: {waiting} waiting")

        told(number / len(study.policies), name)
        outcome = simulate(load, pools, policy(name), options=options, progress=progress)
        columns.append(_column(name, outcome))
    return ReplayResult(
        jobs=len(load),
        pools=len(pools),
        begin=load.epoch_s,
        end=load.epoch_s + float(load.submit_s[-1]),
        devices=counts_devices(past),
        currency=past.currency,
        left_out=study.left_out,
        notes=_notes(study),
        measures=tuple(
            ReplayMeasure(name=n, label=BY_NAME[n].label, unit=BY_NAME[n].unit,
                          better=BY_NAME[n].better)
            for n in SHOWN
        ),
        columns=tuple(columns),
    )  # fmt: skip


def workload_of(jobs: tuple[PastJob, ...]) -> Workload:
    """The jobs as columns; their amounts are of the whole job, their kinds stand for demands."""
    ordered = sorted(jobs, key=lambda j: (j.ready_at, j.id))
    begin = ordered[0].ready_at
    return workload(
        "the last days",
        [j.id for j in ordered],
        submit_s=[j.ready_at - begin for j in ordered],
        duration_s=[j.held_s for j in ordered],
        patience_s=[j.patience_s for j in ordered],
        estimate_s=[nan if j.walltime_s is None else j.walltime_s for j in ordered],
        cpu_milli=[j.amounts[0] for j in ordered],
        memory_bytes=[j.amounts[1] for j in ordered],
        device_milli=[j.amounts[2] for j in ordered],
        user=[j.submitter for j in ordered],
        home=[j.queue for j in ordered],
        kind=[j.kind for j in ordered],
        priority=[j.priority for j in ordered],
        epoch_s=begin,
    )


def _demands(study: Study) -> Mapping[str, Demand]:
    """Without walltimes: those are in the column of estimates. Of more jobs than can be planned one
    round after the other, none keeps apart from others.
    """
    found = {kind: replace(demand, walltime_s=None) for kind, demand in study.demands}
    if len(study.jobs) <= MOST_PLANNED:
        return found
    return {kind: replace(demand, apart=None) for kind, demand in found.items()}


def as_it_was(
    jobs: tuple[PastJob, ...],
    load: Workload,
    pools: tuple[Pool, ...],
    energy: Mapping[str, Energy],
) -> Outcome:
    """What really happened, as if it had been simulated. What jobs drew is reckoned as in a
    simulation, from what they held.
    """
    by_id = {j.id: j for j in jobs}
    rows = [by_id[i] for i in load.ids]
    index = {p.id: n for n, p in enumerate(pools)}
    held = np.array([j.held_s for j in rows])
    hourly = np.array([j.price_micro_per_hour / MICRO for j in rows])
    wh, carbon, paid = _drawn(rows, pools, index, energy)
    price = hourly * held / 3600 + paid
    nothing = np.full(len(rows), nan)
    return Outcome(
        policy=AS_IT_WAS,
        workload=load,
        pools=tuple(SimPool.of(p) for p in pools),
        start_s=np.array([j.started_at for j in rows]) - load.epoch_s,
        end_s=np.array([j.ended_at for j in rows]) - load.epoch_s,
        busy_s=held,
        lost_s=np.zeros(len(rows)),
        pool=np.array([index.get(j.pool, -1) for j in rows], dtype=np.int32),
        price=price if price.any() else nothing,
        carbon_g=carbon,
        energy_wh=wh,
        moved_bytes=np.zeros(len(rows), dtype=np.int64),
        currency=pools[0].currency,
        wall_s=0.0,
        rounds=0,
    )


def _drawn(
    rows: Sequence[PastJob],
    pools: Sequence[Pool],
    index: Mapping[str, int],
    energy: Mapping[str, Energy],
) -> tuple[Floats, Floats, Floats]:
    """Energy in Wh and carbon in g of every job, NaN where unknown, and what the energy cost."""
    wh, carbon = np.full((2, len(rows)), nan)
    paid = np.zeros(len(rows))
    for row, job in enumerate(rows):
        at = index.get(job.pool, -1)
        there = energy.get(pools[at].site) if at >= 0 else None
        if there is None:
            continue
        watts = there.watts_of.get(canonical_model(pools[at].device_model or ""), nan)
        cpu_milli, _, device_milli = job.amounts
        wh[row] = float(there.kw(device_milli, cpu_milli, watts)) * job.held_s / 3.6
        span = job.started_at, job.ended_at
        if there.carbon is not None:
            carbon[row] = wh[row] / 1000 * float(there.carbon.mean(*span))
        if there.price is not None:
            paid[row] = np.nan_to_num(wh[row]) / 1000 * float(there.price.mean(*span))
    return wh, carbon, paid


def _column(name: str, outcome: Outcome) -> ReplayColumn:
    numbers = measures_of(outcome)
    return ReplayColumn(policy=name, numbers={n: _finite(numbers[n]) for n in SHOWN})


def _finite(value: Number) -> float | None:
    return None if value is None or not isfinite(value) else float(value)


def _notes(study: Study) -> tuple[str, ...]:
    """What to know before one draws conclusions."""
    found = [
        "The network is empty when the first job comes, and has the pools that it has now, all of "
        "them free for these jobs.",
        "A job takes as long everywhere as it took; it never fails, and nothing is preempted.",
    ]
    if any(demand.pinned_pool for _, demand in study.demands):
        found.append("Jobs that another domain had pinned to a pool stay there.")
    if len(study.jobs) > MOST_PLANNED and any(d.apart for _, d in study.demands):
        found.append(
            f"Of more than {MOST_PLANNED} jobs, none is kept apart from others of its name."
        )
    if study.energy:
        found.append(
            "Energy is what the catalog says that busy devices draw, or what the site's did, with "
            "what its building takes; carbon and prices are those of the hour."
        )
    unfair = [n for n in study.policies if not policy(n).fair]
    if study.queues and unfair:
        found.append(f"{', '.join(unfair)} can only be set once the queues are removed.")
    return tuple(found)
