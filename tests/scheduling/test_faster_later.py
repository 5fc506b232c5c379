"""Waiting for a faster model, where what runs stays where it is."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.scheduling.columns import canonical_model
from weir.scheduling.faster_later import wait_or_take
from weir.scheduling.packing import Claim
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Snapshot, WaitingJob
from weir.sim.networks import model_pools

FAST, SLOW = model_pools({"v100": 1})[0], model_pools({"k80": 1})[0]
ONE = Demand((TaskGroup("all", 1, 0, 0, DeviceRequest(milli=1000)),))
HOURS_10 = 36_000.0


def placed(fast_until: float | None, ratio: float, jobs: int = 1) -> dict[str, str]:
    """Where jobs of ten hours (on the fast model) go while its one device is held until then."""
    held = (Claim(0, 0, 1000, 1, ends_at=fast_until),)
    waiting = tuple(
        WaitingJob(f"j{n}", ONE, 50, float(n), kind="x", length_s=HOURS_10) for n in range(jobs)
    )
    pools = (PoolState(FAST, "c", claims=held), PoolState(SLOW, "c"))
    speeds = {"x": {canonical_model("v100"): ratio, canonical_model("k80"): 1.0}}
    plan = schedule(Snapshot(0.0, pools, waiting, speeds=speeds), policy("heterogeneity"))
    return {p.job: p.chosen.pool for p in plan.placements}


def test_a_job_waits_a_minute_for_a_model_that_is_a_hundred_times_faster() -> None:
    assert placed(60.0, 100.0) == {}


def test_it_does_not_wait_where_it_would_end_later() -> None:
    assert placed(2 * HOURS_10, 2.0) == {"j0": SLOW.id}


def test_nobody_waits_for_what_may_never_come_free() -> None:
    assert placed(None, 100.0) == {"j0": SLOW.id}


def test_one_waits_and_the_next_takes_what_is_free() -> None:
    """Twice as fast: behind the first, the second would wait for ten hours to save ten."""
    assert placed(60.0, 2.0, jobs=2) == {"j1": SLOW.id}


TIMES = st.lists(st.sampled_from((0.0, 0.0, 5.0, 50.0)), max_size=6).map(sorted)


@given(st.lists(TIMES, min_size=1, max_size=3), st.data())
def test_nobody_ends_later_for_waiting_and_nobody_is_given_what_is_taken(
    start: list[list[float]], data: st.DataObject
) -> None:
    n, k = data.draw(st.integers(1, 5)), len(start)
    gang = np.array([data.draw(st.integers(1, 3)) for _ in range(n)])
    speed = np.array(
        [[data.draw(st.sampled_from((0.0, 0.5, 1.0))) for _ in range(k)] for _ in gang]
    )
    chosen = np.full(n, -1)
    idle = [times.count(0.0) for times in start]
    for row in range(n):
        able = [m for m in range(k) if speed[row, m] > 0 and idle[m] >= gang[row]]
        if able:
            chosen[row] = data.draw(st.sampled_from(able))
            idle[chosen[row]] -= gang[row]
    length = np.array([data.draw(st.sampled_from((1.0, 20.0))) for _ in range(n)])
    given_, waits = wait_or_take(start, chosen, speed, length, gang)
    for row in range(n):
        assert given_[row] == -1 or waits[row] == -1
        assert given_[row] in (-1, chosen[row])
        if waits[row] >= 0:
            assert speed[row, waits[row]] > 0
            if chosen[row] >= 0:
                # At the soonest, what it waits for is free when its devices are.
                soonest = start[waits[row]][gang[row] - 1] + length[row] / speed[row, waits[row]]
                assert soonest < length[row] / speed[row, chosen[row]]
    for m in range(k):
        assert sum(int(gang[r]) for r in range(n) if given_[r] == m) <= start[m].count(0.0)
