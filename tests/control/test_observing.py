"""What an agent says is input: told twice, late or by a wrong clock, it counts once."""

from typing import Any

import pytest

from tests.builders import NOW, Cluster, Domain, pool, spec
from weir.core.lifecycle import JobState
from weir.store import clusters


def running(domain: Domain, **fields: Any) -> tuple[Cluster, str, str]:
    """A cluster with a job that runs there: (cluster, job, run)."""
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec(**fields))
    domain.round()
    return north, job, north.run()


def test_an_observation_told_again_is_acknowledged_and_changes_nothing(domain: Domain) -> None:
    north, job, run = running(domain, retries=5)
    told = north.seen(run, "failed", reason="first")
    assert north.exchange(observations=told).acknowledged == 3
    before = domain.job(job)
    for _ in range(3):
        assert north.exchange(observations=told).acknowledged == 3
    assert domain.job(job) == before
    assert domain.story(job).count("waiting again") == 1


def test_observations_may_come_out_of_order_within_a_call(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    told = north.seen(north.order().run, "accepted", "started", "succeeded")
    north.exchange(observations=told)
    assert domain.state(job) is JobState.SUCCEEDED
    north.exchange(observations=tuple(reversed(told)))
    assert domain.state(job) is JobState.SUCCEEDED


def test_an_older_call_that_arrives_after_a_newer_one_changes_nothing(domain: Domain) -> None:
    north, job, run = running(domain)
    older, newer = north.seen(run, "started"), north.seen(run, "succeeded")
    assert north.exchange(observations=newer).acknowledged == 4
    assert north.exchange(observations=older).acknowledged == 4
    assert domain.state(job) is JobState.SUCCEEDED


@pytest.mark.parametrize("event", ["accepted", "started", "succeeded", "failed", "refused"])
def test_nothing_moves_a_run_that_has_ended(domain: Domain, event: str) -> None:
    north, job, run = running(domain)
    north.say(run, "succeeded", exit_code=0)
    before = domain.job(job)
    north.say(run, event, exit_code=9)
    assert domain.job(job) == before


def test_a_new_journal_counts_from_one_again(domain: Domain) -> None:
    north, job, run = running(domain)
    north.journal, north.seq = "journal-2", 0
    answer = north.hello(restarted=1)
    assert answer.acknowledged == 0
    assert answer.recheck == (run,)
    north.say(run, "vanished", reason="the agent does not know this run")
    assert domain.state(job) is JobState.WAITING
    assert domain.job(job).reason == "lost: the agent does not know this run"


def test_an_agent_that_restarts_hears_again_what_stands(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=9))
    domain.submit_all(*({"spec": spec(f"job{n}")} for n in range(3)))  # type: ignore[arg-type]
    domain.round()
    unheard, accepted, started = [o.run for o in north.orders()]
    north.say(accepted, "accepted")
    north.say(started, "accepted", "started")
    answer = north.hello(restarted=1)
    assert [o.run for o in answer.orders] == [unheard, accepted]
    assert sorted(answer.recheck) == [accepted, started]


def test_a_wrong_clock_is_noticed_and_corrected(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    north.clock_off_s = 3600.0
    job = domain.submit()
    domain.round()
    run = north.run()
    domain.clock.turn(10)
    north.say(run, "succeeded")
    found = domain.job(job)
    assert (found.started_at, found.ended_at) == (NOW, NOW + 10)


def test_a_clock_that_is_off_by_little_is_taken_as_right(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    north.clock_off_s = -1.5
    job = domain.submit()
    domain.round()
    domain.clock.turn(10)
    north.run()
    assert domain.job(job).started_at == NOW + 10 - 1.5


def test_nothing_happens_before_it_was_asked_for(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec(walltime="1h"))
    domain.clock.turn(5)
    domain.round()
    run = north.order().run
    domain.clock.turn(5)
    for at, event in ((-1e308, "accepted"), (0.0, "started"), (1e308, "succeeded")):
        north.say(run, event, at=at)
    found = domain.job(job)
    assert (found.started_at, found.ended_at) == (NOW + 5, NOW + 10)
    assert domain.find().candidates


def test_nothing_happens_in_the_future(domain: Domain) -> None:
    north, job, run = running(domain)
    north.say(run, "succeeded", at=NOW + 1.9)
    assert domain.job(job).ended_at == NOW


def test_an_agents_word_may_hold_any_character(domain: Domain) -> None:
    north, job, run = running(domain)
    north.say(run, "failed", reason="bad\x00byte \U0001f4a5 " + "x" * 1900)
    assert domain.job(job).reason.startswith("bad")


def test_only_reporting_brings_no_orders(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit()
    domain.round()
    assert north.exchange(want=False).orders == ()
    assert len(north.orders()) == 1


def test_an_idle_agent_writes_seldom(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    writes = 0
    for _ in range(60):
        domain.clock.turn(1)
        before = heard(domain, north)
        north.hear()
        writes += heard(domain, north) != before
    assert writes == 60 // 8  # a little less often than four times a lease of 30 s


def heard(domain: Domain, cluster: Cluster) -> float | None:
    with domain.ctx.store.read() as tx:
        row = clusters.get(tx, cluster.id)
    assert row is not None
    return row.heard_at
