"""The scheduler again, slow and obvious: host by host, task by task, pool by pool, job by job.

Nothing is cached, gathered or vectorized here. Property tests hold `schedule` and `packing` to it.
It says where jobs go and which pools are kept, not why.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from weir.core.demand import Demand, TaskGroup
from weir.core.devices import Precision, UnknownDevice, find, performance_gflops
from weir.core.inventory import DEVICE_MILLI, FreeShape, Pool, merged
from weir.scheduling.packing import Claim, Free, largest_first, subtract
from weir.scheduling.policy import Policy
from weir.scheduling.rank import Merits, cost, idle, spare
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob
from weir.scheduling.start import start_s


@dataclass(slots=True)
class Host:
    """One machine: what is left of its CPU and memory, and of each of its devices."""

    cpu_milli: int
    memory_bytes: int
    devices: list[int]


@dataclass(slots=True)
class Decision:
    """Where each placed job went, and which pool is kept for which waiting job."""

    placed: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


def decide(snapshot: Snapshot, policy: Policy) -> Decision:
    """The placements and kept pools of a round."""
    decision, free = Decision(), {}
    running = {s.pool.id: list(s.claims) for s in snapshot.routes}
    for state in snapshot.routes:
        free[state.pool.id] = subtract(state.pool.free, state.claims)
    stuck: list[tuple[Demand, frozenset[str]]] = []
    for job in snapshot.order:
        takes = [s for s in snapshot.routes if suits(s, job.demand) and reachable(s, job)]
        takes = [s for s in takes if s.pool.id not in decision.kept.values()]
        options = []
        for state in takes:
            left = place_slowly(free[state.pool.id], claims_on(state.pool, job.demand))
            if left is not None and (job.demand, job.avoid) not in stuck:
                options.append((_cost_now(policy, state, job, left), state.pool.id, left))
        if options:
            _, pool, left = min(options, key=lambda option: option[:2])
            state = next(s for s in takes if s.pool.id == pool)
            decision.placed[job.id], free[pool] = pool, left
            running[pool] += _running(snapshot.now, state.pool, job.demand)
            continue
        stuck.append((job.demand, job.avoid))
        demands = {j.id: j.demand for j in snapshot.jobs}
        if policy.hold and job.demand not in [demands[held] for held in decision.kept]:
            later = [
                (_cost_later(policy, s, job, running[s.pool.id], snapshot.now), s.pool.id)
                for s in takes
            ]
            if later:
                decision.kept[job.id] = min(later)[1]
    return decision


def suits(state: PoolState, demand: Demand) -> bool:
    """Whether the pool would take the job if it were empty, open and heard of."""
    pool = state.pool
    return (
        (not demand.regions or pool.location.region in demand.regions)
        and (not demand.countries or pool.location.country in demand.countries)
        and (not demand.industries or bool(set(demand.industries) & set(pool.industries)))
        and (not demand.sites or pool.site in demand.sites or pool.site_name in demand.sites)
        and not set(demand.excluded_domains) & set(pool.domains)
        and demand.pinned_pool in (None, pool.id)
        and (demand.allow_emulated or not pool.emulated)
        and _within(pool.latency_us, demand.max_latency_us, unknown=False)
        and _within(demand.walltime_s or 0, pool.max_walltime_s, unknown=True)
        and all(_group_suits(pool, group) for group in demand.groups)
        and _within(_price(pool, demand), demand.max_price_micro_per_hour, unknown=False)
        and place_slowly(_empty(pool), claims_on(pool, demand)) is not None
    )


def reachable(state: PoolState, job: WaitingJob) -> bool:
    """Whether the pool takes this job at the moment."""
    return state.pool.open and not state.silent and state.pool.id not in job.avoid


def claims_on(pool: Pool, demand: Demand) -> list[Claim]:
    """What the groups would claim there."""
    return [
        Claim(g.cpu_milli, g.memory_bytes, g.device.milli if g.device else 0, _count(pool, g))
        for g in demand.groups
    ]


def place_slowly(free: Free, claims: Sequence[Claim]) -> Free | None:
    """What is left with every task of every claim on a host, or None."""
    hosts = hosts_of(free)
    for claim in largest_first(list(claims)):
        for _ in range(claim.count):
            fitting = [h for h in hosts if _takes(h, claim)]
            if not fitting:
                return None
            _put(min(fitting, key=lambda h: _fullness(h, claim)), claim)
    return shapes_of(hosts)


def hosts_of(free: Free) -> list[Host]:
    """The histogram as single hosts."""
    return [
        Host(s.cpu_milli, s.memory_bytes, [m for m, n in s.devices for _ in range(n) if m])
        for s in free
        for _ in range(s.hosts)
    ]


def shapes_of(hosts: Sequence[Host]) -> Free:
    """Single hosts as a histogram."""
    shapes = []
    for host in hosts:
        left = [milli for milli in host.devices if milli]
        devices = tuple((milli, left.count(milli)) for milli in sorted(set(left)))
        shapes.append(FreeShape(host.cpu_milli, host.memory_bytes, devices, 1))
    return merged(shapes)


def _takes(host: Host, claim: Claim) -> bool:
    if host.cpu_milli < claim.cpu_milli or host.memory_bytes < claim.memory_bytes:
        return False
    if claim.device_milli < DEVICE_MILLI:
        return any(milli >= claim.device_milli for milli in host.devices) or not claim.device_milli
    return host.devices.count(DEVICE_MILLI) * DEVICE_MILLI >= claim.device_milli


def _put(host: Host, claim: Claim) -> None:
    host.cpu_milli -= claim.cpu_milli
    host.memory_bytes -= claim.memory_bytes
    if claim.device_milli >= DEVICE_MILLI:
        for _ in range(-(-claim.device_milli // DEVICE_MILLI)):
            host.devices[host.devices.index(DEVICE_MILLI)] = 0
    elif claim.device_milli:
        used = min(milli for milli in host.devices if milli >= claim.device_milli)
        host.devices[host.devices.index(used)] -= claim.device_milli


def _fullness(host: Host, claim: Claim) -> tuple[object, ...]:
    share = 0 < claim.device_milli < DEVICE_MILLI
    used = min(milli for milli in host.devices if milli >= claim.device_milli) if share else 0
    (shape,) = shapes_of([host])
    return used, sum(host.devices), host.cpu_milli, host.memory_bytes, shape.devices


def _within(value: int | None, limit: int | None, unknown: bool) -> bool:
    """Whether `value` keeps to `limit`; `unknown` is the answer for an unknown value."""
    if limit is None:
        return True
    return unknown if value is None else value <= limit


def _group_suits(pool: Pool, group: TaskGroup) -> bool:
    if group.stacks and not set(group.stacks) & set(pool.traits):
        return False
    if group.fabric and pool.fabric not in group.fabric:
        return False
    request = group.device
    if request is None or not request.milli:
        return True
    speed = _gflops(pool, request.precision)
    if (request.gflops or request.total_gflops) and (speed is None or speed < request.gflops):
        return False
    if request.models and _name(pool.device_model) not in [_name(m) for m in request.models]:
        return False
    memory = _memory(pool)
    return not request.memory_bytes or (memory is not None and memory >= request.memory_bytes)


def _count(pool: Pool, group: TaskGroup) -> int:
    request = group.device
    if request is None or not request.total_gflops:
        return group.count
    per_task = (_gflops(pool, request.precision) or 0) * request.milli
    return -(-request.total_gflops * DEVICE_MILLI // per_task) if per_task else 0


def _price(pool: Pool, demand: Demand) -> int:
    devices = sum(_count(pool, g) * (g.device.milli if g.device else 0) for g in demand.groups)
    cores = sum(_count(pool, g) * g.cpu_milli for g in demand.groups)
    milli = devices * pool.price_micro_per_device_hour + cores * pool.price_micro_per_core_hour
    return -(-milli // 1000)


def _gflops(pool: Pool, precision: Precision | None) -> int | None:
    for name, value in pool.measured_gflops:
        if precision is not None and name == precision.value:
            return value
    if precision is None or pool.device_model is None:
        return None
    try:
        return performance_gflops(find(pool.device_model), precision)
    except UnknownDevice:
        return None


def _memory(pool: Pool) -> int | None:
    try:
        figure = find(pool.device_model or "").memory_bytes
    except UnknownDevice:
        return None
    return None if figure is None else figure.value


def _name(model: str | None) -> str | None:
    try:
        return find(model).name if model else None
    except UnknownDevice:
        return model


def _empty(pool: Pool) -> Free:
    shape = pool.shape
    host = Host(shape.cpu_milli, shape.memory_bytes, [DEVICE_MILLI] * shape.devices)
    return shapes_of([replace(host, devices=list(host.devices)) for _ in range(pool.hosts)])


def _running(now: float, pool: Pool, demand: Demand) -> list[Claim]:
    ends_at = None if demand.walltime_s is None else now + demand.walltime_s
    return [replace(claim, ends_at=ends_at) for claim in claims_on(pool, demand)]


def _cost_now(policy: Policy, state: PoolState, job: WaitingJob, left: Free) -> float:
    merits = Merits(_price(state.pool, job.demand), 0.0, spare(state.pool, idle(state.pool, left)))
    return cost(policy, state.pool, merits)


def _cost_later(
    policy: Policy, state: PoolState, job: WaitingJob, running: list[Claim], now: float
) -> float:
    claims = claims_on(state.pool, job.demand)
    start = start_s(state.pool.free, running, claims, now)
    left = place_slowly(_empty(state.pool), claims) or ()
    merits = Merits(
        _price(state.pool, job.demand), start, spare(state.pool, idle(state.pool, left))
    )
    return cost(policy, state.pool, merits)
