"""A pool that goes on refusing a job is tried ever less often, and again as soon as may be."""

import time

from sqlalchemy import func, select

from tests.builders import Cluster, Domain, MakeDomain, pool
from weir.api.rounds import Rounds
from weir.control.avoid import REMEMBER_S, next_try_s
from weir.control.observe import MAX_AVOID_S, avoid_for
from weir.core.lifecycle import JobState
from weir.store.tables import avoid


def remembered(domain: Domain) -> int:
    with domain.ctx.store.read() as tx:
        return int(tx.execute(select(func.count()).select_from(avoid)).scalar_one())


def refuse(domain: Domain, north: Cluster) -> float:
    """One refusal; how long the pool is avoided then."""
    assert domain.round() == 1
    north.say(north.order().run, "refused", reason="full")
    assert domain.round() == 0
    found = next_try_s(domain.ctx)
    assert found is not None
    return found


def test_the_time_doubles_with_each_refusal_and_has_an_end(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit()
    avoided = []
    for _ in range(9):
        avoided.append(refuse(domain, north))
        domain.clock.turn(avoided[-1] + 0.1)
        north.hear()
    assert avoided == [5, 10, 20, 40, 80, 160, 300, 300, 300]
    assert avoid_for(10_000, 5.0) == MAX_AVOID_S
    assert avoid_for(1, 900.0) == 900.0


def test_refusals_count_for_each_pool_and_each_job(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit()
    refuse(domain, north)
    domain.clock.turn(6)
    assert refuse(domain, north) == 10
    domain.submit()
    assert refuse(domain, north) == 5


def test_what_was_refused_long_ago_is_forgotten(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    domain.submit()
    refuse(domain, north)
    domain.clock.turn(REMEMBER_S)
    domain.expire()
    assert remembered(domain) == 1
    domain.clock.turn(6)
    domain.expire()
    assert remembered(domain) == 0
    north.hear()
    assert refuse(domain, north) == 5


def test_what_a_job_that_has_ended_was_refused_is_forgotten(domain: Domain) -> None:
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    refuse(domain, north)
    domain.expire()
    assert remembered(domain) == 1
    domain.cancel(job)
    domain.expire()
    assert remembered(domain) == 0
    assert next_try_s(domain.ctx) is None


def test_a_refused_job_is_tried_again_when_its_time_is_over(make_domain: MakeDomain) -> None:
    """The rounds wait for that, and not for their own turn, which is a minute off."""
    domain = make_domain(clock=time.time, avoid_s=0.2)
    north = domain.site("north", pool("gpu"))
    job = domain.submit()
    domain.round()
    north.say(north.order().run, "refused", reason="full")
    rounds = Rounds(domain.ctx, every_s=60)
    rounds.start()
    rounds.wake()
    until = time.monotonic() + 10
    while domain.state(job) is JobState.WAITING and time.monotonic() < until:
        time.sleep(0.01)
    rounds.stop()
    assert domain.state(job) is JobState.PLACED
    assert domain.job(job).attempts == 2
