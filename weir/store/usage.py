"""What the queues used in the past: one row a queue."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict

from sqlalchemy import Connection

from weir.store.rows import UsageRow, fetch, select_as, upsert
from weir.store.tables import usage


def of_queues(tx: Connection) -> dict[str, UsageRow]:
    """Every queue's row."""
    return {row.queue: row for row in fetch(tx, UsageRow, select_as(UsageRow, usage))}


def put(tx: Connection, rows: Iterable[UsageRow]) -> None:
    """Write rows over what was there. The caller has read them after it raised a counter, which
    orders writers.
    """
    for row in rows:
        query = upsert(tx, usage).values(**asdict(row))
        values = {k: v for k, v in asdict(row).items() if k != "queue"}
        tx.execute(query.on_conflict_do_update(index_elements=["queue"], set_=values))
