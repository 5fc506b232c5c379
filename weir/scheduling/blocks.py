"""Tasks that lie in one block of their pool, on the board: `weir.scheduling.inside` says which one.

Plain loops, part of the kernel. To place tasks in a block, the pool's list is parted: first the
entries of the block, which are all that anybody finds, and put together again afterwards. Entries
keep their order, so one that was split off stays behind the one that it came from.
"""

from __future__ import annotations

from weir.scheduling.hosts import Claims, Hosts, tasks_on

NONE = -1


def block_for(h: Hosts, at: int, p: int, cl: Claims, c: int) -> int:
    """The block that all tasks of claim `c` go to, -1 if none has room for all of them."""
    levels, level = h.meta[8], abs(cl.within[c]) - 1
    wanted = cl.count[c]
    if level >= levels:
        return NONE
    most = min(wanted, cl.most[c])
    h.meta[9] += 1
    e = h.first[p]
    while e >= 0:
        block = h.block[e * levels + level]
        if block >= 0:
            if h.room_of[block] != h.meta[9]:
                h.room[block], h.room_of[block] = 0, h.meta[9]
            h.room[block] += h.hosts[e] * tasks_on(h, at + e, cl, c, most)
        e = h.next[e]
    best = NONE
    e = h.first[p]
    while e >= 0:
        block = h.block[e * levels + level]
        if block >= 0 and h.room[block] >= wanted and better(h, block, best):
            best = block
        e = h.next[e]
    return int(best)


def roomiest(h: Hosts, p: int, level: int) -> int:
    """The block that takes most, -1 if there are none; `block_for` has just counted."""
    best, levels = NONE, h.meta[8]
    e = h.first[p]
    while e >= 0 and level < levels:
        block = h.block[e * levels + level]
        if block >= 0 and larger(h, block, best):
            best = block
        e = h.next[e]
    return int(best)


def larger(h: Hosts, block: int, best: int) -> bool:
    """Whether a block takes more than the best so far, or as much and comes before it."""
    if best < 0 or h.room[block] != h.room[best]:
        return bool(best < 0 or h.room[block] > h.room[best])
    return block < best


def better(h: Hosts, block: int, best: int) -> bool:
    """Whether a block is to be taken before the best so far: it has less room, or comes first."""
    if best < 0 or h.room[block] != h.room[best]:
        return bool(best < 0 or h.room[block] < h.room[best])
    return block < best


def part_block(h: Hosts, p: int, level: int, block: int) -> int:
    """Leave only the entries of the block in the pool's list; gives the first of the others."""
    levels = h.meta[8]
    first, last, other, end = NONE, NONE, NONE, NONE
    e = h.first[p]
    while e >= 0:
        after = h.next[e]
        h.next[e] = NONE
        if h.block[e * levels + level] == block:
            if last < 0:
                first = e
            else:
                h.next[last] = e
            last = e
        else:
            if end < 0:
                other = e
            else:
                h.next[end] = e
            end = e
        e = after
    h.first[p] = first
    return int(other)


def join_block(h: Hosts, p: int, others: int) -> None:
    """Put the others behind the entries of the block again."""
    e = h.first[p]
    if e < 0:
        h.first[p] = others
        return
    while h.next[e] >= 0:
        e = h.next[e]
    h.next[e] = others
