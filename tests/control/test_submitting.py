"""Submitting: arrays, keys that make it idempotent, and jobs that another domain hands over."""

import pytest

from tests.builders import LI, Cluster, Domain, MakeDomain, origin, person, pool, spec
from weir.control.submit import submit
from weir.core.errors import Conflict, NotAllowed, TooLarge
from weir.core.lifecycle import JobState
from weir.wire.jobs import Submission, SubmitRequest


def test_an_array_becomes_its_members_each_with_its_number(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=8))
    request = SubmitRequest(jobs=(Submission(spec=spec(array={"count": 3})),))
    answer = submit(domain.ctx, LI, request)
    [members], [array] = answer.ids, answer.arrays
    assert [domain.job(i).array_index for i in members] == [0, 1, 2]
    assert {domain.job(i).array for i in members} == {array}
    assert [domain.job(i).root_job for i in members] == list(members)
    domain.round()
    assert [(o.job, o.array_index) for o in north.orders()] == list(
        zip(members, range(3), strict=True)
    )


def test_a_key_gives_the_same_jobs_again(domain: Domain) -> None:
    first = domain.submit(key="k")
    assert domain.submit(spec("another"), key="k") == first
    assert domain.submit(key="other") != first
    assert domain.submit(key="k", who=person("wang")) != first
    assert domain.submit() != domain.submit()


def test_a_key_used_twice_in_one_request_is_one_job(domain: Domain) -> None:
    both = domain.submit_all(*[Submission(spec=spec(), key="k")] * 2)
    assert both[0] == both[1] == domain.submit(key="k")


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_key_of_an_array_gives_the_members_that_there_are(domain: Domain, count: int) -> None:
    members = domain.submit_all(Submission(spec=spec(array={"count": 2}), key="k"))
    again = domain.submit_all(Submission(spec=spec(array={"count": count}), key="k"))
    assert again == members[:count]


def test_new_and_known_jobs_may_come_together(domain: Domain) -> None:
    old = domain.submit(key="old")
    found = domain.submit_all(
        Submission(spec=spec(), key="new"), Submission(spec=spec(), key="old")
    )
    assert found[1] == old
    assert found[0] == domain.submit(key="new")


def test_a_request_is_bounded_but_for_one_array(domain: Domain) -> None:
    big = Submission(spec=spec(array={"count": 600}))
    with pytest.raises(TooLarge, match="1200 jobs in one request"):
        domain.submit_all(big, big)
    assert len(domain.submit_all(Submission(spec=spec(array={"count": 1200})))) == 1200


def test_the_longest_key_of_the_longest_name_has_room(domain: Domain) -> None:
    who = person("l" * 63)
    first = domain.submit(spec(array={"count": 11}), key="k" * 100, who=who)
    assert domain.submit(spec(array={"count": 11}), key="k" * 100, who=who) == first


# What another domain hands over.


@pytest.fixture
def north(make_domain: MakeDomain) -> Domain:
    """A region with a site of its own, and the nation above it."""
    return make_domain("north", "regional")


@pytest.fixture
def up(north: Domain) -> Cluster:
    return north.above()


def hand_over(up: Cluster, run: str, pool: str, *path: str, **fields: object) -> str:
    handed = origin(run, pool, *path, **fields)
    return up.domain.submit(who=up.who, origin=handed)


def test_a_run_handed_over_is_a_job_pinned_to_its_pool(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"), pool("b"))
    job = hand_over(up, "p1-1", site.named["b"], array_index=4)
    north.round()
    order = site.order()
    assert (order.pool, order.job, order.root_job) == (site.named["b"], job, "root")
    assert (order.submitter, order.array_index) == ("wang", 4)
    assert order.path == ("CN-F", "CN.R1-K")


def test_a_run_handed_over_twice_is_one_job(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"))
    job = hand_over(up, "p1-1", site.named["a"])
    north.round()
    assert hand_over(up, "p1-1", site.named["a"]) == job
    assert hand_over(up, "p1-2", site.named["a"]) != job


def test_a_job_never_comes_back_to_where_it_has_been(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"))
    with pytest.raises(Conflict, match=r"CN-F -> CN\.R1-K -> CN\.R1-K"):
        hand_over(up, "p1-1", site.named["a"], "CN-F", "CN.R1-K")


def test_only_a_link_hands_over(north: Domain) -> None:
    with pytest.raises(NotAllowed, match="only a link between domains"):
        north.submit(origin=origin("p1-1", "p"))


def test_a_pinned_job_that_does_not_fit_now_goes_back_with_the_reason(
    north: Domain, up: Cluster
) -> None:
    site = north.site("site", pool("a", hosts=1), pool("b"))
    first, second = (hand_over(up, f"p{n}-1", site.named["a"]) for n in (1, 2))
    assert north.round() == 2
    assert (north.state(first), north.state(second)) == (JobState.PLACED, JobState.REFUSED)
    assert north.job(second).reason.startswith("BUSY needed=")
    assert north.story(second) == ["submitted", "refused"]


def test_a_job_pinned_to_a_pool_that_is_not_here_goes_back(north: Domain, up: Cluster) -> None:
    north.site("site", pool("a"))
    job = hand_over(up, "p1-1", "CN.R1.S9.C9.P9-0")
    north.round()
    assert (north.state(job), north.job(job).reason) == (
        JobState.REFUSED,
        "the pool is not here any more",
    )


def test_the_counts_of_groups_are_those_that_the_parent_decided(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a", hosts=4))
    total = {"total_performance": {"precision": "fp16", "value": "4 PFLOPS"}}
    job = spec(devices=0).model_dump()
    job["tasks"] = [{"command": ["x"], "devices": total}]
    handed = origin("p1-1", site.named["a"], groups=(("main", 3),))
    north.submit(type(spec()).model_validate(job), who=up.who, origin=handed)
    north.round()
    assert [(g.group, g.count) for g in site.order().groups] == [("main", 3)]


def test_a_run_that_comes_to_nothing_here_goes_back_at_once(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a", hosts=9))
    jobs = [hand_over(up, f"p{n}-1", site.named["a"]) for n in range(3)]
    north.round()
    refused, failed, stopped = [o.run for o in site.orders()]
    site.say(refused, "refused", reason="no")
    site.say(failed, "accepted", "started", "failed", reason="exit code 1")
    site.say(stopped, "accepted", "started", "canceled", reason="maintenance")
    assert [north.state(j) for j in jobs] == [
        *(JobState.REFUSED, JobState.FAILED, JobState.FAILED),
    ]
    changes = {c.run: c for c in up.watch().jobs}
    assert [changes[f"p{n}-1"].lost for n in range(3)] == [False, False, True]


def test_a_link_cancels_what_it_handed_over_and_nothing_else(north: Domain, up: Cluster) -> None:
    site = north.site("site", pool("a"))
    theirs, ours = hand_over(up, "p1-1", site.named["a"]), north.submit()
    north.cancel(theirs, who=up.who)
    assert north.state(theirs) is JobState.CANCELED
    with pytest.raises(NotAllowed, match="was not handed over by"):
        north.cancel(ours, who=up.who)
