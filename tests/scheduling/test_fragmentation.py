"""Placing with least waste: stories, and properties against loss written out device by device."""

from dataclasses import dataclass, replace
from functools import cache
from math import floor, inf, isclose
from types import SimpleNamespace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from weir.scheduling import fragmentation
from weir.scheduling.compiled import compile_modules
from weir.scheduling.fragmentation import (
    SCARCE,
    STARVED,
    Mix,
    added_waste,
    cost,
    expected_waste,
    free_devices,
    mix_of,
    starved,
    starved_now,
)

WIDTH = 3
MANY = 10**9


@dataclass(frozen=True)
class Task:
    cpu: int
    memory: int
    milli: int
    pools: tuple[int, ...] = (1, 1)


@dataclass(frozen=True)
class Host:
    """What is free: `rests` are the devices that are open for shares, -1 for a slot not in use."""

    cpu: int
    memory: int
    whole: int
    rests: tuple[int, ...] = (-1,) * WIDTH
    pool: int = 0


def mix(*classes: tuple[Task, float]) -> Mix:
    tasks = [task for task, _ in classes]
    return mix_of(
        [t.cpu for t in tasks],
        [t.memory for t in tasks],
        [t.milli for t in tasks],
        [frequency for _, frequency in classes],
        [suit for t in tasks for suit in t.pools],
        2,
    )


def judged(task: Task, host: Host, expected: Mix) -> tuple[float, int]:
    """`cost` with the host's slots in the middle of a longer column."""
    share = [-1] * WIDTH + list(host.rests) + [500] * WIDTH
    now = starved_now(
        host.cpu, host.memory, host.whole, share, WIDTH, WIDTH, host.pool, expected
    )  # fmt: skip
    asked = (task.cpu, task.memory, task.milli)
    left = (host.cpu, host.memory, host.whole)
    return cost(*asked, *left, share, WIDTH, WIDTH, host.pool, now, expected)


def after(task: Task, host: Host, slot: int) -> Host:
    """The host with the task on it, as the kernel books it."""
    rests, whole = list(host.rests), host.whole
    if task.milli >= 1000:
        whole -= task.milli // 1000
    elif task.milli > 0 and slot >= 0:
        rests[slot] -= task.milli
    elif task.milli > 0:
        whole -= 1
        rests[rests.index(-1)] = 1000 - task.milli
    return replace(
        host,
        cpu=host.cpu - task.cpu,
        memory=host.memory - task.memory,
        whole=whole,
        rests=tuple(rests),
    )


def fits(task: Task, host: Host) -> bool:
    if task.cpu > host.cpu or task.memory > host.memory or not task.pools[host.pool]:
        return False
    if task.milli >= 1000:
        return host.whole * 1000 >= task.milli
    return host.whole > 0 or any(rest >= task.milli for rest in host.rests) or not task.milli


def loss(host: Host, classes: list[tuple[Task, float]]) -> float:
    """The formula of the module's docstring, as it stands there."""
    wanting = [(task, often) for task, often in classes if task.milli > 0 and often > 0]
    total = sum(often for _, often in wanting)
    devices = [1000] * host.whole + [rest for rest in host.rests if rest > 0]
    lost = sum(waste_slowly(tuple((t.milli, o) for t, o in wanting), left) for left in devices)
    for task, often in wanting:
        if not task.pools[host.pool]:
            continue
        tasks = min(
            host.cpu / task.cpu if task.cpu else inf,
            host.memory / task.memory if task.memory else inf,
        )
        if tasks < inf:
            usable = task.milli * (tasks + floor(tasks)) / 2
            lost += STARVED * often / total * max(0.0, sum(devices) - usable)
    return lost


@cache
def waste_slowly(classes: tuple[tuple[int, float], ...], left: int) -> float:
    shares = sum(often for milli, often in classes if milli < 1000)
    fitting = sum(often for milli, often in classes if milli <= left)
    if fitting == 0:
        return float(left)
    filled = 1 / (1 + (SCARCE * shares / fitting) ** 8)
    mean = sum(o * waste_slowly(classes, left - n) for n, o in classes if n <= left) / fitting
    return (1 - filled) * left + filled * mean


AMOUNTS = st.integers(0, 12)
TASKS = st.builds(
    Task,
    AMOUNTS,
    AMOUNTS,
    st.sampled_from([0, 50, 160, 320, 470, 810, 999, 1000, 2000]),
    st.sampled_from([(1, 1), (1, 0), (0, 1)]),
)
HOSTS = st.builds(
    Host,
    st.integers(0, 40),
    st.integers(0, 40),
    st.integers(0, WIDTH),
    st.tuples(st.sampled_from([-1, 0, 190, 530, 900]), st.just(-1), st.just(-1)),
    st.sampled_from([0, 1]),
)
CLASSES = st.lists(st.tuples(TASKS, st.sampled_from([0.0, 0.5, 3.0, 40.0])), max_size=4)


def small_enough(host: Host) -> Host:
    """No more devices than slots, so that every one can be opened."""
    return replace(host, whole=min(host.whole, WIDTH - sum(rest >= 0 for rest in host.rests)))


def test_a_small_rest_is_lost_unless_small_tasks_are_frequent() -> None:
    often: list[float] = [0.0] * 1001
    expected_waste([810, 190, 1000], [0.5, 0.3, 0.2], often)
    seldom: list[float] = [0.0] * 1001
    expected_waste([810, 190, 1000], [0.799, 0.001, 0.2], seldom)
    assert often[190] < 1
    assert seldom[190] > 189
    assert often[1000] < seldom[1000]


def test_without_a_mix_every_rest_is_lost() -> None:
    waste: list[float] = [0.0] * 1001
    expected_waste([], [], waste)
    assert waste == [float(left) for left in range(1001)]


def test_whole_tasks_waste_nothing_and_fill_no_rest() -> None:
    waste: list[float] = [0.0] * 1001
    expected_waste([1000], [1.0], waste)
    assert waste[1000] == 0
    assert waste[999] == 999


def test_a_share_fills_the_rest_that_it_fits_exactly() -> None:
    expected = mix((Task(0, 0, 470), 5.0), (Task(0, 0, 530), 5.0))
    snug = Host(MANY, MANY, 2, (530, 470, -1))
    assert judged(Task(0, 0, 470), snug, expected)[1] == 1


def test_a_device_is_opened_only_where_it_must_be() -> None:
    expected = mix((Task(0, 0, 810), 1.0), (Task(0, 0, 1000), 5.0))
    assert judged(Task(0, 0, 200), Host(MANY, MANY, 1, (190, -1, -1)), expected)[1] == -1
    assert judged(Task(0, 0, 190), Host(MANY, MANY, 1, (190, -1, -1)), expected)[1] == 0


def test_equal_waste_goes_to_the_open_and_fullest_device() -> None:
    flat = [0.0] * 1001
    assert added_waste(100, 1, [900, 300, 600], 0, 3, flat) == (0.0, 1)
    assert added_waste(950, 1, [900, 300, 600], 0, 3, flat) == (0.0, -1)


def test_a_share_that_fits_no_device_costs_infinity() -> None:
    expected = mix((Task(1, 1, 470), 1.0))
    assert judged(Task(1, 1, 470), Host(9, 9, 0, (469, -1, -1)), expected) == (inf, -1)


def test_tasks_without_devices_go_where_cpu_is_plenty() -> None:
    expected = mix((Task(12, 1, 1000), 1.0))
    task = Task(12, 1, 0)
    rich = Host(104, MANY, 2)
    exact = Host(24, MANY, 2)
    used_up = Host(24, MANY, 0)
    assert judged(task, rich, expected)[0] == 0
    assert judged(task, used_up, expected)[0] == 0
    assert isclose(judged(task, exact, expected)[0], STARVED * 1000)


def test_memory_starves_as_cpu_does() -> None:
    expected = mix((Task(1, 12, 1000), 1.0))
    assert starved(MANY, 12, 2000, 0, expected) == starved(1, MANY, 2000, 0, expected) == 1000


def test_classes_that_may_not_run_in_the_pool_starve_nothing() -> None:
    expected = mix((Task(12, 1, 1000, (0, 1)), 1.0))
    assert starved(0, 0, 1000, 0, expected) == 0
    assert starved(0, 0, 1000, 1, expected) == 1000


def test_free_devices_counts_whole_ones_and_rests_but_no_unused_slots() -> None:
    assert free_devices(2, [7, -1, 530, 0], 1, 3) == 2530


def test_the_mix_leaves_out_what_asks_for_no_device_or_never_comes() -> None:
    made = mix((Task(1, 1, 0), 5.0), (Task(2, 2, 500), 3.0), (Task(3, 3, 1000), 0.0))
    assert (made.cpu, made.milli, made.weight) == ([2], [500], [1.0])


@given(TASKS, HOSTS, CLASSES)
def test_cost_is_the_difference_of_losses_and_the_slot_the_best_one(
    task: Task, host: Host, classes: list[tuple[Task, float]]
) -> None:
    host = small_enough(host)
    if not fits(task, host):
        return
    score, slot = judged(task, host, mix(*classes))
    ways = [-1]
    if 0 < task.milli < 1000:
        ways = [k for k, rest in enumerate(host.rests) if rest >= task.milli]
        ways += [-1] if host.whole else []
    before = loss(host, classes)
    costs = {way: loss(after(task, host, way), classes) - before for way in ways}
    assert isclose(score, min(costs.values()), abs_tol=1e-6)
    assert isclose(costs[slot], min(costs.values()), abs_tol=1e-6)


@given(st.lists(TASKS, max_size=30), st.lists(HOSTS, min_size=1, max_size=4), CLASSES)
def test_a_stream_never_goes_over_capacity_and_leaves_out_only_what_fits_nowhere(
    tasks: list[Task], hosts: list[Host], classes: list[tuple[Task, float]]
) -> None:
    expected = mix(*classes)
    hosts = [small_enough(host) for host in hosts]
    for task in tasks:
        scores = [judged(task, h, expected) if fits(task, h) else (inf, -1) for h in hosts]
        if not any(fits(task, h) for h in hosts):
            continue
        best = min(range(len(hosts)), key=lambda e: (scores[e][0], e))
        assert scores[best][0] < inf
        was = hosts[best]
        hosts[best] = now = after(task, was, scores[best][1])
        assert min(now.cpu, now.memory, now.whole, *now.rests) >= -1
        assert min(now.cpu, now.memory, now.whole) >= 0
        assert all(rest >= 0 for rest, old in zip(now.rests, was.rests, strict=True) if old >= 0)
        gone = devices_free(was) - devices_free(now)
        assert gone == task.milli


def devices_free(host: Host) -> int:
    return host.whole * 1000 + sum(rest for rest in host.rests if rest > 0)


@given(CLASSES)
def test_waste_lies_between_nothing_and_all(classes: list[tuple[Task, float]]) -> None:
    waste = mix(*classes).waste
    assert all(0 <= lost <= left + 1e-9 for left, lost in enumerate(waste))


@cache
def compiled() -> SimpleNamespace:
    return compile_modules(fragmentation)


@settings(deadline=None, max_examples=50)
@given(TASKS, HOSTS, CLASSES)
def test_compiled_says_the_same(task: Task, host: Host, classes: list[tuple[Task, float]]) -> None:
    host = small_enough(host)
    if not fits(task, host):
        return
    plain = mix(*classes)
    arrays = Mix(
        np.array(plain.cpu, dtype=np.int64),
        np.array(plain.memory, dtype=np.int64),
        np.array(plain.milli, dtype=np.int64),
        np.array(plain.weight, dtype=np.float64),
        np.array(plain.suits, dtype=np.int64),
        np.zeros(1001),
        plain.pools,
        plain.classes,
    )
    compiled().expected_waste(arrays.milli, arrays.weight, arrays.waste)
    assert list(arrays.waste) == plain.waste
    share = np.array(host.rests, dtype=np.int64)
    state = (host.cpu, host.memory, host.whole, share, 0, WIDTH, host.pool)
    now = compiled().starved_now(*state, arrays)
    asked = (task.cpu, task.memory, task.milli)
    assert compiled().cost(*asked, *state, now, arrays) == judged(task, host, plain)
