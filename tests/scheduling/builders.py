"""Small builders, so that a test's setup is three lines, and strategies for property tests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from weir.core.demand import APART_LEVELS, Apart, Demand, DeviceRequest, TaskGroup, Topology
from weir.core.devices import Precision
from weir.core.inventory import Block, FreeShape, HostShape, Location, Pool, all_free_in, merged
from weir.scheduling.apart import Mate
from weir.scheduling.packing import MOST, Claim
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob

GIB = 2**30
H100 = "nvidia-h100-sxm5"
A100 = "nvidia-a100-sxm4-40gb"
ASCEND = "huawei-ascend-910b"
NOW = 1000.0


def pool(
    id: str,
    hosts: int = 2,
    devices: int = 8,
    cpu: int = 64,
    memory: int = 512,
    model: str | None = H100,
    region: str = "",
    country: str = "",
    **fields: Any,
) -> Pool:
    """A pool with everything free; CPU in cores, memory in GiB."""
    shape = HostShape(cpu * 1000, memory * GIB, devices)
    blocks = fields.get("blocks", ())
    return Pool(
        **{
            "id": id,
            "name": id,
            "cluster": f"cluster-{id}",
            "site": f"site-{id}",
            "site_name": f"Site {id}",
            "hosts": hosts,
            "shape": shape,
            "free": all_free_in(hosts, shape, blocks),
            "device_model": model if devices else None,
            "location": Location(region, country),
            **fields,
        }
    )


def state(pool: Pool, *claims: Claim, cluster: str = "", silent: bool = False) -> PoolState:
    return PoolState(pool, cluster or pool.cluster, silent, claims)


def claim(
    devices: float = 0,
    count: int = 1,
    cpu: int = 1,
    memory: int = 1,
    ends_at: float | None = None,
    per_host: int = MOST,
    within: int = 0,
) -> Claim:
    return Claim(cpu * 1000, memory * GIB, round(devices * 1000), count, ends_at, per_host, within)


def racks(*hosts: int, level: str = "rack") -> dict[str, Any]:
    """Fields of a pool whose hosts are in racks of so many: r0, r1 ..."""
    return {
        "hosts": sum(hosts),
        "levels": (level,),
        "blocks": tuple(Block((f"r{i}",), n) for i, n in enumerate(hosts)),
    }


def group(
    count: int = 1,
    devices: float = 1,
    cpu: int = 4,
    memory: int = 16,
    name: str = "main",
    stacks: tuple[str, ...] = (),
    fabric: tuple[str, ...] = (),
    max_per_host: int | None = None,
    exclusive: bool = False,
    topology: Topology | None = None,
    **request: Any,
) -> TaskGroup:
    device = DeviceRequest(milli=round(devices * 1000), **request) if devices else None
    amounts = cpu * 1000, memory * GIB, device
    return TaskGroup(name, count, *amounts, stacks, fabric, max_per_host, exclusive, topology)


def demand(*groups: TaskGroup, **wishes: Any) -> Demand:
    return Demand(groups or (group(),), **wishes)


def job(
    id: str,
    wanted: Demand | None = None,
    priority: int = 50,
    at: float = 0.0,
    avoid: tuple[str, ...] = (),
) -> WaitingJob:
    return WaitingJob(id, wanted or demand(), priority, at, frozenset(avoid))


def jobs(count: int, wanted: Demand, prefix: str = "job") -> tuple[WaitingJob, ...]:
    return tuple(job(f"{prefix}{i:05}", wanted, at=float(i)) for i in range(count))


def snapshot(*pools: Pool | PoolState, jobs: tuple[WaitingJob, ...] = ()) -> Snapshot:
    states = tuple(state(p) if isinstance(p, Pool) else p for p in pools)
    return Snapshot(NOW, states, jobs)


# Strategies: few distinct small values, so that ties, full hosts and equal jobs all happen.

DEVICES = st.lists(
    st.tuples(st.sampled_from((100, 300, 500, 700, 1000)), st.integers(1, 3)), max_size=3
)

FREE = st.lists(
    st.builds(
        lambda cpu, memory, devices, hosts, block: FreeShape(
            cpu * 1000, memory * GIB, devices, hosts, block
        ),
        st.integers(0, 6),
        st.integers(0, 6),
        DEVICES.map(lambda pairs: tuple(sorted(dict(pairs).items()))),
        st.integers(1, 3),
        st.sampled_from(((), (), (0,), (0, 0), (0, 1), (2, 2), (-1, 4))),
    ),
    max_size=4,
).map(merged)

CLAIMS = st.builds(
    claim,
    devices=st.sampled_from((0, 0.2, 0.3, 0.5, 1, 2, 3)),
    count=st.integers(0, 12),
    cpu=st.integers(0, 3),
    memory=st.integers(0, 3),
    ends_at=st.none() | st.sampled_from((NOW - 5, NOW + 10, NOW + 60)),
    per_host=st.sampled_from((MOST, MOST, 1, 2)),
    within=st.sampled_from((0, 0, 0, 1, 2, -1, -2)),
)

POOL_FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "region": st.sampled_from(("north", "south")),
        "country": st.sampled_from(("CN", "SG")),
        "site": st.just("west"),
        "cluster": st.just("c9"),
        "emulated": st.booleans(),
        "open": st.sampled_from((True, True, False)),
        "fabric": st.sampled_from(("", "roce")),
        "traits": st.sampled_from(
            ((), ("cuda",), ("cann", "cuda"), ("rocm", "slurm"), ("whole-devices",))
        ),
        "industries": st.sampled_from(((), ("steel",), ("steel", "cars"))),
        "domains": st.sampled_from(((), ("d1",), ("d1", "d2"))),
        "hops": st.integers(0, 2),
        "latency_us": st.none() | st.sampled_from((500, 20_000)),
        "price_micro_per_device_hour": st.sampled_from((0, 1_000_000, 2_500_000)),
        "price_micro_per_core_hour": st.sampled_from((0, 10_001)),
        "max_walltime_s": st.none() | st.sampled_from((60, 3600)),
        "measured_gflops": st.sampled_from(((), (("fp16", 300_000),))),
        "topology": st.sampled_from(
            (
                (("rack",), (("r0",), ("r1",))),
                (("zone", "rack"), (("a", "r0"), ("a", "r1"), ("b", "r0"))),
                (("zone", "rack"), (("a", ""), ("", "r1"))),
            )
        ),
        "model": st.sampled_from((H100, A100, ASCEND, "h100", "nothing-known", None)),
    },
)


def _pool(id: str, hosts: int, devices: int, cpu: int, memory: int, fields: Any) -> Pool:
    """Its hosts are dealt out to the blocks one by one; the last one is in none."""
    levels, names = fields.get("topology", ((), ()))
    dealt = [sum(1 for i in range(hosts - 1) if i % len(names) == n) for n in range(len(names))]
    blocks = tuple(Block(path, n) for path, n in zip(names, dealt, strict=True) if n)
    given = {name: value for name, value in fields.items() if name != "topology"}
    return pool(id, hosts, devices, cpu, memory, levels=levels, blocks=blocks, **given)


POOLS = st.builds(
    _pool,
    st.sampled_from("abcdef"),
    st.integers(1, 5),
    st.sampled_from((0, 2, 4)),
    st.sampled_from((4, 8)),
    st.sampled_from((8, 32)),
    POOL_FIELDS,
)

STATES = st.builds(
    PoolState,
    POOLS,
    st.sampled_from(("c1", "c2")),
    st.sampled_from((False, False, False, True)),
    st.lists(CLAIMS, max_size=2).map(tuple),
)


TOPOLOGIES = (Topology("rack"), Topology("zone"), Topology("rack", required=False))


@st.composite
def groups(draw: st.DrawFn, name: str = "main") -> TaskGroup:
    devices = draw(st.sampled_from((0, 0.5, 1, 2, 4)))
    request: dict[str, Any] = {}
    if devices and draw(st.booleans()):
        request = draw(
            st.fixed_dictionaries(
                {},
                optional={
                    "models": st.sampled_from(((H100,), ("h100", A100), (ASCEND,))),
                    "memory_bytes": st.sampled_from((40 * GIB, 64 * GIB, 80 * GIB)),
                    "precision": st.sampled_from((Precision.FP16, Precision.FP64)),
                    "gflops": st.sampled_from((200_000, 500_000)),
                    "total_gflops": st.sampled_from((1_000_000, 4_000_000)),
                },
            )
        )
    return group(
        count=draw(st.integers(1, 4)),
        devices=devices,
        cpu=draw(st.integers(0, 5)),
        memory=draw(st.integers(0, 10)),
        name=name,
        stacks=draw(st.sampled_from(((), (), ("cuda",), ("cann", "rocm")))),
        fabric=draw(st.sampled_from(((), (), ("roce", "ib")))),
        max_per_host=draw(st.sampled_from((None, None, None, 1, 2))),
        exclusive=draw(st.sampled_from((False, False, False, True))),
        topology=draw(st.sampled_from((None, None, None, *TOPOLOGIES))),
        **request,
    )


WISHES: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {},
    optional={
        "regions": st.just(("north",)),
        "industries": st.just(("cars",)),
        "countries": st.just(("CN",)),
        "sites": st.sampled_from((("site-a", "Site b"), ("site-c",))),
        "max_latency_us": st.just(1000),
        "max_price_micro_per_hour": st.sampled_from((0, 1_500_000, 6_000_000)),
        "walltime_s": st.sampled_from((30, 600)),
        "allow_emulated": st.booleans(),
        "excluded_domains": st.just(("d2",)),
        "pinned_pool": st.sampled_from("ab"),
    },
)


@st.composite
def demands(draw: st.DrawFn, wishes: bool = True) -> Demand:
    first = draw(groups())
    both = draw(st.sampled_from((False, False, True)))
    all_groups = (first, draw(groups(name="second"))) if both else (first,)
    few: dict[str, Any] = draw(WISHES) if wishes and draw(st.booleans()) else {}
    chosen = draw(st.lists(st.sampled_from(sorted(few)), max_size=2)) if few else []
    return Demand(all_groups, **{name: few[name] for name in chosen})


APARTS = st.builds(
    Apart, st.sampled_from(("ranks", "web")), st.sampled_from(APART_LEVELS), st.booleans()
)
USERS = st.sampled_from(("ann", "ben"))

MATES = st.builds(
    Mate,
    st.sampled_from(("m1", "m2", "m3")),
    USERS,
    APARTS,
    st.sampled_from("abcz"),
    st.sampled_from(("c9", "cluster-a")),
    st.sampled_from(("west", "site-a", "elsewhere")),
    st.sampled_from(("", "north")),
    st.none() | st.sampled_from((NOW - 5, NOW + 10)),
)


@st.composite
def snapshots(draw: st.DrawFn, apart: bool = False) -> Snapshot:
    """Few shapes of jobs, several jobs of each, over up to five routes. Now and then, or always if
    `apart`, some keep apart from others.
    """
    states = tuple(draw(st.lists(STATES, max_size=5)))
    shapes = draw(st.lists(demands(), min_size=1, max_size=3))
    mates: tuple[Mate, ...] = ()
    if apart or draw(st.sampled_from((False, False, True))):
        shapes = [replace(d, apart=draw(st.none() | APARTS)) for d in shapes]
        mates = tuple(draw(st.lists(MATES, max_size=2)))
    waiting = tuple(
        WaitingJob(
            f"j{i:02}",
            draw(st.sampled_from(shapes)),
            draw(st.sampled_from((50, 50, 80))),
            float(draw(st.integers(0, 3))),
            draw(st.sampled_from((frozenset(), frozenset(), frozenset({"a"})))),
            user=draw(USERS) if mates else "",
        )
        for i in range(draw(st.integers(0, 8)))
    )
    return Snapshot(NOW, states, waiting, mates=mates)
