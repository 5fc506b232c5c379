"""Feed VictoriaMetrics where one is set: minutes, as they come and are rolled up.

What it has taken is remembered in the database. While it is away or full, nothing is lost that this
domain keeps itself: the feed goes on where it stood. While it takes some samples the next are made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import groupby

from weir.control.context import Context
from weir.control.series import OFFERED
from weir.core.metrics import METRICS, MetricKind
from weir.store import series as rows_of
from weir.store.remote_write import body_of, head_of
from weir.store.series_totals import keep_reached, news_after, reached
from weir.store.series_victoria import VictoriaSeries, labels_of

READER = "victoria"
AT_ONCE = 50
SERIES = 10_000
"""How many series are read and sent in one call."""
MINUTES = 10
"""How many minutes at most: who has fallen behind tells a series once for all of them."""
CALLS = 2
"""How many calls are under way at most: while one is answered the other is read."""

Body = tuple[int, bytes]
"""how many samples, and what is sent"""


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
        sent += _send(ctx.victoria, _bodies(ctx, ctx.victoria, times))
        with ctx.store.write() as tx:
            keep_reached(tx, READER, news[-1][0])


def _send(victoria: VictoriaSeries, bodies: Iterable[Body]) -> int:
    """Send bodies while the next ones are made."""
    sent, under_way = 0, deque[Future[None]]()
    with ThreadPoolExecutor(max_workers=CALLS, thread_name_prefix="feed") as caller:
        for samples, body in bodies:
            if len(under_way) == CALLS:
                under_way.popleft().result()
            under_way.append(caller.submit(victoria.put, body))
            sent += samples
        for call in under_way:
            call.result()
    return sent


def _bodies(ctx: Context, victoria: VictoriaSeries, times: Sequence[int]) -> Iterator[Body]:
    """These minutes of all series. No transaction is open while they are sent."""
    with ctx.store.read() as tx:
        last = rows_of.last_number(tx)
        if last not in victoria.heads:
            _name(victoria, rows_of.listed(tx))
    for first in range(0, last + 1, SERIES):
        for begin in range(0, len(times), MINUTES):
            some = times[begin : begin + MINUTES]
            with ctx.store.read() as tx:
                read = [(at, rows_of.sums_at(tx, OFFERED, at, first, SERIES)) for at in some]
            yield from _told(victoria, read)


def _told(
    victoria: VictoriaSeries, read: Sequence[tuple[int, Sequence[tuple[int, int, float]]]]
) -> Iterator[Body]:
    """Minutes of some series; neighbors that have the same series go together."""
    for numbers, group in groupby(read, key=lambda minute: [row[0] for row in minute[1]]):
        heads = [victoria.heads.get(number) for number in numbers]
        columns = [
            (at * 1000, [v if i in victoria.added else v / n for i, n, v in rows])
            for at, rows in group
        ]
        if None in heads:
            columns = [
                (at, [v for v, head in zip(values, heads, strict=True) if head is not None])
                for at, values in columns
            ]
        told = [head for head in heads if head is not None]
        if told:
            yield len(told) * len(columns), body_of(told, columns)


def _name(victoria: VictoriaSeries, rows: Iterable[rows_of.SeriesRow]) -> None:
    """Tell it how each series is called, by its number."""
    metrics = {row.id: METRICS.get(row.key.metric) for row in rows}
    victoria.heads = {
        row.id: None if metrics[row.id] is None else head_of(labels_of(row.key)) for row in rows
    }
    victoria.added = {
        number for number, m in metrics.items() if m is not None and m.kind is MetricKind.DELTA
    }
