"""What is free of a pool: hosts that are alike are gathered, and none is made or lost."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from weir.core.inventory import DEVICE_MILLI, FreeShape, HostShape, all_free, merged

shapes = st.lists(
    st.builds(
        FreeShape,
        cpu_milli=st.sampled_from((0, 1000, 2000)),
        memory_bytes=st.sampled_from((0, 2**30)),
        devices=st.sampled_from(((), ((1000, 8),), ((300, 1), (1000, 7)))),
        hosts=st.integers(0, 3),
    )
)


@given(shapes)
def test_gathering_keeps_every_host_and_what_it_has(found: list[FreeShape]) -> None:
    gathered = merged(found)
    assert sum(s.hosts for s in gathered) == sum(s.hosts for s in found)
    assert sum(s.hosts * s.cpu_milli for s in gathered) == sum(s.hosts * s.cpu_milli for s in found)
    assert sum(s.hosts * s.device_milli for s in gathered) == sum(
        s.hosts * s.device_milli for s in found
    )


@given(shapes, st.randoms(use_true_random=False))
def test_gathered_hosts_stand_in_one_order_whatever_they_came_in(
    found: list[FreeShape], chance: Random
) -> None:
    mixed = list(found)
    chance.shuffle(mixed)
    gathered = merged(found)
    assert merged(mixed) == gathered == merged(gathered)
    assert list(gathered) == sorted(gathered)
    assert all(s.hosts > 0 for s in gathered)
    assert len({(s.cpu_milli, s.memory_bytes, s.devices) for s in gathered}) == len(gathered)


def test_equal_hosts_become_one_shape() -> None:
    one, two = FreeShape(1000, 1, (), 2), FreeShape(1000, 1, (), 3)
    assert merged([one, two]) == (FreeShape(1000, 1, (), 5),)


def test_an_empty_pool_has_all_its_hosts_free() -> None:
    shape = HostShape(64_000, 2**39, devices=8)
    [free] = all_free(3, shape)
    assert (free.hosts, free.cpu_milli, free.whole_devices) == (3, 64_000, 8)
    assert free.device_milli == 8 * DEVICE_MILLI
    assert all_free(0, shape) == ()
    assert all_free(1, HostShape(1000, 1))[0].devices == ()


def test_a_shared_device_is_not_a_whole_one() -> None:
    free = FreeShape(1000, 1, ((300, 2), (1000, 5)), 1)
    assert free.whole_devices == 5
    assert free.device_milli == 5600
