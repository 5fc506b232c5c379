"""Jobs that keep apart from others of their name: stories, and properties of every plan."""

from dataclasses import replace
from itertools import combinations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import (
    NOW,
    claim,
    demand,
    group,
    job,
    pool,
    snapshot,
    snapshots,
    state,
)
from tests.scheduling.test_compiled import same as same_compiled
from tests.scheduling.test_planner import QUEUES, by_two_ways
from weir.core.demand import APART_LEVELS, Apart, Demand
from weir.core.inventory import Pool
from weir.core.plan import Change, Plan, Reason
from weir.scheduling.apart import Mate, mate_on
from weir.scheduling.find import find
from weir.scheduling.planner import Planner
from weir.scheduling.policies import POLICIES, policy
from weir.scheduling.reference import decide
from weir.scheduling.schedule import schedule
from weir.scheduling.snapshot import Lease, RunningJob, Snapshot, WaitingJob

BY_SITE = Apart("ranks", "site")


def rank(id: str, apart: Apart | None = BY_SITE, user: str = "ann", **fields: Any) -> WaitingJob:
    wanted = fields.pop("wanted", demand())
    return replace(job(id, replace(wanted, apart=apart)), user=user, **fields)


def ranks(count: int, apart: Apart = BY_SITE, user: str = "ann") -> tuple[WaitingJob, ...]:
    return tuple(rank(f"r{i}", apart, user) for i in range(count))


def places(plan: Plan) -> dict[str, str]:
    return {p.job: p.chosen.pool for p in plan.placements}


def east_and_west() -> tuple[Pool, ...]:
    """Two pools at one site, of two clusters, and one at another, all alike to a job."""
    return (
        pool("a", site="east", cluster="e1"),
        pool("b", site="east", cluster="e2"),
        pool("c", site="west", cluster="w1"),
    )


def test_two_of_a_name_are_never_at_one_site() -> None:
    plan = schedule(snapshot(*east_and_west(), jobs=ranks(3)), policy("fifo"))
    assert places(plan) == {"r0": "a", "r1": "c"}
    entry = plan.waiting["r2"]
    (why,) = entry.reasons
    assert str(why) == "APART needed=no other ranks in the site best=r0, r1, 3 pools"
    assert entry.changes == (
        Change(Reason.APART, "apart by site", "apart where that can be", 0, now=True),
    ) or entry.changes == (Change(Reason.APART, "apart by site", "not apart", 3, now=True),)
    assert not entry.hopeless


@pytest.mark.parametrize(
    ("level", "count"), [("pool", 3), ("cluster", 3), ("site", 2), ("region", 1)]
)
def test_each_level_is_what_pools_have_in_common(level: str, count: int) -> None:
    plan = schedule(snapshot(*east_and_west(), jobs=ranks(4, Apart("x", level))), policy())
    assert len(set(places(plan).values())) == len(plan.placements) == count


def test_jobs_of_others_and_of_other_names_do_not_matter() -> None:
    (one,) = east_and_west()[:1]
    jobs = rank("r0"), rank("r1", user="ben"), rank("r2", Apart("web", "site")), job("r3")
    plan = schedule(snapshot(one, jobs=jobs), policy())
    assert len(plan.placements) == 4


def test_who_runs_closes_a_site_until_it_ends() -> None:
    pools = east_and_west()
    mate = mate_on(pools[0], "j1", "ann", BY_SITE, NOW + 100)
    seen = replace(snapshot(*pools, jobs=ranks(2)), mates=(mate,))
    plan = schedule(seen, policy("easy"))
    assert places(plan) == {"r0": "c"}
    assert plan.waiting["r1"].start_s == (100.0, 100.0)
    assert plan.waiting["r1"].reasons[0].best == "j1, r0"


def test_a_mate_on_a_pool_that_is_gone_counts_where_its_site_is_known() -> None:
    away = Mate("j1", "ann", BY_SITE, "gone", "gone", "west", "")
    seen = replace(snapshot(*east_and_west(), jobs=ranks(2)), mates=(away,))
    assert places(schedule(seen, policy())) == {"r0": "a"}


def test_who_prefers_to_be_apart_is_spread_evenly_and_never_waits_for_it() -> None:
    wish = Apart("web", "site", required=False)
    seen = snapshot(*(pool(f"p{i}", hosts=8) for i in range(3)), jobs=ranks(7, wish))
    plan = schedule(seen, policy("best-fit"))
    assert sorted(list(places(plan).values()).count(f"p{i}") for i in range(3)) == [2, 2, 3]
    terms = [t for p in plan.placements for t in p.chosen.terms if t.name == "apart"]
    assert [t.value for t in terms] == [0, 0, 0, 1, 1, 1, 2]
    for placed in plan.placements:
        assert placed.runner_up is not None
        assert placed.chosen.cost <= placed.runner_up.cost


def test_one_that_requires_it_binds_one_that_only_prefers_it() -> None:
    (one,) = east_and_west()[:1]
    firm, soft = rank("a"), rank("b", Apart("ranks", "pool", required=False))
    assert places(schedule(snapshot(one, jobs=(firm, soft)), policy())) == {"a": "a"}
    assert places(schedule(snapshot(one, jobs=(soft, replace(firm, id="c"))), policy())) == {
        "b": "a"
    }


def test_the_change_that_is_named_is_the_least_that_helps() -> None:
    (one,) = east_and_west()[:1]
    soft = mate_on(one, "m", "ann", replace(BY_SITE, required=False))
    seen = replace(snapshot(one, jobs=ranks(1)), mates=(soft,))
    (change,) = schedule(seen, policy()).waiting["r0"].changes
    assert (change.wanted, change.instead) == ("apart by site", "apart where that can be")
    firm = mate_on(one, "m", "ann", BY_SITE)
    (change,) = schedule(replace(seen, mates=(firm,)), policy()).waiting["r0"].changes
    assert (change.instead, change.pools, change.now) == ("not apart", 1, True)


def test_where_could_it_run_knows_the_jobs_of_who_asks() -> None:
    pools = east_and_west()
    seen = replace(snapshot(*pools), mates=(mate_on(pools[0], "j1", "ann", BY_SITE),))
    wanted = replace(demand(), apart=BY_SITE)
    found = find(seen, wanted, policy(), "ann")
    assert [c.pool for c in found.candidates] == ["c"]
    assert [str(r) for r in found.rejections["b"]] == [
        "APART needed=no other ranks in the site best=j1"
    ]
    assert len(find(seen, wanted, policy(), "ben").candidates) == 3
    gently = replace(BY_SITE, required=False)
    hers = replace(seen, mates=(replace(seen.mates[0], apart=gently),))
    ranked = find(hers, replace(wanted, apart=gently), policy(), "ann").candidates
    assert [c.pool for c in ranked] == ["c", "a", "b"]


def test_nobody_is_pushed_out_where_the_job_may_not_go() -> None:
    pools = [state(p, claim(8, 2, 4, 16)) for p in east_and_west()]
    low = tuple(RunningJob(f"low{s.pool.id}", s.pool.id, s.claims, 10, NOW - 9) for s in pools)
    urgent = replace(rank("r0", wanted=demand(group(2, devices=8))), priority=90)
    near = mate_on(pools[0].pool, "j1", "ann", BY_SITE)
    seen = replace(snapshot(*pools, jobs=(urgent,)), running=low, mates=(near,))
    assert [p.pool for p in schedule(seen, policy("balanced")).preemptions] == ["c"]


def test_nobody_of_a_name_waits_in_a_cluster_s_own_queue() -> None:
    full = state(pool("a", queue_ahead=9), claim(8, 2, 4, 16))
    jobs = rank("r0", wanted=demand(group(devices=8))), job("plain", demand(group(devices=8)))
    plan = schedule(snapshot(full, jobs=jobs), policy())
    assert [p.job for p in plan.ahead] == ["plain"]


def test_leased_room_is_at_its_site_too() -> None:
    lease = Lease("a", (claim(8, 1, 64, 512),), NOW - 5, NOW + 500, user="ann")
    seen = replace(snapshot(*east_and_west(), jobs=ranks(3)), leases=(lease,))
    plan = schedule(seen, policy("easy"))
    assert sorted(places(plan).values()) == ["a", "c"]


def test_the_program_plans_around_those_who_keep_apart() -> None:
    pools = [
        replace(p, price_micro_per_device_hour=price)
        for p, price in zip(east_and_west(), (3, 2, 1), strict=True)
    ]
    others = tuple(job(f"o{i}", demand(group(devices=8)), at=1.0) for i in range(5))
    plan = schedule(snapshot(*pools, jobs=(*ranks(3), *others)), policy("optimal"))
    named = {j: p for j, p in places(plan).items() if j.startswith("r")}
    assert sorted(named.values()) == ["b", "c"]
    assert len(plan.placements) == 2 + 4


def test_a_board_that_is_kept_learns_who_came_and_who_went() -> None:
    pools = east_and_west()
    rules = Planner(policy("easy"), large=0)
    seen = snapshot(*pools, jobs=ranks(3))
    for mates in ((), (mate_on(pools[2], "j", "ann", BY_SITE),), (), ()):
        seen = replace(seen, mates=mates)
        assert places(rules.plan(seen)) == places(schedule(seen, policy("easy")))
    assert rules.incremental


# Properties


def near(one: tuple[str, Apart, Pool | Mate], other: tuple[str, Apart, Pool | Mate]) -> bool:
    """Whether two jobs are where one of them does not want the other."""
    if (one[0], one[1].name) != (other[0], other[1].name):
        return False
    levels = [x[1].level for x in (one, other) if x[1].required]
    return any(_at(one[2], level) == _at(other[2], level) for level in levels)


def _at(place: Pool | Mate, level: str) -> str:
    if isinstance(place, Mate):
        return str(getattr(place, level))
    return {
        "pool": place.id,
        "cluster": place.cluster,
        "site": place.site,
        "region": place.location.region,
    }[level]


@settings(max_examples=300, deadline=None)
@given(snapshots(apart=True), st.sampled_from(sorted(POLICIES)))
def test_no_plan_brings_two_together(seen: Snapshot, name: str) -> None:
    by_id = {j.id: j for j in seen.jobs}
    pools = {s.pool.id: s.pool for s in seen.routes}
    plan = schedule(seen, policy(name))
    there = [(m.user, m.apart, m) for m in seen.mates]
    put = [
        (by_id[job].user, wish, pools[pool])
        for job, pool in places(plan).items()
        if (wish := by_id[job].demand.apart) is not None
    ]
    assert not any(near(new, old) for new in put for old in there)
    assert not any(near(new, other) for new, other in combinations(put, 2))


@settings(max_examples=300, deadline=None)
@given(
    snapshots(apart=True),
    st.sampled_from(sorted(set(POLICIES) - {"optimal", "fragmentation"})),
)
def test_the_plan_is_the_slow_scheduler_s(seen: Snapshot, name: str) -> None:
    plan, slow = schedule(seen, policy(name)), decide(seen, policy(name))
    assert places(plan) == slow.placed
    kept = {job: w.held_pool for job, w in plan.waiting.items() if w.held_pool}
    assert kept == slow.kept


@settings(max_examples=60, deadline=None)
@given(snapshots(apart=True), st.sampled_from(("easy", "balanced", "best-fit", "fragmentation")))
def test_compiled_and_interpreted_are_one(seen: Snapshot, name: str) -> None:
    same_compiled(seen, policy(name))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.sampled_from(("balanced", "easy", "conservative", "best-fit", "fair")))
def test_every_round_is_the_one_from_nothing(data: st.DataObject, name: str) -> None:
    seen = replace(data.draw(snapshots(apart=True)), queues=data.draw(st.sampled_from(QUEUES)))
    by_two_ways(name, seen, (True, False, True, True), data)


@settings(max_examples=200, deadline=None)
@given(snapshots(apart=True), st.sampled_from(("easy", "balanced", "fifo")))
def test_the_change_that_is_named_lets_it_run(seen: Snapshot, name: str) -> None:
    """Made, with all others as the round has left them, the job starts at once."""
    plan = schedule(seen, policy(name))
    for one in seen.jobs:
        entry = plan.waiting.get(one.id)
        changes = [c for c in entry.changes if c.reason is Reason.APART] if entry else []
        for change in changes:
            wish = one.demand.apart
            assert wish is not None
            soft = None if change.instead == "not apart" else replace(wish, required=False)
            other = replace(one, demand=replace(one.demand, apart=soft))
            assert places(after(seen, plan, other)) == {
                one.id: places(after(seen, plan, other))[one.id]
            }
            assert change.now


def after(seen: Snapshot, plan: Plan, one: WaitingJob) -> Plan:
    """The round of this job alone, the others of a plan being where it has them."""
    from weir.scheduling.reference import claims_on

    by_id, pools = {j.id: j for j in seen.jobs}, {s.pool.id: s for s in seen.routes}
    mates, more = list(seen.mates), dict[str, list[Any]]()
    for name, where in places(plan).items():
        placed = by_id[name]
        more.setdefault(where, []).extend(claims_on(pools[where].pool, placed.demand))
        if placed.demand.apart is not None:
            mates.append(mate_on(pools[where].pool, name, placed.user, placed.demand.apart))
    states = tuple(replace(s, claims=(*s.claims, *more.get(s.pool.id, ()))) for s in seen.routes)
    left = replace(seen, pools=states, jobs=(one,), mates=tuple(mates))
    return schedule(left, policy("fifo"))


def test_levels_are_those_that_pools_say() -> None:
    assert APART_LEVELS == ("pool", "cluster", "site", "region")
    wanted = Demand((group(),), apart=Apart("x", "cluster", required=False))
    seen = snapshot(*east_and_west(), jobs=(rank("a", wanted.apart), rank("b", wanted.apart)))
    assert len(set(places(schedule(seen, policy())).values())) == 2
