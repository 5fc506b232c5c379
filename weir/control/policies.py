"""Policies: what a domain schedules by, the policy and the queues, and how both are changed.

Laws:
- Every change is a row in the store, with who made it and when; the last one counts, for every
  process of the domain, from its next scheduling round on. Before the first change what the server
  was started with counts.
- What was set holds through restarts, until the server is started with another policy or other
  queues than the last time: then both are what the start says (`settle_scheduling`).
- Queues stand only beside a policy that shares among them, however they were set.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from sqlalchemy import Connection

from weir.control.authorize import Principal
from weir.control.context import SCHEDULE, Context, InForce
from weir.core.errors import BadInput, Conflict
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Queue
from weir.store import policies as changes
from weir.store.domains import raise_count
from weir.store.policies import SchedulingRow

BY_START = ""
"""Who makes the changes of a start."""

START, POLICY, QUEUES = "start", "policy", "queues"
"""What a change is of."""


def in_force(ctx: Context, tx: Connection) -> InForce:
    """What the domain schedules by."""
    number = changes.last_number(tx)
    if number == 0:
        return _started_with(ctx)
    known = ctx.caches.in_force.get(number)
    if known is None:
        row = changes.get(tx, number)
        assert row is not None, "changes are only added"
        known = InForce(number, policy(row.policy), tuple(_queue(q) for q in row.queues))
        ctx.caches.in_force.clear()
        ctx.caches.in_force[number] = known
    return known


def now_in_force(ctx: Context) -> InForce:
    """The same, in a transaction of its own."""
    with ctx.store.read() as tx:
        return in_force(ctx, tx)


def set_policy(ctx: Context, who: Principal, name: str, seen: int | None = None) -> InForce:
    """Schedule by the policy of this name from the next round on.

    Raises `BadInput` if there is none, or if it knows no queues and the domain has some; `Conflict`
    if something was changed since change `seen`.
    """
    chosen = policy(name)
    return change_scheduling(ctx, who, POLICY, seen, lambda rules: replace(rules, policy=chosen))


def change_scheduling(
    ctx: Context, who: Principal, what: str, seen: int | None, decide: Callable[[InForce], InForce]
) -> InForce:
    """Write what `decide` makes of the rules; a round that is under way starts anew with it."""
    with ctx.store.write() as tx:
        now = in_force(ctx, tx)
        if seen is not None and seen != now.number:
            raise Conflict(_moved_on(tx, now.number))
        wanted = decide(now)
        _check(wanted)
        if (wanted.policy, wanted.queues) == (now.policy, now.queues):
            return now
        number = _add(ctx, tx, replace(wanted, number=now.number + 1), what, who.subject)
        raise_count(tx, "round")
    ctx.wake(SCHEDULE)
    return replace(wanted, number=number)


def settle_scheduling(ctx: Context) -> None:
    """At a start: if it says something else than the last start did, that counts from now on."""
    with ctx.store.write() as tx:
        number = changes.last_number(tx)
        if number == 0:
            return
        row = changes.get(tx, number)
        assert row is not None
        said = _started_with(ctx)
        if row.started_with == _digest(said):
            return
        _add(ctx, tx, replace(said, number=number + 1), START, BY_START)
        raise_count(tx, "round")


def last_changes(ctx: Context, limit: int = 20) -> Sequence[SchedulingRow]:
    """Who has changed what, newest first."""
    with ctx.store.read() as tx:
        return changes.latest(tx, limit)


def no_queues(chosen: Policy) -> str:
    """Why a policy and the queues that are there don't go together."""
    known = ", ".join(p.name for p in POLICIES.values() if p.fair)
    return f"the policy {chosen.name} knows no queues; with queues take one of: {known}"


def _check(wanted: InForce) -> None:
    if wanted.queues and not wanted.policy.fair:
        raise BadInput(f"{no_queues(wanted.policy)}; set that first, or remove the queues")


def _moved_on(tx: Connection, number: int) -> str:
    row = changes.get(tx, number)
    who = row.set_by if row is not None and row.set_by else "a start of the server"
    return f"{who} has changed queues or policy since you looked; look again, then decide"


def _add(ctx: Context, tx: Connection, made: InForce, what: str, by: str) -> int:
    row = SchedulingRow(
        number=made.number,
        set_at=ctx.now(),
        set_by=by,
        what=what,
        policy=made.policy.name,
        queues=[_record(q) for q in made.queues],
        started_with=_digest(_started_with(ctx)),
    )
    changes.add(tx, row)
    return row.number


def _started_with(ctx: Context) -> InForce:
    return InForce(0, policy(ctx.settings.policy), ctx.settings.queues)


def _digest(rules: InForce) -> str:
    said = {"policy": rules.policy.name, "queues": [_record(q) for q in rules.queues]}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def _record(queue: Queue) -> dict[str, Any]:
    """A queue without its past."""
    return {k: v for k, v in asdict(queue).items() if k != "past"}


def _queue(record: dict[str, Any]) -> Queue:
    lists: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in record.items()}
    return Queue(**lists)
