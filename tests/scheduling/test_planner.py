"""Round after round with what did not change kept: the same plans as from nothing."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import (
    CLAIMS,
    H100,
    MATES,
    NOW,
    USERS,
    claim,
    demand,
    demands,
    group,
    job,
    jobs,
    pool,
    snapshot,
    snapshots,
    state,
)
from weir.core.plan import Plan
from weir.scheduling.energy import Energy, Forecast
from weir.scheduling.line import Key, Line
from weir.scheduling.packing import Claim
from weir.scheduling.planner import Change, Planner
from weir.scheduling.policies import policy
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Lease, Queue, RunningJob, Snapshot, WaitingJob

pytestmark = pytest.mark.timeout(300)  # the kernel may have to be compiled first

KEPT = (
    "balanced", "fifo", "easy", "conservative", "sjf", "cheapest", "best-fit", "deadline",
    "fair", "fastest", "heterogeneity",
)  # fmt: skip


def same(one: Plan, other: Plan) -> None:
    assert list(one.placements) == list(other.placements)
    assert dict(one.waiting) == dict(other.waiting)
    assert one.preemptions == other.preemptions


def planner(name: str) -> Planner:
    return Planner(policy(name), large=-1)


def test_the_second_round_changes_only_what_changed() -> None:
    rules = planner("easy")
    wanted = demand(group(devices=8), walltime_s=600)
    first = snapshot(pool("a"), pool("b"), jobs=jobs(6, wanted))
    placed = list(rules.plan(first).placements)
    assert [p.chosen.pool for p in placed] == ["a", "a", "b", "b"]
    assert not rules.incremental
    full = tuple(state(s.pool, claim(8, 2, 4, 16, ends_at=NOW + 600)) for s in first.pools)
    second = replace(first, pools=full, jobs=first.jobs[4:])
    same(rules.plan(second), schedule(second, policy("easy")))
    assert rules.incremental
    free = (full[0], replace(full[1], claims=full[1].claims[:0]))
    third = replace(second, pools=free, jobs=(*second.jobs, job("new", wanted)))
    plan = rules.plan(third)
    assert rules.incremental
    assert [p.job for p in plan.placements] == ["new", "job00004"]
    same(plan, schedule(third, policy("easy")))


def test_what_a_plan_took_is_free_again_if_nobody_carried_it_out() -> None:
    rules = planner("balanced")
    seen = snapshot(pool("a"), jobs=jobs(1, demand(group(devices=8))))
    for _ in range(3):
        same(rules.plan(seen), schedule(seen, policy("balanced")))
    assert rules.incremental


def test_a_price_that_is_new_starts_from_nothing_a_shape_does_not() -> None:
    rules = planner("balanced")
    seen = snapshot(pool("a"), jobs=jobs(1, demand()))
    rules.plan(seen)
    dearer = replace(seen, pools=(state(pool("a", price_micro_per_device_hour=9)),))
    same(rules.plan(dearer), schedule(dearer, policy("balanced")))
    assert not rules.incremental
    for number in range(1, 20):  # more than there is room for
        shaped = demand(group(devices=1, cpu=number + 4))
        dearer = replace(dearer, jobs=(*dearer.jobs, job(f"x{number}", shaped)))
        same(rules.plan(dearer), schedule(dearer, policy("balanced")))
        assert rules.incremental == (number != 17)


def test_a_job_whose_time_comes_stands_in_line() -> None:
    rules, wanted = planner("easy"), demand(group(devices=8))
    early = replace(job("early", wanted), start_after=NOW + 20)
    seen = snapshot(pool("a", hosts=1), jobs=(early, *jobs(2, wanted)))
    assert "early" in rules.plan(seen).waiting
    for now in (NOW + 10, NOW + 20, NOW + 30):
        plan = rules.go_on(Change(now))
        same(plan, schedule(replace(seen, now=now), policy("easy")))
        assert rules.incremental


def test_a_job_whose_time_comes_is_not_forgotten_where_the_board_has_to_be_made_anew() -> None:
    rules, wanted = planner("easy"), demand(group(devices=8))
    early = replace(job("early", wanted), start_after=NOW + 20)
    seen = snapshot(pool("a", hosts=1), jobs=(early,))
    rules.plan(seen)
    many = Change(NOW + 30, jobs(200, wanted))
    same(rules.go_on(many), schedule(many.made_to(seen), policy("easy")))
    assert not rules.incremental


def test_a_clock_that_goes_back_starts_from_nothing() -> None:
    rules, ends = planner("easy"), claim(8, 1, 4, 16, ends_at=NOW + 5)
    seen = snapshot(state(pool("a", hosts=1), ends), jobs=jobs(2, demand(walltime_s=60)))
    for now in (NOW + 10, NOW - 10, NOW):
        moved = replace(seen, now=now)
        same(rules.plan(moved), schedule(moved, policy("easy")))


def test_a_change_is_told_after_a_plan_only() -> None:
    with pytest.raises(ValueError, match="plan one first"):
        planner("easy").go_on(Change(NOW))


@st.composite
def states_after(draw: st.DrawFn, seen: Snapshot) -> list[tuple[Claim, ...] | None]:
    """For each pool other claims, or None where it stays."""
    return [
        tuple(draw(st.lists(CLAIMS, max_size=2))) if draw(st.booleans()) else None
        for _ in seen.pools
    ]


@st.composite
def come(draw: st.DrawFn, seen: Snapshot, turn: int) -> list[WaitingJob]:
    """Jobs that come: as a rule of a known shape, now and then of a new one, or for later."""
    shapes = [j.demand for j in seen.jobs] or [draw(demands())]
    found = []
    for number in range(draw(st.integers(0, 3))):
        wanted = draw(demands()) if draw(st.integers(0, 4)) == 0 else draw(st.sampled_from(shapes))
        later = draw(st.sampled_from((None, None, None, 0, 5, 20)))
        found.append(
            WaitingJob(
                f"n{turn}-{number}",
                wanted,
                draw(st.sampled_from((50, 50, 80))),
                seen.now + draw(st.integers(-2, 2)),
                queue=draw(st.sampled_from(("", "one", "two", "nowhere"))),
                start_after=None if later is None else seen.now + later,
                deadline_at=draw(st.sampled_from((None, seen.now + 40))),
                user=draw(USERS),
            )
        )
    return found


QUEUES = (
    (),
    (),
    (Queue("one", nominal=(None, None, 2000)), Queue("two", weight=2.0)),
)


@st.composite
def changes(draw: st.DrawFn, seen: Snapshot, turn: int) -> Change:
    """Some claims more or less, some jobs gone, some come or other than before; time goes on."""
    states = [
        replace(s, claims=claims)
        for s, claims in zip(seen.pools, draw(states_after(seen)), strict=True)
        if claims is not None and [(p.pool.id, p.cluster) for p in seen.pools].count(
            (s.pool.id, s.cluster)
        ) == 1
    ]  # fmt: skip
    gone = [j.id for j in seen.jobs if draw(st.booleans())]
    other = [replace(j, priority=60) for j in seen.jobs if draw(st.integers(0, 5)) == 0]
    holds = [
        RunningJob(f"r{turn}", s.pool.id, s.claims, draw(st.sampled_from((10, 90))), seen.now - 9)
        for s in (*states, *seen.pools)
        if s.claims and draw(st.integers(0, 3)) == 0
    ]
    return Change(
        now=seen.now + draw(st.sampled_from((0, 0, 5, 30))),
        jobs=[*other, *draw(come(seen, turn))],
        gone=gone,
        pools=states,
        running=tuple(holds[:1]) if draw(st.booleans()) else None,
        mates=tuple(draw(st.lists(MATES, max_size=2))) if draw(st.booleans()) else None,
    )


def by_two_ways(name: str, seen: Snapshot, told: Sequence[bool], data: st.DataObject) -> int:
    """Play rounds on, each as `told` says by its change or by the snapshot; how many went on."""
    rules, went_on = planner(name), 0
    same(rules.plan(seen), schedule(seen, policy(name)))
    for turn, by_change in enumerate(told):
        change = data.draw(changes(seen, turn))
        seen = change.made_to(seen)
        plan = rules.go_on(change) if by_change else rules.plan(seen)
        same(plan, schedule(seen, policy(name)))
        went_on += rules.incremental
    return went_on


@settings(max_examples=30, deadline=None)
@given(st.data(), st.sampled_from(KEPT), st.lists(st.booleans(), min_size=2, max_size=4))
def test_every_round_is_the_one_from_nothing(
    data: st.DataObject, name: str, told: list[bool]
) -> None:
    seen = replace(data.draw(snapshots()), queues=data.draw(st.sampled_from(QUEUES)))
    by_two_ways(name, seen, told, data)


@st.composite
def surroundings(draw: st.DrawFn) -> dict[str, Any]:
    """Energy, links, speeds, leases and the past, as a server knows them for a while."""
    pools = st.sampled_from("abcdef")
    forecasts = [Forecast(NOW - 60, 60, np.array(values)) for values in ((9.0, 1.0), (1.0, 9.0))]
    energy = {
        f"site-{name}": Energy(
            device_w=draw(st.sampled_from((None, 100.0))),
            pue=1.5,
            carbon=draw(st.sampled_from(forecasts)),
            watts_of={H100: 700.0},
        )
        for name in draw(st.sets(pools))
    }
    promised = st.builds(
        Lease,
        pools,
        st.sampled_from(((claim(1, 1),), (claim(2, 2), claim(0, 1, 3)))),
        st.sampled_from((NOW - 9, NOW + 5, NOW + 40)),
        st.sampled_from((NOW + 3, NOW + 20, NOW + 99)),
    ).filter(lambda lease: lease.starts_at < lease.ends_at)
    return {
        "energy": energy,
        "priced_at": NOW - 7,
        "past": {f"site-{name}": 0.3 for name in draw(st.sets(pools))},
        "leases": tuple(draw(st.lists(promised, max_size=3))),
    }


@settings(max_examples=30, deadline=None)
@given(
    st.data(),
    surroundings(),
    st.sampled_from(("balanced", "easy", "even", "greenest", "cheapest", "conservative")),
)
def test_rounds_go_on_while_energy_leases_and_the_past_stay(
    data: st.DataObject, around: dict[str, Any], name: str
) -> None:
    by_two_ways(name, replace(data.draw(snapshots()), **around), (True, False, True), data)


def test_a_lease_does_not_make_the_round_start_from_nothing() -> None:
    rules, wanted = planner("easy"), demand(group(devices=8))
    leased = Lease("a", (claim(8, 1, 1, 1),), NOW + 50, NOW + 90)
    seen = replace(snapshot(pool("a", hosts=1), jobs=jobs(1, wanted)), leases=(leased,))
    same(rules.plan(seen), schedule(seen, policy("easy")))
    short = replace(job("short", demand(group(devices=8), walltime_s=20)), priority=90)
    change = Change(NOW + 10, [short])
    plan = rules.go_on(change)
    assert (rules.incremental, [p.job for p in plan.placements]) == (True, ["short"])
    over = Change(NOW + 95)
    assert [p.job for p in rules.go_on(over).placements]
    assert not rules.incremental, "the lease is over, so room is other than it was"


KEYS = st.tuples(
    st.sampled_from((-80.0, -50.0)),
    st.sampled_from((0.0, 5.0, float("inf"))),
    st.sampled_from((0.0, 1.0)),
    st.text("ab", max_size=3),
)


@given(st.lists(st.tuples(st.lists(KEYS, max_size=6), st.integers(0, 5)), max_size=6))
def test_a_line_is_what_sorting_gives(turns: list[tuple[list[Key], int]]) -> None:
    line, there = Line(64), dict[int, Key]()
    for new, out in turns:
        gone = sorted(there)[:out]
        line.remove(gone)
        for row in gone:
            del there[row]
        spare = sorted(set(range(64)) - set(there))
        pairs = zip(dict.fromkeys(new), spare, strict=False)
        fresh = {key: row for key, row in pairs if key not in there.values()}
        line.add(list(fresh.values()), list(fresh))
        there |= {row: key for key, row in fresh.items()}
        wanted = sorted(there, key=lambda row: there[row])
        assert line.rows.tolist() == wanted
        assert line.rows.dtype == np.int64
