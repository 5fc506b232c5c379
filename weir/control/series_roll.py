"""Roll up: buckets that have ended become wider ones, totals of indicators, and news for above.

One transaction a bucket of time; a note says which are due, and is taken away first, so that what
comes meanwhile notes it again. Nothing here adds to what stands: all is worked out anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.demand import devices_wanted
from weir.control.measure import view_of
from weir.control.pools_past import forget_notes, note_pools, placed_now
from weir.control.series import OFFERED, closed_before
from weir.core.indicator_readings import Total, flat, view_at
from weir.core.indicator_view import RACK_W, Placed
from weir.core.indicators import INDICATORS
from weir.core.lifecycle import JOB_ACTIVE
from weir.core.series import WIDTHS, Key, start_of
from weir.core.sketch import sketch
from weir.store import series as rows_of
from weir.store.jobs import by_state
from weir.store.series_jobs import delays_within, ended_within, waits_within
from weir.store.series_totals import (
    forget_news,
    forget_totals_before,
    put_news,
    put_totals,
)

AT_ONCE = 60
"""Buckets of one width that one call works off."""

LATE_MINUTES = 4


def roll_up(ctx: Context) -> int:
    """Work off what is due; gives how many buckets of time were rolled up."""
    done, keys = 0, Keys(ctx)
    for narrow, wide in pairwise(WIDTHS):
        for at in _due(ctx, wide):
            done += 1
            with ctx.store.write() as tx:
                # Taken in the transaction that works it off: what comes later notes it again.
                if rows_of.take_due(tx, wide, at):
                    rows_of.roll(tx, narrow, wide, at)
                    put_news(tx, [(wide, at)] if wide == OFFERED else [], "")
                    put_totals(tx, wide, at, totals_of(tx, wide, at, keys))
    return done


def _due(ctx: Context, width: int) -> list[int]:
    with ctx.store.read() as tx:
        return rows_of.due(tx, width, closed_before(ctx.now(), width), AT_ONCE)


class Keys:
    """What series are called and which pools there are, read once for many buckets.

    A series that is new since is left out: whoever wrote it has noted its bucket as due again.
    """

    def __init__(self, ctx: Context | None = None) -> None:
        self._ctx = ctx
        self._known: dict[int, Key] | None = None
        self._placed: Placed | None = None

    def read(self, tx: Connection) -> dict[int, Key]:
        """Number to key."""
        if self._known is None:
            self._known = {row.id: row.key for row in rows_of.listed(tx)}
        return self._known

    def placed(self, tx: Connection) -> Placed | None:
        """Which pools there are; None where no domain was named to look at."""
        if self._placed is None and self._ctx is not None:
            self._placed = placed_now(self._ctx, tx)
        return self._placed

    @property
    def rack_w(self) -> int:
        """A standard rack's power in W."""
        return RACK_W if self._ctx is None else self._ctx.settings.rack_w


def totals_of(tx: Connection, width: int, at: int, keys: Keys) -> list[Total]:
    """The totals over everything at one bucket of time, of the indicators made of samples."""
    buckets = rows_of.at_once(tx, width, at)
    view = view_at(keys.read(tx), buckets, width, keys.placed(tx), keys.rack_w)
    return [total for i in INDICATORS if i.metrics for total in flat(i, view)]


def write_down(ctx: Context) -> None:
    """Note the indicators of inventory as they are now, under the minute that has just ended; and
    which pools are others than before.

    Nobody can work them out later. Of a wider bucket the last that was noted stands.
    """
    at = last_minute(ctx)
    view = view_of(ctx, "domain")
    rows = [row for i in INDICATORS if not i.metrics for row in flat(i, view)]
    with ctx.store.write() as tx:
        for width in WIDTHS[1:]:
            put_totals(tx, width, start_of(at, width), rows)
    note_pools(ctx, view.pools)


def last_minute(ctx: Context) -> int:
    """When the last minute begins that has ended and of which most has come."""
    return start_of(closed_before(ctx.now(), OFFERED) - 1, OFFERED)


def note_jobs(ctx: Context) -> None:
    """This domain's own samples: its jobs by state, and of the last minutes who ended and started.

    A state that no job is in is 0, and known. Minutes are noted again for a while: that a job
    started there may be heard of late.
    """
    domain, until = ctx.domain().id, last_minute(ctx)
    if domain is None:
        return
    with ctx.store.read() as tx:
        there = by_state(tx)
        values: dict[tuple[int, Key], float] = {
            (until, Key(domain, "jobs_now", state)): there.get(state, 0) for state in JOB_ACTIVE
        }
        values[(until, Key(domain, "demand_devices"))] = devices_wanted(ctx, tx)
        for at in range(until - LATE_MINUTES * OFFERED, until + OFFERED, OFFERED):
            for state, n in ended_within(tx, at, at + OFFERED).items():
                values[(at, Key(domain, "jobs_ended", state))] = n
            for number, n in sketch(waits_within(tx, at, at + OFFERED)).items():
                values[(at, Key(domain, "job_waits", str(number)))] = n
            for number, n in sketch(delays_within(tx, at, at + OFFERED)).items():
                values[(at, Key(domain, "job_start_delays", str(number)))] = n
    with ctx.store.write() as tx:
        _put_own(ctx, tx, values)


def _put_own(ctx: Context, tx: Connection, values: Mapping[tuple[int, Key], float]) -> None:
    """Write one's own samples of minutes; what stands there already is no news."""
    numbers = rows_of.add(tx, sorted({key for _, key in values}), "")
    times = {at for at, _ in values}
    ids = sorted(numbers.values())
    there = rows_of.read(tx, OFFERED, ids, min(times), max(times) + OFFERED)
    rows: list[rows_of.Row] = []
    for (at, key), n in values.items():
        stands = there[numbers[key]].get(at)
        if stands is None or stands.last != n:
            rows.append((OFFERED, at, numbers[key], 1, float(n), float(n), float(n), float(n)))
    rows_of.put(tx, rows)
    changed = sorted({row[1] for row in rows})
    put_news(tx, {(OFFERED, at) for at in changed}, "")
    keys = Keys(ctx)
    for at in changed:
        put_totals(tx, OFFERED, at, totals_of(tx, OFFERED, at, keys))


def forget_old(ctx: Context) -> int:
    """Throw away what is older than it is kept; gives how many buckets."""
    now, gone = int(ctx.now()), 0
    for width, kept in ctx.settings.retention_s.items():
        with ctx.store.write() as tx:
            gone += rows_of.forget_before(tx, width, now - kept)
            forget_totals_before(tx, width, now - kept)
            forget_news(tx, width, now - kept)
            if width == OFFERED:  # notes of gaps are of no width
                forget_news(tx, 0, now - kept)
    forget_notes(ctx)
    return gone
