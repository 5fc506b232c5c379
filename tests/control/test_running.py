"""From submission to the end: placed, ordered, accepted, started, ended, and what is left of it."""

import re
from dataclasses import replace

import pytest

from tests.builders import LI, NOW, OPERATOR, Domain, MakeDomain, person, pool, spec
from weir.control.show import list_files, list_jobs, read_file
from weir.core.errors import BadInput, NotAllowed, NotFound
from weir.core.lifecycle import JobState


def test_a_job_from_its_submission_to_its_success(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec("train", walltime="1h"))
    assert domain.state(job) is JobState.WAITING

    assert domain.round() == 1
    assert domain.state(job) is JobState.PLACED
    order = north.order()
    assert (order.job, order.pool, order.spec.name) == (job, north.named["gpu"], "train")
    assert [(g.group, g.count) for g in order.groups] == [("main", 1)]
    assert (order.submitter, order.root_job, order.path) == ("li", job, ("CN-F",))
    assert north.orders() == []

    domain.clock.turn(3)
    north.say(order.run, "accepted")
    domain.clock.turn(2)
    north.say(order.run, "started")
    assert domain.state(job) is JobState.RUNNING
    assert domain.pools()["gpu"].free_devices_milli == 8000
    assert domain.pools()["gpu"].runs == 1

    north.send(order.run, "stdout", 0, b"hello\n")
    domain.clock.turn(60)
    north.say(order.run, "succeeded", exit_code=0)
    found = domain.job(job)
    assert (found.state, found.exit_code, found.reason) == (JobState.SUCCEEDED, 0, "")
    assert (found.submitted_at, found.started_at, found.ended_at) == (NOW, NOW + 5, NOW + 65)
    assert (found.pool_name, found.site_name, found.place) == ("gpu", "north", ("north",))
    assert domain.runs(job) == [("succeeded", "")]
    assert domain.story(job) == ["submitted", "placed", "started", "succeeded"]
    assert domain.read(job) == b"hello\n"
    assert domain.pools()["gpu"].free_devices_milli == 16_000


def test_everybody_who_waits_is_woken(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.woken.clear()
    job = domain.submit()
    assert domain.woken == ["schedule"]
    domain.round()
    assert {f"orders {north.id}", f"job {job}", "watch"} <= set(domain.woken)
    domain.woken.clear()
    north.run("accepted", "started", "succeeded")
    assert {"schedule", "watch", f"job {job}"} <= set(domain.woken)


def test_two_jobs_that_do_not_fit_together_run_one_after_the_other(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=1))
    first, second = domain.submit(), domain.submit()
    assert domain.round() == 1
    assert domain.round() == 0
    run = north.run()
    assert (domain.state(first), domain.state(second)) == (JobState.RUNNING, JobState.WAITING)
    north.say(run, "succeeded")
    assert domain.round() == 1
    assert domain.state(second) is JobState.PLACED


def test_the_higher_priority_goes_first(domain: Domain) -> None:
    domain.site("north", pool("gpu", hosts=1))
    low, high = domain.submit(spec(priority=10)), domain.submit(spec(priority=90))
    domain.round()
    assert (domain.state(low), domain.state(high)) == (JobState.WAITING, JobState.PLACED)


def test_a_refused_job_is_kept_off_that_pool_for_a_while(domain: Domain) -> None:
    north = domain.site("north", pool("cheap"))
    south = domain.site("south", pool("dear", price_micro_per_device_hour=9_000_000))
    job = domain.submit()
    domain.round()
    north.say(north.order().run, "refused", reason="the queue is closed")
    assert domain.state(job) is JobState.WAITING
    assert domain.job(job).reason == "refused: the queue is closed"

    domain.round()
    south.say(south.order().run, "refused", reason="no room")
    assert domain.round() == 0  # both are avoided now
    [reason] = domain.why(job).reasons
    assert (reason.reason, reason.pools) == ("REFUSED", 2)

    domain.clock.turn(domain.ctx.settings.avoid_s + 0.1)
    assert domain.round() == 1
    assert north.order().run == f"{job}-3"
    assert domain.runs(job)[:2] == [("refused", "the queue is closed"), ("refused", "no room")]


def test_a_failed_job_is_tried_again_as_often_as_it_asked(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec(retries=1))
    domain.round()
    north.say(north.run(), "failed", exit_code=3, reason="exit code 3")
    assert domain.state(job) is JobState.WAITING
    assert domain.job(job).reason == "failed (exit code 3); try 2"
    assert (domain.job(job).started_at, domain.job(job).pool) == (None, None)
    domain.round()
    north.say(north.run(), "failed", exit_code=4, reason="exit code 4")
    found = domain.job(job)
    assert (found.state, found.exit_code, found.reason) == (JobState.FAILED, 4, "exit code 4")
    assert found.attempts == 2


def test_a_run_stopped_at_its_center_is_placed_again_without_costing_a_try(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    north.say(north.run(), "canceled", reason="maintenance")
    assert domain.state(job) is JobState.WAITING
    assert domain.job(job).reason == "lost: stopped at the center: maintenance"


# Canceling.


def test_a_waiting_job_is_canceled_at_once(domain: Domain) -> None:
    job = domain.submit()
    domain.cancel(job)
    found = domain.job(job)
    assert (found.state, found.reason, found.ended_at) == ("canceled", "canceled by li", NOW)
    assert domain.story(job) == ["submitted", "canceled"]
    assert domain.round() == 0


def test_a_placed_job_that_its_agent_has_not_heard_of_is_canceled_by_the_agents_word(
    domain: Domain,
) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    domain.cancel(job)
    assert domain.state(job) is JobState.PLACED
    answer = north.hear()
    assert [o.run for o in answer.orders] == list(answer.cancels) == [f"{job}-1"]
    north.say(f"{job}-1", "canceled", reason="it was not started")
    assert domain.job(job).reason == "canceled by li"
    assert domain.state(job) is JobState.CANCELED


@pytest.mark.parametrize("said", [["accepted"], ["accepted", "started"]])
def test_a_job_with_a_run_is_canceled_when_that_has_stopped(
    domain: Domain, said: list[str]
) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run(*said)
    domain.cancel(job)
    domain.cancel(job)  # asking twice asks once
    assert domain.story(job).count("asked to stop") == 1
    assert domain.job(job).state not in ("canceled", "waiting")
    assert list(north.hear().cancels) == [run]
    north.say(run, "canceled", reason="killed")
    assert domain.state(job) is JobState.CANCELED
    assert domain.runs(job) == [("canceled", "killed")]


@pytest.mark.parametrize("end", ["failed", "refused", "vanished"])
def test_a_job_that_is_to_stop_is_canceled_however_its_run_ends(domain: Domain, end: str) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec(retries=9))
    domain.round()
    run = north.run("accepted")
    domain.cancel(job)
    north.say(run, end, reason="so it ended")
    assert domain.state(job) is JobState.CANCELED


def test_success_before_the_cancel_was_heard_is_success(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run()
    domain.cancel(job)
    north.say(run, "succeeded", exit_code=0)
    assert domain.state(job) is JobState.SUCCEEDED
    assert domain.job(job).reason == ""


@pytest.mark.parametrize("end", ["succeeded", "failed"])
def test_a_job_that_has_ended_stays_as_it_ended(domain: Domain, end: str) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    north.say(north.run(), end)
    before = domain.job(job)
    domain.cancel(job)
    assert domain.job(job) == before


def test_a_job_is_canceled_by_its_owner_or_an_operator(domain: Domain) -> None:
    job = domain.submit()
    with pytest.raises(NotAllowed, match="is li's; its owner or an operator"):
        domain.cancel(job, who=person("wang"))
    domain.cancel(job, who=OPERATOR)
    assert domain.job(job).reason == "canceled by operator"
    with pytest.raises(NotFound):
        domain.cancel("j404")


def test_a_job_past_its_deadline_is_stopped(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=1))
    running = domain.submit(spec(deadline="1h"))
    domain.round()
    run = north.run()
    waiting = domain.submit(spec(deadline="1h"))
    domain.clock.turn(3599)
    north.hear()
    assert domain.expire() == 0
    domain.clock.turn(2)
    north.hear()
    assert domain.expire() == 2
    assert domain.state(waiting) is JobState.CANCELED
    assert domain.job(waiting).reason == "its deadline has passed"
    assert list(north.hear().cancels) == [run]
    north.say(run, "canceled")
    assert domain.state(running) is JobState.CANCELED
    assert domain.expire() == 0


# Files.


def test_files_grow_in_pieces_and_repeats_change_nothing(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run()
    for offset, data in ((0, b"one "), (4, b"two "), (0, b"one "), (4, b"two three")):
        north.send(run, "stdout", offset, data)
    assert domain.read(job) == b"one two three"
    assert read_file(domain.ctx, LI, job, "stdout", 4, 3) == (b"two", 13, False)
    assert [(f.name, f.size) for f in list_files(domain.ctx, LI, job).files] == [("stdout", 13)]


def test_a_piece_after_a_gap_is_refused(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit()
    domain.round()
    run = north.run()
    with pytest.raises(BadInput, match="starts at 5, after a gap"):
        north.send(run, "stdout", 5, b"late")
    with pytest.raises(BadInput, match="is not base64"):
        north.exchange(chunks=({"run": run, "name": "a", "offset": 0, "data": "!"},))


def test_files_are_read_by_their_owner_and_operators(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    run = north.run()
    north.send(run, "output/a.txt", 0, b"result")
    north.say(run, "succeeded")
    assert domain.read(job, "output/a.txt", who=OPERATOR) == b"result"
    with pytest.raises(NotAllowed, match="the files of job"):
        domain.read(job, "output/a.txt", who=person("wang"))
    with pytest.raises(NotFound, match=r"left no file b; its files: output/a\.txt"):
        domain.read(job, "b")
    assert read_file(domain.ctx, LI, job, "stderr", 0, 9) == (b"", 0, True)


def test_the_files_of_the_latest_run_that_ran_are_the_jobs(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec(retries=1))
    assert list_files(domain.ctx, LI, job).run is None
    domain.round()
    run = north.run()
    north.send(run, "stdout", 0, b"first")
    north.say(run, "failed")
    assert domain.read(job) == b"first"
    domain.round()
    north.send(north.run(), "stdout", 0, b"second")
    assert domain.read(job) == b"second"


def test_nobody_writes_files_of_anothers_runs(domain: Domain) -> None:
    north, south = domain.site("north", pool("gpu")), domain.site("south")
    domain.submit()
    domain.round()
    run = north.run()
    with pytest.raises(NotAllowed, match="is not one of cluster"):
        south.send(run, "stdout", 0, b"x")
    with pytest.raises(NotAllowed, match="is not one of cluster"):
        south.say(run, "failed")
    south.send("unknown", "stdout", 0, b"x")


# Looking.


def test_jobs_are_listed_newest_first_by_pages(domain: Domain) -> None:
    ids = domain.submit_all(*({"spec": spec(f"job{n}")} for n in range(5)))  # type: ignore[arg-type]
    other = domain.submit(spec("other"), who=person("wang"))
    page = list_jobs(domain.ctx, limit=4)
    assert [j.id for j in page.jobs] == [other, *reversed(ids[2:])]
    assert [j.id for j in list_jobs(domain.ctx, before=page.next).jobs] == [ids[1], ids[0]]
    assert [j.id for j in list_jobs(domain.ctx, submitter="wang").jobs] == [other]
    assert [j.id for j in list_jobs(domain.ctx, name="job3").jobs] == [ids[3]]
    assert list_jobs(domain.ctx, states=("running",)).jobs == ()
    with pytest.raises(NotFound):
        domain.job("j404")


def test_a_job_s_story_says_how_near_its_plan_is_to_the_best(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="optimal")
    domain.site("north", pool("gpu", hosts=1))
    job = domain.submit()
    domain.round()
    [placed] = [h.detail for h in domain.job(job).history if h.what == "placed"]
    assert re.search(r" plan, at most \d+\.\d % short of the best\)$", placed)


def test_a_round_looks_at_so_many_of_a_shape_and_the_next_at_more(domain: Domain) -> None:
    domain.ctx = replace(domain.ctx, settings=replace(domain.ctx.settings, max_of_a_shape=2))
    domain.site("north", pool("gpu", hosts=4))
    jobs = [domain.submit(spec(devices=8)) for _ in range(3)]
    other = domain.submit(spec(devices=4))
    assert domain.round() == 3, "two of the one shape, and the other"
    assert [domain.state(j) for j in [*jobs, other]] == ["placed", "placed", "waiting", "placed"]
    assert domain.round() == 1
    assert domain.state(jobs[2]) == "placed"
