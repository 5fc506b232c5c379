"""Terms of a site as a whole: what is in use there now and was of late, and large hosts kept."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.scheduling.builders import demand, group, job, jobs, pool, snapshot, snapshots
from tests.scheduling.test_compiled import same
from weir.core.plan import Candidate
from weir.scheduling.find import find
from weir.scheduling.planner import Planner
from weir.scheduling.policies import policy
from weir.scheduling.policy import Policy
from weir.scheduling.reference import decide
from weir.scheduling.rings import rings
from weir.scheduling.schedule import play, schedule
from weir.scheduling.snapshot import Snapshot

LEVEL = Policy("level", use_weight=1.0, use_power=1, surplus_weight=0.001)
STEEP = Policy("steep", price_weight=1.0, use_weight=2.0, use_power=4, start_weight=0.1)
ONE = demand(group(devices=1))


def terms(candidate: Candidate) -> dict[str, float | None]:
    return {term.name: term.value for term in candidate.terms}


def by_site(seen: Snapshot, sites: int = 2) -> Snapshot:
    """The same pools at a few sites."""
    pools = tuple(
        replace(s, pool=replace(s.pool, site=f"site-{ord(s.pool.id[-1]) % sites}"))
        for s in seen.pools
    )
    return replace(seen, pools=pools)


def test_load_is_levelled_over_sites_and_not_over_pools() -> None:
    """Site s has three pools and site t one: each gets jobs by what it has."""
    pools = [pool(f"s{i}", hosts=1, site="s") for i in range(3)] + [pool("t0", hosts=1, site="t")]
    plan = schedule(snapshot(*pools, jobs=jobs(16, ONE)), LEVEL)
    assert Counter(p.chosen.pool[0] for p in plan.placements) == {"s": 12, "t": 4}


def test_a_site_in_use_by_others_is_left_alone_by_all_its_pools() -> None:
    busy = pool("a1", hosts=1, site="a", free=())
    plan = schedule(
        snapshot(busy, pool("a2", hosts=1, site="a"), pool("b", hosts=1), jobs=jobs(4, ONE)), LEVEL
    )
    assert {p.chosen.pool for p in plan.placements} == {"b"}


def test_the_price_decides_until_the_site_is_nearly_full() -> None:
    cheap = pool("cheap", hosts=1, site="a", price_micro_per_device_hour=1_000_000)
    dear = pool("dear", hosts=1, site="b", price_micro_per_device_hour=1_500_000)
    plan = schedule(snapshot(cheap, dear, jobs=jobs(8, ONE)), STEEP)
    went = [p.chosen.pool for p in plan.placements]
    # 2 * (6/8)**4 = 0.63 is more than the half that it is dearer; (5/8)**4 is not.
    assert went[:5] == ["cheap"] * 5
    assert went[5] == "dear"


def test_the_terms_of_winner_and_runner_up_say_what_was_in_use_before() -> None:
    pools = [pool("a", hosts=1), pool("b", hosts=1)]
    plan = schedule(snapshot(*pools, jobs=jobs(3, ONE)), LEVEL)
    last = plan.placements[2]
    assert last.runner_up is not None
    assert (last.chosen.pool, terms(last.chosen)["use"]) == ("a", 2 / 8)
    assert (last.runner_up.pool, terms(last.runner_up)["use"]) == ("b", 2 / 8)


def test_what_was_in_use_of_late_counts_and_an_unknown_past_counts_as_full() -> None:
    rules = Policy("past", past_weight=1.0)
    seen = snapshot(pool("a"), pool("b"), pool("c"), jobs=(job("j", ONE),))
    seen = replace(seen, past={"site-a": 0.9, "site-b": 0.2})
    (placed,) = schedule(seen, rules).placements
    assert (placed.chosen.pool, terms(placed.chosen)["past"]) == ("b", 0.2)
    assert placed.runner_up is not None
    assert placed.runner_up.pool == "a"
    ranked = find(seen, ONE, rules).candidates
    assert [c.pool for c in ranked] == ["b", "a", "c"]
    assert terms(ranked[2])["past"] is None


def test_small_tasks_leave_large_hosts_to_large_ones() -> None:
    rules = Policy("careful", surplus_weight=0.1)
    large, small = pool("a", hosts=1, devices=8), pool("b", hosts=4, devices=1)
    plan = schedule(snapshot(large, small, jobs=jobs(5, ONE)), rules)
    assert [p.chosen.pool for p in plan.placements] == ["b"] * 4 + ["a"]
    assert terms(plan.placements[4].chosen)["surplus"] == 7


@settings(max_examples=60)
@given(snapshots(), st.sampled_from((LEVEL, STEEP, policy("even"), policy("cheapest"))))
def test_the_plan_is_the_slow_scheduler_s(seen: Snapshot, rules: Policy) -> None:
    seen = by_site(seen)
    plan, slow = schedule(seen, rules), decide(seen, rules)
    assert {p.job: p.chosen.pool for p in plan.placements} == slow.placed
    assert {j: w.held_pool for j, w in plan.waiting.items() if w.held_pool} == slow.kept


@settings(max_examples=60)
@given(snapshots(), st.sampled_from((LEVEL, STEEP)))
def test_find_names_the_pool_and_the_terms_of_the_plan(seen: Snapshot, rules: Policy) -> None:
    seen = by_site(seen)
    first = replace(seen, jobs=tuple(replace(j, avoid=frozenset()) for j in seen.jobs[:1]))
    found = [find(first, j.demand, rules, j.user) for j in first.jobs]
    for placed, answer in zip(schedule(first, rules).placements, found, strict=False):
        assert answer.candidates[0] == placed.chosen


@settings(max_examples=40)
@given(snapshots(), st.sampled_from((LEVEL, STEEP)))
def test_what_is_in_use_is_what_is_not_idle(seen: Snapshot, rules: Policy) -> None:
    board = play(by_site(seen), rules).board
    idle = np.zeros(len(board.sites.size), dtype=np.int64)
    np.add.at(idle, np.asarray(board.pools.site, dtype=np.int64), np.asarray(board.pools.idle))
    assert list(board.sites.used) == list(np.asarray(board.sites.size) - idle)


@pytest.mark.timeout(600)  # to compile for the first time takes a while
@pytest.mark.parametrize("rules", [LEVEL, STEEP], ids=lambda p: p.name)
def test_rounds_that_follow_each_other_look_at_all_pools_of_a_site(rules: Policy) -> None:
    pools = [pool(f"{site}{i}", hosts=2, site=site) for site in "abc" for i in range(3)]
    seen = snapshot(*pools, jobs=jobs(9, ONE))
    planner = Planner(rules, large=0)
    planner.plan(seen)
    full = [replace(s, pool=replace(s.pool, free=())) for s in seen.pools[:2]]
    after = replace(seen, pools=(*full, *seen.pools[2:]))
    assert list(planner.plan(after).placements) == list(schedule(after, rules).placements)


@pytest.mark.timeout(600)
@settings(max_examples=30)
@given(snapshots(), st.sampled_from((LEVEL, STEEP, policy("even"))))
def test_compiled_and_interpreted_agree(seen: Snapshot, rules: Policy) -> None:
    seen = by_site(seen)
    same(seen, rules)


def test_rings() -> None:
    number, following = rings(["a", "b", "a", "a", "c"])
    assert number.tolist() == [0, 1, 0, 0, 2]
    assert following.tolist() == [2, 1, 3, 0, 4]
