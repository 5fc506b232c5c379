"""Orders: one spec for a whole array, and answers that stay small, with the rest in the next."""

from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import func, select

from tests.builders import Cluster, Domain, MakeDomain, origin, pool, spec
from weir.control.exchange import MAX_ORDER_BYTES, fitting
from weir.store import tables
from weir.wire.jobs import Submission
from weir.wire.jobspec import MAX_ARRAY

MIB = 2**20


def large(mib: int, name: str = "job", **fields: Any) -> Submission:
    text = name[0] * (mib * MIB - 100)
    inputs = [{"path": "data", "text": text}]
    return Submission(spec=spec(name, devices=0, inputs=inputs, **fields))


def stored(domain: Domain) -> tuple[int, int]:
    """How many specs there are, and their bytes together."""
    query = select(func.count(), func.coalesce(func.sum(func.length(tables.spec.c.text)), 0))
    with domain.ctx.store.read() as tx:
        [(specs, size)] = tx.execute(query)
    return specs, size


def test_an_array_stores_one_spec(domain: Domain) -> None:
    members = domain.submit_all(large(3, array={"count": 200}))
    specs, size = stored(domain)
    assert specs == 1
    assert 3 * MIB - 100 < size < 3 * MIB + 1000
    domain.submit_all(large(3, array={"count": 200}))
    assert stored(domain) == (1, size)
    domain.submit(spec("another"))
    assert stored(domain)[0] == 2
    inputs = {domain.job(m).spec.inputs[0].text for m in members[:2]}  # type: ignore[union-attr]
    assert inputs == {"j" * (3 * MIB - 100)}


def test_an_array_is_bounded_and_said_to_be() -> None:
    assert spec(array={"count": MAX_ARRAY}).array
    with pytest.raises(ValidationError, match="at most 10000 jobs; submit several arrays"):
        spec(array={"count": MAX_ARRAY + 1})


def test_a_member_that_was_handed_over_counts_once(make_domain: MakeDomain) -> None:
    north = make_domain("north", "regional")
    up = north.above()
    site = north.site("site", pool("gpu"))
    members = [
        Submission(spec=spec(array={"count": 900}), origin=origin(f"p{n}-1", site.named["gpu"]))
        for n in range(3)
    ]
    assert len(north.submit_all(*members, who=up.who)) == 3


def test_a_list_of_orders_ends_where_it_is_large_enough() -> None:
    assert fitting([], 10) == 0
    assert fitting([11], 10) == 1
    assert fitting([11, 1], 10) == 1
    assert fitting([5, 5, 1], 10) == 2
    assert fitting([1, 1], 10) == 2


def all_orders(agent: Cluster) -> list[list[str]]:
    """The jobs of the orders of call after call, until there are none left."""
    answers = []
    while heard := agent.hear().orders:
        answers.append([o.job for o in heard])
    return answers


def test_orders_too_large_for_one_answer_come_in_several(domain: Domain) -> None:
    north = domain.site("north", pool("cpu", devices=0))
    jobs = [i for n in "abcde" for i in domain.submit_all(large(3, f"{n}-job"))]
    domain.round()
    assert MAX_ORDER_BYTES == 8 * MIB
    assert all_orders(north) == [jobs[0:2], jobs[2:4], jobs[4:]]


def test_an_order_larger_than_an_answer_comes_alone(domain: Domain) -> None:
    north = domain.site("north", pool("cpu", devices=0))
    jobs = [
        domain.submit(spec(n, devices=0, environment={"A": "x" * (9 * MIB)})) for n in ("a", "b")
    ]
    domain.round()
    assert all_orders(north) == [[j] for j in jobs]


def test_an_agent_that_begins_anew_hears_of_all_that_it_had_accepted(domain: Domain) -> None:
    north = domain.site("north", pool("cpu", devices=0))
    jobs = [i for n in "abcde" for i in domain.submit_all(large(3, f"{n}-job"))]
    domain.round()
    for job in jobs:
        north.say(f"{job}-1", "accepted")
    first = [o.job for o in north.hello(restarted=1).orders]
    assert [first, *all_orders(north)] == [jobs[0:2], jobs[2:4], jobs[4:]]


def test_a_stop_is_not_passed_over_when_a_list_is_cut(domain: Domain) -> None:
    north = domain.site("north", pool("cpu", devices=0))
    runs_on = domain.submit(spec(devices=0))
    domain.round()
    run = north.run()
    domain.submit_all(large(4, "a"), large(3, "b"))
    domain.round()
    domain.cancel(runs_on)
    domain.submit_all(large(4, "c"))
    domain.submit_all(large(4, "d"))
    domain.round()
    told: list[str] = []
    answers = 0
    while (answer := north.hear()).orders or answer.cancels:
        told += answer.cancels
        answers += 1
    assert (told, answers) == ([run], 3)
