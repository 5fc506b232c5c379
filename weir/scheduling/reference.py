"""The scheduler again, slow and obvious: host by host, task by task, pool by pool, job by job.

Nothing is cached, gathered, vectorized or undone here: hosts are copied and looked at anew.
Property tests hold `schedule` and `packing` to it. It says where jobs go and which pools are kept,
not why. It is one file, so that the whole algorithm can be read from top to bottom.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import frexp, inf

from weir.core.demand import Apart, Demand, TaskGroup
from weir.core.devices import Precision, UnknownDevice, find, performance_gflops
from weir.core.inventory import (
    DEVICE_MILLI,
    WHOLE_DEVICES,
    FreeShape,
    Pool,
    all_free,
    block_paths,
    merged,
)
from weir.scheduling.mates import APART_COST
from weir.scheduling.packing import MOST, Claim, Free, largest_first, subtract
from weir.scheduling.policy import Order, Policy
from weir.scheduling.rank import UNKNOWN_LATENCY_MS, UNKNOWN_START_S, idle, size, taken
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob


@dataclass(slots=True)
class Host:
    """One machine: what is left of its CPU and memory, and of each of its devices."""

    cpu_milli: int
    memory_bytes: int
    devices: list[int]
    block: tuple[int, ...] = ()


@dataclass(slots=True)
class Decision:
    """Where each placed job went, and which pool is kept for which waiting job."""

    placed: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class _Run:
    """Something that runs until `end`: which task of which claim is on which host."""

    end: float
    tasks: list[tuple[int, Claim, list[int]]]  # host, claim, devices it took from


@dataclass(slots=True)
class _Kept:
    """Room for a job from `start` until `end`; `hosts` is what is left beside it at its start."""

    start: float
    end: float
    claims: list[Claim]
    hosts: list[Host]


@dataclass(slots=True)
class _Mate:
    """A job that carries a name and holds a place: what there is of that place, by level."""

    user: str
    apart: Apart
    at: dict[str, str]


@dataclass(slots=True)
class _Place:
    """A pool while the round goes on."""

    state: PoolState
    hosts: list[Host]
    runs: list[_Run]
    kept: list[_Kept] = field(default_factory=list)
    closed: bool = False
    site: list[_Place] = field(default_factory=list)  # all of its site, itself too
    mates: list[_Mate] = field(default_factory=list)  # jobs with names, the same list everywhere


def decide(snapshot: Snapshot, policy: Policy) -> Decision:
    """The placements and kept pools of a round, without queues, data, energy and speeds."""
    decision = Decision()
    places = [_place(state, policy) for state in snapshot.routes]
    mates = [
        _Mate(
            m.user,
            m.apart,
            {"pool": m.pool, "cluster": m.cluster, "site": m.site, "region": m.region},
        )
        for m in snapshot.mates
    ]
    for place in places:
        place.site = [p for p in places if _alike(p.state.pool, place.state.pool)]
        place.mates = mates
    stuck: list[tuple[_Kind, float]] = []
    holding: list[_Kind] = []
    for job in sorted(snapshot.jobs, key=lambda j: _turn(policy, j)):
        takes = [
            p
            for p in places
            if suits(p.state, job.demand) and reachable(p.state, job) and not _too_near(p, job)
        ]
        options = [p for p in takes if _may_go(p, job, snapshot.now)]
        kind = _kind(snapshot, policy, job)
        if any(k == kind and w <= job.expected_s for k, w in stuck):
            options = []
        if options:
            best = min(options, key=lambda p: (_cost_now(policy, p, job), p.state.pool.id))
            decision.placed[job.id] = best.state.pool.id
            _start(best, job, snapshot.now)
            if job.demand.apart is not None:
                mates.append(_Mate(job.user, job.demand.apart, _at_levels(best.state.pool)))
            continue
        stuck.append((kind, job.expected_s))
        may_keep = policy.depth > 1 or kind not in holding
        if policy.hold and may_keep and len(holding) < policy.reservations:
            kept = _keep(takes, policy, job, snapshot.now)
            if kept is not None:
                holding.append(kind)
                decision.kept[job.id] = kept
    return decision


def _turn(policy: Policy, job: WaitingJob) -> tuple[float, float, float, str]:
    first = {
        Order.ARRIVAL: 0.0,
        Order.DEADLINE: (inf if job.deadline_at is None else job.deadline_at)
        - (job.expected_s if job.expected_s < inf else 0.0),
    }.get(policy.order, job.expected_s)
    rank = -job.priority + policy.age_weight / 3600 * job.submitted_at
    return rank, first, job.submitted_at, job.id


def _at_levels(pool: Pool) -> dict[str, str]:
    return {
        "pool": pool.id,
        "cluster": pool.cluster,
        "site": pool.site,
        "region": pool.location.region,
    }


def _mates_of(place: _Place, job: WaitingJob) -> list[_Mate]:
    """Who carries the job's name, of the same user."""
    wish = job.demand.apart
    if wish is None:
        return []
    return [m for m in place.mates if m.user == job.user and m.apart.name == wish.name]


def _too_near(place: _Place, job: WaitingJob) -> bool:
    """Whether the job would be with a mate at a level that one of the two requires."""
    here = _at_levels(place.state.pool)
    return any(
        wish.required and mate.at[wish.level] == here[wish.level]
        for mate in _mates_of(place, job)
        for wish in (job.demand.apart, mate.apart)
        if wish is not None
    )


def _near(place: _Place, job: WaitingJob) -> int:
    """How many mates are with the place, at the job's own level."""
    here, wish = _at_levels(place.state.pool), job.demand.apart
    if wish is None:
        return 0
    return sum(mate.at[wish.level] == here[wish.level] for mate in _mates_of(place, job))


_Kind = tuple[Demand, frozenset[str], frozenset[int], int, str]


def _kind(snapshot: Snapshot, policy: Policy, job: WaitingJob) -> _Kind:
    """What jobs have in common that are alike: all but their walltime, of which it matters which
    limits of pools it breaks, and its size if costs depend on it.
    """
    limits = {s.pool.max_walltime_s for s in snapshot.routes if s.pool.max_walltime_s}
    walltime = job.demand.walltime_s
    broken = frozenset(x for x in limits if walltime and walltime > x)
    size = frexp(job.expected_s)[1] if policy.run_weight and job.expected_s < inf else 0
    whose = job.user if job.demand.apart else ""
    return replace(job.demand, walltime_s=None), job.avoid, broken, size, whose


def _place(state: PoolState, policy: Policy) -> _Place:
    """The pool's hosts, with the viewer's own runs on them."""
    timed = [c for c in state.claims if c.ends_at is not None and policy.hold]
    others = [c for c in state.claims if c.ends_at is None or not policy.hold]
    hosts = hosts_of(subtract(state.pool.free, others))
    runs = []
    for claim in largest_first(timed):
        tasks = _put_all(hosts, [claim])
        if tasks is None:
            return _Place(state, hosts_of(subtract(state.pool.free, state.claims)), [])
        runs.append(_Run(claim.ends_at or 0.0, tasks))
    return _Place(state, hosts, runs)


def _put_all(
    hosts: list[Host], claims: Sequence[Claim]
) -> list[tuple[int, Claim, list[int]]] | None:
    """Put every task on its host; None, with hosts half filled, if one finds none."""
    done = []
    for claim in largest_first(list(claims)):
        here = [0] * len(hosts)
        among = _block_for(hosts, claim)
        for _ in range(claim.count):
            best = _fullest(hosts, here, claim, among)
            if best is None:
                return None
            here[best] += 1
            done.append((best, claim, _put(hosts[best], claim)))
    return done


def _block_for(hosts: Sequence[Host], claim: Claim) -> Sequence[int]:
    """The hosts that the tasks may go to: all, or those of the block with the least room that takes
    all of them.
    """
    everywhere, level = range(len(hosts)), abs(claim.within) - 1
    if not claim.within:
        return everywhere
    blocks: dict[int, list[int]] = {}
    for i, host in enumerate(hosts):
        if level < len(host.block) and host.block[level] >= 0:
            blocks.setdefault(host.block[level], []).append(i)
    found = []
    for number, members in blocks.items():
        room = sum(_tasks_alone(hosts[i], claim) for i in members)
        if room >= claim.count:
            found.append((room, number))
    if not found:
        return everywhere if claim.within < 0 else []
    return blocks[min(found)[1]]


def _tasks_alone(host: Host, claim: Claim) -> int:
    """How many of the tasks the host takes."""
    (copy,), tasks = _copies([host]), 0
    while tasks < min(claim.count, claim.per_host) and _takes(copy, claim):
        _put(copy, claim)
        tasks += 1
    return tasks


def _fullest(
    hosts: Sequence[Host], here: Sequence[int], claim: Claim, among: Sequence[int]
) -> int | None:
    """The host of the next task, `here` being how many of the claim's tasks each has."""
    fitting = [i for i in among if here[i] < claim.per_host and _takes(hosts[i], claim)]
    return min(fitting, key=lambda i: (*_fullness(hosts[i], claim), -here[i]), default=None)


def _copies(hosts: Sequence[Host]) -> list[Host]:
    return [replace(h, devices=list(h.devices)) for h in hosts]


def _fits(hosts: Sequence[Host], claims: Sequence[Claim]) -> bool:
    return _put_all(_copies(hosts), claims) is not None


def _may_go(place: _Place, job: WaitingJob, now: float) -> bool:
    """Whether the job fits now, and leaves the room that is kept for others."""
    claims = claims_on(place.state.pool, job.demand)
    if place.closed or not _fits(place.hosts, claims):
        return False
    return all(_fits(k.hosts, claims) for k in place.kept if k.start < now + job.expected_s)


def _start(place: _Place, job: WaitingJob, now: float) -> None:
    claims = claims_on(place.state.pool, job.demand)
    tasks = _put_all(place.hosts, claims)
    assert tasks is not None
    place.runs.append(_Run(now + job.expected_s, tasks))
    for kept in place.kept:
        if kept.start < now + job.expected_s:
            _put_all(kept.hosts, claims)


def _keep(takes: list[_Place], policy: Policy, job: WaitingJob, now: float) -> str | None:
    """Keep the best pool to wait for; its identifier."""
    found = []
    for place in takes:
        if place.closed or len(place.kept) >= policy.depth:
            continue
        start = _earliest(place, job, now)
        found.append((_cost_later(policy, place, job, start - now), place.state.pool.id, start))
    if not found:
        return None
    _, pool, start = min(found)
    place = next(p for p in takes if p.state.pool.id == pool)
    claims, end = claims_on(place.state.pool, job.demand), start + job.expected_s
    hosts = _copies(place.hosts)
    if start < inf:
        hosts = _at(place, start, now)
        _put_all(hosts, claims)
        for kept in place.kept:
            if start <= kept.start < end:
                _put_all(kept.hosts, claims)
    place.kept.append(_Kept(start, end, claims, hosts))
    place.closed = not policy.backfill or start == inf
    return pool


def _at(place: _Place, time: float, now: float) -> list[Host]:
    """The hosts at a later time: runs have ended, and what is kept has begun."""
    hosts = _copies(place.hosts)
    for run in place.runs:
        if max(now, run.end) <= time:
            for host, claim, devices in run.tasks:
                _take_back(hosts[host], claim, devices)
    for kept in place.kept:
        if kept.start <= time < kept.end:
            _put_all(hosts, kept.claims)
    return hosts


def _earliest(place: _Place, job: WaitingJob, now: float) -> float:
    claims = claims_on(place.state.pool, job.demand)
    times = {max(now, r.end) for r in place.runs} | {k.end for k in place.kept}
    if place.kept:
        times.add(now)
    for time in sorted(t for t in times if t < inf):
        beside = [k for k in place.kept if time < k.start < time + job.expected_s]
        if _fits(_at(place, time, now), claims) and all(_fits(k.hosts, claims) for k in beside):
            return time
    return inf


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
        and set(demand.traits) <= set(pool.traits)
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
    """What the groups would claim there: tasks, or whole hosts for an exclusive group."""
    return [_claim(pool, group) for group in demand.groups]


def _claim(pool: Pool, group: TaskGroup) -> Claim:
    tasks = Claim(
        group.cpu_milli,
        group.memory_bytes,
        group.device.milli if group.device else 0,
        _count(pool, group),
        per_host=group.max_per_host or MOST,
        within=_within_level(pool, group),
    )
    if not group.exclusive:
        return tasks
    hosts, loose = 0, replace(tasks, within=0)
    while tasks.count > 0:
        empty, each = hosts_of(all_free(1, pool.shape)), 0
        while (
            each < tasks.count
            and place_slowly(shapes_of(empty), [replace(loose, count=each + 1)]) is not None
        ):
            each += 1
        if not each:
            return tasks
        tasks, hosts = replace(tasks, count=tasks.count - each), hosts + 1
    shape = pool.shape
    amounts = shape.cpu_milli, shape.memory_bytes, DEVICE_MILLI * shape.devices
    return Claim(*amounts, hosts, within=tasks.within)


def _within_level(pool: Pool, group: TaskGroup) -> int:
    """The number of the level that the group asks for, below 0 if it may do without."""
    if group.topology is None or group.topology.level not in pool.levels:
        return 0
    number = pool.levels.index(group.topology.level) + 1
    return number if group.topology.required else -number


def place_slowly(free: Free, claims: Sequence[Claim]) -> Free | None:
    """What is left with every task of every claim on a host, or None."""
    hosts = hosts_of(free)
    return None if _put_all(hosts, claims) is None else shapes_of(hosts)


def hosts_of(free: Free) -> list[Host]:
    """The histogram as single hosts."""
    return [
        Host(s.cpu_milli, s.memory_bytes, [m for m, n in s.devices for _ in range(n) if m], s.block)
        for s in free
        for _ in range(s.hosts)
    ]


def shapes_of(hosts: Sequence[Host]) -> Free:
    """Single hosts as a histogram."""
    shapes = []
    for host in hosts:
        left = [milli for milli in host.devices if milli]
        devices = tuple((milli, left.count(milli)) for milli in sorted(set(left)))
        shapes.append(FreeShape(host.cpu_milli, host.memory_bytes, devices, 1, host.block))
    return merged(shapes)


def _takes(host: Host, claim: Claim) -> bool:
    if host.cpu_milli < claim.cpu_milli or host.memory_bytes < claim.memory_bytes:
        return False
    if claim.device_milli < DEVICE_MILLI:
        return any(milli >= claim.device_milli for milli in host.devices) or not claim.device_milli
    return host.devices.count(DEVICE_MILLI) * DEVICE_MILLI >= claim.device_milli


def _put(host: Host, claim: Claim) -> list[int]:
    """Book one task; gives the devices that it took from."""
    host.cpu_milli -= claim.cpu_milli
    host.memory_bytes -= claim.memory_bytes
    took = []
    if claim.device_milli >= DEVICE_MILLI:
        for _ in range(-(-claim.device_milli // DEVICE_MILLI)):
            took.append(host.devices.index(DEVICE_MILLI))
            host.devices[took[-1]] = 0
    elif claim.device_milli:
        used = min(milli for milli in host.devices if milli >= claim.device_milli)
        took.append(host.devices.index(used))
        host.devices[took[0]] -= claim.device_milli
    return took


def _take_back(host: Host, claim: Claim, devices: list[int]) -> None:
    host.cpu_milli += claim.cpu_milli
    host.memory_bytes += claim.memory_bytes
    for device in devices:
        host.devices[device] += min(claim.device_milli, DEVICE_MILLI)


def _fullness(host: Host, claim: Claim) -> tuple[object, ...]:
    share = 0 < claim.device_milli < DEVICE_MILLI
    used = min(milli for milli in host.devices if milli >= claim.device_milli) if share else 0
    (shape,) = shapes_of([host])
    amounts = sum(host.devices), host.cpu_milli, host.memory_bytes
    return used, *amounts, shape.devices, host.block


def _within(value: int | None, limit: int | None, unknown: bool) -> bool:
    """Whether `value` keeps to `limit`; `unknown` is the answer for an unknown value."""
    if limit is None:
        return True
    return unknown if value is None else value <= limit


def _group_suits(pool: Pool, group: TaskGroup) -> bool:
    if group.device and 0 < group.device.milli < DEVICE_MILLI and WHOLE_DEVICES in pool.traits:
        return False
    if group.stacks and not set(group.stacks) & set(pool.traits):
        return False
    if group.fabric and pool.fabric not in group.fabric:
        return False
    if group.topology and group.topology.required and group.topology.level not in pool.levels:
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
    claims = claims_on(pool, demand)
    devices = sum(c.count * c.device_milli for c in claims)
    cores = sum(c.count * c.cpu_milli for c in claims)
    milli = devices * pool.price_micro_per_device_hour + cores * pool.price_micro_per_core_hour
    return -(-milli // 1000)


def _gflops(pool: Pool, precision: Precision | None) -> int | None:
    for name, value in pool.measured_gflops if pool.shape.devices else ():
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
    known = zip(pool.blocks, block_paths(pool.blocks), strict=True)
    paths = [path for block, path in known for _ in range(block.hosts)]
    paths += [()] * (pool.hosts - len(paths))
    devices = [DEVICE_MILLI] * shape.devices
    return shapes_of([Host(shape.cpu_milli, shape.memory_bytes, devices, path) for path in paths])


def _cost_now(policy: Policy, place: _Place, job: WaitingJob) -> float:
    hosts = _copies(place.hosts)
    _put_all(hosts, claims_on(place.state.pool, job.demand))
    pool = place.state.pool
    spare = idle(pool, shapes_of(hosts)) / max(1, size(pool))
    cost = _settled(policy, pool, job) + APART_COST * _near(place, job)
    cost += policy.spare_weight * spare
    need = taken(pool, claims_on(pool, job.demand))
    used = sum(size(p.state.pool) - idle(p.state.pool, shapes_of(p.hosts)) for p in place.site)
    return cost + _use(policy, place, job, used + need)


def _alike(pool: Pool, other: Pool) -> bool:
    """Whether both are of one site and counted alike: by devices, or by cores."""
    return pool.site == other.site and bool(pool.devices) == bool(other.devices)


def _use(policy: Policy, place: _Place, job: WaitingJob, used: int) -> float:
    """What it costs that so much of the site is in use."""
    claims = claims_on(place.state.pool, job.demand)
    milli, cpu = sum(_milli(c) for c in claims), sum(c.cpu_milli * c.count for c in claims)
    cost = policy.use_weight * (milli / 1000 if milli else cpu / 8000)
    for _ in range(policy.use_power):
        cost *= used / max(1, sum(size(p.state.pool) for p in place.site))
    return cost


def _milli(claim: Claim) -> int:
    whole = claim.device_milli >= DEVICE_MILLI
    each = -(-claim.device_milli // DEVICE_MILLI) * DEVICE_MILLI if whole else claim.device_milli
    return each * claim.count


def _cost_later(policy: Policy, place: _Place, job: WaitingJob, wait_s: float) -> float:
    """As if all that runs there had ended by then."""
    pool = place.state.pool
    left = size(pool) - taken(pool, claims_on(pool, job.demand))
    waiting = policy.start_weight * (min(wait_s, UNKNOWN_START_S) / 3600)
    spare = policy.spare_weight * (left / max(1, size(pool)))
    use = _use(policy, place, job, taken(pool, claims_on(pool, job.demand)))
    apart = APART_COST * _near(place, job)
    return _settled(policy, pool, job) + apart + use + waiting + spare


def _settled(policy: Policy, pool: Pool, job: WaitingJob) -> float:
    latency = UNKNOWN_LATENCY_MS if pool.latency_us is None else pool.latency_us / 1000
    # How long it runs counts by its size, a power of two.
    length = 2.0 ** frexp(job.expected_s)[1] / 3600 if job.expected_s < inf else 0.0
    return (
        0.0
        + policy.price_weight * (_price(pool, job.demand) / 1e6)
        + policy.latency_weight * latency
        + policy.hop_weight * pool.hops
        + policy.run_weight * length
        + policy.surplus_weight * _surplus(pool, job.demand)
    )


def _surplus(pool: Pool, demand: Demand) -> float:
    """Devices of the hosts beside those that tasks ask for, if each had a host of its own."""
    return float(
        sum(
            _count(pool, g)
            * max(0, pool.shape.devices - (-(-g.device.milli // DEVICE_MILLI) if g.device else 0))
            for g in demand.groups
            if not g.exclusive
        )
    )
