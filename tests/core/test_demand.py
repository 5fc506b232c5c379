"""A demand keeps its value through JSON: what was scheduled by is what is read back."""

import json

from hypothesis import given
from hypothesis import strategies as st

from weir.core.demand import (
    APART_LEVELS,
    Apart,
    Demand,
    DeviceRequest,
    TaskGroup,
    from_record,
    to_record,
)
from weir.core.devices import Precision

names = st.text(max_size=8)
some = st.lists(names, max_size=3).map(tuple)
amounts = st.integers(0, 2**62)
devices = st.builds(
    DeviceRequest,
    milli=st.integers(1, 64_000),
    models=some,
    memory_bytes=amounts,
    precision=st.none() | st.sampled_from(Precision),
    gflops=amounts,
    total_gflops=amounts,
)
groups = st.builds(
    TaskGroup,
    name=names,
    count=st.integers(0, 1000),
    cpu_milli=amounts,
    memory_bytes=amounts,
    device=st.none() | devices,
    stacks=some,
    fabric=some,
    max_per_host=st.none() | st.integers(1, 1000),
    exclusive=st.booleans(),
)
demands = st.builds(
    Demand,
    groups=st.lists(groups, min_size=1, max_size=3).map(tuple),
    regions=some,
    industries=some,
    countries=some,
    sites=some,
    max_latency_us=st.none() | amounts,
    max_price_micro_per_hour=st.none() | amounts,
    walltime_s=st.none() | amounts,
    allow_emulated=st.booleans(),
    excluded_domains=some,
    pinned_pool=st.none() | names,
    apart=st.none() | st.builds(Apart, names, st.sampled_from(APART_LEVELS), st.booleans()),
)


@given(demands)
def test_what_is_written_is_read_back_equal(demand: Demand) -> None:
    again = from_record(json.loads(json.dumps(to_record(demand))))
    assert again == demand
    assert hash(again) == hash(demand)
    assert to_record(again) == to_record(demand)


@given(demands, demands)
def test_two_demands_have_one_record_only_if_they_are_equal(one: Demand, other: Demand) -> None:
    assert (to_record(one) == to_record(other)) == (one == other)
