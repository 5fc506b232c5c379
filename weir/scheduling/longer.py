"""The same board over lists, or with longer columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from weir.scheduling.board import SPARE_PIECES, Board
from weir.scheduling.hosts import Pieces


def as_lists(board: Board) -> Board:
    """The same board over lists: quickest where the kernel is interpreted."""
    return _map(board, lambda column: column.tolist())  # type: ignore[no-any-return]


def _map(value: Any, change: Any) -> Any:
    if isinstance(value, tuple):
        return type(value)(*(_map(part, change) for part in value))
    return change(value)


def grown(board: Board) -> Board:
    """The board with longer columns for entries and pieces; what is in them stays."""
    h, q = board.hosts, board.pieces
    lists = isinstance(h.cpu, list)
    room, used, width = int(h.meta[1]), int(h.meta[0]), int(h.meta[2])
    if lists:
        board = _map(board, np.array)
        h, q = board.hosts, board.pieces
    longer = min(int(h.meta[4]) + 1, 2 * room + 1024)
    layers, levels = len(h.cpu) // room, int(h.meta[8])
    by_entry = {
        name: _longer(getattr(h, name), longer)
        for name in ("pool", "hosts", "single", "next", "here", "here_of", "tried", "source")
    }
    by_layer = {
        name: _restrided(getattr(h, name), layers, room, longer)
        for name in ("cpu", "memory", "whole")
    }
    share = _restrided(h.share, layers, room * width, longer * width)
    by_entry["block"] = _longer(h.block, longer * levels)
    meta = h.meta.copy()
    meta[1] = longer
    spare, pieces = len(q.entry), 2 * len(q.entry) + 1024
    following = np.arange(1, pieces + 1)
    following[:spare] = q.next
    following[-1] = q.meta[0]
    whole = board.meta.whole.copy()
    whole[SPARE_PIECES] += pieces - spare
    board = board._replace(
        hosts=h._replace(**by_entry, **by_layer, share=share, meta=meta),
        pieces=Pieces(
            entry=_longer(q.entry, pieces),
            tasks=_longer(q.tasks, pieces),
            claim=_longer(q.claim, pieces),
            slot=_longer(q.slot, pieces),
            next=following,
            meta=np.array([spare]),
        ),
        meta=board.meta._replace(whole=whole),
    )
    assert used <= longer
    return as_lists(board) if lists else board


def _longer(column: Any, length: int) -> Any:
    new = np.zeros(length, dtype=column.dtype)
    new[: len(column)] = column
    return new


def _restrided(column: Any, layers: int, old: int, new: int) -> Any:
    wide = np.zeros((layers, new), dtype=column.dtype)
    wide[:, :old] = column.reshape(layers, old)
    return wide.reshape(-1)
