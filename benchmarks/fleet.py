"""A made-up nation of pools and jobs, by seed: what the speed of the scheduler is measured on.

Pools of ten device models and without devices in 500 centers of 30 regions; seven of ten have
runs of known ends on them, two of ten are idle, one of ten is full. Jobs are of some 200 shapes, a
few of them frequent: shares of devices, single devices, whole hosts, gangs, CPU jobs; some name
models, memory, a precision, stacks, regions or a price.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.core.devices import Precision
from weir.core.inventory import DEVICE_MILLI, HostShape, Location, Pool, all_free
from weir.scheduling.packing import Claim
from weir.scheduling.snapshot import PoolState, WaitingJob

GIB = 2**30
NOW = 1_000_000.0
CENTERS, REGIONS = 500, 30

MODELS: tuple[tuple[str, str, int], ...] = (
    ("nvidia-h100-sxm5", "cuda", 30),
    ("nvidia-a100-sxm4-40gb", "cuda", 20),
    ("nvidia-h20", "cuda", 18),
    ("nvidia-l20", "cuda", 10),
    ("amd-mi300x", "rocm", 22),
    ("huawei-ascend-910b", "cann", 12),
    ("huawei-ascend-910c", "cann", 20),
    ("huawei-ascend-310p3", "cann", 4),
    ("cambricon-mlu370-x8", "neuware", 6),
    ("metax-c550", "maca", 9),
)
"""Device models: name, software stack, price of a device per hour."""


def pools(chance: random.Random, count: int) -> list[PoolState]:
    """Pools as a domain sees them, with its own runs on them."""
    return [pool_state(chance, number) for number in range(count)]


def pool_state(chance: random.Random, number: int) -> PoolState:
    """One pool: three of four have devices."""
    center = chance.randrange(CENTERS)
    model, stack, price = chance.choice(MODELS)
    devices = chance.choice((4, 8, 8, 8)) if chance.random() < 0.75 else 0
    cores = chance.choice((64, 96, 128))
    shape = HostShape(cores * 1000, cores * 8 * GIB, devices)
    hosts = chance.choice((1, 2, 2, 4, 4, 8, 8, 16))
    pool = Pool(
        id=f"pool-{number:06}",
        name=f"{model if devices else 'cpu'}-{number}",
        cluster=f"center-{center}",
        site=f"site-{center}",
        site_name=f"Center {center}",
        hosts=hosts,
        shape=shape,
        free=all_free(hosts, shape),
        device_model=model if devices else None,
        fabric=chance.choice(("", "roce", "ib")) if devices else "",
        traits=(stack,) if devices else (),
        location=Location(f"region-{center % REGIONS}", "CN"),
        domains=(f"domain-{center % REGIONS}",),
        hops=chance.choice((0, 1, 1, 2)),
        latency_us=chance.choice((None, 800, 5_000, 12_000, 30_000, 45_000)),
        price_micro_per_device_hour=round(price * chance.uniform(0.8, 1.3)) * 1_000_000,
        price_micro_per_core_hour=chance.choice((80_000, 100_000, 120_000)),
        max_walltime_s=chance.choice((None, None, 86_400, 604_800)),
    )
    return PoolState(pool, pool.cluster, claims=claims(chance, hosts, shape))


def claims(chance: random.Random, hosts: int, shape: HostShape) -> tuple[Claim, ...]:
    """Runs that fit: on each host at most its devices, whole ones and shares, and its cores."""
    kind = chance.random()
    if kind < 0.2:
        return ()
    ends = [NOW + chance.uniform(60, 86_400) for _ in range(4)]
    busy = hosts if kind > 0.9 else chance.randint(1, hosts)
    if kind > 0.9:
        cpu, memory = shape.cpu_milli, shape.memory_bytes // 2
        return (Claim(cpu, memory, shape.devices * DEVICE_MILLI, hosts, ends[0]),)
    if not shape.devices:
        cores = shape.cpu_milli // chance.choice((2, 4))
        return (Claim(cores, shape.memory_bytes // 4, 0, busy, ends[0]),)
    each = chance.randint(1, shape.devices)
    found = [Claim(4000 * each, 16 * GIB * each, DEVICE_MILLI * each, busy, ends[0])]
    if each < shape.devices and chance.random() < 0.3:
        found.append(Claim(2000, 8 * GIB, chance.choice((250, 500)), 1, ends[1]))
    if busy < hosts and chance.random() < 0.5:
        found.append(Claim(8000, 32 * GIB, DEVICE_MILLI, hosts - busy, ends[2]))
    return tuple(found)


def shapes(chance: random.Random, count: int) -> list[Demand]:
    """What jobs ask for, all different."""
    found: dict[Demand, None] = {}
    while len(found) < count:
        found.setdefault(shape(chance))
    return list(found)


def shape(chance: random.Random) -> Demand:
    """One shape: 15 % shares of a device, 40 % within a host, 25 % gangs, 20 % CPU only."""
    drawn = chance.random()
    if drawn < 0.2:
        cores = chance.choice((1, 2, 4, 8, 16, 32))
        count = chance.choice((1, 1, 1, 2, 8))
        group = TaskGroup("main", count, cores * 1000, cores * chance.choice((2, 4, 8)) * GIB)
        return Demand((group,), **wishes(chance))
    if drawn < 0.35:
        request = DeviceRequest(chance.choice((125, 250, 500)), memory_bytes=0)
        count, devices = 1, 1
    else:
        devices = chance.choice((1, 1, 2, 4, 8) if drawn < 0.75 else (8, 8, 4))
        count = 1 if drawn < 0.75 else chance.choice((2, 2, 4, 8))
        request = DeviceRequest(devices * DEVICE_MILLI)
    stacks: tuple[str, ...] = ()
    picked = chance.random()
    if picked < 0.3:
        models = chance.sample(MODELS, chance.choice((1, 2, 3)))
        request = replace(request, models=tuple(name for name, _, _ in models))
    elif picked < 0.45:
        request = replace(request, memory_bytes=chance.choice((32, 40, 64, 80)) * GIB)
    elif picked < 0.55:
        request = replace(request, precision=Precision.FP16, gflops=300_000)
    elif picked < 0.85:
        stacks = chance.choice((("cuda",), ("cann",), ("cuda", "cann"), ("cuda", "rocm")))
    group = TaskGroup(
        "main", count, 4000 * devices, 16 * GIB * devices, request, stacks,
        ("roce", "ib") if count > 1 and chance.random() < 0.5 else (),
    )  # fmt: skip
    return Demand((group,), **wishes(chance))


def wishes(chance: random.Random) -> dict[str, Any]:
    """What else a job wants: most say how long they run, few where or at what price."""
    found: dict[str, Any] = {}
    found["walltime_s"] = chance.choice((None, 600, 3600, 14_400, 86_400, 259_200))
    if chance.random() < 0.15:
        found["regions"] = (f"region-{chance.randrange(REGIONS)}",)
    if chance.random() < 0.1:
        found["max_latency_us"] = 20_000
    if chance.random() < 0.1:
        found["max_price_micro_per_hour"] = chance.choice((50, 150, 400)) * 1_000_000
    return found


def jobs(
    chance: random.Random, shapes: Sequence[Demand], count: int, prefix: str = "job"
) -> list[WaitingJob]:
    """Waiting jobs, a few shapes frequent, of three priorities, come over an hour and a half."""
    weights = [1 / (rank + 5) for rank in range(len(shapes))]
    picked = chance.choices(shapes, weights, k=count)
    return [
        WaitingJob(
            id=f"{prefix}-{number:06}",
            demand=demand,
            priority=chance.choice((50, 50, 50, 30, 80)),
            submitted_at=NOW - 5400 + 5400 * number / max(1, count),
        )
        for number, demand in enumerate(picked)
    ]
