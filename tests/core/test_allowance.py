from hypothesis import given
from hypothesis import strategies as st

from weir.core.allowance import Allowance


def test_what_is_seldom_waits_for_nothing() -> None:
    allowance = Allowance(most=3, per_s=2)
    for second in range(100, 130):
        assert allowance.wait_s(second) == 0
        allowance.spend(second)


def test_a_burst_goes_at_once_and_then_one_after_the_other() -> None:
    allowance = Allowance(most=3, per_s=2)
    for _ in range(3):
        assert allowance.wait_s(100) == 0
        allowance.spend(100)
    assert allowance.wait_s(100) == 0.5
    assert allowance.wait_s(100.25) == 0.25
    assert allowance.wait_s(100.5) == 0
    allowance.spend(100.5)
    assert allowance.wait_s(100.5) == 0.5


def test_what_was_done_all_the_same_is_not_held_against_it_for_long() -> None:
    allowance = Allowance(most=3, per_s=2)
    for _ in range(50):
        allowance.spend(100)
    assert allowance.wait_s(100) == 0.5


def test_what_is_dear_is_done_less_often_for_as_long_as_it_goes_on() -> None:
    allowance, now, done = Allowance(most=8, per_s=4), 100.0, 0
    while now < 130:
        now += allowance.wait_s(now)
        allowance.spend(now, 3)
        done += 1
    assert 40 <= done <= 44, "4 a second, each of which counts as three"
    assert allowance.wait_s(now) == 0.75
    assert allowance.wait_s(now + 0.75) == 0


@given(st.lists(st.floats(0, 10), max_size=60), st.floats(1, 20), st.floats(0.1, 50))
def test_who_waits_never_does_it_more_often_than_allowed(
    pauses: list[float], most: float, per_s: float
) -> None:
    allowance, now, done = Allowance(most, per_s), 1000.0, list[float]()
    for pause in pauses:
        now += pause
        now += allowance.wait_s(now)
        allowance.spend(now)
        done.append(now)
    for first, begin in enumerate(done):
        for last, end in enumerate(done[first:]):
            assert last + 1 <= most + 1 + (end - begin) * per_s + 1e-6
