"""The kernel compiled decides as it does interpreted, to the last runner-up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import GIB, NOW, claim, demand, group, job, pool, snapshots, state
from tests.scheduling.flat import flat_snapshots
from tests.scheduling.test_queues import shared
from weir.core.plan import Plan
from weir.scheduling import schedule as rounds
from weir.scheduling.compiled import MODULES, stamp_of
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Lease, Snapshot

pytestmark = pytest.mark.timeout(600)  # to compile for the first time takes a while

NAMES = sorted(set(POLICIES) - {"optimal"})


@contextmanager
def large_from(size: int) -> Iterator[None]:
    """Rounds are compiled from this size on."""
    before = rounds.LARGE
    rounds.LARGE = size
    try:
        yield
    finally:
        rounds.LARGE = before


def both(seen: Snapshot, rules: Policy) -> tuple[rounds.Round, rounds.Round]:
    with large_from(-1):
        quick = rounds.play(seen, rules)
    with large_from(1 << 60):
        return quick, rounds.play(seen, rules)


def same(seen: Snapshot, rules: Policy) -> None:
    quick, slow = both(seen, rules)
    assert isinstance(quick.board.jobs.pool, np.ndarray)
    assert isinstance(slow.board.jobs.pool, list)
    for name in ("pool", "second", "idle", "second_idle", "why", "turn"):
        assert getattr(quick.board.jobs, name).tolist() == getattr(slow.board.jobs, name), name
    for name in ("time", "end", "job", "variant"):
        assert getattr(quick.board.layers, name).tolist() == getattr(slow.board.layers, name), name
    assert told(rounds.plan_of(quick)) == told(rounds.plan_of(slow))


def told(plan: Plan) -> tuple[Any, ...]:
    """All that a plan says, worked out."""
    return tuple(plan.placements), dict(plan.waiting), plan.preemptions


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20)
@given(snapshots())
def test_on_any_snapshot(name: str, seen: Snapshot) -> None:
    same(seen, policy(name))


@pytest.mark.parametrize("name", ["easy", "conservative", "fifo", "cheapest", "fragmentation"])
@settings(max_examples=30)
@given(flat_snapshots(leases=True))
def test_with_leases_and_runs_that_end(name: str, seen: Snapshot) -> None:
    same(seen, policy(name))


@settings(max_examples=60)
@given(shared(), st.sampled_from(("fair", "balanced")))
def test_with_queues_and_quotas(seen: Snapshot, name: str) -> None:
    same(seen, policy(name))


@pytest.mark.parametrize("name", ["easy", "fragmentation", "fair", "balanced"])
def test_where_columns_have_to_grow_on_the_way(name: str) -> None:
    """Hundreds of hosts that all become different, gangs of several groups, shares of devices."""
    chance = np.random.default_rng(11)
    pools = []
    for i in range(12):
        claims = [
            claim(devices=float(d), count=int(n), ends_at=NOW + float(e))
            for d, n, e in zip(
                chance.choice([0.3, 0.5, 1, 2, 5], 6), chance.integers(1, 9, 6),
                chance.integers(5, 500, 6), strict=True,
            )
        ]  # fmt: skip
        price = int(chance.integers(0, 4)) * 10**6
        free = pool(f"p{i:02}", hosts=30, price_micro_per_device_hour=price)
        pools.append(state(free, *claims))
    shapes = [
        demand(
            *(
                group(
                    int(chance.integers(1, 12)),
                    devices=float(chance.choice([0, 0.3, 0.5, 1, 2, 8])),
                    cpu=int(chance.integers(0, 9)), memory=int(chance.integers(0, 40)), name=name,
                )
                for name in "abc"[: int(chance.integers(1, 4))]
            ),
            walltime_s=int(chance.integers(1, 600)),
        )
        for _ in range(60)
    ]  # fmt: skip
    waiting = tuple(
        job(f"j{i:04}", shapes[int(chance.integers(0, 60))], int(chance.choice([10, 50])), float(i))
        for i in range(800)
    )
    leases = tuple(
        Lease(f"p{i:02}", (claim(devices=8, count=3),), NOW + 50.0 * i, NOW + 50.0 * i + 90)
        for i in range(0, 12, 3)
    )
    seen = Snapshot(NOW, tuple(pools), waiting, leases=leases)
    quick, slow = both(seen, policy(name))
    assert quick.board.jobs.pool.tolist() == slow.board.jobs.pool
    assert quick.board.layers.time.tolist() == slow.board.layers.time
    placed = [row for row, p in enumerate(slow.board.jobs.pool) if p >= 0]
    assert 50 < len(placed) < 800
    for board in (quick.board, slow.board):
        h = board.hosts
        assert min(h.cpu[: int(h.meta[0])]) >= 0
        assert min(h.memory[: int(h.meta[0])]) >= 0
        assert min(h.whole[: int(h.meta[0])]) >= 0
    # Every host is in exactly one entry of its pool's list, split or not.
    for p in range(12):
        count, e = 0, int(slow.board.hosts.first[p])
        while e >= 0:
            count += int(slow.board.hosts.hosts[e])
            e = int(slow.board.hosts.next[e])
        assert count == 30


def test_very_large_amounts_are_numbers_like_others() -> None:
    huge = pool("a", hosts=2, devices=8, cpu=10**12, memory=2**31)
    wanted = demand(group(3, devices=4, cpu=10**11, memory=2**30))
    same(replace(Snapshot(NOW, (state(huge),)), jobs=(job("j", wanted),)), policy("easy"))
    assert GIB * 2**31 < 2**62


def test_what_was_compiled_is_found_again_by_every_process() -> None:
    """Its names are the same wherever it runs: a server compiles for a minute once, not always."""
    show = (
        "from weir.scheduling.compiled import MODULES, stamp_of; import numba, sys;"
        "held = [sys.intern(str(n)) for n in range(999)]; print(stamp_of(*MODULES))"
    )
    told = subprocess.run(
        [sys.executable, "-c", show], capture_output=True, text=True, check=True
    ).stdout
    assert {int(told)} | {stamp_of(*MODULES) for _ in range(3)} == {int(told)}
