"""Feed VictoriaMetrics where one is set: minutes, as they come and are rolled up.

What it has taken is remembered in the database. While it is away or full, nothing is lost that this
domain keeps itself: the feed goes on where it stood. While it takes some samples the next are made.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import compress, groupby

from weir.control.context import Context
from weir.control.series import OFFERED
from weir.core.metrics import METRICS, MetricKind
from weir.core.series import Key
from weir.store import series as rows_of
from weir.store.series_base import Minutes, SeriesStore
from weir.store.series_totals import keep_reached, news_after, reached

READER = "victoria"
AT_ONCE = 50
SERIES = 10_000
"""How many series are read and sent in one call."""
MINUTES = 10
"""How many minutes at most: who has fallen behind tells a series once for all of them."""
CALLS = 2
"""How many calls are under way at most: while one is answered the other is read."""


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
        sent += _send(ctx.victoria, _minutes(ctx, times))
        with ctx.store.write() as tx:
            keep_reached(tx, READER, news[-1][0])


def _send(store: SeriesStore, calls: Iterable[Minutes]) -> int:
    """Send some minutes while the next ones are read."""
    sent, under_way = 0, deque[Future[None]]()
    with ThreadPoolExecutor(max_workers=CALLS, thread_name_prefix="feed") as caller:
        for minutes in calls:
            if len(under_way) == CALLS:
                under_way.popleft().result()
            under_way.append(caller.submit(store.write, minutes))
            sent += len(minutes.numbers) * len(minutes.columns)
        for call in under_way:
            call.result()
    return sent


def _minutes(ctx: Context, times: Sequence[int]) -> Iterator[Minutes]:
    """These minutes of all series. No transaction is open while they are sent."""
    keys, cached = ctx.caches.series_keys, ctx.caches
    with ctx.store.read() as tx:
        last = rows_of.last_number(tx)
        if last > cached.series_known:
            keys.update({r.id: r.key for r in rows_of.listed(tx) if r.key.metric in METRICS})
            cached.series_known = last
    added = {n for n, key in keys.items() if METRICS[key.metric].kind is MetricKind.DELTA}
    for first in range(0, last + 1, SERIES):
        for begin in range(0, len(times), MINUTES):
            some = times[begin : begin + MINUTES]
            with ctx.store.read() as tx:
                read = [(at, rows_of.sums_at(tx, OFFERED, at, first, SERIES)) for at in some]
            yield from _told(keys, added, read)


def _told(
    keys: Mapping[int, Key],
    added: Collection[int],
    read: Sequence[tuple[int, Sequence[tuple[int, int, float]]]],
) -> Iterator[Minutes]:
    """Minutes of some series; neighbors that have the same series go together. Of a metric that is
    not known here nothing is said.
    """
    for numbers, group in groupby(read, key=lambda minute: [row[0] for row in minute[1]]):
        columns = [(at, [v if i in added else v / n for i, n, v in rows]) for at, rows in group]
        known = [number in keys for number in numbers]
        if not all(known):
            numbers = list(compress(numbers, known))
            columns = [(at, list(compress(values, known))) for at, values in columns]
        if numbers:
            yield Minutes(numbers, keys, columns)
