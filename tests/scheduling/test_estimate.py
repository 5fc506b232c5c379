"""The run-time predictor: worked out by hand, its laws, and compiled equal to interpreted."""

from __future__ import annotations

from math import inf
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.scheduling import estimate
from weir.scheduling.compiled import compile_modules
from weir.scheduling.estimate import (
    HALF_LIFE_JOBS,
    PRIOR_S,
    SIZE_CLASSES,
    Estimator,
    learn_duration,
    predict_s,
    predicted_end_s,
    rows_for,
    size_class,
    turn_s,
)

USERS = ("ann", "ben", "cho")
ENDED = st.tuples(st.sampled_from(USERS), st.sampled_from([0, 500, 1000, 8000]), st.floats(0, 1e7))


@pytest.fixture(scope="module")
def compiled() -> SimpleNamespace:
    return compile_modules(estimate)


def taught(*ended: tuple[str, int, float]) -> Estimator:
    estimator = Estimator()
    for user, milli, duration_s in ended:
        estimator.learn(user, milli, duration_s)
    return estimator


@pytest.mark.parametrize(
    ("milli", "size"),
    [(0, 0), (999, 0), (1000, 1), (1001, 2), (2000, 2), (3000, 3), (4000, 3), (8000, 4)],
)
def test_size_classes_double(milli: int, size: int) -> None:
    assert size_class(milli) == size


def test_the_last_size_class_has_no_end() -> None:
    assert size_class(10**15) == SIZE_CLASSES - 1


def test_before_anything_is_learned_it_is_the_prior() -> None:
    assert Estimator().predict("ann", 1000) == PRIOR_S == 3600


def test_one_job_worked_out_by_hand() -> None:
    estimator = taught(("ann", 1000, 60))
    assert estimator.predict("ben", 1000) == pytest.approx(3010)  # (60 + 5 * 3600) / 6
    assert estimator.predict("ann", 8000) == pytest.approx(15_110 / 6)  # (60 + 5 * 3010) / 6
    assert estimator.predict("ann", 1000) == pytest.approx(75_910 / 36)  # and once more


def test_a_job_counts_half_after_the_half_life() -> None:
    columns = [0.0] * rows_for(1), [0.0] * rows_for(1)
    learn_duration(*columns, 0, 1, 1000.0)
    for _ in range(round(HALF_LIFE_JOBS)):
        learn_duration(*columns, 0, 1, 0.0)
    total_s, jobs = columns
    assert [value for value in total_s if value] == pytest.approx([500.0] * 3)
    assert max(jobs) < HALF_LIFE_JOBS * 1.45  # 1 / (1 - 0.5 ** (1 / half-life)) at most


def test_a_habit_outweighs_what_others_do() -> None:
    estimator = taught(*[("ann", 1000, 60.0)] * 200, *[("ben", 1000, 90_000.0)] * 200)
    assert estimator.predict("ann", 1000) < 600
    assert estimator.predict("ben", 1000) > 80_000


def test_a_new_habit_is_learned() -> None:
    estimator = taught(*[("ann", 1000, 90_000.0)] * 500, *[("ann", 1000, 60.0)] * 500)
    assert estimator.predict("ann", 1000) < 90_000 * 0.05


def test_sizes_of_a_user_are_told_apart() -> None:
    estimator = taught(*[("ann", 1000, 60.0), ("ann", 8000, 50_000.0)] * 50)
    assert estimator.predict("ann", 1000) < 5_000 < 40_000 < estimator.predict("ann", 8000)


@pytest.mark.parametrize("duration_s", [-1.0, float("nan"), float("inf")])
def test_a_duration_that_cannot_be_is_refused(duration_s: float) -> None:
    estimator = taught(("ann", 1000, 60))
    before = estimator.predict("ann", 1000)
    with pytest.raises(BadInput, match="0 or more"):
        estimator.learn("new", 1000, duration_s)
    assert estimator.predict("ann", 1000) == before
    assert list(estimator.users) == ["ann"]


@given(st.lists(ENDED, max_size=60), st.sampled_from((*USERS, "new")))
def test_a_prediction_lies_between_what_was_seen_and_the_prior(
    ended: list[tuple[str, int, float]], user: str
) -> None:
    predicted = taught(*ended).predict(user, 1000)
    seen = [PRIOR_S, *(duration_s for _, _, duration_s in ended)]
    assert min(seen) * (1 - 1e-9) <= predicted <= max(seen) * (1 + 1e-9)


@given(st.lists(ENDED, max_size=40))
def test_an_unknown_user_is_predicted_as_everyone(ended: list[tuple[str, int, float]]) -> None:
    estimator = taught(*ended)
    expected = predict_s(estimator.total_s, estimator.jobs, -1, 0)
    assert estimator.predict("new", 4000) == expected


@given(st.lists(ENDED, max_size=40), ENDED)
def test_learning_more_of_a_longer_job_never_shortens(
    ended: list[tuple[str, int, float]], last: tuple[str, int, float]
) -> None:
    user, milli, duration_s = last
    shorter, longer = taught(*ended, last), taught(*ended, (user, milli, duration_s + 1000))
    for who in (*USERS, "new"):
        assert longer.predict(who, milli) >= shorter.predict(who, milli)
    assert longer.predict(user, milli) > shorter.predict(user, milli)


@given(st.lists(ENDED, max_size=40))
def test_compiled_equals_interpreted(
    compiled: SimpleNamespace, ended: list[tuple[str, int, float]]
) -> None:
    lists = [0.0] * rows_for(3), [0.0] * rows_for(3)
    arrays = np.zeros(rows_for(3)), np.zeros(rows_for(3))
    for name, milli, duration_s in ended:
        user = USERS.index(name)
        learn_duration(*lists, user, size_class(milli), duration_s)
        compiled.learn_duration(*arrays, user, compiled.size_class(milli), duration_s)
    for user in (-1, 0, 1, 2):
        for size in (0, 1, SIZE_CLASSES - 1):
            assert compiled.predict_s(*arrays, user, size) == pytest.approx(
                predict_s(*lists, user, size), rel=1e-12
            )
    assert compiled.predicted_end_s(0.0, 10.0, 30.0) == predicted_end_s(0.0, 10.0, 30.0)
    assert compiled.turn_s(9.0, 4.0) == turn_s(9.0, 4.0)


def test_the_end_of_a_running_job() -> None:
    assert predicted_end_s(100.0, 50.0, 120.0) == 150.0
    assert predicted_end_s(100.0, 50.0, 150.0) == 150.0
    assert predicted_end_s(100.0, 50.0, 300.0) == 400.0  # ran 200 s: half as long again


@given(st.floats(0, 1e7), st.floats(0, 1e7), st.floats(0, 1e9), st.floats(0, 1e9))
def test_nobody_is_overtaken_by_who_came_two_lengths_later(
    length_s: float, other_s: float, came_s: float, later_s: float
) -> None:
    if later_s > 2 * length_s + 1:
        assert turn_s(length_s, came_s) < turn_s(other_s, came_s + later_s)
    if later_s == 0 and length_s < other_s:
        assert turn_s(length_s, came_s) <= turn_s(other_s, came_s)


def test_a_job_of_unknown_length_has_a_turn_too() -> None:
    assert turn_s(inf, 0.0) == turn_s(PRIOR_S, 0.0)
