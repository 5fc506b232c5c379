"""Hosts as flat columns: what they take, and which of them is the fullest.

Everything here is plain loops over flat columns, so one source serves two ways: interpreted over
lists, which is quickest for small rounds, and compiled over arrays (`weir.scheduling.compiled`).

An entry stands for `hosts` equal hosts of one pool. It has a state now (layer 0) and, where room is
reserved, states at later times (layers 1 and up): what it has at index `at + e`, `at` being the
layer times the number of entries there is room for. Devices that are wholly free are counted in
`whole`; a device that is open for shares has a slot in `share`, with what is left of it, or -1.

Laws:
- A task lives on one host, a share of a device on one device; whole devices are wholly free ones.
- Equal tasks go best fit: to the fullest host that still takes one (devices first, then CPU, then
  memory), a share to the most used device that still takes it.
- Of the tasks of a claim at most `most` lie on one host. While such a claim is placed, its tasks
  are counted by entry (`here`); of equal hosts the one with more of them goes first.
- Tasks that lie in one block find only its entries in the pool's list (`weir.scheduling.blocks`).
- What goes on to a run that ends is on entries of one host each, so that it can be given back.
- `weir.scheduling.packing` packs histograms alike; property tests compare them.
"""

from __future__ import annotations

from typing import Any, NamedTuple

Column = Any
"""A list, or a numpy array of one dimension: whatever can be indexed."""

WHOLE = 1000


class Hosts(NamedTuple):
    """The entries. `meta` is [entries in use, entries there is room for, slots, first one to be
    used again, hosts of all pools, layers, length of `tried` or -1 where nothing is noted, number
    of the claim that is being spread, levels of blocks, number of the last count of `room`].
    """

    pool: Column
    hosts: Column
    single: Column
    next: Column
    first: Column  # by pool
    hint: Column  # by pool: the entry that took the last task ...
    hint_of: Column  # ... and the claim that it was of, -1 where another change came since
    cpu: Column  # by layer and entry, like the three below
    memory: Column
    whole: Column
    share: Column  # by layer, entry and slot
    here: Column  # tasks on each host of the entry, of the claim that is being spread ...
    here_of: Column  # ... which has this number
    tried: Column  # entries that were split off while something was only tried
    source: Column  # the entries that those were split from
    block: Column  # by entry and level: the block of its pool, -1 for none
    room: Column  # by number of a block: tasks that it has room for ...
    room_of: Column  # ... when they were counted last
    meta: Column


class Pieces(NamedTuple):
    """Which tasks of a run are where: a list per run. `meta` is [first free piece]."""

    entry: Column
    tasks: Column
    claim: Column
    slot: Column
    next: Column
    meta: Column


class Claims(NamedTuple):
    """Equal tasks, per task: `devices` counts whole ones, `milli` is a share of one (or 0)."""

    cpu: Column
    memory: Column
    devices: Column
    milli: Column
    count: Column
    most: Column  # on one host
    within: Column  # the level whose block all lie in, 0 for none; below 0 they need not
    first: Column  # by variant: its claims are first[v] to first[v + 1] - 1, the largest first


def tasks_on(h: Hosts, i: int, cl: Claims, c: int, most: int) -> int:
    """How many tasks of claim `c` one host with the state at `i` has room for, at most `most`."""
    n = most
    cpu = cl.cpu[c]
    if cpu > 0:
        n = min(n, h.cpu[i] // cpu)
    memory = cl.memory[c]
    if memory > 0:
        n = min(n, h.memory[i] // memory)
    if n <= 0:
        return 0
    devices = cl.devices[c]
    if devices > 0:
        return int(min(n, h.whole[i] // devices))
    milli = cl.milli[c]
    if milli > 0:
        width = h.meta[2]
        room = h.whole[i] * (WHOLE // milli)
        for k in range(i * width, i * width + width):
            if h.share[k] >= milli:
                room += h.share[k] // milli
        return int(min(n, room))
    return int(n)


def room_for(h: Hosts, at: int, p: int, cl: Claims, c: int, wanted: int) -> int:
    """How many tasks of claim `c` the pool takes, as far as `wanted`."""
    room, most = 0, min(wanted, cl.most[c])
    e = h.first[p]
    while e >= 0 and room < wanted:
        room += h.hosts[e] * tasks_on(h, at + e, cl, c, most)
        e = h.next[e]
    return min(room, wanted)


def copy_layer(h: Hosts, source: int, target: int, p: int) -> None:
    """Make the pool's state of one layer that of another."""
    width = h.meta[2]
    e = h.first[p]
    while e >= 0:
        h.cpu[target + e] = h.cpu[source + e]
        h.memory[target + e] = h.memory[source + e]
        h.whole[target + e] = h.whole[source + e]
        for k in range(width):
            h.share[(target + e) * width + k] = h.share[(source + e) * width + k]
        e = h.next[e]


def level(h: Hosts, i: int, milli: int) -> int:
    """What is left of the most used device that takes the share; more than a device if none."""
    width = h.meta[2]
    best = WHOLE if h.whole[i] > 0 else WHOLE + 1
    for k in range(i * width, i * width + width):
        if milli <= h.share[k] < best:
            best = h.share[k]
    return int(best)


def free_milli(h: Hosts, i: int) -> int:
    """Milli-devices left on one host."""
    width = h.meta[2]
    total = h.whole[i] * WHOLE
    for k in range(i * width, i * width + width):
        if h.share[k] > 0:
            total += h.share[k]
    return int(total)


def fuller(h: Hosts, i: int, j: int, milli: int) -> bool:
    """Whether the host at `i` is to be filled before the one at `j`."""
    if milli > 0:
        a, b = level(h, i, milli), level(h, j, milli)
        if a != b:
            return a < b
    a, b = free_milli(h, i), free_milli(h, j)
    if a != b:
        return a < b
    if h.cpu[i] != h.cpu[j]:
        return bool(h.cpu[i] < h.cpu[j])
    if h.memory[i] != h.memory[j]:
        return bool(h.memory[i] < h.memory[j])
    if h.meta[8] == 0:
        return fewer_devices(h, i, j)
    if fewer_devices(h, i, j) or fewer_devices(h, j, i):
        return fewer_devices(h, i, j)
    return earlier_block(h, i % h.meta[1], j % h.meta[1])


def earlier_block(h: Hosts, e: int, o: int) -> bool:
    """Whether the blocks of entry `e` have the lower numbers, the outermost first."""
    levels = h.meta[8]
    for level in range(levels):
        a, b = h.block[e * levels + level], h.block[o * levels + level]
        if a != b:
            return bool(a < b)
    return False


def fewer_devices(h: Hosts, i: int, j: int) -> bool:
    """The last tie: devices from the most used on, as (milli left, how many) pairs compare."""
    last = 0
    while True:
        a, many = next_level(h, i, last)
        b, much = next_level(h, j, last)
        if a != b:
            return a < b and a <= WHOLE
        if a > WHOLE or many != much:
            return many < much
        last = a


def next_level(h: Hosts, i: int, above: int) -> tuple[int, int]:
    """The least milli above `above` that a device has left, and how many have it."""
    width = h.meta[2]
    best, many = WHOLE + 1, 0
    if h.whole[i] > 0 and above < WHOLE:
        best, many = WHOLE, h.whole[i]
    for k in range(i * width, i * width + width):
        left = h.share[k]
        if left > above:
            if left < best:
                best, many = left, 1
            elif left == best:
                many += 1
    return best, many


def fullest(h: Hosts, at: int, p: int, cl: Claims, c: int) -> int:
    """The entry that the next task of claim `c` goes to, -1 if none takes it."""
    best = -1
    milli = cl.milli[c]
    if at == 0 and h.hint_of[p] == c and tasks_on(h, h.hint[p], cl, c, 1) > 0:
        return int(h.hint[p])  # the fullest stays so until it takes no more
    e = h.first[p]
    while e >= 0:
        if tasks_on(h, at + e, cl, c, 1) > 0 and (best < 0 or fuller(h, at + e, at + best, milli)):
            best = e
        e = h.next[e]
    return int(best)


def spread_out(cl: Claims, c: int) -> bool:
    """Whether the tasks of claim `c` may not all lie on one host."""
    return bool(cl.most[c] < cl.count[c])


def begin_spread(h: Hosts) -> None:
    """From here on count the tasks of one claim on every host; none is anywhere yet."""
    h.meta[7] += 1


def end_spread(h: Hosts) -> None:
    """Whatever was counted is of the past."""
    h.meta[7] += 1


def tasks_here(h: Hosts, e: int) -> int:
    """Tasks on entry `e` of the claim that is being spread."""
    return int(h.here[e]) if h.here_of[e] == h.meta[7] else 0


def add_here(h: Hosts, e: int, tasks: int) -> None:
    """Count so many more."""
    h.here[e] = tasks_here(h, e) + tasks
    h.here_of[e] = h.meta[7]


def fullest_with_room(h: Hosts, at: int, p: int, cl: Claims, c: int) -> int:
    """The same as `fullest` for a claim that is being spread: who has as many is passed over."""
    best = -1
    milli, most = cl.milli[c], cl.most[c]
    e = h.first[p]
    while e >= 0:
        if tasks_here(h, e) < most and tasks_on(h, at + e, cl, c, 1) > 0:
            first = best < 0 or fuller(h, at + e, at + best, milli)
            if not first and tasks_here(h, e) > tasks_here(h, best):
                first = not fuller(h, at + best, at + e, milli)
            if first:
                best = e
        e = h.next[e]
    return int(best)


def same(h: Hosts, e: int, o: int) -> bool:
    """Whether two entries are equal now, device by device."""
    if h.cpu[e] != h.cpu[o] or h.memory[e] != h.memory[o] or h.whole[e] != h.whole[o]:
        return False
    if h.meta[8] > 0 and (earlier_block(h, e, o) or earlier_block(h, o, e)):
        return False
    if h.meta[2] == 0:
        return True
    return not fewer_devices(h, e, o) and not fewer_devices(h, o, e)
