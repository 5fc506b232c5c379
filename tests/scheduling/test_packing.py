"""Packing: stories, and properties against the packing task by task."""

from collections.abc import Callable
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tests.scheduling.builders import CLAIMS, FREE, GIB, claim
from weir.core.inventory import FreeShape, HostShape, all_free
from weir.scheduling.packing import (
    Claim,
    Free,
    capacity_for,
    fill,
    place,
    place_all,
    subtract,
)
from weir.scheduling.reference import place_slowly

EIGHT = HostShape(64_000, 512 * GIB, 8)


def whole(free: Free) -> int:
    return sum(shape.whole_devices * shape.hosts for shape in free)


def test_a_task_goes_to_the_fullest_host_that_takes_it() -> None:
    used = FreeShape(32_000, 256 * GIB, ((1000, 2),), 1)
    left = place((*all_free(1, EIGHT), used), claim(devices=2))
    assert left is not None
    assert FreeShape(31_000, 255 * GIB, (), 1) in left
    assert all_free(1, EIGHT)[0] in left


def test_a_gang_is_placed_whole_or_not_at_all() -> None:
    assert place(all_free(2, EIGHT), claim(devices=8, count=2)) is not None
    assert place(all_free(2, EIGHT), claim(devices=8, count=3)) is None


def test_devices_on_two_hosts_do_not_make_one_task() -> None:
    free = (FreeShape(64_000, 512 * GIB, ((1000, 4),), 2),)
    assert place(free, claim(devices=8)) is None


def test_a_share_goes_to_the_most_used_device_and_breaks_no_whole_one() -> None:
    free = (
        FreeShape(9_000, 9 * GIB, ((1000, 1),), 1),
        FreeShape(64_000, 512 * GIB, ((400, 1), (500, 1), (1000, 6)), 1),
    )
    left = place(free, claim(devices=0.4))
    assert left is not None
    assert FreeShape(63_000, 511 * GIB, ((500, 1), (1000, 6)), 1) in left


def test_whole_devices_are_not_put_together_from_shares() -> None:
    free = (FreeShape(64_000, 512 * GIB, ((500, 4),), 1),)
    assert place(free, claim(devices=1)) is None
    assert capacity_for(free, claim(devices=0.5)) == 4


def test_large_counts_cost_no_more_than_small_ones() -> None:
    left, placed = fill(all_free(1_000_000, EIGHT), claim(devices=0.25, count=20_000_001))
    assert placed == 20_000_001
    assert sum(shape.hosts for shape in left) == 1_000_000
    assert len(left) == 3


def test_an_overcommitted_pool_shows_nothing_free() -> None:
    left = subtract(all_free(2, EIGHT), [claim(devices=8, count=3, cpu=64, memory=512)])
    assert whole(left) == 0
    assert left == (FreeShape(0, 0, (), 2),)


def test_a_claim_without_a_host_still_takes_its_amount_from_what_there_is() -> None:
    free = (FreeShape(64_000, 512 * GIB, ((1000, 4),), 2),)
    left = subtract(free, [claim(devices=6, cpu=0, memory=0)])
    assert whole(left) == 2


def test_whole_tasks_are_subtracted_before_shares() -> None:
    one = HostShape(64_000, 512 * GIB, 2)
    left = subtract(all_free(1, one), [claim(devices=0.5), claim(devices=1)])
    assert left == (FreeShape(62_000, 510 * GIB, ((500, 1),), 1),)


def test_a_report_with_devices_in_any_form_is_read_as_what_it_means() -> None:
    odd = (FreeShape(64_000, 512 * GIB, ((1000, 1), (0, 2), (400, 1), (1000, 1)), 1),)
    assert subtract(odd, []) == (FreeShape(64_000, 512 * GIB, ((400, 1), (1000, 2)), 1),)


@given(FREE, CLAIMS)
def test_placing_in_bulk_is_placing_task_by_task(free: Free, one: Claim) -> None:
    assert place(free, one) == place_slowly(free, [one])


@given(FREE, st.lists(CLAIMS, max_size=3))
def test_several_claims_are_placed_as_the_reference_does(free: Free, some: list[Claim]) -> None:
    assert place_all(free, some) == place_slowly(free, some)


@given(FREE, CLAIMS)
def test_capacity_is_the_largest_count_that_can_be_placed(free: Free, one: Claim) -> None:
    room = capacity_for(free, one)
    if one.cpu_milli or one.memory_bytes or one.device_milli:
        more = replace(one, count=room + 1)
        assert place_slowly(free, [replace(one, count=room)]) is not None
        assert place_slowly(free, [more]) is None
        assert fill(free, more)[1] == room


@given(FREE, st.lists(CLAIMS, max_size=4))
def test_subtracting_never_gives_and_never_goes_below_nothing(
    free: Free, some: list[Claim]
) -> None:
    left = subtract(free, some)
    assert sum(s.hosts for s in left) == sum(s.hosts for s in free)
    assert all(s.cpu_milli >= 0 and s.memory_bytes >= 0 and s.hosts > 0 for s in left)
    assert all(0 < milli <= 1000 and count > 0 for s in left for milli, count in s.devices)
    for amount in (lambda s: s.cpu_milli, lambda s: s.memory_bytes, lambda s: s.device_milli):
        assert _total(left, amount) <= _total(free, amount)
    assert subtract(free, some[::-1]) == left


@given(FREE, st.lists(CLAIMS, max_size=4))
def test_subtracting_takes_each_amount_or_all_there_is(free: Free, some: list[Claim]) -> None:
    left = subtract(free, some)
    cpu = sum(c.cpu_milli * c.count for c in some)
    free_cpu = _total(free, lambda s: s.cpu_milli)
    assert _total(left, lambda s: s.cpu_milli) == max(0, free_cpu - cpu)
    milli = sum(c.device_milli * c.count for c in some)
    free_milli = _total(free, lambda s: s.device_milli)
    assert _total(left, lambda s: s.device_milli) == max(0, free_milli - milli)


def _total(free: Free, amount: Callable[[FreeShape], int]) -> int:
    return sum(amount(s) * s.hosts for s in free)
