"""What a month's sheet is made of: samples of a long time added up by the database, and runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import Connection, func, select

from weir.core.lifecycle import RunState
from weir.core.report import Merged
from weir.store.tables import job, run
from weir.store.tables_monitoring import indicator_total, sample


def merged_over(tx: Connection, width: int, begin: int, end: int) -> dict[int, Merged]:
    """All buckets of a width that begin in [begin, end), as one for each series."""
    c = sample.c
    query = select(
        c.series,
        func.sum(c.n),
        func.sum(c.total),
        func.max(c.most),
        func.sum(func.coalesce(c.covered_s, c.width)),
    ).where(c.width == width, c.at >= begin, c.at < end)
    return {
        int(r[0]): Merged(int(r[1]), float(r[2]), float(r[3]), int(r[4]))
        for r in tx.execute(query.group_by(c.series))
    }


def wholes_over(
    tx: Connection, width: int, begin: int, end: int, parted: Iterable[str]
) -> list[tuple[int, str, str, float, int]]:
    """at, indicator, part, value and seconds known of totals in [begin, end), by time: of the
    indicators `parted` every part, of the others the whole alone.
    """
    c = indicator_total.c
    query = select(c.at, c.indicator, c.part, c.value, func.coalesce(c.covered_s, c.width))
    query = query.where(c.width == width, c.at >= begin, c.at < end)
    query = query.where((c.part == "") | c.indicator.in_(sorted(parted)))
    rows = tx.execute(query.order_by(c.at, c.indicator, c.part))
    return [(int(r[0]), str(r[1]), str(r[2]), float(r[3]), int(r[4])) for r in rows]


class HeldRow(NamedTuple):
    """A run as far as it is counted: what it held, from when to when, whose it was and where."""

    started_at: float
    ended_at: float | None
    claims: list[list[int]]
    pool: str
    submitter: str
    origin_cluster: str | None


def held_within(tx: Connection, begin: float, end: float) -> Iterator[HeldRow]:
    """The runs that held something within [begin, end). Of a run that goes on there is no end."""
    r, j = run.c, job.c
    query = (
        select(r.started_at, r.ended_at, r.claims, r.pool, j.submitter, j.origin_cluster)
        .join(job, r.job == j.id)
        .where(r.started_at < end, (r.ended_at > begin) | (r.state == RunState.RUNNING))
        .order_by(r.started_at, r.id)
    )
    for row in tx.execute(query):
        yield HeldRow(*row)
