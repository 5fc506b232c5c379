"""Held: which job holds what now, and which of them another job may push out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from weir.control.usage import claims_from, counted
from weir.scheduling.packing import Claim
from weir.scheduling.queues import Amounts
from weir.scheduling.snapshot import RunningJob
from weir.store import runs

STOPS_WITHIN_S = 120.0
"""A run that was told to make room and still runs after this is not waited for: the job may look
for room elsewhere."""


@dataclass(frozen=True, slots=True)
class Held:
    """The run that counts of a job that is placed or runs. `counted` is what it holds as shares
    count it, `began` when it started, or was assigned, `ends_at` when it ends at the latest, if
    that is known; `stopping` that it was told to stop.
    """

    job: str
    run: str
    pool: str
    cluster: str
    claims: tuple[Claim, ...]
    counted: Amounts
    began: float
    stopping: bool
    priority: int
    queue: str
    preemptible: bool
    ends_at: float | None = None


def load_held(tx: Connection, everything: bool) -> list[Held]:
    """What jobs hold: of those that may be pushed out, or of all.

    What a link handed over is its sender's to push out, not this domain's.
    """
    return [
        Held(
            job=row.id,
            run=row.run,
            pool=row.pool,
            cluster=row.cluster,
            claims=claims_from(row.claims),
            counted=counted(row.claims, row.counted_milli),
            began=row.assigned_at if row.started_at is None else row.started_at,
            stopping=row.cancel or row.cancel_at is not None,
            priority=row.priority,
            queue=row.queue,
            preemptible=row.preemptible and row.origin_cluster is None,
            ends_at=row.ends_at,
        )
        for row in runs.held(tx, everything)
    ]


def running_jobs(
    held: Iterable[Held], routes: Mapping[str, str], saved: Mapping[str, float]
) -> tuple[RunningJob, ...]:
    """The scheduler's view. `routes` is the cluster by which each pool is reached now: a run that
    went another way holds room there that this domain can't give to anybody. `saved` is when jobs
    have made their last checkpoint.
    """
    return tuple(
        RunningJob(
            id=one.job,
            pool=one.pool,
            claims=one.claims,
            priority=one.priority,
            saved_at=max(one.began, saved.get(one.job, 0.0)),
            queue=one.queue,
            preemptible=one.preemptible
            and not one.stopping
            and routes.get(one.pool) == one.cluster,
            ends_at=one.ends_at,
        )
        for one in held
    )


def room_is_made_for(tx: Connection, silent: frozenset[str], now: float) -> dict[str, list[str]]:
    """The jobs for which others have been told to stop, and those others.

    Who stands at a center that has fallen silent is not waited for.
    """
    found: dict[str, list[str]] = {}
    for job, cluster, whom in runs.making_room(tx, now - STOPS_WITHIN_S):
        if cluster not in silent:
            found.setdefault(whom, []).append(job)
    return found
