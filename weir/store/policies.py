"""What the domain schedules by: every change of it is one row, and the last one counts."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, select

from weir.store.rows import fetch, first, select_as
from weir.store.tables import scheduling


@dataclass(frozen=True, slots=True)
class SchedulingRow:
    """Policy and queues as they stand after change `number`.

    `what` was changed `set_by` whom (empty: by a start of the server); `queues` are records of
    queues, `started_with` is a digest of what the server was told at its start then.
    """

    number: int
    set_at: float
    set_by: str
    what: str
    policy: str
    queues: list[dict[str, Any]]
    started_with: str


_LAST = select(func.max(scheduling.c.number))


def last_number(tx: Connection) -> int:
    """The number of the last change; 0 if there was none."""
    return int(tx.execute(_LAST).scalar() or 0)


def get(tx: Connection, number: int) -> SchedulingRow | None:
    """One change."""
    return first(
        tx, SchedulingRow, select_as(SchedulingRow, scheduling).where(scheduling.c.number == number)
    )


def latest(tx: Connection, limit: int) -> list[SchedulingRow]:
    """The last changes, newest first."""
    query = select_as(SchedulingRow, scheduling).order_by(scheduling.c.number.desc()).limit(limit)
    return fetch(tx, SchedulingRow, query)


def add(tx: Connection, row: SchedulingRow) -> None:
    """Write a change; `Conflict` (on PostgreSQL) if there is another of this number by now."""
    tx.execute(insert(scheduling).values(**asdict(row)))
