"""Buckets: the laws by which they meet and roll up, and which subjects count."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weir.core.series import (
    WIDTHS,
    Bucket,
    above,
    better,
    counted,
    is_host,
    lies_under,
    merged,
    rolled,
    single,
    site_of,
    start_of,
    tier_for,
    wider,
)

VALUES = st.integers(-(10**6), 10**6).map(float)


@st.composite
def buckets(draw: Callable[..., float]) -> Bucket:
    values = draw(st.lists(VALUES, min_size=1, max_size=5))
    return merged([single(v) for v in values])  # type: ignore[attr-defined]


@given(buckets(), buckets(), buckets())
def test_versions_of_a_bucket_meet_in_any_order_and_any_number_of_times(
    a: Bucket, b: Bucket, c: Bucket
) -> None:
    def rank(x: Bucket) -> tuple[int, float, float]:
        return (x.n, x.last, x.total)

    outcomes = {rank(better(better(x, y), z)) for x, y, z in itertools.permutations((a, b, c))}
    assert len(outcomes) == 1
    assert better(a, a) == a
    assert better(better(a, b), b) == better(a, b)


def test_more_samples_stand() -> None:
    few, many = single(9.0), merged([single(1.0), single(2.0)])
    assert better(few, many) == better(many, few) == many


@given(st.dictionaries(st.integers(0, 5000).map(lambda n: n * 10), VALUES, min_size=1))
def test_rolling_up_tier_by_tier_is_rolling_up_at_once(values: dict[int, float]) -> None:
    points = {at: single(v) for at, v in values.items()}
    assert rolled(rolled(points, 60), 900) == rolled(points, 900)
    whole = rolled(points, 86400)
    assert sum(b.n for b in whole.values()) == len(values)
    assert sum(b.total for b in whole.values()) == sum(values.values())


def test_a_merged_bucket_has_the_last_of_the_last() -> None:
    bucket = merged([single(3.0), single(1.0), single(2.0)])
    assert bucket == Bucket(3, 6.0, 1.0, 3.0, 2.0, 30)
    assert bucket.mean == 2.0


def test_tiers_fit_into_each_other() -> None:
    for narrow, wide in itertools.pairwise(WIDTHS):
        assert wide % narrow == 0
        assert wider(narrow) == wide
    assert wider(WIDTHS[-1]) is None
    assert start_of(1234.5, 900) == 900


def test_what_a_question_is_answered_from() -> None:
    kept = {10: 100, 60: 1000, 900: 10_000, 3600: 100_000, 86400: 1_000_000}
    assert tier_for(10, 50, 50, kept) == 10
    assert tier_for(10, 500, 500, kept) == 60, "ten seconds are not kept so long"
    assert tier_for(900, 50, 50, kept) == 900
    assert tier_for(1000, 50, 50, kept) == 900
    assert tier_for(1, 50, 10**9, kept) == 86400


@pytest.mark.parametrize(
    ("subject", "site", "lies_in"),
    [
        ("CN.R1.S3.C1.P2-X", "CN.R1.S3", ("CN.R1.S3", "CN.R1.S3.C1")),
        ("CN.R1.S3.C1-X/h", "CN.R1.S3", ("CN.R1.S3", "CN.R1.S3.C1")),
        ("CN.R1.S3-X", "CN.R1.S3", ()),
        ("CN.R1-X", "CN.R1", ()),
        ("CN.R1.S3.C1-X>CN-F", "CN.R1.S3.C1>CN", ()),
    ],
)
def test_where_a_subject_lies(subject: str, site: str, lies_in: tuple[str, ...]) -> None:
    assert site_of(subject) == site
    assert above(subject) == lies_in
    assert is_host(subject) == ("/" in subject)


def test_what_lies_under_something() -> None:
    assert lies_under("CN.R1.S3.C1.P2-X", "CN.R1-K")
    assert lies_under("CN.R1.S3.C1-X/h", "CN.R1.S3.C1-9")
    assert lies_under("CN.R1.S3.C1-X>CN-F", "CN.R1.S3.C1-9")
    assert not lies_under("CN.R11.S3.C1.P2-X", "CN.R1-K")


def test_a_subject_counts_unless_something_above_it_tells_the_same() -> None:
    pool, other = "CN.S1.C1.P1-A", "CN.S1.C1.P2-A"
    assert counted([pool, other]) == {pool, other}
    assert counted([pool, other, "CN.S1.C1-A"]) == {"CN.S1.C1-A"}
    assert counted([pool, "CN.S1-A", "CN.S2.C1.P1-A"]) == {"CN.S1-A", "CN.S2.C1.P1-A"}
    assert counted(["CN.R1-A", "CN-F", "CN.R1.S1.C1-A"]) == {"CN.R1-A", "CN-F", "CN.R1.S1.C1-A"}, (
        "domains tell of themselves, not of what is below them"
    )
