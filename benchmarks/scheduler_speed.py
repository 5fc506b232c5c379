"""How fast the scheduler decides, on one core: rounds, `find`, and a round after a small change.

Pools and jobs are made up by seed, see `benchmarks.fleet`. What is counted:

- A round: from pools and jobs as plain values to the plan, with the columns of the pools and the
  judgment of every shape. What a plan says of a single job (its terms, its runner-up, why it
  waits) is worked out when somebody looks; making that of all placements is a row of its own.
- `find`: judging all pools, ranking those that fit, the ten best as candidates with their terms,
  and the reasons of all others counted. The columns of the pools are there already, as in a server
  that answers the next question on the same state. One question for each shape.
- The round after a change: 100,000 jobs wait for which there is no room; on 1 % of the pools
  something ends or starts, 1 % of the jobs are canceled and as many come. Who knows what has
  changed, as a server does, tells it (`Planner.go_on`); to find it out from two snapshots is a row
  of its own (`Planner.plan`).
- Memory: the largest that this process ever was, all of the above together.

Times are medians on the clock on the wall. The kernel is compiled once on a machine and kept on
disk; having it compiled or loaded is a row of its own.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import resource
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter
from typing import TypeVar

from benchmarks import fleet
from benchmarks.tables import Row, show
from weir.core.demand import Demand, TaskGroup
from weir.core.inventory import HostShape, Pool, all_free
from weir.core.plan import Plan
from weir.scheduling.find import find
from weir.scheduling.packing import Claim
from weir.scheduling.planner import Change, Planner
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob

AIM_SMALL_S, AIM_ROUND_S, AIM_FIND_S, AIM_AGAIN_S = 0.6, 2.0, 0.002, 0.05
AIM_BYTES = 2 * 10**9
POOLS, JOBS, SHAPES = 10_000, 100_000, 200
SMALL_JOBS, SMALL_HOSTS = 32_000, 1_000
GIB = 2**30

T = TypeVar("T")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the scheduler on one core.")
    parser.add_argument("--policy", default="balanced", help="a policy's name")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    chance = random.Random(given.seed)
    shapes = fleet.shapes(chance, SHAPES)
    pools = tuple(fleet.pools(chance, POOLS))
    jobs = tuple(fleet.jobs(chance, shapes, JOBS))
    warm, _ = timed(partial(plan, pools, jobs, given.policy))
    rows = [
        *small_rows(given.policy, given.runs),
        *round_rows(pools, jobs, given.policy, given.runs),
        *find_rows(pools, shapes, given.policy),
        *again_row(chance, pools, jobs, shapes, given.policy, given.runs),
        memory_row(),
        Row("the very first round, with loading or compiling the kernel", seconds(warm)),
    ]
    show(
        f"Scheduler on one core, policy {given.policy}, medians of {given.runs}",
        rows,
        [f"{POOLS:,} pools with {sum(s.pool.devices for s in pools):,} devices, of which runs hold "
         f"{share_held(pools):.0%}; {JOBS:,} jobs of {SHAPES} shapes."],
    )  # fmt: skip


def plan(pools: tuple[PoolState, ...], jobs: tuple[WaitingJob, ...], name: str) -> Plan:
    """A round from plain values."""
    return schedule(Snapshot(fleet.NOW, pools, jobs), policy(name))


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Seconds, and what came of it. Rubbish of before is not counted, that of the work is."""
    gc.collect()
    begun = perf_counter()
    found = work()
    return perf_counter() - begun, found


def seconds(value: float) -> str:
    """A time in the unit that suits it."""
    return f"{value:.2f} s" if value >= 0.1 else f"{1000 * value:.2f} ms"


def several(times: Sequence[float]) -> str:
    """The median, and how far the runs lie apart."""
    return f"{seconds(median(times))} ({seconds(min(times))} to {seconds(max(times))})"


def small_rows(name: str, runs: int) -> list[Row]:
    """32,000 jobs of a core or two each, on 1,000 hosts: equal ones, and 20 shapes on 40 pools."""
    rows = []
    for words, shapes, parts in (
        ("of one shape, one pool", 1, 1),
        ("of 20 shapes, 40 pools", 20, 40),
    ):
        pools = tuple(small_pool(n, SMALL_HOSTS // parts) for n in range(parts))
        kinds = [small_demand(n, shapes) for n in range(shapes)]
        jobs = tuple(
            WaitingJob(f"job-{n:06}", kinds[n % shapes], 50, float(n)) for n in range(SMALL_JOBS)
        )
        times, placed = [], 0
        for _ in range(runs):
            took, made = timed(partial(plan, pools, jobs, name))
            times.append(took)
            placed = len(made.placements)
        what = f"{SMALL_JOBS:,} small jobs on {SMALL_HOSTS:,} hosts, {words} ({placed:,} placed)"
        rows.append(Row(what, several(times), seconds(AIM_SMALL_S), median(times) <= AIM_SMALL_S))
    return rows


def small_pool(number: int, hosts: int) -> PoolState:
    shape = HostShape(64_000, 256 * GIB)
    pool = Pool(
        f"pool-{number:03}", f"cpu-{number}", "cluster", "site", "Site", hosts, shape,
        all_free(hosts, shape), price_micro_per_core_hour=100_000 + 1_000 * number,
    )  # fmt: skip
    return PoolState(pool, pool.cluster)


def small_demand(number: int, of: int) -> Demand:
    """Shapes of 1 or 2 cores that differ by memory; all of them together fit."""
    cores = 1 if of == 1 else 1 + number % 2
    return Demand((TaskGroup("main", 1, 1000 * cores, (1 + number // 2) * GIB),), walltime_s=600)


def round_rows(
    pools: tuple[PoolState, ...], jobs: tuple[WaitingJob, ...], name: str, runs: int
) -> list[Row]:
    """The large round, and all that its plan says of the jobs that it places."""
    times, telling, placed = [], [], 0
    for _ in range(runs):
        took, made = timed(partial(plan, pools, jobs, name))
        told, said = timed(partial(tuple, made.placements))
        placed = len(said)
        times.append(took)
        telling.append(told)
        del made, said
    what = f"a round of {len(jobs):,} jobs over {len(pools):,} pools ({placed:,} placed)"
    return [
        Row(what, several(times), seconds(AIM_ROUND_S), median(times) <= AIM_ROUND_S),
        Row("then all terms and runners-up of these placements", several(telling)),
    ]


def find_rows(pools: tuple[PoolState, ...], shapes: Sequence[Demand], name: str) -> list[Row]:
    """One question a shape, the first ones left out: they fill caches of device models."""
    snapshot, chosen = Snapshot(fleet.NOW, pools), policy(name)
    there, _ = timed(lambda: (snapshot.columns, snapshot.room))
    times = []
    for demand in [*shapes[:10], *shapes]:
        begun = perf_counter()
        found = find(snapshot, demand, chosen)
        found.candidates[: min(10, found.count_now)]
        _ = found.reasons
        times.append(perf_counter() - begun)
    times = sorted(times[10:])
    slow = times[int(0.95 * len(times))]
    return [
        Row(f"one `find` over {len(pools):,} pools, median of {len(times)} questions",
            seconds(median(times)), seconds(AIM_FIND_S), median(times) <= AIM_FIND_S),
        Row("the same, 95 of 100 at most", seconds(slow), seconds(AIM_FIND_S), slow <= AIM_FIND_S),
        Row("columns of all pools, before the first question", seconds(there)),
    ]  # fmt: skip


def again_row(
    chance: random.Random,
    pools: tuple[PoolState, ...],
    jobs: tuple[WaitingJob, ...],
    shapes: Sequence[Demand],
    name: str,
    runs: int,
) -> list[Row]:
    """Rounds after 1 % of a full network has changed, one after the other."""
    planner = Planner(policy(name))
    pools, jobs = saturated(chance, pools, jobs, planner)
    began, made = timed(partial(planned, planner, pools, jobs))
    times, found_out, placed, afresh = [], [], [], 0
    for number in range(2 * runs):
        before = pools, jobs
        pools, jobs = carried_out(pools, jobs, made)
        pools, jobs = changed(chance, pools, jobs, shapes, f"new-{number}")
        if number % 2:
            took, made = timed(partial(planned, planner, pools, jobs))
            found_out.append(took)
        else:
            took, made = timed(partial(planner.go_on, change(*before, pools, jobs)))
            times.append(took)
        placed.append(len(made.placements))
        afresh += not planner.incremental
    what = f"a round after a change of 1 % ({median(placed):,.0f} of {len(jobs):,} placed)"
    rows = [
        Row(what, several(times), seconds(AIM_AGAIN_S), median(times) <= AIM_AGAIN_S),
        Row("the same, the change found out from two snapshots", several(found_out)),
        Row("the round before these, after the large one was carried out", seconds(began)),
    ]
    if afresh:
        rows.append(Row("rounds after a change that began from nothing", f"{afresh} of {2 * runs}"))
    return rows


def change(
    old_pools: Sequence[PoolState],
    old_jobs: Sequence[WaitingJob],
    pools: Sequence[PoolState],
    jobs: Sequence[WaitingJob],
) -> Change:
    """What is other than before."""
    before, now = {id(job) for job in old_jobs}, {id(job) for job in jobs}
    return Change(
        fleet.NOW,
        [job for job in jobs if id(job) not in before],
        [job.id for job in old_jobs if id(job) not in now],
        [new for old, new in zip(old_pools, pools, strict=True) if old is not new],
    )


def planned(planner: Planner, pools: tuple[PoolState, ...], jobs: tuple[WaitingJob, ...]) -> Plan:
    """A round that goes on from the last one."""
    return planner.plan(Snapshot(fleet.NOW, pools, jobs))


def saturated(
    chance: random.Random,
    pools: tuple[PoolState, ...],
    jobs: tuple[WaitingJob, ...],
    planner: Planner,
) -> tuple[tuple[PoolState, ...], tuple[WaitingJob, ...]]:
    """The network after the large round, with as many jobs of the sort that found no room."""
    wanted = len(jobs)
    pools, waiting = carried_out(pools, jobs, planned(planner, pools, jobs))
    more = (
        replace(chance.choice(waiting), id=f"more-{n:06}") for n in range(wanted - len(waiting))
    )
    return pools, (*waiting, *more)


def carried_out(
    pools: tuple[PoolState, ...], jobs: tuple[WaitingJob, ...], made: Plan
) -> tuple[tuple[PoolState, ...], tuple[WaitingJob, ...]]:
    """The pools with what the plan placed, and the jobs that still wait."""
    demands = {job.id: job.demand for job in jobs}
    added: dict[str, list[Claim]] = {}
    for placement in made.placements:
        demand, chosen = demands.pop(placement.job), placement.chosen
        ends_at = fleet.NOW + (demand.walltime_s or 86_400)
        added.setdefault(chosen.pool, []).extend(
            Claim(g.cpu_milli, g.memory_bytes, g.device.milli if g.device else 0, a.count, ends_at)
            for g, a in zip(demand.groups, chosen.groups, strict=True)
        )
    states = tuple(
        replace(s, claims=(*s.claims, *added[s.pool.id])) if s.pool.id in added else s
        for s in pools
    )
    return states, tuple(job for job in jobs if job.id in demands)


def changed(
    chance: random.Random,
    pools: tuple[PoolState, ...],
    jobs: tuple[WaitingJob, ...],
    shapes: Sequence[Demand],
    prefix: str,
) -> tuple[tuple[PoolState, ...], tuple[WaitingJob, ...]]:
    """On 1 % of the pools one run has ended, and 1 % of the jobs are others."""
    states = list(pools)
    busy = [row for row, state in enumerate(pools) if state.claims]
    for row in chance.sample(busy, len(pools) // 100):
        left = list(states[row].claims)
        del left[chance.randrange(len(left))]
        states[row] = replace(states[row], claims=tuple(left))
    gone = set(chance.sample(range(len(jobs)), len(jobs) // 100))
    stay = [job for row, job in enumerate(jobs) if row not in gone]
    return tuple(states), (*stay, *fleet.jobs(chance, shapes, len(gone), prefix))


def memory_row() -> Row:
    """The most that this process has held."""
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return Row("memory at most", f"{peak / 1e9:.2f} GB", "2 GB", peak <= AIM_BYTES)


def share_held(pools: Sequence[PoolState]) -> float:
    """The share of all devices that runs hold."""
    held: Counter[str] = Counter()
    for state in pools:
        held["held"] += sum(c.device_milli * c.count for c in state.claims)
        held["all"] += state.pool.devices * 1000
    return held["held"] / held["all"]


if __name__ == "__main__":
    main()
