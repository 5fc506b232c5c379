"""The sketch: every quantile is right to its bound, however it was put together."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.sketch import ACCURACY, LARGEST, SMALLEST, bin_of, merge, quantile, sketch, value_of

VALUES = st.floats(SMALLEST * 2, LARGEST, allow_nan=False)


@given(VALUES)
def test_a_value_is_told_to_two_percent(value: float) -> None:
    assert abs(value_of(bin_of(value)) - value) <= ACCURACY * value * (1 + 1e-6)


@given(st.lists(VALUES, min_size=1, max_size=200), st.sampled_from([0.0, 0.5, 0.9, 0.99, 1.0]))
def test_a_quantile_is_that_of_the_values(values: list[float], q: float) -> None:
    found = quantile(sketch(values), q)
    exact = sorted(values)[math.floor(q * (len(values) - 1))]
    assert found is not None
    assert abs(found - exact) <= ACCURACY * exact * (1 + 1e-6)


@given(st.lists(st.lists(VALUES, max_size=20), max_size=5))
def test_merging_is_sketching_all_at_once(parts: list[list[float]]) -> None:
    whole = sketch([v for part in parts for v in part])
    assert merge(map(sketch, parts)) == whole
    assert merge(map(sketch, reversed(parts))) == whole


def test_nothing_has_no_quantile_and_nothing_at_all_is_zero() -> None:
    assert quantile({}, 0.5) is None
    assert quantile(sketch([0.0, 0.0, 5.0]), 0.5) == 0.0


@pytest.mark.parametrize("value", [-1.0, math.nan])
def test_what_is_no_amount_is_not_sketched(value: float) -> None:
    with pytest.raises(ValueError, match="can't be sketched"):
        bin_of(value)
