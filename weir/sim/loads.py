"""Demand over supply: how much is wanted of a site, as a share of what it has.

Laws:
- Demand is what the jobs of a site would use if each started as soon as it was wanted: a job counts
  with its devices from the moment it was wanted for as long as it runs, whether it ran then, later
  or never. So a queue shows as a load above 1, and a load of 1 is a site wholly used.
- A job is wanted from its submission on; a deferrable one that started within its patience from its
  start on, and one that started after it from the end of its patience on.
- A job belongs to the site where it ran; one that never ran to its home.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from weir.core.inventory import DEVICE_MILLI
from weir.sim.workload import Floats, Ints, Workload

Bools = npt.NDArray[np.bool_]


def devices_of(load: Workload) -> Floats:
    """Devices that each job holds, of all its tasks."""
    return np.asarray(load.tasks * load.device_milli / DEVICE_MILLI)


def wanted_s(load: Workload, start_s: Floats) -> Floats:
    """When each job was wanted; `start_s` is NaN for those that never started."""
    until = load.submit_s + load.patience_s
    return np.where(np.isnan(start_s), load.submit_s, np.clip(start_s, load.submit_s, until))


def demand(
    wanted: Floats, duration_s: Floats, devices: Floats, group: Ints, groups: int, edges_s: Floats
) -> Floats:
    """Device-seconds by (window, group); window w lies between `edges_s[w]` and `edges_s[w + 1]`.

    Groups are sites, or classes of jobs: a number from 0 for each job. Edges rise.
    """
    until = [
        np.bincount(group, devices * np.clip(edge - wanted, 0.0, duration_s), groups)
        for edge in edges_s.tolist()
    ]
    return np.diff(np.array(until), axis=0)


def days(load: Workload, day_s: float = 86400.0) -> Floats:
    """Edges of the whole days from the first submission to the last; at least one day."""
    last = float(load.submit_s[-1]) if len(load) else 0.0
    return np.arange(max(1, int(last // day_s)) + 1, dtype=np.float64) * day_s


def span(load: Workload) -> Floats:
    """Edges of the one window from the first submission to the last."""
    last = float(load.submit_s[-1]) if len(load) else 0.0
    return np.array([0.0, last if last > 0 else 1.0])


def over_supply(demand_s: Floats, devices: Floats, edges_s: Floats) -> Floats:
    """Load by (window, site): demand over what the site has; infinite where it has nothing."""
    supply = np.diff(edges_s)[:, None] * devices[None, :]
    none = np.where(demand_s > 0, np.inf, 0.0)
    return np.where(supply > 0, demand_s / np.maximum(supply, 1e-300), none)


def suffices(demand_s: Floats, devices: Floats, edges_s: Floats) -> Bools:
    """Windows in which all sites together have as much as is wanted of them."""
    return np.asarray(demand_s.sum(axis=1) <= np.diff(edges_s) * devices.sum())
