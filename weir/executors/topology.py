"""Blocks of a pool (racks, switches, zones) from what a resource manager says of its nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from weir.core.inventory import Block, block_paths

Path = tuple[int, ...]


def blocks_of(named: Mapping[str, tuple[str, ...]]) -> tuple[tuple[Block, ...], dict[str, Path]]:
    """The blocks, by name, and where each node is: `named` are the names of its block on every
    level, the outermost first, "" for none.
    """
    counts = Counter(names for names in named.values() if any(names))
    blocks = tuple(Block(names, hosts) for names, hosts in sorted(counts.items()))
    paths = dict(zip((b.names for b in blocks), block_paths(blocks), strict=True))
    return blocks, {node: paths.get(names, ()) for node, names in named.items()}


def names_at(blocks: Iterable[Block], level: int) -> tuple[str, ...]:
    """The names of the blocks of a level, from 1 on."""
    return tuple(dict.fromkeys(b.names[level - 1] for b in blocks if b.names[level - 1]))


def ambiguous(blocks: Sequence[Block]) -> bool:
    """Whether a name on some level is that of two blocks."""
    depth = len(blocks[0].names) if blocks else 0
    return any(
        len({b.names[:level] for b in blocks if b.names[level - 1]}) > len(names_at(blocks, level))
        for level in range(1, depth + 1)
    )
