"""How long a domain server takes over a round, with its database: loading, planning, writing.

A made-up nation (`benchmarks.fleet`) stands in a SQLite database in a temporary folder: clusters
that have been heard, pools with the domain's own runs on them, waiting jobs for which there is no
room. Then, turn by turn, 1 % of the runs end, 1 % of the waiting jobs are canceled and as many
come, by the server's own use cases; and the round is timed that a server plays next, on the clock
on the wall. The first round of a process reads all and plans from nothing; what it places is
carried out by the agents at once, so that the network is full when the small rounds begin.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks import fleet
from benchmarks.tables import Row, show
from weir.control.apply import apply_happenings
from weir.control.begin import begin
from weir.control.cancel import stop
from weir.control.context import Context, DomainSettings
from weir.control.observe import Happening
from weir.control.schedule import schedule_round
from weir.control.submit import shape_key
from weir.core.demand import Demand, to_record
from weir.core.lifecycle import JobState, RunEvent, RunState
from weir.scheduling.packing import Claim
from weir.scheduling.routes import PoolState
from weir.store import clusters, jobs, runs
from weir.store.domains import raise_count
from weir.store.engine import open_store
from weir.store.files import Files
from weir.store.migrate import migrate
from weir.store.rows import ClusterRow
from weir.wire.pools import report_of

SPEC = '{"name":"job","tasks":[{"command":["true"]}]}'


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time the rounds of a server.")
    parser.add_argument("--pools", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=20_000)
    parser.add_argument("--policy", default="balanced")
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    chance = random.Random(given.seed)
    shapes = fleet.shapes(chance, 200)
    pools = fleet.pools(chance, given.pools)
    with tempfile.TemporaryDirectory() as folder:
        ctx = context(Path(folder), given.policy, given.jobs)
        fill(ctx, chance, pools, shapes, given.jobs)
        first, placed = timed_round(ctx)
        settle(ctx, chance, shapes, given.jobs)
        times, moved = [], []
        for number in range(given.runs):
            turn(ctx, chance, shapes, given.jobs // 100, f"n{number}")
            took, many = timed_round(ctx)
            times.append(took)
            moved.append(many)
            accept(ctx)
        idle, _ = timed_round(ctx)
        show(
            f"A server's rounds, policy {given.policy}, medians of {given.runs}",
            [
                Row(f"the first round of the process ({placed:,} placed)", shown(first)),
                Row(f"a round after 1 % has changed ({median(moved):,.0f} placed)",
                    f"{shown(median(times))} ({shown(min(times))} to {shown(max(times))})"),
                Row("a round after nothing has changed", shown(idle)),
            ],
            [f"{given.pools:,} pools, {given.jobs:,} waiting jobs of {len(shapes)} shapes, "
             f"{len(live(ctx)):,} runs."],
        )  # fmt: skip


def context(folder: Path, policy: str, waiting: int) -> Context:
    """A new domain in a folder."""
    store = open_store(f"sqlite:///{folder / 'weir.db'}")
    migrate(store)
    numbers = itertools.count()
    ctx = Context(
        store=store,
        files=Files(str(folder / "files")),
        now=lambda: fleet.NOW,
        new_id=lambda kind: f"{kind}{next(numbers):08}",
        new_secret=lambda: f"secret-{next(numbers)}",
        wake=lambda key: None,
        settings=DomainSettings(policy=policy, max_waiting=2 * waiting, lease_s=1e9),
        version="0",
    )
    begin(ctx, "china", "national", "CN")
    return ctx


def fill(
    ctx: Context,
    chance: random.Random,
    pools: Sequence[PoolState],
    shapes: Sequence[Demand],
    waiting: int,
) -> None:
    """Clusters, pools, the runs on them, and jobs that wait."""
    by_cluster: dict[str, list[PoolState]] = {}
    for state in pools:
        by_cluster.setdefault(state.cluster, []).append(state)
    with ctx.store.write() as tx:
        revision = raise_count(tx, "seq")
        jobs.add_specs(tx, [{"key": "spec", "text": SPEC, "size": len(SPEC)}])
        for name, states in by_cluster.items():
            clusters.add(tx, cluster_row(name))
            own = [replace(s.pool, hops=0, domains=()) for s in states]
            clusters.put_pools(tx, name, [report_of(p) for p in own], revision)
        running = {s.pool.id: [replace(c, ends_at=c.ends_at) for c in s.claims] for s in pools}
        add_runs(tx, pools, running, shapes[0])
    come(ctx, chance, shapes, waiting, "first")


def cluster_row(name: str) -> ClusterRow:
    return ClusterRow(
        id=name, name=name, site=name, site_name=name, executor="local", direction="own",
        peer_domain=None, peer_url=None, joined_at=0.0, generation=1, inventory_digest="x",
        incarnation="i", journal="j", observed=0, heard_at=fleet.NOW, silent=False,
        clock_skew_s=0.0, rtt_us=2_000, version="0", removed_at=None,
    )  # fmt: skip


def add_runs(
    tx: Any, pools: Sequence[PoolState], running: dict[str, list[Claim]], demand: Demand
) -> None:
    """A running job for every claim, of the same shape: nobody looks at that any more."""
    key = shape_key(demand)
    jobs.add_shapes(tx, [{"key": key, "demand": to_record(demand)}])
    cluster_of = {s.pool.id: s.cluster for s in pools}
    found = [(pool, claim) for pool, claims in running.items() for claim in claims]
    first = raise_count(tx, "seq", len(found)) - len(found) + 1
    rows, made = [], []
    for n, (pool, claim) in enumerate(found):
        job = f"r{n:07}"
        rows.append(
            job_row(job, key, first + n)
            | {"state": JobState.RUNNING, "run": f"{job}-1", "pool": pool, "attempts": 1}
        )
        made.append(run_row(job, pool, cluster_of[pool], claim, first + n))
    jobs.add(tx, rows)
    runs.add(tx, made)


def run_row(job: str, pool: str, cluster: str, claim: Claim, revision: int) -> dict[str, Any]:
    return {
        "id": f"{job}-1", "job": job, "cluster": cluster, "pool": pool, "state": RunState.RUNNING,
        "groups": [["main", claim.count, None]],
        "claims": [[claim.cpu_milli, claim.memory_bytes, claim.device_milli, claim.count]],
        "counted_milli": None, "revision": revision, "start_within_s": 60.0,
        "assigned_at": fleet.NOW - 900, "started_at": fleet.NOW - 890, "ends_at": claim.ends_at,
        "reason": "", "place": [], "cancel": False,
    }  # fmt: skip


def job_row(job: str, shape: str, seq: int) -> dict[str, Any]:
    return {
        "id": job, "name": "job", "submitter": "li", "state": JobState.WAITING, "priority": 50,
        "queue": "", "preemptible": False, "submitted_at": fleet.NOW - 1000, "reason": "",
        "spec": "spec", "shape": shape, "root_job": job, "path": [], "attempts": 0, "failures": 0,
        "losses": 0, "seq": seq, "place": [],
    }  # fmt: skip


def come(
    ctx: Context, chance: random.Random, shapes: Sequence[Demand], count: int, prefix: str
) -> None:
    """So many jobs are submitted."""
    drawn = fleet.jobs(chance, shapes, count, prefix)
    keys = {id(d): shape_key(d) for d in shapes}
    with ctx.store.write() as tx:
        jobs.add_shapes(tx, [{"key": keys[id(d)], "demand": to_record(d)} for d in shapes])
        first = raise_count(tx, "seq", count) - count + 1
        jobs.add(
            tx,
            [
                job_row(job.id, keys[id(job.demand)], first + n)
                | {"priority": job.priority, "submitted_at": job.submitted_at}
                for n, job in enumerate(drawn)
            ],
        )


def waiting(ctx: Context) -> list[str]:
    with ctx.store.read() as tx:
        return [row.id for row in jobs.waiting(tx, 1 << 30, fleet.NOW)]


def live(ctx: Context) -> list[str]:
    with ctx.store.read() as tx:
        return [row.id for row in live_rows(tx)]


def live_rows(tx: Any) -> Iterator[Any]:
    for row in clusters.all_clusters(tx):
        yield from runs.live_on(tx, row.id)


def accept(ctx: Context) -> None:
    """The agents take and start what was placed."""
    with ctx.store.read() as tx:
        new = [run.id for run in live_rows(tx) if run.state == RunState.ASSIGNED]
    happened = [(run, Happening(RunEvent.STARTED, fleet.NOW)) for run in new]
    with ctx.store.write() as tx:
        apply_happenings(ctx, tx, happened)


def settle(ctx: Context, chance: random.Random, shapes: Sequence[Demand], count: int) -> None:
    """Play on until nothing is placed, with as many jobs waiting as before."""
    accept(ctx)
    for number in itertools.count():
        come(ctx, chance, shapes, count - len(waiting(ctx)), f"s{number}")
        placed = schedule_round(ctx)
        accept(ctx)
        if placed < count // 50 or number == 20:
            return


def turn(
    ctx: Context, chance: random.Random, shapes: Sequence[Demand], count: int, prefix: str
) -> None:
    """1 % of the runs end, some jobs are canceled and as many come."""
    there = live(ctx)
    over = chance.sample(there, len(there) // 100)
    with ctx.store.write() as tx:
        ended = Happening(RunEvent.SUCCEEDED, fleet.NOW, exit_code=0)
        apply_happenings(ctx, tx, [(run, ended) for run in over])
    for job in chance.sample(waiting(ctx), count):
        stop(ctx, job, "canceled")
    come(ctx, chance, shapes, count, prefix)


def timed_round(ctx: Context) -> tuple[float, int]:
    """Seconds that a round takes, and how many it has placed."""
    gc.collect()
    begun = perf_counter()
    placed = schedule_round(ctx)
    return perf_counter() - begun, placed


def shown(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 1 else f"{1000 * seconds:.0f} ms"


if __name__ == "__main__":
    main()
