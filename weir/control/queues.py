"""Queues: from the operator's file to what the scheduler sees, and to what people are told.

A job counts for the queue that it names where it is submitted. One without a queue, one whose queue
is there no more, and one that another domain has handed over (its queues are there) stand together
beside the topmost queues, with weight 1 and no quota.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from weir.control.authorize import Principal
from weir.control.context import Context, InForce
from weir.control.held import Held, load_held
from weir.control.network import load_network
from weir.control.policies import QUEUES, change_scheduling, in_force, last_changes, now_in_force
from weir.control.usage import Averages, average_past, speed_of_pools
from weir.core.errors import BadInput, Mistake
from weir.core.lifecycle import JobState
from weir.scheduling.queues import totals
from weir.scheduling.snapshot import Queue, Snapshot
from weir.store import jobs
from weir.wire.jobs import Submission
from weir.wire.mistakes import count_of
from weir.wire.queues import QueueAnswer, QueueEntry, entry_of, unknown_queue
from weir.wire.scheduling import SchedulingAnswer, SchedulingChange

NOTHING: Averages = (0.0, 0.0, 0.0)


def queues_from(entries: Iterable[QueueEntry]) -> tuple[Queue, ...]:
    """The queues of a file, without a past."""
    return tuple(
        Queue(e.name, e.parent or "", e.weight, e.quota.nominal(), e.quota.borrow())
        for e in entries
    )


def entries_of(queues: Iterable[Queue]) -> tuple[QueueEntry, ...]:
    """The queues as people write them."""
    return tuple(entry_of(q.name, q.parent or None, q.weight, q.nominal, q.borrow) for q in queues)


def set_queues(
    ctx: Context, who: Principal, entries: Sequence[QueueEntry], seen: int | None = None
) -> InForce:
    """These queues instead of those that there are, from the next scheduling round on.

    What waits in a queue that is gone stands beside the topmost queues then (see above). The caller
    has checked the entries (`weir.wire.queues.queues_in`). Raises `BadInput` if the domain's policy
    knows no queues, and `Conflict` if something was changed since change `seen`.
    """
    wanted = queues_from(entries)
    return change_scheduling(ctx, who, QUEUES, seen, lambda rules: replace(rules, queues=wanted))


def show_scheduling(ctx: Context) -> SchedulingAnswer:
    """What the domain schedules by, and who has changed it of late."""
    rules = now_in_force(ctx)
    return SchedulingAnswer(
        number=rules.number,
        policy=rules.policy.name,
        queues=entries_of(rules.queues),
        changes=tuple(
            SchedulingChange(
                number=row.number,
                set_at=row.set_at,
                set_by=row.set_by,
                what=row.what,
                policy=row.policy,
                queues=tuple(str(q["name"]) for q in row.queues),
            )
            for row in last_changes(ctx)
        ),
    )


def check_queues(ctx: Context, submissions: Iterable[Submission]) -> None:
    """Raise `BadInput` for every job that names a queue that this domain does not have."""
    known = {q.name for q in now_in_force(ctx).queues}
    mistakes = []
    for number, submission in enumerate(submissions):
        name = submission.spec.queue
        if name is None or submission.origin is not None or name in known:
            continue
        text = (
            unknown_queue(name, sorted(known))
            if known
            else f"this domain has no queues, so there is no {name!r}; leave the field out"
        )
        mistakes.append(Mistake(f"jobs[{number}].spec.queue", text))
    if mistakes:
        raise BadInput(f"the jobs have {count_of(mistakes)}", mistakes)


def with_past(queues: Iterable[Queue], past: Mapping[str, Averages]) -> tuple[Queue, ...]:
    """The queues with what each of them, and all below it, held on the average of late."""
    listed = list(queues)
    sums = {q.name: [0.0, 0.0, 0.0] for q in listed}
    for name, above in _up(listed).items():
        for queue in above:
            for i, amount in enumerate(past.get(name, NOTHING)):
                sums[queue][i] += amount
    return tuple(replace(q, past=_three(sums[q.name])) for q in listed)


def _three(values: list[float]) -> Averages:
    return values[0], values[1], values[2]


def _up(queues: Iterable[Queue]) -> dict[str, list[str]]:
    """Each queue's way up, itself first."""
    parents = {q.name: q.parent for q in queues}
    found: dict[str, list[str]] = {}
    for name in parents:
        way, at = [name], parents[name]
        while at in parents and at not in way:
            way.append(at)
            at = parents[at]
        found[name] = way
    return found


def list_queues(ctx: Context) -> list[QueueAnswer]:
    """Every queue of this domain, each below its parent."""
    now = ctx.now()
    with ctx.store.read() as tx:
        rules = in_force(ctx, tx)
        queues = rules.queues
        if not queues:
            return []
        held = load_held(tx, everything=True)
        past = average_past(tx, ((h.queue, h.began, h.counted) for h in held), now)
        counted = jobs.by_queue(tx)
        network = load_network(ctx, tx, now)
    snapshot = Snapshot(now, network.pools())
    speed = speed_of_pools(snapshot, rules.policy)
    pools = [state.pool for state in snapshot.routes]
    total = totals(pools, [speed.get(p.id, 1000) for p in pools])
    up = _up(queues)
    holds = _holds(held, up)
    counts = {name: [0, 0] for name in up}
    for (name, state), number in counted.items():
        for above in up.get(name, ()):
            counts[above][state != JobState.WAITING] += number
    full = {q.name: q for q in with_past(queues, past)}
    return [
        QueueAnswer(
            name=name,
            parent=full[name].parent or None,
            weight=full[name].weight,
            nominal=full[name].nominal,
            borrow=full[name].borrow,
            holds=holds[name],
            past=full[name].past,
            share=_share(holds[name], full[name], total),
            waiting=counts[name][0],
            running=counts[name][1],
        )
        for name in _from_the_top(queues)
    ]


def _holds(held: Iterable[Held], up: Mapping[str, list[str]]) -> dict[str, tuple[int, int, int]]:
    found = dict.fromkeys(up, (0, 0, 0))
    for one in held:
        cpu, memory, milli = one.counted
        for queue in up.get(one.queue, ()):
            before = found[queue]
            found[queue] = (before[0] + cpu, before[1] + memory, before[2] + milli)
    return found


def _share(holds: tuple[int, int, int], queue: Queue, total: tuple[int, int, int]) -> float:
    shares = (
        (held + past) / there
        for held, past, there in zip(holds, queue.past, total, strict=True)
        if there
    )
    return max(shares, default=0.0) / queue.weight


def _from_the_top(queues: Iterable[Queue]) -> list[str]:
    """Names so that each stands below its parent, in the order of the file otherwise."""
    listed, found = list(queues), list[str]()

    def add(parent: str) -> None:
        for queue in listed:
            if queue.parent == parent:
                found.append(queue.name)
                add(queue.name)

    add("")
    return found
