"""Defer: jobs that can wait are put off to the hour in which their energy is cheaper or cleaner.

What is decided (`weir.scheduling.defer`) is written down once, before the first round that would
look at the job: from then on it is a job that is not to start before that time, so rounds need not
know of it. It is decided anew only when another policy comes into force; under one that does not
weigh hours, nobody is put off any longer.

Laws:
- Nobody is put off beyond the patience of the job, nor by a domain to which it was handed on.
- What is put off is booked: the next one is put beside it, and not into the same room.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from weir.control.context import WATCH, Context, InForce, again, job_key
from weir.control.line import demands_of, waiting_job
from weir.control.network import load_network
from weir.control.policies import in_force
from weir.control.surroundings import fields_of, readings
from weir.scheduling.defer import Booked, Deferrable, PutOff, put_off
from weir.scheduling.snapshot import Snapshot
from weir.store import deferrals, jobs
from weir.store.deferrals import DeferralRow
from weir.store.domains import raise_count
from weir.store.rows import JobRow

AT_ONCE = 500
"""So many jobs are decided together at most."""


@dataclass(frozen=True, slots=True)
class _Open:
    """What is to be decided: rows of jobs that may be put off, and what was put off before."""

    rules: InForce
    rows: Sequence[tuple[JobRow, DeferralRow]]
    booked: tuple[Booked, ...]
    snapshot: Snapshot | None
    asks: Sequence[Deferrable] = ()


def defer(ctx: Context) -> int:
    """Put off what is better put off, and let go whom an earlier policy has; gives how many jobs
    were looked at.
    """
    looked = 0
    while (some := again(lambda: _defer(ctx))) == AT_ONCE:
        looked += some
    return looked + some


def _defer(ctx: Context) -> int:
    now = ctx.now()
    with ctx.store.read() as tx:
        rules = in_force(ctx, tx)
        if not deferrals.any_pending(tx, now, rules.policy.shift):
            return 0
        found = _read(ctx, tx, rules, now)
    if not found.rows:
        return 0
    better: dict[str, PutOff] = {}
    if found.snapshot is not None:
        said = put_off(found.snapshot, rules.policy, found.asks, found.booked)
        better = {one.job: one for one in said}
    decided = [_decided(row, better.get(row.job), rules, now) for _, row in found.rows]
    moved = [(job, row, better.get(job.id)) for job, row in found.rows
             if job.id in better or _is_put_off(row, now)]  # fmt: skip
    with ctx.store.write() as tx:
        deferrals.decide(tx, decided)
        _write(tx, moved, now)
    for job, _, _ in moved:
        ctx.wake(job_key(job.id))
    if moved:
        ctx.wake(WATCH)
    return len(found.rows)


def _read(ctx: Context, tx: Connection, rules: InForce, now: float) -> _Open:
    """What is to be decided now, and by what."""
    pending = deferrals.pending(tx, now)
    name, shifting = rules.policy.name, rules.policy.shift
    stale = [d for d in pending if d.decided_at is not None and d.policy != name]
    new = [d for d in pending if d.decided_at is None] if shifting else []
    wanted = [*stale, *new][:AT_ONCE]
    rows = jobs.some(tx, [d.job for d in wanted])
    pairs = [(rows[d.job], d) for d in wanted]
    if not (shifting and pairs):
        return _Open(rules, pairs, (), None)
    redone = {d.job for _, d in pairs}
    booked = booked_of([d for d in pending if d.job not in redone])
    demands = demands_of(ctx, tx, {job.shape for job, _ in pairs})
    read = readings(ctx, tx, rules.policy, now)
    pools = load_network(ctx, tx, now).pools()
    fields = fields_of(read, (s.pool for s in pools))
    asks = [
        Deferrable(waiting_job(job, demands, {}, read.measured.names), d.latest_at)
        for job, d in pairs
    ]
    return _Open(rules, pairs, booked, Snapshot(now=now, pools=pools, **fields), asks)


def _is_put_off(row: DeferralRow, now: float) -> bool:
    return row.start_at is not None and row.start_at > now


def booked_of(rows: Sequence[DeferralRow]) -> tuple[Booked, ...]:
    """What jobs that were put off have booked."""
    return tuple(
        Booked(d.pool, d.amount, d.start_at, d.ends_at)
        for d in rows
        if d.pool is not None
        and d.amount is not None
        and d.start_at is not None
        and d.ends_at is not None
    )


def _decided(row: DeferralRow, found: PutOff | None, rules: InForce, now: float) -> DeferralRow:
    bare = DeferralRow(row.job, row.latest_at, now, rules.policy.name)
    if not rules.policy.shift:
        return replace(bare, decided_at=None, policy=None)  # to be decided under the next that does
    if found is None:
        return bare
    return replace(
        bare, start_at=found.start_at, ends_at=found.ends_at, pool=found.pool,
        amount=found.amount, saves=found.saves, what=found.what,
    )  # fmt: skip


def _write(
    tx: Connection, moved: Sequence[tuple[JobRow, DeferralRow, PutOff | None]], now: float
) -> None:
    """Say to the jobs from when on they may start; `Conflict` if one has changed meanwhile."""
    if not moved:
        return
    first = raise_count(tx, "seq", len(moved)) - len(moved) + 1
    changes, history = [], []
    for n, (job, _, found) in enumerate(moved):
        after = None if found is None else found.start_at
        changes.append({"id": job.id, "seen": job.seq, "seq": first + n, "start_after": after})
        what = "put off" if found is not None else "put off no longer"
        detail = "the policy is another" if found is None else _words(found)
        history.append({"job": job.id, "at": now, "what": what, "detail": detail})
    jobs.swap(tx, changes)
    jobs.add_history(tx, history)


def _words(found: PutOff) -> str:
    if found.saves is None:
        return "until there is room for it"
    does = "emit" if found.what == "carbon" else "cost"
    return f"until it is expected to {does} {round(100 * found.saves)} % less"
