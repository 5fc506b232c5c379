"""The mix of tasks that the fragmentation rule expects, from classes and how often each comes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from weir.scheduling.encode import Class
from weir.scheduling.fragmentation import Mix, mix_of
from weir.scheduling.packing import taken_milli


def expected_mix(classes: Sequence[Class], frequency: Sequence[float], pools: int) -> Mix | None:
    """The mix of the tasks of these classes; None if no task wants a device.

    `frequency` counts jobs of each class: a gang counts as many tasks as it has.
    """
    cpu, memory, milli, often, suits = [], [], [], [], []
    for klass, jobs in zip(classes, frequency, strict=True):
        for claim in klass.variants[0]:
            cpu.append(claim.cpu_milli)
            memory.append(claim.memory_bytes)
            milli.append(taken_milli(claim))
            often.append(float(jobs * claim.count))
            suits += (np.asarray(klass.judgment.suits).astype(int)).tolist()
    if not any(m and n for m, n in zip(milli, often, strict=True)):
        return None
    return mix_of(cpu, memory, milli, often, suits, pools)
