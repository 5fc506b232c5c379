"""Demand: the accelerators that waiting jobs ask for, as one of the domain's own samples.

A job waits at one domain at a time, so demand adds up over domains.
"""

from __future__ import annotations

import math

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.line import demands_of
from weir.core.demand import Demand
from weir.core.inventory import DEVICE_MILLI
from weir.store import jobs


def devices_wanted(ctx: Context, tx: Connection) -> float:
    """In whole accelerators, of any model."""
    waiting = jobs.waiting_by_shape(tx)
    demands = demands_of(ctx, tx, set(waiting))
    return (
        math.fsum(number * _milli(demands[key]) for key, number in waiting.items()) / DEVICE_MILLI
    )


def _milli(demand: Demand) -> int:
    """A group whose number of tasks follows from a performance has none yet: it counts as one."""
    return sum(
        max(1, group.count) * group.device.milli
        for group in demand.groups
        if group.device is not None
    )
