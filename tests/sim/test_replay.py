"""A domain's past once more: what it was, and what the scheduler makes of it under a policy."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.builders import GIB, NOW
from weir.bootstrap.replays import simulate_apart
from weir.control.replay import PastJob, Study
from weir.core.demand import Apart, Demand, DeviceRequest, TaskGroup
from weir.core.errors import NotReady
from weir.core.inventory import HostShape, Pool, all_free
from weir.scheduling.energy import Energy, Forecast
from weir.scheduling.snapshot import Queue
from weir.sim import replay as replaying
from weir.sim.replay import AS_IT_WAS, replay
from weir.wire.replays import LeftOut, ReplayResult

SHAPE = HostShape(cpu_milli=64_000, memory_bytes=512 * GIB, devices=8)


def a_pool(name: str, hosts: int = 1, **fields: object) -> Pool:
    known = Pool(
        id=name, name=name, cluster="c", site=name, site_name=name, hosts=hosts, shape=SHAPE,
        free=all_free(hosts, SHAPE), device_model="nvidia-h100-sxm5",
    )  # fmt: skip
    return replace(known, **fields)  # type: ignore[arg-type]


def demand(devices: int = 8, count: int = 1, **fields: object) -> Demand:
    group = TaskGroup("all", count, 1000, GIB, DeviceRequest(1000 * devices))
    return Demand(groups=(group,), **fields)  # type: ignore[arg-type]


def job(
    name: str, came: float, waited: float, held: float, kind: str = "k", **fields: object
) -> PastJob:
    began = NOW + came + waited
    known = PastJob(
        id=name, kind=kind, queue="", submitter="li", priority=0, ready_at=NOW + came,
        started_at=began, ended_at=began + held, held_s=held, pool="a",
        amounts=(1000, GIB, 8000), walltime_s=None, price_micro_per_hour=36_000_000,
    )  # fmt: skip
    return replace(known, **fields)  # type: ignore[arg-type]


def study(*jobs: PastJob, **fields: object) -> Study:
    known = Study(
        jobs=jobs, demands=(("k", demand()),), pools=(a_pool("a"),), queues=(),
        policies=("fifo",), left_out=(),
    )  # fmt: skip
    return replace(known, **fields)  # type: ignore[arg-type]


def run(found: Study) -> tuple[ReplayResult, dict[str, dict[str, float | None]]]:
    result = replay(found, lambda share, text: None)
    return result, {c.policy: c.numbers for c in result.columns}


def test_what_happened_stands_beside_what_would_have() -> None:
    """Two jobs of 100 s at once on one host; the second had waited 500 s although it needn't."""
    left = (LeftOut(jobs=3, why="have not ended yet"),)
    result, found = run(study(job("x", 0, 0, 100), job("y", 0, 500, 100), left_out=left))
    past, fifo = found[AS_IT_WAS], found["fifo"]
    assert (past["mean_wait_s"], fifo["mean_wait_s"]) == (250, 50)
    assert (past["mean_jct_s"], fifo["mean_jct_s"]) == (350, 150)
    assert past["utilisation"] == pytest.approx(200 / 600)
    assert fifo["utilisation"] == pytest.approx(1.0)
    assert past["cost"] == pytest.approx(2.0)
    assert (result.jobs, result.begin, result.end, result.left_out) == (2, NOW, NOW, left)
    assert result.currency == "CNY"


def test_a_job_goes_only_where_its_demand_lets_it() -> None:
    pools = (a_pool("a"), a_pool("b"))
    jobs = (job("x", 0, 0, 100, kind="at-a"), job("y", 0, 0, 100, kind="at-a"))
    _, free = run(study(*jobs, pools=pools, demands=(("at-a", demand()),)))
    _, tied = run(study(*jobs, pools=pools, demands=(("at-a", demand(sites=("a",))),)))
    assert (free["fifo"]["max_wait_s"], tied["fifo"]["max_wait_s"]) == (0, 100)


def test_a_job_of_several_groups_holds_all_of_them() -> None:
    two = Demand(groups=(*demand().groups, replace(demand().groups[0], name="more")))
    jobs = [job(n, 0, 0, 100, amounts=(2000, 2 * GIB, 16_000)) for n in "xy"]
    _, found = run(study(*jobs, pools=(a_pool("a", hosts=2),), demands=(("k", two),)))
    assert found["fifo"]["max_wait_s"] == 100
    _, small = run(study(*jobs, pools=(a_pool("a", hosts=1),), demands=(("k", two),)))
    assert small["fifo"]["never_started"] == 2


def test_the_queues_of_the_domain_share_and_keep_to_their_quotas() -> None:
    jobs = [job(f"j{n}", 0, 0, 100, queue="small") for n in range(2)]
    quota = Queue("small", nominal=(None, None, 8000), borrow=(None, None, 0))
    pools = (a_pool("a", hosts=2, device_model="of-unknown-speed"),)  # so that it counts as one
    for queues, longest in (((), 0), ((quota,), 100)):
        _, found = run(study(*jobs, queues=queues, policies=("fair",), pools=pools))
        assert found["fair"]["max_wait_s"] == longest


def test_shorter_jobs_go_first_where_the_policy_says_so() -> None:
    jobs = [
        job("now", 0, 0, 50, walltime_s=60),
        job("long", 1, 49, 1000, walltime_s=2000),
        job("short", 2, 1048, 10, walltime_s=20),
    ]
    result, found = run(study(*jobs, policies=("fifo", "sjf")))
    assert found["sjf"]["mean_wait_s"] == pytest.approx((0 + 48 + 59) / 3)
    assert found["fifo"]["mean_wait_s"] == found[AS_IT_WAS]["mean_wait_s"]
    assert [c.policy for c in result.columns] == [AS_IT_WAS, "fifo", "sjf"]


def test_it_is_said_which_policies_do_not_go_with_the_queues() -> None:
    result, _ = run(study(job("x", 0, 0, 1), queues=(Queue("a"),), policies=("fifo", "fair")))
    assert any(note.startswith("fifo can only be set once") for note in result.notes)


def test_another_process_finds_the_same() -> None:
    asked = study(job("x", 0, 0, 100), job("y", 0, 500, 100))
    assert simulate_apart(asked, lambda share, text: None) == run(asked)[0]


def test_another_process_is_ended_with_who_asked() -> None:
    def told(share: float, text: str) -> None:
        raise NotReady("stopped")

    with pytest.raises(NotReady, match="stopped"):
        simulate_apart(study(job("x", 0, 0, 100)), told)


def test_another_process_that_breaks_is_told() -> None:
    broken = study(job("x", 0, 0, 100), policies=("nonsense",))
    with pytest.raises(NotReady, match="ended without a result"):
        simulate_apart(broken, lambda share, text: None)


def test_energy_carbon_and_what_they_cost_are_counted() -> None:
    """One hour on eight devices of 500 W in a building that takes half as much again: 6 kWh, where
    the first half hour is clean and cheap and the second is not.
    """
    half = 1800.0
    there = Energy(
        device_w=500.0,
        pue=1.5,
        carbon=Forecast(NOW, half, np.array([100.0, 300.0])),
        price=Forecast(NOW, half, np.array([0.5, 1.5])),
    )
    seen = study(job("x", 0, 0, 3600, price_micro_per_hour=0), energy=(("a", there),))
    seen = replace(seen, pools=(a_pool("a", price_micro_per_device_hour=0),))
    result, found = run(replace(seen, policies=("fifo", "greenest")))
    for column in found.values():
        assert column["energy_wh"] == pytest.approx(6000.0)
        assert column["carbon_g"] == pytest.approx(1200.0)
        assert column["cost"] == pytest.approx(6.0)
    assert {m.name for m in result.measures} >= {"energy_wh", "carbon_g", "cost"}
    assert any("Energy is" in note for note in result.notes)


def test_what_nobody_measured_is_not_counted() -> None:
    _, found = run(study(job("x", 0, 0, 100)))
    assert {c["energy_wh"] for c in found.values()} == {None}


@pytest.mark.parametrize("name", ["optimal", "heterogeneity", "balanced"])
def test_every_policy_plays_the_past(name: str) -> None:
    jobs = [job(n, 0, 0, 100) for n in "xy"]
    _, found = run(study(*jobs, policies=(name,)))
    assert found[name]["placed"] == 2
    assert found[name]["max_wait_s"] == 100


def test_jobs_of_one_name_are_apart_as_they_were_as_far_as_that_can_be_replayed() -> None:
    apart = Demand(demand(1).groups, apart=Apart("ranks", "pool"))
    found = study(job("a", 0, 0, 100), job("b", 10, 0, 100), demands=(("k", apart),))
    assert run(found)[1]["fifo"]["mean_wait_s"] == 45
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(replaying, "MOST_PLANNED", 1)
        result, columns = run(found)
    assert columns["fifo"]["mean_wait_s"] == 0
    assert any("none is kept apart" in note for note in result.notes)
