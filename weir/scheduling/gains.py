"""Which device model each job goes to under a policy that plans in rounds.

`weir.scheduling.heterogeneity` decides for all jobs at once: those that wait and those that run and
may be moved (`WaitingJob.runs_on`). A job that it gives a model to is narrowed down to pools of
that model; where in those it goes, host by host, the kernel decides as always. One that it gives
none stays as it is: it may take what is left. Where runs can't be moved, a job that would end
sooner by waiting for another model is narrowed down to that one, and waits (`faster_later`).

Speeds are relative to the fastest model known for the job's kind; where nothing is known of a kind,
every model that suits it is as fast as the others. Jobs without devices have no model to gain by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import inf

import numpy as np

from weir.core.demand import Demand
from weir.core.inventory import DEVICE_MILLI
from weir.scheduling.columns import Floats, Ints
from weir.scheduling.encode import Class
from weir.scheduling.faster_later import come_free, wait_or_take
from weir.scheduling.heterogeneity import assign
from weir.scheduling.packing import taken_milli
from weir.scheduling.snapshot import Snapshot, WaitingJob

UNKNOWN_LENGTH_S = 3600.0
"""How long a job is taken to run of which nobody knows."""


def allotted(
    snapshot: Snapshot, jobs: tuple[WaitingJob, ...], classes: tuple[Class, ...], klass: list[int]
) -> tuple[tuple[WaitingJob, ...], tuple[WaitingJob, ...]]:
    """The jobs in the order of this round, and again each narrowed down to the model it is given.

    Those that are given one come first, so that nobody else takes its room.
    """
    columns = snapshot.columns
    names = tuple(sorted({m for m in columns.model.values if m}))
    model = np.array([names.index(m) if m else -1 for m in columns.model.values], dtype=np.int64)
    by_row = model[columns.model.codes] if len(columns) else model
    gang = np.array([_devices(classes[k]) for k in klass], dtype=np.int64)
    rows = np.flatnonzero(gang > 0)
    if not len(rows) or not names:
        return jobs, jobs
    speed = np.stack([_speeds(classes[klass[row]], by_row, len(names)) for row in rows.tolist()])
    room = snapshot.room.idle // DEVICE_MILLI
    capacity = np.array([int(room[by_row == k].sum()) for k in range(len(names))], dtype=np.int64)
    lengths = np.array([_length(jobs[row]) for row in rows.tolist()])
    chosen = assign(
        lengths,
        speed,
        gang[rows],
        np.array([jobs[row].weight * (1 + max(0, jobs[row].priority)) for row in rows.tolist()]),
        np.array([_current(jobs[row], snapshot, by_row) for row in rows.tolist()], dtype=np.int64),
        capacity,
        snapshot.switch_s,
        snapshot.round_s,
    )
    given, waits = chosen.tolist(), [-1] * len(chosen)
    if not snapshot.movable:
        free = come_free(snapshot.routes, by_row.tolist(), room.tolist(), len(names), snapshot.now)
        given, waits = wait_or_take(free, chosen, speed, lengths, gang[rows])
    return _narrowed(
        jobs, dict(zip(rows.tolist(), zip(given, waits, strict=True), strict=True)), names
    )


def _narrowed(
    jobs: tuple[WaitingJob, ...], models: Mapping[int, tuple[int, int]], names: Sequence[str]
) -> tuple[tuple[WaitingJob, ...], tuple[WaitingJob, ...]]:
    """Jobs that are given a model first, and again with that model, or the one they wait for."""
    first = [row for row, (given, _) in models.items() if given >= 0]
    taken = set(first)
    order = [*first, *(row for row in range(len(jobs)) if row not in taken)]
    found = []
    for row in order:
        model = max(models.get(row, (-1, -1)))
        job = jobs[row]
        found.append(replace(job, demand=_on(job.demand, names[model])) if model >= 0 else job)
    return tuple(jobs[row] for row in order), tuple(found)


def _devices(klass: Class) -> int:
    """Devices of a whole job; 0 for shares, which no model is kept for."""
    milli = sum(taken_milli(c) * c.count for c in klass.variants[0])
    return milli // DEVICE_MILLI if milli % DEVICE_MILLI == 0 else 0


def _speeds(klass: Class, by_row: Ints, models: int) -> Floats:
    """The speed of a class on each model, 1 on its fastest; 0 where no pool takes it."""
    found = np.zeros(models)
    for row in np.flatnonzero(klass.variant >= 0).tolist():
        if by_row[row] >= 0:
            found[by_row[row]] = max(found[by_row[row]], 1.0 / klass.pace[row])
    return found


def _length(job: WaitingJob) -> float:
    return job.expected_s if job.expected_s < inf else UNKNOWN_LENGTH_S


def _current(job: WaitingJob, snapshot: Snapshot, by_row: Ints) -> int:
    if not job.runs_on or job.runs_on not in snapshot.columns.ids.index:
        return -1
    return int(by_row[snapshot.columns.ids.index[job.runs_on]])


def _on(demand: Demand, model: str) -> Demand:
    """The demand with this model for all devices."""
    return replace(
        demand,
        groups=tuple(
            replace(g, device=replace(g.device, models=(model,)) if g.device else None)
            for g in demand.groups
        ),
    )
