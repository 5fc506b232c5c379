"""Pools from cores, devices, hosts; and the same jobs with every site on its own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.sim.stories import an_outcome, jobs
from weir.control.energy import catalog_w
from weir.core.demand import Demand, TaskGroup, Topology
from weir.core.errors import BadInput
from weir.core.inventory import Pool
from weir.scheduling.policies import policy
from weir.sim.apart import apart
from weir.sim.engine import Options, simulate
from weir.sim.loaders.openb import OpenbHost
from weir.sim.networks import flat_pool, host_pools, model_pools, site_pool
from weir.sim.outcome import Outcome, SimPool
from weir.sim.workload import Workload, rows_of, workload
from weir.wire.pools import Block, PoolFields, Shape

GIB = 2**30


def test_a_flat_cluster_is_one_host() -> None:
    cores = flat_pool(cores=128)
    assert (cores.hosts, cores.shape.cpu_milli, cores.shape.devices) == (1, 128_000, 0)
    assert cores.device_model is None
    devices = flat_pool(devices=600)
    assert devices.free[0].devices == ((1000, 600),)
    with pytest.raises(BadInput, match="--cores N or --devices N"):
        flat_pool()


def test_a_model_is_a_pool() -> None:
    v100, k80 = model_pools({"v100": 4, "k80": 8})
    assert (v100.id, v100.device_model, v100.devices) == ("cluster/v100", "v100", 4)
    assert k80.devices == 8


def test_equal_hosts_are_one_pool_and_hosts_without_devices_are_left_out() -> None:
    two, eight = ("T4", 2), ("V100M32", 8)
    hosts = [
        OpenbHost(f"h{i}", cpu * 1000, 256 * GIB, devices, model)
        for i, (cpu, (model, devices)) in enumerate(
            [(64, two), (96, two), (64, ("", 0)), (64, two), (96, eight)]
        )
    ]
    found = host_pools(hosts)
    assert [(p.name, p.hosts, p.devices) for p in found] == [
        ("t4-x2", 2, 4),
        ("t4-x2-96c", 1, 2),
        ("v100m32-x8", 1, 8),
    ]
    assert [p.device_model for p in found] == ["T4", "T4", "V100M32"]
    assert len({p.id for p in found}) == 3
    without = host_pools(hosts[2:3])
    assert (without[0].name, without[0].device_model) == ("cpu", None)
    with pytest.raises(BadInput, match="empty"):
        host_pools([])


def _at(site: str, devices: int) -> Pool:
    from dataclasses import replace

    return replace(flat_pool(devices=devices), id=f"{site}/all", site=site, site_name=site)


def _at_once(load: Workload, pools: tuple[Pool, ...], _before: float) -> Outcome:
    """Every job at once, in the last pool."""
    end = load.submit_s + load.duration_s
    pool = [len(pools) - 1] * len(load)
    return an_outcome(load, load.submit_s, end, [SimPool.of(p) for p in pools], pool)


def test_apart_every_job_is_at_home_or_nowhere() -> None:
    load = jobs([0, 1, 2, 3], [5] * 4, home=["north", "mars", "south", "north"])
    found = apart(load, [_at("north", 1), _at("east", 1), _at("south", 2)], _at_once)
    assert found is not None
    sites = [found.pools[p].site if p >= 0 else "" for p in found.pool.tolist()]
    assert sites == ["north", "", "south", "north"]
    assert np.isnan(found.start_s).tolist() == [False, True, False, False]
    assert found.end_s[[0, 2, 3]].tolist() == [5, 7, 8]
    assert {pool.site for pool in found.pools} == {"north", "east", "south"}
    assert found.rounds == 14
    assert found.workload is load


def test_apart_without_homes_is_nothing() -> None:
    assert apart(jobs([0], [1]), [_at("north", 1)], _at_once) is None


def test_some_rows_of_a_workload_keep_their_order_and_clock() -> None:
    load = jobs([0, 5, 9], [1, 2, 3], user=["li", "wang", "li"])
    some = rows_of(load, np.array([1, 2]))
    assert some.ids == ("j1", "j2")
    assert some.submit_s.tolist() == [5, 9]
    assert [some.user.of_row(row) for row in range(2)] == ["wang", "li"]


def test_energy_that_pools_declare_costs_what_the_catalog_says_is_drawn() -> None:
    """Eight devices for an hour, at a price that changes in the middle: half at 1, half at 3."""
    fields = PoolFields(
        name="gpu",
        hosts=1,
        shape=Shape(cpu_milli=64_000, memory_bytes=512 * GIB, devices=8),
        device_model="nvidia-h100-sxm5",
        energy_price_micro_per_kwh=(1_000_000, 3_000_000, *[9_000_000] * 22),
    )
    pool = site_pool(fields, "east", "east")
    load = workload(
        "one", ["x"], submit_s=[1800.0], duration_s=[3600.0], device_milli=[8000], cpu_milli=[1000],
        memory_bytes=[GIB],
    )  # fmt: skip
    drawn = catalog_w("nvidia-h100-sxm5")
    assert drawn is not None
    kwh = 8 * drawn[1] / 1000
    found = simulate(load, (pool,), policy("fifo"))
    assert found.energy_wh.tolist() == [pytest.approx(1000 * kwh)]
    assert found.price.tolist() == [pytest.approx(2 * kwh)]
    plain = simulate(load, (replace(pool, energy_price_micro_per_kwh=()),), policy("fifo"))
    assert not np.isfinite(plain.price).any()


def test_blocks_of_a_file_s_pools_are_simulated() -> None:
    """A gang of three that needs one rack never starts on two racks of two."""
    fields = PoolFields(
        name="gpu",
        hosts=4,
        shape=Shape(cpu_milli=1000, memory_bytes=GIB),
        levels=("rack",),
        blocks=tuple(Block(names=(name,), hosts=2) for name in ("r1", "r2")),
    )
    pool = site_pool(fields, "east", "east")
    load = workload(
        "two", ["x", "y"], submit_s=[0.0, 0.0], duration_s=[60.0, 60.0], cpu_milli=[2000, 3000],
        kind=["two", "three"], memory_bytes=[GIB, GIB],
    )  # fmt: skip
    demands = {
        kind: Demand((TaskGroup("a", count, 1000, 1, topology=Topology("rack")),))
        for kind, count in (("two", 2), ("three", 3))
    }
    found = simulate(load, (pool,), policy("easy"), options=Options(demands=demands))
    assert found.pool.tolist() == [0, -1]
