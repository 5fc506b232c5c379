"""The pools that there were: noted when they change, read back as inventory of a time that was."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import fsum

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.network import load_network
from weir.core.indicator_view import Measured, Placed, PoolNow, Readings, View, placed, plain
from weir.core.indicators import INDICATORS, Indicator
from weir.core.inventory import Pool
from weir.core.inventory_past import (
    NOTED_S,
    Notes,
    pool_then,
    record_of,
    stretches,
    with_held,
)
from weir.core.series import body_of, start_of
from weir.store import pool_past
from weir.store.pool_past import NoteRow

HELD = ("devices_allocated", "cpu_allocated", "performance_in_use")
"""Indicators of inventory that also need what is held: of the past that is known from samples."""

HELD_METRICS = ("device_milli_held", "cpu_milli_held")

OF_DOMAINS = ("jobs", "pools_silent")
"""Indicators of inventory of which nothing is noted of single places."""

NOTED = tuple(i for i in INDICATORS if not i.metrics and i.name not in (*HELD, *OF_DOMAINS))
"""Indicators that notes of pools are enough for."""

FROM_HELD = tuple(i for i in INDICATORS if i.name in HELD)


def note_pools(ctx: Context, pools: Iterable[PoolNow]) -> int:
    """Note which pools are others than before; gives how many. Again changes nothing."""
    at, known = start_of(ctx.now(), NOTED_S), ctx.caches.noted
    if not known:
        with ctx.store.read() as tx:
            for row in pool_past.read(tx, at + 1, at + 1):
                known[row.pool] = row.hosts, row.record
    now = {n.pool.id: (n.pool.hosts, record_of(n)) for n in pools}
    gone = {
        pool: (0, dict[str, object]()) for pool, of in known.items() if pool not in now and of[0]
    }
    changed = {pool: of for pool, of in {**gone, **now}.items() if known.get(pool) != of}
    if changed:
        with ctx.store.write() as tx:
            pool_past.put(tx, [NoteRow(pool, at, *of) for pool, of in sorted(changed.items())])
        known.update(changed)
    return len(changed)


def forget_notes(ctx: Context) -> None:
    """Throw away what was before the time of which anything is kept."""
    kept = max(ctx.settings.retention_s.values())
    with ctx.store.write() as tx:
        pool_past.forget_before(tx, int(ctx.now()) - kept)


def notes_of(tx: Connection, begin: int, end: int, under: str | None = None) -> Notes:
    """What is noted of the pools that lie in `under`, or of all, within [begin, end)."""
    found: dict[str, list[tuple[int, Pool]]] = defaultdict(list)
    for row in pool_past.read(tx, begin, end, under):
        found[row.pool].append((row.at, pool_then(row.pool, row.hosts, row.record)))
    return found


def placed_now(ctx: Context, tx: Connection) -> Placed:
    """Which pools there are now, below this domain."""
    return placed(s.pool for s in load_network(ctx, tx, ctx.now()).pools_below())


Held = Mapping[str, Mapping[str, float]]
"""Pool (body) -> metric -> its mean."""


def held_of(readings: Readings) -> dict[str, dict[str, float]]:
    """What resource managers say is held, by pool."""
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for metric in HELD_METRICS:
        for (subject, _), value in readings.get(metric, {}).items():
            found[body_of(subject)][metric] = value
    return found


def of_pools(indicator: Indicator, pools: Sequence[Pool], held: Held) -> Measured:
    """An indicator of inventory, of these pools."""
    if indicator.name in HELD:
        return indicator.measure(View(with_held(pools, held), {}))
    return indicator.measure(View([PoolNow(pool, (), silent=False) for pool in pools], {}))


def means_over(notes: Notes, held: Held, begin: int, end: int) -> dict[str, tuple[Measured, float]]:
    """Every indicator of inventory over [begin, end), by name, with the share of it that is known.

    What stood for half of the known time counts half. Without any pool nothing is known.
    """
    pieces = [piece for piece in stretches(notes, begin, end) if piece[2]]
    seconds = sum(until - at for at, until, _ in pieces)
    if not seconds:
        return {}
    values: dict[str, list[float]] = defaultdict(list)
    parts: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for at, until, pools in pieces:
        share = (until - at) / seconds
        for indicator in NOTED:
            told = of_pools(indicator, pools, held)
            if told.value is not None:
                values[indicator.name].append(told.value * share)
            for part, value in told.by.items():
                if value is not None:
                    parts[indicator.name][part].append(value * share)
    found = {
        i.name: Measured(
            plain(fsum(values[i.name])) if i.name in values else None,
            {part: plain(fsum(some)) for part, some in parts[i.name].items()},
        )
        for i in NOTED
    }
    newest = {pool.id: pool for _, _, pools in pieces for pool in pools}
    found |= {i.name: of_pools(i, list(newest.values()), held) for i in FROM_HELD}
    return {name: (told, seconds / (end - begin)) for name, told in found.items()}
