"""Find: where could this job run? And why does one wait, or is where it is?

Both ask the scheduler's own functions on a snapshot of now, so what they say is what it would do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.defer import booked_of
from weir.control.holders import mates_now
from weir.control.line import demands_of
from weir.control.network import Network, load_network
from weir.control.policies import in_force
from weir.control.schedule import asked_about, load_snapshot
from weir.control.surroundings import fields_of, readings
from weir.control.words import waiting_sayings
from weir.core.errors import NotFound
from weir.core.lifecycle import JOB_FINAL, JobState
from weir.core.plan import Candidate, Change, GroupAllocation, Reason, ReasonCount, Term
from weir.scheduling.defer import Booked, Deferrable, PutOff, put_off
from weir.scheduling.explain_words import Saying, end_sayings, sentences
from weir.scheduling.find import Found, find
from weir.scheduling.policies import policy
from weir.scheduling.policy import Policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob
from weir.store import clusters, deferrals, jobs, runs
from weir.store.deferrals import DeferralRow
from weir.store.rows import JobRow, RunRow
from weir.wire.jobdemand import demand_of
from weir.wire.jobs import (
    CandidateAnswer,
    ChangeAnswer,
    FindAnswer,
    FindRequest,
    ReasonAnswer,
    RejectionAnswer,
    SayingAnswer,
    TermAnswer,
    WhyAnswer,
)
from weir.wire.jobspec import deadline_s, patience_s
from weir.wire.pools import pool_from


def find_places(
    ctx: Context, request: FindRequest, most: int | None = None, user: str = ""
) -> FindAnswer:
    """Every pool of the network for this job: ranked yes, or no with every reason.

    With `most`, only so many of each are told one by one; the counts of reasons are of all. `user`
    is who asks: their own jobs are those that it may keep apart from.
    """
    return find_among(seen_now(ctx, request.policy), request, most, user)


@dataclass(frozen=True, slots=True)
class Seen:
    """The network as it was at a moment, and the policy by which places in it are ranked; `booked`
    is for jobs that were put off.
    """

    snapshot: Snapshot
    chosen: Policy
    booked: tuple[Booked, ...] = ()


def seen_now(ctx: Context, named: str | None = None, network: Network | None = None) -> Seen:
    """The network now, or as it was read already; ranked by the policy of this name, or else by the
    domain's own.
    """
    now = ctx.now() if network is None else network.now
    with ctx.store.read() as tx:
        chosen = policy(named) if named else in_force(ctx, tx).policy
        network = network or load_network(ctx, tx, now)
        read = readings(ctx, tx, chosen, now)
        mates = mates_now(tx, network)
        booked = booked_of(deferrals.pending(tx, now)) if chosen.shift else ()
    pools = network.pools()
    fields = fields_of(read, (s.pool for s in pools))
    return Seen(Snapshot(now=now, pools=pools, mates=mates, **fields), chosen, booked)


def find_among(
    seen: Seen, request: FindRequest, most: int | None = None, user: str = ""
) -> FindAnswer:
    """`find_places` in a network that was read before; who asks often reads it once."""
    snapshot, chosen = seen.snapshot, seen.chosen
    found = find(snapshot, demand_of(request.spec), chosen, user)
    by_id = {s.pool.id: s for s in snapshot.pools}
    return FindAnswer(
        policy=chosen.name,
        candidates=tuple(_candidate(c, by_id.get(c.pool)) for c in islice(found.candidates, most)),
        rejections=_rejections(found, by_id, most),
        reasons=tuple(_reason(r) for r in found.reasons),
        changes=tuple(_change(c) for c in found.changes),
        suited=len(found.candidates),
        unsuited=len(snapshot.pools) - len(found.candidates),
        said=_said(_put_off(seen, request))["said"],
    )


def _put_off(seen: Seen, request: FindRequest) -> list[Saying]:
    """When a job that can wait would start, if not at once."""
    now, patience = seen.snapshot.now, patience_s(request.spec)
    if patience is None:
        return []
    end = deadline_s(request.spec)
    job = WaitingJob(
        "", demand_of(request.spec), 0, now, deadline_at=None if end is None else now + end
    )
    better = put_off(seen.snapshot, seen.chosen, [Deferrable(job, now + patience)], seen.booked)
    return [_better("would", one, now) for one in better]


def _better(prefix: str, found: PutOff | DeferralRow, now: float) -> Saying:
    """That a job is put off, until when, and what for."""
    by_s = max(0.0, (found.start_at or now) - now)
    if found.saves is None:
        return Saying(f"{prefix}_room", {"by_s": by_s})
    return Saying(f"{prefix}_{found.what}", {"by_s": by_s, "percent": round(100 * found.saves)})


def why(ctx: Context, job_id: str) -> WhyAnswer:
    """Why a job stands where it stands. Raises `NotFound`."""
    now = ctx.now()
    with ctx.store.read() as tx:
        row = jobs.get(tx, job_id)
        if row is None:
            raise NotFound(f"there is no job {job_id} here")
        waits = row.state == JobState.WAITING
        loaded = load_snapshot(ctx, tx, now) if waits else None
        demands_of(ctx, tx, {row.shape})
        chosen = in_force(ctx, tx).policy
        asked = loaded is not None and job_id in asked_about(tx, loaded[1])
        places = {} if waits else _places(tx, row)
        run = None if waits or row.run is None else runs.get(tx, row.run)
        later = deferrals.get(tx, job_id) if waits else None
    if asked:
        return WhyAnswer(job=row.id, state=JobState.WAITING, **_said([Saying("asked")]))
    if loaded is not None:
        if later is not None and (later.start_at or 0.0) <= now:
            later = None
        return _why_waiting(chosen, row, loaded[0], loaded[2], later)
    return _why_there(row, places, run)


def _places(tx: Connection, row: JobRow) -> dict[str, PoolState]:
    """The pools that a decision names, as far as they are there still."""
    named = [c["pool"] for c in (row.decision or {}).values() if c is not None]
    records = clusters.records_of(tx, named)
    return {id_: PoolState(pool_from(r), r.cluster) for id_, r in records.items()}


def _why_waiting(
    chosen: Policy,
    row: JobRow,
    snapshot: Snapshot,
    making_room: Mapping[str, list[str]],
    later: DeferralRow | None,
) -> WhyAnswer:
    plan = schedule(snapshot, chosen)
    entry = plan.waiting.get(row.id)
    if entry is None:
        placed = any(p.job == row.id for p in plan.placements)
        said = [Saying("possible" if placed else "behind")]
        return WhyAnswer(job=row.id, state=JobState.WAITING, **_said(said))
    served = making_room.get(row.id, ())
    will_go = 0 if served else sum(p.for_job == row.id for p in plan.preemptions)
    said = waiting_sayings(entry, row.reason, served, will_go, row.queue)
    if later is not None and said[0].code == "deferred":
        said[0] = _better("put_off", later, snapshot.now)
    return WhyAnswer(
        job=row.id,
        state=JobState.WAITING,
        **_said(said),
        ahead=entry.ahead,
        held_pool=entry.held_pool,
        hopeless=entry.hopeless,
        start_s=entry.start_s,
        room_made_by=tuple(sorted(served)),
        reasons=tuple(_reason(r, later is not None) for r in entry.reasons),
        changes=tuple(_change(c) for c in entry.changes),
    )


def _why_there(row: JobRow, pools: dict[str, PoolState], run: RunRow | None) -> WhyAnswer:
    decision = row.decision or {}
    chosen, second = decision.get("chosen"), decision.get("runner_up")
    state = JobState(row.state)
    if chosen is None:
        ended = end_sayings(state, row.reason) or [Saying("state", {"state": state.value})]
        return WhyAnswer(job=row.id, state=state, **_said([*ended, Saying("never_placed")]))
    code = f"{'was' if state in JOB_FINAL else 'is'}{'' if second else '_only'}_there"
    there = pools.get(chosen["pool"])
    where = {"where": f"{there.pool.site_name} / {there.pool.name}"} if there else None
    said = [Saying(code, where or {"gone": chosen["pool"]})]
    if run is not None and run.preempted_for is not None and state not in JOB_FINAL:
        said.append(Saying("makes_room", {"job": run.preempted_for}))
    return WhyAnswer(
        job=row.id,
        state=state,
        **_said([*said, *end_sayings(state, row.reason)]),
        chosen=_candidate(_from_record(chosen), pools.get(chosen["pool"])),
        runner_up=None
        if second is None
        else _candidate(_from_record(second), pools.get(second["pool"])),
    )


def _said(sayings: Sequence[Saying]) -> dict[str, Any]:
    """What is said, in English and as codes."""
    codes = tuple(SayingAnswer(code=s.code, values=dict(s.values)) for s in sayings)
    return {"text": sentences(sayings), "said": codes}


def _from_record(record: dict[str, Any]) -> Candidate:
    return Candidate(
        pool=record["pool"],
        cluster=record["cluster"],
        groups=tuple(GroupAllocation(**g) for g in record["groups"]),
        price_micro_per_hour=record["price_micro_per_hour"],
        terms=tuple(Term(**t) for t in record["terms"]),
        now=record["now"],
    )


def _candidate(c: Candidate, state: PoolState | None) -> CandidateAnswer:
    pool = None if state is None else state.pool
    start = next((t.value for t in c.terms if t.name == "start"), None)
    return CandidateAnswer(
        pool=c.pool,
        pool_name=pool.name if pool else "(gone)",
        site_name=pool.site_name if pool else "(gone)",
        cluster=c.cluster,
        device_model=pool.device_model if pool else None,
        emulated=pool.emulated if pool else False,
        groups=tuple((g.group, g.count, g.stack) for g in c.groups),
        price_micro_per_hour=c.price_micro_per_hour,
        currency=pool.currency if pool else "",
        now=c.now,
        start_in_s=0.0 if c.now else start,
        terms=tuple(
            TermAnswer(name=t.name, value=t.value, unit=t.unit, cost=t.cost) for t in c.terms
        ),
        cost=c.cost,
    )


def _rejections(
    found: Found, pools: dict[str, PoolState], most: int | None
) -> tuple[RejectionAnswer, ...]:
    can = found.suited
    noes = ((p, why) for p, why in sorted(found.rejections.items()) if p not in can)
    return tuple(
        RejectionAnswer(
            pool=pool_id,
            pool_name=pools[pool_id].pool.name,
            site_name=pools[pool_id].pool.site_name,
            reasons=tuple(str(r) for r in reasons),
        )
        for pool_id, reasons in islice(noes, most)
    )


def _reason(r: ReasonCount, put_off: bool = False) -> ReasonAnswer:
    if r.reason is Reason.DEFERRED and not put_off:  # the job's own file says so
        r = replace(r, needed="its time to start")
    return ReasonAnswer(reason=r.reason, pools=r.pools, needed=r.needed, best=r.best, text=str(r))


def _change(c: Change) -> ChangeAnswer:
    return ChangeAnswer(
        reason=c.reason, wanted=c.wanted, instead=c.instead, pools=c.pools, now=c.now
    )
