"""Where could this run: every pool answers, and every no says what was needed and what there is."""

import pytest
from hypothesis import given

from tests.scheduling.builders import (
    A100,
    ASCEND,
    GIB,
    H100,
    claim,
    demand,
    demands,
    group,
    pool,
    snapshot,
    snapshots,
    state,
)
from weir.core.demand import Demand
from weir.core.devices import Precision
from weir.core.errors import BadInput
from weir.core.inventory import Pool
from weir.core.plan import Reason
from weir.scheduling.changes import relaxations
from weir.scheduling.feasible import judge
from weir.scheduling.find import Found, find
from weir.scheduling.policies import policy
from weir.scheduling.reference import suits
from weir.scheduling.snapshot import PoolState, Snapshot


def found(wanted: Demand, *pools: Pool | PoolState, by: str = "balanced") -> Found:
    return find(snapshot(*pools), wanted, policy(by))


def test_a_pool_that_fits_is_a_candidate_and_has_no_rejection() -> None:
    answer = found(demand(), pool("a"))
    assert [c.pool for c in answer.candidates] == ["a"]
    assert answer.candidates[0].now
    assert not answer.rejections
    assert not answer.reasons


@pytest.mark.parametrize(
    ("wanted", "place", "text"),
    [
        (demand(group()), pool("a", devices=0), "DEVICE_NONE needed=1 per task best=none"),
        (
            demand(group(models=(ASCEND,))),
            pool("a"),
            f"DEVICE_MODEL needed={ASCEND} best={H100}",
        ),
        (
            demand(group(memory_bytes=80 * GIB)),
            pool("a", model=ASCEND),
            "DEVICE_MEMORY needed=80 GiB best=64 GiB",
        ),
        (
            demand(group(memory_bytes=80 * GIB)),
            pool("a", model="secret"),
            "DEVICE_MEMORY needed=80 GiB best=unknown",
        ),
        (
            demand(group(precision=Precision.FP16, gflops=1_000_000)),
            pool("a"),
            "DEVICE_PERFORMANCE needed=1 PFLOPS fp16 best=989.4 TFLOPS fp16",
        ),
        (
            demand(group(0, precision=Precision.INT8, total_gflops=1000)),
            pool("a", model="secret"),
            "DEVICE_PERFORMANCE needed=a known int8 performance best=unknown",
        ),
        (
            demand(group(stacks=("cann", "rocm"))),
            pool("a", traits=("cuda",)),
            "STACK needed=cann or rocm best=cuda",
        ),
        (demand(group(fabric=("ib",))), pool("a"), "FABRIC needed=ib best=none"),
        (
            demand(group(cpu=65)),
            pool("a"),
            "HOST_CPU needed=65 cores per host best=64 cores per host",
        ),
        (
            demand(group(memory=513)),
            pool("a"),
            "HOST_MEMORY needed=513 GiB per host best=512 GiB per host",
        ),
        (
            demand(group(devices=16)),
            pool("a"),
            "HOST_DEVICES needed=16 devices per host best=8 devices per host",
        ),
        (demand(group(3, devices=8)), pool("a"), "GANG needed=3 tasks best=2 tasks"),
        (
            demand(group(0, devices=8, precision=Precision.FP16, total_gflops=20_000_000)),
            pool("a"),
            "GANG needed=20 PFLOPS fp16 best=15.8304 PFLOPS fp16",
        ),
        (
            demand(group(devices=0.5)),
            pool("a", traits=("whole-devices",)),
            "DEVICE_SHARE needed=0.5 of a device best=whole devices",
        ),
        (demand(regions=("north",)), pool("a", region="south"), "REGION needed=north best=south"),
        (demand(industries=("cars",)), pool("a"), "INDUSTRY needed=cars best=none"),
        (demand(countries=("CN",)), pool("a"), "COUNTRY needed=CN best=unknown"),
        (demand(sites=("other",)), pool("a"), "SITE needed=other best=Site a"),
        (
            demand(max_latency_us=5000),
            pool("a", latency_us=12_500),
            "LATENCY needed=5 ms best=12.5 ms",
        ),
        (demand(max_latency_us=5000), pool("a"), "LATENCY needed=5 ms best=unknown"),
        (
            demand(max_price_micro_per_hour=2_000_000),
            pool("a", price_micro_per_device_hour=2_500_000),
            "PRICE needed=2.00 per hour best=2.50 per hour",
        ),
        (demand(walltime_s=7200), pool("a", max_walltime_s=3600), "WALLTIME needed=2h best=1h"),
        (
            demand(allow_emulated=False),
            pool("a", emulated=True),
            "EMULATED needed=real devices best=emulated devices",
        ),
        (
            demand(excluded_domains=("d1",)),
            pool("a", domains=("d1", "d2")),
            "LOOP needed=a domain the job has not been through best=d1",
        ),
        (demand(pinned_pool="b"), pool("a"), "PINNED needed=b best=another pool"),
        (demand(), pool("a", open=False), "CLOSED needed=an open pool best=closed"),
        (
            demand(),
            pool("a", open=False, closed="open 20-8 (UTC+8)"),
            "CLOSED needed=an open pool best=open 20-8 (UTC+8)",
        ),
        (
            demand(),
            state(pool("a"), silent=True),
            "SILENT needed=a pool that is heard of best=silent",
        ),
        (
            demand(group(16)),
            state(pool("a"), claim(devices=1, count=7)),
            "BUSY needed=16 free devices best=9",
        ),
        (
            demand(group(devices=0, cpu=64)),
            state(pool("a", hosts=1, devices=0), claim(cpu=1)),
            "BUSY needed=64 free cores best=0",
        ),
    ],
)
def test_a_no_says_what_was_needed_and_what_there_is(
    wanted: Demand, place: Pool | PoolState, text: str
) -> None:
    answer = found(wanted, place)
    assert [str(r) for r in answer.rejections["a"]] == [text]
    assert str(answer.reasons[0]) == f"{text}, 1 pool"


def test_a_pool_has_all_its_reasons_and_counts_under_each() -> None:
    wanted = demand(group(models=(ASCEND,), memory_bytes=100 * GIB), regions=("north",))
    answer = found(wanted, pool("a"), pool("b", model=ASCEND), pool("c", model=A100))
    assert [r.reason for r in answer.rejections["a"]] == [
        Reason.DEVICE_MODEL,
        Reason.DEVICE_MEMORY,
        Reason.REGION,
    ]
    assert [str(r) for r in answer.reasons] == [
        "DEVICE_MEMORY needed=100 GiB best=80 GiB, 3 pools",
        "REGION needed=north best=unknown, 3 pools",
        f"DEVICE_MODEL needed={ASCEND} best={A100}, {H100}, 2 pools",
    ]


def test_a_pool_that_never_suits_is_not_said_to_be_closed_or_silent() -> None:
    answer = found(demand(regions=("north",)), state(pool("a", open=False), silent=True))
    assert [r.reason for r in answer.rejections["a"]] == [Reason.REGION]


def test_total_performance_gives_each_pool_its_own_number_of_tasks() -> None:
    wanted = demand(group(0, devices=2, precision=Precision.FP16, total_gflops=4_000_000))
    answer = found(wanted, pool("h"), pool("m", measured_gflops=(("fp16", 500_000),)))
    assert {c.pool: c.groups[0].count for c in answer.candidates} == {"h": 3, "m": 4}


def test_the_first_stack_of_the_list_that_is_there_runs() -> None:
    wanted = demand(group(stacks=("cann", "cuda")))
    places = pool("a", traits=("cuda",)), pool("b", traits=("cuda", "cann")), pool("c")
    answer = found(wanted, *places)
    assert {c.pool: c.groups[0].stack for c in answer.candidates} == {"a": "cuda", "b": "cann"}
    assert set(answer.rejections) == {"c"}


def test_price_counts_devices_shares_and_cores_of_all_tasks_and_rounds_up_once() -> None:
    wanted = demand(group(3, devices=0.25, cpu=1), group(1, devices=2, cpu=0, name="second"))
    priced = pool("a", price_micro_per_device_hour=1_000_001, price_micro_per_core_hour=7)
    (candidate,) = found(wanted, priced).candidates
    assert candidate.price_micro_per_hour == 2_750_024


def test_absurd_amounts_are_refused_and_do_not_overflow() -> None:
    huge = 2**62
    wanted = demand(group(huge, devices=8, cpu=64), max_price_micro_per_hour=1)
    answer = found(wanted, pool("a", price_micro_per_device_hour=huge))
    assert {r.reason for r in answer.rejections["a"]} == {Reason.GANG, Reason.PRICE}


def test_a_busy_pool_is_a_later_candidate_with_an_estimate_of_the_start() -> None:
    full = claim(devices=8, count=1, ends_at=1600.0), claim(devices=8, count=1, ends_at=1300.0)
    places = state(pool("a"), *full), pool("b", price_micro_per_device_hour=10**9)
    answer = found(demand(group(devices=8)), *places)
    assert [(c.pool, c.now) for c in answer.candidates] == [("b", True), ("a", False)]
    start = next(t for t in answer.candidates[1].terms if t.name == "start")
    assert (start.value, start.unit) == (300.0, "s")
    assert found(demand(group(2, devices=8)), *places).candidates[-1].terms[1].value == 600.0


def test_a_start_that_can_not_be_known_is_unknown() -> None:
    answer = found(demand(group(2, devices=8)), state(pool("a"), claim(devices=1)))
    assert answer.candidates[0].terms[1].value is None
    assert answer.candidates[0].cost > 0


def test_candidates_are_ranked_by_cost_then_by_identifier() -> None:
    cheap = pool("z", price_micro_per_device_hour=1), pool("y", price_micro_per_device_hour=1)
    answer = found(
        demand(), pool("a", price_micro_per_device_hour=5_000_000), *cheap, by="cheapest"
    )
    assert [c.pool for c in answer.candidates] == ["y", "z", "a"]


def test_each_policy_prefers_what_its_name_says() -> None:
    far = pool("far", latency_us=90_000, price_micro_per_device_hour=1_000_000, hops=2)
    near = pool("near", latency_us=1_000, price_micro_per_device_hour=9_000_000)
    small = pool("small", hosts=1, latency_us=90_000, price_micro_per_device_hour=9_000_000)
    wanted, places = demand(group(7)), (far, near, small)
    assert found(wanted, *places, by="cheapest").candidates[0].pool == "far"
    assert found(wanted, *places, by="nearest").candidates[0].pool == "near"
    assert found(wanted, *places, by="best-fit").candidates[0].pool == "small"


def test_an_unknown_policy_names_the_known_ones() -> None:
    with pytest.raises(BadInput, match="the policies are balanced, fifo, easy"):
        policy("random")


@pytest.mark.parametrize(
    ("wanted", "place", "change"),
    [
        (
            demand(group(memory_bytes=80 * GIB)),
            pool("a", model=ASCEND),
            ("DEVICE_MEMORY", "80 GiB", "64 GiB"),
        ),
        (
            demand(max_price_micro_per_hour=2_000_000),
            pool("a", price_micro_per_device_hour=2_500_000),
            ("PRICE", "2.00 per hour", "2.50 per hour"),
        ),
        (demand(regions=("north",)), pool("a", region="south"), ("REGION", "north", "any")),
        (
            demand(group(stacks=("cuda",))),
            pool("a", traits=("slurm", "cann")),
            ("STACK", "cuda", "also a variant for cann"),
        ),
        (demand(group(3, devices=8)), pool("a"), ("GANG", "3 tasks", "2 tasks")),
        (
            demand(group(devices=16)),
            pool("a"),
            ("HOST_DEVICES", "16 devices per host", "8 devices per host"),
        ),
        (
            demand(group(precision=Precision.FP16, gflops=10**6)),
            pool("a"),
            ("DEVICE_PERFORMANCE", "1 PFLOPS fp16", "989.4 TFLOPS fp16"),
        ),
        (demand(max_latency_us=5), pool("a"), ("LATENCY", "0.005 ms", "any")),
        (demand(walltime_s=90), pool("a", max_walltime_s=60), ("WALLTIME", "1m30s", "1m")),
    ],
)
def test_the_smallest_change_is_named(
    wanted: Demand, place: Pool, change: tuple[str, str, str]
) -> None:
    (named,) = found(wanted, place).changes
    assert (named.reason.value, named.wanted, named.instead) == change
    assert named.pools == 1


def test_no_change_is_named_for_a_pool_with_two_reasons_or_one_that_is_closed() -> None:
    wanted = demand(group(memory_bytes=80 * GIB), regions=("north",))
    both = pool("a", model=ASCEND)
    closed = pool("b", region="south", open=False)
    assert found(wanted, both, closed).changes == ()


def test_changes_are_ordered_by_the_pools_they_open() -> None:
    wanted = demand(group(memory_bytes=80 * GIB), regions=("north",))
    south = [pool(f"s{i}", region="south") for i in range(3)]
    small = [pool(f"m{i}", region="north", model=ASCEND) for i in range(2)]
    answer = found(wanted, *south, *small)
    assert [(c.reason, c.pools) for c in answer.changes] == [
        (Reason.REGION, 3),
        (Reason.DEVICE_MEMORY, 2),
    ]


def test_a_network_without_pools_answers() -> None:
    answer = found(demand())
    assert (tuple(answer.candidates), answer.reasons, answer.changes) == ((), (), ())


@given(snapshots(), demands())
def test_pools_suit_as_the_reference_says(seen: Snapshot, wanted: Demand) -> None:
    judgment = judge(seen.columns, wanted)
    assert judgment.suits.tolist() == [suits(s, wanted) for s in seen.routes]


@given(snapshots(), demands())
def test_every_pool_is_a_candidate_now_or_says_why_not(seen: Snapshot, wanted: Demand) -> None:
    answer = find(seen, wanted, policy())
    now = {c.pool for c in answer.candidates if c.now}
    assert now | set(answer.rejections) == {s.pool.id for s in seen.routes}
    assert not now & set(answer.rejections)
    for count in answer.reasons:
        having = [
            p for p, some in answer.rejections.items() if count.reason in [r.reason for r in some]
        ]
        assert len(having) == count.pools
    costs = [(not c.now, c.cost, c.pool) for c in answer.candidates]
    assert costs == sorted(costs)


@given(snapshots(), demands())
def test_a_change_that_is_named_makes_a_candidate(seen: Snapshot, wanted: Demand) -> None:
    before = {c.pool for c in find(seen, wanted, policy()).candidates}
    for relaxation in relaxations(judge(seen.columns, wanted)):
        after = {c.pool for c in find(seen, relaxation.demand, policy()).candidates}
        assert len(after - before) >= relaxation.change.pools > 0
