"""Declared downtimes of a domain's own sites, and how long sites were up.

Laws:
- A downtime is declared by the time it begins. One that has begun has to be asked for as an excuse:
  then what was noted of that time is noted anew, here and in every domain above, and whoever reads
  the downtime sees that it was declared afterwards. Ending one early changes nothing that was.
- A site is declared down where it reports to, and its time travels up as samples do, so every
  domain above works out the same from what it has stored.
"""

from __future__ import annotations

from sqlalchemy import Connection

from weir.control.authorize import Principal
from weir.control.context import Context
from weir.control.downtimes_noted import note_anew
from weir.core.errors import BadInput, Mistake, NotFound
from weir.core.indicator_laws import ratio
from weir.core.report import pieces
from weir.core.series import body_of, start_of
from weir.store import clusters, downtimes, reports
from weir.store import series as rows_of
from weir.store.downtimes import DowntimeRow
from weir.wire.downtimes import AvailabilityAnswer, DowntimeAnswer, DowntimeRequest

LONGEST_S = 92 * 86400
SLACK_S = 60.0
"""A begin that lies less far back than this is taken for now."""

TIMES = ("site_seconds", "site_up_seconds", "site_downtime_seconds")


def declare(ctx: Context, who: Principal, asked: DowntimeRequest) -> DowntimeAnswer:
    """Declare one, or excuse one that was. Raises `NotFound` for a site that does not report here,
    `BadInput` for times.
    """
    now = ctx.now()
    begins = now if asked.begins_at is None else asked.begins_at
    mistakes = []
    kept_from = now - ctx.settings.retention_s.get(3600, 0)
    past = asked.excuse and begins < now - SLACK_S
    if begins < now - SLACK_S and not past:
        why = "is over; a downtime is declared before it begins, or else as an excuse"
        mistakes.append(Mistake("begins_at", why))
    if past and begins < kept_from:
        mistakes.append(Mistake("begins_at", "is of a time that is no longer kept by the hour"))
    if asked.ends_at <= (begins if past else max(begins, now)):
        after = "its begin" if past else "its begin, and after now"
        mistakes.append(Mistake("ends_at", f"must be after {after}"))
    elif asked.ends_at - begins > LONGEST_S:
        mistakes.append(Mistake("ends_at", "makes it longer than 92 days; remove the site instead"))
    if mistakes:
        raise BadInput("this downtime can't be declared", mistakes)
    with ctx.store.write() as tx:
        names = own_sites(tx)
        site = _site(names, asked.site)
        row = DowntimeRow(
            id=ctx.new_id("d"),
            site=site,
            begins_at=begins if past else max(now, begins),
            ends_at=asked.ends_at,
            reason=asked.reason,
            declared_by=who.subject,
            declared_at=now,
        )
        downtimes.add(tx, row)
        if past:
            note_anew(ctx, tx, site, begins, min(now, asked.ends_at))
    return _answer(row, names)


def end(ctx: Context, number: str) -> DowntimeAnswer:
    """End one now; one that has not begun never will. Raises `NotFound`."""
    with ctx.store.write() as tx:
        row = downtimes.get(tx, number)
        if row is None:
            raise NotFound(f"there is no downtime {number}; see `weir downtime list`")
        now = ctx.now()
        if now < row.ends_at:
            downtimes.end(tx, number, max(now, row.begins_at))
            row = downtimes.get(tx, number)
            assert row is not None
        return _answer(row, own_sites(tx))


def list_downtimes(ctx: Context, begin: float | None = None) -> list[DowntimeAnswer]:
    """Those that are or will be, by begin; with `begin` those that have been since, too."""
    with ctx.store.read() as tx:
        names = own_sites(tx)
        found = downtimes.within(tx, ctx.now() if begin is None else begin)
    return [_answer(row, names) for row in found]


def own_sites(tx: Connection) -> dict[str, str]:
    """The sites that report here, by identifier: what they are called."""
    rows = clusters.all_clusters(tx)
    return {r.site: r.site_name for r in rows if r.direction == "own" and r.removed_at is None}


def _site(names: dict[str, str], asked: str) -> str:
    """The identifier of a site that is named by it or by its name."""
    found = [s for s, name in names.items() if name == asked or body_of(s) == body_of(asked)]
    if not found:
        there = ", ".join(sorted(names.values())) or "none"
        raise NotFound(
            f"no site {asked[:60]!r} reports to this domain; there are: {there}. "
            "A downtime is declared at the domain that the site reports to"
        )
    if len(found) > 1:
        raise BadInput(
            f"{len(found)} sites are called {asked[:60]!r}: name one by its identifier, "
            f"{' or '.join(sorted(found))}"
        )
    return found[0]


def _answer(row: DowntimeRow, names: dict[str, str]) -> DowntimeAnswer:
    return DowntimeAnswer(
        id=row.id,
        site=row.site,
        site_name=names.get(row.site, ""),
        begins_at=row.begins_at,
        ends_at=row.ends_at,
        reason=row.reason,
        declared_by=row.declared_by,
        declared_at=row.declared_at,
    )


# -- how long sites were up ------------------------------------------------------------------------


def availability(ctx: Context, begin: float, end: float) -> list[AvailabilityAnswer]:
    """Each site of this domain and below, over [begin, end) in whole hours, by identifier.

    Worked out anew from the hours and days that are stored. Raises `BadInput` for a time that has
    no whole hour that has come and is kept.
    """
    first, last = -(-int(begin) // 3600) * 3600, start_of(min(end, ctx.now()), 3600)
    kept_from = int(ctx.now()) - ctx.settings.retention_s.get(3600, 0)
    if first >= last:
        raise BadInput("this time can't be answered", [Mistake("to", "leaves no whole hour")])
    found: dict[str, dict[str, float]] = {}
    with ctx.store.read() as tx:
        names = own_sites(tx)
        keys = {row.id: row.key for row in rows_of.listed(tx, metrics=TIMES)}
        for width, start, stop in pieces(first, last, last - 3600, kept_from):
            for number, merged in reports.merged_over(tx, width, start, stop).items():
                if number in keys:
                    of = found.setdefault(keys[number].subject, {})
                    metric = keys[number].metric
                    of[metric] = of.get(metric, 0.0) + merged.total
    return [_availability(s, names.get(s, ""), of) for s, of in sorted(found.items())]


def _availability(site: str, name: str, of: dict[str, float]) -> AvailabilityAnswer:
    known, up, declared = (of.get(metric, 0.0) for metric in TIMES)
    return AvailabilityAnswer(
        site=site,
        site_name=name,
        known_s=known,
        up_s=up,
        declared_s=declared,
        availability=ratio(up, known),
        reliability=ratio(up, known - declared),
    )
