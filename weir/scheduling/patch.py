"""Changing a board between rounds: a pool's hosts and runs made anew, jobs counted again.

Plain loops like the kernel's, compiled with it.
"""

from __future__ import annotations

from weir.scheduling.board import (
    FREE_CPU,
    FREE_MILLI,
    LOGGED,
    NEXT,
    SPARE_PIECES,
    Board,
    Rules,
)
from weir.scheduling.booking import book, fits_now, log
from weir.scheduling.hosts import WHOLE, Column, free_milli
from weir.scheduling.reserving import lift

NOTHING = -1


def renew(b: Board, rules: Rules, work: Column, first: int, pools: int, failed: Column) -> int:
    """Make pools anew; gives how many of them could not be, whose rows are then in `failed`.

    `work` has for each pool, one after the other: its row, how many kinds of hosts it has and how
    many runs, then those hosts (how many, CPU, memory, kinds of devices, each with milli and
    count; the block on each level), then rows of runs whose pool, variant and end are set. The
    first run of a pool that does not fit there leaves it half made.
    """
    at, bad = first, 0
    for _ in range(pools):
        p, kinds, runs = work[at], work[at + 1], work[at + 2]
        at += 3
        clear_pool(b, p)
        logged = b.meta.whole[LOGGED]
        for _ in range(kinds):
            e = add_entry(b, p, work[at], work[at + 1], work[at + 2], 0)
            slot = e * b.hosts.meta[2]
            for n in range(work[at + 3]):
                milli, number = work[at + 4 + 2 * n], work[at + 5 + 2 * n]
                if milli == WHOLE:
                    b.hosts.whole[e] = number
                else:
                    for k in range(slot, slot + number):
                        b.hosts.share[k] = milli
                    slot += number
            count(b, e, 1)
            at += 4 + 2 * work[at + 3]
            for n in range(b.hosts.meta[8]):
                b.hosts.block[e * b.hosts.meta[8] + n] = work[at + n]
            at += b.hosts.meta[8]
        fit = True
        for n in range(at, at + runs):
            if fit and not book_fitting(b, rules, work[n]):
                failed[bad] = p
                bad += 1
                fit = False
            b.meta.whole[LOGGED] = logged  # all of this is one change of one pool
        at += runs
    return bad


def clear_pool(b: Board, p: int) -> None:
    """Take all that runs on a pool, and its hosts, off the board."""
    r = b.pools.run[p]
    while r >= 0:
        after = b.runs.next[r]
        clear_run(b, r)
        r = after
    b.pools.run[p], b.pools.last[p] = NOTHING, NOTHING
    e = b.hosts.first[p]
    while e >= 0:
        after = b.hosts.next[e]
        count(b, e, -1)
        b.hosts.meta[4] -= b.hosts.hosts[e]
        b.hosts.hosts[e], b.hosts.single[e] = 0, 0
        b.hosts.next[e] = b.hosts.meta[3]
        b.hosts.meta[3] = e
        e = after
    b.hosts.first[p], b.hosts.hint_of[p] = NOTHING, NOTHING
    log(b, p, True)


def clear_run(b: Board, r: int) -> None:
    """Forget where a run's tasks are."""
    q = b.runs.piece[r]
    while q >= 0:
        after = b.pieces.next[q]
        b.pieces.next[q] = b.pieces.meta[0]
        b.pieces.meta[0] = q
        b.meta.whole[SPARE_PIECES] += 1
        q = after
    b.runs.piece[r], b.runs.pool[r] = NOTHING, NOTHING
    b.runs.next[r], b.runs.before[r] = NOTHING, NOTHING


def count(b: Board, e: int, sign: int) -> None:
    """Count what an entry's hosts have free for the pool and for all, or take it off."""
    h, p = b.hosts, b.hosts.pool[e]
    cpu, milli = h.hosts[e] * h.cpu[e], h.hosts[e] * free_milli(h, e)
    more = sign * (cpu if b.pools.counts_cpu[p] else milli)
    b.pools.idle[p] += more
    b.sites.used[b.pools.site[p]] -= more
    b.meta.whole[FREE_CPU] += sign * cpu
    b.meta.whole[FREE_MILLI] += sign * milli


def book_fitting(b: Board, rules: Rules, r: int) -> bool:
    """Book a run whose pool, variant and end are set, if it fits; whether it did."""
    if not fits_now(b, b.runs.pool[r], b.runs.variant[r]):
        b.runs.pool[r] = NOTHING
        return False
    book(b, rules, r, b.runs.pool[r], b.runs.variant[r], b.runs.end[r])
    return True


def add_entry(b: Board, p: int, hosts: int, cpu: int, memory: int, whole: int) -> int:
    """Put equal hosts on the board, at the head of the pool's list; shares are set afterwards."""
    h, width = b.hosts, b.hosts.meta[2]
    e = h.meta[3]
    if e >= 0:
        h.meta[3] = h.next[e]
    else:
        e = h.meta[0]
        h.meta[0] = e + 1
    h.pool[e], h.hosts[e], h.single[e] = p, hosts, 0
    h.cpu[e], h.memory[e], h.whole[e] = cpu, memory, whole
    for k in range(e * width, e * width + width):
        h.share[k] = NOTHING
    h.next[e] = h.first[p]
    h.first[p] = e
    return int(e)


def begin_again(b: Board, jobs: int, leases: int, reservations: int) -> None:
    """Make ready for another round of the first `jobs` rows of the order."""
    for i in range(jobs):
        j = b.jobs.order[i]
        b.jobs.pool[j], b.jobs.second[j] = NOTHING, NOTHING
        b.jobs.why[j], b.jobs.turn[j] = 1, NOTHING
    lift(b, leases, reservations)
    b.meta.whole[NEXT] = 0
