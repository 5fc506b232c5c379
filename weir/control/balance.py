"""Balance: what the network has, what of it is free, and what the waiting jobs of a domain ask for.

Demand is counted from the shapes of waiting jobs, so it costs the same for ten jobs as for a
million of one shape. A job that takes one of several models is demand for none of them alone: it
stands under `any`. A group whose number of tasks follows from a performance has none yet, and
counts as one task.
"""

from __future__ import annotations

from collections import defaultdict

from weir.control.context import Context
from weir.control.line import demands_of
from weir.control.network import Network, left_of, load_network
from weir.core.demand import Demand
from weir.core.inventory import DEVICE_MILLI
from weir.scheduling.snapshot import PoolState
from weir.store import jobs
from weir.wire.balance import BalanceAnswer, BalanceRow

CPU = "cpu"
ANY = "any"


def balance(ctx: Context, network: Network | None = None) -> BalanceAnswer:
    """Supply and demand: CPU in milli-cores first, then device models in milli-devices. `network`
    if it was read already.
    """
    with ctx.store.read() as tx:
        network = network or load_network(ctx, tx, ctx.now())
        waiting = jobs.waiting_by_shape(tx)
        demands = demands_of(ctx, tx, set(waiting))
    total, free = _supply(ctx, network.pools())
    wanted: dict[str, int] = defaultdict(int)
    for shape, number in waiting.items():
        for kind, amount in _asked(demands[shape]).items():
            wanted[kind] += number * amount
    kinds = sorted(total.keys() | wanted.keys(), key=lambda k: (k != CPU, k == ANY, -total[k], k))
    rows = (BalanceRow(kind=k, total=total[k], free=free[k], wanted=wanted[k]) for k in kinds)
    return BalanceAnswer(rows=tuple(rows), waiting=sum(waiting.values()))


def _supply(ctx: Context, pools: tuple[PoolState, ...]) -> tuple[dict[str, int], dict[str, int]]:
    """What pools have in all, and what is free where it can be had now."""
    total: dict[str, int] = defaultdict(int)
    free: dict[str, int] = defaultdict(int)
    for state in pools:
        pool, left = state.pool, left_of(ctx, state)
        closed = state.silent or not pool.open
        total[CPU] += pool.hosts * pool.shape.cpu_milli
        free[CPU] += 0 if closed else sum(f.hosts * f.cpu_milli for f in left)
        if pool.device_model is not None:
            total[pool.device_model] += pool.devices * DEVICE_MILLI
            free[pool.device_model] += 0 if closed else sum(f.hosts * f.device_milli for f in left)
    return total, free


def _asked(demand: Demand) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for group in demand.groups:
        tasks = max(1, group.count)
        found[CPU] += tasks * group.cpu_milli
        if group.device is not None:
            models = group.device.models
            found[models[0] if len(models) == 1 else ANY] += tasks * group.device.milli
    return found
