"""Rows as frozen dataclasses, one per noun, named like their columns.

What is asked often is made once, with its values bound when it is sent: to put a statement together
and to look up what it compiles to costs several times what SQLite takes to answer it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    BindParameter,
    ColumnElement,
    Connection,
    Select,
    Table,
    Update,
    bindparam,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from weir.core.errors import Conflict

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class DomainRow:
    """Who this server is."""

    id: str | None
    name: str
    kind: str
    parent: str | None
    created_at: float
    data_id: str


@dataclass(frozen=True, slots=True)
class IdentifierRow:
    """An identifier that this domain has issued."""

    id: str
    kind: str
    parent: str
    name: str
    issued_at: float
    retired_at: float | None


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token, without its secret."""

    id: str
    kind: str
    subject: str
    roles: list[str]
    cluster: str | None
    claims: dict[str, Any]
    created_at: float
    expires_at: float | None
    used_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, slots=True)
class ClusterRow:
    """A cluster, a child domain or the way up, as this domain knows it."""

    id: str
    name: str
    site: str
    site_name: str
    executor: str
    direction: str
    peer_domain: str | None
    peer_url: str | None
    joined_at: float
    generation: int
    inventory_digest: str
    incarnation: str
    journal: str
    observed: int
    heard_at: float | None
    silent: bool
    clock_skew_s: float
    rtt_us: int | None
    version: str
    removed_at: float | None


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job, all of it but the text of its spec, which `spec` is the key of."""

    id: str
    name: str
    submitter: str
    state: str
    priority: int
    queue: str
    preemptible: bool
    submitted_at: float
    start_after: float | None
    started_at: float | None
    ended_at: float | None
    expires_at: float | None
    exit_code: int | None
    reason: str
    spec: str
    shape: str
    submission: str | None
    array: str | None
    array_index: int | None
    root_job: str
    path: list[str]
    origin_cluster: str | None
    origin_run: str | None
    run: str | None
    pool: str | None
    attempts: int
    failures: int
    losses: int
    cancel_at: float | None
    seq: int
    decision: dict[str, Any] | None
    place: list[str]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One attempt of a job on one cluster."""

    id: str
    job: str
    cluster: str
    pool: str
    state: str
    groups: list[list[Any]]
    claims: list[list[int]]
    revision: int
    start_within_s: float
    assigned_at: float
    started_at: float | None
    ends_at: float | None
    ended_at: float | None
    exit_code: int | None
    reason: str
    place: list[str]
    cancel: bool
    counted_milli: int | None
    preempted_for: str | None
    preempted_at: float | None


@dataclass(frozen=True, slots=True)
class UsageRow:
    """What the past runs of a queue held, summed over time and faded until `at`."""

    queue: str
    cpu_milli_s: float
    memory_bytes_s: float
    device_milli_s: float
    at: float


def select_as(kind: type[Any], table: Table) -> Select[Any]:
    """SELECT of just the columns that the row type has."""
    return select(*(table.c[f.name] for f in fields(kind)))


def is_one_of(column: ColumnElement[Any], name: str = "ids") -> ColumnElement[bool]:
    """That a column has one of the values that are given by this name when it is asked."""
    values: BindParameter[Any] = bindparam(name, expanding=True)
    return column.in_(values)


def fetch(
    tx: Connection, kind: type[T], query: Select[Any], values: Mapping[str, Any] | None = None
) -> list[T]:
    """All rows of a query made with `select_as`."""
    return [kind(*row) for row in tx.execute(query, values)]


def first(
    tx: Connection, kind: type[T], query: Select[Any], values: Mapping[str, Any] | None = None
) -> T | None:
    """The first row, or None."""
    row = tx.execute(query, values).first()
    return None if row is None else kind(*row)


def upsert(tx: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """An INSERT that can say what to do where the row is there already; both databases can."""
    return upsert_for(tx.dialect.name, table)


def upsert_for(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """The same for a database of this kind."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def chunks(values: Iterable[str], size: int = 500) -> Iterable[list[str]]:
    """Values in portions that fit one IN list."""
    batch: list[str] = []
    for value in values:
        batch.append(value)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def swap_rows(
    tx: Connection, table: Table, changes: Sequence[Mapping[str, Any]], seen_in: str | None
) -> None:
    """Write changed columns of rows by id; all of one call carry the same columns.

    Each change carries `id`, its columns and, where `seen_in` names a column, what was `seen`
    there. Raises `Conflict` if a row says something else by now, or is gone.
    """
    if not changes:
        return
    columns = tuple(k for k in changes[0] if k not in ("id", "seen"))
    values = [
        {"b_id": c["id"], **({"b_seen": c["seen"]} if seen_in else {})}
        | {f"v_{k}": c[k] for k in columns}
        for c in changes
    ]
    written = tx.execute(_swapping(table, columns, seen_in), values).rowcount
    if written != len(values):
        raise Conflict(f"a {table.name} has changed since it was read")


@cache
def _swapping(table: Table, columns: tuple[str, ...], seen_in: str | None) -> Update:
    query = update(table).where(table.c.id == bindparam("b_id"))
    if seen_in is not None:
        query = query.where(table.c[seen_in] == bindparam("b_seen"))
    return query.values({k: bindparam(f"v_{k}") for k in columns})
