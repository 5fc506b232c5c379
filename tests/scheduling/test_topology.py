"""Tasks that lie in one block of a pool (a rack, a switch): stories, and a property held host by
host. What the fast scheduler does with blocks is held against the slow one in `test_schedule`,
`test_kernel` and `test_packing`, whose pools have blocks too.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import (
    FREE,
    GIB,
    NOW,
    claim,
    demand,
    group,
    job,
    jobs,
    pool,
    racks,
    snapshot,
    snapshots,
    state,
)
from tests.scheduling.flat import places
from weir.core.demand import Demand, Topology, from_record, to_record
from weir.core.inventory import Block, FreeShape, HostShape, block_name, block_paths
from weir.core.plan import Reason
from weir.scheduling.find import find
from weir.scheduling.packing import Claim, Free, fill, fits, place, subtract, times
from weir.scheduling.planner import Change, Planner
from weir.scheduling.policies import policy
from weir.scheduling.schedule import play, schedule
from weir.scheduling.snapshot import Snapshot

EASY = policy("easy")
IN_A_RACK = Topology("rack")


def gang(hosts: int, wish: Topology = IN_A_RACK) -> Demand:
    return demand(group(hosts, devices=8, topology=wish))


# Stories.


def test_a_gang_goes_to_a_rack_that_takes_all_of_it_or_waits() -> None:
    """Five hosts are free, and no rack has more than three of them."""
    split = pool("a", **racks(3, 2))
    plan = schedule(snapshot(split, jobs=(job("j", gang(4)),)), EASY)
    assert plan.placements == ()
    (reason,) = plan.waiting["j"].reasons
    assert str(reason) == "BLOCK needed=4 tasks, in one rack best=3 tasks, 1 pool"
    assert plan.waiting["j"].hopeless
    assert [(c.reason, c.wanted, c.instead, c.now) for c in plan.waiting["j"].changes] == [
        (Reason.TOPOLOGY, "rack required", "rack preferred", True)
    ]
    assert places(schedule(snapshot(split, jobs=(job("j", gang(3)),)), EASY)) == {"j": "a"}


def test_a_pool_that_tells_no_racks_takes_none_that_wants_one() -> None:
    seen = snapshot(pool("a"), pool("b", **racks(2, level="zone")), jobs=(job("j", gang(2)),))
    waits = schedule(seen, EASY).waiting["j"]
    assert [str(r) for r in waits.reasons] == [
        "TOPOLOGY needed=hosts in a known rack best=none, zone, 2 pools"
    ]
    assert [(c.reason, c.instead, c.pools) for c in waits.changes] == [
        (Reason.TOPOLOGY, "rack preferred", 2)
    ]
    eased = snapshot(*seen.pools, jobs=(job("j", gang(2, Topology("rack", False))),))
    assert len(schedule(eased, EASY).placements) == 1


def test_room_in_two_racks_is_not_room_in_one() -> None:
    """One host of each rack is taken: what is left is enough, and scattered."""
    busy = state(pool("a", **racks(2, 2)), claim(devices=8), claim(devices=8))
    other = busy.pool.free  # best fit takes both hosts of the first rack: take one of each instead
    free = tuple(replace(shape, hosts=1) for shape in other)
    busy = state(replace(busy.pool, free=free))
    waits = schedule(snapshot(busy, jobs=(job("j", gang(2)),)), EASY).waiting["j"]
    assert [str(r) for r in waits.reasons] == [
        "SCATTERED needed=16 free devices in one rack best=8, 1 pool"
    ]
    assert [(c.reason, c.wanted, c.instead, c.now) for c in waits.changes] == [
        (Reason.TOPOLOGY, "rack required", "rack preferred", True)
    ]
    assert not waits.hopeless
    eased = snapshot(busy, jobs=(job("j", gang(2, Topology("rack", False))),))
    assert places(schedule(eased, EASY)) == {"j": "a"}


def test_the_rack_with_the_least_room_that_does_is_taken() -> None:
    """So the large rack stays whole for the large gang that comes after."""
    seen = snapshot(pool("a", **racks(4, 2)), jobs=(job("small", gang(2)), job("z", gang(4))))
    assert places(schedule(seen, EASY)) == {"small": "a", "z": "a"}
    left = place(seen.pools[0].pool.free, claim(devices=8, count=2, within=1))
    assert left is not None
    assert {(s.block, s.hosts) for s in left if s.whole_devices} == {((0,), 4)}


def test_a_preferred_rack_is_taken_where_one_has_room() -> None:
    free = pool("a", **racks(1, 3)).free
    left = place(free, claim(devices=8, count=2, within=-1))
    assert left is not None
    assert {(s.block, s.hosts) for s in left if s.whole_devices} == {((0,), 1), ((1,), 1)}
    assert place(free, claim(devices=8, count=4, within=-1)) is not None


def test_a_gang_that_waits_for_a_rack_keeps_the_pool() -> None:
    """Nobody says when a rack will have two hosts; until then the pool is kept for the gang."""
    half = replace(pool("a", **racks(2, 2)), free=())
    shape = half.shape.cpu_milli, half.shape.memory_bytes, ((1000, 8),)
    free = tuple(FreeShape(*shape, 1, (n,)) for n in (0, 1))
    runs = (claim(devices=8, ends_at=NOW + 60), claim(devices=8, ends_at=NOW + 90))
    seen = snapshot(state(replace(half, free=free), *runs), jobs=(job("j", gang(2)),))
    waits = schedule(seen, EASY).waiting["j"]
    assert waits.held_pool == "a"
    # It is not known on which hosts the runs are: they are counted on those two, and when both
    # have ended there is still only one host of each rack.
    assert waits.start_s == (None, None)


def test_exclusive_hosts_of_one_rack() -> None:
    lonely = demand(group(3, devices=8, exclusive=True, topology=IN_A_RACK))
    seen = snapshot(pool("a", **racks(2, 3)), jobs=(job("j", lonely), job("k", lonely, at=1.0)))
    plan = schedule(seen, EASY)
    assert places(plan) == {"j": "a"}
    assert [r.reason for r in plan.waiting["k"].reasons] == [Reason.SCATTERED]


def test_find_says_the_same_as_a_round() -> None:
    seen = snapshot(pool("a", **racks(3, 2)), pool("b", hosts=9))
    assert [c.pool for c in find(seen, gang(3), EASY).candidates] == ["a"]
    assert {r.reason for r in find(seen, gang(4), EASY).reasons} == {
        Reason.BLOCK,
        Reason.TOPOLOGY,
    }


def test_levels_nest_and_blocks_are_known_by_all_their_names() -> None:
    blocks = (Block(("a", "r1"), 2), Block(("a", "r2"), 2), Block(("b", "r1"), 2))
    assert block_paths(blocks) == ((0, 0), (0, 1), (2, 2))
    there = pool("a", hosts=6, levels=("zone", "rack"), blocks=blocks)
    assert block_name(there, (0, 1)) == "a/r2"
    wide, narrow = gang(4, Topology("zone")), gang(3)
    assert places(schedule(snapshot(there, jobs=(job("j", wide),)), EASY)) == {"j": "a"}
    assert schedule(snapshot(there, jobs=(job("j", narrow),)), EASY).placements == ()


def test_each_group_has_a_block_of_its_own() -> None:
    both = demand(
        group(2, devices=8, name="x", topology=IN_A_RACK),
        group(2, devices=8, name="y", topology=IN_A_RACK),
    )
    assert places(schedule(snapshot(pool("a", **racks(2, 2)), jobs=(job("j", both),)), EASY))
    short = snapshot(pool("a", **racks(2, 1, 1)), jobs=(job("j", both),))
    assert [str(r) for r in schedule(short, EASY).waiting["j"].reasons] == [
        "BLOCK needed=4 tasks, in one rack best=3 tasks, 1 pool"
    ]


def test_a_shape_is_read_back_with_its_topology_and_others_keep_their_keys() -> None:
    assert from_record(to_record(gang(2))) == gang(2)
    assert "topology" not in to_record(demand())["groups"][0]


def test_what_runs_in_a_block_is_kept_apart_from_other_runs() -> None:
    one = claim(devices=8, count=2, within=1)
    assert times(one, 2) == [one, one]
    free = pool("a", **racks(3, 3)).free
    assert {(s.block, s.hosts) for s in subtract(free, [one, one])} >= {((0,), 1), ((1,), 1)}


def test_what_no_block_holds_any_more_lies_somewhere() -> None:
    """A rack was taken away under a run: its hosts are still taken."""
    free = pool("a", **racks(1, 1)).free
    assert subtract(free, [claim(devices=8, count=2, within=1)]) != free
    assert not any(s.whole_devices for s in subtract(free, [claim(devices=8, count=2, within=1)]))


@pytest.mark.parametrize("name", ["easy", "conservative", "fragmentation", "balanced"])
def test_a_planner_takes_up_new_blocks(name: str) -> None:
    """A pool that tells of its racks only later makes a new board, and then has room."""
    bare = pool("a", hosts=4)
    seen = snapshot(state(bare), jobs=(job("j", gang(2)),))
    planner = Planner(policy(name))
    assert planner.plan(seen).placements == ()
    split = state(pool("a", **racks(2, 2)))
    change = Change(NOW + 1, pools=(split,))
    assert [p.job for p in planner.go_on(change).placements] == ["j"]


# Properties.


@given(FREE, st.integers(1, 6), st.sampled_from((1, 2)))
def test_what_is_placed_within_a_block_comes_from_one(free: Free, count: int, level: int) -> None:
    wanted = Claim(1000, GIB, 0, count, within=level)
    left = place(free, wanted)
    assert (left is not None) == fits(free, [wanted])
    if left is None:
        assert fill(free, wanted)[1] < count
        return
    taken = {
        block
        for block, cpu in _cpu_by_block(free, level).items()
        if cpu != _cpu_by_block(left, level).get(block)
    }
    assert len(taken) == 1
    assert -1 not in taken


def _cpu_by_block(free: Free, level: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for s in free:
        block = s.block[level - 1] if len(s.block) >= level else -1
        found[block] = found.get(block, 0) + s.cpu_milli * s.hosts
    return found


@settings(max_examples=200)
@given(snapshots(), st.sampled_from(("easy", "conservative", "fifo", "fragmentation")))
def test_no_plan_splits_a_required_block(seen: Snapshot, name: str) -> None:
    round_ = play(seen, replace(policy(name), hold=True))
    board, levels = round_.board, int(round_.board.hosts.meta[8])
    for row, one in enumerate(round_.jobs):
        where = int(board.jobs.pool[row])
        if where < 0:
            continue
        lies: dict[int, set[int]] = {}
        piece = int(board.runs.piece[row])
        while piece >= 0:
            number, entry = int(board.pieces.claim[piece]), int(board.pieces.entry[piece])
            within = int(board.claims.within[number])
            if within > 0:
                block = int(board.hosts.block[entry * levels + within - 1])
                lies.setdefault(number, set()).add(block)
            piece = int(board.pieces.next[piece])
        required = [g for g in one.demand.groups if g.topology and g.topology.required]
        assert len(lies) == len(required)
        for blocks in lies.values():
            assert len(blocks) == 1
            assert -1 not in blocks


def test_pools_without_blocks_have_no_columns_for_them() -> None:
    board = play(snapshot(pool("a"), jobs=jobs(3, demand())), EASY).board
    assert len(board.hosts.block) == len(board.hosts.room) == 0
    assert pool("a").free == (FreeShape(64_000, 512 * GIB, ((1000, 8),), 2),)
    assert HostShape(64_000, 512 * GIB, 8) == pool("a").shape
