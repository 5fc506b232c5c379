"""Queues and policy while the server runs: what is set counts from the next round on, and holds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.builders import LI, OPERATOR, Domain, MakeDomain, pool, spec
from weir.control.context import SCHEDULE, Caches, Context
from weir.control.policies import last_changes, now_in_force, set_policy, settle_scheduling
from weir.control.queues import entries_of, list_queues, queues_from, set_queues, show_scheduling
from weir.core.errors import BadInput, Conflict
from weir.core.lifecycle import JobState
from weir.scheduling.snapshot import Queue
from weir.store.domains import count
from weir.wire.queues import QueueEntry, queues_text, read_queues

CLOSED = "queues: [{name: science, quota: {devices: {nominal: 0, borrow: 0}}}]"
OPEN = "queues: [{name: science, weight: 2}, {name: physics, parent: science}]"


def entries(text: str) -> tuple[QueueEntry, ...]:
    return read_queues(text, "queues", none=True)


@pytest.fixture
def fair(make_domain: MakeDomain) -> Domain:
    domain = make_domain(policy="fair")
    domain.site("east", pool("gpu", hosts=1))
    return domain


def names(domain: Domain) -> list[str]:
    return [q.name for q in list_queues(domain.ctx)]


def test_a_job_that_waits_for_its_queue_goes_when_the_quota_is_raised(fair: Domain) -> None:
    set_queues(fair.ctx, OPERATOR, entries(CLOSED))
    job = fair.submit(spec(queue="science"))
    assert (fair.round(), fair.state(job)) == (0, JobState.WAITING)
    set_queues(fair.ctx, OPERATOR, entries(OPEN))
    assert (fair.round(), fair.state(job)) == (1, JobState.PLACED)
    assert names(fair) == ["science", "physics"]


def test_jobs_may_name_the_queues_that_are_there_now(fair: Domain) -> None:
    with pytest.raises(BadInput, match="the jobs have"):
        fair.submit(spec(queue="physics"))
    set_queues(fair.ctx, OPERATOR, entries(OPEN))
    job = fair.submit(spec(queue="physics"))
    set_queues(fair.ctx, OPERATOR, ())
    assert names(fair) == []
    assert fair.round() == 1, "one whose queue is gone is placed all the same"
    assert fair.job(job).queue == "physics"


def test_the_next_round_goes_by_the_policy_that_was_set(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="nearest")
    domain.site(
        "east",
        pool("near", hosts=2, latency_us=100, price_micro_per_device_hour=9_000_000),
        pool("cheap", hosts=2, latency_us=90_000, price_micro_per_device_hour=1_000_000),
    )
    first = domain.submit()
    domain.round()
    domain.woken.clear()
    set_policy(domain.ctx, OPERATOR, "cheapest")
    assert domain.woken == [SCHEDULE]
    second = domain.submit()
    domain.round()
    assert [domain.job(j).pool_name for j in (first, second)] == ["near", "cheap"]
    assert domain.find().policy == "cheapest"


def test_a_round_that_is_under_way_starts_anew(fair: Domain) -> None:
    with fair.ctx.store.read() as tx:
        before = count(tx, "round")
    set_policy(fair.ctx, OPERATOR, "fifo")
    set_policy(fair.ctx, OPERATOR, "fifo")
    with fair.ctx.store.read() as tx:
        assert count(tx, "round") == before + 1, "what changes nothing disturbs nobody"
    assert len(last_changes(fair.ctx)) == 1


def test_queues_and_policy_must_go_together(fair: Domain) -> None:
    set_queues(fair.ctx, OPERATOR, entries(OPEN))
    with pytest.raises(BadInput, match=r"the policy fifo knows no queues; .* fair"):
        set_policy(fair.ctx, OPERATOR, "fifo")
    set_queues(fair.ctx, OPERATOR, ())
    set_policy(fair.ctx, OPERATOR, "fifo")
    with pytest.raises(BadInput, match="the policy fifo knows no queues"):
        set_queues(fair.ctx, OPERATOR, entries(OPEN))
    with pytest.raises(BadInput, match="Did you mean fifo"):
        set_policy(fair.ctx, OPERATOR, "fif")


def test_who_has_changed_what_is_kept(fair: Domain) -> None:
    set_queues(fair.ctx, OPERATOR, entries(OPEN))
    fair.clock.turn(60)
    set_queues(fair.ctx, LI, entries(CLOSED), seen=1)
    found = show_scheduling(fair.ctx)
    assert [(c.number, c.set_by, c.what, c.queues) for c in found.changes] == [
        (2, "li", "queues", ("science",)),
        (1, "operator", "queues", ("science", "physics")),
    ]
    assert found.changes[0].set_at - found.changes[1].set_at == 60
    assert (found.number, found.policy) == (2, "fair")


def test_who_has_not_seen_the_last_change_changes_nothing(fair: Domain) -> None:
    set_queues(fair.ctx, OPERATOR, entries(OPEN), seen=0)
    for seen in (0, 2):
        with pytest.raises(Conflict, match="operator has changed queues or policy"):
            set_queues(fair.ctx, OPERATOR, (), seen=seen)
    assert names(fair) == ["science", "physics"]


def started(domain: Domain, policy: str, *queues: Queue) -> Context:
    """The domain's server, started again."""
    settings = replace(domain.ctx.settings, policy=policy, queues=queues)
    ctx = replace(domain.ctx, settings=settings, caches=Caches())
    settle_scheduling(ctx)
    return ctx


def test_what_was_set_holds_until_a_start_says_something_else(fair: Domain) -> None:
    set_queues(fair.ctx, OPERATOR, entries(OPEN))
    again = now_in_force(started(fair, "fair"))
    assert [q.name for q in again.queues] == ["science", "physics"]
    other = started(fair, "fair", Queue("arts"))
    assert [q.name for q in now_in_force(other).queues] == ["arts"]
    back = started(fair, "fair")
    assert now_in_force(back).queues == (), "what was set before does not come back"
    assert [c.what for c in last_changes(back)] == ["start", "start", "queues"]


def test_a_start_that_nothing_was_set_before_leaves_no_trace(fair: Domain) -> None:
    assert now_in_force(started(fair, "sjf")).policy.name == "sjf"
    assert last_changes(fair.ctx) == []


anything = st.none() | st.integers(0, 2**50)
devices = st.none() | st.integers(0, 999) | st.integers(0, 10**6).map(lambda n: 1000 * n)
amounts = st.tuples(anything, anything, devices)


@given(amounts, amounts, st.floats(0.001, 1000))
def test_queues_as_a_text_are_the_same_queues(
    nominal: tuple[int | None, ...], borrow: tuple[int | None, ...], weight: float
) -> None:
    more = tuple(None if n is None else b for n, b in zip(nominal, borrow, strict=True))
    queues = (Queue("a"), Queue("b", "a", weight, nominal, more))  # type: ignore[arg-type]
    text = queues_text(entries_of(queues))
    assert queues_from(read_queues(text, "queues")) == queues
