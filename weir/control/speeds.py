"""How fast kinds of jobs run on device models, from the runs that have succeeded.

A kind is whose job it is, what it is called and its shape: what people submit again and again. A
job is one unit of work, so its speed on a model is one over how long its runs took there: the mean
of the first `SETTLED`, and from then on one that forgets as fast. On models where none has run yet,
the speed is estimated by the roofline (`weir.scheduling.speeds`) and marked so: by the figures of
the precision that the job file names for its performance, else by those of FP16.

Only a job's first and only run counts: another may have gone on from a checkpoint. What a link has
handed over is its sender's to learn from.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from weir.core.demand import Demand, from_record
from weir.core.devices import Precision, UnknownDevice, find
from weir.scheduling.columns import canonical_model
from weir.scheduling.speeds import speed
from weir.store import clusters, jobs, speeds
from weir.store.rows import JobRow, RunRow
from weir.store.speeds import SpeedRow

SETTLED = 20
"""A run counts for at least so much of the mean."""

KEPT_S = 60 * 86400.0
"""A kind that was not run for so long is forgotten."""

MOST_ROWS = 2000
"""As many rows, the newest, are told to the scheduler."""

Kind = tuple[str, str, str]
"""Submitter, name and shape."""


def teaches(job: JobRow, run: RunRow) -> bool:
    """Whether a run that has succeeded tells how fast its kind is."""
    alone = job.attempts == 1 and job.origin_cluster is None
    return alone and run.started_at is not None and run.ended_at is not None


def note_speeds(tx: Connection, ended: Iterable[tuple[JobRow, RunRow]], now: float) -> None:
    """Learn from runs that have just succeeded. The caller has raised a counter before, which
    orders writers.
    """
    told = [(job, run) for job, run in ended if teaches(job, run)]
    if not told:
        return
    pools = {run.pool for _, run in told}
    models = {i: r.device_model for i, r in clusters.records_of(tx, pools).items()}
    shown: dict[tuple[str, str, str, str], list[float]] = {}
    for job, run in told:
        model = models.get(run.pool)
        if model is not None and run.started_at is not None and run.ended_at is not None:
            key = job.submitter, job.name, job.shape, canonical_model(model)
            shown.setdefault(key, []).append(max(1.0, run.ended_at - run.started_at))
    if not shown:
        return
    kept = speeds.of(tx, shown.keys())
    speeds.put(
        tx, (_taught(kept.get(k) or SpeedRow(*k, 0, 0.0, now), v, now) for k, v in shown.items())
    )
    speeds.forget_before(tx, now - KEPT_S)


def _taught(row: SpeedRow, seconds: Iterable[float], now: float) -> SpeedRow:
    runs, mean = row.jobs, row.mean_s
    for took in seconds:
        runs += 1
        mean += (took - mean) / min(runs, SETTLED)
    return SpeedRow(row.submitter, row.name, row.shape, row.model, runs, mean, now)


@dataclass(frozen=True, slots=True)
class Measured:
    """`names` are kinds as the scheduler calls them, each with how long its jobs take as a rule on
    the fastest model where they ran; `speeds` is work per second by name and model, `precisions` of
    those names whose jobs say at which they compute.
    """

    names: Mapping[Kind, tuple[str, float]] = field(default_factory=dict)
    speeds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    precisions: Mapping[str, Precision] = field(default_factory=dict)


def read_speeds(tx: Connection) -> Measured:
    """What is known of the kinds that ran last."""
    names: dict[Kind, tuple[str, float]] = {}
    found: dict[str, dict[str, float]] = {}
    for row in speeds.newest(tx, MOST_ROWS):
        kind = row.submitter, row.name, row.shape
        name, least = names.get(kind, (f"{row.submitter}/{row.name}/{row.shape[:12]}", row.mean_s))
        names[kind] = name, min(least, row.mean_s)
        found.setdefault(name, {})[row.model] = 1.0 / row.mean_s
    return Measured(names, found, _precisions(tx, names))


def _precisions(tx: Connection, names: Mapping[Kind, tuple[str, float]]) -> Mapping[str, Precision]:
    """The precision of each kind whose job file names one; of several, that of the first group."""
    records = jobs.demands(tx, sorted({shape for _, _, shape in names}))
    of_shape = {key: _precision(from_record(record)) for key, record in records.items()}
    return {
        name: precision
        for (_, _, shape), (name, _) in names.items()
        if (precision := of_shape.get(shape)) is not None
    }


def _precision(demand: Demand) -> Precision | None:
    devices = (group.device for group in demand.groups if group.device is not None)
    return next((device.precision for device in devices if device.precision is not None), None)


def on_models(
    measured: Measured, models: Iterable[str]
) -> tuple[dict[str, dict[str, float]], frozenset[tuple[str, str]]]:
    """Speeds by kind on these models too, estimated where no run has shown them; and those."""
    wanted = sorted(m for m in set(models) if _is_known(m))
    found: dict[str, dict[str, float]] = {}
    guessed: set[tuple[str, str]] = set()
    for kind, own in measured.speeds.items():
        found[kind] = dict(own)
        for model in wanted:
            if model not in own:
                precision = measured.precisions.get(kind, Precision.FP16)
                estimate = speed(kind, model, measured.speeds, precision=precision)
                if estimate is not None:
                    found[kind][model] = estimate.value
                    guessed.add((kind, model))
    return found, frozenset(guessed)


def _is_known(model: str) -> bool:
    try:
        return bool(find(model))
    except UnknownDevice:
        return False
