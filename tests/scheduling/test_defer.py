"""What is put off, and when: as a server decides it, so does a simulation, and never too late."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import claim, demand, group, pool, state
from weir.core.inventory import Pool
from weir.scheduling.defer import Booked, Deferrable, put_off
from weir.scheduling.energy import Energy, Forecast
from weir.scheduling.policies import policy
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob
from weir.sim.curves import Curve
from weir.sim.engine import Options, energies
from weir.sim.stage import stage
from weir.sim.workload import workload

HOUR = 3600.0
NOW = 1_700_002_800.0  # a whole hour
CHEAPEST = policy("cheapest")


def small(site: str, hosts: int) -> Pool:
    return pool(f"{site}-gpu", hosts=hosts, devices=1, site=site, model="NVIDIA A100")


def priced(prices: dict[str, list[float]], begin: float = NOW) -> dict[str, Energy]:
    return {
        site: Energy(device_w=1000.0, price=Forecast(begin, HOUR, np.array(told)))
        for site, told in prices.items()
    }


def asking(name: str, hours: float, patience_h: float, **fields: object) -> Deferrable:
    job = WaitingJob(name, demand(group(devices=1)), 0, NOW, length_s=hours * HOUR)
    return Deferrable(replace(job, **fields), NOW + patience_h * HOUR)  # type: ignore[arg-type]


def seen(prices: dict[str, list[float]], *pools: PoolState, now: float = NOW) -> Snapshot:
    return Snapshot(now, pools or (state(small("a", 1)),), energy=priced(prices))


def test_the_time_and_what_it_saves_are_told() -> None:
    (found,) = put_off(seen({"a": [4, 4, 1, 4]}), CHEAPEST, [asking("j", 1, 8)])
    assert (found.job, found.start_at, found.ends_at) == ("j", NOW + 2 * HOUR, NOW + 3 * HOUR)
    assert (found.pool, found.amount, found.what) == ("a-gpu", 1000, "price")
    assert found.saves == pytest.approx(0.75)


def test_in_the_middle_of_an_hour_starts_are_whole_hours() -> None:
    now = NOW + 1800
    (found,) = put_off(seen({"a": [4, 4, 1, 4]}, now=now), CHEAPEST, [asking("j", 1, 8)])
    assert found.start_at == NOW + 2 * HOUR


def test_rent_counts_in_what_is_saved() -> None:
    """A kW for an hour at 1 instead of 4, and 2 for the device: 3 instead of 6."""
    rented = replace(small("a", 1), price_micro_per_device_hour=2_000_000)
    there = seen({"a": [4, 4, 1, 4]}, state(rented))
    (found,) = put_off(there, CHEAPEST, [asking("j", 1, 8)])
    assert found.saves == pytest.approx(0.5)


def test_who_finds_the_cheap_hour_full_may_have_it_elsewhere() -> None:
    pools = state(small("a", 1)), state(small("b", 1))
    there = seen({"a": [9, 9, 1, 9], "b": [9, 9, 9, 3]}, *pools)
    first, second = put_off(there, CHEAPEST, [asking("i", 1, 6), asking("j", 1, 6)])
    assert (first.pool, first.start_at) == ("a-gpu", NOW + 2 * HOUR)
    assert (second.pool, second.start_at) == ("b-gpu", NOW + 3 * HOUR)


def test_what_runs_and_what_is_booked_is_in_the_way() -> None:
    there = seen({"a": [9, 1, 2, 3, 4, 9]}, state(small("a", 1), claim(1, ends_at=NOW + 2 * HOUR)))
    booked = [Booked("a-gpu", 1000, NOW + 2 * HOUR, NOW + 3 * HOUR)]
    (found,) = put_off(there, CHEAPEST, [asking("j", 1, 8)], booked)
    assert found.start_at == NOW + 3 * HOUR


def test_where_nothing_is_free_nor_cheaper_before_it_waits_for_room_and_says_no_share() -> None:
    there = seen({"a": [1, 1, 2, 3, 9]}, state(small("a", 1), claim(1, ends_at=NOW + 2 * HOUR)))
    (found,) = put_off(there, CHEAPEST, [asking("j", 1, 3)])
    assert (found.start_at, found.saves) == (NOW + 2 * HOUR, None)


def test_a_deadline_bounds_patience() -> None:
    late = asking("j", 2, 8, deadline_at=NOW + 4 * HOUR)
    (found,) = put_off(seen({"a": [9, 9, 4, 1, 1, 1]}), CHEAPEST, [late])
    assert found.start_at == NOW + 2 * HOUR


@pytest.mark.parametrize("name", ["fastest", "balanced", "optimal"])
def test_other_policies_put_nobody_off(name: str) -> None:
    assert put_off(seen({"a": [4, 1]}), policy(name), [asking("j", 1, 8)]) == ()


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, list[float]], list[int], list[tuple[int, int]]]:
    sites = draw(st.integers(1, 3))
    price = st.lists(st.integers(1, 9).map(float), min_size=16, max_size=16)
    prices = {f"s{n}": draw(price) for n in range(sites)}
    hosts = [draw(st.integers(1, 2)) for _ in range(sites)]
    jobs = draw(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 8)), min_size=1, max_size=6))
    return prices, hosts, jobs


@settings(max_examples=60, deadline=None)
@given(cases())
def test_a_server_decides_as_a_simulation_does(
    case: tuple[dict[str, list[float]], list[int], list[tuple[int, int]]],
) -> None:
    prices, hosts, jobs = case
    pools = [small(site, n) for site, n in zip(prices, hosts, strict=True)]
    load = workload(
        "some",
        ids=tuple(str(n) for n in range(len(jobs))),
        submit_s=np.zeros(len(jobs)),
        duration_s=np.array([length for length, _ in jobs]) * HOUR,
        patience_s=np.array([patience for _, patience in jobs]) * HOUR,
        device_milli=np.full(len(jobs), 1000),
        epoch_s=NOW,
    )
    curves = {s: Curve(s, "EUR/kWh", NOW, HOUR, np.array(p)) for s, p in prices.items()}
    options = Options(price=curves, power_w=1000.0)
    there = stage(load, pools, CHEAPEST, energies(load, pools, options), options)
    simulated = np.empty(len(jobs))
    simulated[there.order] = there.replay.eligible_s
    now = Snapshot(NOW, tuple(state(p) for p in pools), energy=priced(prices))
    asks = [asking(str(n), length, patience) for n, (length, patience) in enumerate(jobs)]
    found = {p.job: p for p in put_off(now, CHEAPEST, asks)}
    for n, (_, patience) in enumerate(jobs):
        start = found[str(n)].start_at - NOW if str(n) in found else 0.0
        assert start == simulated[n]
        assert start <= patience * HOUR
