"""Deferrable jobs start in good hours where room is left, and what comes later changes nothing."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sim.test_bound import cases
from weir.core.inventory import HostShape, Pool, all_free
from weir.scheduling import ledger
from weir.scheduling.compiled import compile_modules
from weir.scheduling.ledger import Asks, Found, Rooms, plan_starts
from weir.scheduling.policies import policy
from weir.sim.bound import Supply, Work, least_cost
from weir.sim.curves import Curve
from weir.sim.engine import Options, simulate
from weir.sim.foreseen import STEP_S, foreseen
from weir.sim.outcome import Outcome
from weir.sim.workload import Floats, Workload, workload

HOUR = 3600.0
GIB = 2**30


def a_pool(site: str, hosts: int) -> Pool:
    shape = HostShape(8000, 64 * GIB, 1)
    return Pool(
        id=f"{site}/gpu", name="gpu", cluster=site, site=site, site_name=site, hosts=hosts,
        shape=shape, free=all_free(hosts, shape), device_model="NVIDIA A100", emulated=True,
        currency="EUR",
    )  # fmt: skip


def jobs(submit_h: list[float], run_h: list[float], patience_h: list[float]) -> Workload:
    rows = len(submit_h)
    return workload(
        "some",
        ids=tuple(str(n) for n in range(rows)),
        submit_s=np.array(submit_h) * HOUR,
        duration_s=np.array(run_h) * HOUR,
        device_milli=np.full(rows, 1000),
        patience_s=np.array(patience_h) * HOUR,
        epoch_s=0.0,
    )


def played(load: Workload, prices: dict[str, list[float]], hosts: int, name: str) -> Outcome:
    """On a pool a site, with a price for each hour."""
    pools = [a_pool(site, hosts) for site in prices]
    curves = {s: Curve(s, "EUR/kWh", 0.0, HOUR, np.array(p)) for s, p in prices.items()}
    return simulate(load, pools, policy(name), options=Options(price=curves, power_w=1000.0))


def test_a_deferrable_job_waits_for_the_cheap_hour_and_another_does_not() -> None:
    load = jobs([0, 0], [1, 1], [6, 0])
    found = played(load, {"north": [9.0, 9.0, 9.0, 1.0, 9.0, 9.0, 9.0, 9.0]}, 4, "cheapest")
    assert found.start_s.tolist() == [3 * HOUR, 0.0]


def test_a_policy_that_weighs_no_energy_defers_nobody() -> None:
    found = played(jobs([0], [1], [6]), {"north": [9.0, 1.0, 1.0]}, 4, "fifo")
    assert found.start_s.tolist() == [0.0]


def test_the_cheap_hour_is_full_for_who_comes_third() -> None:
    """One device: whoever is third finds the two cheap hours booked and takes the next best."""
    load = jobs([0, 0, 0], [1, 1, 1], [6, 6, 6])
    found = played(load, {"north": [9.0, 9.0, 1.0, 2.0, 5.0, 9.0, 9.0, 9.0]}, 1, "cheapest")
    assert sorted(found.start_s.tolist()) == [2 * HOUR, 3 * HOUR, 4 * HOUR]


def test_a_small_cheap_site_does_not_draw_everybody_into_its_hours() -> None:
    """The cheap site has one device. Who can't have it runs in the best hour of the other site."""
    prices = {"a": [9.0, 9.0, 9.0, 1.0, 9.0, 9.0], "b": [9.0, 4.0, 9.0, 9.0, 9.0, 9.0]}
    found = played(jobs([0, 0], [1, 1], [5, 5]), prices, 1, "cheapest")
    assert sorted(found.start_s.tolist()) == [1 * HOUR, 3 * HOUR]


def test_a_saving_that_is_too_small_is_not_worth_the_wait() -> None:
    found = played(jobs([0], [1], [6]), {"north": [1.0, 0.97, 0.97]}, 1, "cheapest")
    assert found.start_s.tolist() == [0.0]


def test_a_known_intensity_is_not_weighed_as_unknown_too() -> None:
    """The clean site needs twice the power for its cooling, and still emits least."""
    load = jobs([0], [1], [0])
    curves = {
        s: Curve(s, "g/kWh", 0.0, HOUR, np.full(4, g)) for s, g in (("a", 300.0), ("b", 60.0))
    }
    options = Options(carbon=curves, pue={"a": 1.0, "b": 2.0}, power_w=1000.0)
    found = simulate(load, [a_pool("a", 2), a_pool("b", 2)], policy("greenest"), options=options)
    assert found.pools[int(found.pool[0])].site == "b"
    assert found.carbon_g[0] == pytest.approx(120.0)


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[Asks, Rooms]:
    """Up to 6 jobs of 2 classes on 2 rooms over 40 hours."""
    count = draw(st.integers(1, 6))
    quarter = st.integers(0, 24)

    def some(low: int = 0) -> Floats:
        drawn = draw(st.lists(quarter, min_size=count, max_size=count))
        return np.asarray(np.maximum(low, drawn), dtype=np.float64) * HOUR / 4

    rates = draw(st.lists(st.integers(-1, 9), min_size=80, max_size=80))
    total = np.zeros((2, 41))
    total[:, 1:] = np.cumsum(np.array(rates, dtype=np.float64).reshape(2, 40), axis=1)
    cost = np.zeros((2, 2))
    cost[1, draw(st.integers(0, 1))] = inf
    asks = Asks(
        np.sort(some()), some(), some(1), np.array([draw(st.integers(0, 1)) for _ in range(count)])
    )
    width = np.array([[1.0, 1.0], [2.0, 2.0]])
    return asks, Rooms(np.array([2.0, 3.0]), total, np.zeros((2, 40)), cost, np.ones((2, 2)), width)


def kept(asks: Asks, rooms: Rooms) -> tuple[Found, Rooms]:
    rooms = rooms._replace(used=np.zeros_like(rooms.used))
    count = len(asks.submit_s)
    found = Found(np.zeros(count), np.zeros(count), np.full(count, -1, dtype=np.int64))
    plan_starts(asks, rooms, HOUR, 0.05, 24, found)
    return found, rooms


@settings(max_examples=80, deadline=None)
@given(ledgers(), st.integers(1, 6))
def test_nothing_that_comes_later_changes_what_was_decided(
    case: tuple[Asks, Rooms], first: int
) -> None:
    asks, rooms = case
    found, full = kept(asks, rooms)
    some, _ = kept(Asks(*(column[:first] for column in asks)), rooms)
    assert found.eligible_s[:first].tolist() == some.eligible_s.tolist()
    assert (found.eligible_s >= asks.submit_s).all()
    assert (found.eligible_s <= asks.submit_s + asks.patience_s).all()
    assert (full.used <= full.size[:, None] * (1 + 1e-6)).all()
    suits = rooms.cost[asks.klass, np.maximum(found.room, 0)] < inf
    assert (suits | (found.room < 0)).all()


def test_compiled_it_decides_the_same() -> None:
    chance = np.random.default_rng(7)
    count = 60
    asks = Asks(
        np.sort(chance.uniform(0, 20, count)) * HOUR,
        np.where(chance.random(count) < 0.5, 8 * HOUR, 0.0),
        chance.uniform(0.1, 9, count) * HOUR,
        chance.integers(0, 2, count),
    )
    total = np.zeros((3, 61))
    total[:, 1:] = np.cumsum(chance.uniform(0, 5, (3, 60)), axis=1)
    width = np.repeat([[1.0], [2.0]], 3, axis=1)
    size, nothing = np.array([4.0, 5.0, 6.0]), np.zeros((2, 3))
    rooms = Rooms(size, total, np.zeros((3, 60)), nothing, np.ones((2, 3)), width)
    slow, _ = kept(asks, rooms)
    quick = Found(np.zeros(count), np.zeros(count), np.full(count, -1, dtype=np.int64))
    compile_modules(ledger).plan_starts(asks, rooms, HOUR, 0.05, 24, quick)
    assert quick.eligible_s.tolist() == slow.eligible_s.tolist()
    assert quick.room.tolist() == slow.room.tolist()


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from([1, 2, 24]))
def test_no_bound_is_above_a_plan_that_knows_everything(
    case: tuple[Work, Supply], block: int
) -> None:
    work, supply = case
    plain = Work(
        work.earliest_s, work.latest_s, work.duration_s, work.devices, work.fits,
        np.zeros_like(work.extra), work.patient_s,
    )  # fmt: skip
    plan = foreseen(plain, supply)
    assert plan.nowhere == 0
    as_late = Work(
        plain.earliest_s, np.maximum(plain.latest_s, plan.start_s), plain.duration_s,
        plain.devices, plain.fits, plain.extra, plain.patient_s,
    )  # fmt: skip
    assert least_cost(as_late, supply, block).value <= plan.price + 1e-6


def test_who_knows_all_gives_the_cheap_place_to_the_long_job() -> None:
    """The short job comes first: whoever does not know of the long one gives it the cheap place."""
    work = Work(
        earliest_s=np.array([[0.0, 0.0], [HOUR, HOUR]]),
        latest_s=np.array([0.0, HOUR]),
        duration_s=np.array([2 * HOUR, 20 * HOUR]),
        devices=np.ones(2),
        fits=np.ones((2, 2), dtype=np.bool_),
        extra=np.zeros((2, 2)),
        patient_s=np.array([0.0, HOUR]),
    )
    plan = foreseen(work, Supply(np.ones(2), np.array([[1.0], [3.0]])))
    assert plan.site.tolist() == [1, 0]
    assert plan.price == pytest.approx(2 * 3 + 20 * 1)
    assert HOUR % STEP_S == 0  # blocks of the bound are whole steps
