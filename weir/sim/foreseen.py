"""What a schedule could reach that knows every job in advance: the other end of a lower bound.

Jobs are booked from the largest to the smallest, each at the start within its patience and at the
site that are the cheapest of those with room left (`weir.scheduling.ledger`). So the long ones have
the cheap places, and short ones fill what is left between them: what nobody can do who does not
know what comes. Between this and the bound lies the best schedule that there is; what a policy pays
more than this is the price of not knowing.

Law: a site's devices are never overbooked on the average of a step. So no bound of
`weir.sim.bound`, whose blocks are whole steps, is above its price, as long as the bound lets jobs
start as late as here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

import numpy as np

from weir.scheduling.defer import loops
from weir.scheduling.ledger import Asks, Found, Rooms
from weir.sim.bound import HOUR_S, Supply, Work
from weir.sim.workload import Floats, Ints

STEP_S = 900.0
LATER = 30 * 24 * 4
"""Steps in a month: so much later a job is booked at most."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """Where and when each job is booked; `price` of all that are, `nowhere` counts the others."""

    site: Ints
    start_s: Floats
    price: float
    nowhere: int


def foreseen(work: Work, supply: Supply) -> Foreseen:
    """The plan for this work, without what `extra` and waiting cost. A job that finds no room
    within its patience starts later.
    """
    order = np.argsort(-work.devices * work.duration_s, kind="stable")
    patience = np.maximum(work.latest_s - work.earliest_s.min(axis=1), 0.0)
    horizon_s = float((work.latest_s + work.duration_s).max(initial=0.0)) + LATER * STEP_S
    rooms, klass = _rooms(work, supply, horizon_s)
    asks = Asks(
        work.earliest_s.min(axis=1)[order], patience[order], work.duration_s[order], klass[order]
    )
    jobs = len(order)
    found = Found(np.zeros(jobs), np.zeros(jobs), np.full(jobs, -1, dtype=np.int64))
    loops(asks, rooms, STEP_S).plan_starts(asks, rooms, STEP_S, 0.0, LATER, found)
    site, start = np.full(jobs, -1, dtype=np.int64), np.zeros(jobs)
    site[order], start[order] = found.room, found.booked_s
    held = site >= 0
    end = start + work.duration_s
    paid = _until(rooms.total, site[held], end[held]) - _until(rooms.total, site[held], start[held])
    return Foreseen(site, start, float(work.devices[held] @ paid), int((~held).sum()))


def _rooms(work: Work, supply: Supply, horizon_s: float) -> tuple[Rooms, Ints]:
    """The sites as rooms of the ledger, and the class of each job: its size and where it fits."""
    alike, klass = np.unique(
        np.column_stack([work.devices, work.fits]), axis=0, return_inverse=True
    )
    edges: Floats = np.arange(int(horizon_s / STEP_S) + 2, dtype=np.float64) * STEP_S
    hours = np.minimum((edges[:-1] / HOUR_S).astype(np.int64), supply.rate.shape[1] - 1)
    total = np.zeros((len(supply.devices), len(edges)))
    total[:, 1:] = np.cumsum(supply.rate[:, hours], axis=1) * STEP_S / HOUR_S
    sites, classes = len(supply.devices), len(alike)
    rooms = Rooms(
        size=supply.devices.astype(np.float64),
        total=total,
        used=np.zeros((sites, len(edges) - 1)),
        cost=np.where(alike[:, 1:] > 0, 0.0, inf),
        kw=np.ones((classes, sites)),
        width=np.repeat(alike[:, :1], sites, axis=1),
    )
    return rooms, np.asarray(klass.reshape(-1), dtype=np.int64)


def _until(total: Floats, site: Ints, at: Floats) -> Floats:
    """What a device has cost at a site from second 0 on."""
    step = np.minimum((at / STEP_S).astype(np.int64), total.shape[1] - 2)
    here = total[site, step]
    return np.asarray(here + (total[site, step + 1] - here) * (at / STEP_S - step))
