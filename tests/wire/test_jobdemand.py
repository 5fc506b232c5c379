"""Demands as fields of a job file, and back."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from weir.core.demand import APART_LEVELS, Apart, Demand, DeviceRequest, TaskGroup, Topology
from weir.core.devices import Precision
from weir.wire.jobdemand import demand_of, wishes_of
from weir.wire.jobspec import CONTAINER, ENVIRONMENTS, JobSpec

names = st.sampled_from(("ib", "roce", "cuda", "cann"))
some = st.lists(names, max_size=2, unique=True).map(tuple)
levels = st.sampled_from(("rack", "zone"))
requests = st.builds(
    DeviceRequest,
    milli=st.integers(1, 999) | st.integers(1, 64).map(lambda n: n * 1000),
    models=st.sampled_from(((), ("nvidia-h20",), ("nvidia-h20", "nvidia-l20"))),
    memory_bytes=st.integers(0, 2**40),
    precision=st.sampled_from(tuple(Precision)),
    gflops=st.integers(1, 10**9),
)
groups = st.builds(
    TaskGroup,
    name=st.just("main"),
    count=st.integers(1, 1000),
    cpu_milli=st.integers(1, 10**6),
    memory_bytes=st.integers(1, 2**50),
    device=st.none() | requests,
    stacks=some,
    fabric=some,
    max_per_host=st.none() | st.integers(1, 9),
    exclusive=st.booleans(),
    topology=st.none() | st.builds(Topology, levels, st.booleans()),
)
demands = st.builds(
    Demand,
    groups=groups.map(lambda one: (one,)),
    regions=some,
    sites=some,
    max_latency_us=st.none() | st.integers(1, 10**9),
    max_price_micro_per_hour=st.none() | st.integers(1, 10**12),
    allow_emulated=st.booleans(),
    traits=st.sampled_from(((), (CONTAINER,), (ENVIRONMENTS,))),
    data=st.dictionaries(names, st.integers(1, 2**50), max_size=2).map(
        lambda found: tuple(sorted(found.items()))
    ),
    apart=st.none() | st.builds(Apart, names, st.sampled_from(APART_LEVELS), st.booleans()),
)


@given(demands)
def test_what_a_demand_wishes_is_that_demand(demand: Demand) -> None:
    spec = JobSpec.model_validate({"name": "job", **wishes_of(demand)})
    assert demand_of(spec) == demand


def test_a_total_performance_decides_the_count() -> None:
    request = DeviceRequest(1000, precision=Precision.FP16, total_gflops=2_000_000)
    demand = Demand((TaskGroup("main", 0, 1000, 2**30, request),))
    spec = JobSpec.model_validate({"name": "job", **wishes_of(replace(demand, pinned_pool="p"))})
    assert demand_of(spec) == demand
