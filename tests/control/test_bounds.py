"""One agent's number stops nobody: it is refused where it comes in, or kept within bounds."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.builders import Domain, MakeDomain, foreign, pool, spec
from weir.control.show import list_pools
from weir.core.inventory import MAX_LATENCY_US
from weir.wire.exchange import ExchangeRequest, Observation
from weir.wire.pools import Free, PoolReport, Shape


@pytest.mark.parametrize("rtt_us", [-5, MAX_LATENCY_US + 1, 2**62, 2**80])
def test_a_round_trip_that_can_not_be_is_refused(domain: Domain, rtt_us: int) -> None:
    north = domain.site("north", pool("gpu"))
    with pytest.raises(ValidationError, match="rtt_us"):
        north.exchange(rtt_us=rtt_us)
    assert domain.find().candidates


@pytest.mark.parametrize(
    "fields",
    [
        {"latency_us": MAX_LATENCY_US + 1},
        {"latency_us": -1},
        {"price_micro_per_device_hour": 2**62},
        {"price_micro_per_core_hour": 2**62},
        {"max_walltime_s": 2**62},
        {"measured_gflops": (("fp16", 2**62),)},
        {"hosts": 1_000_001},
        {"shape": Shape(cpu_milli=1, memory_bytes=2**62)},
        {"shape": Shape(cpu_milli=1, memory_bytes=1, storage_bytes=2**62)},
    ],
)
def test_a_pool_of_figures_that_can_not_be_counted_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        pool("gpu", **{"hosts": 2, **fields})


def test_hosts_and_cpus_that_can_not_be_counted_are_refused() -> None:
    with pytest.raises(ValidationError, match="cpu_milli"):
        Shape(cpu_milli=10**12 + 1, memory_bytes=1)
    with pytest.raises(ValidationError, match="hosts"):
        Free(hosts=2**62, cpu_milli=1, memory_bytes=1)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_no_number_is_endless_or_none_at_all(value: str) -> None:
    text = f'{{"seq": 1, "run": "r", "event": "started", "at": {value}}}'
    with pytest.raises(ValidationError, match="finite"):
        Observation.model_validate_json(text)


def test_counters_of_an_agent_fit_their_columns() -> None:
    call = {"cluster": "c", "incarnation": "i" * 8, "journal": "j" * 8, "sent_at": 0.0}
    for field in ("after", "generation"):
        with pytest.raises(ValidationError, match=field):
            ExchangeRequest.model_validate(call | {field: 2**63})
    seen = {"run": "r", "event": "failed", "at": 0.0}
    with pytest.raises(ValidationError, match="seq"):
        Observation.model_validate(seen | {"seq": 2**63})
    with pytest.raises(ValidationError, match="exit_code"):
        Observation.model_validate(seen | {"seq": 1, "exit_code": 2**31})


def test_the_largest_figures_of_all_are_still_found_scheduled_shown_and_passed_on(
    make_domain: MakeDomain,
) -> None:
    """An hour away behind a link that is an hour away itself: everybody goes on."""
    north = make_domain("north", "regional")
    up = north.above()
    link = north.below("works", kind="industry")
    link.exchange(rtt_us=MAX_LATENCY_US)
    north.clock.turn(20)
    link.exchange(rtt_us=MAX_LATENCY_US)
    link.report(foreign("far", of=link.identifier, **LARGEST))
    job = north.submit(spec(devices=1))
    assert north.round() == 1
    assert north.job(job).pool_name == "far"
    assert north.find(spec(devices=1)).candidates[0].pool_name == "far"
    assert list_pools(north.ctx)[0].latency_us == MAX_LATENCY_US
    [offer] = up.watch().offers
    assert offer.latency_us == MAX_LATENCY_US
    assert PoolReport.model_validate_json(offer.model_dump_json()) == offer


LARGEST: dict[str, Any] = {
    "hosts": 1_000_000,
    "cpu": 10**9,
    "memory": 4,
    "devices": 1024,
    "latency_us": MAX_LATENCY_US,
    "price_micro_per_device_hour": 10**15,
    "price_micro_per_core_hour": 10**15,
    "max_walltime_s": 10**12,
    "measured_gflops": (("fp16", 10**15),),
}
