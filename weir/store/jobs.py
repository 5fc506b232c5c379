"""Jobs, their shapes and specs. A change of a job carries a new `seq`; jobs are swapped on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from weir.core.lifecycle import JOB_ACTIVE, JOB_FINAL, JobState
from weir.store.rows import JobRow, chunks, fetch, first, is_one_of, select_as, swap_rows, upsert
from weir.store.tables import avoid, cluster, history, job, shape, spec

_BY_ID = select_as(JobRow, job).where(job.c.id == bindparam("id"))
_SOME = select_as(JobRow, job).where(is_one_of(job.c.id))
_SUBMITTED = select_as(JobRow, job).where(is_one_of(job.c.submission))
_SPECS = select(spec.c.key, spec.c.text).where(is_one_of(spec.c.key))
_SPEC_SIZES = select(spec.c.key, spec.c.size).where(is_one_of(spec.c.key))
_DEMANDS = select(shape.c.key, shape.c.demand).where(is_one_of(shape.c.key))
_ANY_WAITING = select(job.c.id).where(job.c.state == JobState.WAITING).limit(1)
_REFUSALS = select(avoid.c.job, avoid.c.pool, avoid.c.tries).where(is_one_of(avoid.c.job))
_NEXT_AVOID_END = select(func.min(avoid.c.until_at)).where(avoid.c.until_at > bindparam("now"))
_AVOIDED = select(avoid.c.job, avoid.c.pool).where(avoid.c.until_at > bindparam("now"))
_STALE_AVOIDS = (
    select(avoid.c.job, avoid.c.pool)
    .join(job, job.c.id == avoid.c.job)
    .where((avoid.c.until_at < bindparam("before")) | job.c.state.in_(JOB_FINAL))
)
_EXPIRED = select_as(JobRow, job).where(
    job.c.expires_at < bindparam("now"),
    job.c.cancel_at.is_(None),
    job.c.state.in_(JOB_ACTIVE),
    job.c.origin_cluster.is_(None) | (job.c.state == JobState.WAITING),
)
_LINKS = select(cluster.c.id).where(cluster.c.peer_domain.is_not(None))
SINCE: tuple[ColumnElement[bool], ...] = (
    job.c.origin_cluster.is_(None) & (job.c.seq > bindparam("seq")),
    job.c.origin_cluster.in_(_LINKS) & (job.c.seq > bindparam("seq")),
)
"""Conditions that together say that a job has changed after `seq`; each is in an index."""

_IN_LINE = select(
    job.c.id, job.c.state, job.c.shape, job.c.priority, job.c.submitted_at, job.c.queue,
    job.c.start_after, job.c.origin_cluster, job.c.expires_at, job.c.submitter, job.c.name,
)  # fmt: skip
_ALIKE = (job.c.shape, job.c.queue, job.c.priority, job.c.submitter, job.c.expires_at.is_not(None))
"""What jobs have in common that no policy tells apart but by when they came."""

_CHANGED_AFTER = tuple(_IN_LINE.where(here) for here in SINCE)
_CHANGED_SINCE = (
    select_as(JobRow, job)
    .where(job.c.origin_cluster == bindparam("cluster"), job.c.seq > bindparam("seq"))
    .order_by(job.c.seq)
    .limit(bindparam("most"))
)


def get(tx: Connection, job_id: str) -> JobRow | None:
    """One job."""
    return first(tx, JobRow, _BY_ID, {"id": job_id})


def some(tx: Connection, ids: Iterable[str]) -> dict[str, JobRow]:
    """These jobs by id."""
    found: list[JobRow] = []
    for batch in chunks(ids):
        found += fetch(tx, JobRow, _SOME, {"ids": batch})
    return {row.id: row for row in found}


def by_submission(tx: Connection, keys: Iterable[str]) -> dict[str, JobRow]:
    """Jobs by the key that made their submission idempotent."""
    found: list[JobRow] = []
    for batch in chunks(keys):
        found += fetch(tx, JobRow, _SUBMITTED, {"ids": batch})
    return {row.submission: row for row in found if row.submission}


def page(
    tx: Connection,
    *,
    states: Sequence[str] = (),
    submitter: str | None = None,
    name: str | None = None,
    array: str | None = None,
    pool: str | None = None,
    before: str | None = None,
    after: str | None = None,
    limit: int = 100,
) -> list[JobRow]:
    """Jobs, newest first; ids sort by time, so `before` an id is the next page. `after` an id are
    those just newer than it, the oldest of them first.
    """
    asked = {"submitter": submitter, "name": name, "array": array, "pool": pool}
    asked = {column: value for column, value in asked.items() if value}
    query = _paging(bool(states), tuple(asked), bool(before), bool(after))
    given = {"states": states, "before": before, "after": after, "most": limit}
    return fetch(tx, JobRow, query, {**asked, **given})


@cache
def _paging(states: bool, equal: tuple[str, ...], before: bool, after: bool) -> Select[Any]:
    """Jobs of some states, by columns that equal a value: newest first, before an id if asked, or
    oldest first after one.
    """
    order = job.c.id if after else job.c.id.desc()
    query = select_as(JobRow, job).order_by(order).limit(bindparam("most"))
    query = query.where(*(job.c[column] == bindparam(column) for column in equal))
    if states:
        query = query.where(is_one_of(job.c.state, "states"))
    if after:
        query = query.where(job.c.id > bindparam("after"))
    return query.where(job.c.id < bindparam("before")) if before else query


def add(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new jobs."""
    if rows:
        tx.execute(insert(job), list(rows))


def add_shapes(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write shapes that are not there yet."""
    if not rows:
        return
    tx.execute(upsert(tx, shape).on_conflict_do_nothing(index_elements=["key"]), list(rows))


def add_specs(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write specs (key, text, size) that are not there yet."""
    if not rows:
        return
    tx.execute(upsert(tx, spec).on_conflict_do_nothing(index_elements=["key"]), list(rows))


def spec_sizes(tx: Connection, keys: Iterable[str]) -> dict[str, int]:
    """How many bytes these specs have, by key."""
    found: dict[str, int] = {}
    for batch in chunks(keys):
        sizes = tx.execute(_SPEC_SIZES, {"ids": batch})
        found.update((str(key), int(size)) for key, size in sizes)
    return found


def specs(tx: Connection, keys: Iterable[str]) -> dict[str, str]:
    """The texts of these specs, by key."""
    found: dict[str, str] = {}
    for batch in chunks(keys):
        texts = tx.execute(_SPECS, {"ids": batch})
        found.update((str(key), str(text)) for key, text in texts)
    return found


def demands(tx: Connection, keys: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The demand records of these shapes by key."""
    found: dict[str, dict[str, Any]] = {}
    for batch in chunks(keys):
        demands = tx.execute(_DEMANDS, {"ids": batch})
        found.update((str(key), demand) for key, demand in demands)
    return found


def any_waiting(tx: Connection) -> bool:
    """Whether there is a waiting job at all."""
    return tx.execute(_ANY_WAITING).first() is not None


def waiting(tx: Connection, limit: int, now: float, of_a_shape: int | None = None) -> list[Any]:
    """Rows (id, shape, priority, submitted_at, queue, start_after, origin_cluster, expires_at,
    submitter, name) of the first `limit` jobs in the queue's order.

    With `of_a_shape`, at most so many of those that are alike (`_ALIKE`) and none whose time has
    not come; then there is no other limit. Without those that a link handed over and whose time to
    start has passed.
    """
    c = job.c
    order = (c.priority.desc(), c.submitted_at, c.id)
    query = select(
        c.id, c.shape, c.priority, c.submitted_at, c.queue, c.start_after, c.origin_cluster,
        c.expires_at, c.submitter, c.name,
    )  # fmt: skip
    here = (c.state == JobState.WAITING) & (c.origin_cluster.is_(None) | (c.expires_at > now))
    if of_a_shape is None:
        return list(tx.execute(query.where(here).order_by(*order).limit(limit)).all())
    # Ids alone are numbered: what is sorted for that is sorted whole.
    nth = func.row_number().over(partition_by=_ALIKE, order_by=order).label("nth")
    begun = c.start_after.is_(None) | (c.start_after <= now)
    first = select(c.id, nth).where(here, begun).subquery()
    query = query.join(first, first.c.id == c.id).where(first.c.nth <= of_a_shape)
    return list(tx.execute(query.order_by(*order)).all())


def changed_after(tx: Connection, seq: int) -> list[Any]:
    """Rows (id, state, shape, priority, submitted_at, queue, start_after, origin_cluster,
    expires_at, submitter, name) of the jobs that have changed after `seq`, waiting or not.
    """
    return [row for query in _CHANGED_AFTER for row in tx.execute(query, {"seq": seq})]


def next_in_line(tx: Connection, now: float, of_a_shape: int) -> list[Any]:
    """The same rows of the first waiting jobs of those that are alike, so many at most, and of all
    those that wait for their time.
    """
    c, query = job.c, _IN_LINE
    order = (c.priority.desc(), c.submitted_at, c.id)
    nth = func.row_number().over(partition_by=_ALIKE, order_by=order).label("nth")
    begun = c.start_after.is_(None) | (c.start_after <= now)
    first = select(c.id, nth).where(c.state == JobState.WAITING, begun).subquery()
    rows = tx.execute(query.join(first, first.c.id == c.id).where(first.c.nth <= of_a_shape)).all()
    later = query.where(c.state == JobState.WAITING, c.start_after > now)
    return [*rows, *tx.execute(later)]


def by_queue(tx: Connection) -> dict[tuple[str, str], int]:
    """How many unfinished jobs there are by queue and state."""
    query = (
        select(job.c.queue, job.c.state, func.count())
        .where(job.c.state.in_(JOB_ACTIVE))
        .group_by(job.c.queue, job.c.state)
    )
    return {(str(queue), str(state)): int(n) for queue, state, n in tx.execute(query)}


def waiting_by_shape(tx: Connection) -> dict[str, int]:
    """How many jobs wait, by the key of their shape."""
    query = select(job.c.shape, func.count()).where(job.c.state == JobState.WAITING)
    return {str(key): int(n) for key, n in tx.execute(query.group_by(job.c.shape))}


def swap(tx: Connection, changes: Sequence[Mapping[str, Any]]) -> None:
    """Write changed columns of jobs. Each carries `id`, the `seen` seq, its new `seq`, and columns;
    all of one call carry the same columns. Raises `Conflict` if a job has changed since it was
    seen.
    """
    swap_rows(tx, job, changes, seen_in="seq")


def changed_since(tx: Connection, cluster: str, seq: int, limit: int) -> list[JobRow]:
    """Jobs that `cluster` (a link) handed over and that changed after `seq`, in that order."""
    return fetch(tx, JobRow, _CHANGED_SINCE, {"cluster": cluster, "seq": seq, "most": limit})


def expired(tx: Connection, now: float) -> list[JobRow]:
    """Unfinished jobs whose deadline has passed and that nobody has stopped yet.

    Of those that a link handed over, the ones that still wait: their deadline is to be placed.
    """
    return fetch(tx, JobRow, _EXPIRED, {"now": now})


def by_state(tx: Connection) -> dict[str, int]:
    """How many jobs stand in each state; those handed over by other domains are theirs to count."""
    query = (
        select(job.c.state, func.count())
        .where(job.c.origin_cluster.is_(None))
        .group_by(job.c.state)
    )
    return {str(state): int(n) for state, n in tx.execute(query)}


def add_history(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append to jobs' histories: rows of (job, at, what, detail)."""
    if rows:
        tx.execute(insert(history), list(rows))


def history_of(tx: Connection, job_id: str) -> list[Any]:
    """Rows (at, what, detail) of one job, oldest first."""
    c = history.c
    query = select(c.at, c.what, c.detail).where(c.job == job_id).order_by(c.number)
    return list(tx.execute(query).all())


def any_active_of(tx: Connection, cluster: str) -> bool:
    """Whether a job that `cluster` (a link) handed over has not ended."""
    c = job.c
    query = select(c.id).where(c.origin_cluster == cluster, c.state.in_(JOB_ACTIVE)).limit(1)
    return tx.execute(query).first() is not None


def avoid_pool(
    tx: Connection, job_id: str, pool_id: str, until_at: float, tries: int, reason: str
) -> None:
    """Keep a job off a pool that has just refused it, for the `tries`th time."""
    here = (avoid.c.job == job_id) & (avoid.c.pool == pool_id)
    values = {"until_at": until_at, "tries": tries, "reason": reason}
    if tx.execute(update(avoid).where(here).values(**values)).rowcount == 0:
        tx.execute(insert(avoid).values(job=job_id, pool=pool_id, **values))


def avoided(tx: Connection, now: float) -> dict[str, frozenset[str]]:
    """The pools that each job is kept off now."""
    found: dict[str, set[str]] = {}
    for job_id, pool_id in tx.execute(_AVOIDED, {"now": now}):
        found.setdefault(job_id, set()).add(pool_id)
    return {k: frozenset(v) for k, v in found.items()}


def refusals(tx: Connection, job_ids: Iterable[str]) -> dict[str, dict[str, int]]:
    """How often each pool has refused each of these jobs, as far as that is remembered."""
    found: dict[str, dict[str, int]] = {}
    for batch in chunks(job_ids):
        for job_id, pool_id, tries in tx.execute(_REFUSALS, {"ids": batch}):
            found.setdefault(job_id, {})[pool_id] = tries
    return found


def next_avoid_end(tx: Connection, now: float) -> float | None:
    """When the next time that a job is kept off a pool ends."""
    return tx.execute(_NEXT_AVOID_END, {"now": now}).scalar()


def stale_avoids(tx: Connection, before: float) -> list[tuple[str, str]]:
    """(job, pool) that need not be remembered: the time ended `before`, or the job has ended."""
    stale = tx.execute(_STALE_AVOIDS, {"before": before})
    return [(str(job_id), str(pool_id)) for job_id, pool_id in stale]


def forget_avoids(tx: Connection, stale: Sequence[tuple[str, str]]) -> None:
    """Delete these (job, pool)."""
    if stale:
        here = (avoid.c.job == bindparam("b_job")) & (avoid.c.pool == bindparam("b_pool"))
        rows = [{"b_job": job_id, "b_pool": pool_id} for job_id, pool_id in stale]
        tx.execute(delete(avoid).where(here), rows)
