"""When a replay's deferrable jobs start: as `weir.scheduling.defer` decides it in a server.

Each is decided when it comes, with curves and expected lengths taken at their word. Of jobs that
have not come yet nothing is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from weir.core.inventory import Pool
from weir.scheduling import rank
from weir.scheduling.defer import known, lay_out, loops
from weir.scheduling.encode import Class
from weir.scheduling.energy import Energy
from weir.scheduling.ledger import GAIN, LATER, MOST_STEPS, Asks, Found
from weir.scheduling.policy import Policy
from weir.sim.workload import Floats, Workload


def shifted(
    load: Workload,
    policy: Policy,
    pools: Sequence[Pool],
    energy: Mapping[str, Energy],
    classes: Sequence[Class],
    klass: Any,
    kw: Floats,
) -> Floats:
    """When each job becomes eligible, in seconds; for one that can't wait, when it may start.

    `klass` is the class of each job, `kw` (class, pool) what such a job draws.
    """
    eligible = load.ready_s
    if not len(load) or not pools:
        return eligible
    finite = load.expected_s[np.isfinite(load.expected_s)]
    longest = float(finite.max(initial=0.0))
    patience = float(min(load.patience_s.max(), MOST_STEPS * 3600.0))
    horizon = float(load.submit_s[-1]) + patience + longest
    sizes = [rank.size(p) for p in pools]
    laid = lay_out(policy, pools, sizes, energy, classes, known(kw), horizon)
    rooms, step_s = laid.rooms, laid.step_s
    asks = Asks(
        submit_s=eligible.copy(),
        patience_s=np.maximum(0.0, load.patience_s - load.start_after_s),
        length_s=np.where(np.isfinite(load.expected_s), load.expected_s, horizon),
        klass=np.asarray(klass, dtype=np.int64),
    )
    found = Found(eligible, eligible.copy(), np.full(len(load), -1, dtype=np.int64))
    loops(asks, rooms, step_s).plan_starts(asks, rooms, step_s, GAIN, LATER, found)
    return eligible
