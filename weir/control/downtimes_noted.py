"""How the sites that report here stand, noted every ten seconds as samples of the domain's own.

Laws, as ARGO has them:
- A site is up while every one of its clusters is in touch (heard of within the lease). A cluster
  that was never heard of is not there yet.
- While a downtime is declared the site is not up, whatever is heard of it.
- What was declared afterwards is noted anew in the narrowest buckets that are left of that time,
  in whole ones where they are a minute or less. A bucket that was noted anew has a sample more, so
  it stands, here and above.
- What nobody noted is unknown: while this server is away, no site was down for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.network import is_silent
from weir.control.series import OFFERED
from weir.core.series import WIDTHS, Bucket, Key, start_of, wider
from weir.store import clusters, downtimes
from weir.store import series as rows_of
from weir.store.rows import ClusterRow
from weir.store.series_totals import put_news

NARROWEST = WIDTHS[0]
DOWN = "site_downtime_seconds"


def standing(
    rows: Iterable[ClusterRow], declared: Iterable[str], now: float, lease_s: float
) -> Mapping[str, tuple[bool, bool]]:
    """Each site that reports here: whether it is up, and whether it is declared to be down."""
    down, found = set(declared), dict[str, tuple[bool, bool]]()
    for row in rows:
        if row.direction == "own" and row.removed_at is None and row.heard_at is not None:
            up_so_far, _ = found.get(row.site, (True, False))
            in_touch = not is_silent(row, now, lease_s)
            is_down = row.site in down
            found[row.site] = (up_so_far and in_touch and not is_down, is_down)
    return found


def note_sites(ctx: Context) -> int:
    """Note the ten seconds that are now; how many sites were noted. Again changes nothing."""
    now = ctx.now()
    at = start_of(now, NARROWEST)
    with ctx.store.read() as tx:
        declared = [row.site for row in downtimes.within(tx, now, now + 1e-3)]
        found = standing(clusters.all_clusters(tx), declared, now, ctx.settings.lease_s)
    values = {}
    for site, (up, down) in found.items():
        values[Key(site, "site_seconds")] = float(NARROWEST)
        values[Key(site, "site_up_seconds")] = float(NARROWEST * up)
        values[Key(site, "site_downtime_seconds")] = float(NARROWEST * down)
    if values:
        with ctx.store.write() as tx:
            numbers = rows_of.find(tx, values)
            new = [key for key in values if key not in numbers]
            numbers |= rows_of.add(tx, new, "") if new else {}
            rows_of.put(
                tx, [(NARROWEST, at, numbers[key], 1, v, v, v, v) for key, v in values.items()]
            )
    return len(found)


# -- declared afterwards ---------------------------------------------------------------------------


def note_anew(ctx: Context, tx: Connection, site: str, begin: float, end: float) -> int:
    """Note a time that was as one of a declared downtime; gives how many buckets changed."""
    keys = [Key(site, metric) for metric in ("site_seconds", "site_up_seconds", DOWN)]
    numbers = rows_of.find(tx, keys)
    if len(numbers) < len(keys):
        return 0
    seconds, up, down = (numbers[key] for key in keys)
    changed = 0
    for width, first, last in _parts(ctx, begin, end):
        ids = [seconds, up, down]
        found = rows_of.read(tx, width, ids, start_of(first, width), last)
        rows: list[rows_of.Row] = []
        covered: list[int | None] = []
        for at in sorted(found[seconds].keys() & found[up].keys() & found[down].keys()):
            share = (min(at + width, last) - max(at, first)) / width
            if share <= 0:
                continue
            known, was = found[seconds][at].total, found[down][at].total
            more = share * (known - was)
            if not more:
                continue
            for number, total in ((up, found[up][at].total * (1 - share)), (down, was + more)):
                bucket = _anew(found[number][at], total)
                rows.append((width, at, number, *_values(bucket)))
                covered.append(bucket.covered_s)
        rows_of.put(tx, rows, covered)
        if width >= OFFERED:
            put_news(tx, {(width, row[1]) for row in rows}, "")
        changed += len(rows)
    return changed


def _parts(ctx: Context, begin: float, end: float) -> Iterator[tuple[int, int, int]]:
    """[begin, end) as (width, begin, end), oldest last: each time in the narrowest buckets of which
    all that the next wider one is made of is still kept.
    """
    last = int(end)
    for width in WIDTHS[:-1]:
        wide = wider(width)
        assert wide is not None
        step = min(width, 60)
        first = -(-int(ctx.now() - ctx.settings.retention_s.get(width, 0)) // wide) * wide
        first = max(first, start_of(begin, step))
        until = -(-last // step) * step
        if first < until:
            yield width, first, until
            last = first


def _anew(was: Bucket, total: float) -> Bucket:
    """A bucket of another amount, which stands in place of the one that was."""
    n = was.n + 1
    most = max(was.most, total / n)
    return Bucket(n, total, 0.0, most, min(total, most), was.covered_s)


def _values(bucket: Bucket) -> tuple[int, float, float, float, float]:
    return bucket.n, bucket.total, bucket.least, bucket.most, bucket.last
