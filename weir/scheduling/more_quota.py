"""How much more quota would let a job start at once that waits for nothing else.

Laws:
- A change is one number of one queue. Where two queues or two resources are short, none is named.
- It is enough for what the job holds on any pool that suits it, beside what holds its queue now.
- Where others that wait for the same quota go first, it is named only if a round that is played
  with it places the job; in rounds too large to be played ahead it is then not named.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np

from weir.core.plan import Change, Reason
from weir.core.units import show_bytes, show_cpu_milli, show_devices_milli
from weir.scheduling.board import WAITS_QUOTA
from weir.scheduling.changes import Relaxation
from weir.scheduling.feasible import Judgment
from weir.scheduling.outlook import MOST_ROWS
from weir.scheduling.queues import Quotas
from weir.scheduling.schedule import Round, play
from weir.scheduling.snapshot import Queue, Snapshot

Amounts = tuple[int | None, int | None, int | None]


def more_quota(
    round_: Round, quotas: Quotas, row: int, judgment: Judgment, roomy: Iterable[int]
) -> Relaxation | None:
    """The change for the job of a row, None if there is none; `roomy` are rows of pools that it
    would start on at once, were it not for its queue.
    """
    if round_.board.jobs.why[row] != WAITS_QUOTA or round_.policy.optimal:
        return None
    open_to = list(roomy)
    job, routes = round_.jobs[row], round_.snapshot.routes
    short: dict[tuple[str, int], int] = {}
    for pool in np.flatnonzero(judgment.suits).tolist():
        claims = judgment.tasks.claims(pool)
        for name, resource, missing in quotas.short(job.queue, claims, routes[pool].pool.id):
            short[name, resource] = max(missing, short.get((name, resource), 0))
    if len(short) != 1 or not open_to:
        return None
    (((name, resource), missing),) = short.items()
    queue = next(q for q in round_.snapshot.queues if q.name == name)
    raised = replace(queue, nominal=_raised(queue.nominal, resource, missing))
    if _others_first(round_, quotas, row, name) and not _placed(round_, row, raised):
        return None
    was, instead = (_text(q.nominal, resource, name) for q in (queue, raised))
    change = Change(Reason.QUOTA, was, instead, len(open_to), now=True)
    return Relaxation(change, job.demand, raised)


def with_queue(seen: Snapshot, queue: Queue) -> Snapshot:
    """The snapshot with another queue of that name."""
    queues = tuple(queue if q.name == queue.name else q for q in seen.queues)
    return replace(seen, queues=queues)


def _raised(nominal: Amounts, resource: int, more: int) -> Amounts:
    cpu, memory, milli = (
        amount if amount is None or i != resource else amount + more
        for i, amount in enumerate(nominal)
    )
    return cpu, memory, milli


def _text(nominal: Amounts, resource: int, name: str) -> str:
    amount = nominal[resource] or 0
    if resource == 1:
        return f"{show_bytes(amount)} for {name}"
    show, noun = ((show_cpu_milli, "core"), (show_devices_milli, "device"))[resource == 2]
    return f"{show(amount)} {noun}{'' if amount == 1000 else 's'} for {name}"


def _others_first(round_: Round, quotas: Quotas, row: int, name: str) -> bool:
    """Whether somebody else who waits for a quota could take what this queue gets more."""
    why = np.asarray(round_.board.jobs.why)[: len(round_.jobs)]
    return any(
        name in quotas.up(round_.jobs[other].queue)
        for other in np.flatnonzero(why == WAITS_QUOTA).tolist()
        if other != row
    )


def _placed(round_: Round, row: int, raised: Queue) -> bool:
    seen = round_.snapshot
    if len(seen.jobs) + len(seen.pools) > MOST_ROWS:
        return False
    other = play(with_queue(seen, raised), round_.policy)
    name = round_.jobs[row].id
    at = next(n for n, job in enumerate(other.jobs) if job.id == name)
    return bool(other.board.jobs.pool[at] >= 0)
