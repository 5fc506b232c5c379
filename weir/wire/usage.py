"""What runs use: as agents tell it, as a link hears it, and as a server shows it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from weir.wire.base import Answer, Wire
from weir.wire.pools import Count

MAX_USES = 2000
"""Most readings in one call."""


class RunUse(Wire):
    """A reading of a run: totals since its start, in milliseconds of one core or device; bytes.

    What the resource manager does not tell is null. `elapsed_ms` and `given_cpu_ms` are from its
    accounts: how long the run took, and the time of all CPUs that it was given.
    """

    run: Annotated[str, Field(max_length=60)]
    at: float
    cpu_ms: Count | None = None
    memory_bytes: Count | None = None
    peak_bytes: Count | None = None
    device_ms: Count | None = None
    elapsed_ms: Count | None = None
    given_cpu_ms: Count | None = None


class UsesAnswer(Answer):
    """Readings of the runs that a link handed over; `after` is what to ask from the next time."""

    uses: tuple[RunUse, ...] = ()
    after: int
    more: bool = False
    server_time: float


class UsePoint(Answer):
    """What was in use up to a moment: cores and devices in thousandths, on the mean; bytes."""

    at: float
    cpu_milli: int | None
    memory_bytes: int | None
    device_milli: int | None


class RunUsageAnswer(Answer):
    """One run: what it holds, what it took over its time, and in all.

    `held_` is what is kept free for it; `cpu_ms` and `device_ms` are milliseconds of one core and
    of one device. `elapsed_ms` and `given_cpu_ms` are what the center's accounts say. `points` is
    empty where nothing was measured.
    """

    run: str
    pool: str
    started_at: float | None
    ended_at: float | None
    held_cpu_milli: int
    held_memory_bytes: int
    held_device_milli: int
    cpu_ms: int | None
    peak_memory_bytes: int | None
    device_ms: int | None
    elapsed_ms: int | None = None
    given_cpu_ms: int | None = None
    points: tuple[UsePoint, ...]


class JobUsageAnswer(Answer):
    """What a job's runs used, oldest run first."""

    job: str
    runs: tuple[RunUsageAnswer, ...]
