"""Who this server is: one row; and the counters that number its changes."""

from __future__ import annotations

from functools import cache

from sqlalchemy import Connection, Executable, bindparam, insert, select, update

from weir.core.errors import Conflict
from weir.store.rows import DomainRow, first, select_as, upsert, upsert_for
from weir.store.tables import counter, domain

_THIS = select_as(DomainRow, domain)
_VALUE = select(counter.c.value).where(counter.c.name == bindparam("name"))


def this_domain(tx: Connection) -> DomainRow | None:
    """This server's row; None before it was made."""
    return first(tx, DomainRow, _THIS)


def make_domain(tx: Connection, row: DomainRow) -> None:
    """Write the one row."""
    tx.execute(
        insert(domain).values(
            one=1,
            id=row.id,
            name=row.name,
            kind=row.kind,
            parent=row.parent,
            created_at=row.created_at,
            data_id=row.data_id,
        )
    )


def set_identity(tx: Connection, identifier: str, parent: str) -> None:
    """Write what the parent has issued."""
    tx.execute(update(domain).values(id=identifier, parent=parent))


def count(tx: Connection, name: str) -> int:
    """A counter's value; 0 if it was never raised."""
    return int(tx.execute(_VALUE, {"name": name}).scalar() or 0)


def raise_count(tx: Connection, name: str, by: int = 1) -> int:
    """Raise a counter; gives its new value. Its row orders writers until they commit."""
    return int(tx.execute(_raising(tx.dialect.name), {"b_name": name, "b_by": by}).scalar_one())


@cache
def _raising(dialect: str) -> Executable:
    by = bindparam("b_by", type_=counter.c.value.type)
    query = upsert_for(dialect, counter).values(name=bindparam("b_name"), value=by)
    return query.on_conflict_do_update(
        index_elements=["name"], set_={"value": counter.c.value + by}
    ).returning(counter.c.value)


def swap_count(tx: Connection, name: str, seen: int) -> None:
    """Raise a counter by one if nobody has since it was `seen`; otherwise `Conflict`."""
    if seen == 0:
        begin = upsert(tx, counter).values(name=name, value=1)
        begin = begin.on_conflict_do_nothing(index_elements=["name"])
        if tx.execute(begin.returning(counter.c.value)).first() is not None:
            return
    swapped = tx.execute(
        update(counter)
        .where(counter.c.name == name, counter.c.value == seen)
        .values(value=seen + 1)
    ).rowcount
    if swapped != 1:
        raise Conflict(f"{name} has moved on since {seen}")
