"""The amounts of `weir.scheduling.optimal`: what pools have and jobs take, so that hosts count.

Sums over a pool forget that a task lives on one host. These amounts remember some of it. With k as
a measure, a host with f devices takes at most floor(f / k) tasks' worth of floor(d / k) each,
whatever the tasks: so the sum of floor(d / k) over all tasks is at most that of floor(f / k) over
all hosts. The same holds for CPU, for memory, and for shares on one device. Measures are taken
where the tasks are large beside the hosts, for that is where something is lost.

Laws: what the real packing places is within every amount and within `room`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weir.core.inventory import DEVICE_MILLI
from weir.scheduling.optimal_model import Ints

_MEASURES = 3
_LARGE = 6
"""Tasks that take more than this part of the largest host are large."""


@dataclass(frozen=True, slots=True)
class FreeHosts:
    """What hosts have left [E]: `hosts` equal ones of `pool` each. `whole` are free devices;
    `share` [E, W] is what is left, in milli, of each device open for shares, 0 or less for none.
    """

    pool: Ints
    hosts: Ints
    cpu_milli: Ints
    memory_bytes: Ints
    whole: Ints
    share: Ints


@dataclass(frozen=True, slots=True)
class Tasks:
    """Groups of equal tasks [T]: each job of class `job` has `count` of them; amounts per task.

    `device_milli` below 1000 is a share of a device; from there on it is rounded up to whole ones.
    """

    job: Ints
    cpu_milli: Ints
    memory_bytes: Ints
    device_milli: Ints
    count: Ints


def amounts(classes: int, pools: int, tasks: Tasks, hosts: FreeHosts) -> tuple[Ints, Ints, Ints]:
    """What a job of each class takes [C, R], what each pool has [P, R], and the room [C, P]."""
    need, free = [], []
    for takes, has in _pairs(tasks, hosts):
        if not np.any(takes):
            continue
        column = np.zeros(classes, dtype=np.int64)
        np.add.at(column, tasks.job, takes * tasks.count)
        row = np.zeros(pools, dtype=np.int64)
        np.add.at(row, hosts.pool, has * hosts.hosts)
        need.append(column)
        free.append(row)
    return (
        np.array(need, dtype=np.int64).reshape(-1, classes).T,
        np.array(free, dtype=np.int64).reshape(-1, pools).T,
        _room(classes, pools, tasks, hosts),
    )


def _pairs(tasks: Tasks, hosts: FreeHosts) -> list[tuple[Ints, Ints]]:
    """For each amount, what a task of each group takes and what a host of each entry has."""
    whole, part = split(tasks)
    share = np.maximum(hosts.share, 0)
    found = [
        (tasks.cpu_milli, hosts.cpu_milli),
        (tasks.memory_bytes, hosts.memory_bytes),
        (whole * DEVICE_MILLI + part, hosts.whole * DEVICE_MILLI + share.sum(axis=1)),
    ]
    for k in _doubling(int(whole.max(initial=0))):
        found.append((whole // k, hosts.whole // k))
    for k in (DEVICE_MILLI // 2 + 1, DEVICE_MILLI // 3 + 1):
        each = DEVICE_MILLI // k
        found.append((whole * each + part // k, hosts.whole * each + (share // k).sum(axis=1)))
    for task, host in (
        (tasks.cpu_milli, hosts.cpu_milli),
        (tasks.memory_bytes, hosts.memory_bytes),
    ):
        for size in _large(task, tasks.count, int(host.max(initial=0))):
            found.append((task // size, host // size))
    # Devices without any CPU beside them are no use, nor CPU of other hosts to tasks on devices.
    on_devices = (whole + part) > 0
    open_ = (hosts.whole > 0) | (share > 0).any(axis=1)
    found.append((tasks.cpu_milli * on_devices, hosts.cpu_milli * open_))
    return found


def split(tasks: Tasks) -> tuple[Ints, Ints]:
    """Whole devices of a task, and its share of one."""
    part = np.where(tasks.device_milli < DEVICE_MILLI, tasks.device_milli, 0)
    whole = np.where(part > 0, 0, -(-tasks.device_milli // DEVICE_MILLI))
    return whole, part


def _doubling(largest: int) -> list[int]:
    """1, 2, 4 and so on, as far as tasks go."""
    return [1 << i for i in range(largest.bit_length())]


def _large(task: Ints, count: Ints, host: int) -> list[int]:
    """The sizes of large tasks that ask for most together."""
    sizes = [int(s) for s in np.unique(task) if s > max(1, host // _LARGE)]
    asked = {s: s * int(count[task == s].sum()) for s in sizes}
    return sorted(sizes, key=lambda s: (-asked[s], s))[:_MEASURES]


def _room(classes: int, pools: int, tasks: Tasks, hosts: FreeHosts) -> Ints:
    """Jobs of each class that fit on each pool alone, each group of tasks counted by itself."""
    whole, part = split(tasks)
    most = np.full((classes, pools), np.iinfo(np.int64).max // 4)
    for t in range(len(tasks.job)):
        if tasks.count[t] <= 0:
            continue
        each = _on_host(tasks, t, int(whole[t]), int(part[t]), hosts)
        row: Ints = np.zeros(pools, dtype=np.int64)
        np.add.at(row, hosts.pool, each * hosts.hosts)
        jobs = row // tasks.count[t]
        most[tasks.job[t]] = np.minimum(most[tasks.job[t]], jobs)
    return most


def _on_host(tasks: Tasks, t: int, whole: int, part: int, hosts: FreeHosts) -> Ints:
    """Tasks of group `t` that one host of each entry takes."""
    each = np.full(len(hosts.pool), 2**40)
    if tasks.cpu_milli[t] > 0:
        each = np.minimum(each, hosts.cpu_milli // tasks.cpu_milli[t])
    if tasks.memory_bytes[t] > 0:
        each = np.minimum(each, hosts.memory_bytes // tasks.memory_bytes[t])
    if whole:
        each = np.minimum(each, hosts.whole // whole)
    if part:
        shares = (np.maximum(hosts.share, 0) // part).sum(axis=1)
        each = np.minimum(each, hosts.whole * (DEVICE_MILLI // part) + shares)
    return each
