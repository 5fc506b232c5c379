"""Whether the jobs of a pool fit its hosts: plain loops over arrays, made to be compiled.

The same packing as `weir.scheduling.packing.fits`: the largest tasks first, each to the fullest
host that takes it, a share of a device to the most used device that does. It looks at a pool in
some microseconds, so a search can ask at every step. Spread and blocks are not known here.

`optimal_search` asks; `layout_of` makes the columns from `optimal_amounts`' tasks and hosts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from weir.scheduling.optimal_amounts import FreeHosts, Tasks, split

Column = Any
"""A numpy array."""

WHOLE = 1000
_HOSTS = 128
"""Pools of more hosts are not packed here: it would take long, and sums say nearly all."""


class Left(NamedTuple):
    """What the hosts of a pool have left, while it is packed; `milli` of all devices together."""

    cpu: Column
    memory: Column
    whole: Column
    milli: Column
    share: Column


class Layout(NamedTuple):
    """Hosts one by one and tasks in groups, each sorted: `host_first` [P + 1], `task_first` [C + 1]
    say where those of a pool or class begin. A pool without hosts here is not packed. `rank`: the
    largest tasks first. The rest is scratch: what hosts have left, and groups in their order.
    """

    host_first: Column
    host_cpu: Column
    host_memory: Column
    host_whole: Column
    host_share: Column
    task_first: Column
    cpu: Column
    memory: Column
    whole: Column
    part: Column
    count: Column
    rank: Column
    left: Left
    group: Column
    tasks: Column


def layout_of(classes: int, pools: int, given: tuple[Tasks, FreeHosts] | None) -> Layout:
    """The columns; with nothing given, no pool is packed."""
    zero = np.zeros(0, dtype=np.int64)
    if given is None:
        tasks = Tasks(zero, zero, zero, zero, zero)
        hosts = FreeHosts(zero, zero, zero, zero, zero, np.zeros((0, 1), dtype=np.int64))
    else:
        tasks, hosts = given
    number = np.bincount(hosts.pool, hosts.hosts, minlength=pools).astype(np.int64)
    times = np.where(number[hosts.pool] <= _HOSTS, hosts.hosts, 0)
    entry = np.repeat(np.arange(len(times)), times)
    entry = entry[np.argsort(hosts.pool[entry], kind="stable")]
    group = np.argsort(tasks.job, kind="stable")
    whole, part = split(tasks)
    rank = np.empty(len(group), dtype=np.int64)
    size = (-tasks.count, -tasks.memory_bytes, -tasks.cpu_milli, -tasks.device_milli)
    rank[np.lexsort(size)] = np.arange(len(group))
    most = int(np.bincount(hosts.pool[entry], minlength=1).max(initial=0))
    slots = int(hosts.whole.max(initial=0)) + hosts.share.shape[1]
    none = [np.zeros(most, dtype=np.int64) for _ in range(4)]
    return Layout(
        host_first=np.searchsorted(hosts.pool[entry], np.arange(pools + 1)),
        host_cpu=hosts.cpu_milli[entry],
        host_memory=hosts.memory_bytes[entry],
        host_whole=hosts.whole[entry],
        host_share=np.ascontiguousarray(np.maximum(hosts.share[entry], 0)),
        task_first=np.searchsorted(tasks.job[group], np.arange(classes + 1)),
        cpu=tasks.cpu_milli[group],
        memory=tasks.memory_bytes[group],
        whole=whole[group],
        part=part[group],
        count=tasks.count[group],
        rank=rank[group],
        left=Left(none[0], none[1], none[2], none[3], np.zeros((most, slots), dtype=np.int64)),
        group=np.zeros(len(group), dtype=np.int64),
        tasks=np.zeros(len(group), dtype=np.int64),
    )


def packs(y: Layout, x: Column, factor: Column, inside: Column, inside_n: Column, p: int) -> bool:
    """Whether all tasks of the pool fit its hosts, the largest first, each to the fullest host."""
    begin, end = y.host_first[p], y.host_first[p + 1]
    if begin == end:
        return True
    hosts = end - begin
    reset(y, begin, hosts)
    for i in range(groups_on(y, x, factor, inside, inside_n, p)):
        t, tasks = y.group[i], y.tasks[i]
        cpu, memory, whole, part = y.cpu[t], y.memory[t], y.whole[t], y.part[t]
        while tasks > 0:
            h = fullest(y.left, hosts, cpu, memory, whole, part)
            if h < 0:
                return False
            tasks -= take(y.left, h, cpu, memory, whole, part, tasks)
    return True


def reset(y: Layout, begin: int, hosts: int) -> None:
    """The hosts as they are free."""
    given = y.host_share.shape[1]
    for h in range(hosts):
        y.left.cpu[h], y.left.memory[h] = y.host_cpu[begin + h], y.host_memory[begin + h]
        y.left.whole[h] = y.host_whole[begin + h]
        y.left.milli[h] = y.host_whole[begin + h] * WHOLE
        for k in range(y.left.share.shape[1]):
            y.left.share[h, k] = y.host_share[begin + h, k] if k < given else 0
            y.left.milli[h] += y.left.share[h, k]


def groups_on(
    y: Layout, x: Column, factor: Column, inside: Column, inside_n: Column, p: int
) -> int:
    """Gather the groups of tasks on the pool, the largest tasks first; how many there are."""
    n = 0
    for i in range(inside_n[p]):
        c = inside[p, i]
        for t in range(y.task_first[c], y.task_first[c + 1]):
            k = n
            while k > 0 and y.rank[y.group[k - 1]] > y.rank[t]:
                y.group[k], y.tasks[k] = y.group[k - 1], y.tasks[k - 1]
                k -= 1
            y.group[k], y.tasks[k] = t, y.count[t] * x[c, p] * factor[c, p]
            n += 1
    return n


def fullest(left: Left, hosts: int, cpu: int, memory: int, whole: int, part: int) -> int:
    """The fullest host that takes one task; -1 if none does."""
    best, level, milli = -1, 0, 0
    for h in range(hosts):
        if left.cpu[h] < cpu or left.memory[h] < memory:
            continue
        if left.whole[h] < whole:
            continue
        at = slot_level(left.whole, left.share, h, part) if part > 0 else 0
        if at > WHOLE:
            continue
        free = left.milli[h]
        if best >= 0:
            if at != level:
                fuller = at < level
            elif free != milli:
                fuller = free < milli
            elif left.cpu[h] != left.cpu[best]:
                fuller = left.cpu[h] < left.cpu[best]
            else:
                fuller = left.memory[h] < left.memory[best]
            if not fuller:
                continue
        best, level, milli = h, at, free
    return best


def slot_level(whole: Column, share: Column, h: int, part: int) -> int:
    """What is left of the host's most used device that takes the share; over 1000 if none does."""
    level = WHOLE + 1 if whole[h] == 0 else WHOLE
    for k in range(share.shape[1]):
        if part <= share[h, k] < level:
            level = share[h, k]
    return level


def take(left: Left, h: int, cpu: int, memory: int, whole: int, part: int, tasks: int) -> int:
    """Place tasks on the host, as long as it stays the fullest: how many of them."""
    n = tasks
    if cpu > 0:
        n = min(n, left.cpu[h] // cpu)
    if memory > 0:
        n = min(n, left.memory[h] // memory)
    if whole > 0:
        n = min(n, left.whole[h] // whole)
    if part > 0:
        n = 1
        on_device(left.whole, left.share, h, part)
    left.cpu[h] -= n * cpu
    left.memory[h] -= n * memory
    left.whole[h] -= n * whole
    left.milli[h] -= n * (whole * WHOLE + part)
    return int(n)


def on_device(whole: Column, share: Column, h: int, part: int) -> None:
    """Place a share on the host's most used device that takes it."""
    level = slot_level(whole, share, h, part)
    if level == WHOLE:
        whole[h] -= 1
    for k in range(share.shape[1]):
        if level == WHOLE and share[h, k] == 0:
            share[h, k] = WHOLE - part
            break
        if level < WHOLE and share[h, k] == level:
            share[h, k] -= part
            break
