"""The clock that asks `schedule` itself: the same as the quick one, and what only it can play."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from tests.scheduling.builders import A100, H100, group, pool
from tests.sim.stories import jobs
from tests.sim.test_engine import (
    LINKS,
    MEMORY_S,
    NETWORKS,
    SPEEDS,
    STORIES,
    Asked,
    by_objects,
    workload_of,
)
from weir.core.demand import Apart, Demand
from weir.core.inventory import Pool
from weir.scheduling.policies import policy
from weir.scheduling.snapshot import Queue
from weir.sim import engine
from weir.sim.engine import Options, simulate

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def always() -> Iterator[None]:
    """Every policy is played by this clock."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "takes", lambda *_: True)
        yield


@pytest.mark.usefixtures("always")
@pytest.mark.parametrize("name", ["fifo", "easy", "fair", "fastest"])
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(story=STORIES, pools=NETWORKS)
def test_it_plays_what_a_server_would(name: str, story: list[Asked], pools: list[Pool]) -> None:
    if policy(name).fair:
        story = [job for job in story if not job.far] or story[:1]
        if story[0].far:
            return
    load = workload_of(story)
    options = Options(speeds=SPEEDS, links=LINKS, memory_s=MEMORY_S)
    done = simulate(load, pools, policy(name), options=options)
    assert done.start_s.tolist() == pytest.approx(
        by_objects(story, pools, policy(name)), nan_ok=True
    )


def test_optimal_places_what_greedy_leaves() -> None:
    # The two small ones take a host each in their order; the big one waits. Better: together.
    load = jobs([0, 0, 0], [10, 10, 10], device_milli=[4000, 4000, 8000], priority=[0, 0, 9])
    done = simulate(load, [pool("a", hosts=1), pool("b", hosts=1)], policy("optimal"))
    assert done.start_s.tolist() == [0, 0, 0]
    assert done.end_s.tolist() == [10, 10, 10]
    assert done.rounds >= 1


def test_heterogeneity_gives_each_job_the_model_where_it_gains_most() -> None:
    load = jobs([0, 0], [100, 100], kind=["dense", "sparse"], device_milli=[8000, 8000])
    speeds = {"dense": {H100: 8.0, A100: 1.0}, "sparse": {H100: 1.1, A100: 1.0}}
    pools = [pool("new", hosts=1), pool("old", hosts=1, model=A100)]
    done = simulate(load, pools, policy("heterogeneity"), options=Options(speeds=speeds))
    where = [done.pools[p].id for p in done.pool]
    assert where == ["new", "old"]
    assert done.end_s.tolist() == pytest.approx([100, 110])


def pushed(preemptible: bool, name: str = "balanced") -> list[float]:
    load = jobs([0, 5], [100, 10], device_milli=[8000, 8000], priority=[10, 90])
    options = Options(preemptible=preemptible)
    done = simulate(load, [pool("a", hosts=1)], policy(name), options=options)
    busy, lost = done.busy_s.tolist(), done.lost_s.tolist()
    return [*done.start_s.tolist(), *done.end_s.tolist(), *busy, *lost]


def test_who_counts_for_less_is_pushed_out_and_starts_anew() -> None:
    assert pushed(preemptible=True) == [0, 5, 115, 15, 105, 10, 5, 0]


def test_nobody_is_pushed_out_who_may_not_be() -> None:
    assert pushed(preemptible=False) == [0, 100, 100, 110, 100, 10, 0, 0]


def test_quotas_hold_on_this_clock_too() -> None:
    queues = (Queue("a", nominal=(None, None, 2000), borrow=(None, None, 0)), Queue("b"))
    load = jobs([0, 0, 0], [10, 10, 10], device_milli=[2000] * 3, home=["a", "a", "b"])
    options = Options(queues=queues, preemptible=True)
    done = simulate(load, [pool("p", hosts=1, model=A100)], policy("fair"), options=options)
    assert sorted(done.start_s[:2].tolist()) == [0, 10]
    assert done.start_s[2] == 0


def test_nothing_to_do_comes_to_an_end() -> None:
    empty = simulate(jobs([], []), [], policy("optimal"))
    assert len(empty.start_s) == 0
    never = simulate(jobs([0], [5], device_milli=[9000]), [pool("a")], policy("optimal"))
    assert np.isnan(never.start_s).all()


def test_jobs_of_one_name_and_user_follow_each_other_on_the_only_site() -> None:
    apart = Demand((group(),), apart=Apart("ranks", "site"))
    load = jobs([0, 1, 2], [100, 50, 10], kind=["k"] * 3, user=["ann", "ann", "ben"])
    done = simulate(load, [pool("a")], policy("easy"), options=Options(demands={"k": apart}))
    assert done.start_s.tolist() == [0, 100, 2]
    free = Options(demands={"k": replace(apart, apart=None)})
    assert simulate(load, [pool("a")], policy("easy"), options=free).start_s.tolist() == [0, 1, 2]
