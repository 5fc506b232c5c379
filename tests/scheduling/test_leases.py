"""Leases: room that is promised for a window is nobody else's then, and everybody's before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import NOW, claim, demand, group, job, pool, snapshot
from tests.scheduling.flat import (
    flat_snapshots,
    flat_state,
    held_now,
    places,
    runs_for,
    used_at,
    wide,
)
from weir.core.plan import Reason
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Lease, Snapshot, WaitingJob

ALL = sorted(POLICIES)


def seen_with(lease: Lease, *waiting: WaitingJob, devices: int = 8) -> Snapshot:
    return replace(snapshot(flat_state("a", devices), jobs=waiting), leases=(lease,))


def lease(devices: int, start: float, end: float, where: str = "a") -> Lease:
    return Lease(where, (claim(devices=devices),), NOW + start, NOW + end)


@pytest.mark.parametrize("name", ALL)
def test_what_is_leased_now_is_not_given_away(name: str) -> None:
    seen = seen_with(lease(6, -10, 100), wide("small", 2, 5), wide("big", 3, 5, at=1.0))
    assert places(schedule(seen, policy(name))) == {"small": "a"}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("walltime", "goes"), [(50, True), (51, False), (None, False)])
def test_a_job_that_ends_before_a_lease_begins_may_run(
    name: str, walltime: int | None, goes: bool
) -> None:
    seen = seen_with(lease(8, 50, 100), wide("j", 1, walltime))
    assert places(schedule(seen, policy(name))) == ({"j": "a"} if goes else {})


@pytest.mark.parametrize("name", ALL)
def test_a_lease_that_is_over_or_of_another_network_counts_for_nothing(name: str) -> None:
    for other in (lease(8, -100, 0), lease(8, -1, 100, "elsewhere")):
        assert places(schedule(seen_with(other, wide("j", 8)), policy(name))) == {"j": "a"}


@pytest.mark.parametrize("name", ALL)
def test_beside_a_lease_there_is_room(name: str) -> None:
    seen = seen_with(lease(5, 50, 100), wide("three", 3), wide("four", 4, at=1.0))
    assert places(schedule(seen, policy(name))) == {"three": "a"}


def test_overlapping_leases_add_up() -> None:
    two = (lease(3, 10, 60), lease(3, 40, 90))
    waits = wide("three", 3, 100)
    seen = replace(
        snapshot(flat_state("a", 8), jobs=(waits, wide("two", 2, 100, at=1.0))), leases=two
    )
    assert places(schedule(seen, policy("easy"))) == {"two": "a"}
    assert places(schedule(replace(seen, leases=two[::-1]), policy("easy"))) == {"two": "a"}


def test_a_job_that_waits_for_a_lease_to_end_says_so_and_when() -> None:
    waiting = schedule(seen_with(lease(8, -1, 100), wide("j", 4, 10)), policy("easy")).waiting["j"]
    assert [(r.reason, r.best) for r in waiting.reasons] == [(Reason.HELD, "kept for a lease")]
    assert waiting.start_s == (100, 100)
    assert waiting.held_pool == "a"


def test_a_job_is_told_that_it_could_run_until_the_lease_begins() -> None:
    waiting = schedule(seen_with(lease(8, 50, 100), wide("j", 4, 80)), policy("easy")).waiting["j"]
    assert [(c.reason, c.instead, c.now) for c in waiting.changes] == [(Reason.HELD, "50s", True)]


def test_a_lease_of_hosts_is_kept_host_by_host() -> None:
    """Two whole hosts are promised: of the third, anybody may have a part."""
    hosts = pool("a", hosts=3, devices=4)
    promised = (Lease("a", (claim(devices=4, count=2),), NOW + 10, NOW + 90),)
    waiting = tuple(job(f"j{i}", demand(group(devices=2)), at=float(i)) for i in range(4))
    seen = replace(snapshot(hosts, jobs=waiting), leases=promised)
    assert places(schedule(seen, policy("easy"))) == {"j0": "a", "j1": "a"}


def test_a_long_list_of_leases_is_planned_with() -> None:
    many = tuple(lease(8, 10 * n, 10 * n + 5) for n in range(1, 60))
    seen = replace(
        snapshot(flat_state("a", 8), jobs=(wide("short", 8, 9), wide("long", 1, 12, at=1.0))),
        leases=many,
    )
    assert places(schedule(seen, policy("conservative"))) == {"short": "a"}


@settings(max_examples=25)
@pytest.mark.parametrize("name", ALL)
@given(flat_snapshots(leases=True))
def test_nothing_that_is_placed_takes_what_is_leased(name: str, seen: Snapshot) -> None:
    """At every moment at which something begins or ends, all that is there fits."""
    times = sorted({NOW, *(x.starts_at for x in seen.leases if x.starts_at > NOW)})
    room = {s.pool.id: s.pool.shape.devices for s in seen.pools}
    for where in seen.pools:
        assume(all(used_at(seen, {}, where, t) <= room[where.pool.id] for t in times))
    placed = places(schedule(seen, policy(name)))
    for where in seen.pools:
        assert all(used_at(seen, placed, where, t) <= room[where.pool.id] for t in times)
        assert held_now(seen, placed, where) <= room[where.pool.id]


@settings(max_examples=40)
@given(flat_snapshots(leases=True), st.sampled_from(("easy", "conservative", "cheapest")))
def test_the_order_of_leases_does_not_matter_to_what_is_free(seen: Snapshot, name: str) -> None:
    times = sorted({NOW, *(x.starts_at for x in seen.leases if x.starts_at > NOW)})
    for where in seen.pools:  # of leases that don't go together, the first come has its room
        assume(all(used_at(seen, {}, where, t) <= where.pool.shape.devices for t in times))
    turned = replace(seen, leases=seen.leases[::-1])
    assert places(schedule(seen, policy(name))) == places(schedule(turned, policy(name)))


def test_what_runs_until_the_lease_begins_is_not_in_its_way() -> None:
    busy = flat_state("a", 8, runs_for(8, 50))
    seen = replace(snapshot(busy, jobs=(wide("j", 8, 10),)), leases=(lease(8, 50, 100),))
    waiting = schedule(seen, policy("easy")).waiting["j"]
    assert waiting.start_s == (100, 100)


# Holders


@pytest.mark.parametrize("name", ALL)
def test_a_holder_fills_its_lease_and_others_do_not(name: str) -> None:
    own = replace(wide("own", 6, 50, at=9.0), queue="q")
    held = replace(lease(6, -10, 100), queue="q")
    seen = seen_with(held, wide("other", 3, 50), own, wide("small", 2, 50, at=1.0))
    placed = places(schedule(seen, policy(name)))
    assert placed.keys() - {"small"} == {"own"}, "a policy that closes pools may keep small out"


def test_what_does_not_fit_into_a_lease_takes_its_turn_with_the_others() -> None:
    big, little = (replace(wide(n, d, 50), user="li") for n, d in (("big", 5), ("little", 4)))
    held = replace(lease(4, -10, 100), user="li")
    seen = seen_with(held, big, little, devices=16)
    assert places(schedule(seen, policy("easy"))) == {"big": "a", "little": "a"}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 6), st.sampled_from(("", "q", "r"))), max_size=8),
    st.integers(1, 8),
    st.sampled_from(("balanced", "easy", "conservative", "fifo", "cheapest")),
)
def test_a_lease_is_never_overfilled_and_never_given_away(
    wanted: list[tuple[int, str]], devices: int, name: str
) -> None:
    jobs = [
        replace(wide(f"j{n}", each, 50, at=float(n)), queue=queue)
        for n, (each, queue) in enumerate(wanted)
    ]
    held = replace(lease(devices, -10, 100), queue="q")
    placed = places(schedule(seen_with(held, *jobs), policy(name)))
    took = dict.fromkeys(("", "q", "r"), 0)
    for one, (each, queue) in zip(jobs, wanted, strict=True):
        took[queue] += each if one.id in placed else 0
    assert sum(took.values()) <= 8
    assert took[""] + took["r"] <= 8 - devices, "nobody else is in it"
    own = [(one.id, each) for one, (each, q) in zip(jobs, wanted, strict=True) if q == "q"]
    if own and own[0][1] <= devices:
        assert own[0][0] in placed, "whoever comes first of its holder goes in"
