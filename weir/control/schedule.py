"""Schedule: one round. Load a snapshot, decide purely, write the plan if the world stood still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from weir.control.context import WATCH, Context, again, job_key, orders_for
from weir.control.held import Held, load_held, room_is_made_for, running_jobs
from weir.control.network import Network, load_network
from weir.control.preempt import Order, still_good, to_order, write_orders
from weir.control.queues import with_past
from weir.control.usage import average_past, counted, speed_of_pools
from weir.core.demand import Demand, TaskGroup, from_record
from weir.core.lifecycle import JobEvent, JobState, RunState, step_job
from weir.core.plan import CAN_CHANGE, Candidate, Placement, Plan, Reason, Waiting
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Snapshot, WaitingJob
from weir.store import clusters, jobs, runs
from weir.store.domains import count, raise_count, swap_count
from weir.store.rows import JobRow


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot with what it was made from.

    `speed` is what a device of each pool counts in shares (1000 where not told), None where nothing
    is shared. `served` are the jobs that room is being made for, and who makes it.
    """

    snapshot: Snapshot
    network: Network
    speed: Mapping[str, int] | None
    held: Mapping[str, Held]
    served: Mapping[str, list[str]]


def load_snapshot(
    ctx: Context, tx: Connection, now: float, of_a_shape: int | None = None
) -> Loaded:
    """What the scheduler sees now: every pool once, and the waiting jobs in their order.

    What runs is looked at only where the policy may push it out or shares are counted, and only
    if somebody waits.
    """
    network = load_network(ctx, tx, now)
    rows = jobs.waiting(tx, ctx.settings.max_waiting, now, of_a_shape)
    asked = asked_about(tx, network) if rows else frozenset()
    rows = [row for row in rows if row.id not in asked]
    demands = demands_of(ctx, tx, {row.shape for row in rows})
    avoided = jobs.avoided(tx, now) if rows else {}
    nothing: frozenset[str] = frozenset()
    waiting = tuple(
        WaitingJob(
            id=row.id,
            demand=demands[row.shape],
            priority=row.priority,
            submitted_at=row.submitted_at,
            avoid=avoided.get(row.id, nothing),
            queue=row.queue,
            start_after=row.start_after,
            deadline_at=row.deadline,
        )
        for row in rows
    )
    policy, pools, shared = ctx.policy, network.pools(), ctx.settings.queues
    held: list[Held] = []
    if rows and (policy.preempt or shared):
        held = load_held(tx, everything=bool(shared))
    queues = shared
    if shared and rows and policy.fair:
        began = ((h.queue, h.began, h.counted) for h in held)
        queues = with_past(shared, average_past(tx, began, now))
    served = room_is_made_for(tx, network.silent, now) if any(h.stopping for h in held) else {}
    running = running_jobs(held, {s.pool.id: s.cluster for s in pools}) if held else ()
    snapshot = Snapshot(now=now, pools=pools, jobs=waiting, running=running, queues=queues)
    speed = speed_of_pools(snapshot, policy) if shared else None
    return Loaded(snapshot, network, speed, {h.job: h for h in held}, served)


def asked_about(tx: Connection, network: Network) -> frozenset[str]:
    """Jobs with a lost run whose cluster is heard again: it is just being asked how that stands.

    To place such a job before the answer comes would stop what may have run on all the while.
    """
    return frozenset(job for job, cluster in runs.lost(tx) if cluster not in network.silent)


def demands_of(ctx: Context, tx: Connection, keys: set[str]) -> Mapping[str, Demand]:
    """The demands of these shapes, read once each in the life of the process."""
    cache = ctx.caches.demands
    missing = keys - cache.keys()
    if missing:
        for key, record in jobs.demands(tx, missing).items():
            cache[key] = from_record(record)
    return cache


def schedule_round(ctx: Context) -> int:
    """Place what can be placed. Gives the number of jobs placed or sent back."""
    return again(lambda: _round(ctx))


def _round(ctx: Context) -> int:
    now = ctx.now()
    with ctx.store.read() as tx:
        if not jobs.any_waiting(tx):
            return 0
        seen = count(tx, "round")
        loaded = load_snapshot(ctx, tx, now, ctx.settings.max_of_a_shape)
    plan = schedule(loaded.snapshot, ctx.policy)
    pinned = {j.id for j in loaded.snapshot.jobs if j.demand.pinned_pool is not None}
    refused = _sent_back(plan, loaded.snapshot)
    orders = to_order(plan, loaded.held, pinned, loaded.served)
    if not plan.placements and not refused and not orders:
        return 0
    woken = _apply(ctx, plan, refused, orders, loaded, seen, now)
    for key in woken:
        ctx.wake(key)
    return len(plan.placements) + len(refused)


def _sent_back(plan: Plan, snapshot: Snapshot) -> dict[str, Waiting]:
    """The jobs that peers have pinned to a pool and that were not placed there, and why.

    Why a job waits is worked out as it is looked at, which takes a while: once for each shape.
    """
    why: dict[int, Waiting] = {}
    found: dict[str, Waiting] = {}
    waiting = set(plan.waiting)  # to ask the plan itself whether one waits would explain it
    for job in snapshot.jobs:
        if job.demand.pinned_pool is not None and job.id in waiting:
            shape = id(job.demand)
            if shape not in why:
                why[shape] = plan.waiting[job.id]
            found[job.id] = why[shape]
    return found


def _apply(
    ctx: Context,
    plan: Plan,
    refused: Mapping[str, Waiting],
    orders: Sequence[Order],
    loaded: Loaded,
    seen: int,
    now: float,
) -> set[str]:
    """Write the plan in one transaction; `Conflict` if another round or a change came between."""
    ids = [p.job for p in plan.placements] + list(refused)
    moved = {o.wanted.job for o in orders} | {o.wanted.for_job for o in orders}
    with ctx.store.write() as tx:
        swap_count(tx, "round", seen)
        rows = jobs.some(tx, [*ids, *(moved - set(ids))])
        placements = [p for p in plan.placements if _still_waits(rows.get(p.job))]
        back = [rows[i] for i in refused if _still_waits(rows.get(i))]
        good = still_good(tx, orders, rows)
        changed = len(placements) + len(back) + 2 * len(good)
        first = raise_count(tx, "seq", changed) - changed + 1 if changed else 0
        _write_placements(ctx, tx, placements, rows, loaded, first, now)
        _write_refusals(tx, back, refused, first + len(placements), now)
        clusters.touch_pools(tx, {p.chosen.pool for p in placements}, first)
        after, away_s = first + len(placements) + len(back), ctx.settings.start_within_s
        woken = write_orders(tx, good, rows, after, now, away_s) if good else set()
    woken |= {orders_for(p.chosen.cluster) for p in placements}
    woken |= {job_key(i) for i in (*ids, *moved)}
    return woken | {WATCH}


def _still_waits(row: JobRow | None) -> bool:
    return row is not None and row.state == JobState.WAITING and row.cancel_at is None


def _write_placements(
    ctx: Context,
    tx: Connection,
    placements: list[Placement],
    rows: Mapping[str, JobRow],
    loaded: Loaded,
    first: int,
    now: float,
) -> None:
    new_runs, changes, history = [], [], []
    for offset, placement in enumerate(placements):
        row, chosen = rows[placement.job], placement.chosen
        demand = ctx.caches.demands[row.shape]
        run_id = f"{row.id}-{row.attempts + 1}"
        claims = claims_of(demand, chosen)
        new_runs.append(
            {
                "id": run_id,
                "job": row.id,
                "cluster": chosen.cluster,
                "pool": chosen.pool,
                "state": RunState.ASSIGNED,
                "groups": [[g.group, g.count, g.stack] for g in chosen.groups],
                "claims": claims,
                "counted_milli": _counted_milli(claims, chosen, loaded.speed),
                "revision": first + offset,
                "start_within_s": ctx.settings.start_within_s,
                "assigned_at": now,
                "reason": "",
                "place": [],
                "cancel": False,
                "preempted_for": None,
                "preempted_at": None,
            }
        )
        changes.append(
            {
                "id": row.id,
                "seen": row.seq,
                "seq": first + offset,
                "state": step_job(JobState(row.state), JobEvent.PLACED),
                "run": run_id,
                "pool": chosen.pool,
                "attempts": row.attempts + 1,
                "reason": "",
                "decision": decision_record(placement),
            }
        )
        to = loaded.network.clusters[chosen.cluster].name
        history.append(
            {"job": row.id, "at": now, "what": "placed", "detail": f"{chosen.pool} by {to}"}
        )
    runs.add(tx, new_runs)
    jobs.swap(tx, changes)
    jobs.add_history(tx, history)


def _write_refusals(
    tx: Connection, back: list[JobRow], refused: Mapping[str, Waiting], first: int, now: float
) -> None:
    """A run that a peer pinned to a pool and that does not fit now goes back: the peer decides."""
    said = {}
    for row in back:
        reasons = [r for r in refused[row.id].reasons if r.reason != Reason.PINNED]
        # The peer chose a pool that suits: what can change is said of that one, the rest of others.
        reasons = [r for r in reasons if r.reason in CAN_CHANGE] or reasons
        said[row.id] = "; ".join(map(str, reasons)) or "the pool is not here any more"
    refuse(tx, back, said, first, now)


def refuse(
    tx: Connection, rows: list[JobRow], reasons: Mapping[str, str], first: int, now: float
) -> None:
    """Send waiting jobs back to the links that handed them over; changes count from `first`."""
    changes, history = [], []
    for offset, row in enumerate(rows):
        reason = reasons[row.id]
        changes.append(
            {
                "id": row.id,
                "seen": row.seq,
                "seq": first + offset,
                "state": step_job(JobState(row.state), JobEvent.REFUSED),
                "ended_at": now,
                "reason": reason,
            }
        )
        history.append({"job": row.id, "at": now, "what": "refused", "detail": reason})
    jobs.swap(tx, changes)
    jobs.add_history(tx, history)


def claims_of(demand: Demand, chosen: Candidate) -> list[list[int]]:
    """What a placement books: [cpu_milli, memory_bytes, device_milli, tasks] for each group."""
    groups: dict[str, TaskGroup] = {g.name: g for g in demand.groups}
    return [
        [
            groups[a.group].cpu_milli,
            groups[a.group].memory_bytes,
            device.milli if (device := groups[a.group].device) else 0,
            a.count,
        ]
        for a in chosen.groups
    ]


def _counted_milli(
    claims: list[list[int]], chosen: Candidate, speed: Mapping[str, int] | None
) -> int | None:
    """What the devices of a placement count in shares; None where nothing is shared."""
    if speed is None:
        return None
    return counted(claims, None)[2] * speed.get(chosen.pool, 1000) // 1000


def decision_record(placement: Placement) -> dict[str, Any]:
    """The terms of the winner and of the runner-up, to be read back by `why`."""
    second = placement.runner_up
    return {
        "chosen": _candidate_record(placement.chosen),
        "runner_up": None if second is None else _candidate_record(second),
    }


def _candidate_record(c: Candidate) -> dict[str, Any]:
    # By hand: `asdict` copies deeply, and this runs for every job that is placed.
    return {
        "pool": c.pool,
        "cluster": c.cluster,
        "groups": [{"group": g.group, "count": g.count, "stack": g.stack} for g in c.groups],
        "price_micro_per_hour": c.price_micro_per_hour,
        "terms": [
            {"name": t.name, "value": t.value, "unit": t.unit, "cost": t.cost} for t in c.terms
        ],
        "now": c.now,
    }
