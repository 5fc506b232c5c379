"""What jobs did within a time, for the domain's own samples: who ended how, who waited how long."""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from weir.store.tables import job, run


def ended_within(tx: Connection, begin: float, end: float) -> dict[str, int]:
    """How many jobs submitted here ended in [begin, end), by state."""
    c = job.c
    query = (
        select(c.state, func.count())
        .where(c.ended_at >= begin, c.ended_at < end, c.origin_cluster.is_(None))
        .group_by(c.state)
    )
    return {str(state): int(n) for state, n in tx.execute(query)}


def waits_within(tx: Connection, begin: float, end: float) -> list[float]:
    """How long the jobs submitted here waited that started in [begin, end), in seconds."""
    c = job.c
    query = select(c.started_at - c.submitted_at).where(
        c.started_at >= begin, c.started_at < end, c.origin_cluster.is_(None)
    )
    return [max(0.0, float(wait)) for wait in tx.execute(query).scalars()]


def delays_within(tx: Connection, begin: float, end: float) -> list[float]:
    """How long after they were given their place the jobs submitted here started that started in
    [begin, end), in seconds.
    """
    j, r = job.c, run.c
    query = (
        select(j.started_at - r.assigned_at)
        .join(run, (r.job == j.id) & (r.started_at == j.started_at))
        .where(j.started_at >= begin, j.started_at < end, j.origin_cluster.is_(None))
    )
    return [max(0.0, float(delay)) for delay in tx.execute(query).scalars()]
