"""Submit: jobs become rows, all of one request or none, each key once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from weir.control.authorize import Principal
from weir.control.checkpoints import left
from weir.control.context import SCHEDULE, Context, again
from weir.control.queues import check_queues
from weir.core.demand import Demand, apart_record, to_record
from weir.core.errors import Conflict, Mistake, NotAllowed, TooLarge
from weir.core.lifecycle import JobState
from weir.store import checkpoints, deferrals, jobs
from weir.store.checkpoints import CheckpointRow
from weir.store.domains import raise_count
from weir.store.rows import JobRow
from weir.wire.jobdemand import apart_of, demand_of
from weir.wire.jobs import MAX_BATCH, Origin, Submission, SubmitAnswer, SubmitRequest
from weir.wire.jobspec import JobSpec, deadline_s, patience_s, start_after_s


@dataclass(frozen=True, slots=True)
class _Draft:
    """One submission, worked out: its job rows, but for the change number."""

    key: str | None
    shape: str
    demand: Demand
    spec: str
    text: str
    rows: tuple[dict[str, Any], ...]
    checkpoint: CheckpointRow | None = None
    latest_at: float | None = None  # until when the jobs may be put off


def submit(ctx: Context, who: Principal, request: SubmitRequest) -> SubmitAnswer:
    """Write the jobs. What was acknowledged is there; what was sent twice (same key) is there once.

    Raises `NotAllowed` for an origin that the caller can't speak for, `Conflict` for a loop,
    `TooLarge` for arrays beyond the batch limit, `BadInput` for queues that are not here.
    """
    total = sum(_members(s) for s in request.jobs)
    if total > MAX_BATCH and len(request.jobs) > 1:
        raise TooLarge(f"{total} jobs in one request; send at most {MAX_BATCH}, or one array")
    check_queues(ctx, request.jobs)
    now = ctx.now()
    domain = ctx.domain()
    drafts = [_draft(ctx, who, s, domain.id, now) for s in request.jobs]
    answer = again(lambda: _write(ctx, drafts, now))
    ctx.wake(SCHEDULE)
    return answer


def _write(ctx: Context, drafts: list[_Draft], now: float) -> SubmitAnswer:
    keys = [k for d in drafts for k in _member_keys(d)]
    first_of = {d.key: d for d in reversed(drafts) if d.key}
    with ctx.store.write() as tx:
        known = jobs.by_submission(tx, keys) if keys else {}
        fresh = [
            d
            for d in drafts
            if not d.key or (first_of[d.key] is d and _member_keys(d)[0] not in known)
        ]
        shapes = {d.shape: {"key": d.shape, "demand": to_record(d.demand)} for d in fresh}
        specs = {d.spec: _spec_row(d) for d in fresh}
        jobs.add_shapes(tx, list(shapes.values()))
        jobs.add_specs(tx, list(specs.values()))
        rows = [row for d in fresh for row in d.rows]
        if rows:
            first = raise_count(tx, "seq", len(rows)) - len(rows) + 1
            jobs.add(tx, [{**row, "seq": first + n} for n, row in enumerate(rows)])
            jobs.add_history(tx, [_entry(row, now) for row in rows])
        deferrals.add(tx, [d for draft in fresh for d in _deferrals(draft)])
        brought = [(d.checkpoint, d.rows[0]["id"]) for d in fresh if d.checkpoint is not None]
        checkpoints.add(tx, [replace(row, job=job) for row, job in brought])
    answers = [_ids(first_of[d.key] if d.key else d, known) for d in drafts]
    return SubmitAnswer(ids=tuple(ids for ids, _ in answers), arrays=tuple(a for _, a in answers))


def _ids(draft: _Draft, known: Mapping[str, JobRow]) -> tuple[tuple[str, ...], str | None]:
    """The jobs that a draft has become, and their array: the known ones if its key was known."""
    there = [known[k] for k in _member_keys(draft) if k in known]
    if there:
        return tuple(row.id for row in there), there[0].array
    return tuple(row["id"] for row in draft.rows), draft.rows[0]["array"]


def _draft(
    ctx: Context, who: Principal, submission: Submission, here: str | None, now: float
) -> _Draft:
    spec, origin = submission.spec, submission.origin
    if origin is not None:
        _check_origin(who, origin, here)
        demand = _pinned(spec, origin)
        key: str | None = f"run {who.cluster} {origin.run}"
    else:
        demand = demand_of(spec)
        key = None if submission.key is None else f"key {who.subject} {submission.key}"
    shape = shape_key(demand)
    ctx.caches.demands.setdefault(shape, demand)
    count = _members(submission)
    array = ctx.new_id("a") if spec.array and origin is None else None
    # Members of an array share one text; each is read back with its own number.
    text = spec.model_dump_json(exclude_defaults=True)
    spec_key = hashlib.sha256(text.encode()).hexdigest()
    base = _base_row(who, spec, origin, now) | {"spec": spec_key, "shape": shape, "array": array}
    rows = []
    for index in range(count):
        job_id = ctx.new_id("j")
        number = index if array else (origin.array_index if origin else None)
        rows.append(
            base
            | {
                "id": job_id,
                "array_index": number,
                "submission": None if key is None else f"{key}#{index}",
                "root_job": origin.root_job if origin else job_id,
            }
        )
    brought = None
    if origin is not None and origin.restore is not None and who.cluster is not None:
        brought = left(ctx, who.cluster, origin.run, origin.restore)
    # Who has handed a run over has chosen its hour as well as its pool.
    patience = None if origin is not None else patience_s(spec)
    latest_at = None if patience is None else now + patience
    return _Draft(key, shape, demand, spec_key, text, tuple(rows), brought, latest_at)


def _deferrals(draft: _Draft) -> list[dict[str, Any]]:
    if draft.latest_at is None:
        return []
    return [{"job": row["id"], "latest_at": draft.latest_at} for row in draft.rows]


def _spec_row(draft: _Draft) -> dict[str, Any]:
    return {"key": draft.spec, "text": draft.text, "size": len(draft.text.encode())}


def _members(submission: Submission) -> int:
    """How many jobs a submission is: a member of an array that was handed over is one."""
    array = submission.spec.array
    return array.count if array and submission.origin is None else 1


def _base_row(who: Principal, spec: JobSpec, origin: Origin | None, now: float) -> dict[str, Any]:
    patience = origin.start_within_s if origin else deadline_s(spec)
    after, apart = start_after_s(spec), apart_of(spec)
    return {
        "name": spec.name,
        "submitter": origin.submitter if origin else who.subject,
        "state": JobState.WAITING,
        "priority": spec.priority,
        "queue": "" if origin else spec.queue or "",
        "preemptible": spec.preemptible,
        "apart": None if origin or apart is None else apart_record(apart),
        "submitted_at": now,
        "start_after": None if origin or after is None else now + after,
        "expires_at": None if patience is None else now + patience,
        "reason": "",
        "path": list(origin.path) if origin else [],
        "origin_cluster": who.cluster if origin else None,
        "origin_run": origin.run if origin else None,
        "attempts": 0,
        "failures": 0,
        "losses": 0,
        "place": [],
    }


def _check_origin(who: Principal, origin: Origin, here: str | None) -> None:
    if who.kind != "node" or who.cluster is None:
        raise NotAllowed("only a link between domains may hand over runs of another domain")
    if here is not None and here in origin.path:
        way = " -> ".join((*origin.path, here))
        raise Conflict(
            f"the job has been through this domain already: {way}",
            [Mistake("origin.path", "would loop")],
        )


def _pinned(spec: JobSpec, origin: Origin) -> Demand:
    """The demand of a run that a peer has already placed: its pool, its counts, its path.

    What it keeps apart from is seen to by the domain where it was submitted, which chose the pool.
    """
    demand = demand_of(spec, excluded_domains=origin.path, pinned_pool=origin.pool)
    counts = dict(origin.groups)
    groups = tuple(
        replace(
            g,
            count=counts.get(g.name, g.count),
            device=None if g.device is None else replace(g.device, total_gflops=0),
        )
        for g in demand.groups
    )
    return replace(demand, groups=groups, apart=None)


def shape_key(demand: Demand) -> str:
    """One key for all jobs of one shape."""
    text = json.dumps(to_record(demand), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _member_keys(draft: _Draft) -> list[str]:
    return [f"{draft.key}#{i}" for i in range(len(draft.rows))] if draft.key else []


def _entry(row: dict[str, Any], now: float) -> dict[str, Any]:
    came = f"handed over by {row['origin_cluster']}" if row["origin_cluster"] else row["submitter"]
    return {"job": row["id"], "at": now, "what": "submitted", "detail": came}
