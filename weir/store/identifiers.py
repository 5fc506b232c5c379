"""The register of identifiers that this domain has issued: stable by name, never given twice."""

from __future__ import annotations

from sqlalchemy import Connection, insert, update

from weir.core import identifiers as law
from weir.store.domains import raise_count
from weir.store.rows import IdentifierRow, first, select_as
from weir.store.tables import identifier


def issue(tx: Connection, parent: str, kind: law.Kind, name: str, now: float) -> str:
    """The identifier of `name` under `parent`: the one it has, or else a new one.

    One that was retired is in use again: it is the same thing that comes back under its name.
    """
    known = find(tx, parent, kind, name)
    if known is not None:
        if known.retired_at is not None:
            use_again(tx, known.id)
        return known.id
    number = raise_count(tx, f"identifier {parent} {kind}")
    made = law.issue(parent, kind, number)
    tx.execute(
        insert(identifier).values(id=made, kind=kind, parent=parent, name=name, issued_at=now)
    )
    return made


def find(tx: Connection, parent: str, kind: law.Kind, name: str) -> IdentifierRow | None:
    """What was issued to `name` under `parent`, if anything."""
    c = identifier.c
    query = select_as(IdentifierRow, identifier)
    return first(tx, IdentifierRow, query.where(c.parent == parent, c.kind == kind, c.name == name))


def get(tx: Connection, text: str) -> IdentifierRow | None:
    """An identifier that this domain has issued, retired ones included."""
    query = select_as(IdentifierRow, identifier).where(identifier.c.id == text)
    return first(tx, IdentifierRow, query)


def use_again(tx: Connection, text: str, below: bool = False) -> None:
    """Take back that an identifier is retired; with `below` also for all right under it."""
    here = identifier.c.id == text
    if below:
        here |= identifier.c.parent == text
    tx.execute(update(identifier).where(here).values(retired_at=None))


def retire(tx: Connection, text: str, now: float) -> None:
    """Mark an identifier as out of use. It stays in the register for ever."""
    tx.execute(update(identifier).where(identifier.c.id == text).values(retired_at=now))
