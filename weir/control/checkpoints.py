"""Checkpoints: what has come whole is kept for its job, and goes with the next order.

A checkpoint comes as a file of its run (`wire.checkpoint` says how it is called). One that a link
brings along comes before the job that it belongs to, into a place named after the link and the run.

Laws:
- Only what is whole, by its size and its sha256, counts; and only then is an older one deleted.
- The newest counts: of the latest run, and of its checkpoints the last.
- An agent may read those of jobs of which it has a run, a link may leave some for a run of its own.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection

from weir.control.authorize import Principal, check_cluster
from weir.control.context import Context
from weir.core.errors import BadInput, Mistake, NotAllowed, NotFound
from weir.store import checkpoints, runs
from weir.store.checkpoints import CheckpointRow
from weir.wire.checkpoint import Saved, parse

log = logging.getLogger(__name__)

KEPT = 2
"""So many of a job's are kept: the newest may just be read by somebody when a newer one comes."""

KEEP_S = 7 * 86400.0
"""How long those of a job that failed or was canceled are kept."""

MAX_PIECE_BYTES = 4 * 2**20


def whole(ctx: Context, ends: Iterable[tuple[str, str, int]]) -> list[tuple[str, Saved]]:
    """Of files (run, name, how far it has come): the checkpoints that are whole now, and right."""
    found = []
    for run, name, end in ends:
        saved = parse(name)
        if saved is None or end < saved.size:
            continue
        if ctx.files.digest(run, name, saved.size) == saved.sha256:
            found.append((run, saved))
        else:
            log.warning("checkpoint %s of run %s has come, but not as it was", name, run)
    return found


def take(
    tx: Connection, found: Sequence[tuple[str, Saved]], skew_s: float, now: float
) -> list[CheckpointRow]:
    """Keep these for their jobs. Gives those that they replace; `drop` deletes their content."""
    if not found:
        return []
    rows = runs.some(tx, {run for run, _ in found})
    new = [
        CheckpointRow(
            job=rows[run].job,
            run=run,
            name=saved.name,
            made_in=rows[run].assigned_at,
            number=saved.number,
            saved_at=min(max(saved.at - skew_s, rows[run].assigned_at), now),
        )
        for run, saved in found
        if run in rows
    ]
    checkpoints.add(tx, new)
    there = checkpoints.of_jobs(tx, {row.job for row in new})
    replaced = [row for each in there.values() for row in each[KEPT:]]
    checkpoints.remove(tx, replaced)
    return replaced


def drop(ctx: Context, rows: Iterable[CheckpointRow]) -> None:
    """Delete the content of what was replaced."""
    for row in rows:
        ctx.files.drop(row.run, row.name)


def newest(tx: Connection, jobs: Iterable[str]) -> dict[str, str]:
    """From which checkpoint each of these jobs goes on: job to the file's name."""
    return {job: rows[0].name for job, rows in checkpoints.of_jobs(tx, jobs).items()}


def sweep(ctx: Context, now: float) -> int:
    """Delete what nobody goes on from any more."""
    with ctx.store.read() as tx:
        over = checkpoints.not_needed(tx, now - KEEP_S)
    if not over:
        return 0
    with ctx.store.write() as tx:
        checkpoints.remove(tx, over)
    drop(ctx, over)
    return len(over)


def read(
    ctx: Context, who: Principal, run_id: str, name: str, offset: int, limit: int
) -> tuple[bytes, int]:
    """A piece of the checkpoint that an order named, for the agent of its run; and its size."""
    with ctx.store.read() as tx:
        run = runs.get(tx, run_id)
        if run is None:
            raise NotFound(f"there is no run {run_id} here")
        check_cluster(who, run.cluster)
        rows = checkpoints.of_jobs(tx, [run.job]).get(run.job, [])
        row = next((r for r in rows if r.name == name), None)
    saved = parse(name)
    if row is None or saved is None:
        raise NotFound(f"job {run.job} has no checkpoint {name} any more")
    return ctx.files.read(row.run, name, offset, limit), saved.size


def leave(ctx: Context, who: Principal, run_id: str, name: str, offset: int, data: bytes) -> int:
    """A link leaves a piece of a checkpoint for a run that it is about to hand over. Gives how much
    of it is there. Raises `BadInput` for what is no checkpoint, or after a gap.
    """
    saved = parse(name)
    if who.kind != "node" or who.cluster is None:
        raise NotAllowed("only a link between domains may bring checkpoints along")
    if saved is None:
        raise BadInput(f"{name!r} is not the name of a checkpoint", [Mistake("name", "no such")])
    place = place_of(who.cluster, run_id)
    with ctx.store.read() as tx:
        there = checkpoints.size_of(tx, place, name)
    if offset > there or offset + len(data) > saved.size or len(data) > MAX_PIECE_BYTES:
        raise BadInput(
            f"a piece of {len(data)} bytes at {offset} does not fit: {there} of {saved.size} are "
            "there",
            [Mistake("offset", f"must be at most {there}")],
        )
    if data:
        ctx.files.put(place, name, offset, data)
        with ctx.store.write() as tx:
            runs.grow_file(tx, place, name, offset + len(data))
    return max(there, offset + len(data))


def left(ctx: Context, cluster: str, run_id: str, name: str) -> CheckpointRow | None:
    """What a link has left for a run, for the job that it becomes; its `job` is still to be said.

    None if it is not there, or not as it was: the job begins anew then. A run that is handed over
    once more may be long past it, so that is no mistake.
    """
    saved, place = parse(name), place_of(cluster, run_id)
    if saved is not None and ctx.files.digest(place, name, saved.size) == saved.sha256:
        return CheckpointRow("", place, name, 0.0, saved.number, min(saved.at, ctx.now()))
    log.warning("the checkpoint %s of run %s is not here as it was", name, run_id)
    return None


def place_of(cluster: str, run_id: str) -> str:
    """Where a link's checkpoints for a run are: what no run is called."""
    return "left-" + hashlib.sha256(f"{cluster} {run_id}".encode()).hexdigest()[:40]
