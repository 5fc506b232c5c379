"""What a run uses over its time: from totals that were read now and then to what it took between.

A `Use` tells how much CPU and device time a run has taken since its start, and how much memory it
holds; whoever reads it may read seldom, and a reading that is lost costs detail, never the total.

Laws:
- What nobody measured is None, never 0.
- A run is read at most so often that `DETAIL` readings fall into each doubling of its age: a run
  of a month has a few hundred of them, and a run of minutes one every few seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

EVERY_S = 5.0
"""A run is read no more often than this."""

DETAIL = 60


@dataclass(frozen=True, slots=True)
class Use:
    """A reading at a moment (seconds since 1970): totals since the start, in milliseconds of one
    core or one device, the memory in use then, and the most memory that there ever was, in bytes.
    A center's accounts tell besides how long a run took and the CPU time that it was given.
    """

    at: float
    cpu_ms: int | None = None
    memory_bytes: int | None = None
    peak_bytes: int | None = None
    device_ms: int | None = None
    elapsed_ms: int | None = None
    given_cpu_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """What was taken between a reading and the one before: cores and devices on the mean, in
    thousandths, and memory at its end.
    """

    at: float
    cpu_milli: int | None
    memory_bytes: int | None
    device_milli: int | None


@dataclass(frozen=True, slots=True)
class Whole:
    """What a run has taken in all: CPU and device time in milliseconds, memory at its most; how
    long it took and what CPU time it was given by its center's accounts.
    """

    cpu_ms: int | None
    peak_bytes: int | None
    device_ms: int | None
    elapsed_ms: int | None = None
    given_cpu_ms: int | None = None


def next_reading(started_at: float, read_at: float | None) -> float:
    """When a run is to be read again."""
    if read_at is None:
        return started_at
    return read_at + max(EVERY_S, (read_at - started_at) / DETAIL)


def steps(started_at: float | None, readings: Sequence[Use]) -> list[Step]:
    """What was taken from reading to reading, which are in the order of time.

    The first counts from the start, where that is known. A total that has fallen (its source began
    anew) tells nothing of that time.
    """
    found = []
    before = None if started_at is None else Use(started_at, 0, None, None, 0)
    for use in readings:
        if before is not None and use.at > before.at:
            span_s = use.at - before.at
            cpu = _rate(before.cpu_ms, use.cpu_ms, span_s)
            device = _rate(before.device_ms, use.device_ms, span_s)
            if (cpu, use.memory_bytes, device) != (None, None, None):
                found.append(Step(use.at, cpu, use.memory_bytes, device))
        before = use
    return found


def _rate(before: int | None, now: int | None, span_s: float) -> int | None:
    if before is None or now is None or now < before:
        return None
    return round((now - before) / span_s)


def whole(readings: Iterable[Use]) -> Whole:
    """What these readings say of the whole time: the most of each."""
    cpu, peak, device, elapsed, given = None, None, None, None, None
    for use in readings:
        cpu = _most(cpu, use.cpu_ms)
        peak = _most(_most(peak, use.peak_bytes), use.memory_bytes)
        device = _most(device, use.device_ms)
        elapsed = _most(elapsed, use.elapsed_ms)
        given = _most(given, use.given_cpu_ms)
    return Whole(cpu, peak, device, elapsed, given)


def _most(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)
