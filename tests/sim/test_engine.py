"""The clock: corner cases, the plain reference, and the same rounds as a server would play."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, inf, isnan, nan
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import A100, H100, pool
from tests.sim import plain
from tests.sim.stories import jobs
from weir.core.demand import Demand, DeviceRequest, TaskGroup
from weir.core.inventory import Pool
from weir.scheduling.columns import PoolColumns
from weir.scheduling.normal import speeds
from weir.scheduling.packing import Claim
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.policy import Policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Queue, RunningJob, Snapshot, WaitingJob
from weir.sim.curves import Curve
from weir.sim.engine import Options, simulate
from weir.sim.outcome import Outcome
from weir.sim.workload import Workload

pytestmark = pytest.mark.timeout(600)  # to compile for the first time takes a while

# By deadline, a job of no length may stand behind a longer one.
ALL = sorted(set(POLICIES) - {"deadline"})


def starts(load: Workload, *pools: Pool, name: str = "fifo", **options: Any) -> list[float]:
    done = simulate(load, pools, policy(name), options=Options(**options))
    return [float(start) for start in done.start_s]


def whole(count: int) -> dict[str, list[int]]:
    """Columns of jobs that take all eight devices."""
    return {"device_milli": [8000] * count}


# Corner cases.


@pytest.mark.parametrize("name", ALL)
def test_an_empty_workload_and_an_empty_network_have_an_outcome(name: str) -> None:
    nothing = simulate(jobs([], []), [pool("a")], policy(name))
    assert len(nothing.start_s) == 0
    nowhere = simulate(jobs([0, 1], [5, 5]), [], policy(name))
    assert np.isnan(nowhere.start_s).all()
    assert nowhere.pool.tolist() == [-1, -1]
    assert len(simulate(jobs([], []), [], policy(name)).pool) == 0


@pytest.mark.parametrize("name", ALL)
def test_jobs_of_no_length_pass_at_once(name: str) -> None:
    load = jobs([7, 7, 7, 7], [0, 0, 1, 0], **whole(4))
    times = starts(load, pool("a", hosts=1), name=name)
    assert sorted(times)[:3] == [7, 7, 7]
    assert set(times) <= {7, 8}


@pytest.mark.parametrize("name", ALL)
def test_a_job_larger_than_everything_never_starts_and_holds_nobody_up(name: str) -> None:
    load = jobs([0, 0, 0], [5, 5, 5], device_milli=[9000, 8000, 1000])
    done = simulate(load, [pool("a", hosts=1), pool("b", hosts=1)], policy(name))
    assert isnan(done.start_s[0])
    assert isnan(done.end_s[0])
    assert done.pool[0] == -1
    assert done.start_s[1:].tolist() == [0, 0]
    assert done.busy_s.tolist() == [0, 5, 5]


def test_a_job_that_never_ends_has_no_end_and_keeps_its_place() -> None:
    load = jobs([0, 1, 2], [inf, 5, 1], device_milli=[4000, 8000, 1000])
    done = simulate(load, [pool("a", hosts=1)], policy("cheapest"))
    assert done.start_s.tolist() == pytest.approx([0, nan, 2], nan_ok=True)
    assert done.end_s.tolist() == pytest.approx([nan, nan, 3], nan_ok=True)
    assert done.done.tolist() == [False, False, True]


def test_equal_arrivals_go_in_the_order_of_rows() -> None:
    assert starts(jobs([3] * 4, [2] * 4, **whole(4)), pool("a", hosts=1)) == [3, 5, 7, 9]


def test_what_ends_at_a_moment_makes_room_for_what_comes_then() -> None:
    assert starts(jobs([0, 5], [5, 1], **whole(2)), pool("a", hosts=1)) == [0, 5]


@pytest.mark.parametrize("name", sorted(set(ALL) - {"fair"}))
def test_a_priority_goes_before_everything_else(name: str) -> None:
    load = jobs([0, 1, 2], [50, 5, 90], priority=[0, 0, 10], **whole(3))
    assert starts(load, pool("a", hosts=1), name=name) == [0, 140, 50]


def test_a_priority_goes_before_length_even_where_that_is_unknown() -> None:
    load = jobs([0, 1, 2], [5, 3, inf], priority=[0, 0, 10], **whole(3))
    done = starts(load, pool("a", hosts=1), name="sjf")
    assert done == pytest.approx([0, nan, 5], nan_ok=True)


def test_who_has_waited_long_passes_a_higher_priority_that_has_just_come() -> None:
    hour = 3600
    load = jobs([0, 1, 5 * hour], [6 * hour, 9, 9], priority=[0, 0, 2], **whole(3))
    assert starts(load, pool("a", hosts=1), name="fifo") == [0, 6 * hour + 9, 6 * hour]
    assert starts(load, pool("a", hosts=1), name="balanced") == [0, 6 * hour, 6 * hour + 9]


def test_a_pool_s_longest_walltime_is_kept_to() -> None:
    load = jobs([0, 0], [5, 5], estimate_s=[60, 61])
    done = simulate(load, [pool("a", max_walltime_s=60), pool("b", hops=3)], policy("fifo"))
    assert done.pool.tolist() == [0, 1]


def test_each_queue_gets_its_share_over_time() -> None:
    """Ann comes first with many jobs; Ben has a turn as soon as a place is free, and then by turns
    with her. If her share is a thousand times his, he has to wait for his second turn.
    """
    load = jobs([0] * 8 + [1] * 2, [10] * 10, user=["ann"] * 8 + ["ben"] * 2, **whole(10))
    times = starts(load, pool("a", hosts=1), name="fair")
    assert sorted(times[8:]) == [10, 30]
    heavy = starts(load, pool("a", hosts=1), name="fair", weights={"ann": 1000.0})
    assert sorted(heavy[8:]) == [10, 90]


def test_data_takes_its_way_before_the_job_runs() -> None:
    load = jobs([0], [10], home=["Site far"], data_bytes=[10**9])
    near = pool("near", site="near", site_name="Site near")
    done = simulate(load, [near], policy("fifo"), options=Options(links={("Site far", "near"): 1}))
    assert done.end_s.tolist() == [18]
    assert done.moved_bytes.tolist() == [10**9]


def test_costs_follow_the_curves_as_time_goes_on() -> None:
    """Clean power moves from one site to the other at the second hour."""
    a, b = (pool(n, hosts=1, site=n, site_name=n) for n in "ab")
    carbon = {
        "a": Curve("a", "g/kWh", 0.0, 3600.0, np.array([10.0, 900.0])),
        "b": Curve("b", "g/kWh", 0.0, 3600.0, np.array([900.0, 10.0])),
    }
    load = jobs([0, 3700], [100, 100], epoch_s=0.0)
    options = Options(carbon=carbon, power_w=700.0, refresh_s=600.0)
    done = simulate(load, [a, b], policy("greenest"), options=options)
    assert done.pool.tolist() == [0, 1]
    assert done.carbon_g[0] == pytest.approx(done.carbon_g[1])


@pytest.mark.parametrize("name", ALL)
def test_the_same_in_gives_the_same_out(name: str) -> None:
    chance = np.random.default_rng(5)
    load = jobs(
        np.sort(chance.integers(0, 300, 60)).tolist(),
        chance.integers(0, 60, 60).tolist(),
        device_milli=chance.choice([1000, 2000, 8000], 60),
        user=[f"u{i % 3}" for i in range(60)],
    )
    pools = [pool("a", hosts=2), pool("b", hosts=1, price_micro_per_device_hour=5)]
    one, two = (simulate(load, pools[::way], policy(name)) for way in (1, -1))
    assert np.array_equal(one.start_s, two.start_s, equal_nan=True)
    assert np.array_equal(one.pool, two.pool)


# The plain reference.

PLAIN = st.lists(
    st.builds(
        plain.Job,
        st.integers(0, 60),
        st.integers(0, 40),
        st.integers(1, 6),
        st.none() | st.integers(0, 60),
        st.sampled_from(["ann", "ben"]),
    ),
    min_size=1,
    max_size=25,
).map(lambda many: sorted(many, key=lambda job: job.submit_s))


@pytest.mark.parametrize("name", ["fifo", "sjf", "easy"])
@settings(max_examples=60)
@given(PLAIN)
def test_the_clock_is_the_plain_reference_s(name: str, many: list[plain.Job]) -> None:
    if name == "sjf":  # the reference goes by the true length
        many = [replace(job, estimate_s=None) for job in many]
    load = jobs(
        [job.submit_s for job in many],
        [job.run_s for job in many],
        device_milli=[job.width * 1000 for job in many],
        estimate_s=[nan if job.estimate_s is None else job.estimate_s for job in many],
    )
    wanted = getattr(plain, name)(many, 6)
    assert starts(load, pool("a", hosts=1, devices=6), name=name) == wanted


# The same rounds as a server would play: a plain loop over objects that asks `schedule`.


@dataclass
class Held:
    """A job that runs: where, what it holds, when it ends and when it is thought to."""

    row: int
    pool: Pool
    claims: tuple[Claim, ...]
    end: float
    expected_end: float


@dataclass(frozen=True)
class Asked:
    """A job of the story, as a row of the workload."""

    submit: int
    run: float
    estimate: int | None
    tasks: int
    devices: int
    priority: int
    user: str
    kind: str
    far: bool


SPEEDS = {"train": {H100: 3.0, A100: 1.0}}
LINKS = {("home", "site-b"): 0.5, ("home", "site-c"): 4.0}
GB = 10**9
MEMORY_S = 20.0


def demand_of(job: Asked) -> Demand:
    device = DeviceRequest(milli=job.devices * 1000) if job.devices else None
    group = TaskGroup("all", count=job.tasks, cpu_milli=1000, memory_bytes=0, device=device)
    return Demand(groups=(group,), walltime_s=job.estimate)


def workload_of(story: Sequence[Asked]) -> Workload:
    return jobs(
        [j.submit for j in story],
        [j.run for j in story],
        estimate_s=[nan if j.estimate is None else j.estimate for j in story],
        tasks=[j.tasks for j in story],
        device_milli=[j.devices * 1000 for j in story],
        priority=[j.priority for j in story],
        user=[j.user for j in story],
        kind=[j.kind for j in story],
        **({"home": ["home" if j.far else "" for j in story]} if any(j.far for j in story) else {}),
        data_bytes=[GB if j.far else 0 for j in story],
    )


def pace(job: Asked, where: Pool) -> float:
    speeds = SPEEDS.get(job.kind, {})
    if not speeds:
        return 1.0
    return max(speeds.values()) / speeds.get(where.device_model or "", min(speeds.values()))


def lag_s(job: Asked, where: Pool) -> float:
    gbps = LINKS.get(("home", where.site))
    return GB * 8 / (gbps * 1e9) if job.far and gbps else 0.0


def waiting(row: int, job: Asked, queue: str) -> WaitingJob:
    length = job.run if job.estimate is None else job.estimate
    data = (("home", GB),) if job.far else ()
    return WaitingJob(
        f"{row:03}", demand_of(job), job.priority, float(job.submit),
        queue=queue, length_s=float(length), kind=job.kind, data=data,
    )  # fmt: skip


def amounts(held: Held, speed: float) -> tuple[float, float, float]:
    count = sum(c.count for c in held.claims)
    milli = sum(c.device_milli * c.count for c in held.claims)
    return count * 1000.0, 0.0, milli * speed


def by_objects(story: Sequence[Asked], pools: Sequence[Pool], rules: Policy) -> list[float]:
    """When each job starts: a plain event loop, NaN for never."""
    found = [nan] * len(story)
    queue: list[int] = []
    running: list[Held] = []
    coming = list(range(len(story)))
    by_id = {p.id: p for p in pools}
    names = sorted({job.user for job in story}) if rules.fair else []
    columns = PoolColumns.of([(p, False) for p in pools])
    speed = dict(zip(by_id, (speeds(columns) / 1000).tolist(), strict=True))
    past = dict.fromkeys(names, (0.0, 0.0, 0.0))
    now = -inf
    while coming or any(h.end < inf for h in running):
        times = [h.end for h in running] + [story[row].submit for row in coming[:1]]
        then = max(now, min(times))
        for name in names:
            mine = [amounts(h, speed[h.pool.id]) for h in running if story[h.row].user == name]
            held = [sum(m[i] for m in mine) for i in range(3)]
            left = exp(-(then - now) / MEMORY_S)
            past[name] = tuple(  # type: ignore[assignment]
                h + (p - h) * left for h, p in zip(held, past[name], strict=True)
            )
        now = then
        running = [h for h in running if h.end > now]
        while coming and story[coming[0]].submit <= now:
            queue.append(coming.pop(0))
        seen = Snapshot(
            now,
            tuple(
                PoolState(p, p.cluster, False, tuple(
                    replace(c, ends_at=h.expected_end if h.expected_end < inf else None)
                    for h in running if h.pool is p for c in h.claims
                ))
                for p in pools
            ),
            tuple(waiting(row, story[row], story[row].user if names else "") for row in queue),
            running=tuple(
                RunningJob(f"{h.row:03}", h.pool.id, h.claims, 0, now, story[h.row].user)
                for h in running
            ) if names else (),
            queues=tuple(Queue(name, past=past[name]) for name in names),
            speeds=SPEEDS,
            links=LINKS,
            mix=tuple((replace(demand_of(job), walltime_s=None), 1.0) for job in story),
        )  # fmt: skip
        for placed in schedule(seen, rules).placements:
            row, where = int(placed.job), by_id[placed.chosen.pool]
            job = story[row]
            claim = Claim(1000, 0, job.devices * 1000, job.tasks)
            length = job.run if job.estimate is None else job.estimate
            begin, slower = now + lag_s(job, where), pace(job, where)
            running.append(
                Held(row, where, (claim,), begin + job.run * slower, begin + length * slower)
            )
            queue.remove(row)
            found[row] = now
    return found


STORIES = st.lists(
    st.builds(
        Asked,
        submit=st.integers(0, 15),
        run=st.sampled_from((0, 1, 5, 8, 13, 40, inf)),
        estimate=st.none() | st.sampled_from((1, 5, 10, 50)),
        tasks=st.integers(1, 3),
        devices=st.sampled_from((0, 1, 1, 2, 3)),
        priority=st.sampled_from((0, 0, 0, 10)),
        user=st.sampled_from(("ann", "ben", "cho")),
        kind=st.sampled_from(("", "train")),
        far=st.booleans(),
    ),
    min_size=1,
    max_size=20,
).map(lambda many: sorted(many, key=lambda job: job.submit))

# Hosts are not named in a snapshot: what runs is packed anew in every round. So a pool is one host.
HOSTS = st.builds(
    lambda devices, cpu, model, price, hops, most: {
        "devices": devices,
        "cpu": cpu,
        "model": model,
        "price_micro_per_device_hour": price,
        "hops": hops,
        "max_walltime_s": most,
    },
    st.integers(0, 6),
    st.integers(1, 6),
    st.sampled_from((H100, A100)),
    st.sampled_from((0, 10**6, 3 * 10**6)),
    st.integers(0, 2),
    st.sampled_from((None, None, 20)),
)
NETWORKS = st.lists(HOSTS, min_size=1, max_size=4).map(
    lambda many: [pool("abcd"[i], hosts=1, **fields) for i, fields in enumerate(many)]
)
SERVED = (
    "fifo", "sjf", "easy", "conservative", "balanced", "fair", "even", "cheapest", "fastest",
    "nearest", "best-fit", "fragmentation",
)  # fmt: skip


@pytest.mark.parametrize("name", SERVED)
@settings(max_examples=40)
@given(STORIES, NETWORKS)
def test_the_clock_decides_as_a_server_does(
    name: str, story: list[Asked], pools: list[Pool]
) -> None:
    rules = replace(policy(name), preempt=False)
    if rules.fair:  # in a workload, data comes from the home, and that is then the queue
        story = [replace(job, far=False) for job in story]
    load = workload_of(story)
    options = Options(speeds=SPEEDS, links=LINKS, memory_s=MEMORY_S)
    done: Outcome = simulate(load, pools, rules, options=options)
    assert done.start_s.tolist() == pytest.approx(by_objects(story, pools, rules), nan_ok=True)
