"""Leases: whole hosts of a pool that are promised to a queue or a user for a time.

Laws:
- Nobody else is placed on leased hosts from the lease's begin to its end, nor before its begin if
  it might still run by then. What runs there already is not stopped: where a run without a walltime
  holds on, a lease may begin with less than was promised.
- What its holder has on the pool while the lease stands counts as being in it.
- Leases of one pool that overlap never promise more hosts than the pool has.
- Only pools of this domain's own clusters can be leased: another domain would not keep to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from weir.control.authorize import Principal
from weir.control.context import SCHEDULE, Context
from weir.control.network import load_network
from weir.control.policies import in_force
from weir.control.usage import claims_from
from weir.core.errors import BadInput, Mistake, NotFound
from weir.core.inventory import DEVICE_MILLI, HostShape
from weir.scheduling.leased import holds, less
from weir.scheduling.packing import Claim
from weir.scheduling.routes import PoolState
from weir.scheduling.snapshot import Lease
from weir.store import leases
from weir.store.domains import raise_count
from weir.store.leases import LeaseRow
from weir.wire.leases import LeaseAnswer, LeaseRequest
from weir.wire.mistakes import count_of


def make_lease(ctx: Context, who: Principal, request: LeaseRequest) -> LeaseAnswer:
    """Promise hosts. Raises `BadInput` with everything that is wrong."""
    now = ctx.now()
    starts = now + request.starts_in_s
    ends = starts + request.lasts_s
    with ctx.store.write() as tx:
        raise_count(tx, "leases")  # orders those who make leases at the same time
        states = {s.pool.id: s for s in load_network(ctx, tx, now).pools()}
        queues = {q.name for q in in_force(ctx, tx).queues}
        there = leases.after(tx, now)
        mistakes = _mistakes(request, states, queues, there, starts, ends)
        if mistakes:
            raise BadInput(f"the lease has {count_of(mistakes)}", mistakes)
        row = LeaseRow(
            id=ctx.new_id("l"),
            pool=request.pool,
            hosts=request.hosts,
            queue=request.queue or "",
            holder=request.user or "",
            starts_at=starts,
            ends_at=ends,
            made_by=who.subject,
            made_at=now,
        )
        leases.add(tx, row)
    ctx.wake(SCHEDULE)
    return _answer(row, states, 0, now)


def _mistakes(
    request: LeaseRequest,
    states: Mapping[str, PoolState],
    queues: Iterable[str],
    there: Iterable[LeaseRow],
    starts: float,
    ends: float,
) -> list[Mistake]:
    found = []
    if request.queue is not None and request.queue not in queues:
        found.append(Mistake("queue", f"this domain has no queue {request.queue!r}"))
    state = states.get(request.pool)
    if state is None:
        found.append(Mistake("pool", "there is no such pool here; see `weir pools`"))
        return found
    if state.pool.hops:
        text = "belongs to another domain, which would not keep to it; make the lease there"
        found.append(Mistake("pool", text))
    promised = _most_at_once([x for x in there if x.pool == request.pool], starts, ends)
    if promised + request.hosts > state.pool.hosts:
        beside = f", of which {promised} are leased in that time" if promised else ""
        text = f"the pool has {state.pool.hosts} hosts{beside}; ask for fewer, or another time"
        found.append(Mistake("hosts", text))
    return found


def _most_at_once(rows: list[LeaseRow], starts: float, ends: float) -> int:
    """The most hosts that are leased at any one moment of a time."""
    beside = [x for x in rows if x.starts_at < ends and x.ends_at > starts]
    moments = [starts, *(x.starts_at for x in beside if x.starts_at > starts)]
    return max(sum(x.hosts for x in beside if x.starts_at <= at < x.ends_at) for at in moments)


def list_leases(ctx: Context) -> list[LeaseAnswer]:
    """The leases that are not over, by when they begin."""
    now = ctx.now()
    with ctx.store.read() as tx:
        rows = leases.after(tx, now)
        states = {s.pool.id: s for s in load_network(ctx, tx, now).pools()} if rows else {}
        begun = [row for row in rows if row.starts_at <= now]
        left = _left(tx, begun, {i: s.pool.shape for i, s in states.items()})
    by_id = {row.id: row for row in rows}
    filled = {i: by_id[i].hosts - _whole(rest, by_id[i], states) for i, rest in left.items()}
    return [_answer(row, states, filled.get(row.id, 0), now) for row in rows]


def _whole(claims: Iterable[Claim], row: LeaseRow, states: Mapping[str, PoolState]) -> int:
    """How many hosts are left of which nothing is taken."""
    if row.pool not in states:
        return row.hosts
    [host] = _claims(1, states[row.pool].pool.shape)
    size = host.cpu_milli, host.memory_bytes, host.device_milli
    return sum(
        c.count for c in claims if (c.cpu_milli, c.memory_bytes, c.device_milli) == size
    )  # fmt: skip


def end_lease(ctx: Context, lease_id: str) -> None:
    """Let a lease end now; what its holder runs there runs on. Raises `NotFound`."""
    now = ctx.now()
    with ctx.store.write() as tx:
        raise_count(tx, "leases")
        row = leases.get(tx, lease_id)
        if row is None or row.ends_at <= now:
            raise NotFound(f"no lease {lease_id} stands here; see `weir lease list`")
        leases.end(tx, lease_id, now)
    ctx.wake(SCHEDULE)


def leases_now(
    tx: Connection, shapes: Mapping[str, HostShape], now: float
) -> tuple[Lease, ...]:  # fmt: skip
    """What the scheduler has to keep: the leases of these pools, less what their holders have."""
    rows = [row for row in leases.after(tx, now) if row.pool in shapes]
    if not rows:
        return ()
    begun = [row for row in rows if row.starts_at <= now]
    left = _left(tx, begun, shapes)
    found = [
        Lease(
            row.pool,
            left[row.id] if row.id in left else _claims(row.hosts, shapes[row.pool]),
            row.starts_at,
            row.ends_at,
            row.queue,
            row.holder,
        )
        for row in rows
    ]
    return tuple(lease for lease in found if lease.claims)


def _left(
    tx: Connection, rows: Iterable[LeaseRow], shapes: Mapping[str, HostShape]
) -> dict[str, tuple[Claim, ...]]:
    """By lease, what is left of it beside what its holder has there; of two leases of one holder on
    one pool the first is filled first.
    """
    here = [row for row in rows if row.pool in shapes]
    left = {row.id: _claims(row.hosts, shapes[row.pool]) for row in here}
    if not here:
        return left
    for pool, queue, submitter, record in leases.holders_on(tx, {row.pool for row in here}):
        claims = claims_from(record)
        for row in here:
            lease = Lease(row.pool, (), row.starts_at, row.ends_at, row.queue, row.holder)
            if row.pool == pool and holds(lease, queue, submitter):
                rest = less(left[row.id], claims)
                if rest != left[row.id]:
                    left[row.id] = rest
                    break
    return left


def _claims(hosts: int, shape: HostShape) -> tuple[Claim, ...]:
    """Whole hosts, each a task of its own."""
    devices = shape.devices * DEVICE_MILLI
    return (Claim(shape.cpu_milli, shape.memory_bytes, devices, hosts, per_host=1),)


def _answer(
    row: LeaseRow, states: Mapping[str, PoolState], filled: int, now: float
) -> LeaseAnswer:  # fmt: skip
    state = states.get(row.pool)
    return LeaseAnswer(
        id=row.id,
        pool=row.pool,
        pool_name=state.pool.name if state else "(gone)",
        site_name=state.pool.site_name if state else "(gone)",
        hosts=row.hosts,
        filled=filled,
        queue=row.queue or None,
        user=row.holder or None,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        state="coming" if row.starts_at > now else "now" if row.ends_at > now else "over",
        made_by=row.made_by,
    )
