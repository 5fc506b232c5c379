"""Preempt: tell runs to stop so that a job that counts for more can have their room.

A run is told to stop as by a cancel, so agents know nothing of it. Its job goes on until the center
says that it has stopped; then it waits again (`weir.control.observe`), at no count of failures or
losses. Meanwhile what it holds is taken to end soon (`weir.control.network`), so that the scheduler
keeps the room for the job that it is for. As long as somebody stops for a job, nobody else is told
to.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection

from weir.control.apply import ask_to_stop
from weir.control.held import Held
from weir.core.lifecycle import RUN_ACTIVE, JobState
from weir.core.plan import Plan, Preemption
from weir.store import jobs, runs
from weir.store.rows import JobRow, RunRow

ON_ITS_WAY = frozenset({JobState.PLACED, JobState.RUNNING})


@dataclass(frozen=True, slots=True)
class Order:
    """That the run of a job has to make room."""

    wanted: Preemption
    run: str


def to_order(
    plan: Plan, held: Mapping[str, Held], pinned: Collection[str], served: Collection[str]
) -> tuple[Order, ...]:
    """Which of the plan's preemptions to carry out.

    None for a job that a peer has pinned to a pool, which goes back to it if it does not fit, nor
    for one for which room is being made already (`served`). What else the plan asks for on a pool
    where it counted on such a one is left to the next round.
    """
    dropped = {p.pool for p in plan.preemptions if p.for_job in pinned or p.for_job in served}
    return tuple(
        Order(p, held[p.job].run)
        for p in plan.preemptions
        if p.pool not in dropped and p.job in held
    )


def still_good(
    tx: Connection, orders: Sequence[Order], rows: Mapping[str, JobRow]
) -> list[tuple[Order, JobRow, RunRow]]:
    """The orders whose runs still hold the place, and for whom somebody still waits."""
    found = runs.some(tx, [o.run for o in orders])
    good = []
    for order in orders:
        job, run, asking = rows.get(order.wanted.job), found.get(order.run), None
        asking = rows.get(order.wanted.for_job)
        if job is None or run is None or asking is None:
            continue
        waits = asking.state == JobState.WAITING and asking.cancel_at is None
        holds = job.state in ON_ITS_WAY and job.run == run.id and job.cancel_at is None
        if waits and holds and run.state in RUN_ACTIVE and not run.cancel:
            good.append((order, job, run))
    return good


def write_orders(
    tx: Connection,
    good: Sequence[tuple[Order, JobRow, RunRow]],
    rows: Mapping[str, JobRow],
    first: int,
    now: float,
    away_s: float,
) -> set[str]:
    """Tell the runs to stop; gives keys to wake. Changes count from `first`, two for each order.

    A victim that may be ahead of the job that it goes for (a borrower that gives back) is kept off
    the pool for `away_s`, so that it does not come straight back.
    """
    jobs.swap(
        tx,
        [{"id": job.id, "seen": job.seq, "seq": first + n} for n, (_, job, _) in enumerate(good)],
    )
    for_whom = {run.id: order.wanted.for_job for order, _, run in good}
    runs.change(
        tx,
        [{"id": run, "preempted_for": job, "preempted_at": now} for run, job in for_whom.items()],
    )
    refusals = jobs.refusals(tx, [job.id for _, job, _ in good])
    history = []
    for order, job, run in good:
        asking = rows[order.wanted.for_job]
        history += [
            _line(job.id, now, "asked to stop", f"to make room for job {asking.id}"),
            _line(asking.id, now, "room is made", f"job {job.id} is asked to leave {run.pool}"),
        ]
        if job.priority >= asking.priority or job.queue != asking.queue:
            tries = refusals.get(job.id, {}).get(run.pool, 0)
            jobs.avoid_pool(tx, job.id, run.pool, now + away_s, tries, "gave its room back")
    jobs.add_history(tx, history)
    return ask_to_stop(tx, for_whom, first + len(good))


def _line(job: str, now: float, what: str, detail: str) -> dict[str, object]:
    return {"job": job, "at": now, "what": what, "detail": detail}
