"""What is left of a pool on the board, as a histogram of free hosts."""

from __future__ import annotations

from collections.abc import Iterator

from weir.core.inventory import FreeShape, merged
from weir.scheduling.board import Board
from weir.scheduling.hosts import WHOLE, Column
from weir.scheduling.packing import Free


def free_of(board: Board, pool: int, layer: int = 0) -> Free:
    """What is free of the pool now, or in a later layer."""
    return merged(_shapes(board, pool, layer))


def later_of(board: Board, pool: int) -> list[tuple[float, Free]]:
    """The times from which on room is spoken for, with what is left then."""
    limit = int(board.layers.meta[0])
    return [
        (float(board.layers.time[pool * limit + n]), free_of(board, pool, n + 1))
        for n in range(int(board.pools.layers[pool]))
    ]


def _block(blocks: Column, at: int, levels: int) -> tuple[int, ...]:
    """The numbers from `at` on, as `FreeShape` has them."""
    while levels and blocks[at + levels - 1] < 0:
        levels -= 1
    return tuple(int(blocks[at + level]) for level in range(levels))


def _shapes(board: Board, pool: int, layer: int) -> Iterator[FreeShape]:
    h = board.hosts
    width, at, levels = int(h.meta[2]), layer * int(h.meta[1]), int(h.meta[8])
    e = int(h.first[pool])
    while e >= 0:
        counts = {WHOLE: int(h.whole[at + e])}
        for k in range((at + e) * width, (at + e + 1) * width):
            if h.share[k] > 0:
                counts[int(h.share[k])] = counts.get(int(h.share[k]), 0) + 1
        devices = tuple(sorted((milli, n) for milli, n in counts.items() if n))
        amounts = int(h.cpu[at + e]), int(h.memory[at + e]), devices, int(h.hosts[e])
        yield FreeShape(*amounts, _block(h.block, e * levels, levels) if levels else ())
        e = int(h.next[e])
