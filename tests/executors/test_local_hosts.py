"""Packing with identities agrees with packing without."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weir.core.inventory import DEVICE_MILLI, all_free
from weir.executors.local_hosts import Hosts, Need, TaskPlace
from weir.scheduling.packing import Claim, place_all
from weir.wire.pools import PoolFields, PoolReport, Shape, pool_from

HOSTS = 3
POOL = PoolFields(name="pool", hosts=HOSTS, shape=Shape(cpu_milli=8000, memory_bytes=64, devices=4))

claims = st.builds(
    Claim,
    cpu_milli=st.sampled_from([100, 1000, 3000, 8000]),
    memory_bytes=st.sampled_from([1, 8, 30, 64]),
    device_milli=st.sampled_from([0, 100, 300, 500, 1000, 2000, 4000]),
    count=st.integers(1, 5),
)


@given(st.lists(st.lists(claims, min_size=1, max_size=3), max_size=5))
def test_runs_fit_as_they_do_for_the_scheduler(runs: list[list[Claim]]) -> None:
    hosts = Hosts(POOL)
    free = all_free(HOSTS, pool_from(PoolReport(**dict(POOL), free=())).shape)
    held: list[TaskPlace] = []
    for run in runs:
        before = hosts.free()
        placed = hosts.place([Need(f"g{i}", claim) for i, claim in enumerate(run)])
        left = place_all(free, run)
        if left is None:
            assert isinstance(placed, str)
            assert hosts.free() == before
        else:
            assert not isinstance(placed, str)
            held += placed
            free = left
        assert hosts.free() == free
    assert _most_on_one_device(held) <= DEVICE_MILLI
    hosts.release(held)
    assert hosts.free() == Hosts(POOL).free()


def test_a_copy_is_independent() -> None:
    hosts = Hosts(POOL)
    hosts.place([Need("a", Claim(1000, 1, 0, 1))])
    before = hosts.free()
    hosts.copy().place([Need("b", Claim(1000, 1, 2500, 1))])

    assert hosts.free() == before


def test_places_on_hosts_that_are_gone_are_passed_over() -> None:
    hosts = Hosts(POOL)
    hosts.book([TaskPlace("g", 0, 99, 1000, 1, ((0, 1000),))])
    hosts.book([TaskPlace("g", 0, 0, 10**9, 10**9, ((99, 1000), (0, 1000)))])

    assert all(f.cpu_milli >= 0 and f.memory_bytes >= 0 for f in hosts.free())


def _most_on_one_device(places: list[TaskPlace]) -> int:
    used: dict[tuple[int, int], int] = {}
    for place in places:
        for device, milli in place.devices:
            key = place.host, device
            used[key] = used.get(key, 0) + milli
    return max(used.values(), default=0)
