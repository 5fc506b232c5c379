"""Hosts as flat columns, and packing tasks into them: the innermost loops of a round.

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
    used again, hosts of all pools, layers, length of `tried` or -1 where nothing is noted].
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
    tried: Column  # entries that were split off while something was only tried
    source: Column  # the entries that those were split from
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
    first: Column  # by variant: its claims are first[v] to first[v + 1] - 1, the largest first


def tasks_on(h: Hosts, i: int, cl: Claims, c: int, most: int) -> int:
    """How many tasks of claim `c` one host with the state at `i` takes, at most `most`."""
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
    room = 0
    e = h.first[p]
    while e >= 0 and room < wanted:
        room += h.hosts[e] * tasks_on(h, at + e, cl, c, wanted)
        e = h.next[e]
    return min(room, wanted)


def fits(h: Hosts, at: int, spare: int, p: int, cl: Claims, v: int) -> bool:
    """Whether all tasks of variant `v` fit the pool; `spare` is a layer to try several claims in.

    Nothing is taken. Several claims are tried one after the other, as `take` would.
    """
    first, last = cl.first[v], cl.first[v + 1]
    if last - first == 1:
        count = cl.count[first]
        return bool(room_for(h, at, p, cl, first, count) >= count)
    mark = begin_try(h)
    copy_layer(h, at, spare, p)
    fit = True
    for c in range(first, last):
        if fit and take_loose(h, spare, p, cl, c, False) < cl.count[c]:
            fit = False
    end_try(h, mark)
    return fit


def begin_try(h: Hosts) -> int:
    """From here on note what is split; gives what `end_try` needs."""
    mark = h.meta[6]
    if mark < 0:
        h.meta[6] = 0
    return int(mark)


def end_try(h: Hosts, mark: int) -> None:
    """Put together again, last first, what was split since `begin_try`."""
    n = h.meta[6]
    while n > max(0, mark):
        n -= 1
        e, source = h.tried[n], h.source[n]
        h.hosts[source] += h.hosts[e]
        h.next[source] = h.next[e]
        h.next[e] = h.meta[3]
        h.meta[3] = e
    h.meta[6] = mark


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
    return fewer_devices(h, i, j)


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


def split(h: Hosts, e: int, hosts: int) -> int:
    """Part `hosts` hosts from entry `e`; the new entry has the same state in every layer."""
    room, width = h.meta[1], h.meta[2]
    new = h.meta[3]
    if new >= 0:
        h.meta[3] = h.next[new]
    else:
        new = h.meta[0]
        h.meta[0] = new + 1
    h.pool[new] = h.pool[e]
    h.hosts[new] = hosts
    h.hosts[e] -= hosts
    h.single[new] = 0
    h.next[new] = h.next[e]
    h.next[e] = new
    for at in range(0, h.meta[5] * room, room):
        h.cpu[at + new] = h.cpu[at + e]
        h.memory[at + new] = h.memory[at + e]
        h.whole[at + new] = h.whole[at + e]
        for k in range(width):
            h.share[(at + new) * width + k] = h.share[(at + e) * width + k]
    if h.meta[6] >= 0:
        h.tried[h.meta[6]], h.source[h.meta[6]] = new, e
        h.meta[6] += 1
    return int(new)


def put(h: Hosts, i: int, cl: Claims, c: int, tasks: int) -> int:
    """Book `tasks` tasks on one host that takes them; gives the slot of a share (only one task)."""
    h.cpu[i] -= tasks * cl.cpu[c]
    h.memory[i] -= tasks * cl.memory[c]
    h.whole[i] -= tasks * cl.devices[c]
    milli = cl.milli[c]
    if milli == 0:
        return -1
    width = h.meta[2]
    best, unused = -1, -1
    for k in range(i * width, i * width + width):
        left = h.share[k]
        if left >= milli and (best < 0 or left < h.share[best]):
            best = k
        if left < 0:
            unused = k
    if best < 0:
        h.whole[i] -= 1
        h.share[unused] = WHOLE
        best = unused
    h.share[best] -= milli
    return int(best - i * width)


def put_at(h: Hosts, i: int, cl: Claims, c: int, slot: int) -> int:
    """Book one task on entry `i` now; a share goes to `slot`, or opens a device where that is -1.

    Gives the slot.
    """
    h.hint_of[h.pool[i]] = -1
    h.cpu[i] -= cl.cpu[c]
    h.memory[i] -= cl.memory[c]
    h.whole[i] -= cl.devices[c]
    milli, width = cl.milli[c], h.meta[2]
    if milli == 0:
        return -1
    if slot < 0:
        h.whole[i] -= 1
        slot = 0
        while h.share[i * width + slot] >= 0:
            slot += 1
        h.share[i * width + slot] = WHOLE
    h.share[i * width + slot] -= milli
    return slot


def give_back(h: Hosts, i: int, cl: Claims, c: int, tasks: int, slot: int) -> None:
    """The opposite of `put`."""
    h.cpu[i] += tasks * cl.cpu[c]
    h.memory[i] += tasks * cl.memory[c]
    h.whole[i] += tasks * cl.devices[c]
    if slot >= 0:
        k = i * h.meta[2] + slot
        h.share[k] += cl.milli[c]
        if h.share[k] >= WHOLE:
            h.share[k] = -1
            h.whole[i] += 1


def take_loose(h: Hosts, at: int, p: int, cl: Claims, c: int, merge: bool) -> int:
    """Place the tasks of claim `c` and forget where; gives how many found room.

    With `merge`, entries that have become equal are put together: only for a pool without layers.
    """
    wanted = cl.count[c]
    while wanted > 0:
        e = fullest(h, at, p, cl, c)
        if e < 0:
            break
        each = 1 if cl.milli[c] > 0 else tasks_on(h, at + e, cl, c, wanted)
        hosts = min(h.hosts[e], wanted // each)
        if cl.milli[c] > 0:
            hosts = 1
        if h.hosts[e] > hosts:
            e = split(h, e, hosts)
        put(h, at + e, cl, c, each)
        wanted -= each * hosts
        if at == 0:
            h.hint_of[p] = -1
        if merge:
            gather(h, e)
    return int(cl.count[c] - wanted)


def gather(h: Hosts, e: int) -> None:
    """Put entry `e` together with an equal one of its pool, if none of them is a single host."""
    if h.single[e]:
        return
    before, other = -1, h.first[h.pool[e]]
    twin = -1
    ahead = -1
    while other >= 0:
        if other == e:
            ahead = before
        elif not h.single[other] and twin < 0 and same(h, e, other):
            twin = other
        before, other = other, h.next[other]
    if twin < 0:
        return
    h.hosts[twin] += h.hosts[e]
    h.hosts[e] = 0
    if ahead < 0:
        h.first[h.pool[e]] = h.next[e]
    else:
        h.next[ahead] = h.next[e]
    h.next[e] = h.meta[3]
    h.meta[3] = e


def same(h: Hosts, e: int, o: int) -> bool:
    """Whether two entries are equal now, device by device."""
    if h.cpu[e] != h.cpu[o] or h.memory[e] != h.memory[o] or h.whole[e] != h.whole[o]:
        return False
    if h.meta[2] == 0:
        return True
    return not fewer_devices(h, e, o) and not fewer_devices(h, o, e)


def take(h: Hosts, p: int, cl: Claims, c: int, pieces: Pieces, before: int) -> int:
    """Place the tasks of claim `c` now, host by host; gives the first piece of the list.

    `before` is the list that the new pieces are put in front of. All tasks must fit.
    """
    wanted = cl.count[c]
    while wanted > 0:
        e = fullest(h, 0, p, cl, c)
        if h.hosts[e] > 1:
            e = split(h, e, 1)
        h.single[e] = 1
        each = 1 if cl.milli[c] > 0 else tasks_on(h, e, cl, c, wanted)
        slot = put(h, e, cl, c, each)
        h.hint[p], h.hint_of[p] = e, c if cl.milli[c] == 0 else -1
        before = note(pieces, e, each, c, slot, before)
        wanted -= each
    return before


def note(pieces: Pieces, e: int, tasks: int, c: int, slot: int, before: int) -> int:
    """Put a piece in front of a list."""
    new = pieces.meta[0]
    pieces.meta[0] = pieces.next[new]
    pieces.entry[new] = e
    pieces.tasks[new] = tasks
    pieces.claim[new] = c
    pieces.slot[new] = slot
    pieces.next[new] = before
    return int(new)
