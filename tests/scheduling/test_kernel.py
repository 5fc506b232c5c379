"""Hosts as flat columns pack like the histograms of `packing`, and give everything back."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import CLAIMS, FREE, NOW, claim, demand, group, job, pool, snapshot
from weir.scheduling import booking, hosts, placing, reserving
from weir.scheduling.board import Board, Rules
from weir.scheduling.longer import as_lists
from weir.scheduling.packing import Claim, Free, fill, fits, place_all
from weir.scheduling.policies import policy
from weir.scheduling.reference import place_slowly
from weir.scheduling.remains import free_of
from weir.scheduling.rules import rules_of
from weir.scheduling.schedule import schedule
from weir.scheduling.setup import ClassRows, Limits, PoolRow, make_board
from weir.scheduling.snapshot import Lease

SOME = st.lists(CLAIMS.filter(lambda c: c.count > 0), min_size=1, max_size=3)
TIMED: Rules = rules_of(policy("easy"))


def board_of(free: Free, *variants: tuple[Claim, ...], runs: int = 0, jobs: int = 0) -> Board:
    """One pool with this free; every variant is one of a run."""
    size = sum(s.device_milli * s.hosts for s in free)
    count = sum(s.hosts for s in free)
    limits = Limits(2, count + 1, sum(c.count for v in variants for c in v) + 1)
    return as_lists(
        make_board(
            [PoolRow(free, count, size, size, False)],
            ClassRows([], [], [], others=variants),
            [0] * jobs,
            [inf] * jobs,
            runs=runs,
            limits=limits,
        )
    )


@given(FREE, CLAIMS)
def test_one_claim_is_placed_like_a_histogram_s(free: Free, wanted: Claim) -> None:
    board = board_of(free, (wanted,))
    placed = placing.take_loose(board.hosts, 0, 0, board.claims, 0, True)
    assert (free_of(board, 0), placed) == fill(free, wanted)


@given(FREE, CLAIMS.filter(lambda c: not c.within))
def test_room_is_counted_like_a_histogram_s(free: Free, wanted: Claim) -> None:
    board = board_of(free, (wanted,))
    room = hosts.room_for(board.hosts, 0, 0, board.claims, 0, wanted.count)
    assert room == fill(free, wanted)[1]


@given(FREE, SOME)
def test_several_claims_are_tried_without_a_trace(free: Free, wanted: list[Claim]) -> None:
    board = board_of(free, tuple(wanted))
    spare = booking.try_layer(board)
    before = free_of(board, 0)
    entries = board.hosts.meta[0]
    for _ in range(3):
        fit = placing.fits(board.hosts, 0, spare, 0, board.claims, 0)
        assert fit == fits(free, wanted) == (place_slowly(free, wanted) is not None)
    assert free_of(board, 0) == before
    assert board.hosts.meta[0] <= entries + 2 * len(wanted) * max(1, entries)


@given(FREE, SOME)
def test_hosts_in_a_layer_are_those_of_now_until_something_is_booked(
    free: Free, wanted: list[Claim]
) -> None:
    board = board_of(free, tuple(wanted))
    room = board.hosts.meta[1]
    hosts.copy_layer(board.hosts, 0, room, 0)
    for c in range(len(wanted)):
        placing.take_loose(board.hosts, room, 0, board.claims, c, False)
    assert free_of(board, 0) == free_of(board_of(free), 0)
    whole = place_all(free, wanted)
    if whole is not None:
        assert free_of(board, 0, 1) == whole


@given(FREE, st.lists(SOME, min_size=1, max_size=5), st.data())
def test_what_is_booked_is_given_back(
    free: Free, wanted: list[list[Claim]], data: st.DataObject
) -> None:
    """Runs are booked where they fit and end in any order: what is free is what packing says while
    they come, and all is free at the end.
    """
    variants = tuple(tuple(claims) for claims in wanted)
    board = board_of(free, *variants, runs=len(variants))
    left: Free = free_of(board, 0)
    start = left
    booked = []
    for row, claims in enumerate(variants):
        after = place_all(left, claims)
        assert booking.fits_now(board, 0, row) == (after is not None)
        if after is not None:
            booking.book(board, TIMED, row, 0, row, NOW + data.draw(st.integers(0, 2)))
            left = after
            booked.append(row)
            assert free_of(board, 0) == left
    for row in data.draw(st.permutations(booked)):
        booking.finish(board, row)
    assert free_of(board, 0) == start
    assert board.pools.run[0] == -1
    assert board.pools.idle[0] == board.pools.size[0]


@given(FREE, st.lists(SOME, min_size=1, max_size=4))
def test_runs_of_a_pool_stand_in_the_order_of_their_ends(
    free: Free, wanted: list[list[Claim]]
) -> None:
    variants = tuple(tuple(claims) for claims in wanted)
    board = board_of(free, *variants, runs=len(variants))
    for row in range(len(variants)):
        if booking.fits_now(board, 0, row):
            booking.book(board, TIMED, row, 0, row, NOW + (7 * row) % 3)
    ends, row = [], board.pools.run[0]
    while row >= 0:
        ends.append(board.runs.end[row])
        row = board.runs.next[row]
    assert ends == sorted(ends)


@settings(max_examples=50)
@given(FREE, SOME, SOME)
def test_the_earliest_start_is_when_enough_has_ended(
    free: Free, running: list[Claim], wanted: list[Claim]
) -> None:
    """For a run of one claim each, in whole devices or none, where packing is exact."""
    runs = [replace(c, device_milli=c.device_milli // 1000 * 1000) for c in running]
    one = replace(wanted[0], device_milli=wanted[0].device_milli // 1000 * 1000)
    board = board_of(free, *((c,) for c in runs), (one,), runs=len(runs))
    last = len(runs)
    booked = []
    for row in range(last):
        if booking.fits_now(board, 0, row):
            booking.book(board, TIMED, row, 0, row, NOW + 10 * (row + 1))
            booked.append(row)
    start = reserving.earliest(board, 0, last, 5.0, NOW)
    tried = inf
    for row in booked:
        booking.finish(board, row)
        if tried == inf and booking.fits_now(board, 0, last):
            tried = NOW + 10 * (row + 1)
    assert start == tried


def test_gangs_of_several_groups_are_tried_on_many_pools_where_later_room_is_spoken_for() -> None:
    """Hosts are parted while claims are tried; that must not use up the columns."""
    many = [pool(f"p{i:03}", hosts=50) for i in range(100)]
    small = (claim(devices=8),)
    leases = tuple(Lease(p.id, small, NOW + 1000, NOW + 2000) for p in many)
    gang = demand(
        group(5, devices=3, name="a"), group(5, devices=5, name="b"), group(3, devices=1, name="c"),
        walltime_s=5000,
    )  # fmt: skip
    seen = replace(snapshot(*many, jobs=(job("j", gang), job("k", gang, at=1.0))), leases=leases)
    assert [p.job for p in schedule(seen, policy("easy")).placements] == ["j", "k"]
