"""Shapes on a board that is kept: new ones take spare rows, those with a name learn who is near."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from weir.scheduling.apart import by_name, enter, set_near
from weir.scheduling.board import GROWTH, MIN_CPU, MIN_MILLI, Board, Needs
from weir.scheduling.encode import Class, Shape, Surroundings, beside_mates, carrier, classify
from weir.scheduling.hosts import WHOLE, Claims
from weir.scheduling.packing import Claim
from weir.scheduling.setup import claim_columns
from weir.scheduling.snapshot import Snapshot

if TYPE_CHECKING:
    from weir.scheduling.kept import Kept


def add_classes(kept: Kept, snapshot: Snapshot) -> bool:
    """Judge the shapes that are new, and give them rows that were kept for such."""
    new = kept.shapes.found[len(kept.classes) :] if len(kept.shapes) > len(kept.classes) else ()
    if len(kept.shapes) > len(kept.machine.board.classes.base):
        return False
    around = Surroundings.of(snapshot)
    columns = kept.snapshot.columns
    if not _room_for_names(kept, new):
        return False
    for shape in new:
        found = classify(columns, shape, kept.shapes.with_walltime(shape), kept.policy, around)
        shares = any(0 < c.device_milli < WHOLE for claims in found.variants for c in claims)
        if shares and not kept.machine.board.hosts.meta[2]:
            return False
        _add_class(kept, found)
    return True


def _room_for_names(kept: Kept, new: Sequence[Shape]) -> bool:
    """Whether the board has slots for those of the shapes that carry a name."""
    mates, pools = kept.machine.board.mates, int(kept.machine.board.classes.meta[0])
    used = len(carriers(kept)) + sum(1 for shape in new if shape.name is not None)
    return used * pools <= len(mates.near)


def carriers(kept: Kept) -> list[int]:
    """The rows of classes that carry a name."""
    return [row for row, c in enumerate(kept.classes) if c.near is not None]


def _add_class(kept: Kept, found: Class) -> None:
    row, board = len(kept.classes), kept.machine.board
    kept.classes.append(found)
    _, _, _, growth = claim_columns([found.variants], ())
    ks, pools = board.classes, int(board.classes.meta[0])
    here = slice(row * pools, (row + 1) * pools)
    ks.variant[here], ks.cost[here] = found.variant, found.cost
    ks.pace[here], ks.lag_s[here] = found.pace, found.lag_s
    ks.base[row], ks.growth[row] = len(board.needs.cpu), growth[0]
    ks.alike[row] = len(found.variants) == 1
    ks.seen[row], ks.stuck[row], ks.holding[row] = -1, -1, -1
    if (one := carrier(found, row)) is not None:
        others = [k for k in carriers(kept)[:-1] if kept.classes[k].shape.name == one.name]
        enter(board.mates, one, len(carriers(kept)) - 1, others[0] if others else None)
    whole = board.meta.whole
    whole[GROWTH] = max(int(whole[GROWTH]), int(growth[0]))
    kept.machine.board = with_variants(board, found.variants)


def with_variants(board: Board, claimed: Sequence[tuple[Claim, ...]]) -> Board:
    """The board with more variants at the end of its table."""
    more, needs, _, _ = claim_columns((), claimed)
    c, whole = board.claims, board.meta.whole
    whole[MIN_CPU] = min(int(whole[MIN_CPU]), int(needs.cpu.min()))
    whole[MIN_MILLI] = min(int(whole[MIN_MILLI]), int(needs.milli.min()))
    longer = {
        name: np.concatenate([getattr(c, name), getattr(more, name)])
        for name in Claims._fields
        if name != "first"
    }
    first = np.concatenate([c.first, more.first[1:] + c.first[-1]])
    return board._replace(
        claims=Claims(**longer, first=first),
        needs=Needs(
            *(np.concatenate([old, new]) for old, new in zip(board.needs, needs, strict=True))
        ),
    )


def change_mates(kept: Kept) -> None:
    """Bring classes that carry a name up to date with who runs where, and forget what the last
    round closed to them.
    """
    rows = carriers(kept)
    if not rows:
        return
    now, board = by_name(kept.snapshot.mates), kept.machine.board
    ks, pools = board.classes, int(board.classes.meta[0])
    for row in rows:
        name = kept.classes[row].shape.name
        assert name is not None
        if name not in kept.moved and kept.mates.get(name) == now.get(name):
            continue
        found = kept.classes[row] = beside_mates(kept.classes[row], now)
        here = slice(row * pools, (row + 1) * pools)
        ks.variant[here], ks.cost[here], ks.seen[row] = found.variant, found.cost, -1
        one = carrier(found, row)
        assert one is not None
        set_near(board.mates, one)
    kept.mates = now
