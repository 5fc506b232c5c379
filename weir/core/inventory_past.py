"""What pools were: inventory is not measured, so of the past there is only what was noted.

Laws:
- A note says what a pool was from a time on, until the next note of it; without hosts it was gone.
- Times are those of quarters of an hour (`NOTED_S`): of several changes within one the last stands.
  So a pool has at most 96 notes a day, and one that does not change has a single one.
- Before its first note nothing is known of a pool: it is taken for not there.
- What of a pool changes with every job (what is left free) is no inventory: it is measured.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from weir.core.indicator_inventory import CIRCLES_MS
from weir.core.indicator_view import Placed, PoolNow
from weir.core.inventory import FreeShape, HostShape, Pool
from weir.core.series import body_of, site_of

NOTED_S = 900
"""Notes are of quarters of an hour."""

Notes = Mapping[str, Sequence[tuple[int, Pool]]]
"""Pool -> (from when, what it was) by time; the pools have what a note keeps, nothing free."""


def record_of(now: PoolNow) -> dict[str, Any]:
    """What is noted of a pool. Of its round trip only the latency circle, for it never stands."""
    pool = now.pool
    return {
        "cpu_milli": pool.shape.cpu_milli,
        "memory_bytes": pool.shape.memory_bytes,
        "devices": pool.shape.devices,
        "model": pool.device_model,
        "emulated": pool.emulated,
        "circle_ms": circle_ms(pool.latency_us),
        "measured": [list(figure) for figure in pool.measured_gflops],
    }


def circle_ms(latency_us: int | None) -> int | None:
    """The smallest circle that a round trip fits into; 0 beyond all, None if it is unknown."""
    if latency_us is None:
        return None
    return next((ms for ms in CIRCLES_MS if latency_us <= ms * 1000), 0)


def pool_then(pool: str, hosts: int, record: Mapping[str, Any]) -> Pool:
    """A pool as it was noted."""
    circle = record.get("circle_ms")
    beyond = CIRCLES_MS[-1] + 1
    site = site_of(pool)
    return Pool(
        id=pool,
        name="",
        cluster="",
        site=site,
        site_name="",
        hosts=hosts,
        shape=HostShape(
            record.get("cpu_milli", 0), record.get("memory_bytes", 0), record.get("devices", 0)
        ),
        free=(),
        device_model=record.get("model"),
        emulated=bool(record.get("emulated")),
        latency_us=None if circle is None else (circle or beyond) * 1000,
        measured_gflops=tuple((str(p), int(g)) for p, g in record.get("measured", ())),
    )


def at_time(notes: Notes, at: float) -> list[Pool]:
    """The pools that there were at a moment."""
    found = []
    for times in notes.values():
        place = bisect_right(times, at, key=lambda note: note[0]) - 1
        if place >= 0 and times[place][1].hosts > 0:
            found.append(times[place][1])
    return found


def stretches(notes: Notes, begin: int, end: int) -> list[tuple[int, int, list[Pool]]]:
    """[begin, end) in pieces within which nothing changed, each with the pools that there were."""
    changes = {at for times in notes.values() for at, _ in times if begin < at < end}
    edges = [begin, *sorted(changes), end]
    return [(a, b, at_time(notes, a)) for a, b in pairwise(edges) if a < b]


def first_noted(notes: Notes) -> int | None:
    """Since when anything is known."""
    return min((times[0][0] for times in notes.values() if times), default=None)


def placed_over(notes: Notes, begin: int, end: int) -> Placed:
    """Which pools had hosts within [begin, end), and for which share of it."""
    hosting: dict[str, dict[str, float]] = {}
    models: dict[str, str] = {}
    for pool, times in notes.items():
        seconds = 0
        for place, (at, then) in enumerate(times):
            until = times[place + 1][0] if place + 1 < len(times) else end
            seconds += max(0, min(until, end) - max(at, begin)) * (then.hosts > 0)
            if then.device_model is not None and at < end:
                models[body_of(pool)] = then.device_model
        if seconds and end > begin:
            hosting.setdefault(site_of(pool), {})[body_of(pool)] = seconds / (end - begin)
    return Placed(hosting, models)


def with_held(pools: Iterable[Pool], held: Mapping[str, Mapping[str, float]]) -> list[PoolNow]:
    """Pools with what resource managers said was held of them; those of which they said nothing are
    left out. `held`: pool (body) -> metric -> mean value.
    """
    found = []
    for pool in pools:
        told = held.get(body_of(pool.id), {})
        devices, cpu = told.get("device_milli_held"), told.get("cpu_milli_held")
        if cpu is None or (devices is None and pool.devices):
            continue
        left = FreeShape(
            cpu_milli=max(0, pool.hosts * pool.shape.cpu_milli - round(cpu)),
            memory_bytes=0,
            devices=((max(0, pool.devices * 1000 - round(devices or 0)), 1),),
            hosts=1,
        )
        found.append(PoolNow(pool, (left,), silent=False))
    return found
