"""Races: several schedulers, agents and users at once, and still nothing is there twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from tests.builders import Domain, pool, spec
from weir.control.context import Caches
from weir.control.schedule import schedule_round
from weir.core.errors import Conflict
from weir.core.lifecycle import JobState
from weir.store import runs
from weir.wire.jobs import Submission


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Every call in a thread of its own, begun together; what each gave or raised."""
    gate, results = threading.Barrier(len(calls)), [None] * len(calls)

    def act(number: int, call: Callable[[], Any]) -> None:
        gate.wait()
        try:
            results[number] = call()
        except Exception as error:
            results[number] = error  # type: ignore[call-overload]

    threads = [threading.Thread(target=act, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def another_process(domain: Domain) -> Domain:
    """The same domain through caches of its own."""
    twin = object.__new__(Domain)
    twin.__dict__.update(domain.__dict__)
    fields = {n: getattr(domain.ctx, n) for n in type(domain.ctx).__slots__}
    twin.ctx = type(domain.ctx)(**{**fields, "caches": Caches()})
    return twin


def taken(domain: Domain) -> list[tuple[str, str]]:
    """(job, run) of all runs that hold capacity."""
    with domain.ctx.store.read() as tx:
        rows = [r for c in domain.ctx.caches.reports for r in runs.live_on(tx, c[0])]
    return sorted((r.job, r.id) for r in rows)


def assert_nothing_twice(domain: Domain, ids: Sequence[str], room: int) -> None:
    placed = [i for i in ids if domain.state(i) is JobState.PLACED]
    assert len(placed) == room
    assert len(taken(domain)) == room
    assert [job for job, _ in taken(domain)] == sorted(placed)
    assert all(domain.job(i).attempts == 1 for i in placed)
    assert domain.pools()["gpu"].free_devices_milli == 0


def test_two_schedulers_never_book_a_pool_twice(domain: Domain) -> None:
    domain.site("north", pool("gpu", hosts=4, devices=8))
    ids = domain.submit_all(*[Submission(spec=spec(devices=4)) for _ in range(12)])
    both = domain, another_process(domain)
    for _ in range(4):
        results = at_once(*(lambda d=d: schedule_round(d.ctx) for d in both for _ in range(2)))
        assert all(isinstance(r, int | Conflict) for r in results), results
    assert_nothing_twice(domain, ids, room=8)


def test_schedulers_agents_and_users_at_once(domain: Domain) -> None:
    north = domain.site("north", pool("gpu", hosts=2, devices=8))
    ids = domain.submit_all(*[Submission(spec=spec(devices=8)) for _ in range(6)])
    twin = another_process(domain)

    def work() -> None:
        for order in north.orders():
            north.say(order.run, "accepted", "started", "succeeded")

    for job in ids:
        at_once(domain.round, twin.round, work, partial(domain.cancel, job), domain.expire)
    for _ in ids:
        domain.round()
        work()
        for run in north.hello(restarted=1).cancels:
            north.say(run, "canceled")
    assert {domain.state(i) for i in ids} <= {JobState.SUCCEEDED, JobState.CANCELED}
    assert all(domain.story(i).count("submitted") == 1 for i in ids)
    assert domain.pools()["gpu"].free_devices_milli == 16_000


def test_one_key_sent_by_many_at_once_is_one_job(domain: Domain) -> None:
    results = at_once(*(lambda: domain.submit(key="k") for _ in range(6)))
    assert len(set(map(str, results))) == 1, results


def test_many_newcomers_at_once_get_an_identifier_each(domain: Domain) -> None:
    results = at_once(*(lambda n=n: domain.let_in(f"site-{n}").identifier for n in range(6)))
    assert len(set(map(str, results))) == 6
    assert all(isinstance(r, str) for r in results), results


def test_newcomer_domains_at_once_all_come_in(domain: Domain) -> None:
    results = at_once(
        *(
            lambda n=n: domain.let_in(f"n{n}", kind="domain", domain_kind="regional").identifier
            for n in range(4)
        )
    )
    assert all(isinstance(r, str) for r in results), results
    assert len(set(results)) == 4
