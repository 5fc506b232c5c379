"""Packing with identities agrees with packing without."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from weir.core.inventory import DEVICE_MILLI, all_free
from weir.executors.local_hosts import Hosts, Need, TaskPlace
from weir.scheduling.packing import MOST, Claim, place_all
from weir.wire.pools import PoolFields, PoolReport, Shape, pool_from

HOSTS = 3
POOL = PoolFields(name="pool", hosts=HOSTS, shape=Shape(cpu_milli=8000, memory_bytes=64, devices=4))

claims = st.builds(
    Claim,
    cpu_milli=st.sampled_from([100, 1000, 3000, 8000]),
    memory_bytes=st.sampled_from([1, 8, 30, 64]),
    device_milli=st.sampled_from([0, 100, 300, 500, 1000, 2000, 4000]),
    count=st.integers(1, 5),
    per_host=st.sampled_from([MOST, MOST, 1, 2]),
)
wishes = st.tuples(claims, st.sampled_from([False, False, False, True]))


@given(st.lists(st.lists(wishes, min_size=1, max_size=3), max_size=5))
def test_runs_fit_as_they_do_for_the_scheduler(runs: list[list[tuple[Claim, bool]]]) -> None:
    hosts = Hosts(POOL)
    shape = pool_from(PoolReport(**dict(POOL), free=())).shape
    free = all_free(HOSTS, shape)
    held: list[TaskPlace] = []
    for run in runs:
        before = hosts.free()
        needs = [Need(f"g{i}", claim, alone) for i, (claim, alone) in enumerate(run)]
        placed = hosts.place(needs)
        left = place_all(free, [need.claimed(shape) for need in needs])
        if left is None:
            assert isinstance(placed, str)
            assert hosts.free() == before
        else:
            assert not isinstance(placed, str)
            _keeps_apart(needs, placed, held)
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


def _keeps_apart(needs: list[Need], placed: tuple[TaskPlace, ...], held: list[TaskPlace]) -> None:
    """No host has more tasks of a group than it wants, nor anything beside what is exclusive."""
    for need in needs:
        mine = Counter(p.host for p in placed if p.group == need.group)
        assert sum(mine.values()) == need.claim.count
        assert max(mine.values()) <= need.claim.per_host
        others = {p.host for p in [*held, *placed] if p not in placed or p.group != need.group}
        if need.exclusive:
            assert not others & set(mine)
        assert not {p.host for p in held if p.exclusive} & set(mine)


def test_a_group_of_its_own_hosts_is_told_why_it_has_no_room() -> None:
    hosts = Hosts(POOL)
    hosts.place([Need("a", Claim(1000, 1, 0, 1))])
    said = hosts.place([Need("b", Claim(1000, 1, 0, 3, per_host=1), exclusive=True)])
    assert said == (
        "no room in pool pool: group b needs 3 tasks of 1 CPU, 1 B, at most 1 per host, "
        "on hosts of their own; there is room for 2"
    )
    assert not isinstance(hosts.place([Need("c", Claim(1000, 1, 0, 2), exclusive=True)]), str)


def _most_on_one_device(places: list[TaskPlace]) -> int:
    used: dict[tuple[int, int], int] = {}
    for place in places:
        for device, milli in place.devices:
            key = place.host, device
            used[key] = used.get(key, 0) + milli
    return max(used.values(), default=0)
