"""Queues: fair shares by the dominant resource, quotas, borrowing, and trees of queues."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import (
    A100,
    GIB,
    H100,
    claim,
    demand,
    group,
    job,
    jobs,
    pool,
    snapshot,
    state,
)
from tests.scheduling.flat import flat_state, places, wide
from weir.core.plan import Plan, Reason
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.queues import Quotas, totals, tree_of
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import PoolState, Queue, RunningJob, Snapshot, WaitingJob

FAIR = replace(policy("fair"), normalized=False)
NO_MORE = (0, 0, 0)


def devices(nominal: int, borrow: int | None = 0) -> dict[str, tuple[int | None, ...]]:
    """A quota of whole devices, with what may be borrowed."""
    more = None if borrow is None else borrow * 1000
    return {"nominal": (None, None, nominal * 1000), "borrow": (None, None, more)}


def of(queue: str, count: int, each: int = 1, at: float = 0.0) -> list[WaitingJob]:
    return [replace(wide(f"{queue}{i:02}", each, at=at + i), queue=queue) for i in range(count)]


def seen(
    queues: list[Queue],
    waiting: list[WaitingJob],
    *states: PoolState,
    running: tuple[RunningJob, ...] = (),
) -> Snapshot:
    return replace(
        snapshot(*(states or (flat_state("p", 8),)), jobs=tuple(waiting)),
        queues=tuple(queues), running=running,
    )  # fmt: skip


def placed_by_queue(plan: Plan) -> dict[str, int]:
    return dict(Counter(p.job[0] for p in plan.placements))


def runs(queue: str, count: int, where: str = "p") -> RunningJob:
    return RunningJob(f"run-{queue}", where, (claim(devices=count),), 50, 0.0, queue)


# Shares.


def test_who_has_less_goes_first_however_late() -> None:
    waiting = [*of("a", 8), *of("b", 8, at=100.0)]
    plan = schedule(seen([Queue("a"), Queue("b")], waiting), FAIR)
    assert placed_by_queue(plan) == {"a": 4, "b": 4}


def test_weights_are_kept_to() -> None:
    waiting = [*of("a", 8), *of("b", 8)]
    plan = schedule(seen([Queue("a"), Queue("b", weight=3.0)], waiting), FAIR)
    assert placed_by_queue(plan) == {"a": 2, "b": 6}


def test_what_runs_counts_for_the_share() -> None:
    waiting = [*of("a", 8), *of("b", 8)]
    where = flat_state("p", 12, claim(devices=4))
    plan = schedule(seen([Queue("a"), Queue("b")], waiting, where, running=(runs("a", 4),)), FAIR)
    assert placed_by_queue(plan) == {"a": 2, "b": 6}


def test_what_was_held_of_late_counts_for_the_share() -> None:
    past = Queue("a", past=(0.0, 0.0, 4000.0))
    plan = schedule(seen([past, Queue("b")], [*of("a", 8), *of("b", 8)]), FAIR)
    assert placed_by_queue(plan) == {"a": 2, "b": 6}


def test_the_dominant_resource_counts() -> None:
    """DRF's own example (NSDI 2011): 9 CPUs and 18 GB; tasks of (1, 4 GB) and of (3, 1 GB)."""
    where = pool("p", hosts=1, devices=0, cpu=9, memory=18)
    a, b = demand(group(devices=0, cpu=1, memory=4)), demand(group(devices=0, cpu=3, memory=1))
    waiting = [replace(j, queue=j.id[0]) for j in (*jobs(9, a, "a"), *jobs(9, b, "b"))]
    plan = schedule(
        replace(snapshot(where, jobs=tuple(waiting)), queues=(Queue("a"), Queue("b"))), FAIR
    )
    assert placed_by_queue(plan) == {"a": 3, "b": 2}


def test_devices_are_weighed_by_what_they_do() -> None:
    """Two queues hold four devices each, one of them fast ones: the other one goes first."""
    fast = state(pool("fast", hosts=1, model=H100), claim(devices=4))
    slow = state(pool("slow", hosts=1, model=A100), claim(devices=4))
    running = (runs("a", 4, "fast"), runs("b", 4, "slow"))
    queues = [Queue("a"), Queue("b")]
    one = seen(queues, [*of("a", 1), *of("b", 1, at=9.0)], fast, slow, running=running)
    assert [p.job for p in schedule(one, policy("fair")).placements] == ["a00", "b00"]
    only = state(pool("slow", hosts=1, devices=5, model=A100), claim(devices=4))
    full = state(pool("fast", hosts=1, devices=4, model=H100), claim(devices=4))
    one = replace(one, pools=(full, only))
    assert list(places(schedule(one, policy("fair")))) == ["b00"]
    assert list(places(schedule(one, FAIR))) == ["a00"]


def test_priority_and_time_order_a_queue_s_own_jobs() -> None:
    waiting = [*of("a", 2, each=8), replace(wide("first", 8, at=9.0, priority=80), queue="a")]
    assert list(places(schedule(seen([Queue("a")], waiting), FAIR))) == ["first"]


def test_a_share_is_divided_again_below() -> None:
    """Half to each of two members; one of them has three users, one of whom has all the jobs."""
    tree = [Queue("x"), Queue("y"), *(Queue(n, parent="y") for n in "abc")]
    waiting = [*of("x", 9), *of("a", 9), *of("b", 9)]
    assert placed_by_queue(schedule(seen(tree, waiting), FAIR)) == {"x": 4, "a": 2, "b": 2}


def test_jobs_of_a_queue_with_queues_below_it_are_one_of_those() -> None:
    tree = [Queue("x"), Queue("y"), Queue("z", parent="y")]
    waiting = [*of("x", 9), *of("y", 9), *of("z", 9)]
    assert placed_by_queue(schedule(seen(tree, waiting), FAIR)) == {"x": 4, "y": 2, "z": 2}


def test_jobs_of_no_queue_and_of_an_unknown_one_share_like_a_queue() -> None:
    waiting = [*of("a", 9), *of("n", 4), *[replace(j, queue="") for j in of("m", 4)]]
    plan = schedule(seen([Queue("a")], waiting), FAIR)
    assert placed_by_queue(plan)["a"] == 4


def test_queues_in_a_circle_and_orphans_are_queues_of_the_root_or_none() -> None:
    tree = [Queue("a", parent="b"), Queue("b", parent="a"), Queue("c", parent="gone"), Queue("d")]
    waiting = [*of("a", 2), *of("b", 2), *of("c", 2), *of("d", 2)]
    assert len(places(schedule(seen(tree, waiting), FAIR))) == 8
    circle = tree[:2]
    assert len(places(schedule(seen(circle, waiting), FAIR))) == 8


def test_an_empty_queue_s_share_is_the_others() -> None:
    plan = schedule(seen([Queue("a"), Queue("b", weight=9.0)], of("a", 9)), FAIR)
    assert placed_by_queue(plan) == {"a": 8}


def test_ties_go_by_name_however_the_queues_are_listed() -> None:
    queues = [Queue(name) for name in "dbca"]
    waiting = [j for name in "cadb" for j in of(name, 1)]
    where = flat_state("p", 2)
    for listed in (queues, queues[::-1]):
        assert set(places(schedule(seen(listed, waiting, where), FAIR))) == {"a00", "b00"}


def test_the_tree_counts_all_that_is_held_up_to_the_root() -> None:
    tree, rows = tree_of([Queue("x"), Queue("y", parent="x")], (1, 1, 1))
    assert tree.parent[rows["y"]] == tree.parent[rows["x"]]
    assert tree.parent[0] == -1
    assert totals([pool("p"), pool("q", devices=0)]) == (256_000, 2048 * GIB, 16_000)


# Quotas.


@pytest.mark.parametrize("name", sorted(POLICIES))
def test_a_quota_is_kept_to_under_every_policy(name: str) -> None:
    queues = [Queue("a", **devices(3)), Queue("b")]  # type: ignore[arg-type]
    where = flat_state("p", 8, model=A100)  # one normal device each
    plan = schedule(seen(queues, [*of("a", 8), *of("b", 2)], where), policy(name))
    assert placed_by_queue(plan) == {"a": 3, "b": 2}


@pytest.mark.parametrize(("borrow", "most"), [(0, 3), (2, 5), (None, 8)])
def test_what_others_leave_may_be_borrowed(borrow: int | None, most: int) -> None:
    queue = Queue("a", **devices(3, borrow))  # type: ignore[arg-type]
    assert placed_by_queue(schedule(seen([queue], of("a", 9)), FAIR)) == {"a": most}


def test_what_runs_counts_for_the_quota() -> None:
    queue = Queue("a", **devices(3))  # type: ignore[arg-type]
    where = flat_state("p", 8, claim(devices=2))
    plan = schedule(seen([queue], of("a", 9), where, running=(runs("a", 2),)), FAIR)
    assert placed_by_queue(plan) == {"a": 1}


def test_a_quota_above_holds_for_all_below() -> None:
    tree = [Queue("x", **devices(3)), Queue("a", parent="x"), Queue("b", parent="x")]  # type: ignore[arg-type]
    plan = schedule(seen(tree, [*of("a", 8), *of("b", 8), *of("x", 8)]), FAIR)
    assert sum(placed_by_queue(plan).values()) == 3


def test_a_small_job_may_pass_one_that_the_quota_stops() -> None:
    queue = Queue("a", **devices(3))  # type: ignore[arg-type]
    waiting = [*of("a", 1, each=4), replace(wide("small", 3, at=5.0), queue="a")]
    plan = schedule(seen([queue], waiting), FAIR)
    assert list(places(plan)) == ["small"]
    assert [r.reason for r in plan.waiting["a00"].reasons] == [Reason.QUOTA]
    assert not plan.waiting["a00"].hopeless


def test_a_quota_of_cpu_does_not_stop_who_needs_none() -> None:
    queue = Queue("a", nominal=(0, None, None), borrow=NO_MORE)
    free = job("free", demand(group(devices=1, cpu=0, memory=0)))
    plan = schedule(seen([queue], [replace(free, queue="a"), *of("a", 1)]), FAIR)
    assert list(places(plan)) == ["free"]


QUEUES = st.lists(
    st.builds(
        lambda name, parent, weight, nominal, borrow, past: Queue(
            name, parent, weight,
            (None, None, None if nominal is None else nominal * 1000),
            (None, None, None if borrow is None else borrow * 1000),
            (0.0, 0.0, past),
        ),
        st.sampled_from("abcde"),
        st.sampled_from(("", "", "a", "b")),
        st.sampled_from((0.5, 1.0, 2.0)),
        st.none() | st.integers(0, 6),
        st.none() | st.integers(0, 3),
        st.sampled_from((0.0, 2000.0)),
    ),
    max_size=5, unique_by=lambda q: q.name,
)  # fmt: skip


@st.composite
def shared(draw: st.DrawFn) -> Snapshot:
    """A few queues in a tree, some running jobs, and jobs that wait in any of them."""
    queues = draw(QUEUES)
    names = [*"abcde", "", "nobody"]
    left, running, claims = 12, [], []
    for i in range(draw(st.integers(0, 3))):
        size = draw(st.integers(1, 3))
        held = claim(devices=size)
        left -= size
        claims.append(held)
        running.append(RunningJob(f"r{i}", "p", (held,), 50, 0.0, draw(st.sampled_from(names))))
    waiting = [
        replace(
            wide(f"j{i:02}", draw(st.integers(1, 4)), at=float(draw(st.integers(0, 2)))),
            queue=draw(st.sampled_from(names)),
        )
        for i in range(draw(st.integers(0, 10)))
    ]
    found = seen(queues, waiting, flat_state("p", 12, *claims), running=tuple(running))
    return replace(found, jobs=tuple(waiting))


def size_of(one: WaitingJob) -> int:
    device = one.demand.groups[0].device
    return device.milli if device else 0


def above(seen: Snapshot, name: str) -> list[Queue]:
    by_name, found = {q.name: q for q in seen.queues}, []
    while name in by_name and by_name[name] not in found:
        found.append(by_name[name])
        name = by_name[name].parent
    return found


@settings(max_examples=150)
@given(shared(), st.sampled_from(("fair", "easy", "cheapest")))
def test_no_queue_ever_holds_more_than_its_quota_and_what_it_may_borrow(
    seen: Snapshot, name: str
) -> None:
    """A queue that held more before the round gets nothing more."""
    names = {q.name for q in seen.queues}
    assume(all(above(seen, name)[-1].parent not in names for name in names))  # no circles
    placed = places(schedule(seen, replace(policy(name), normalized=False)))
    before: Counter[str] = Counter()
    after: Counter[str] = Counter()
    for r in seen.running:
        for q in above(seen, r.queue):
            before[q.name] += sum(c.device_milli for c in r.claims)
    for j in seen.jobs:
        if j.id in placed:
            for q in above(seen, j.queue):
                after[q.name] += size_of(j)
    for q in seen.queues:
        most, more = q.nominal[2], q.borrow[2]
        if most is not None and more is not None and after[q.name]:
            assert before[q.name] + after[q.name] <= most + more


@settings(max_examples=100)
@given(shared())
def test_every_job_is_placed_or_waits_and_in_any_order_the_same(seen: Snapshot) -> None:
    plan = schedule(seen, FAIR)
    assert sorted([*places(plan), *plan.waiting]) == sorted(j.id for j in seen.jobs)
    turned = replace(seen, jobs=seen.jobs[::-1], queues=seen.queues[::-1])
    assert places(schedule(turned, FAIR)) == places(plan)


@settings(max_examples=100)
@given(st.lists(st.sampled_from("abc"), max_size=20), st.tuples(*[st.integers(1, 4)] * 3))
def test_shares_by_turns_are_what_exact_numbers_say(
    queues: list[str], weights: tuple[int, int, int]
) -> None:
    """Unit jobs: each next place goes to the queue with the least held over its weight."""
    weight = dict(zip("abc", weights, strict=True))
    waiting = [replace(wide(f"{q}{i:02}", 1, at=float(i)), queue=q) for i, q in enumerate(queues)]
    found = seen([Queue(q, weight=float(w)) for q, w in weight.items()], waiting)
    left, held = Counter(queues), Counter[str]()
    for _ in range(min(8, len(queues))):
        able = [q for q in "abc" if left[q]]
        best = min(able, key=lambda q: (Fraction(held[q], weight[q]), q))
        held[best] += 1
        left[best] -= 1
    assert placed_by_queue(schedule(found, FAIR)) == {q: n for q, n in held.items() if n}


# What victims are chosen by.


def test_quotas_are_counted_up_the_tree() -> None:
    tree = [Queue("x", **devices(4, 4)), Queue("a", parent="x", **devices(2, 6))]  # type: ignore[arg-type]
    quotas = Quotas([*tree, Queue("b", **devices(4))], {"fast": 2000})  # type: ignore[arg-type]
    held = (claim(devices=3),)
    quotas.change("a", held, "p", 1)
    assert quotas.borrows("a", "b", held, "p")
    assert quotas.allows("a", held, "p")
    assert not quotas.allows("a", (claim(devices=3), claim(devices=3)), "p")
    assert not quotas.allows("a", held, "fast")
    assert quotas.deserves("b", held, "p")
    assert not quotas.deserves("b", held, "fast")
    assert not quotas.deserves("nobody", held, "p")
    twin = quotas.copy()
    twin.change("a", held, "p", -1)
    assert not twin.borrows("a", "b", held, "p")
    assert quotas.borrows("a", "b", held, "p")
