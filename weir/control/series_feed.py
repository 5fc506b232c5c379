"""Feed VictoriaMetrics where one is set: minutes, as they come and are rolled up.

What it has taken is remembered in the database. While it is away or full, nothing is lost that this
domain keeps itself: the feed goes on where it stood.
"""

from __future__ import annotations

from weir.control.context import Context
from weir.control.series import OFFERED
from weir.store import series as rows_of
from weir.store.series_totals import keep_reached, news_after, reached
from weir.wire.samples import Point

READER = "victoria"
AT_ONCE = 50


def feed(ctx: Context) -> int:
    """Send what is new; gives how many samples. Raises `NotReady` if they were not taken."""
    if ctx.victoria is None:
        return 0
    sent = 0
    while True:
        with ctx.store.read() as tx:
            news = news_after(tx, reached(tx, READER), AT_ONCE)
            keys = {row.id: row.key for row in rows_of.listed(tx)} if news else {}
            points = [
                Point(keys[number], at, bucket)
                for width, at in sorted({(w, at) for _, w, at, _ in news if w == OFFERED})
                for number, bucket in rows_of.at_once(tx, width, at)
                if number in keys
            ]
        if not news:
            return sent
        if points:
            ctx.victoria.write(OFFERED, points)
        sent += len(points)
        with ctx.store.write() as tx:
            keep_reached(tx, READER, news[-1][0])
