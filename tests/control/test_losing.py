"""Silence: offers close, runs are given up when they can't start or for long, and may come back."""

from tests.builders import Cluster, Domain, pool, spec
from weir.core.lifecycle import JobState
from weir.store import jobs

LEASE_S, START_S, LOST_S = 30.0, 60.0, 600.0


def two_sites(domain: Domain) -> tuple[Cluster, Cluster]:
    """North, where jobs go first, and south."""
    dear = pool("dear", price_micro_per_device_hour=9_000_000)
    return domain.site("north", pool("cheap")), domain.site("south", dear)


def silence(domain: Domain, seconds: float, *others: Cluster) -> int:
    """Time goes by in which only `others` are heard."""
    domain.clock.turn(seconds)
    for other in others:
        other.hear()
    return domain.expire()


def test_a_silent_cluster_gets_nothing_new(domain: Domain) -> None:
    north, south = two_sites(domain)
    domain.woken.clear()
    assert silence(domain, LEASE_S + 1, south) == 0
    assert {"schedule", "watch"} <= set(domain.woken)
    job = domain.submit()
    domain.round()
    assert south.order().job == job
    assert domain.find().rejections[0].reasons[0].startswith("SILENT")
    north.hear()
    assert domain.find().candidates[0].pool_name == "cheap"


def test_a_run_that_was_not_heard_of_is_given_up_once_it_can_not_start(domain: Domain) -> None:
    _, south = two_sites(domain)
    job = domain.submit()
    domain.round()
    assert silence(domain, LEASE_S + START_S, south) == 0
    assert silence(domain, 0.5, south) == 1
    assert domain.runs(job) == [("lost", "main has been silent for 90 s")]
    assert domain.job(job).reason == "lost: main has been silent for 90 s"
    domain.round()
    assert south.order().run == f"{job}-2"


def test_a_run_that_was_accepted_is_given_up_by_the_same_time(domain: Domain) -> None:
    north, south = two_sites(domain)
    job = domain.submit()
    domain.round()
    north.run("accepted")
    assert silence(domain, LEASE_S + START_S, south) == 0
    assert silence(domain, 0.5, south) == 1
    assert domain.state(job) is JobState.WAITING


def test_a_run_that_runs_is_left_alone_for_long(domain: Domain) -> None:
    north, south = two_sites(domain)
    job = domain.submit()
    domain.round()
    north.run()
    assert silence(domain, LOST_S, south) == 0
    assert silence(domain, 1, south) == 1
    assert domain.state(job) is JobState.WAITING
    assert domain.runs(job)[0][0] == "lost"


def test_a_job_that_must_not_run_twice_fails_when_its_running_run_is_lost(domain: Domain) -> None:
    north, south = two_sites(domain)
    once = domain.submit(spec(restartable=False))
    domain.round()
    north.run()
    silence(domain, LOST_S + 1, south)
    assert domain.state(once) is JobState.FAILED
    assert domain.job(once).reason.startswith("lost: ")


def test_a_job_that_never_started_is_placed_again_even_if_it_must_not_run_twice(
    domain: Domain,
) -> None:
    _, south = two_sites(domain)
    once = domain.submit(spec(restartable=False))
    domain.round()
    silence(domain, LEASE_S + START_S + 1, south)
    assert domain.state(once) is JobState.WAITING


def test_a_job_is_placed_again_so_often_and_no_more(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    for losses in range(1, 5):
        domain.round()
        run = north.run()
        silence(domain, LOST_S + 1)
        # It had been there all the time, as far as its agent knows, and is gone now.
        north.hello(restarted=losses)
        north.say(run, "vanished", reason="the host has burned down")
    assert domain.state(job) is JobState.FAILED
    assert domain.job(job).attempts == domain.ctx.settings.max_losses + 1


def test_a_canceled_job_on_a_silent_cluster_ends_when_its_run_is_given_up(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    north.run()
    domain.cancel(job)
    silence(domain, LOST_S + 1)
    assert domain.state(job) is JobState.CANCELED
    assert domain.job(job).reason == "canceled by li"


# What was lost and comes back.


def test_a_lost_run_that_comes_back_before_another_was_placed_goes_on(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=1))
    job = domain.submit()
    domain.round()
    run = north.run()
    silence(domain, LOST_S + 1)
    assert domain.state(job) is JobState.WAITING

    answer = north.hear()
    assert answer.recheck == (run,)
    assert domain.round() == 0  # it still holds its place until it has answered
    north.say(run, "started")
    found = domain.job(job)
    assert (found.state, found.reason, found.attempts) == (JobState.RUNNING, "", 1)
    assert north.hear().recheck == ()
    north.say(run, "succeeded")
    assert domain.state(job) is JobState.SUCCEEDED
    assert domain.story(job) == [
        *("submitted", "placed", "started", "waiting again", "started", "succeeded"),
    ]


def test_a_lost_run_that_had_not_started_comes_back_as_the_jobs_run(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run("accepted")
    silence(domain, LEASE_S + START_S + 1)
    assert north.hear().recheck == (run,)
    north.say(run, "accepted")
    assert domain.state(job) is JobState.PLACED
    assert domain.round() == 0
    assert domain.runs(job) == [("accepted", "")]


def test_a_lost_run_that_comes_back_after_another_was_placed_is_stopped(domain: Domain) -> None:
    north, south = two_sites(domain)
    job = domain.submit()
    domain.round()
    first = north.run()
    silence(domain, LOST_S + 1, south)
    domain.round()
    second = south.run()

    north.hear()
    north.say(first, "started")
    assert list(north.hear().cancels) == [first]
    north.say(first, "canceled")
    assert domain.state(job) is JobState.RUNNING
    south.say(second, "succeeded")
    assert domain.state(job) is JobState.SUCCEEDED
    assert [state for state, _ in domain.runs(job)] == ["canceled", "succeeded"]


def test_the_first_of_two_runs_to_succeed_is_the_job_and_the_other_is_stopped(
    domain: Domain,
) -> None:
    north, south = two_sites(domain)
    job = domain.submit()
    domain.round()
    first = north.run()
    silence(domain, LOST_S + 1, south)
    domain.round()
    second = south.run()

    north.say(first, "succeeded", exit_code=0)
    found = domain.job(job)
    assert (found.state, found.pool_name) == (JobState.SUCCEEDED, "cheap")
    assert list(south.hear().cancels) == [second]
    south.say(second, "succeeded", exit_code=7)  # it was as good as done
    assert domain.job(job).exit_code == 0
    assert domain.story(job).count("succeeded") == 1
    assert all(p.runs == 0 for p in domain.pools().values())


def test_a_lost_run_that_had_succeeded_ends_the_waiting_job(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run()
    silence(domain, LOST_S + 1)
    north.say(run, "succeeded", exit_code=0)
    assert domain.state(job) is JobState.SUCCEEDED
    assert domain.round() == 0


def test_a_run_of_a_job_that_has_ended_is_stopped_when_it_comes_back(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run()
    silence(domain, LOST_S + 1)
    domain.cancel(job)
    assert domain.state(job) is JobState.CANCELED
    north.hear()
    north.say(run, "started")
    assert list(north.hear().cancels) == [run]
    north.say(run, "canceled")
    assert domain.state(job) is JobState.CANCELED


def test_one_loss_counts_once_however_often_it_is_said(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run("accepted")
    silence(domain, LEASE_S + START_S + 1)
    north.say(run, "vanished")
    with domain.ctx.store.read() as tx:
        row = jobs.get(tx, job)
    assert row is not None
    assert (row.losses, row.failures, row.state) == (1, 0, "waiting")


def test_a_run_that_was_stopped_and_fails_of_it_does_not_fail_its_job(domain: Domain) -> None:
    north, south = two_sites(domain)
    job = domain.submit()
    domain.round()
    first = north.run()
    silence(domain, LOST_S + 1, south)
    domain.round()
    south.run()
    north.say(first, "started")  # asked to stop, for there is another
    silence(domain, LOST_S + 1, north)
    assert domain.state(job) is JobState.WAITING  # that other one is lost as well
    north.say(first, "failed", reason="killed")
    assert domain.state(job) is JobState.WAITING


def test_an_event_of_nobodys_run_changes_nothing(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    assert north.say("j404-1", "started").acknowledged == 1
