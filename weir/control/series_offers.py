"""Offer samples upward: to the link of the domain above, what has come or been rolled up since.

By distinct identifier, as with pools: a subject's buckets are what they are by whatever way they
go. Machines' own detail stays here; so does what is finer than a minute.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import Connection

from weir.control.authorize import Principal
from weir.control.context import Context
from weir.control.series import OFFERED
from weir.core.errors import NotFound
from weir.core.series import is_host
from weir.store import clusters
from weir.store import series as rows_of
from weir.store.domains import count
from weir.store.series_totals import news_after
from weir.wire.samples import MAX_POINTS, Gap, Point, SamplesAnswer, pack

NEWS_AT_ONCE = 200
"""Notes of buckets that one answer looks at."""


def samples_after(ctx: Context, who: Principal, after: int) -> SamplesAnswer:
    """Buckets that the link's other end may not have, from a number on; only for the way up."""
    link = who.cluster or ""
    with ctx.store.read() as tx:
        row = clusters.get(tx, link)
        if row is None:
            raise NotFound(f"there is no link {link} here")
        through = count(tx, "samples")
        if row.direction != "up":
            return SamplesAnswer(after=through)
        if after > through:  # this data was replaced: it counts anew
            after = 0
        news = news_after(tx, after, NEWS_AT_ONCE)
        if not news:
            return SamplesAnswer(after=through)
        points, reached = _points(tx, news)
        gaps = _gaps(tx, {at for number, width, at, _ in news if width == 0 and number <= reached})
    blocks = tuple(
        pack(width, rows[first : first + MAX_POINTS])
        for width, rows in sorted(points.items())
        for first in range(0, len(rows), MAX_POINTS)
    )
    return SamplesAnswer(blocks=blocks, gaps=gaps, after=reached, more=reached < through)


def _points(
    tx: Connection, news: Sequence[tuple[int, int, int, str]]
) -> tuple[dict[int, list[Point]], int]:
    """The buckets that these notes speak of, by width, and the note up to which that is all.

    All that is known of a time is told when anything of it changes: by whatever way it came.
    """
    keys = {row.id: row.key for row in rows_of.listed(tx) if not is_host(row.key.subject)}
    found: dict[int, list[Point]] = defaultdict(list)
    done: set[tuple[int, int]] = set()
    reached, size = 0, 0
    for number, width, at, _ in news:
        if (width, at) not in done and width >= OFFERED:
            if size > MAX_POINTS:
                break
            done.add((width, at))
            buckets = rows_of.at_once(tx, width, at)
            some = [Point(keys[s], at, bucket) for s, bucket in buckets if s in keys]
            size += len(some)
            found[width] += some
        reached = number
    return found, reached


def _gaps(tx: Connection, begins: set[int]) -> tuple[Gap, ...]:
    """The gaps that notes speak of, which are of no width."""
    if not begins:
        return ()
    found = rows_of.gaps(tx, min(begins), max(begins) + 1)
    return tuple(
        Gap(begin=begin, end=end, reason=reason)
        for _, begin, end, reason in found
        if int(begin) in begins
    )[:1000]
