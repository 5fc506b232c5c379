"""Leases on a live server: who is kept out, who may go in, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from tests.builders import LI, OPERATOR, Cluster, Domain, MakeDomain, foreign, person, pool, spec
from weir.control.leases import end_lease, list_leases, make_lease
from weir.core.errors import BadInput, NotFound
from weir.core.lifecycle import JobState
from weir.scheduling.snapshot import Queue
from weir.wire.leases import LeaseAnswer, LeaseRequest

WANG = person("wang")


def leased(domain: Domain, cluster: Cluster, hosts: int = 1, **fields: object) -> LeaseAnswer:
    asked = {"pool": cluster.named["gpu"], "hosts": hosts, "lasts": "1h", **fields}
    if "queue" not in fields:
        asked.setdefault("user", "li")
    return make_lease(domain.ctx, OPERATOR, LeaseRequest.model_validate(asked))


def waits(domain: Domain, job: str) -> bool:
    domain.round()
    return domain.state(job) is JobState.WAITING


def test_nobody_else_goes_into_a_lease_and_its_holder_does(domain: Domain) -> None:
    site = domain.site("north", pool(hosts=1))
    lease = leased(domain, site)
    other, own = domain.submit(who=WANG), domain.submit(who=LI)
    assert waits(domain, other)
    assert domain.state(own) is JobState.PLACED
    [told] = list_leases(domain.ctx)
    assert (told.id, told.state, told.filled) == (lease.id, "now", 1)
    assert [str(r.reason) for r in domain.why(other).reasons] == ["HELD", "BUSY"]


def test_what_its_holder_has_makes_the_lease_smaller(domain: Domain) -> None:
    site = domain.site("north", pool(hosts=2))
    leased(domain, site)
    four = spec(devices=4)
    first, second, third = (domain.submit(four, who=LI) for _ in range(3))
    domain.round()
    assert [domain.state(j) for j in (first, second, third)] == [JobState.PLACED] * 3
    last = domain.submit(four, who=WANG)
    assert not waits(domain, last), "the lease is full, and beside it is room"


def test_a_queue_may_hold_a_lease(make_domain: MakeDomain) -> None:
    domain = make_domain(policy="fair", queues=(Queue("physics"), Queue("works")))
    site = domain.site("north", pool(hosts=1))
    leased(domain, site, queue="physics")
    works, physics = domain.submit(spec(queue="works")), domain.submit(spec(queue="physics"))
    assert waits(domain, works)
    assert domain.state(physics) is JobState.PLACED


def test_before_it_begins_who_ends_in_time_may_run(domain: Domain) -> None:
    site = domain.site("north", pool(hosts=1))
    leased(domain, site, starts_in="30m")
    endless, long = domain.submit(who=WANG), domain.submit(spec(walltime="2h"), who=WANG)
    assert waits(domain, endless)
    assert waits(domain, long)
    short = domain.submit(spec(walltime="10m"), who=WANG)
    assert not waits(domain, short)


def test_when_it_is_over_or_ended_all_is_as_before(domain: Domain) -> None:
    site = domain.site("north", pool(hosts=1))
    lease = leased(domain, site)
    job = domain.submit(who=WANG)
    assert waits(domain, job)
    end_lease(domain.ctx, lease.id)
    assert not waits(domain, job)
    assert list_leases(domain.ctx) == []
    with pytest.raises(NotFound, match="weir lease list"):
        end_lease(domain.ctx, lease.id)


def test_a_lease_ends_by_itself(domain: Domain) -> None:
    site = domain.site("north", pool(hosts=1))
    leased(domain, site, lasts="5m")
    job = domain.submit(who=WANG)
    assert waits(domain, job)
    domain.clock.turn(300)
    site.hear()
    assert not waits(domain, job)


def test_more_than_there_is_can_not_be_promised(domain: Domain) -> None:
    site = domain.site("north", pool(hosts=3))
    leased(domain, site, 2, lasts="2h")
    with pytest.raises(BadInput) as all_at_once:
        leased(domain, site, 2, queue="physics", starts_in="1h")
    assert [m.field for m in all_at_once.value.mistakes] == ["queue", "hosts"]
    leased(domain, site, 3, starts_in="2h")
    leased(domain, site, 1)
    with pytest.raises(BadInput, match=r"lease has"):
        leased(domain, site, pool="CN-F.nothing")


def test_leases_that_follow_each_other_do_not_add_up(domain: Domain) -> None:
    site = domain.site("north", pool(hosts=2))
    for hours in (0, 1, 2):
        leased(domain, site, 2, starts_in=f"{hours}h" if hours else None)
    with pytest.raises(BadInput):
        leased(domain, site, 1, starts_in="2h30m")


def test_a_pool_of_another_domain_can_not_be_leased(domain: Domain) -> None:
    report = foreign("gpu")
    domain.below("east", report)
    asked = LeaseRequest(pool=report.id, hosts=1, user="li", lasts="1h")
    with pytest.raises(BadInput) as wrong:
        make_lease(domain.ctx, OPERATOR, asked)
    assert "make the lease there" in str(wrong.value.mistakes[0])


@pytest.mark.parametrize(
    "fields", [{"queue": "a", "user": "b"}, {}, {"user": "b", "hosts": 0}, {"user": ""}]
)
def test_what_makes_no_sense_is_refused(fields: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LeaseRequest.model_validate({"pool": "p", "hosts": 1, "lasts": "1h", **fields})
