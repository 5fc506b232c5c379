"""Jobs that go into room leased to them.

A lease that has begun keeps its room from everybody; its holder, a queue or a user, is who may fill
it. So a round with such a lease is two. In the first, the holders' jobs go into their leases, in
the policy's order and by its costs, as if the leased room were a pool of its own. In the second
everybody else goes, and who found no place in the first, with the leases as much smaller.

Laws:
- Together no more goes into a lease than its room, and nothing of anybody else.
- Without a holder's job that waits, the round is as without holders.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

from weir.core.inventory import DEVICE_MILLI, FreeShape, merged
from weir.core.plan import Placement, Plan
from weir.scheduling.apart import mate_on
from weir.scheduling.packing import Claim, Free, place_all
from weir.scheduling.policy import Policy
from weir.scheduling.routes import PoolState
from weir.scheduling.schedule import plan_of, play
from weir.scheduling.snapshot import Lease, RunningJob, Snapshot, WaitingJob
from weir.scheduling.tasks import claim_of


def has_begun(lease: Lease, now: float) -> bool:
    """Whether somebody holds it now."""
    return bool(lease.queue or lease.user) and lease.starts_at <= now < lease.ends_at


def holds(lease: Lease, queue: str, user: str) -> bool:
    """Whether what is of this queue and user may be in it."""
    return bool(
        (lease.queue and lease.queue == queue) or (lease.user and lease.user == user)
    )  # fmt: skip


def room_of(claims: Sequence[Claim]) -> Free:
    """Leased room as free hosts: each task of a claim is a host of its own."""
    return merged(
        FreeShape(
            c.cpu_milli,
            c.memory_bytes,
            ((DEVICE_MILLI, c.device_milli // DEVICE_MILLI),)
            if c.device_milli >= DEVICE_MILLI
            else (),
            c.count,
        )
        for c in claims
    )


def claims_of(free: Free) -> tuple[Claim, ...]:
    """The room again as claims; the rest of a device that is shared stays with who shares it."""
    return tuple(
        Claim(s.cpu_milli, s.memory_bytes, s.whole_devices * DEVICE_MILLI, s.hosts)
        for s in free
        if s.cpu_milli or s.memory_bytes or s.whole_devices
    )


def less(claims: Sequence[Claim], taken: Sequence[Claim]) -> tuple[Claim, ...]:
    """What is left of leased room beside what its holder has there; all of it if that does not fit
    into it, and so is somewhere else of the pool.
    """
    left = place_all(room_of(claims), taken)
    return tuple(claims) if left is None else claims_of(left)


@dataclass(frozen=True, slots=True)
class _Way:
    """A lease that has begun, its pool, and who waits for it."""

    lease: Lease
    state: PoolState
    jobs: tuple[WaitingJob, ...]


def promised(seen: Snapshot) -> tuple[_Way, ...]:
    """Leases that have begun and for which somebody waits."""
    begun = [x for x in seen.leases if has_begun(x, seen.now)]
    if not begun:
        return ()
    pools = {s.pool.id: s for s in seen.routes if not s.silent and s.pool.open}
    found = []
    for lease in sorted(begun, key=lambda x: (x.pool, x.starts_at, x.ends_at, x.queue, x.user)):
        if lease.pool in pools:
            jobs = tuple(j for j in seen.jobs if holds(lease, j.queue, j.user))
            if jobs:
                found.append(_Way(lease, pools[lease.pool], jobs))
    return tuple(found)


def plan_leased(seen: Snapshot, policy: Policy, ways: Sequence[_Way]) -> Plan:
    """The plan of a snapshot for which `promised` has found something."""
    first: list[Placement] = []
    leases = list(seen.leases)
    for way in ways:
        taken = {p.job for p in first}
        jobs = tuple(j for j in way.jobs if j.id not in taken)
        pool = replace(way.state.pool, free=room_of(way.lease.claims))
        inside = replace(
            seen, pools=(replace(way.state, pool=pool, claims=()),), jobs=jobs, leases=()
        )
        placed = list(plan_of(play(inside, policy)).placements)
        first += placed
        there = _claims(placed, jobs, way.state)
        at = leases.index(way.lease)
        leases[at] = replace(way.lease, claims=less(way.lease.claims, there))
        seen = _with(seen, placed, jobs, way.state)
    rest = plan_of(play(replace(seen, leases=tuple(leases)), policy))
    return replace(rest, placements=(*first, *rest.placements))


def _claims(
    placed: Sequence[Placement], jobs: Sequence[WaitingJob], state: PoolState
) -> tuple[Claim, ...]:
    by_id, shape = {j.id: j for j in jobs}, state.pool.shape
    found = []
    for one in placed:
        groups = {g.name: g for g in by_id[one.job].demand.groups}
        found += [
            claim_of(groups[a.group], a.count, shape, state.pool.levels) for a in one.chosen.groups
        ]
    return tuple(found)


def _with(
    seen: Snapshot, placed: Sequence[Placement], jobs: Sequence[WaitingJob], state: PoolState
) -> Snapshot:
    """The snapshot with these jobs running on the pool."""
    by_id = {j.id: j for j in jobs}
    more: list[Claim] = []
    running = list(seen.running)
    for one in placed:
        job = by_id[one.job]
        ends = seen.now + job.expected_s
        claims = _claims([one], jobs, state)
        more += (replace(c, ends_at=ends if ends < inf else None) for c in claims)
        running.append(RunningJob(job.id, state.pool.id, claims, job.priority, seen.now, job.queue,
                                  preemptible=False))  # fmt: skip
    gone = {p.job for p in placed}
    mates = [
        mate_on(state.pool, job.id, job.user, job.demand.apart)
        for job in (by_id[p.job] for p in placed)
        if job.demand.apart is not None
    ]
    return replace(
        seen,
        pools=tuple(
            replace(s, claims=(*s.claims, *more))
            if (s.pool.id, s.cluster) == (state.pool.id, state.cluster)
            else s
            for s in seen.pools
        ),
        jobs=tuple(j for j in seen.jobs if j.id not in gone),
        running=tuple(running),
        mates=(*seen.mates, *mates),
    )


__all__ = ["claims_of", "has_begun", "holds", "less", "plan_leased", "promised", "room_of"]
