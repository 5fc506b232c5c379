"""Schedule: one round. Load a snapshot, decide purely, write the plan if the world stood still."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from weir.control.context import WATCH, Context, InForce, again, job_key, orders_for
from weir.control.decision import decision_record, how_near, sent_back
from weir.control.defer import defer
from weir.control.held import Held, load_held, room_is_made_for, running_jobs
from weir.control.holders import mates_now
from weir.control.leases import leases_now
from weir.control.line import demands_of, first_of, waiting_job
from weir.control.network import Network, load_network
from weir.control.policies import in_force
from weir.control.preempt import Order, still_good, to_order, write_orders
from weir.control.queues import with_past
from weir.control.standing import Standing, begin, go_on
from weir.control.surroundings import Readings, fields_of, readings
from weir.control.usage import average_past, claim_record, counted, speed_of_pools
from weir.core.demand import Demand, TaskGroup
from weir.core.errors import Conflict
from weir.core.inventory import HostShape
from weir.core.lifecycle import JobEvent, JobState, RunState, step_job
from weir.core.plan import CAN_CHANGE, Candidate, Placement, Plan, Reason, Waiting
from weir.scheduling.planner import Change, Planner
from weir.scheduling.snapshot import Queue, RunningJob, Snapshot, WaitingJob
from weir.scheduling.tasks import claim_of
from weir.store import clusters, jobs, runs
from weir.store.domains import count, raise_count, swap_count
from weir.store.rows import JobRow


@dataclass(slots=True)
class Remembered:
    """What a process keeps between its rounds; `speed` is as in `Loaded`, `rules` the change of the
    policy and the queues that the planner was made for.
    """

    planner: Planner
    rules: int = 0
    standing: Standing | None = None
    now: float = 0.0
    speed: Mapping[str, int] | None = None
    read: Readings | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A snapshot with what it was made from.

    `names` are those of the clusters, `shapes` of the hosts of pools, `levels` of the blocks that
    those are in, if they are in any. `speed` is what a device of
    each pool counts in shares (1000 where not told), None where nothing is shared. `served` are the
    jobs that room is being made for, and who makes it; `pinned` those that must go where a peer
    wants them. With `change`, the snapshot is the one of the round before.
    """

    snapshot: Snapshot | None
    change: Change | None
    names: Mapping[str, str]
    shapes: Mapping[str, HostShape]
    levels: Mapping[str, tuple[str, ...]]
    speed: Mapping[str, int] | None
    held: Mapping[str, Held] = field(default_factory=dict)
    served: Mapping[str, list[str]] = field(default_factory=dict)
    pinned: Sequence[WaitingJob] = ()


def load_snapshot(
    ctx: Context, tx: Connection, now: float, of_a_shape: int | None = None
) -> tuple[Snapshot, Network, Mapping[str, list[str]]]:
    """What the scheduler sees now, all of it read: every pool once, and the waiting jobs; and with
    it the network, and the jobs that room is being made for.
    """
    rules = in_force(ctx, tx)
    network = load_network(ctx, tx, now)
    rows = jobs.waiting(tx, ctx.settings.max_waiting, now, of_a_shape)
    rows = first_of(rows, ctx.settings.max_waiting)
    asked = asked_about(tx, network) if rows else frozenset()
    rows = [row for row in rows if row.id not in asked]
    demands = demands_of(ctx, tx, {row.shape for row in rows})
    avoided = jobs.avoided(tx, now) if rows else {}
    read = readings(ctx, tx, rules.policy, now)
    kinds = read.measured.names
    waiting = tuple(waiting_job(row, demands, avoided, kinds) for row in rows)
    held = load_held(tx, bool(rules.queues)) if rows and looks_at_runs(rules) else []
    pools = network.pools()
    running, queues, served = around(
        rules, tx, held, {s.pool.id: s.cluster for s in pools}, network.silent, now
    )
    fields = fields_of(read, (s.pool for s in pools))
    leases = leases_now(tx, {s.pool.id: s.pool.shape for s in pools}, now)
    snapshot = Snapshot(
        now=now, pools=pools, jobs=waiting, running=running, queues=queues, leases=leases,
        mates=mates_now(tx, network), **fields,
    )  # fmt: skip
    return snapshot, network, served


def looks_at_runs(rules: InForce) -> bool:
    """Whether it matters who runs: where the policy may push runs out, or shares are counted."""
    return rules.policy.preempt or bool(rules.queues)


def around(
    rules: InForce,
    tx: Connection,
    held: Sequence[Held],
    routes: Mapping[str, str],
    silent: frozenset[str],
    now: float,
) -> tuple[tuple[RunningJob, ...], tuple[Queue, ...], Mapping[str, list[str]]]:
    """What runs, the queues with their past, and the jobs for which room is being made."""
    queues = rules.queues
    if queues and held and rules.policy.fair:
        began = ((h.queue, h.began, h.counted) for h in held)
        queues = with_past(queues, average_past(tx, began, now))
    served = room_is_made_for(tx, silent, now) if any(h.stopping for h in held) else {}
    saved = runs.saved(tx) if any(h.preemptible for h in held) else {}
    return running_jobs(held, routes, saved), queues, served


def load_round(ctx: Context, tx: Connection, now: float, known: Remembered) -> Loaded:
    """What the scheduler sees now, as far as it has changed since what is `known`."""
    rules, told = in_force(ctx, tx), None
    read = readings(ctx, tx, rules.policy, now)
    kinds = read.measured.names
    if known.standing is not None and now >= known.now:
        told = go_on(ctx, tx, known.standing, now, kinds)
    if told is None:
        known.standing = begin(ctx, tx, now)
        told = go_on(ctx, tx, known.standing, now, kinds)
    assert told is not None, "what was just read is not short"
    known.now, there = now, known.standing
    assert there is not None
    shared = bool(rules.queues)
    held = there.holders.held(shared) if there.jobs and looks_at_runs(rules) else []
    running, queues, served = around(rules, tx, held, there.routes, there.silent, now)
    leases = leases_now(tx, there.shapes, now)
    snapshot = change = None
    fields: Mapping[str, Any] = {}
    if told.whole or known.read is not read:
        fields, known.read = fields_of(read, (s.pool for s in there.pools)), read
    if told.whole:
        waiting = tuple(there.jobs.values())
        snapshot = Snapshot(
            now, there.pools, waiting, running=running, queues=queues, leases=leases,
            mates=there.mates(), **fields,
        )  # fmt: skip
        known.speed = speed_of_pools(snapshot, rules.policy) if shared else None
    else:
        change = Change(
            now, told.come, told.gone, told.pools, running, queues, leases, there.mates(), fields
        )
    return Loaded(
        snapshot,
        change,
        {row.id: row.name for row in there.clusters.values()},
        there.shapes,
        there.levels,
        known.speed,
        {h.job: h for h in held},
        served,
        [there.jobs[job] for job in sorted(there.pinned)],
    )


def asked_about(tx: Connection, network: Network) -> frozenset[str]:
    """Jobs with a lost run whose cluster is heard again: it is just being asked how that stands.

    To place such a job before the answer comes would stop what may have run on all the while.
    """
    return frozenset(job for job, cluster in runs.lost(tx) if cluster not in network.silent)


def schedule_round(ctx: Context) -> int:
    """Place what can be placed. Gives the number of jobs placed or sent back."""
    defer(ctx)
    return again(lambda: _round(ctx))


def _round(ctx: Context) -> int:
    now = ctx.now()
    kept = _taken(ctx)
    with ctx.store.read() as tx:
        rules = in_force(ctx, tx)
        known = kept if kept is not None and kept.rules == rules.number else _fresh(rules)
        if not jobs.any_waiting(tx):
            ctx.caches.rounds.append(known)
            return 0
        seen = count(tx, "round")
        loaded = load_round(ctx, tx, now, known)
    plan = planned(known.planner, loaded)
    refused = sent_back(plan, loaded.pinned)
    orders = to_order(plan, loaded.held, {job.id for job in loaded.pinned}, loaded.served)
    placed = [*plan.placements, *plan.ahead]  # put into words once
    woken = set[str]()
    if placed or refused or orders:
        try:
            woken = _apply(ctx, placed, refused, orders, loaded, seen, now, how_near(plan))
        except Conflict:
            ctx.caches.rounds.append(known)
            raise
    ctx.caches.rounds.append(known)
    for key in woken:
        ctx.wake(key)
    return len(placed) + len(refused)


def _fresh(rules: InForce) -> Remembered:
    """Nothing is remembered: at the first round, and whenever policy or queues are others."""
    return Remembered(Planner(rules.policy), rules.number)


def _taken(ctx: Context) -> Remembered | None:
    """What the last round has left. Nobody else can take it until it is put back; whoever finds
    nothing reads everything, and so does who comes after a round that failed.
    """
    kept = ctx.caches.rounds
    try:
        found = kept.pop()
    except IndexError:
        return None
    kept.clear()  # what others left at the same time says the same
    assert isinstance(found, Remembered)
    return found


def planned(planner: Planner, loaded: Loaded) -> Plan:
    """The plan of what was loaded."""
    if loaded.snapshot is not None:
        return planner.plan(loaded.snapshot)
    assert loaded.change is not None
    return planner.go_on(loaded.change)


def _apply(
    ctx: Context,
    placed: Sequence[Placement],
    refused: Mapping[str, Waiting],
    orders: Sequence[Order],
    loaded: Loaded,
    seen: int,
    now: float,
    near: str,
) -> set[str]:
    """Write the plan in one transaction; `Conflict` if another round or a change came between."""
    ids = [p.job for p in placed] + list(refused)
    moved = {o.wanted.job for o in orders} | {o.wanted.for_job for o in orders}
    with ctx.store.write() as tx:
        swap_count(tx, "round", seen)
        rows = jobs.some(tx, [*ids, *(moved - set(ids))])
        placements = [p for p in placed if _still_waits(rows.get(p.job))]
        back = [rows[i] for i in refused if _still_waits(rows.get(i))]
        good = still_good(tx, orders, rows)
        changed = len(placements) + len(back) + 2 * len(good)
        first = raise_count(tx, "seq", changed) - changed + 1 if changed else 0
        _write_placements(ctx, tx, placements, rows, loaded, first, now, near)
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
    near: str,
) -> None:
    new_runs, changes, history = [], [], []
    for offset, placement in enumerate(placements):
        row, chosen = rows[placement.job], placement.chosen
        demand = ctx.caches.demands[row.shape]
        run_id = f"{row.id}-{row.attempts + 1}"
        levels = loaded.levels.get(chosen.pool, ())
        claims = claims_of(demand, chosen, loaded.shapes[chosen.pool], levels)
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
        to = loaded.names[chosen.cluster]
        detail = f"{chosen.pool} by {to}{near}"
        history.append({"job": row.id, "at": now, "what": "placed", "detail": detail})
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


def claims_of(
    demand: Demand, chosen: Candidate, shape: HostShape, levels: Sequence[str] = ()
) -> list[list[int]]:
    """What a placement books for each group on hosts of this shape, with these levels of blocks:
    a record of each claim.
    """
    groups: dict[str, TaskGroup] = {g.name: g for g in demand.groups}
    return [claim_record(claim_of(groups[a.group], a.count, shape, levels)) for a in chosen.groups]


def _counted_milli(
    claims: list[list[int]], chosen: Candidate, speed: Mapping[str, int] | None
) -> int | None:
    """What the devices of a placement count in shares; None where nothing is shared."""
    if speed is None:
        return None
    return counted(claims, None)[2] * speed.get(chosen.pool, 1000) // 1000
