"""Which host to place a task on so that least of the devices is lost to the tasks that come.

Plain loops over flat columns, like `weir.scheduling.hosts`: one source, interpreted over lists or
compiled over arrays. The task goes to the host with the least `cost`, ties to the lowest index.

What a host is expected to lose, in milli-devices, with devices d of which free(d) is left:

    loss(host) = sum over d of waste[free(d)]  +  STARVED * starved(cpu, memory, free of all d)
    cost(task, host) = loss(host after) - loss(host before)

`waste[r]`: what stays unused of a device with r left, if tasks of the mix come at random, each as
often as its class is frequent, and those that fit are taken (`expected_waste`):

    waste[r] = (1 - q) * r + q * (mean of waste[r - n] over the classes with n <= r)
    q = 1 / (1 + (SCARCE / f) ** 8),  f = part of the tasks asking for shares that fit into r

so a rest that fewer than some SCARCE of those tasks can use counts as lost: there are more such
rests than tasks for them.

`starved`: what is free but out of CPU or memory. If only tasks of class m came, t of them would
fit by CPU and memory, using n * t of the devices; t is counted half rounded down to whole tasks
and half not, since other classes fill some of the difference:

    starved = sum over classes m of weight[m] * max(0, free - n * (t + floor(t)) / 2)

This starts from fragmentation gradient descent (FGD: Weng et al., "Beware of Fragmentation",
USENIX ATC 2023), which also descends the expectation of what is useless over a mix of classes, and
differs from it in two ways:
- FGD calls a rest useful as soon as a task fits into it now. Here tasks are followed to the end:
  190 left by a task of 810 is lost unless small tasks are frequent, and a whole device is worth
  what tasks at random would make of it. So shares are not always pressed together: where rests
  are sure to be filled later, devices are opened, and fewer wasteful tasks find a whole one.
- FGD asks whether one task of a class still fits by CPU, and forgets memory. Here CPU and memory
  must suffice for all the devices that are free, so the balance is kept from the first task on,
  and tasks without devices go where CPU is plenty.

The price: whole-host tasks find an empty host less often than under FGD; a caller to whom these
matter more must hold hosts for them.

Laws:
- `cost` of a task depends on the task's amounts, the one host's state and the mix, on nothing
  global: after a placement only the costs on that host change. The mix is fixed for a round.
- Nothing here refuses a task: the caller asks who fits; every host that fits has a finite cost.
- A share takes the slot of least waste; of equal ones the fullest device, an open one before a
  whole one.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf
from typing import NamedTuple

from weir.scheduling.hosts import WHOLE, Column

SCARCE = 0.045
"""Part of the tasks asking for shares below which a rest that only they can use counts as lost."""

STARVED = 0.7
"""What a milli-device without CPU or memory counts, one that is wasted counting 1."""

PLENTY = 1e15
"""As many tasks as nobody counts."""


class Mix(NamedTuple):
    """The classes of tasks with devices that are expected: amounts per task, and how frequent.

    `milli` is a share of one device below 1000, a multiple of 1000 for whole devices. `weight` adds
    up to 1. `suits[m * pools + p]` is 1 where class m may run in pool p. `waste[r]` is what is
    expected to be lost of a device of which r is free, 0 to 1000. `classes` is how many there are.
    """

    cpu: Column
    memory: Column
    milli: Column
    weight: Column
    suits: Column
    waste: Column
    pools: int
    classes: int


def mix_of(
    cpu_milli: Sequence[int],
    memory_bytes: Sequence[int],
    device_milli: Sequence[int],
    frequency: Sequence[float],
    suits: Sequence[int],
    pools: int,
) -> Mix:
    """The mix of classes with these amounts per task, as lists; those without devices are left out.

    `frequency` counts tasks of each class, in any unit; classes of none are left out.
    `suits[c * pools + p]` is 1 where class c may run in pool p.
    """
    kept = [c for c, milli in enumerate(device_milli) if milli > 0 and frequency[c] > 0]
    total = sum(frequency[c] for c in kept)
    milli = [int(device_milli[c]) for c in kept]
    weight = [frequency[c] / total for c in kept]
    waste = [0.0] * (WHOLE + 1)
    expected_waste(milli, weight, waste)
    return Mix(
        [int(cpu_milli[c]) for c in kept],
        [int(memory_bytes[c]) for c in kept],
        milli,
        weight,
        [int(suits[c * pools + p]) for c in kept for p in range(pools)],
        waste,
        pools,
        len(kept),
    )


def expected_waste(milli: Column, weight: Column, waste: Column) -> None:
    """Fill `waste`, 1001 long: what of a device with r left is expected to stay unused."""
    shares = 0.0
    for m in range(len(milli)):
        if milli[m] < WHOLE:
            shares += weight[m]
    waste[0] = 0.0
    for left in range(1, WHOLE + 1):
        fitting, lost = 0.0, 0.0
        for m in range(len(milli)):
            if milli[m] <= left:
                fitting += weight[m]
                lost += weight[m] * waste[left - milli[m]]
        waste[left] = float(left)
        if fitting > 0:
            scarcity = SCARCE * shares / fitting
            scarcity *= scarcity
            scarcity *= scarcity
            filled = 1 / (1 + scarcity * scarcity)
            waste[left] = (1 - filled) * left + filled * lost / fitting


def cost(
    cpu_milli: int,
    memory_bytes: int,
    device_milli: int,
    cpu: int,
    memory: int,
    whole: int,
    share: Column,
    first: int,
    width: int,
    pool: int,
    before: float,
    mix: Mix,
) -> tuple[float, int]:
    """What placing a task on a host adds to what is lost there, and the slot for a share.

    The task asks the first three amounts; the host, which it must fit, has `cpu`, `memory` and
    `whole` devices free, and its slots are `share[first]` to `share[first + width - 1]` (-1: not in
    use). `before` is `starved_now` of the host. The slot counts from 0; -1 opens a device, or the
    task asks for no share. A share that fits no device costs infinity.
    """
    waste, slot = added_waste(device_milli, whole, share, first, width, mix.waste)
    if waste == inf:
        return inf, -1
    free = free_devices(whole, share, first, width) - device_milli
    after = starved(cpu - cpu_milli, memory - memory_bytes, free, pool, mix)
    return waste + STARVED * (after - before), slot


def added_waste(
    device_milli: int, whole: int, share: Column, first: int, width: int, waste: Column
) -> tuple[float, int]:
    """What a task adds to the waste on the devices of a host, and the slot where it adds least."""
    if device_milli >= WHOLE or device_milli == 0:
        return -(device_milli // WHOLE) * waste[WHOLE], -1
    best, slot, fullest = inf, -1, WHOLE
    for k in range(width):
        left = share[first + k]
        if left >= device_milli:
            added = waste[left - device_milli] - waste[left]
            if added < best or (added == best and left < fullest):
                best, slot, fullest = added, k, left
    if whole > 0:
        added = waste[WHOLE - device_milli] - waste[WHOLE]
        if added < best:
            best, slot = added, -1
    return best, slot


def free_devices(whole: int, share: Column, first: int, width: int) -> int:
    """What is free of the devices of a host, in milli-devices, whole ones and rests."""
    free = whole * WHOLE
    for k in range(first, first + width):
        if share[k] > 0:
            free += share[k]
    return int(free)


def starved_now(
    cpu: int, memory: int, whole: int, share: Column, first: int, width: int, pool: int, mix: Mix
) -> float:
    """`starved` of a host as it is: to be kept per host until something is placed there."""
    return starved(cpu, memory, free_devices(whole, share, first, width), pool, mix)


def starved(cpu: int, memory: int, free: int, pool: int, mix: Mix) -> float:
    """How many of `free` milli-devices lack CPU or memory, on average over the mix."""
    lost = 0.0
    if free <= 0:
        return lost
    for m in range(mix.classes):
        if mix.suits[m * mix.pools + pool] > 0:
            tasks = PLENTY
            if mix.cpu[m] > 0:
                tasks = cpu / mix.cpu[m]
            if mix.memory[m] > 0:
                tasks = min(tasks, memory / mix.memory[m])
            short = free - mix.milli[m] * 0.5 * (tasks + int(tasks))
            if short > 0:
                lost += mix.weight[m] * short
    return lost
