"""Putting tasks on hosts and taking them off: now with what is needed to give it back, or loosely.

Plain loops, part of the kernel: see `weir.scheduling.hosts` for the columns and the laws.
"""

from __future__ import annotations

from weir.scheduling.blocks import block_for, join_block, part_block, roomiest
from weir.scheduling.hosts import (
    WHOLE,
    Claims,
    Hosts,
    Pieces,
    add_here,
    begin_spread,
    copy_layer,
    end_spread,
    fullest,
    fullest_with_room,
    room_for,
    same,
    spread_out,
    tasks_here,
    tasks_on,
)


def fits(h: Hosts, at: int, spare: int, p: int, cl: Claims, v: int) -> bool:
    """Whether all tasks of variant `v` fit the pool; `spare` is a layer to try several claims in.

    Nothing is taken. Several claims are tried one after the other, as `take` would.
    """
    first, last = cl.first[v], cl.first[v + 1]
    if last - first == 1:
        if cl.within[first] > 0 and cl.count[first] > 0:
            return block_for(h, at, p, cl, first) >= 0
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
    h.here[new], h.here_of[new] = h.here[e], h.here_of[e]
    h.next[new] = h.next[e]
    h.next[e] = new
    for n in range(h.meta[8]):
        h.block[new * h.meta[8] + n] = h.block[e * h.meta[8] + n]
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
    if cl.within[c] == 0 or cl.count[c] <= 0:
        return take_loose_anywhere(h, at, p, cl, c, merge)
    block = block_for(h, at, p, cl, c)
    if block < 0 and cl.within[c] > 0:
        block = roomiest(h, p, cl.within[c] - 1)
    if block < 0:
        return 0 if cl.within[c] > 0 else take_loose_anywhere(h, at, p, cl, c, merge)
    if at == 0:
        h.hint_of[p] = -1
    others = part_block(h, p, abs(cl.within[c]) - 1, block)
    placed = take_loose_anywhere(h, at, p, cl, c, merge)
    join_block(h, p, others)
    return placed


def take_loose_anywhere(h: Hosts, at: int, p: int, cl: Claims, c: int, merge: bool) -> int:
    """The same on any of the entries in the pool's list."""
    if spread_out(cl, c):
        return take_loose_spread(h, at, p, cl, c, merge)
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


def take_loose_spread(h: Hosts, at: int, p: int, cl: Claims, c: int, merge: bool) -> int:
    """The same for tasks of which only so many may lie on one host."""
    begin_spread(h)
    wanted = cl.count[c]
    while wanted > 0:
        e = fullest_with_room(h, at, p, cl, c)
        if e < 0:
            break
        each = 1 if cl.milli[c] > 0 else tasks_on(h, at + e, cl, c, min(wanted, cl.most[c]))
        hosts = 1 if cl.milli[c] > 0 else min(h.hosts[e], wanted // each)
        if h.hosts[e] > hosts:
            e = split(h, e, hosts)
        put(h, at + e, cl, c, each)
        add_here(h, e, each)
        wanted -= each * hosts
    if at == 0:
        h.hint_of[p] = -1
    e = h.first[p]
    while merge and e >= 0:
        after = h.next[e]
        if tasks_here(h, e) > 0:
            gather(h, e)
        e = after
    end_spread(h)
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


def take(h: Hosts, p: int, cl: Claims, c: int, pieces: Pieces, before: int) -> int:
    """Place the tasks of claim `c` now, host by host; gives the first piece of the list.

    `before` is the list that the new pieces are put in front of. All tasks must fit.
    """
    block = block_for(h, 0, p, cl, c) if cl.within[c] != 0 and cl.count[c] > 0 else -1
    if block < 0:
        return take_anywhere(h, p, cl, c, pieces, before)
    h.hint_of[p] = -1
    others = part_block(h, p, abs(cl.within[c]) - 1, block)
    before = take_anywhere(h, p, cl, c, pieces, before)
    join_block(h, p, others)
    h.hint_of[p] = -1
    return before


def take_anywhere(h: Hosts, p: int, cl: Claims, c: int, pieces: Pieces, before: int) -> int:
    """The same on any of the entries in the pool's list."""
    if spread_out(cl, c):
        return take_spread(h, p, cl, c, pieces, before)
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


def take_spread(h: Hosts, p: int, cl: Claims, c: int, pieces: Pieces, before: int) -> int:
    """The same for tasks of which only so many may lie on one host."""
    begin_spread(h)
    wanted = cl.count[c]
    while wanted > 0:
        e = fullest_with_room(h, 0, p, cl, c)
        if h.hosts[e] > 1:
            e = split(h, e, 1)
        h.single[e] = 1
        each = 1 if cl.milli[c] > 0 else tasks_on(h, e, cl, c, min(wanted, cl.most[c]))
        slot = put(h, e, cl, c, each)
        add_here(h, e, each)
        before = note(pieces, e, each, c, slot, before)
        wanted -= each
    h.hint_of[p] = -1
    end_spread(h)
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
