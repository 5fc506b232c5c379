"""How long samples are kept: what stands, and every mistake at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.core.series import RETENTION_S, WIDTHS
from weir.wire.retention import LEVELS, kept_for, read_keeps


def mistakes(said: dict[str, str]) -> dict[str, str]:
    with pytest.raises(BadInput) as refused:
        kept_for(said)
    return {m.field: m.message for m in refused.value.mistakes}


def test_what_is_not_named_is_kept_as_ever() -> None:
    assert kept_for({}) == RETENTION_S
    assert read_keeps(["1m=7d", "15m = 90d"]) == {**RETENTION_S, 60: 7 * 86400, 900: 90 * 86400}


def test_a_wider_bucket_is_kept_as_long_as_a_narrower_one() -> None:
    assert "keep the wider one as long" in mistakes({"1m": "90d"})["keep.15m"]
    assert kept_for({"1m": "90d", "15m": "90d"})[900] == 90 * 86400


def test_a_bucket_is_kept_until_the_next_was_made_of_it() -> None:
    assert "at least 1800 s" in mistakes({"1m": "15m"})["keep.1m"]
    assert kept_for({"10s": "2m"})[10] == 120


def test_every_mistake_is_told() -> None:
    assert set(mistakes({"5m": "1d", "1h": "soon", "1d": "-1d", "1m": "1m"})) == {
        "keep.5m",
        "keep.1h",
        "keep.1d",
        "keep.1m",
    }
    assert mistakes({"1d": "200000d"}) == {"keep.1d": "is more than a hundred years"}
    for text in ("1m", "1m=1h=2h"):
        with pytest.raises(BadInput):
            read_keeps([text])
    with pytest.raises(BadInput, match="twice"):
        read_keeps(["1m=1d", "1m=2d"])


@given(st.dictionaries(st.sampled_from(sorted(LEVELS)), st.integers(0, 10**10)))
def test_what_is_taken_never_ends_with_the_finer_one(said: dict[str, int]) -> None:
    try:
        kept = kept_for({name: f"{seconds}s" for name, seconds in said.items()})
    except BadInput:
        return  # which says why: see above
    assert list(kept) == list(WIDTHS)
    assert sorted(kept.values()) == list(kept.values())
