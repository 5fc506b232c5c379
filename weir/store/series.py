"""Samples in the domain's database: series, buckets by tier, totals, and what is to be rolled up.

Laws:
- A bucket is overwritten only by one with more samples (`core.series.better`), by one statement on
  either database: writing again, late or from elsewhere changes nothing twice.
- Who writes a bucket notes in the same transaction that the bucket above it is due.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, bindparam, delete, or_, select, text, tuple_

from weir.core.series import WIDTHS, Bucket, Key, better, body_of, lies_under, start_of, wider
from weir.store.rows import upsert
from weir.store.tables_monitoring import rollup_due, sample, sample_gap, series

Row = tuple[int, int, int, int, float, float, float, float]
"""width, at, series, n, total, least, most, last"""

Covered = int | None
"""For how many seconds a bucket's samples stand; None: for all of its width."""

_STANDS = "(excluded.n, excluded.last, excluded.total) > (sample.n, sample.last, sample.total)"
_SET = (
    "DO UPDATE SET n = excluded.n, total = excluded.total, least = excluded.least, "
    "most = excluded.most, last = excluded.last, covered_s = excluded.covered_s "
    f"WHERE {_STANDS}"
)
_NAMES = "width, at, series, n, total, least, most, last"
_PUT_SQLITE = (
    f"INSERT INTO sample ({_NAMES}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    f"ON CONFLICT (width, at, series) {_SET}"
)
_PUT_SQLITE_COVERED = (
    f"INSERT INTO sample ({_NAMES}, covered_s) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    f"ON CONFLICT (width, at, series) {_SET}"
)
_PUT_POSTGRESQL = (
    f"INSERT INTO sample ({_NAMES}, covered_s) SELECT * FROM unnest(%s::int[], %s::bigint[], "
    "%s::int[], %s::bigint[], %s::float8[], %s::float8[], %s::float8[], %s::float8[], %s::int[]) "
    f"ON CONFLICT (width, at, series) {_SET}"
)
_ROLL = text(
    f"INSERT INTO sample ({_NAMES}, covered_s) "
    "SELECT :wide, :at, a.series, a.n, a.total, a.least, a.most, s.last, a.covered_s FROM ("
    "SELECT series, sum(n) AS n, sum(total) AS total, min(least) AS least, max(most) AS most, "
    "max(at) AS latest, sum(coalesce(covered_s, width)) AS covered_s FROM sample "
    "WHERE width = :width AND at >= :at AND at < :until "
    "GROUP BY series) AS a "
    "JOIN sample AS s ON s.width = :width AND s.at = a.latest AND s.series = a.series "
    # SQLite can't tell ON CONFLICT from a join's ON without a condition between them.
    f"WHERE true ON CONFLICT (width, at, series) {_SET}"
)


class SeriesRow(NamedTuple):
    """A series: its number here, what it is of, and by which cluster it was first heard."""

    id: int
    key: Key
    cluster: str


# -- series ----------------------------------------------------------------------------------------


def find(tx: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """The numbers of those of these series that are known."""
    c, found = series.c, {}
    wanted = list(keys)
    for begin in range(0, len(wanted), 300):
        some = [(k.subject, k.metric, k.part) for k in wanted[begin : begin + 300]]
        query = select(c.subject, c.metric, c.part, c.id)
        query = query.where(tuple_(c.subject, c.metric, c.part).in_(some))
        found.update({Key(*row[:3]): int(row[3]) for row in tx.execute(query)})
    return found


def add(tx: Connection, keys: Sequence[Key], cluster: str) -> dict[Key, int]:
    """Number new series; those that are there by now keep theirs."""
    if keys:
        query = upsert(tx, series).on_conflict_do_nothing(
            index_elements=["subject", "metric", "part"]
        )
        rows = [{"subject": k.subject, "metric": k.metric, "part": k.part} for k in keys]
        tx.execute(query, [row | {"cluster": cluster} for row in rows])
    return find(tx, keys)


def count_of(tx: Connection, cluster: str) -> int:
    """How many series were first heard by a cluster."""
    query = text("SELECT count(*) FROM series WHERE cluster = :cluster")
    return int(tx.execute(query, {"cluster": cluster}).scalar_one())


def last_number(tx: Connection) -> int:
    """The highest number of a series; 0 if there is none. Series stay, and numbers only grow."""
    return int(tx.execute(text("SELECT coalesce(max(id), 0) FROM series")).scalar_one())


def listed(
    tx: Connection, *, metrics: Iterable[str] | None = None, under: str | None = None
) -> list[SeriesRow]:
    """Series of these metrics, or of all, that lie in `under` or anywhere, in a fixed order."""
    c = series.c
    query = select(c.id, c.subject, c.metric, c.part, c.cluster)
    if metrics is not None:
        query = query.where(c.metric.in_(list(metrics)))
    if under is not None and ">" in under:
        body = body_of(under.partition(">")[0])
        query = query.where(c.subject.startswith(body, autoescape=True))
    elif under is not None:
        body = body_of(under)
        inside = [c.subject.startswith(body + mark, autoescape=True) for mark in "-./"]
        query = query.where(or_(c.subject == under, *inside))
    rows = tx.execute(query.order_by(c.subject, c.metric, c.part))
    found = (SeriesRow(int(r[0]), Key(*r[1:4]), str(r[4])) for r in rows)
    return [row for row in found if under is None or lies_under(row.key.subject, under)]


# -- buckets ---------------------------------------------------------------------------------------


def put(tx: Connection, rows: Sequence[Row], covered: Sequence[Covered] | None = None) -> None:
    """Write buckets, and note which wider ones are due.

    `covered` says for each for how many seconds it stands; without it they cover their widths.
    """
    if not rows:
        return
    if tx.dialect.name == "postgresql":
        distinct = _distinct(rows, covered or [None] * len(rows))
        columns = [list(column) for column in zip(*distinct, strict=True)]
        tx.exec_driver_sql(_PUT_POSTGRESQL, tuple(columns))
    elif covered is not None:
        both = zip(rows, covered, strict=True)
        tx.exec_driver_sql(_PUT_SQLITE_COVERED, [(*row, seconds) for row, seconds in both])
    else:
        tx.exec_driver_sql(_PUT_SQLITE, rows if isinstance(rows, list) else list(rows))
    mark_due(tx, {(row[0], row[1]) for row in rows})


def _distinct(
    rows: Sequence[Row], covered: Sequence[Covered]
) -> list[tuple[int | float | None, ...]]:
    """Each bucket once: PostgreSQL takes no row twice in one statement."""
    kept: dict[tuple[int, int, int], Bucket] = {}
    for row, seconds in zip(rows, covered, strict=True):
        place, bucket = row[:3], Bucket(*row[3:], seconds)
        other = kept.get(place)
        kept[place] = bucket if other is None else better(other, bucket)
    return [
        (*place, b.n, b.total, b.least, b.most, b.last, b.covered_s) for place, b in kept.items()
    ]


def mark_due(tx: Connection, places: Collection[tuple[int, int]], *, itself: bool = True) -> None:
    """Note that the buckets above these (width, at) are to be worked out again.

    So are the totals of those that are a minute wide or wider, by however narrow ones they came.
    """
    due = {(width, at) for width, at in places if width > WIDTHS[0]} if itself else set()
    for width, at in places:
        wide = wider(width)
        if wide is not None:
            due.add((wide, start_of(at, wide)))
    if not due:
        return
    query = upsert(tx, rollup_due)
    # An update that changes nothing, and waits for whoever is just taking the note away.
    query = query.on_conflict_do_update(
        index_elements=["width", "at"], set_={"at": query.excluded.at}
    )
    tx.execute(query, [{"width": width, "at": at} for width, at in sorted(due)])


_DUE = (
    select(rollup_due.c.at)
    .where(rollup_due.c.width == bindparam("width"), rollup_due.c.at < bindparam("before"))
    .order_by(rollup_due.c.at)
    .limit(bindparam("most"))
)


def due(tx: Connection, width: int, before: int, limit: int) -> list[int]:
    """Which buckets of a width are due that begin before a time, oldest first."""
    values = {"width": width, "before": before, "most": limit}
    return [int(at) for at in tx.execute(_DUE, values).scalars()]


def take_due(tx: Connection, width: int, at: int) -> bool:
    """Take the note away that a bucket is due; False if there is none any more."""
    c = rollup_due.c
    return bool(tx.execute(delete(rollup_due).where(c.width == width, c.at == at)).rowcount)


def roll(tx: Connection, narrow: int, wide: int, at: int) -> None:
    """Work out the buckets of `wide` at `at` from the narrower ones; those above it become due."""
    tx.execute(_ROLL, {"width": narrow, "wide": wide, "at": at, "until": at + wide})
    mark_due(tx, [(wide, at)], itself=False)


def at_once(tx: Connection, width: int, at: int) -> Iterable[tuple[int, Bucket]]:
    """Every series' bucket at one time."""
    c = sample.c
    query = select(c.series, c.n, c.total, c.least, c.most, c.last, c.covered_s)
    rows = tx.execute(query.where(c.width == width, c.at == at).order_by(c.series))
    return ((row[0], Bucket(*row[1:])) for row in rows)


_VALUES = (
    select(sample.c.series, sample.c.n, sample.c.total)
    .where(
        sample.c.width == bindparam("width"),
        sample.c.at == bindparam("at"),
        sample.c.series >= bindparam("first"),
        sample.c.series < bindparam("until"),
    )
    .order_by(sample.c.series)
)


def sums_at(
    tx: Connection, width: int, at: int, first: int, span: int
) -> Sequence[tuple[int, int, float]]:
    """Series' numbers in [first, first + span), how many samples each has then, and their sum."""
    # As the driver gives them: a row of SQLAlchemy's costs as much as all the rest of a feed.
    asked = {"width": width, "at": at, "first": first, "until": first + span}
    cursor = tx.execute(_VALUES, asked).cursor
    assert cursor is not None, "a query has one"
    return cursor.fetchall()


def read(
    tx: Connection, width: int, ids: Sequence[int], begin: int, end: int
) -> dict[int, dict[int, Bucket]]:
    """Buckets of these series that begin in [begin, end), by series and begin."""
    found: dict[int, dict[int, Bucket]] = {number: {} for number in ids}
    c = sample.c
    times = list(range(start_of(begin + width - 1, width), end, width))
    # The buckets lie by time: of few series it is quicker to look at each time for each of them.
    for place in range(0, len(ids), 400):
        query = select(c.series, c.at, c.n, c.total, c.least, c.most, c.last, c.covered_s)
        query = query.where(c.width == width, c.series.in_(ids[place : place + 400]))
        for first in range(0, len(times), 400):
            some = times[first : first + 400]
            for row in tx.execute(query.where(c.at.in_(some)).order_by(c.at)):
                found[row[0]][int(row[1])] = Bucket(*row[2:])
    return found


def columns(
    tx: Connection, width: int, ids: Sequence[int], begin: int, end: int
) -> list[tuple[int, int, int, float, float, float, int | None]]:
    """The same as rows as the driver gives them, for arrays: series, at, n, total, least, most and
    covered_s of each, in no order.
    """
    found: list[tuple[int, int, int, float, float, float, int | None]] = []
    c = sample.c
    times = list(range(start_of(begin + width - 1, width), end, width))
    query = select(c.series, c.at, c.n, c.total, c.least, c.most, c.covered_s)
    for place in range(0, len(ids), 400):
        some = query.where(c.width == width, c.series.in_(ids[place : place + 400]))
        for first in range(0, len(times), 400):
            cursor = tx.execute(some.where(c.at.in_(times[first : first + 400]))).cursor
            assert cursor is not None, "a query has one"
            found += cursor.fetchall()
    return found


def newest(tx: Connection, width: int) -> int | None:
    """When the newest bucket of a width begins."""
    c = sample.c
    found = tx.execute(
        select(c.at).where(c.width == width).order_by(c.at.desc()).limit(1)
    ).scalar_one_or_none()
    return None if found is None else int(found)


def forget_before(tx: Connection, width: int, at: int) -> int:
    """Throw away the buckets of a width that begin before a time; gives how many."""
    c = sample.c
    return int(tx.execute(delete(sample).where(c.width == width, c.at < at)).rowcount)


# -- gaps ------------------------------------------------------------------------------------------


def put_gap(tx: Connection, cluster: str, begin: float, end: float, reason: str) -> None:
    """Note that samples of a time were thrown away before they came here."""
    query = upsert(tx, sample_gap).values(cluster=cluster, begin=begin, end=end, reason=reason)
    tx.execute(
        query.on_conflict_do_update(
            index_elements=["cluster", "begin"], set_={"end": end, "reason": reason}
        )
    )


def gaps(tx: Connection, begin: float, end: float) -> list[tuple[str, float, float, str]]:
    """Gaps that touch a time: cluster, begin, end, why."""
    c = sample_gap.c
    query = select(c.cluster, c.begin, c.end, c.reason).where(c.begin < end, c.end > begin)
    rows = tx.execute(query.order_by(c.begin, c.cluster))
    return [(str(r[0]), float(r[1]), float(r[2]), str(r[3])) for r in rows]
