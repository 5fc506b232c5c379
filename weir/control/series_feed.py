"""Feed VictoriaMetrics where one is set: minutes, as they come and are rolled up.

What it has taken is remembered in the database. While it is away or full, nothing is lost that this
domain keeps itself: the feed goes on where it stood. While it takes some lines the next are made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from weir.control.context import Context
from weir.control.series import OFFERED
from weir.core.metrics import METRICS, MetricKind
from weir.store import series as rows_of
from weir.store.series_totals import keep_reached, news_after, reached
from weir.store.series_victoria import VictoriaSeries, name_of

READER = "victoria"
AT_ONCE = 50
LINES = 5_000
"""How many lines are sent in one call."""


def feed(ctx: Context) -> int:
    """Send what is new; gives how many samples. Raises `NotReady` if they were not taken."""
    if ctx.victoria is None:
        return 0
    sent = 0
    while True:
        with ctx.store.read() as tx:
            news = news_after(tx, reached(tx, READER), AT_ONCE)
        if not news:
            return sent
        times = sorted({at for _, width, at, _ in news if width == OFFERED})
        sent += _send(ctx.victoria, _lines(ctx, ctx.victoria, times))
        with ctx.store.write() as tx:
            keep_reached(tx, READER, news[-1][0])


def _send(victoria: VictoriaSeries, pieces: Iterable[list[str]]) -> int:
    """Send lines, a call after the other, while the next ones are made."""
    sent = 0
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="feed") as caller:
        under_way: Future[None] | None = None
        for lines in pieces:
            body = "".join(lines).encode()
            if under_way is not None:
                under_way.result()
            under_way = caller.submit(victoria.put, body)
            sent += len(lines)
        if under_way is not None:
            under_way.result()
    return sent


def _lines(ctx: Context, victoria: VictoriaSeries, times: Iterable[int]) -> Iterator[list[str]]:
    """The lines of these minutes, so many at a time. No transaction is open while they are sent."""
    for at in times:
        with ctx.store.read() as tx:
            rows = rows_of.sums_at(tx, OFFERED, at)
            if any(number not in victoria.heads for number, _, _ in rows):
                victoria.heads = _heads(rows_of.listed(tx))
        heads, stamp = victoria.heads, at * 1000
        for first in range(0, len(rows), LINES):
            yield [
                f"{head}{total if added else total / n!r} {stamp}\n"
                for number, n, total in rows[first : first + LINES]
                for head, added in (heads[number],)
                if head
            ]


def _heads(rows: Iterable[rows_of.SeriesRow]) -> dict[int, tuple[str, bool]]:
    """What the lines of each series begin with, by its number; whether its samples are added.

    Of a metric that this version does not know nothing is sent.
    """
    found = {}
    for row in rows:
        metric = METRICS.get(row.key.metric)
        head = "" if metric is None else f"{name_of(row.key)} "
        found[row.id] = head, metric is not None and metric.kind is MetricKind.DELTA
    return found
