"""How long jobs of a kind ran on each device model: one row a kind and model."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import asdict, dataclass

from sqlalchemy import Connection, delete, select, tuple_

from weir.store.rows import fetch, select_as, upsert
from weir.store.tables import speed

KEY = ("submitter", "name", "shape", "model")


@dataclass(frozen=True, slots=True)
class SpeedRow:
    """`jobs` of a kind (whose, what it is called, its shape) took `mean_s` on a model; the last of
    them ended `at`.
    """

    submitter: str
    name: str
    shape: str
    model: str
    jobs: int
    mean_s: float
    at: float


def of(
    tx: Connection, keys: Collection[tuple[str, str, str, str]]
) -> dict[tuple[str, str, str, str], SpeedRow]:
    """The rows of (submitter, name, shape, model)."""
    found: dict[tuple[str, str, str, str], SpeedRow] = {}
    wanted, c = sorted(keys), speed.c
    for begin in range(0, len(wanted), 200):
        some = wanted[begin : begin + 200]
        query = select_as(SpeedRow, speed).where(tuple_(*(c[k] for k in KEY)).in_(some))
        for row in fetch(tx, SpeedRow, query):
            found[row.submitter, row.name, row.shape, row.model] = row
    return found


def newest(tx: Connection, limit: int) -> list[SpeedRow]:
    """The rows whose jobs ended last."""
    c = speed.c
    query = select_as(SpeedRow, speed).order_by(c.at.desc(), *(c[k] for k in KEY)).limit(limit)
    return fetch(tx, SpeedRow, query)


def put(tx: Connection, rows: Iterable[SpeedRow]) -> None:
    """Write rows over what was there."""
    for row in rows:
        values = asdict(row)
        query = upsert(tx, speed).values(**values)
        set_ = {k: v for k, v in values.items() if k not in KEY}
        tx.execute(query.on_conflict_do_update(index_elements=list(KEY), set_=set_))


def forget_before(tx: Connection, at: float) -> int:
    """Throw away what ended before; gives how many rows there were."""
    old = select(speed.c.at).where(speed.c.at < at).limit(1)
    if tx.execute(old).first() is None:
        return 0
    return int(tx.execute(delete(speed).where(speed.c.at < at)).rowcount)
