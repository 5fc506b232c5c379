"""What is written is what a reader finds; a real server reads it in `tests/contract`."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.remote_written import read_body
from weir.store.remote_write import body_of, head_of

LABELS = st.dictionaries(st.text(min_size=1, max_size=200), st.text(max_size=300), max_size=5)
SERIES = st.lists(
    LABELS, min_size=1, max_size=20, unique_by=lambda said: tuple(sorted(said.items()))
)
TIMES = st.lists(st.integers(0, 2**42 - 1), min_size=1, max_size=4, unique=True)


@given(SERIES, TIMES, st.data())
def test_what_is_written_is_what_is_read(
    series: list[dict[str, str]], times: list[int], data: st.DataObject
) -> None:
    named = [tuple(sorted(labels.items())) for labels in series]
    values = st.lists(st.floats(allow_nan=False), min_size=len(named), max_size=len(named))
    columns = [(at, data.draw(values)) for at in times]
    body = body_of([head_of(labels) for labels in named], columns)
    assert read_body(body) == {
        labels: [(at, column[place]) for at, column in columns]
        for place, labels in enumerate(named)
    }


def test_a_head_serves_every_time_and_number() -> None:
    head = head_of([("__name__", "weir_it_power"), ("site", "a")])
    for times in ([0], [127, 128], [1_700_000_000_000, 5, 2**42 - 1]):
        (found,) = read_body(body_of([head], [(at, [1.5]) for at in times])).values()
        assert found == [(at, 1.5) for at in times]


@pytest.mark.parametrize("at", [-1, 2**42])
def test_a_time_that_does_not_fit_is_not_cut(at: int) -> None:
    with pytest.raises(ValueError, match="can't be written"):
        body_of([], [(at, [])])
