"""Exchange: what an agent says becomes rows; what stands for its cluster goes back."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import accumulate, takewhile
from typing import Any

from sqlalchemy import Connection

from weir.control import checkpoints
from weir.control.apply import apply_happenings
from weir.control.authorize import Principal, check_cluster
from weir.control.context import SCHEDULE, WATCH, Context, again, job_key
from weir.control.domain_names import accept_names
from weir.control.inventory import accept_inventory
from weir.control.job_usage import accept_uses
from weir.control.observe import Happening
from weir.control.series import accept_samples, learn
from weir.core.errors import BadInput, Mistake, NotAllowed, NotFound, Superseded
from weir.core.lifecycle import RunState
from weir.store import clusters, jobs, runs
from weir.store.domains import raise_count, this_domain
from weir.store.rows import ClusterRow, JobRow, RunRow
from weir.wire.exchange import (
    MAX_CHUNK_BYTES,
    ExchangeAnswer,
    ExchangeRequest,
    FileChunk,
    GroupPlace,
    Observation,
    RunOrder,
)
from weir.wire.jobdata import staging_s
from weir.wire.jobspec import JobSpec

MAX_ORDERS = 500
MAX_ORDER_BYTES = 8 * 2**20
"""The specs in one answer, each order with its own, are no larger than this together."""

SKEW_S = 2.0
"""A child's clock that is off by less than this is taken as right."""


def exchange(ctx: Context, who: Principal, request: ExchangeRequest) -> ExchangeAnswer:
    """One call of an agent, without the waiting (`weir.api` waits, then asks again)."""
    check_cluster(who, request.cluster)
    now = ctx.now()
    refused: tuple[str, ...] = ()
    if _says_something(request):
        woken, refused = again(lambda: _write(ctx, request, now))
        learn(ctx)
        for key in woken:
            ctx.wake(key)
    else:
        _touch(ctx, request, now)
    return _answer(ctx, request, now).model_copy(update={"refused": refused})


def _says_something(request: ExchangeRequest) -> bool:
    return bool(
        request.hello
        or request.inventory is not None
        or request.changed
        or request.observations
        or request.chunks
        or request.samples
        or request.gaps
        or request.uses
        or request.domains is not None
    )


def _known(tx: Connection, request: ExchangeRequest) -> ClusterRow:
    row = clusters.get(tx, request.cluster)
    if row is None or row.removed_at is not None:
        raise NotFound(f"there is no cluster {request.cluster} here")
    if not request.hello and row.incarnation != request.incarnation:
        raise Superseded(
            f"another agent process has taken over cluster {row.id}; stop this one, or restart it "
            "to take over"
        )
    return row


def _touch(ctx: Context, request: ExchangeRequest, now: float) -> None:
    """Heard again. Written at most a few times a lease, so that an idle network writes little."""
    with ctx.store.read() as tx:
        row = _known(tx, request)
    if row.heard_at is not None and now - row.heard_at <= ctx.settings.lease_s / 4:
        return
    with ctx.store.write() as tx:
        values = _heard(row, request, now)
        changed = row.silent or _is_other_distance(row.rtt_us, values["rtt_us"])
        if changed:  # the counter first, as everywhere: writers then never wait in a ring
            clusters.touch_pools_of(tx, row.id, raise_count(tx, "seq"))
        clusters.change(tx, row.id, **values)
    if changed:
        ctx.wake(SCHEDULE)
        ctx.wake(WATCH)


def _is_other_distance(before: int | None, now: int | None) -> bool:
    """Whether a round trip has changed so much that those who watch offers should know."""
    if before is None or now is None:
        return before != now
    return abs(now - before) > max(2000, before // 4)


def _heard(row: ClusterRow, request: ExchangeRequest, now: float) -> dict[str, Any]:
    skew = request.sent_at - now
    return {
        "heard_at": now,
        "silent": False,
        "clock_skew_s": round(skew, 1) if abs(skew) > SKEW_S else 0.0,
        "rtt_us": row.rtt_us if request.rtt_us is None else request.rtt_us,
        "version": request.version[:40] or row.version,
    }


def _write(ctx: Context, request: ExchangeRequest, now: float) -> tuple[set[str], tuple[str, ...]]:
    """Write what was said; whom to wake, and what was refused of the samples."""
    with ctx.store.read() as tx:
        pieces = _check_chunks(tx, request)
    for chunk, data in pieces:
        ctx.files.put(chunk.run, chunk.name, chunk.offset, data)
    saved = checkpoints.whole(ctx, [(c.run, c.name, c.offset + len(data)) for c, data in pieces])
    woken: set[str] = set()
    with ctx.store.write() as tx:
        row = _known(tx, request)
        fresh_journal = request.journal != row.journal
        observed = 0 if fresh_journal else row.observed
        values = _heard(row, request, now) | {
            "incarnation": request.incarnation,
            "journal": request.journal,
        }
        if request.inventory is not None or request.changed:
            values |= accept_inventory(ctx, tx, row, request, now)
            woken |= {SCHEDULE, WATCH}
        news = [o for o in request.observations if o.seq > observed]
        skew = float(values["clock_skew_s"])
        own = _check_runs(tx, row, {o.run for o in news})
        happenings = [
            (o.run, _happening(row, own[o.run], o, skew, now)) for o in news if o.run in own
        ]
        woken |= apply_happenings(ctx, tx, happenings, own)
        refused = accept_samples(ctx, tx, row, request, now)
        accept_names(tx, row, request)
        accept_uses(tx, row, request, skew, now)
        for chunk, data in pieces:
            runs.grow_file(tx, chunk.run, chunk.name, chunk.offset + len(data))
        replaced = checkpoints.take(tx, saved, float(values["clock_skew_s"]), now)
        values["observed"] = max([observed, *(o.seq for o in news)])
        clusters.swap(tx, row, **values)
        woken |= {job_key(r.job) for r in runs.some(tx, {c.run for c, _ in pieces}).values()}
        if row.silent:
            clusters.touch_pools_of(tx, row.id, raise_count(tx, "seq"))
            woken |= {SCHEDULE, WATCH}
    checkpoints.drop(ctx, replaced)
    return woken, refused


def _happening(
    row: ClusterRow, run: RunRow, seen: Observation, skew_s: float, now: float
) -> Happening:
    """What was seen, by this domain's clock: not before the run was assigned, and not after now."""
    at = min(max(seen.at - skew_s, run.assigned_at), now)
    return Happening(seen.event, at, seen.exit_code, seen.reason, _place(row, seen.place))


def _place(row: ClusterRow, place: tuple[str, ...]) -> tuple[str, ...]:
    """Names on the way: what lies behind this cluster, this cluster's own name first."""
    return (row.name, *place) if row.peer_domain else (place or (row.site_name,))


def _check_runs(tx: Connection, row: ClusterRow, run_ids: set[str]) -> dict[str, RunRow]:
    found = runs.some(tx, run_ids)
    for run in found.values():
        if run.cluster != row.id:
            raise NotAllowed(f"run {run.id} is not one of cluster {row.id}")
    return found


def _check_chunks(tx: Connection, request: ExchangeRequest) -> list[tuple[FileChunk, bytes]]:
    """The pieces of files that may be kept: own runs, no gaps, of bounded size."""
    if not request.chunks:
        return []
    row = _known(tx, request)
    own = _check_runs(tx, row, {c.run for c in request.chunks})
    sizes = {(run, name): size for run in own for name, size in runs.files_of(tx, run)}
    kept = []
    for number, chunk in enumerate(request.chunks):
        if chunk.run not in own:
            continue
        data = _decoded(chunk, f"chunks[{number}]")
        size = sizes.get((chunk.run, chunk.name), 0)
        if chunk.offset > size:
            raise BadInput(
                f"a piece of {chunk.name} of {chunk.run} starts at {chunk.offset}, after a gap",
                [Mistake(f"chunks[{number}].offset", f"must be at most {size}")],
            )
        sizes[(chunk.run, chunk.name)] = max(size, chunk.offset + len(data))
        kept.append((chunk, data))
    return kept


def _decoded(chunk: FileChunk, where: str) -> bytes:
    try:
        data = base64.b64decode(chunk.data, validate=True)
    except ValueError:
        raise BadInput("a piece of a file is not base64", [Mistake(where, "not base64")]) from None
    if len(data) > MAX_CHUNK_BYTES:
        raise BadInput(
            "a piece of a file is too large",
            [Mistake(where, f"{len(data)} bytes; at most {MAX_CHUNK_BYTES}")],
        )
    return data


def _answer(ctx: Context, request: ExchangeRequest, now: float) -> ExchangeAnswer:
    with ctx.store.read() as tx:
        row = clusters.get(tx, request.cluster)
        domain = this_domain(tx)
        assert row is not None
        assert domain is not None
        orders: list[tuple[RunRow, JobRow]] = []
        specs: dict[str, JobSpec] = {}
        cancels: list[str] = []
        recheck: list[str] = []
        revision = request.after
        if request.want:
            orders, specs, through = _orders(tx, row, request.after)
            cancels = runs.cancels(tx, row.id, request.after, through)
            recheck = _to_recheck(tx, row, request)
            revision = max(revision, through)
        going_on = checkpoints.newest(tx, (j.id for _, j in orders if specs[j.spec].checkpoint))
        # With a hello, too: an agent that has lost its folder must know what the orders call pools.
        named = request.hello or request.inventory is not None
        names = _pool_names(tx, row) if named else {}
    return ExchangeAnswer(
        domain=domain.id or domain.name,
        generation=row.generation,
        acknowledged=row.observed,
        identifiers=names,
        orders=tuple(
            _order(run, job, specs[job.spec], domain.id, going_on.get(job.id))
            for run, job in orders
        ),
        cancels=tuple(cancels),
        recheck=tuple(recheck),
        resend=row.inventory_digest == "",
        revision=revision,
        lease_s=ctx.settings.lease_s,
        server_time=now,
    )


def _orders(
    tx: Connection, row: ClusterRow, after: int
) -> tuple[list[tuple[RunRow, JobRow]], dict[str, JobSpec], int]:
    """Orders after a revision, their specs, and the revision up to which this is all there is.

    No more than fit one answer: what is left out has a higher revision, and comes with the next.
    """
    found = runs.orders(tx, row.id, after, MAX_ORDERS)
    sizes = jobs.spec_sizes(tx, {job.spec for _, job in found})
    fit = fitting([sizes[job.spec] for _, job in found], MAX_ORDER_BYTES)
    whole = fit == len(found) < MAX_ORDERS
    through = runs.last_revision(tx, row.id) if whole else found[fit - 1][0].revision
    texts = jobs.specs(tx, {job.spec for _, job in found[:fit]})
    specs = {key: JobSpec.model_validate_json(text) for key, text in texts.items()}
    return found[:fit], specs, through


def fitting(sizes: Sequence[int], most: int) -> int:
    """How many of the first of these fit into `most` together; one does, however large."""
    sums = accumulate(sizes)
    return max(min(1, len(sizes)), sum(1 for _ in takewhile(lambda size: size <= most, sums)))


def _to_recheck(tx: Connection, row: ClusterRow, request: ExchangeRequest) -> list[str]:
    """Runs whose state the agent should tell again: all after its restart, lost ones otherwise."""
    if request.hello or request.after == 0:
        states: Sequence[str] = (RunState.ACCEPTED, RunState.RUNNING, RunState.LOST)
    else:
        states = (RunState.LOST,)
    return [r.id for r in runs.live_on(tx, row.id, states)]


def _pool_names(tx: Connection, row: ClusterRow) -> dict[str, str]:
    heads = [h.id for h in clusters.pool_heads(tx) if h.cluster == row.id and not h.gone]
    return {r.name: r.id for r in clusters.pool_records(tx, row.id, heads).values()}


def _order(
    run: RunRow, job: JobRow, spec: JobSpec, here: str | None, checkpoint: str | None
) -> RunOrder:
    return RunOrder(
        run=run.id,
        revision=run.revision,
        job=job.id,
        root_job=job.root_job,
        submitter=job.submitter,
        pool=run.pool,
        groups=tuple(GroupPlace(group=g, count=n, stack=s) for g, n, s in run.groups),
        spec=spec,
        array_index=job.array_index,
        path=(*job.path, *((here,) if here else ())),
        start_within_s=run.start_within_s + staging_s(spec, checkpoint is not None),
        cancel=run.cancel,
        restore=checkpoint,
    )
