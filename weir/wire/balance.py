"""Supply and demand of a network, side by side."""

from __future__ import annotations

from weir.wire.base import Answer


class BalanceRow(Answer):
    """One kind of resource, in thousandths: `cpu` (cores), a device model, or `any` (of several).

    `free` counts what is open and heard of; `wanted` is what waiting jobs ask for of it alone.
    """

    kind: str
    total: int
    free: int
    wanted: int


class BalanceAnswer(Answer):
    """CPU first, then device models by how many there are; `waiting` is the number of jobs."""

    rows: tuple[BalanceRow, ...]
    waiting: int
