"""Tasks that lie in one block of their pool (a rack, a switch, an NVLink domain): which block.

A claim whose `within` is n > 0 has all its tasks in one block of the pool's n-th level, or does not
fit; with -n they lie in one block if one has room, and anywhere if none has. Of the blocks that
take all of them the one with room for the fewest is chosen, so that large gaps stay; of equal ones
the first. How much room a block has is counted in tasks of the claim, on each host at most as many
as it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from weir.core.demand import Topology
from weir.core.inventory import FreeShape


def level_of(wish: Topology | None, levels: Sequence[str]) -> int:
    """`Claim.within` in a pool with these levels: 0 where it has none such."""
    if wish is None or wish.level not in levels:
        return 0
    number = levels.index(wish.level) + 1
    return number if wish.required else -number


def number_of(block: tuple[int, ...], within: int) -> int:
    """The block of the level that `within` says, -1 for none."""
    level = abs(within) - 1
    return block[level] if level < len(block) else -1


def rooms_of(
    free: Iterable[FreeShape], within: int, on_host: Callable[[FreeShape], int]
) -> dict[int, int]:
    """Tasks that each block has room for, one host after the other."""
    rooms: dict[int, int] = {}
    for shape in free:
        block = number_of(shape.block, within)
        if block >= 0:
            rooms[block] = rooms.get(block, 0) + shape.hosts * on_host(shape)
    return rooms


def best_block(rooms: Mapping[int, int], wanted: int) -> int:
    """The block for so many tasks, -1 if none has room for all."""
    enough = [(room, block) for block, room in rooms.items() if room >= wanted]
    return min(enough)[1] if enough else -1


def roomiest(rooms: Mapping[int, int]) -> int:
    """The block that takes most, -1 if there are none."""
    return min(rooms, key=lambda block: (-rooms[block], block), default=-1)
