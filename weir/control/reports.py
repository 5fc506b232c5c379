"""The sheet of a month for this domain, or for what lies under one of its identifiers.

The center sends it its province, and a province the nation: what it says is worked out anew from
what is stored, so that the same month gives the same sheet as long as its samples are kept.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.indicators import rows_under
from weir.control.pools_past import HELD_METRICS, held_of, means_over, notes_of
from weir.control.show import list_pools
from weir.core.errors import BadInput, Mistake, NotFound
from weir.core.identifiers import BadIdentifier, parse
from weir.core.indicator_view import Measured, Placed
from weir.core.indicators import INDICATORS
from weir.core.inventory import Pool
from weir.core.inventory_past import Notes, placed_over
from weir.core.report import (
    DAY_S,
    HOUR_S,
    Delivered,
    DowntimeNote,
    Figure,
    Merged,
    MonthReport,
    NotedGap,
    SiteSheet,
    added_up,
    by_metric,
    figure,
    measured,
    pieces,
    site_figures,
    view_over,
)
from weir.core.series import GRACE_S, Key, body_of, lies_under, site_of, start_of
from weir.store import clusters, downtimes
from weir.store import reports as rows_of
from weir.store import series as series_of
from weir.wire.pools import PoolAnswer

SETTLED_S = HOUR_S
"""A day's bucket is taken for whole this long after the day's end."""

Rows = list[tuple[int, str, str, float, int]]
"""Begin of a bucket, indicator, part, value, seconds known"""


def month_report(
    ctx: Context, month: str, zone: str = "+00:00", under: str | None = None
) -> MonthReport:
    """The sheet of a month such as `2026-10`, whose days are those of a zone such as `+08:00`.

    Of a month that is not over it goes up to the last whole hour. Raises `BadInput` for a month
    or a zone that is none, and for a month that has not begun.
    """
    begin, end, zone_s = month_span(month, zone)
    now = ctx.now()
    until = min(end, start_of(now - GRACE_S, HOUR_S))
    if until <= begin:
        raise BadInput("there is no such sheet yet", [Mistake("month", "has no whole hour yet")])
    own = ctx.domain()
    pools = list_pools(ctx)
    under = None if under is None else _place(ctx, pools, under)
    kept_from = int(now) - ctx.settings.retention_s.get(HOUR_S, 0)
    width = HOUR_S if begin >= kept_from else DAY_S
    with ctx.store.read() as tx:
        samples = _samples(tx, pieces(begin, until, until - SETTLED_S, kept_from), under)
        if under is None:
            told = _told(tx, width, begin, until)
        else:
            told = _told_under(ctx, tx, width, begin, until, under)
        gaps = series_of.gaps(tx, begin, until)
        delivered = _delivered(tx, pools, begin, until, under)
        down = downtimes.within(tx, begin, end)
        notes = notes_of(tx, begin, until, under)
    over = Over(begin, until, notes, ctx.settings.rack_w)
    figures = _figures(samples, told, over, width)
    names = {f.name for f in figures}
    return MonthReport(
        domain=own.id or "",
        domain_name=own.name,
        kind=own.kind,
        under=under,
        month=month,
        zone_s=zone_s,
        begin=begin,
        end=end,
        until=until,
        made_at=now,
        width_s=width,
        figures=tuple(figures),
        unknown=tuple(i.name for i in INDICATORS if i.name not in names),
        sites=tuple(_sites(pools, samples, over)),
        delivered=tuple(delivered),
        downtimes=tuple(
            DowntimeNote(d.site, d.begins_at, d.ends_at, d.reason, d.declared_at > d.begins_at)
            for d in down
            if under is None or lies_under(d.site, under)
        ),
        gaps=tuple(NotedGap(*gap) for gap in gaps),
    )


def month_span(month: str, zone: str) -> tuple[int, int, int]:
    """Begin and end of a month, and how far its days begin before those of UTC, in seconds."""
    mistakes = []
    if (of := re.fullmatch(r"(\d{4})-(\d{2})", month)) is None or not 1 <= int(of[2]) <= 12:
        mistakes.append(Mistake("month", f"{month[:20]!r} is no month; write it as 2026-10"))
    hours = re.fullmatch(r"([+-])(\d{2}):00", zone)
    if hours is None or int(hours[2]) > 14:
        mistakes.append(
            Mistake("zone", f"{zone[:20]!r} is no zone of whole hours; write it as +08:00")
        )
    if mistakes or of is None or hours is None:
        raise BadInput("this sheet can't be made", mistakes)
    zone_s = int(hours[1] + hours[2]) * HOUR_S
    year, number = int(of[1]), int(of[2])
    if not 1970 < year < 9999:
        raise BadInput("this sheet can't be made", [Mistake("month", "has no samples")])
    local = timezone(timedelta(seconds=zone_s))
    begin = datetime(year, number, 1, tzinfo=local)
    end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=local)
    return int(begin.timestamp()), int(end.timestamp()), zone_s


def _place(ctx: Context, pools: Sequence[PoolAnswer], asked: str) -> str:
    """The identifier that is asked for; of a site or a domain below it may be the name."""
    try:
        return parse(asked).text
    except BadIdentifier:
        pass
    with ctx.store.read() as tx:
        rows = clusters.all_clusters(tx)
    named = {p.site for p in pools if p.site_name == asked}
    named |= {r.peer_domain for r in rows if r.peer_domain and r.name == asked}
    if len(named) == 1:
        return named.pop()
    if named:
        raise BadInput(f"{asked[:60]!r} is a name of {len(named)}: {' and '.join(sorted(named))}")
    raise NotFound(f"no site or domain here is called {asked[:60]!r}; see `weir pools`")


# -- samples ---------------------------------------------------------------------------------------


def _samples(
    tx: Connection, times: Iterable[tuple[int, int, int]], under: str | None
) -> list[tuple[Key, Merged]]:
    """Every series that lies under an identifier, all its samples as one."""
    keys = {row.id: row.key for row in series_of.listed(tx, under=under)}
    found: dict[int, list[Merged]] = defaultdict(list)
    for width, begin, end in times:
        for number, merged in rows_of.merged_over(tx, width, begin, end).items():
            if number in keys:
                found[number].append(merged)
    return [(keys[number], added_up(some)) for number, some in sorted(found.items())]


def _told(tx: Connection, width: int, begin: int, until: int) -> dict[str, Rows]:
    """The totals of every indicator by hour; the parts of those that have no samples."""
    parted = [i.name for i in INDICATORS if not i.metrics]
    found: dict[str, Rows] = defaultdict(list)
    for row in rows_of.wholes_over(tx, width, start_of(begin, width), until, parted):
        found[row[1]].append(row)
    return found


def _told_under(
    ctx: Context, tx: Connection, width: int, begin: int, until: int, under: str
) -> dict[str, Rows]:
    """The same of what lies in one place."""
    found: dict[str, Rows] = defaultdict(list)
    noted = {i.name for i in INDICATORS if not i.metrics}
    for at, name, part, value, known in rows_under(
        ctx, tx, INDICATORS, under, width, start_of(begin, width), until
    ):
        if not part or name in noted:
            found[name].append((at, name, part, value, width if known is None else known))
    return found


class Over(NamedTuple):
    """What a sheet is of: its time, the pools that there were in it, a standard rack's power."""

    begin: int
    until: int
    notes: Notes
    rack_w: int

    @property
    def span_s(self) -> int:
        """How long it is."""
        return self.until - self.begin

    @property
    def placed(self) -> Placed | None:
        """Which pools there were, as far as anything was noted."""
        return placed_over(self.notes, self.begin, self.until) if self.notes else None


def _figures(
    samples: Sequence[tuple[Key, Merged]], told: dict[str, Rows], over: Over, width: int
) -> list[Figure]:
    """A figure of each indicator that anything is known of."""
    every, found, placed = by_metric(samples), [], over.placed
    for indicator in INDICATORS:
        whole = Measured(None, {})
        if indicator.metrics:
            whole = measured(indicator, every, over.span_s, placed, over.rack_w)
        line = [(float(row[0]), *row[2:]) for row in told.get(indicator.name, ())]
        if line or whole.value is not None or whole.by or whole.why:
            found.append(figure(indicator, whole, line, over.begin, over.until, width))
    return found


def _sites(
    pools: Sequence[PoolAnswer], samples: Sequence[tuple[Key, Merged]], over: Over
) -> list[SiteSheet]:
    """A sheet for each site of which anything is known, by name."""
    names = {body_of(pool.site): (pool.site, pool.site_name) for pool in pools}
    of: dict[str, list[tuple[Key, Merged]]] = defaultdict(list)
    for key, merged in samples:
        of[site_of(key.subject.partition(">")[0])].append((key, merged))
    notes: dict[str, dict[str, Sequence[tuple[int, Pool]]]] = defaultdict(dict)
    for pool, times in over.notes.items():
        notes[site_of(pool)][pool] = times
    placed = over.placed
    sheets = []
    for site in sorted((of.keys() | notes.keys()) & names.keys()):
        every = by_metric(of[site])
        view = view_over(HELD_METRICS, every, over.span_s, largest=False)
        noted = means_over(notes[site], held_of(view.readings), over.begin, over.until)
        figures = site_figures(INDICATORS, every, over.span_s, placed, over.rack_w, noted)
        if figures:
            sheets.append(SiteSheet(*names[site], figures))
    return sorted(sheets, key=lambda sheet: (sheet.name, sheet.site))


# -- what was delivered ----------------------------------------------------------------------------


def _delivered(
    tx: Connection, pools: Sequence[PoolAnswer], begin: int, until: int, under: str | None
) -> list[Delivered]:
    """Device-hours and core-hours by user, by the domain that handed a job over, and by site."""
    peers = {row.id: row.name for row in clusters.all_clusters(tx)}
    sites = {pool.id: pool.site_name for pool in pools}
    found: dict[tuple[str, str], Delivered] = {}
    for row in rows_of.held_within(tx, begin, until):
        if under is not None and not lies_under(row.pool, under):
            continue
        origin = row.origin_cluster
        whose = ("user", row.submitter) if origin is None else ("domain", peers.get(origin, origin))
        site = sites.get(row.pool) or site_of(row.pool)
        for kind, name in (whose, ("site", site)):
            so_far = found.get((kind, name)) or Delivered(kind, name, 0, 0.0, 0.0)
            found[kind, name] = _plus(so_far, row, begin, until)
    order = {"domain": 0, "user": 1, "site": 2}
    return sorted(
        found.values(), key=lambda d: (order[d.kind], -d.device_hours, -d.core_hours, d.name)
    )


def _plus(so_far: Delivered, row: rows_of.HeldRow, begin: int, until: int) -> Delivered:
    last = until if row.ended_at is None else min(until, row.ended_at)
    hours = max(0.0, last - max(begin, row.started_at)) / HOUR_S
    devices = sum(claim[2] * claim[3] for claim in row.claims) / 1000
    cores = sum(claim[0] * claim[3] for claim in row.claims) / 1000
    return replace(
        so_far,
        runs=so_far.runs + 1,
        device_hours=so_far.device_hours + hours * devices,
        core_hours=so_far.core_hours + hours * cores,
    )
