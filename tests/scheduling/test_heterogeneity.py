"""Jobs on device models of different speeds: the laws of a plan, and cases plain to see."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.scheduling.fluid import Floats, Ints
from weir.scheduling.heterogeneity import assign

Case = dict[str, Any]


def case(
    remaining: list[float],
    speed: list[list[float]],
    capacity: list[int],
    gang: list[int] | None = None,
    weight: list[float] | None = None,
    current: list[int] | None = None,
    switch_s: float = 20.0,
) -> Case:
    n = len(remaining)
    return {
        "remaining": np.array(remaining, dtype=np.float64),
        "speed": np.array(speed, dtype=np.float64).reshape(n, len(capacity)),
        "gang": np.array(gang or [1] * n, dtype=np.int64),
        "weight": np.array(weight or [1.0] * n, dtype=np.float64),
        "current": np.array(current or [-1] * n, dtype=np.int64),
        "capacity": np.array(capacity, dtype=np.int64),
        "switch_s": switch_s,
        "round_s": 360.0,
    }


def plan(*args: Any, **more: Any) -> list[int]:
    return [int(model) for model in assign(**case(*args, **more))]


def _used(chosen: Ints, gang: Ints, models: int) -> Ints:
    return np.array([gang[chosen == m].sum() for m in range(models)], dtype=np.int64)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    n, k = draw(st.integers(0, 14)), draw(st.integers(1, 4))
    speeds = st.one_of(st.just(0.0), st.floats(0.01, 100))
    row = st.lists(speeds, min_size=k, max_size=k)
    return case(
        remaining=draw(st.lists(st.floats(0, 1e7), min_size=n, max_size=n)),
        speed=draw(st.lists(row, min_size=n, max_size=n)),
        capacity=draw(st.lists(st.integers(0, 9), min_size=k, max_size=k)),
        gang=draw(st.lists(st.sampled_from([1, 1, 2, 3, 4, 8]), min_size=n, max_size=n)),
        weight=draw(st.lists(st.sampled_from([0.5, 1.0, 1.0, 4.0]), min_size=n, max_size=n)),
        current=draw(st.lists(st.integers(-1, k - 1), min_size=n, max_size=n)),
        switch_s=draw(st.sampled_from([0.0, 20.0, 500.0])),
    )


@given(cases(), st.booleans())
@settings(deadline=None)
def test_a_plan_keeps_the_laws(given_case: Case, makespan: bool) -> None:
    chosen = assign(**given_case, makespan=makespan)
    speed, gang, capacity = (given_case[name] for name in ("speed", "gang", "capacity"))
    runs = np.flatnonzero(chosen >= 0)
    used = _used(chosen, gang, len(capacity))
    assert (used <= capacity).all()
    assert (speed[runs, chosen[runs]] > 0).all()
    for row in np.flatnonzero(chosen < 0):
        assert not ((capacity - used >= gang[row]) & (speed[row] > 0)).any()
    assert (assign(**given_case, makespan=makespan) == chosen).all()


@given(st.lists(st.floats(1, 1e6), min_size=1, max_size=12, unique=True), st.integers(1, 5))
@settings(deadline=None)
def test_one_model_runs_the_shortest_first(remaining: list[float], devices: int) -> None:
    chosen = assign(
        **case(remaining, [[2.0]] * len(remaining), [devices], switch_s=0.0), makespan=False
    )
    shortest = np.argsort(remaining, kind="stable")[:devices]
    assert sorted(np.flatnonzero(chosen == 0)) == sorted(shortest)


@given(cases(), st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=30)
def test_units_of_work_do_not_matter(given_case: Case, chance: Any) -> None:
    factor = np.array([2.0 ** chance.randint(-8, 8) for _ in given_case["remaining"]])
    other = given_case | {
        "remaining": given_case["remaining"] * factor,
        "speed": given_case["speed"] * factor[:, None],
    }
    assert (assign(**other) == assign(**given_case)).all()


def test_work_goes_where_it_is_comparatively_fast() -> None:
    # Both are fastest on the first model, but the second loses ten times as much by leaving it.
    assert plan([1e4, 1e4], [[2.0, 1.8], [2.0, 0.2]], [1, 1]) == [1, 0]


def test_a_lone_job_takes_its_fastest_model_with_room_for_its_gang() -> None:
    assert plan([1e4], [[1.0, 5.0, 3.0]], [4, 4, 4]) == [1]
    assert plan([1e4], [[1.0, 5.0, 3.0]], [4, 1, 4], gang=[2]) == [2]


def test_a_gang_too_wide_for_every_model_never_runs() -> None:
    assert plan([10.0, 10.0], [[1.0, 1.0]] * 2, [4, 4], gang=[8, 1])[0] == -1
    assert plan([10.0], [[0.0, 0.0]], [4, 4]) == [-1]
    assert plan([10.0], [[1.0]], [0]) == [-1]
    assert plan([], [], [4]) == []


def test_a_heavier_job_goes_first() -> None:
    assert plan([1000.0, 1500.0], [[1.0], [1.0]], [1], weight=[1.0, 2.0]) == [-1, 0]


def test_a_running_job_is_moved_only_where_it_pays() -> None:
    faster = [[1.0, 1.1]]
    assert plan([100.0], faster, [1, 1], current=[0]) == [0]
    assert plan([1e5], faster, [1, 1], current=[0]) == [1]
    assert plan([1e5], faster, [1, 1], current=[0], switch_s=1e6) == [0]


def test_a_running_job_is_not_stopped_for_one_only_a_little_shorter() -> None:
    assert plan([1000.0, 990.0], [[1.0]] * 2, [1], current=[0, -1]) == [0, -1]
    assert plan([1000.0, 500.0], [[1.0]] * 2, [1], current=[0, -1]) == [-1, 0]


def test_the_longest_job_starts_at_once_where_it_alone_decides_the_end() -> None:
    # Two devices, 10 h in one job and 10 h in ten: whichever way, the long one must not wait.
    remaining = [36000.0] + [3600.0] * 10
    jobs = case(remaining, [[1.0]] * 11, [2])
    assert assign(**jobs)[0] == 0
    assert assign(**jobs, makespan=False)[0] == -1


def test_a_long_job_does_not_hold_up_one_that_is_over_within_the_round() -> None:
    assert plan([36000.0, 10.0], [[1.0]] * 2, [1]) == [-1, 0]
    # A job of 5 h beside which a gang can't run does not hold that gang up either.
    assert plan([18000.0, 3600.0], [[1.0]] * 2, [4], gang=[1, 4]) == [-1, 0]


def test_speeds_of_any_size() -> None:
    assert plan([1.0, 1e12], [[1e-300, 1.0], [1e-9, 1e-12]], [1, 1]) == [1, 0]


def test_more_jobs_than_are_bounded_one_by_one() -> None:
    rng = np.random.default_rng(5)
    n = 2000
    kinds = rng.uniform(0.5, 5, size=(9, 3))
    jobs = case(
        rng.uniform(1e3, 1e5, n).tolist(),
        kinds[rng.integers(0, 9, n)].tolist(),
        [40, 40, 40],
        gang=rng.choice([1, 2, 4], n).tolist(),
    )
    chosen = assign(**jobs)
    assert _used(chosen, jobs["gang"], 3).tolist() == [40, 40, 40]


def test_every_bad_column_is_named() -> None:
    bad = case([1.0, float("nan")], [[1.0], [-1.0]], [1], gang=[0, 1], weight=[0.0, 1.0])
    with pytest.raises(BadInput) as error:
        assign(**bad)
    assert {m.field for m in error.value.mistakes} == {"remaining", "speed", "gang", "weight"}
    short: Floats = np.ones(3)
    with pytest.raises(BadInput, match="weight"):
        assign(**(case([1.0], [[1.0]], [1]) | {"weight": short}))
