"""Queues as a tree of columns: shares, quotas with borrowing, and what was used of late.

A queue's share is its dominant one: of each resource, what it holds plus what it held on the
average of late (an exponential average over `MEMORY_S`), over what there is; the largest of those
over its weight. (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011, with usage that fades.) At
each fork the child with the least share goes next, at a tie the one that is named first. A queue
may hold its nominal quota and what it may borrow, as long as all above it keep to theirs. Jobs of a
queue that has queues below it share like one more of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import numpy as np

from weir.core.inventory import DEVICE_MILLI, Pool
from weir.scheduling.normal import speeds
from weir.scheduling.packing import MOST, Claim, taken_milli
from weir.scheduling.policy import Policy
from weir.scheduling.setup import Tree
from weir.scheduling.snapshot import Queue

if TYPE_CHECKING:
    from weir.scheduling.schedule import Round

MEMORY_S = 7 * 86400.0
"""The time in which what a queue used fades to 1/e."""

Amounts = tuple[int, int, int]
"""Of each of the `RESOURCES` of the board."""


def flat_tree(
    names: Sequence[str],
    codes: Any,
    weights: Mapping[str, float],
    pools: Sequence[Pool],
    policy: Policy,
    speed: Sequence[int] | None = None,
) -> tuple[Tree, Any]:
    """A queue for each name under one root; jobs without a name go to the last one."""
    if not policy.fair or not names:
        return Tree(), np.zeros(len(codes), dtype=np.int64)
    queues = [Queue(name, weight=weights.get(name, 1.0)) for name in names]
    tree, index = tree_of(queues, totals(pools, speed))
    rows = np.array([index[name] for name in names] + [index[""]])
    return tree, rows[codes]


def tree_of(queues: Iterable[Queue], total: tuple[int, int, int]) -> tuple[Tree, dict[str, int]]:
    """The tree and the leaf that each queue's jobs wait in; "" is where jobs of no queue go.

    Queues whose parents lead in a circle are left out.
    """
    given = {q.name: q for q in sorted(queues, key=lambda q: q.name, reverse=True) if q.name}
    tree = Tree(total=list(total))
    index: dict[str, int] = {}
    children: dict[str, list[Queue]] = {}
    for queue in given.values():
        above = queue.parent if queue.parent in given else ""
        children.setdefault(above, []).append(queue)
    if not children.get(""):
        index[""] = 0
        return tree, index
    pending = [(q, 0) for q in (Queue(""), *children[""])]
    while pending:
        queue, parent = pending.pop(0)
        row = index[queue.name] = _add(tree, queue, parent)
        below = children.get(queue.name, []) if queue.name else []
        if below:
            index[queue.name] = _add(tree, Queue(queue.name), row)
        pending += [(child, row) for child in below]
    return tree, index


def _add(tree: Tree, queue: Queue, parent: int) -> int:
    row = len(tree.parent)
    tree.parent.append(parent)
    tree.child.append(-1)
    tree.sibling.append(tree.child[parent])
    tree.child[parent] = row
    tree.weight.append(max(1e-9, queue.weight))
    tree.past += list(queue.past)
    tree.held += [0, 0, 0]
    for nominal, borrow in zip(queue.nominal, queue.borrow, strict=True):
        most = None if nominal is None or borrow is None else nominal + borrow
        tree.limit.append(-1 if most is None else most)
    return row


def totals(pools: Sequence[Pool], speed: Sequence[int] | None = None) -> tuple[int, int, int]:
    """CPU, memory and milli-devices of all pools; devices counted by `speed`, in thousandths."""
    cpu = memory = milli = 0
    for pool, each in zip(pools, speed or [1000] * len(pools), strict=True):
        cpu += pool.hosts * pool.shape.cpu_milli
        memory += pool.hosts * pool.shape.memory_bytes
        milli += pool.devices * DEVICE_MILLI * each // 1000
    return min(cpu, MOST), min(memory, MOST), min(milli, MOST)


def hold(tree: Tree, row: int, claims: Iterable[Claim], speed: int) -> None:
    """Count what a running job holds for its queue and all above it."""
    for i, amount in enumerate(amounts(claims, speed)):
        above = row
        while above >= 0:
            tree.held[above * 3 + i] += amount
            above = tree.parent[above]


class Quotas:
    """What queues hold beside their quotas, those below them included, while victims are chosen.

    `speed` is by pool what one of its devices counts, in thousandths, 1000 where not told.
    """

    def __init__(
        self, queues: Iterable[Queue], speed: Mapping[str, int], total: Amounts = (0, 0, 0)
    ) -> None:
        self._queues = {q.name: q for q in queues}
        self._held = {name: [0, 0, 0] for name in self._queues}
        self._speed, self._total = speed, total

    def copy(self) -> Quotas:
        """The same, to try changes on."""
        twin = Quotas((), self._speed, self._total)
        twin._queues, twin._held = self._queues, deepcopy(self._held)
        return twin

    def up(self, queue: str) -> list[str]:
        """The queue and all above it."""
        found: list[str] = []
        while queue in self._queues and queue not in found:
            found.append(queue)
            queue = self._queues[queue].parent
        return found

    def _needs(self, claims: Iterable[Claim], pool: str) -> Amounts:
        return amounts(claims, self._speed.get(pool, 1000))

    def change(self, queue: str, claims: Iterable[Claim], pool: str, sign: int) -> None:
        """Count claims for a queue and all above it, or take them off."""
        for i, amount in enumerate(self._needs(claims, pool)):
            for name in self.up(queue):
                self._held[name][i] += sign * amount

    def allows(self, queue: str, claims: Iterable[Claim], pool: str) -> bool:
        """Whether the queue and all above it may hold these claims too, borrowing included."""
        needs = self._needs(claims, pool)
        return all(
            most is None or more is None or not need or held + need <= most + more
            for q in (self._queues[name] for name in self.up(queue))
            for most, more, held, need in zip(
                q.nominal, q.borrow, self._held[q.name], needs, strict=True
            )
        )

    def short(
        self, queue: str, claims: Iterable[Claim], pool: str
    ) -> Iterator[tuple[str, int, int]]:
        """Each queue that may not hold these claims too, the row of the resource, and how much more
        it would have to be allowed.
        """
        needs = self._needs(claims, pool)
        for q in (self._queues[name] for name in self.up(queue)):
            rows = zip(q.nominal, q.borrow, self._held[q.name], needs, strict=True)
            for resource, (most, more, held, need) in enumerate(rows):
                if most is not None and more is not None and need and held + need > most + more:
                    yield q.name, resource, held + need - most - more

    def deserves(self, queue: str, claims: Iterable[Claim], pool: str) -> bool:
        """Whether the queue has a quota of what the claims need, and keeps to it with them."""
        if queue not in self._queues:
            return False
        rows = zip(
            self._queues[queue].nominal, self._held[queue], self._needs(claims, pool), strict=True
        )
        asked = [(most, held + need) for most, held, need in rows if most is not None and need]
        return bool(asked) and all(held <= most for most, held in asked)

    def borrows(self, queue: str, asking: str, claims: Iterable[Claim], pool: str) -> bool:
        """Whether the queue, or one above it that `asking` is not below, holds more than its quota
        of something that the claims need.
        """
        needs, shared = self._needs(claims, pool), self.up(asking)
        return any(
            most is not None and need and held > most
            for name in self.up(queue)
            if name not in shared
            for most, held, need in zip(
                self._queues[name].nominal, self._held[name], needs, strict=True
            )
        )

    def goes_first(self, queue: str, other: str) -> bool:
        """Whether a job of `queue` comes before one of `other` in the next round: where their ways
        to the root part, the one with the lesser share does.
        """
        here, there = self.up(queue)[::-1], self.up(other)[::-1]
        for one, two in zip(here, there, strict=False):
            if one != two:
                return (self._share(one), one) < (self._share(two), two)
        return False

    def _share(self, queue: str) -> float:
        """As the kernel works it out: see `dominant_share` there."""
        past, held = self._queues[queue].past, self._held[queue]
        parts = zip(past, held, self._total, strict=True)
        used = max((p + h) / total if total else 0.0 for p, h, total in parts)
        return used / max(1e-9, self._queues[queue].weight)


def quotas_after(round_: Round) -> Quotas:
    """What queues hold when the round's placements have begun."""
    snapshot, jobs = round_.snapshot, round_.board.jobs
    speed = speeds(snapshot.columns).tolist() if round_.policy.normalized else []
    names, pools = snapshot.columns.ids.values, [s.pool for s in snapshot.routes]
    by_name = dict(zip(names, speed, strict=False))
    quotas = Quotas(snapshot.queues, by_name, totals(pools, speed or None))
    for running in snapshot.running:
        quotas.change(running.queue, running.claims, running.pool, 1)
    for row, job in enumerate(round_.jobs if snapshot.queues else ()):
        pool = int(jobs.pool[row])
        if pool >= 0:
            klass = round_.classes[int(jobs.klass[row])]
            claims = klass.variants[int(klass.variant[pool])]
            quotas.change(job.queue, claims, snapshot.routes[pool].pool.id, 1)
    return quotas


def amounts(claims: Iterable[Claim], speed: int = 1000) -> Amounts:
    """CPU, memory and milli-devices of all tasks, as queues count them."""
    cpu = memory = milli = 0
    for claim in claims:
        cpu += claim.cpu_milli * claim.count
        memory += claim.memory_bytes * claim.count
        milli += taken_milli(claim) * claim.count
    return cpu, memory, milli * speed // 1000
