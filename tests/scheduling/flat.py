"""Pools of one host: there a sum says what fits, so that tests need no packing of their own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.scheduling.builders import NOW, claim, demand, group, job, pool, state
from weir.core.plan import Plan
from weir.scheduling.packing import Claim
from weir.scheduling.snapshot import Lease, PoolState, Snapshot, WaitingJob


def flat_state(name: str, devices: int, *claims: Claim, **fields: Any) -> PoolState:
    return state(pool(name, hosts=1, devices=devices, cpu=1000, memory=1000, **fields), *claims)


def wide(
    name: str, devices: int, walltime: int | None = None, at: float = 0.0, **fields: Any
) -> WaitingJob:
    """A job of one task with so many devices."""
    wanted = demand(group(devices=devices, cpu=1, memory=1), walltime_s=walltime)
    return job(name, wanted, at=at, **fields)


def runs_for(devices: int, seconds: float | None) -> Claim:
    """Something that runs, and ends in so many seconds."""
    return claim(devices=devices, ends_at=None if seconds is None else NOW + seconds)


def width(claims: Iterable[Claim]) -> int:
    """Devices that claims hold."""
    return sum(c.device_milli * c.count for c in claims) // 1000


def devices_of(one: WaitingJob) -> int:
    device = one.demand.groups[0].device
    return device.milli // 1000 if device else 0


def places(plan: Plan) -> dict[str, str]:
    return {p.job: p.chosen.pool for p in plan.placements}


def used_at(seen: Snapshot, placed: dict[str, str], where: PoolState, when: float) -> int:
    """Devices of a pool that are taken or leased at a time, now or later."""
    there = [c for c in where.claims if c.ends_at is None or max(seen.now, c.ends_at) > when]
    leased = [
        c
        for x in seen.leases
        if x.pool == where.pool.id and x.starts_at <= when < x.ends_at
        for c in x.claims
    ]
    jobs = [
        devices_of(j)
        for j in seen.jobs
        if placed.get(j.id) == where.pool.id and seen.now + j.expected_s > when
    ]
    return width([*there, *leased]) + sum(jobs)


def held_now(seen: Snapshot, placed: dict[str, str], where: PoolState) -> int:
    """Devices of a pool that are taken at this moment: what is overdue still runs."""
    jobs = [devices_of(j) for j in seen.jobs if placed.get(j.id) == where.pool.id]
    return width(where.claims) + sum(jobs)


ENDS = st.none() | st.integers(-5, 60)


@st.composite
def flat_snapshots(
    draw: st.DrawFn, leases: bool = False, most: int = 12, pools: int = 3
) -> Snapshot:
    """Up to so many pools of one host that are not overcommitted, and jobs of few widths."""
    states = []
    for name in "abc"[: draw(st.integers(1, pools))]:
        devices, taken, claims = draw(st.integers(2, 8)), 0, []
        for _ in range(draw(st.integers(0, 4))):
            one = draw(st.integers(1, 4))
            if taken + one <= devices:
                taken += one
                claims.append(runs_for(one, draw(ENDS)))
        price = draw(st.sampled_from((0, 10**6)))
        states.append(flat_state(name, devices, *claims, price_micro_per_device_hour=price))
    waiting = [
        wide(
            f"j{i:02}",
            draw(st.integers(1, 8)),
            draw(st.none() | st.sampled_from((1, 5, 10, 20, 40, 100))),
            at=float(i),
            priority=draw(st.sampled_from((50, 50, 80))),
        )
        for i in range(draw(st.integers(1, most)))
    ]
    promised: list[Lease] = []
    if leases:
        promised = draw(st.lists(lease_on(states), max_size=4))
    return Snapshot(NOW, tuple(states), tuple(waiting), leases=tuple(promised))


def lease_on(states: Sequence[PoolState]) -> st.SearchStrategy[Lease]:
    return st.builds(
        lambda where, devices, start, length: Lease(
            where.pool.id, (claim(devices=devices),), NOW + start, NOW + start + length
        ),
        st.sampled_from(states),
        st.integers(1, 5),
        st.integers(-20, 40),
        st.integers(1, 50),
    )
