"""What another domain hands over starts within its time or goes back; it never starts late."""

import pytest

from tests.builders import Cluster, Domain, MakeDomain, origin, pool
from weir.core.lifecycle import JobState

TOO_LATE = "its time to start has passed"


@pytest.fixture
def north(make_domain: MakeDomain) -> Domain:
    return make_domain("north", "regional")


@pytest.fixture
def up(north: Domain) -> Cluster:
    return north.above()


def test_what_still_waits_after_its_time_is_refused_and_its_link_hears_why(
    north: Domain, up: Cluster
) -> None:
    site = north.site("site", pool("a"))
    job = north.submit(who=up.who, origin=origin("p1-1", site.named["a"], start_within_s=20))
    north.clock.turn(19)
    assert north.expire() == 0
    north.clock.turn(2)
    before = up.watch().job_seq
    north.woken.clear()
    assert north.expire() == 1
    [change] = up.watch(before).jobs
    assert (change.run, change.state, change.reason) == ("p1-1", JobState.REFUSED, TOO_LATE)
    assert {"watch", f"job {job}"} <= set(north.woken)
    assert north.story(job) == ["submitted", "refused"]
    assert north.expire() == 0


def test_a_round_that_comes_first_does_not_place_it_either(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a", hosts=2))
    late = north.submit(who=up.who, origin=origin("p1-1", site.named["a"], start_within_s=20))
    north.clock.turn(25)
    in_time = north.submit(who=up.who, origin=origin("p2-1", site.named["a"], start_within_s=20))
    site.hear()
    north.round()
    assert north.state(in_time) == JobState.PLACED
    assert (north.state(late), north.runs(late)) == (JobState.WAITING, [])


def test_one_without_any_time_never_starts(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"))
    job = north.submit(who=up.who, origin=origin("p1-1", site.named["a"], start_within_s=0))
    north.round()
    assert north.state(job) == JobState.WAITING
    north.cancel(job, who=up.who)
    assert north.state(job) == JobState.CANCELED


def test_what_was_placed_in_time_is_left_alone(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a", hosts=2))
    running = north.submit(who=up.who, origin=origin("p1-1", site.named["a"], start_within_s=20))
    north.round()
    site.run()
    placed = north.submit(who=up.who, origin=origin("p2-1", site.named["a"], start_within_s=20))
    north.round()
    north.clock.turn(25)
    assert north.expire() == 0
    assert [north.state(j) for j in (running, placed)] == [JobState.RUNNING, JobState.PLACED]


def test_data_has_an_id_of_its_own(north: Domain, up: Cluster, make_domain: MakeDomain) -> None:
    assert up.watch().data_id == up.watch(5, 5).data_id == north.ctx.domain().data_id != ""
