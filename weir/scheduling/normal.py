"""Devices counted by what they do: normalized performance, for shares and quotas.

A device counts as many normal devices as its dense FP16 performance is of `NORMAL_GFLOPS`; one
whose performance is not known counts as one. So a queue that holds ten slow devices holds less than
one with ten fast ones.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from weir.core.devices import Precision
from weir.scheduling.columns import PRECISIONS, PoolColumns

NORMAL_GFLOPS = 312_000
"""One normal device: the dense FP16 figure of NVIDIA's A100 data sheet."""


def speeds(columns: PoolColumns) -> Any:
    """What a device of each pool counts, in thousandths of a normal one."""
    gflops = columns.gflops[:, PRECISIONS.index(Precision.FP16)]
    return np.where(gflops > 0, gflops * 1000 // NORMAL_GFLOPS, 1000)
