"""Replay: the jobs of the last days once more, under other policies, before one is set.

A replay is asked for and kept in the store; some process of the domain takes it, one at a time, and
works on it beside its other work. What simulates is handed in (`Context.simulate`): here is only
decided what is replayed, and what becomes of it.

Laws:
- A job runs as long as it did, wherever it is placed: its duration is known, its speed elsewhere is
  not. It may go where its demand lets it; one that another domain pinned to a pool stays there.
- What can't be replayed is counted and told: jobs that have not ended, or ended without having run.
- One replay at a time; at most `MOST_JOBS` jobs, the newest. Whose process has gone has failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from weir.control.authorize import Principal
from weir.control.by_site import HOUR_S
from weir.control.context import Context, replay_key
from weir.control.energy import DECLARED_H, energy_of, read_energy
from weir.control.line import demands_of
from weir.control.network import load_network
from weir.control.policies import in_force
from weir.control.usage import counted
from weir.core.demand import Demand
from weir.core.errors import BadInput, Conflict, Mistake, NotFound, NotReady, WeirError
from weir.core.inventory import Pool
from weir.scheduling.energy import Energy
from weir.scheduling.policies import policy
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Queue
from weir.store import replays
from weir.store.replays import ReplayRow
from weir.wire.jobdemand import wishes_of
from weir.wire.replays import (
    LeftOut,
    PastAnswer,
    PastJobAnswer,
    ReplayAnswer,
    ReplayRequest,
    ReplayResult,
    ReplaysAnswer,
)

MOST_JOBS = 50_000
"""So many jobs are replayed at most."""

MOST_PLANNED = 5_000
"""The same for policies that plan whole rounds: that is a round in Python for each moment."""

LOST_S = 120.0
"""A replay of which nothing was heard for so long has failed."""

TELL_S = 1.0
"""How often it is written down where a replay is."""

KEPT = 20
"""How many replays are kept."""

DAY_S = 86400.0

Told = Callable[[float, str], None]
"""Is told how much is done, and in what; raises to have it ended."""


@dataclass(frozen=True, slots=True)
class PastJob:
    """A job that has run. `ready_at` is from when on it could start and `patience_s` how long after
    that it might be put off, `held_s` how long it held its place in all, `amounts` (cpu_milli,
    memory_bytes, device_milli) what it held, `kind` the key of its demand. Times are seconds since
    1970; prices micro-units of the currency.
    """

    id: str
    kind: str
    queue: str
    submitter: str
    priority: int
    ready_at: float
    started_at: float
    ended_at: float
    held_s: float
    pool: str
    amounts: tuple[int, int, int]
    walltime_s: int | None
    price_micro_per_hour: int
    patience_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Study:
    """What is simulated: plain values that go to another process. `demands` are by kind, `energy`
    is by site, on Unix time.
    """

    jobs: tuple[PastJob, ...]
    demands: tuple[tuple[str, Demand], ...]
    pools: tuple[Pool, ...]
    queues: tuple[Queue, ...]
    policies: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    energy: tuple[tuple[str, Energy], ...] = ()


def can_be_replayed(chosen: Policy, jobs: int = 0) -> bool:
    """Whether so many jobs can be simulated under this policy in a time that anybody waits for."""
    return jobs <= MOST_PLANNED or not (chosen.optimal or chosen.rounds)


def ask_replay(ctx: Context, who: Principal, request: ReplayRequest) -> ReplayAnswer:
    """Have the last days replayed under these policies.

    Raises `BadInput` for policies that can't be and where there is nothing to replay, `Conflict`
    while another replay goes on, `NotReady` where nothing simulates.
    """
    if ctx.simulate is None:
        raise NotReady("this process simulates nothing; ask a server that `weir serve` started")
    now = ctx.now()
    with ctx.store.write() as tx:
        ended, _ = replays.counted(tx, now - request.days * DAY_S)
        _check_policies(request.policies, min(ended, MOST_JOBS))
        if any(_state(row, now) in ("queued", "running") for row in replays.latest(tx, KEPT)):
            raise Conflict("another replay is not done yet; wait for it, then ask again")
        if not replays.past_jobs(tx, now - request.days * DAY_S, 1):
            raise BadInput(
                f"no job that was submitted in the last {request.days:g} days has run to its end, "
                "so there is nothing to replay; ask for more days, or later"
            )
        row = ReplayRow(
            id=ctx.new_id("p"),
            asked_by=who.subject,
            asked_at=now,
            days=request.days,
            policies=list(dict.fromkeys(request.policies)),
            state="queued",
            share=0.0,
            heard_at=now,
            detail="",
            result=None,
        )
        replays.add(tx, row)
        replays.keep(tx, [r.id for r in replays.latest(tx, KEPT)])
    ctx.wake(replay_key())
    return _answer(row, now)


def _check_policies(names: Sequence[str], jobs: int) -> None:
    mistakes = []
    for number, name in enumerate(names):
        try:
            if not can_be_replayed(policy(name), jobs):
                said = (
                    f"{name} plans whole rounds anew, which is replayed for {MOST_PLANNED} jobs at "
                    f"most, and {jobs} have ended in that time; ask for fewer days"
                )
                mistakes.append(Mistake(f"policies[{number}]", said))
        except BadInput as error:
            mistakes.append(Mistake(f"policies[{number}]", error.detail))
    if mistakes:
        raise BadInput("not all of these policies can be replayed", mistakes)


def list_replays(ctx: Context) -> ReplaysAnswer:
    """The last replays, newest first, without their results."""
    with ctx.store.read() as tx:
        rows = replays.latest(tx, KEPT)
    found = tuple(_answer(row, ctx.now(), whole=False) for row in rows)
    return ReplaysAnswer(replays=found, possible=ctx.simulate is not None)


def show_replay(ctx: Context, replay_id: str) -> ReplayAnswer:
    """One replay, with its result if it is done. Raises `NotFound`."""
    with ctx.store.read() as tx:
        row = replays.get(tx, replay_id)
    if row is None:
        raise NotFound(f"there is no replay {replay_id} here; the last {KEPT} are kept")
    return _answer(row, ctx.now())


def work_off(ctx: Context, check: Callable[[], None] = lambda: None) -> bool:
    """Take the replay that waits, if there is one, and work on it to its end. `check` is called
    now and then, and raises to have it given up.
    """
    now = ctx.now()
    with ctx.store.write() as tx:
        waiting = [r for r in replays.latest(tx, KEPT) if _state(r, now) == "queued"]
        if not waiting or ctx.simulate is None:
            return False
        row = waiting[-1]
        if not replays.change(tx, row.id, "queued", state="running", heard_at=now):
            return True
    last = [now]

    def told(share: float, text: str) -> None:
        check()
        if ctx.now() - last[0] >= TELL_S:
            last[0] = ctx.now()
            with ctx.store.write() as tx:
                values = {"share": share, "detail": text, "heard_at": last[0]}
                replays.change(tx, row.id, "running", **values)
            ctx.wake(replay_key(row.id))

    try:
        result = ctx.simulate(study_of(ctx, row), told)
    except WeirError as error:
        _end(ctx, row.id, "failed", error.detail, None)
    except Exception:  # whatever it was: who waits for the result hears of it, and it goes on up
        _end(ctx, row.id, "failed", "this is a fault of the server; its log has the details", None)
        raise
    else:
        _end(ctx, row.id, "done", "", result)
    return True


def _end(
    ctx: Context, replay_id: str, state: str, detail: str, result: ReplayResult | None
) -> None:
    record = None if result is None else result.model_dump(mode="json")
    share = {"share": 1.0} if result is not None else {}
    with ctx.store.write() as tx:
        replays.change(
            tx, replay_id, "running", state=state, detail=detail, result=record,
            heard_at=ctx.now(), **share,
        )  # fmt: skip
    ctx.wake(replay_key(replay_id))


def study_of(ctx: Context, row: ReplayRow) -> Study:
    """What a replay simulates: read when its turn has come."""
    since = row.asked_at - row.days * DAY_S
    with ctx.store.read() as tx:
        rows = replays.past_jobs(tx, since, MOST_JOBS + 1)
        demands = demands_of(ctx, tx, {r.shape for r in rows})
        left = _left_out(tx, rows, since)
        pools = tuple(s.pool for s in load_network(ctx, tx, ctx.now()).pools())
        queues = in_force(ctx, tx).queues
        energy = _energy(tx, pools, since, ctx.now())
    if not pools:
        raise NotReady("this domain has no pools now; there is nothing to replay on")
    jobs = tuple(_past_job(r, demands[r.shape]) for r in reversed(rows[:MOST_JOBS]))
    kinds = sorted({j.kind for j in jobs})
    return Study(
        jobs=jobs,
        demands=tuple((kind, demands[kind]) for kind in kinds),
        pools=pools,
        queues=queues,
        policies=tuple(row.policies),
        left_out=left,
        energy=tuple(sorted(energy.items())),
    )


def past_jobs(ctx: Context, days: float) -> PastAnswer:
    """The jobs of the last days that have run and ended, to be simulated elsewhere: the newest
    `MOST_JOBS`. Raises `BadInput` where there are none.
    """
    since = ctx.now() - days * DAY_S
    with ctx.store.read() as tx:
        rows = replays.past_jobs(tx, since, MOST_JOBS + 1)
        demands = demands_of(ctx, tx, {r.shape for r in rows})
        left = _left_out(tx, rows, since)
    if not rows:
        raise BadInput(
            f"no job that was submitted in the last {days:g} days has run to its end, so there is "
            "nothing to simulate; ask for more days, or later"
        )
    found = [_past_job(r, demands[r.shape]) for r in rows[:MOST_JOBS]]
    jobs = sorted(found, key=lambda j: (j.ready_at, j.id))
    return PastAnswer(
        jobs=tuple(
            PastJobAnswer(
                id=j.id,
                ready_at=j.ready_at,
                held_s=j.held_s,
                walltime_s=j.walltime_s,
                submitter=j.submitter,
                queue=j.queue,
                priority=j.priority,
                patience_s=j.patience_s,
                wishes=j.kind,
            )
            for j in jobs
        ),
        wishes={kind: wishes_of(demands[kind]) for kind in sorted({j.kind for j in jobs})},
        pinned=sum(demands[j.kind].pinned_pool is not None for j in jobs),
        left_out=left,
    )


def _energy(
    tx: Connection, pools: Sequence[Pool], since: float, now: float
) -> Mapping[str, Energy]:
    """What energy was at the sites in that time, and some time on for what a replay ends later."""
    hours = int((now - since) // HOUR_S) + DECLARED_H
    return energy_of(read_energy(tx, now, since), pools, since, hours)


def _left_out(tx: Connection, rows: Sequence[object], since: float) -> tuple[LeftOut, ...]:
    ended, going = replays.counted(tx, since)
    ran = min(len(rows), MOST_JOBS)
    found = [(going, "have not ended yet")]
    if len(rows) <= MOST_JOBS:
        found.append((ended - ran, "ended without having run"))
    else:
        found.append((ended - ran, f"came before the newest {MOST_JOBS}, or did not run"))
    return tuple(LeftOut(jobs=n, why=why) for n, why in found if n > 0)


def _past_job(row: Any, demand: Demand) -> PastJob:
    # A job that was put off could have started when that was decided.
    first = row.start_after if row.put_off_until is None else row.decided_at
    ready = max(row.submitted_at, first or row.submitted_at)
    chosen = (row.decision or {}).get("chosen") or {}
    return PastJob(
        id=row.id,
        kind=row.shape,
        queue=row.queue,
        submitter=row.submitter,
        priority=row.priority,
        ready_at=ready,
        started_at=max(ready, row.began),
        ended_at=max(ready, row.began, row.ended_at),
        held_s=max(0.0, float(row.held_s)),
        pool=row.pool or "",
        amounts=counted(row.claims, None),
        walltime_s=demand.walltime_s,
        price_micro_per_hour=int(chosen.get("price_micro_per_hour", 0)),
        patience_s=0.0 if row.latest_at is None else max(0.0, row.latest_at - ready),
    )


def _state(row: ReplayRow, now: float) -> str:
    lost = row.state in ("queued", "running") and now - row.heard_at > LOST_S
    return "failed" if lost else row.state


def _answer(row: ReplayRow, now: float, whole: bool = True) -> ReplayAnswer:
    state = _state(row, now)
    detail = row.detail
    if state != row.state:
        detail = "the server that worked on it was stopped; ask again"
    return ReplayAnswer.model_validate(
        {
            "id": row.id,
            "asked_by": row.asked_by,
            "asked_at": row.asked_at,
            "days": row.days,
            "policies": row.policies,
            "state": state,
            "share": row.share,
            "detail": detail,
            "result": row.result if whole else None,
        }
    )
