"""A job makes room for one that counts for more: told to stop, stopped, and later run anew."""

from __future__ import annotations

import pytest

from tests.builders import Cluster, Domain, MakeDomain, foreign, origin, pool, spec
from weir.control.context import Context
from weir.control.held import STOPS_WITHIN_S
from weir.control.schedule import load_round, schedule_round
from weir.core.errors import Conflict
from weir.core.lifecycle import JobState
from weir.scheduling.snapshot import Queue
from weir.store import runs
from weir.wire.jobspec import JobSpec


def low(name: str = "low", **fields: object) -> JobSpec:
    return spec(name, **{"priority": 10, "preemptible": True, **fields})  # type: ignore[arg-type]


def high(**fields: object) -> JobSpec:
    return spec("high", **{"priority": 90, **fields})  # type: ignore[arg-type]


def one_host(domain: Domain) -> Cluster:
    return domain.site("north", pool("gpu", hosts=1))


def started(domain: Domain, north: Cluster, job: JobSpec) -> tuple[str, str]:
    """A job that runs, and its run."""
    made = domain.submit(job)
    domain.round()
    run = north.run()
    assert domain.state(made) is JobState.RUNNING
    return made, run


def test_a_job_makes_room_and_runs_later(domain: Domain) -> None:
    north = one_host(domain)
    victim, run = started(domain, north, low())
    domain.clock.turn(20)
    urgent = domain.submit(high())

    # The run is told to stop as by a cancel; the job goes on until it has.
    assert domain.round() == 0
    heard = north.hear()
    assert (heard.cancels, heard.orders) == ((run,), ())
    assert domain.state(victim) is JobState.RUNNING
    assert "asked to stop" in domain.story(victim)
    assert domain.job(urgent).history[-1].detail == (
        f"job {victim} is asked to leave {north.named['gpu']}"
    )
    assert f"make room for job {urgent}" in domain.why(victim).text
    assert f"Room is being made for it: {victim} is stopping." in domain.why(urgent).text

    # Stopped, it waits again; nothing of it counts as a failure or a loss.
    north.say(run, "canceled", reason="stopped")
    found = domain.job(victim)
    assert (found.state, found.reason) == (JobState.WAITING, f"preempted for job {urgent}")
    assert domain.runs(victim) == [("canceled", "stopped")]
    assert domain.round() == 1
    assert (domain.state(urgent), domain.state(victim)) == (JobState.PLACED, JobState.WAITING)
    assert f"Before that: preempted for job {urgent}." in domain.why(victim).text

    # The other one has ended: it runs anew, and well.
    north.run("accepted", "started", "succeeded")
    assert domain.round() == 1
    north.run("accepted", "started", "succeeded")
    found = domain.job(victim)
    assert (found.state, found.attempts) == (JobState.SUCCEEDED, 2)
    assert domain.story(victim) == [
        "submitted", "placed", "started", "asked to stop", "waiting again", "placed", "started",
        "succeeded",
    ]  # fmt: skip


def test_who_is_not_preemptible_stays(domain: Domain) -> None:
    north = one_host(domain)
    victim, _ = started(domain, north, low(preemptible=False))
    urgent = domain.submit(high())
    domain.round()
    assert north.hear().cancels == ()
    assert (domain.state(victim), domain.state(urgent)) == (JobState.RUNNING, JobState.WAITING)


def test_equals_push_nobody_out(domain: Domain) -> None:
    north = one_host(domain)
    started(domain, north, low())
    domain.submit(spec("peer", priority=10))
    domain.round()
    assert north.hear().cancels == ()


def test_who_finishes_first_has_finished(domain: Domain) -> None:
    north = one_host(domain)
    victim, run = started(domain, north, low())
    urgent = domain.submit(high())
    domain.round()
    north.say(run, "succeeded", exit_code=0)
    assert domain.state(victim) is JobState.SUCCEEDED
    assert domain.round() == 1
    assert domain.state(urgent) is JobState.PLACED


@pytest.mark.parametrize("ended", ["failed", "refused", "vanished"])
def test_however_it_stops_it_waits_again(domain: Domain, ended: str) -> None:
    north = one_host(domain)
    victim = domain.submit(low(retries=0))
    domain.round()
    run = north.run("accepted") if ended == "refused" else north.run()
    urgent = domain.submit(high())
    domain.round()
    north.say(run, ended, exit_code=143 if ended == "failed" else None, reason="gone")
    found = domain.job(victim)
    assert (found.state, found.reason) == (JobState.WAITING, f"preempted for job {urgent}")
    domain.cancel(urgent)
    assert domain.round() == 1  # nothing keeps it off the pool
    assert domain.state(victim) is JobState.PLACED


def test_who_is_canceled_meanwhile_stays_canceled(domain: Domain) -> None:
    north = one_host(domain)
    victim, run = started(domain, north, low())
    domain.submit(high())
    domain.round()
    domain.cancel(victim)
    north.say(run, "canceled")
    assert domain.state(victim) is JobState.CANCELED
    assert domain.job(victim).reason == "canceled by li"


def test_who_is_being_canceled_need_not_be_asked(domain: Domain) -> None:
    north = one_host(domain)
    victim, _ = started(domain, north, low())
    domain.cancel(victim)
    domain.submit(high())
    domain.round()
    assert "to make room" not in " ".join(h.detail for h in domain.job(victim).history)


def test_the_same_is_not_asked_twice_and_nobody_else_is(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=2))
    first, _ = started(domain, north, low("first"))
    second, _ = started(domain, north, low("second"))
    urgent = domain.submit(high())
    for _ in range(4):
        domain.round()
        domain.clock.turn(1)
    asked = [j for j in (first, second) if "asked to stop" in domain.story(j)]
    assert len(asked) == 1
    assert domain.story(asked[0]).count("asked to stop") == 1
    assert domain.story(urgent).count("room is made") == 1


def test_a_center_that_does_not_stop_it_is_not_waited_for_without_end(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=2))
    jobs = [started(domain, north, low(name))[0] for name in ("first", "second")]
    domain.submit(high())
    domain.round()
    domain.clock.turn(STOPS_WITHIN_S + 1)
    north.hear()
    domain.round()
    assert ["asked to stop" in domain.story(j) for j in jobs] == [True, True]


def test_a_center_that_falls_silent_meanwhile(domain: Domain) -> None:
    north = one_host(domain)
    south = domain.site("south", pool("gpu", hosts=1, price_micro_per_device_hour=9))
    victim, run = started(domain, north, low())
    other, _ = started(domain, south, low("other"))
    urgent = domain.submit(high())
    domain.round()
    assert domain.story(victim)[-1] == "asked to stop"

    # Nobody waits for who can't be heard: another one is asked.
    domain.clock.turn(60)
    south.hear()
    domain.round()
    assert domain.story(other)[-1] == "asked to stop"

    # Given up, the first waits again; its center is back, and what runs there is stopped.
    for _ in range(12):
        domain.clock.turn(60)
        south.hear()
    domain.expire()
    found = domain.job(victim)
    assert (found.state, found.reason) == (JobState.WAITING, f"preempted for job {urgent}")
    assert domain.runs(victim)[0][0] == "lost"
    assert run in north.hello(restarted=1).cancels
    north.say(run, "canceled")
    assert domain.state(victim) in (JobState.WAITING, JobState.PLACED)


def test_room_is_kept_until_all_have_stopped(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=2))
    (_, first), (_, second) = (started(domain, north, low(n)) for n in ("first", "second"))
    urgent = domain.submit(high(count=2))
    domain.round()
    assert set(north.hear().cancels) == {first, second}
    north.say(first, "canceled")
    small = domain.submit(spec("small"))
    assert domain.round() == 0
    assert domain.state(small) is JobState.WAITING
    north.say(second, "canceled")
    assert domain.round() == 1
    assert domain.state(urgent) is JobState.PLACED


def test_of_two_rounds_at_once_one_asks(
    make_domain: MakeDomain, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = make_domain()
    north = one_host(domain)
    victim, _ = started(domain, north, low())
    domain.submit(high())
    between = [schedule_round]

    def loaded(*args: object, **more: object) -> object:
        found = load_round(*args, **more)  # type: ignore[arg-type]
        if between:
            between.pop()(domain.ctx)
        return found

    monkeypatch.setattr("weir.control.schedule.load_round", loaded)
    domain.round()
    assert domain.story(victim).count("asked to stop") == 1


def test_who_ends_while_the_round_is_worked_out_is_not_asked(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    north = one_host(domain)
    victim, run = started(domain, north, low())
    urgent = domain.submit(high())
    between = [lambda: north.say(run, "succeeded")]

    def loaded(*args: object, **more: object) -> object:
        found = load_round(*args, **more)  # type: ignore[arg-type]
        if between:
            between.pop()()
        return found

    monkeypatch.setattr("weir.control.schedule.load_round", loaded)
    domain.round()
    assert domain.story(victim)[-1] == "succeeded"
    domain.round()
    assert domain.state(urgent) is JobState.PLACED


def test_what_a_peer_hands_over_pushes_nobody_out_and_is_not_pushed_out(
    make_domain: MakeDomain,
) -> None:
    child = make_domain("region", "regional")
    link = child.above()
    north = one_host(child)
    victim, run = started(child, north, low())
    pushed = child.submit(high(), who=link.who, origin=origin("r-1", north.named["gpu"]))
    child.round()
    assert (child.state(pushed), child.state(victim)) == (JobState.REFUSED, JobState.RUNNING)

    north.say(run, "succeeded")
    theirs = child.submit(low(), who=link.who, origin=origin("r-2", north.named["gpu"]))
    child.round()
    north.run()
    child.submit(high())
    child.round()
    assert child.state(theirs) is JobState.RUNNING
    assert north.hear().cancels == ()


def test_a_run_in_a_child_domain_is_told_through_the_link(domain: Domain) -> None:
    link = domain.below("east", foreign("gpu", hosts=1))
    victim, run = started(domain, link, low())
    urgent = domain.submit(high())
    domain.round()
    assert link.hear().cancels == (run,)
    link.say(run, "canceled")
    domain.round()
    assert (domain.state(urgent), domain.state(victim)) == (JobState.PLACED, JobState.WAITING)


def test_a_borrower_gives_back_and_does_not_come_straight_back(make_domain: MakeDomain) -> None:
    quota = (None, None, 8000)
    queues = (Queue("owner", nominal=quota), Queue("guest", nominal=(None, None, 0)))
    domain = make_domain(policy="fair", queues=queues)
    north = domain.site("north", pool("gpu", hosts=1, model="nvidia-a100-sxm4-80gb"))
    guest, run = started(domain, north, spec("guest", preemptible=True, queue="guest"))
    domain.clock.turn(20)
    owner = domain.submit(spec("owner", queue="owner"))
    domain.round()
    assert north.hear().cancels == (run,)
    north.say(run, "canceled")
    domain.round()
    assert (domain.state(owner), domain.state(guest)) == (JobState.PLACED, JobState.WAITING)


def test_what_runs_is_not_looked_at_where_nobody_could_be_pushed_out(
    make_domain: MakeDomain, monkeypatch: pytest.MonkeyPatch
) -> None:
    domain = make_domain(policy="fifo")
    north = one_host(domain)
    started(domain, north, low())
    domain.submit(high())

    def never(*_: object) -> None:
        raise AssertionError("asked what runs")

    monkeypatch.setattr(runs, "held", never)
    assert domain.round() == 0


def test_a_conflict_is_tried_again(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    north = one_host(domain)
    victim, _ = started(domain, north, low())
    domain.submit(high())
    times = iter([True, False])

    def loaded(ctx: Context, *args: object, **more: object) -> object:
        if next(times, False):
            raise Conflict("somebody was faster")
        return load_round(ctx, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("weir.control.schedule.load_round", loaded)
    domain.round()
    assert domain.story(victim)[-1] == "asked to stop"
