"""What jobs use: an agent's readings of its own runs, kept once, and told to who sent the job."""

from __future__ import annotations

import pytest

from tests.builders import LI, Cluster, Domain, MakeDomain, pool, spec
from weir.control import job_usage as usage
from weir.control.job_usage import KEPT_S, forget_uses, job_usage, uses_after
from weir.core.errors import NotFound
from weir.wire.jobs import Origin, Submission
from weir.wire.usage import RunUse

GIB = 2**30


@pytest.fixture
def site(domain: Domain) -> Cluster:
    return domain.site("suzhou", pool("gpu"))


def running(domain: Domain, site: Cluster, devices: int = 2) -> tuple[str, str]:
    """A job that has been started, and its run."""
    job = domain.submit(spec("job", devices=devices))
    domain.round()
    run = site.run("accepted", "started")
    return job, run


def tell(site: Cluster, *uses: RunUse) -> None:
    site.exchange(uses=uses, want=False)


def test_readings_become_use_over_time_and_in_all(domain: Domain, site: Cluster) -> None:
    job, run = running(domain, site)
    begun = domain.clock()
    for cpu_ms, memory in ((4_000, GIB), (24_000, 3 * GIB), (30_000, GIB)):
        domain.clock.turn(10)
        tell(site, RunUse(run=run, at=domain.clock(), cpu_ms=cpu_ms, memory_bytes=memory))
    [found] = job_usage(domain.ctx, job).runs
    assert [(p.at - begun, p.cpu_milli, p.memory_bytes) for p in found.points] == [
        (10, 400, GIB),
        (20, 2000, 3 * GIB),
        (30, 600, GIB),
    ]
    assert (found.cpu_ms, found.peak_memory_bytes, found.device_ms) == (30_000, 3 * GIB, None)
    assert found.held_device_milli == 2000
    assert found.held_cpu_milli > 0


def test_a_centers_accounts_travel_beside_what_is_measured(domain: Domain, site: Cluster) -> None:
    job, run = running(domain, site)
    domain.clock.turn(10)
    tell(site, RunUse(run=run, at=domain.clock(), elapsed_ms=9_000, given_cpu_ms=36_000))
    [found] = job_usage(domain.ctx, job).runs
    assert (found.elapsed_ms, found.given_cpu_ms, found.cpu_ms) == (9_000, 36_000, None)


def test_a_job_of_which_nothing_is_measured_says_so(domain: Domain, site: Cluster) -> None:
    job, _ = running(domain, site)
    [found] = job_usage(domain.ctx, job).runs
    assert (found.points, found.cpu_ms, found.peak_memory_bytes) == ((), None, None)
    with pytest.raises(NotFound):
        job_usage(domain.ctx, "j-none")


def test_a_repeat_changes_nothing_and_times_are_of_the_run(domain: Domain, site: Cluster) -> None:
    job, run = running(domain, site)
    domain.clock.turn(10)
    now = domain.clock()
    tell(site, RunUse(run=run, at=now, cpu_ms=1), RunUse(run=run, at=now, cpu_ms=9))
    tell(site, RunUse(run=run, at=now, cpu_ms=9))
    assert job_usage(domain.ctx, job).runs[0].cpu_ms == 1
    tell(site, RunUse(run=run, at=now + 1e6, cpu_ms=5), RunUse(run=run, at=0.0, cpu_ms=5))
    assert all(0 <= now - p.at <= 20 for p in job_usage(domain.ctx, job).runs[0].points)


def test_nobody_tells_of_the_runs_of_others(domain: Domain, site: Cluster) -> None:
    other = domain.site("hefei", pool("gpu"))
    job, run = running(domain, site)
    teller = other if site.id == domain.job(job).runs[0].cluster else site
    domain.clock.turn(5)
    tell(teller, RunUse(run=run, at=domain.clock(), cpu_ms=5), RunUse(run="r-none", at=1.0))
    assert job_usage(domain.ctx, job).runs[0].cpu_ms is None


def test_a_run_has_so_many_readings_at_most(
    domain: Domain, site: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "MAX_READINGS", 3)
    job, run = running(domain, site)
    for n in range(6):
        domain.clock.turn(5)
        tell(site, RunUse(run=run, at=domain.clock(), cpu_ms=n))
    assert len(job_usage(domain.ctx, job).runs[0].points) == 3


def test_old_readings_are_forgotten(domain: Domain, site: Cluster) -> None:
    job, run = running(domain, site)
    domain.clock.turn(5)
    tell(site, RunUse(run=run, at=domain.clock(), cpu_ms=5))
    assert forget_uses(domain.ctx) == 0
    domain.clock.turn(KEPT_S + 10)
    assert forget_uses(domain.ctx) == 1
    assert job_usage(domain.ctx, job).runs[0].points == ()


def test_a_link_hears_of_its_own_jobs_and_once(make_domain: MakeDomain) -> None:
    domain = make_domain("north", "regional")
    above = domain.above()
    site = domain.site("suzhou", pool("gpu"))
    place = domain.pools()["gpu"].id
    origin = Origin(
        run="r-above", root_job="j-1", submitter="zhang", path=("CN-F",), pool=place,
        start_within_s=60,
    )  # fmt: skip
    domain.submit_all(Submission(spec=spec("theirs"), origin=origin), who=above.who)
    domain.round()
    run = site.run("accepted", "started")
    domain.clock.turn(10)
    tell(site, RunUse(run=run, at=domain.clock(), cpu_ms=7, memory_bytes=GIB))
    answer = uses_after(domain.ctx, above.who, 0)
    assert [(u.run, u.cpu_ms, u.memory_bytes) for u in answer.uses] == [("r-above", 7, GIB)]
    assert uses_after(domain.ctx, above.who, answer.after).uses == ()
    mine = domain.submit(spec("mine"), who=LI)
    domain.round()
    tell(site, RunUse(run=site.run("accepted", "started"), at=domain.clock(), cpu_ms=3))
    assert uses_after(domain.ctx, above.who, answer.after).uses == ()
    assert job_usage(domain.ctx, mine).runs[0].cpu_ms == 3
