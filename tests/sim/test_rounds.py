"""The replay in rounds: when jobs start and end, what a move costs, and that nothing is lost."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.core.errors import BadInput
from weir.sim.outcome import Outcome
from weir.sim.rounds import simulate_rounds
from weir.sim.workload import Floats, Ints, Workload, workload


def jobs(work: list[float], submit: list[float] | None = None, **columns: Any) -> Workload:
    rows = len(work)
    ids = [str(i) for i in range(rows)]
    return workload("w", ids, submit_s=submit or [0.0] * rows, duration_s=work, **columns)


def replay(w: Workload, speed: list[list[float]], capacity: list[int], **more: Any) -> Outcome:
    names = [f"m{i}" for i in range(len(capacity))]
    ticks = itertools.count()
    return simulate_rounds(
        w,
        np.array(speed).reshape(len(w), -1) if speed else np.zeros((0, len(names))),
        names,
        capacity,
        clock=lambda: float(next(ticks)),
        **more,
    )


def test_a_job_takes_its_start_and_its_work() -> None:
    out = replay(jobs([1000.0]), [[2.0]], [1], switch_s=20.0)
    assert (out.start_s[0], out.end_s[0], out.busy_s[0], out.lost_s[0]) == (0, 520, 520, 0)
    assert out.pools[0].device_milli == 1000 and out.pools[0].device_model == "m0"
    assert out.wall_s == 1.0 and out.done.all()


def test_devices_are_free_at_once_or_at_the_end_of_the_round() -> None:
    two = jobs([100.0, 150.0])
    assert replay(two, [[1.0]] * 2, [1], switch_s=0.0).end_s.tolist() == [100, 250]
    late = replay(two, [[1.0]] * 2, [1], switch_s=0.0, only_rounds=True)
    assert late.end_s.tolist() == [100, 510]


def test_a_job_that_comes_in_the_middle_of_a_round() -> None:
    one = jobs([100.0, 100.0], [0.0, 500.0])
    assert replay(one, [[1.0]] * 2, [1], switch_s=0.0).start_s.tolist() == [0, 500]
    late = replay(one, [[1.0]] * 2, [1], switch_s=0.0, only_rounds=True)
    assert late.start_s.tolist() == [0, 720]


def test_a_stopped_job_keeps_its_work_and_pays_its_start_again() -> None:
    out = replay(jobs([3000.0, 400.0], [0.0, 1000.0]), [[1.0]] * 2, [1], switch_s=50.0)
    assert out.end_s.tolist() == [3000 + 400 + 3 * 50, 1450]
    assert out.lost_s.tolist() == [50, 0]
    assert out.busy_s.tolist() == [3100, 450]


def test_a_job_that_can_run_nowhere_never_starts() -> None:
    out = replay(jobs([10.0, 10.0], tasks=[3, 1]), [[1.0]] * 2, [2], switch_s=0.0)
    assert np.isnan(out.start_s[0]) and np.isnan(out.end_s[0]) and out.pool[0] == -1
    assert out.end_s[1] == 10
    nowhere = replay(jobs([10.0]), [[float("nan")]], [2])
    assert np.isnan(nowhere.end_s[0])


def test_no_jobs_and_jobs_without_work() -> None:
    assert replay(jobs([]), [], [1]).rounds == 0
    assert replay(jobs([0.0]), [[1.0]], [1], switch_s=0.0).end_s.tolist() == [0.0]


def test_a_plan_beyond_the_capacity_is_a_fault() -> None:
    def greedy(remaining: Floats, *_: Any) -> Ints:
        return np.zeros(len(remaining), dtype=np.int64)

    with pytest.raises(AssertionError, match="takes"):
        replay(jobs([1.0, 1.0]), [[1.0]] * 2, [1], by=greedy)


def test_every_bad_input_is_named() -> None:
    with pytest.raises(BadInput) as error:
        replay(jobs([1.0]), [[-1.0]], [-1], round_s=0.0, switch_s=-1.0)
    fields = {m.field for m in error.value.mistakes}
    assert fields == {"speed", "capacity", "round_s", "switch_s"}


@given(st.data())
@settings(deadline=None, max_examples=40)
def test_work_is_kept_and_devices_are_never_overrun(data: st.DataObject) -> None:
    n, k = data.draw(st.integers(1, 8)), data.draw(st.integers(1, 3))
    floats = st.floats(0.0, 3000.0)
    w = jobs(
        data.draw(st.lists(floats, min_size=n, max_size=n)),
        data.draw(st.lists(floats, min_size=n, max_size=n)),
        tasks=data.draw(st.lists(st.sampled_from([1, 2, 4]), min_size=n, max_size=n)),
    )
    row = st.lists(st.sampled_from([0.5, 1.0, 3.0]), min_size=k, max_size=k)
    speed = np.array(data.draw(st.lists(row, min_size=n, max_size=n)))
    capacity = data.draw(st.lists(st.integers(4, 6), min_size=k, max_size=k))
    switch_s, only = data.draw(st.sampled_from([0.0, 30.0])), data.draw(st.booleans())
    out = replay(w, speed.tolist(), capacity, switch_s=switch_s, only_rounds=only)
    again = replay(w, speed.tolist(), capacity, switch_s=switch_s, only_rounds=only)
    assert out.done.all() and (out.end_s == again.end_s).all()
    assert (out.start_s >= w.submit_s - 1e-6).all()
    # What was done in the time held is the job's work, at no speed beyond the least and the most;
    # a first start that was broken off was shorter than a whole one.
    worked = out.busy_s - out.lost_s - switch_s
    assert (worked <= w.duration_s / speed.min(axis=1) + switch_s + 1e-3).all()
    assert (worked >= w.duration_s / speed.max(axis=1) - switch_s - 1e-3).all()
    used = (out.busy_s * w.tasks).sum()
    assert used <= sum(capacity) * (out.end_s.max() - w.submit_s.min()) + 1e-3
