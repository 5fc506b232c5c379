"""Totals of indicators by tier and time; and the news of buckets for a domain above."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, delete, insert, select

from weir.core.indicator_readings import Bare, Total
from weir.store.domains import count, raise_count
from weir.store.rows import upsert
from weir.store.tables import counter
from weir.store.tables_monitoring import indicator_total, sample_news


def put_totals(tx: Connection, width: int, at: int, totals: Iterable[Total | Bare]) -> None:
    """Write the totals of a bucket in place of those it had of the same indicators."""
    rows = [
        {
            "width": width,
            "at": at,
            "indicator": total[0],
            "part": total[1][:120],
            "value": float(total[2]),
            "covered_s": total[3] if len(total) == 4 else None,
        }
        for total in totals
    ]
    names = {str(row["indicator"]) for row in rows}
    c = indicator_total.c
    if rows:
        tx.execute(
            delete(indicator_total).where(
                c.width == width, c.at == at, c.indicator.in_(sorted(names))
            )
        )
        tx.execute(insert(indicator_total), rows)


def read_totals(
    tx: Connection, width: int, begin: int, end: int, names: Sequence[str] | None = None
) -> list[tuple[int, str, str, float]]:
    """at, indicator, part and value of totals that begin in [begin, end), by time."""
    return [row[:4] for row in read_covered(tx, width, begin, end, names)]


def read_covered(
    tx: Connection, width: int, begin: int, end: int, names: Sequence[str] | None = None
) -> list[tuple[int, str, str, float, int | None]]:
    """The same, each with the seconds of which it is known; None: all of its time."""
    c = indicator_total.c
    query = select(c.at, c.indicator, c.part, c.value, c.covered_s)
    query = query.where(c.width == width, c.at >= begin, c.at < end)
    if names is not None:
        query = query.where(c.indicator.in_(names))
    rows = tx.execute(query.order_by(c.at, c.indicator, c.part))
    return [(int(r[0]), str(r[1]), str(r[2]), float(r[3]), r[4]) for r in rows]


def forget_totals_before(tx: Connection, width: int, at: int) -> None:
    """Throw away the totals of a width that begin before a time."""
    c = indicator_total.c
    tx.execute(delete(indicator_total).where(c.width == width, c.at < at))


def put_news(tx: Connection, places: Iterable[tuple[int, int]], cluster: str) -> None:
    """Note that buckets at these (width, at) came by a cluster, or ("") were rolled up here.

    Numbered by one counter that orders writers, so that who asks "after 17" misses nothing.
    """
    wanted = sorted(set(places))
    if wanted:
        first = raise_count(tx, "samples", len(wanted)) - len(wanted) + 1
        rows = [
            {"number": number, "width": width, "at": at, "cluster": cluster}
            for number, (width, at) in enumerate(wanted, first)
        ]
        tx.execute(insert(sample_news), rows)


def news_after(tx: Connection, number: int, limit: int) -> list[tuple[int, int, int, str]]:
    """number, width, at and cluster of the news after a number, in order."""
    c = sample_news.c
    query = select(c.number, c.width, c.at, c.cluster).where(c.number > number)
    rows = tx.execute(query.order_by(c.number).limit(limit))
    return [(int(r[0]), int(r[1]), int(r[2]), str(r[3])) for r in rows]


def reached(tx: Connection, reader: str) -> int:
    """Up to which number of the news a reader has come."""
    return count(tx, f"samples {reader}")


def keep_reached(tx: Connection, reader: str, number: int) -> None:
    """A reader has come up to this number."""
    query = upsert(tx, counter).values(name=f"samples {reader}", value=number)
    tx.execute(query.on_conflict_do_update(index_elements=["name"], set_={"value": number}))


def forget_news(tx: Connection, width: int, before: int) -> None:
    """Throw away news of buckets that begin before a time."""
    c = sample_news.c
    tx.execute(delete(sample_news).where(c.width == width, c.at < before))
