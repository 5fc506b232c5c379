"""Replay jobs on device models of different speeds, plan after plan.

What is assumed:
- A job takes `tasks` devices of one model, all or none, and keeps its whole gang while it runs.
- A start, a restart and a move from model to model each take `switch_s` seconds in which the gang
  is held and no work is done; a job that was stopped has kept all its work (a checkpoint).
- A plan is made every `round_s` seconds from second 0 on, and, unless `only_rounds`, also when a
  job comes or ends, whose devices are then free at once. With `only_rounds` (as Gavel does it) jobs
  that come wait for the next round, and devices whose job has ended stay empty until then.
- Speeds are those given, without noise, and don't depend on which hosts the devices are in.

A plan that takes more devices than there are is a fault of the policy: `AssertionError`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Protocol

import numpy as np
import numpy.typing as npt

from weir.core.errors import BadInput, Mistake
from weir.scheduling.heterogeneity import assign
from weir.sim.outcome import Outcome, SimPool
from weir.sim.workload import Floats, Ints, Workload

ROUND_S = 360.0
SWITCH_S = 20.0
# Ends nearer than this to the end of a step fall on it; times are doubles of up to some 1e9 s.
_SOON_S = 1e-6
_DEVICE_MILLI = 1000


class Assign(Protocol):
    """Who runs where until the next plan: see `weir.scheduling.heterogeneity.assign`."""

    def __call__(
        self,
        remaining: Floats,
        speed: Floats,
        gang: Ints,
        weight: Floats,
        current: Ints,
        capacity: Ints,
        switch_s: float,
        round_s: float,
        /,
    ) -> Ints: ...


def simulate_rounds(
    workload: Workload,
    speed: Floats,
    models: Sequence[str],
    capacity: Sequence[int],
    *,
    policy: str = "heterogeneity",
    by: Assign = assign,
    weight: Floats | None = None,
    round_s: float = ROUND_S,
    switch_s: float = SWITCH_S,
    only_rounds: bool = False,
    clock: Callable[[], float] = perf_counter,
) -> Outcome:
    """What comes of `workload` on `capacity` devices of each of `models`.

    `speed` [n, k] is the work per second of a job's whole gang on each model, 0 or NaN where it
    can't run; the work of a job is its `duration_s`. `pool` of the outcome is the row of the model
    where the job last ran; `lost_s` are its seconds of restarting, the first start not counted.
    Raises `BadInput`, which names every bad input.
    """
    began = clock()
    speeds = np.nan_to_num(np.asarray(speed, dtype=np.float64), nan=0.0)
    places = np.asarray(capacity, dtype=np.int64)
    _check(workload, speeds, models, places, round_s, switch_s)
    weights = np.ones(len(workload)) if weight is None else weight
    run = _Run.of(workload, speeds, weights, places)
    rounds = _replay(run, by, round_s, switch_s, only_rounds)
    nothing = np.full(len(workload), np.nan)
    return Outcome(
        policy=policy,
        workload=workload,
        pools=tuple(_pool(m, c) for m, c in zip(models, places.tolist(), strict=True)),
        start_s=run.start_s,
        end_s=run.end_s,
        busy_s=run.busy_s,
        lost_s=run.lost_s,
        pool=run.last.astype(np.int32),
        price=nothing,
        carbon_g=nothing,
        energy_wh=nothing,
        moved_bytes=np.zeros(len(workload), dtype=np.int64),
        currency="",
        wall_s=clock() - began,
        rounds=rounds,
    )


@dataclass(frozen=True, slots=True)
class _Run:
    """The state of the replay, a row a job; the arrays are changed in place.

    `current` is the model on which the job runs, -1 if none; `last` the one where it last ran;
    `unready_s` what is left of its start, `again` whether that is not its first one.
    """

    submit_s: Floats
    speed: Floats
    gang: Ints
    weight: Floats
    capacity: Ints
    remaining: Floats
    current: Ints
    last: Ints
    unready_s: Floats
    again: npt.NDArray[np.bool_]
    start_s: Floats
    end_s: Floats
    busy_s: Floats
    lost_s: Floats

    @classmethod
    def of(cls, workload: Workload, speed: Floats, weight: Floats, capacity: Ints) -> _Run:
        n = len(workload)
        none, never, zero = np.full(n, -1, dtype=np.int64), np.full(n, np.nan), np.zeros(n)
        return cls(
            submit_s=workload.submit_s,
            speed=speed,
            gang=workload.tasks,
            weight=weight,
            capacity=capacity,
            remaining=workload.duration_s.astype(np.float64),
            current=none,
            last=none.copy(),
            unready_s=zero,
            again=np.zeros(n, dtype=bool),
            start_s=never,
            end_s=never.copy(),
            busy_s=zero.copy(),
            lost_s=zero.copy(),
        )


def _replay(run: _Run, by: Assign, round_s: float, switch_s: float, only_rounds: bool) -> int:
    """Run to the end, or until nothing runs and nothing is to come; how many plans were made."""
    now, came, plans, total = 0.0, 0, 0, len(run.submit_s)
    active = np.empty(0, dtype=np.int64)
    while True:
        new = int(np.searchsorted(run.submit_s, now + _SOON_S, side="right"))
        active = np.append(active, np.arange(came, new))
        came = new
        if len(active):
            _start(run, active, by, now, switch_s, round_s)
            plans += 1
        going = active[run.current[active] >= 0]
        coming = run.submit_s[came] if came < total else math.inf
        if not len(going) and math.isinf(coming):
            return plans
        step = (math.floor(now / round_s + 1e-9) + 1) * round_s - now
        ready = run.unready_s[going] + run.remaining[going] / run.speed[going, run.current[going]]
        if not len(going):
            jump = math.ceil((coming - _SOON_S) / round_s) * round_s if only_rounds else coming
            step = max(step if only_rounds else 0.0, jump - now)
        elif not only_rounds:
            step = min(step, float(ready.min()), coming - now)
        _advance(run, going, ready, now, step)
        active = active[np.isnan(run.end_s[active])]
        now += step


def _start(
    run: _Run, active: Ints, by: Assign, now: float, switch_s: float, round_s: float
) -> None:
    """Ask for a plan, hold it against the capacity, and put it into effect."""
    chosen = by(
        run.remaining[active],
        run.speed[active],
        run.gang[active],
        run.weight[active],
        run.current[active],
        run.capacity,
        switch_s,
        round_s,
    )
    taken = np.bincount(
        chosen[chosen >= 0],
        weights=run.gang[active][chosen >= 0],
        minlength=len(run.capacity),
    )
    if (taken > run.capacity).any():
        raise AssertionError(f"the plan takes {taken} devices of {run.capacity}")
    changed = active[(chosen != run.current[active]) & (chosen >= 0)]
    run.unready_s[changed] = switch_s
    run.again[changed] = np.isfinite(run.start_s[changed])
    run.start_s[changed[~run.again[changed]]] = now
    run.current[active] = chosen
    runs = chosen >= 0
    run.last[active[runs]] = chosen[runs]


def _advance(run: _Run, going: Ints, ready: Floats, now: float, step: float) -> None:
    """Let `going` run for `step` seconds; those whose `ready` seconds are over by then end."""
    held = np.minimum(ready, step)
    starting = np.minimum(run.unready_s[going], held)
    run.lost_s[going] += np.where(run.again[going], starting, 0.0)
    run.busy_s[going] += held
    run.unready_s[going] -= starting
    run.remaining[going] -= (held - starting) * run.speed[going, run.current[going]]
    over = ready <= step + _SOON_S
    ended = going[over]
    run.end_s[ended] = now + ready[over]
    run.remaining[ended] = 0.0
    run.current[ended] = -1


def _pool(model: str, devices: int) -> SimPool:
    return SimPool(model, model, "", 0, 0, devices * _DEVICE_MILLI, model)


def _check(
    workload: Workload,
    speed: Floats,
    models: Sequence[str],
    capacity: Ints,
    round_s: float,
    switch_s: float,
) -> None:
    expected = (len(workload), len(models))
    rules = (
        ("models", len(models) == len(capacity) > 0, "need one capacity each, and at least one"),
        ("capacity", bool((capacity >= 0).all()), "must be 0 or more devices"),
        ("speed", speed.shape == expected, f"needs {expected[0]} rows and {expected[1]} columns"),
        ("speed", bool((np.isfinite(speed) & (speed >= 0)).all()), "must be 0 or more"),
        (
            "duration_s",
            bool((np.isfinite(workload.duration_s) & (workload.duration_s >= 0)).all()),
            "must be 0 or more",
        ),
        ("round_s", math.isfinite(round_s) and round_s > 0, "must be above 0"),
        ("switch_s", math.isfinite(switch_s) and switch_s >= 0, "must be 0 or more"),
    )
    wrong = [Mistake(name, what) for name, good, what in rules if not good]
    if wrong:
        raise BadInput("The jobs can't be replayed in rounds: correct these.", wrong)
