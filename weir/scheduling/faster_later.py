"""Where waiting for a faster device model ends a job sooner than a slower one that is free.

`heterogeneity.assign` supposes that what runs may be moved at the next plan, so that no device is
left idle. Where runs stay where they start, a job that takes a model on which it is a hundred times
slower is lost there. So jobs are looked at once more, in their order: each is reckoned to start on
each model when as many devices of it will be free as it asks for, counting those that jobs before
it take or wait for. One that would end sooner by waiting is kept for that model, and waits.

Laws: nobody waits for devices of which nobody knows when they come free; who would end no sooner by
waiting does not wait. Like `assign`, it looks at models as a whole and not at single pools.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from math import inf

import numpy as np

from weir.core.inventory import DEVICE_MILLI
from weir.scheduling.columns import Floats, Ints
from weir.scheduling.packing import taken_milli
from weir.scheduling.routes import PoolState


def wait_or_take(
    start: Sequence[Sequence[float]], chosen: Ints, speed: Floats, length_s: Floats, gang: Ints
) -> tuple[list[int], list[int]]:
    """The model that each job is given and the one that it is to wait for, -1 for none; not both.

    Only those are to wait that could start on another model now; the others wait anyhow.

    `start` [k] are the times at which the devices of each model come free, least first, 0 for those
    that are free now; `chosen` [n] the models that jobs are given, -1 for none; `speed` [n, k] is
    0 where a job can't run; `length_s` [n] is the length at speed 1, and jobs are in their order.
    """
    free = [list(times) for times in start]
    given, waits = [-1] * len(gang), [-1] * len(gang)
    # Who is given devices that are free now is not to lose them to who waits for more of them.
    rows = np.argsort(chosen < 0, kind="stable").tolist()
    for row in rows:
        model, width, able = int(chosen[row]), int(gang[row]), speed[row].tolist()
        begins = [_start(times, width) for times in free]
        ends = [
            begin + float(length_s[row]) / v if v > 0 else inf
            for begin, v in zip(begins, able, strict=True)
        ]
        best = min(range(len(ends)), key=ends.__getitem__)
        if model >= 0 and begins[model] == 0 and ends[model] <= ends[best]:
            best = given[row] = model
        elif begins[best] > 0 and any(
            b == 0 and e < inf for b, e in zip(begins, ends, strict=True)
        ):
            waits[row] = best
        elif model >= 0 and begins[model] == 0:
            best = given[row] = model
        if ends[best] < inf:
            _take(free[best], width, ends[best])
    return given, waits


def _start(free: Sequence[float], width: int) -> float:
    return free[width - 1] if width <= len(free) else inf


def _take(free: list[float], width: int, until: float) -> None:
    """The devices that come free first are held until then."""
    del free[:width]
    place = bisect_left(free, until)
    free[place:place] = [until] * width


def come_free(
    routes: Iterable[PoolState], model: Sequence[int], idle: Sequence[int], models: int, now: float
) -> list[list[float]]:
    """In how many seconds each whole device of each model comes free, least first.

    `model` is that of each route, -1 for none; `idle` its devices that are free now. Devices whose
    end nobody knows are left out.
    """
    found: list[list[float]] = [[] for _ in range(models)]
    for route, k, devices in zip(routes, model, idle, strict=True):
        if k < 0 or route.silent:
            continue
        found[k] += [0.0] * devices
        for claim in route.claims:
            if claim.ends_at is not None:
                held = taken_milli(claim) * claim.count // DEVICE_MILLI
                found[k] += [max(0.0, claim.ends_at - now)] * held
    return [sorted(times) for times in found]
