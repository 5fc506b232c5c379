"""Policies for simulations in rounds (`weir.sim.rounds`), by name; and one that knows no speeds."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from weir.scheduling.heterogeneity import assign
from weir.sim.rounds import Assign
from weir.sim.workload import Floats, Ints


def in_turn(
    remaining: Floats,
    speed: Floats,
    gang: Ints,
    weight: Floats,
    current: Ints,
    capacity: Ints,
    switch_s: float,
    round_s: float,
    /,
) -> Ints:
    """First come, first served, on the first model that a job can run on and that has room.

    Who runs stays; who waits is behind everybody who came before, and nobody overtakes. It is what
    a policy does that looks at no speed, and here to be compared with. See `Assign`.
    """
    chosen = current.copy()
    free = capacity.copy()
    for row in np.flatnonzero(current >= 0).tolist():
        free[current[row]] -= gang[row]
    able = (speed > 0) & (gang[:, None] <= capacity)
    for row in np.flatnonzero((current < 0) & able.any(axis=1)).tolist():
        places = np.flatnonzero(able[row] & (free >= gang[row]))
        if not len(places):
            break
        chosen[row] = places[0]
        free[places[0]] -= gang[row]
    return chosen


ROUND_POLICIES: Mapping[str, Assign] = {"heterogeneity": assign, "fifo": in_turn}
"""By name, as in `weir simulate gavel --policy heterogeneity,fifo`."""
