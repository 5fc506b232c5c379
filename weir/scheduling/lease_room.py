"""The room of leases on the board: each is a layer of its pool that no job has asked for."""

from __future__ import annotations

from weir.scheduling.machine import Machine
from weir.scheduling.packing import Claim
from weir.scheduling.snapshot import Lease, Snapshot


def leases_in_order(snapshot: Snapshot) -> list[Lease]:
    """The leases that are not over, in the order in which they are spoken for."""
    return sorted(
        (x for x in snapshot.leases if x.ends_at > snapshot.now),
        key=lambda x: (x.pool, x.starts_at, x.ends_at, _sizes(x.claims)),
    )


def reserve_leases(machine: Machine, snapshot: Snapshot, variant: int) -> None:
    """Speak for the room of leases, whose variants count from `variant`."""
    leases = leases_in_order(snapshot)
    rows = {s.pool.id: row for row, s in enumerate(snapshot.routes)} if leases else {}
    for n, lease in enumerate(leases):
        if lease.pool in rows:
            start = max(snapshot.now, lease.starts_at)
            machine.reserve(rows[lease.pool], variant + n, start, lease.ends_at, snapshot.now)


def most_on_a_pool(snapshot: Snapshot) -> int:
    """The most leases that any pool has."""
    pools = [x.pool for x in snapshot.leases]
    return max((pools.count(p) for p in set(pools)), default=0)


def _sizes(claims: tuple[Claim, ...]) -> list[tuple[int, int, int, int]]:
    return [(c.device_milli, c.cpu_milli, c.memory_bytes, c.count) for c in claims]
