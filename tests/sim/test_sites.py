"""Sites made of an inventory: nothing lost, nothing twice, the same from the same seed."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.core.inventory import Location
from weir.sim.sites import (
    Assumptions,
    Feed,
    HostRow,
    Zone,
    as_gangs,
    bandwidth_bytes_s,
    build_sites,
    dealt,
    distance_km,
    latency_us,
    one_in,
    power_w,
    with_assumptions,
    zipf_shares,
)
from weir.sim.workload import workload

PARIS = Location(latitude=48.857, longitude=2.352)
LONDON = Location(latitude=51.507, longitude=-0.128)
FEED = Feed("a.csv", "b")
ZONES = (Zone("fr", PARIS, FEED, FEED), Zone("gb", LONDON, FEED, FEED))


def hosts(**counts: int) -> tuple[HostRow, ...]:
    """Hosts called such as `a8`: model `a`, 8 devices."""
    return tuple(
        HostRow(kind[0], int(kind[1:]), 64, f"{kind}-{at}")
        for kind, count in counts.items()
        for at in range(count)
    )


@given(
    st.integers(0, 500),
    st.lists(st.floats(0.01, 10), min_size=1, max_size=20),
)
def test_dealing_by_shares_loses_nothing_and_is_fair(count: int, weights: list[float]) -> None:
    shares = np.array(weights) / sum(weights)
    found = dealt(count, shares)
    assert found.sum() == count
    assert (np.abs(found - shares * count) < 1 + 1e-6).all()


@given(st.integers(1, 30), st.integers(0, 5), st.sampled_from([0.0, 0.5, 1.0, 2.0]))
def test_shares_are_those_of_zipf_in_some_order(sites: int, seed: int, exponent: float) -> None:
    shares = zipf_shares(sites, seed, exponent)
    rank = np.arange(1, sites + 1) ** -exponent
    assert np.sort(shares)[::-1] == pytest.approx(rank / rank.sum())


def test_every_host_stands_at_one_site() -> None:
    rows = hosts(a8=37, a1=90, b4=11)
    sites = build_sites(rows, [f"s{n}" for n in range(7)], ZONES, seed=3)
    found: Counter[tuple[str | None, int]] = Counter()
    for site in sites:
        for pool in site.pools:
            found[pool.device_model, pool.shape.devices] += pool.hosts
            assert pool.hosts > 0 and pool.emulated and pool.site == site.name
            assert sum(free.hosts for free in pool.free) == pool.hosts
            assert pool.shape.cpu_milli == 64_000
    assert found == {("a", 8): 37, ("a", 1): 90, ("b", 4): 11}
    assert sum(site.devices for site in sites) == 37 * 8 + 90 + 44
    assert len({pool.id for site in sites for pool in site.pools}) == sum(
        len(site.pools) for site in sites
    )


def test_sites_differ_in_size_but_not_from_call_to_call() -> None:
    rows, names = hosts(a8=100), [f"s{n}" for n in range(5)]
    sites = build_sites(rows, names, ZONES, seed=1)
    sizes = [site.devices for site in sites]
    assert max(sizes) > 4 * min(sizes)
    assert build_sites(rows, names, ZONES, seed=1) == sites
    assert build_sites(rows, names, ZONES, seed=2) != sites
    assert sorted(Counter(site.zone.name for site in sites).values()) == [2, 3]
    assert all(1.1 <= site.pue <= 1.6 for site in sites)


def test_a_sample_keeps_the_mix() -> None:
    found = Counter(row.model for row in one_in(hosts(a8=100, b1=42, c4=4), 10))
    assert found == {"a": 10, "b": 4}
    assert len(one_in(hosts(a8=7), 1)) == 7


def test_all_mistakes_are_told_at_once() -> None:
    with pytest.raises(BadInput) as caught:
        build_sites(hosts(a0=1), ["s", "s"], (), seed=1)
    assert [m.field for m in caught.value.mistakes] == ["rows[0]", "names", "zones"]
    with pytest.raises(BadInput):
        one_in(hosts(a8=1), 0)
    with pytest.raises(BadInput):
        zipf_shares(0, 1)


def test_power_is_the_tables_where_it_has_one() -> None:
    assert power_w("H100", 400) == 700
    assert power_w("A10", 333) == 333  # known, without a figure
    assert power_w("no such thing", 333) == power_w(None, 333) == 333


def test_ways_between_sites() -> None:
    assert distance_km(PARIS, LONDON) == pytest.approx(344, abs=3)
    assert np.isnan(distance_km(PARIS, Location()))
    sites = build_sites(hosts(a8=9), ["x", "y", "z"], ZONES, seed=1)
    assumed = Assumptions(near_gbps=80, far_gbps=8, detour=2)
    wide, far = bandwidth_bytes_s(sites, assumed), latency_us(sites, assumed)
    for a, one in enumerate(sites):
        for b, other in enumerate(sites):
            same = one.zone == other.zone
            assert wide[a, b] == (np.inf if a == b else 1e10 if same else 1e9)
            assert far[a, b] == (0 if same else pytest.approx(2 * 2 * 344 * 5, abs=60))


@given(st.integers(1, 200))
def test_gangs_keep_their_devices_and_fit_a_host(devices: int) -> None:
    tasks, each = as_gangs(np.array([devices]))
    assert int(tasks[0] * each[0]) == devices
    assert 1 <= each[0] <= 8


def test_jobs_get_gangs_patience_and_data_by_seed() -> None:
    rows = 4000
    load = workload(
        "many",
        map(str, range(rows)),
        submit_s=np.arange(rows),
        duration_s=np.ones(rows),
        device_milli=np.tile([1000, 500, 12000, 16000], rows // 4),
        cpu_milli=np.full(rows, 12000),
    )
    assumed = Assumptions(deferrable=0.25, patience_s=60.0, data_bytes=1e9, most_data_bytes=5e9)
    found = with_assumptions(load, 7, assumed)
    assert found.tasks[:4].tolist() == [1, 1, 3, 2]
    assert found.device_milli[:4].tolist() == [1000, 500, 4000, 8000]
    assert found.cpu_milli[:4].tolist() == [12000, 12000, 4000, 6000]
    assert set(found.patience_s.tolist()) == {0.0, 60.0}
    assert (found.patience_s > 0).mean() == pytest.approx(0.25, abs=0.03)
    assert np.median(found.data_bytes) == pytest.approx(1e9, rel=0.1)
    assert found.data_bytes.max() == 5e9
    again = with_assumptions(load, 7, assumed)
    assert (again.data_bytes == found.data_bytes).all()
    assert (with_assumptions(load, 8, assumed).data_bytes != found.data_bytes).any()
