"""Queues: whose share a job counts for, quotas, and what was used of late. And jobs that wait for
their hour.
"""

from __future__ import annotations

from math import exp

import pytest

from tests.builders import ASCEND, Domain, MakeDomain, origin, pool, spec
from weir.control.queues import list_queues, with_past
from weir.control.schedule import load_snapshot
from weir.core.errors import BadInput
from weir.core.lifecycle import JobState
from weir.scheduling.queues import MEMORY_S
from weir.scheduling.snapshot import Queue, Snapshot
from weir.wire.jobs import Submission
from weir.wire.jobspec import JobSpec
from weir.wire.queues import QueueAnswer

A100 = "nvidia-a100-sxm4-40gb"
"""What shares count as one device."""

SCIENCE = (
    Queue("science", weight=2.0),
    Queue("physics", "science"),
    Queue("biology", "science", nominal=(None, None, 8000), borrow=(None, None, 0)),
    Queue("works"),
)


def shared(make_domain: MakeDomain, *queues: Queue, **settings: object) -> Domain:
    return make_domain(policy="fair", queues=queues or SCIENCE, **settings)


def snapshot(domain: Domain) -> Snapshot:
    with domain.ctx.store.read() as tx:
        return load_snapshot(domain.ctx, tx, domain.clock())[0]


def queues(domain: Domain) -> dict[str, QueueAnswer]:
    return {q.name: q for q in list_queues(domain.ctx)}


def test_a_queue_that_is_not_here_is_a_mistake_with_the_near_ones(make_domain: MakeDomain) -> None:
    domain = shared(make_domain)
    jobs = [Submission(spec=spec(queue=q)) for q in ("physic", "works", "nobody")]
    with pytest.raises(BadInput) as refused:
        domain.submit_all(*jobs)
    assert [(m.field, m.message) for m in refused.value.mistakes] == [
        ("jobs[0].spec.queue", "there is no queue 'physic'; did you mean physics?"),
        (
            "jobs[2].spec.queue",
            "there is no queue 'nobody'; there are biology, physics, science, works",
        ),
    ]


def test_a_domain_without_queues_says_so(domain: Domain) -> None:
    with pytest.raises(BadInput) as refused:
        domain.submit(spec(queue="physics"))
    assert refused.value.mistakes[0].message == (
        "this domain has no queues, so there is no 'physics'; leave the field out"
    )


def test_the_queue_furthest_below_its_share_goes_first(make_domain: MakeDomain) -> None:
    domain = shared(make_domain)
    north = domain.site("north", pool("gpu", hosts=2, model=A100))
    domain.submit(spec(queue="works"))
    domain.round()
    north.run()
    first, second = domain.submit(spec(queue="works")), domain.submit(spec(queue="physics"))
    domain.round()
    assert [domain.state(j) for j in (first, second)] == [JobState.WAITING, JobState.PLACED]
    assert domain.job(second).queue == "physics"


def test_what_was_used_of_late_counts(make_domain: MakeDomain) -> None:
    domain = shared(make_domain)
    north = domain.site("north", pool("gpu", hosts=1, model=A100))
    domain.submit(spec(queue="works"))
    domain.round()
    run = north.run()
    domain.clock.turn(3600)
    north.say(run, "succeeded")
    first, second = domain.submit(spec(queue="works")), domain.submit(spec(queue="biology"))
    domain.round()
    assert [domain.state(j) for j in (first, second)] == [JobState.WAITING, JobState.PLACED]


def test_the_past_is_the_average_that_fades(make_domain: MakeDomain) -> None:
    domain = shared(make_domain)
    north = domain.site("north", pool("gpu", hosts=4, model=A100))
    for name in ("physics", "biology"):
        domain.submit(spec(queue=name))
        domain.round()
    [first, second] = [o.run for o in north.orders()]
    north.say(first, "accepted", "started")
    north.say(second, "accepted", "started")

    # Half a day later one ends; a day later the other still runs.
    domain.clock.turn(43_200)
    north.say(first, "succeeded")
    domain.clock.turn(43_200)
    north.hear()
    told = queues(domain)
    ended = 8000 * (exp(-43_200 / MEMORY_S) - exp(-86_400 / MEMORY_S))
    runs = 8000 * (1 - exp(-86_400 / MEMORY_S))
    assert told["physics"].past[2] == pytest.approx(ended, rel=1e-9)
    assert told["biology"].past[2] == pytest.approx(runs, rel=1e-9)
    assert told["science"].past[2] == pytest.approx(ended + runs, rel=1e-9)
    assert told["works"].past == (0.0, 0.0, 0.0)

    # The scheduler sees the same; and a week on, what has ended has faded to 1/e.
    domain.submit(spec(queue="works"))
    assert {q.name: q.past for q in snapshot(domain).queues} == {n: q.past for n, q in told.items()}
    domain.clock.turn(MEMORY_S)
    assert queues(domain)["physics"].past[2] == pytest.approx(ended / exp(1), rel=1e-9)


def test_a_faster_device_counts_for_more(make_domain: MakeDomain) -> None:
    domain = shared(make_domain)
    north = domain.site("north", pool("gpu", hosts=1, model="nvidia-h100-sxm5"))
    domain.submit(spec(queue="works"))
    domain.round()
    north.run()
    assert queues(domain)["works"].holds[2] > 3 * 8000


def test_a_run_whose_center_is_lost_costs_its_queue_nothing(make_domain: MakeDomain) -> None:
    domain = shared(make_domain)
    north = domain.site("north", pool("gpu", hosts=1, model=A100))
    domain.submit(spec(queue="works"))
    domain.round()
    run = north.run()
    domain.clock.turn(3600)
    domain.expire()
    assert queues(domain)["works"].past == (0.0, 0.0, 0.0)
    north.say(run, "succeeded")  # heard again: it did run
    assert queues(domain)["works"].past[2] > 0


def test_a_quota_holds_and_is_said(make_domain: MakeDomain) -> None:
    domain = shared(make_domain)
    domain.site("north", pool("gpu", hosts=3, model=A100))
    first, second = (domain.submit(spec(queue="biology")) for _ in range(2))
    other = domain.submit(spec(queue="physics"))
    domain.round()
    states = [domain.state(j) for j in (first, second, other)]
    assert states == [JobState.PLACED, JobState.WAITING, JobState.PLACED]
    answer = domain.why(second)
    assert "Its queue biology, or one above it, holds all that it may" in answer.text
    assert "QUOTA" in {r.reason for r in answer.reasons}
    found = queues(domain)
    assert list(found) == ["science", "physics", "biology", "works"]
    assert found["biology"].holds == (1000, 2**30, 8000)
    assert found["science"].holds == (2000, 2**31, 16_000)
    assert (found["biology"].waiting, found["biology"].running) == (1, 1)
    assert (found["science"].waiting, found["science"].running) == (1, 2)
    assert found["science"].share == pytest.approx(16 / 24 / 2)


def test_what_was_handed_over_counts_for_no_queue(make_domain: MakeDomain) -> None:
    domain = make_domain("region", "regional", policy="fair", queues=SCIENCE)
    link = domain.above()
    north = domain.site("north", pool("gpu", hosts=1))
    job = domain.submit(
        spec(queue="theirs"), who=link.who, origin=origin("r-1", north.named["gpu"])
    )
    domain.round()
    assert domain.state(job) is JobState.PLACED
    assert domain.job(job).queue == ""


def test_a_queue_that_went_away_leaves_its_jobs_among_those_without(
    make_domain: MakeDomain,
) -> None:
    domain = shared(make_domain)
    job = domain.submit(spec(queue="works"))
    fewer = shared(lambda *a, **f: Domain(domain.ctx.store, domain.ctx.files._root, *a, **f),
                   Queue("other"))  # fmt: skip
    fewer.site("north", pool("gpu"))
    fewer.round()
    assert fewer.state(job) is JobState.PLACED


def test_one_queue_does_not_hide_another_behind_its_many_equals(make_domain: MakeDomain) -> None:
    domain = shared(make_domain, max_of_a_shape=3)
    north = domain.site("north", pool("gpu", hosts=1, model=A100))
    domain.submit_all(*[Submission(spec=spec(queue="works")) for _ in range(5)])
    domain.round()
    run = north.run()
    late = domain.submit(spec(queue="physics"))
    domain.clock.turn(10)
    north.say(run, "succeeded")
    domain.round()
    assert domain.state(late) is JobState.PLACED


def test_sums_go_up_the_tree_once() -> None:
    chain = (Queue("a"), Queue("b", "a"), Queue("c", "b"))
    past = {"a": (1.0, 0.0, 0.0), "c": (2.0, 4.0, 8.0), "gone": (9.0, 9.0, 9.0)}
    assert {q.name: q.past for q in with_past(chain, past)} == {
        "a": (3.0, 4.0, 8.0),
        "b": (2.0, 4.0, 8.0),
        "c": (2.0, 4.0, 8.0),
    }


# Jobs that wait for their hour.


def test_a_job_does_not_start_before_its_time(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit(spec(start_after="2h", deadline="8h"))
    assert domain.round() == 0
    answer = domain.why(job)
    assert answer.text == (
        "It is not to start yet: its time has not come. It should start in 2 h at the soonest."
    )
    assert [(r.reason, r.needed, r.best) for r in answer.reasons] == [
        ("DEFERRED", "its time to start", "in 2.0 h")
    ]
    assert answer.start_s[0] == 7200
    assert not answer.hopeless
    [waiting] = snapshot(domain).jobs
    assert waiting.deadline_at == domain.clock() + 8 * 3600
    domain.clock.turn(7199)
    north.hear()
    assert domain.round() == 0
    domain.clock.turn(1)
    assert domain.round() == 1


def test_those_whose_time_has_not_come_hide_nobody(make_domain: MakeDomain) -> None:
    domain = make_domain(max_of_a_shape=2)
    domain.site("north", pool("gpu"))
    domain.submit_all(*[Submission(spec=spec(start_after="1h", priority=90)) for _ in range(4)])
    job = domain.submit(spec())
    domain.round()
    assert domain.state(job) is JobState.PLACED


def test_when_it_should_start_is_said_as_a_range(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=1))
    domain.submit(spec(walltime="1h"))
    domain.round()
    north.run()
    first, second = (domain.submit(spec(walltime="1h")) for _ in range(2))
    assert "It should start in 1 h." in domain.why(first).text
    assert "It should start in 1 h to 2 h." in domain.why(second).text
    assert domain.why(second).start_s == (3600, 7200)


def test_a_change_that_lets_it_start_at_once_is_marked(domain: Domain) -> None:
    domain.site("north", pool("gpu", hosts=1))
    domain.site("south", pool("npu", hosts=1, model=ASCEND))
    wanted = spec()
    tasks = wanted.tasks[0].model_dump(exclude_unset=True)
    tasks["devices"]["models"] = ["nvidia-h100-sxm5"]
    wanted = JobSpec.model_validate({"name": "only", "tasks": [tasks]})
    domain.submit(wanted)
    domain.round()
    answer = domain.why(domain.submit(wanted))
    assert {(c.reason, c.now) for c in answer.changes} == {("DEVICE_MODEL", True)}
