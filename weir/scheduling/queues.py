"""Queues as a tree of columns: shares, quotas with borrowing, and what was used of late.

A queue's share is its dominant one: of each resource, what it holds plus what it held on the
average of late (an exponential average over `MEMORY_S`), over what there is; the largest of those
over its weight. (Ghodsi et al., "Dominant Resource Fairness", NSDI 2011, with usage that fades.) At
each fork the child with the least share goes next. A queue may hold its nominal quota and what it
may borrow, as long as all above it keep to theirs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from weir.core.inventory import DEVICE_MILLI, Pool
from weir.scheduling.packing import MOST
from weir.scheduling.policy import Policy
from weir.scheduling.setup import Tree
from weir.scheduling.snapshot import Queue

MEMORY_S = 7 * 86400.0
"""The time in which what a queue used fades to 1/e."""


def flat_tree(
    names: Sequence[str],
    codes: Any,
    weights: Mapping[str, float],
    pools: Sequence[Pool],
    policy: Policy,
) -> tuple[Tree, Any]:
    """A queue for each name under one root; jobs without a name go to the last one."""
    if not policy.fair or not names:
        return Tree(), np.zeros(len(codes), dtype=np.int64)
    queues = [Queue(name, weight=weights.get(name, 1.0)) for name in names]
    tree, index = tree_of(queues, totals(pools))
    rows = np.array([index[name] for name in names] + [index[""]])
    return tree, rows[codes]


def tree_of(queues: Iterable[Queue], total: tuple[int, int, int]) -> tuple[Tree, dict[str, int]]:
    """The tree and each queue's row in it; "" is where jobs of no queue go, a leaf of its own."""
    given = {q.name: q for q in queues}
    tree = Tree(total=list(total))
    index: dict[str, int] = {}
    children: dict[str, list[Queue]] = {}
    for queue in given.values():
        above = queue.parent if queue.parent in given else ""
        children.setdefault(above, []).append(queue)
    pending: list[tuple[Queue, int]] = [(q, 0) for q in children.get("", [])]
    if not pending:
        index[""] = 0
        return tree, index
    pending.append((Queue(""), 0))
    while pending:
        queue, parent = pending.pop(0)
        row = index[queue.name] = _add(tree, queue, parent)
        if queue.name:
            pending += [(child, row) for child in children.get(queue.name, [])]
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


def totals(pools: Iterable[Pool]) -> tuple[int, int, int]:
    """CPU, memory and milli-devices of all pools together."""
    cpu = memory = milli = 0
    for pool in pools:
        cpu += pool.hosts * pool.shape.cpu_milli
        memory += pool.hosts * pool.shape.memory_bytes
        milli += pool.devices * DEVICE_MILLI
    return min(cpu, MOST), min(memory, MOST), min(milli, MOST)
