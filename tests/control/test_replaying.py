"""Replays: who may have one, what is replayed, what is left out, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.builders import OPERATOR, Domain, MakeDomain, pool, spec
from tests.control.test_series import sent
from weir.control import replay
from weir.control.context import Context
from weir.control.replay import (
    LOST_S,
    Study,
    Told,
    ask_replay,
    list_replays,
    show_replay,
    work_off,
)
from weir.core.errors import BadInput, Conflict, NotFound, NotReady
from weir.core.series import start_of
from weir.wire.replays import LeftOut, ReplayRequest, ReplayResult

RESULT = ReplayResult(
    jobs=1, pools=1, begin=0.0, end=0.0, devices=True, currency="CNY", left_out=(), notes=(),
    measures=(), columns=(),
)  # fmt: skip
ASKED = ReplayRequest(policies=("fifo", "balanced"), days=7)


def two_ran(make_domain: MakeDomain) -> Domain:
    """A pool of one host, on which two jobs have run for an hour each, one after the other."""
    domain = make_domain()
    site = domain.site("east", pool("gpu", hosts=1, price_micro_per_device_hour=2_000_000))
    for name in ("first", "second"):
        domain.submit(spec(name, queue=None, walltime="2h"))
    for _ in range(2):
        domain.round()
        run = site.run("accepted", "started")
        domain.clock.turn(3600)
        site.say(run, "succeeded")
    return domain


@pytest.fixture
def week(make_domain: MakeDomain) -> Domain:
    """Two jobs have run for an hour each, one after the other; one waits, one was canceled."""
    domain = two_ran(make_domain)
    domain.cancel(domain.submit(spec("canceled", count=999)))
    domain.submit(spec("waits", count=999))
    return domain


def with_simulator(domain: Domain, simulate: Callable[[Study, Told], ReplayResult]) -> Context:
    return replace(domain.ctx, simulate=simulate)


def test_what_has_run_is_replayed_and_the_rest_is_counted(week: Domain) -> None:
    seen: list[Study] = []

    def simulate(study: Study, told: Told) -> ReplayResult:
        seen.append(study)
        week.clock.turn(2)
        told(0.5, "fifo: 1 waiting")
        said = show_replay(ctx, asked.id)
        assert (said.state, said.share, said.detail) == ("running", 0.5, "fifo: 1 waiting")
        return RESULT

    ctx = with_simulator(week, simulate)
    asked = ask_replay(ctx, OPERATOR, ASKED)
    assert (asked.state, asked.asked_by) == ("queued", "operator")
    assert work_off(ctx)
    assert not work_off(ctx)
    found = show_replay(ctx, asked.id)
    assert (found.state, found.share, found.result) == ("done", 1.0, RESULT)
    [study] = seen
    assert study.policies == ("fifo", "balanced")
    assert study.left_out == (
        LeftOut(jobs=1, why="have not ended yet"),
        LeftOut(jobs=1, why="ended without having run"),
    )
    assert [p.name for p in study.pools] == ["gpu"]
    first, second = study.jobs
    assert (first.held_s, second.held_s, second.walltime_s) == (3600, 3600, 7200)
    assert second.started_at - second.ready_at == 3600, "it waited for the first one"
    assert first.amounts[2] == 8000
    assert first.price_micro_per_hour == 16_000_000
    assert dict(study.demands)[first.kind].groups[0].device is not None


def test_the_past_is_only_as_long_as_was_asked_for(week: Domain) -> None:
    seen: list[Study] = []

    def simulate(study: Study, told: Told) -> ReplayResult:
        seen.append(study)
        return RESULT

    week.clock.turn(86400)
    ctx = with_simulator(week, simulate)
    with pytest.raises(BadInput, match=r"no job .* has run to its end, so there is nothing"):
        ask_replay(ctx, OPERATOR, ReplayRequest(policies=("fifo",), days=0.5))
    ask_replay(ctx, OPERATOR, ReplayRequest(policies=("fifo",), days=2))
    work_off(ctx)
    assert len(seen[0].jobs) == 2


def test_a_domain_without_a_past_says_so(domain: Domain) -> None:
    ctx = with_simulator(domain, lambda study, told: RESULT)
    with pytest.raises(BadInput, match="nothing to replay"):
        ask_replay(ctx, OPERATOR, ASKED)
    assert list_replays(ctx).replays == ()


def test_what_can_not_be_replayed_is_named_all_at_once(
    week: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Policies that plan whole rounds are slow to replay: so many jobs and no more."""
    ctx = with_simulator(week, lambda study, told: RESULT)
    request = ReplayRequest(policies=("fifo", "heterogeneity", "nonsense", "optimal"))
    monkeypatch.setattr(replay, "MOST_PLANNED", 2)
    with pytest.raises(BadInput) as refused:
        ask_replay(ctx, OPERATOR, request)
    said = {m.field: m.message for m in refused.value.mistakes}
    assert list(said) == ["policies[1]", "policies[2]", "policies[3]"]
    assert "for 2 jobs at most, and 3 have ended" in said["policies[1]"]


def test_every_policy_is_replayed_where_jobs_are_few(week: Domain) -> None:
    ctx = with_simulator(week, lambda study, told: RESULT)
    asked = ask_replay(ctx, OPERATOR, ReplayRequest(policies=("heterogeneity", "optimal")))
    assert work_off(ctx)
    assert show_replay(ctx, asked.id).state == "done"


def test_what_energy_was_at_the_sites_is_told(make_domain: MakeDomain) -> None:
    """What a building drew in the hours of the past, and what its pool says that a kWh costs."""
    domain = make_domain()
    dear = pool("gpu", hosts=1, energy_price_micro_per_kwh=(500_000,))
    site = domain.site("east", dear)
    domain.submit(spec(walltime="2h"))
    domain.round()
    run = site.run("accepted", "started")
    begin = start_of(domain.clock(), 3600)
    domain.clock.turn(2 * 3600)
    site.say(run, "succeeded")
    for n, grams in enumerate((100_000.0, 900_000.0)):
        points = [("it_power", 1e6), ("facility_power", 1e6), ("carbon_emission", grams)]
        at = begin + n * 3600
        told = [(site.identifier, metric, at, value) for metric, value in points]
        assert sent(site, *told, width=3600).refused == ()
    seen: list[Study] = []

    def simulate(study: Study, told: Told) -> ReplayResult:
        seen.append(study)
        return RESULT

    ctx = with_simulator(domain, simulate)
    ask_replay(ctx, OPERATOR, ASKED)
    work_off(ctx)
    ((_, energy),) = seen[0].energy
    assert energy.carbon is not None
    assert energy.price is not None
    hours = [float(energy.carbon.mean(begin + n * 3600, begin + (n + 1) * 3600)) for n in (0, 1)]
    assert hours == [pytest.approx(100.0), pytest.approx(900.0)]
    assert float(energy.price.mean(begin, begin + 7200)) == pytest.approx(0.5)


def test_one_at_a_time(week: Domain) -> None:
    ctx = with_simulator(week, lambda study, told: RESULT)
    first = ask_replay(ctx, OPERATOR, ASKED)
    with pytest.raises(Conflict, match="not done yet"):
        ask_replay(ctx, OPERATOR, ASKED)
    work_off(ctx)
    second = ask_replay(ctx, OPERATOR, ASKED)
    listed = list_replays(ctx)
    assert [r.id for r in listed.replays] == [second.id, first.id]
    assert listed.replays[1].state == "done"
    assert listed.replays[1].result is None, "results are asked for one by one"


def test_where_nothing_simulates_it_is_said(week: Domain) -> None:
    assert not list_replays(week.ctx).possible
    with pytest.raises(NotReady):
        ask_replay(week.ctx, OPERATOR, ASKED)


def test_what_fails_is_told_with_the_reason(week: Domain) -> None:
    def simulate(study: Study, told: Told) -> ReplayResult:
        raise BadInput("it makes no sense")

    ctx = with_simulator(week, simulate)
    asked = ask_replay(ctx, OPERATOR, ASKED)
    work_off(ctx)
    found = show_replay(ctx, asked.id)
    assert (found.state, found.detail) == ("failed", "it makes no sense")


def test_a_fault_is_told_as_one_and_raised(week: Domain) -> None:
    def simulate(study: Study, told: Told) -> ReplayResult:
        raise RuntimeError("secret detail")

    ctx = with_simulator(week, simulate)
    asked = ask_replay(ctx, OPERATOR, ASKED)
    with pytest.raises(RuntimeError):
        work_off(ctx)
    found = show_replay(ctx, asked.id)
    assert (found.state, "secret" in found.detail) == ("failed", False)


def test_one_whose_server_was_stopped_has_failed_and_blocks_nobody(week: Domain) -> None:
    ctx = with_simulator(week, lambda study, told: RESULT)
    asked = ask_replay(ctx, OPERATOR, ASKED)
    week.clock.turn(LOST_S + 1)
    assert not work_off(ctx)
    assert "was stopped" in show_replay(ctx, asked.id).detail
    assert ask_replay(ctx, OPERATOR, ASKED).state == "queued"


def test_who_is_told_to_stop_stops(week: Domain) -> None:
    def simulate(study: Study, told: Told) -> ReplayResult:
        told(0.0, "")
        return RESULT

    def check() -> None:
        raise NotReady("the server was stopped")

    ctx = with_simulator(week, simulate)
    asked = ask_replay(ctx, OPERATOR, ASKED)
    work_off(ctx, check)
    assert show_replay(ctx, asked.id).state == "failed"


def test_one_that_is_not_there(week: Domain) -> None:
    with pytest.raises(NotFound):
        show_replay(week.ctx, "p-none")


def test_a_job_that_was_put_off_is_replayed_from_when_it_came(make_domain: MakeDomain) -> None:
    """It waited for two hours because that was better: another policy need not."""
    domain = make_domain(policy="cheapest")
    domain.clock.turn(3600 - domain.clock() % 3600)
    first = int(domain.clock() // 3600)
    tariff = tuple(100_000 if hour == (first + 2) % 24 else 1_000_000 for hour in range(24))
    site = domain.site("east", pool(energy_price_micro_per_kwh=tariff))
    came = domain.clock()
    domain.submit(spec(walltime="1h", patience="8h"))
    assert domain.round() == 0
    domain.clock.turn(7200)
    site.hear()
    assert domain.round() == 1
    run = site.run("accepted", "started")
    domain.clock.turn(3600)
    site.say(run, "succeeded")
    seen: list[Study] = []

    def simulate(study: Study, told: Told) -> ReplayResult:
        seen.append(study)
        return RESULT

    ctx = with_simulator(domain, simulate)
    ask_replay(ctx, OPERATOR, ASKED)
    assert work_off(ctx)
    (job,) = seen[0].jobs
    assert (job.ready_at, job.patience_s) == (came, 8 * 3600)
    assert job.started_at == came + 7200
