"""The reference itself, on cases small enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.plain import Job, easy, fifo, learned, mean_jct_s, mean_wait_s, sjf

POLICIES = [fifo, sjf, easy, learned]
JOBS = st.lists(
    st.builds(
        Job,
        st.integers(0, 60),
        st.integers(0, 40),
        st.integers(1, 6),
        st.none() | st.integers(0, 60),
        st.sampled_from(["ann", "ben"]),
    ),
    min_size=1,
    max_size=25,
)


def test_fifo_holds_up_who_would_fit() -> None:
    jobs = [Job(0, 10, 3), Job(1, 5, 2), Job(2, 1, 1)]
    assert fifo(jobs, 4) == [0, 10, 10]
    assert mean_wait_s(jobs, [0, 10, 10]) == pytest.approx((0 + 9 + 8) / 3)
    assert mean_jct_s(jobs, [0, 10, 10]) == pytest.approx((10 + 14 + 9) / 3)


def test_sjf_takes_the_shortest() -> None:
    assert sjf([Job(0, 10, 3), Job(1, 5, 2), Job(2, 1, 1)], 4) == [0, 10, 2]


def test_the_shortest_holds_up_longer_ones_that_would_fit() -> None:
    assert sjf([Job(0, 10, 3), Job(1, 5, 2), Job(1, 6, 1)], 4) == [0, 10, 10]


def test_equally_short_jobs_go_by_arrival() -> None:
    assert sjf([Job(0, 10, 1), Job(3, 5, 1), Job(2, 5, 1)], 1) == [0, 15, 10]


def test_ends_come_before_arrivals_and_arrivals_before_the_round() -> None:
    """At 5 the device comes free and the short job arrives: it is chosen before the long one."""
    assert sjf([Job(0, 5, 1), Job(1, 9, 1), Job(5, 1, 1)], 1) == [0, 6, 5]


@pytest.mark.parametrize("policy", POLICIES)
def test_jobs_of_no_length_pass_at_once(policy: Callable[[list[Job], int], list[int]]) -> None:
    assert policy([Job(7, 0, 4), Job(7, 0, 4), Job(7, 1, 4)], 4) == [7, 7, 7]


@pytest.mark.parametrize("policy", POLICIES)
def test_a_job_larger_than_everything(policy: Callable[[list[Job], int], list[int]]) -> None:
    with pytest.raises(ValueError, match="larger"):
        policy([Job(0, 1, 5)], 4)


def test_easy_starts_who_ends_at_the_very_second() -> None:
    """The second job waits for all 4, until 10: until then there is room for one of width 1."""
    assert easy([Job(0, 10, 3), Job(1, 5, 4), Job(2, 8, 1)], 4) == [0, 10, 2]
    assert easy([Job(0, 10, 3), Job(1, 5, 4), Job(2, 9, 1)], 4) == [0, 10, 15]


def test_easy_starts_who_takes_what_is_left_over() -> None:
    """From 10 on the second job leaves one device over: for the third, and not for the fourth."""
    jobs = [Job(0, 10, 2), Job(1, 5, 3), Job(1, 20, 1), Job(1, 20, 1)]
    assert easy(jobs, 4) == [0, 10, 1, 15]


def test_easy_counts_all_that_end_at_the_shadow_time() -> None:
    """One of the two that end at 10 is enough for the third; both together leave two devices over,
    so the fourth may take the free one at once. The fifth finds none free until 10.
    """
    jobs = [Job(0, 10, 2), Job(0, 10, 2), Job(1, 5, 3), Job(1, 20, 1), Job(1, 20, 1)]
    assert easy(jobs, 5) == [0, 0, 10, 1, 10]


def test_easy_believes_the_estimates() -> None:
    """The third would be done by 10, but its user says 100. The first says 5 and runs on to 10:
    past 5 it may end at any moment, so nobody may be put before the second.
    """
    assert easy([Job(0, 10, 3), Job(1, 5, 4), Job(2, 1, 1, 100)], 4) == [0, 10, 15]
    assert easy([Job(0, 10, 3, 5), Job(1, 5, 4), Job(6, 2, 1)], 4) == [0, 10, 15]
    assert easy([Job(0, 10, 3, 5), Job(1, 5, 4), Job(2, 2, 1)], 4) == [0, 10, 2]


def test_easy_counts_all_that_should_have_ended_by_now() -> None:
    """At 5 both running jobs are past their estimates, so both may end at any moment: the third
    needs one of them, and the fourth takes a device that will be left over.
    """
    assert easy([Job(0, 10, 2, 3), Job(0, 10, 2, 4), Job(5, 5, 3), Job(5, 20, 1)], 5) == [
        0,
        0,
        10,
        5,
    ]


def test_without_a_past_the_learned_order_is_that_of_arrival() -> None:
    jobs = [Job(0, 900, 1, user="ann"), Job(1, 500, 1, user="ben"), Job(2, 5, 1, user="cho")]
    assert learned(jobs, 1) == [0, 900, 1400]


def test_a_user_of_short_jobs_goes_first_once_that_is_known() -> None:
    past = [Job(0, 10, 1, user="ann"), Job(1, 1000, 1, user="ben")]
    jobs = [*past, Job(500, 1000, 1, user="ben"), Job(501, 10, 1, user="ann")]
    assert learned(jobs, 1) == [0, 10, 1020, 1010]


def test_a_long_job_is_overtaken_by_so_much_and_no_more() -> None:
    """One device, short jobs without a gap for hours, and a user known for longer ones."""
    past = [Job(0, 5_000, 1, user="ben"), *[Job(0, 10, 1, user="ann")] * 100]
    rush = range(10_000, 40_000, 10)
    jobs = [*past, Job(10_000, 5_000, 1, user="ben")]
    jobs += [Job(submit_s, 10, 1, user="ann") for submit_s in rush]
    waited = learned(jobs, 1)[len(past)] - 10_000
    # What it is expected to run lies between what all ran on average and what this user did.
    assert 0 < waited <= 2 * 5_000


@given(JOBS)
def test_nobody_starts_before_they_come_and_all_start(jobs: list[Job]) -> None:
    for policy in POLICIES:
        starts = policy(jobs, 6)
        assert all(start >= job.submit_s for job, start in zip(jobs, starts, strict=True))
        assert len(starts) == len(jobs)


@given(JOBS)
def test_where_each_takes_everything_easy_is_fifo(jobs: list[Job]) -> None:
    whole = [replace(job, width=6) for job in jobs]
    assert easy(whole, 6) == fifo(whole, 6)


@given(JOBS)
def test_backfill_never_delays_the_first_in_line(jobs: list[Job]) -> None:
    """With true estimates the first job that has to wait starts when it would under FIFO."""
    exact = [replace(job, estimate_s=None) for job in jobs]
    in_line = sorted(range(len(exact)), key=lambda row: (exact[row].submit_s, row))
    starts = fifo(exact, 6)
    late = [row for row in in_line if starts[row] > exact[row].submit_s]
    assert [easy(exact, 6)[row] for row in late[:1]] == [starts[row] for row in late[:1]]


@given(JOBS, st.integers(1, 1000))
def test_the_learned_order_does_not_look_ahead(jobs: list[Job], more_s: int) -> None:
    """What the job that ends last would have taken is known to nobody before it has ended."""
    starts = learned(jobs, 6)
    ends = [start + job.run_s for start, job in zip(starts, jobs, strict=True)]
    last = max(range(len(jobs)), key=lambda row: (ends[row], row))
    longer = list(jobs)
    longer[last] = replace(jobs[last], run_s=jobs[last].run_s + more_s)
    changed = learned(longer, 6)
    assert all(changed[row] == start for row, start in enumerate(starts) if start < ends[last])
