"""Samples: what an agent or a link sends becomes buckets, checked; with what is refused, and why.

Laws:
- A sender speaks of what it has: a cluster of its site and what lies in it; a domain below of
  itself and of the sites whose pools it offers. What comes from above is not taken.
- A value that is no measurement is left out and said; the others of the call are kept.
- A clock that is far off is corrected by whole buckets.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sqlalchemy import Connection

from weir.control.context import Context
from weir.core.identifiers import BadIdentifier, parse
from weir.core.metrics import METRICS, out_of_bounds, refusal
from weir.core.series import GRACE_S, Bucket, Key, body_of, lies_under, site_of
from weir.store import clusters
from weir.store import series as rows_of
from weir.store.rows import ClusterRow
from weir.store.series_totals import put_news
from weir.wire.exchange import ExchangeRequest
from weir.wire.samples import Columns, Gap, SampleBlock, unpack

SUBJECT = re.compile(r"[A-Z0-9.-]{4,120}((/[A-Za-z0-9_.:-]{1,63})|(>[A-Z0-9.-]{4,120}))?")
OFFERED = 60
"""Buckets of this width and wider travel up from domain to domain."""

NOTED_HERE = frozenset({"site_seconds", "site_up_seconds", "site_downtime_seconds"})
"""Metrics by which a site is judged: it has no say on them itself."""

MAX_SERIES = 100_000
"""Series that one cluster or link may bring."""

MAX_SAID = 20
"""Most refusals that one answer says."""

AHEAD_S = 60
"""A bucket that begins later than this from now is of no time that was."""

SKEWED_S = 30.0


class Refused:
    """What was not taken of one call: counted, and the first few said."""

    def __init__(self) -> None:
        self.count = 0
        self.said: dict[str, int] = {}

    def add(self, reason: str, rows: int = 1) -> None:
        """Leave something out."""
        self.count += rows
        if reason in self.said or len(self.said) < MAX_SAID:
            self.said[reason] = self.said.get(reason, 0) + rows

    def sentences(self) -> tuple[str, ...]:
        """What the sender is told."""
        return tuple(f"{reason} ({n} left out)" for reason, n in self.said.items())


def accept_samples(
    ctx: Context, tx: Connection, row: ClusterRow, request: ExchangeRequest, now: float
) -> tuple[str, ...]:
    """Write what came of samples and gaps; the sentences of what was refused."""
    refused = Refused()
    if row.direction == "up":  # what is above is told there; its link's agent may not know
        return ()
    skew = request.sent_at - now
    for block in request.samples:
        _accept(ctx, tx, row, block, now, skew if abs(skew) > SKEWED_S else 0.0, refused)
    for gap in request.gaps:
        _note_gap(tx, row, gap)
    return refused.sentences()


def _accept(
    ctx: Context,
    tx: Connection,
    row: ClusterRow,
    block: SampleBlock,
    now: float,
    skew_s: float,
    refused: Refused,
) -> None:
    columns = unpack(block)
    numbers = _numbers(ctx, tx, row, columns.keys, refused)
    shift = round(skew_s / block.width) * block.width
    rows = _checked(columns, numbers, shift, int(now), refused)
    rows_of.put(tx, rows, _covered(columns, numbers, shift, rows))
    if block.width > OFFERED:  # minutes are offered once they are over: see `roll_up`
        put_news(tx, {(block.width, r[1]) for r in rows}, row.id)


def _checked(
    columns: Columns, numbers: Sequence[int], shift: int, now: int, refused: Refused
) -> list[rows_of.Row]:
    """The rows of a block that may stand. One pass, as plain as can be: all samples come here."""
    width, latest = columns.width, now + AHEAD_S
    metrics = [METRICS.get(key.metric) for key in columns.keys]
    bounds = [(0.0, 0.0) if m is None else (m.least, m.most) for m in metrics]
    alone = columns.total is columns.last  # one sample a bucket: its sum is itself
    rows: list[rows_of.Row] = []
    for s, at, n, total, least, most, last in zip(*columns[2:9], strict=True):
        number = numbers[s]
        if number == 0:
            continue
        at -= shift
        low, high = bounds[s]
        # A NaN is in no bounds; what has one sample has no other sum.
        if low <= least and most <= high and least <= most and alone and at <= latest:
            rows.append((width, at, number, n, total, least, most, last))
            continue
        metric = metrics[s]
        assert metric is not None
        if at > latest:
            refused.add("a sample is of a time that has not come; set the clock")
        elif (wrong := out_of_bounds(metric, Bucket(n, total, least, most, last))) is not None:
            refused.add(f"{columns.keys[s].subject}: {wrong}")
        else:
            rows.append((width, at, number, n, total, least, most, last))
    return rows


def _covered(
    columns: Columns, numbers: Sequence[int], shift: int, rows: Sequence[rows_of.Row]
) -> list[int] | None:
    """For how many seconds each row stands; None if each does for all of its bucket."""
    if columns.covered is None:
        return None
    seconds: dict[tuple[int, int], int] = {}
    for s, at, covers in zip(columns.series, columns.at, columns.covered, strict=True):
        place = (numbers[s], at - shift)
        seconds[place] = max(covers, seconds.get(place, 0))
    return [seconds[number, at] for _, at, number, *_ in rows]


def _numbers(
    ctx: Context, tx: Connection, row: ClusterRow, keys: Sequence[Key], refused: Refused
) -> list[int]:
    """The number of each series; 0 for one that this sender may not write."""
    known, allowed = ctx.caches.series, ctx.caches.may_write
    found = [known.get(key, 0) if (row.id, key) in allowed else 0 for key in keys]
    missing = [key for key, number in zip(keys, found, strict=True) if number == 0]
    if not missing:
        return found
    good = _allowed(tx, row, missing, refused)
    there = rows_of.find(tx, good)
    new = [key for key in good if key not in there]
    room = MAX_SERIES - rows_of.count_of(tx, row.id) if new else 0
    if len(new) > room:
        refused.add(f"{row.id} may have {MAX_SERIES} series at most", len(new) - max(0, room))
        new = new[: max(0, room)]
    there |= rows_of.add(tx, new, row.id)
    # What this transaction made is another's to know once it is there for good: see `learn`.
    ctx.caches.fresh.append((row.id, dict(there)))
    return [number or there.get(key, 0) for key, number in zip(keys, found, strict=True)]


def learn(ctx: Context) -> None:
    """Take over what committed calls have numbered. Forgetting costs time only."""
    while ctx.caches.fresh:
        cluster, numbers = ctx.caches.fresh.pop()
        with ctx.store.read() as tx:
            stand = rows_of.find(tx, numbers)
        ctx.caches.series.update(stand)
        ctx.caches.may_write.update((cluster, key) for key in stand)


def _allowed(tx: Connection, row: ClusterRow, keys: Sequence[Key], refused: Refused) -> list[Key]:
    sites = _own_sites(tx, row)
    good = []
    for key in keys:
        reason = refusal(key.metric, key.part)
        if reason is None and not _is_subject(key.subject):
            reason = f"{key.subject[:80]!r} is no subject"
        if reason is None and row.peer_domain is None and key.metric in NOTED_HERE:
            reason = f"{key.metric} is noted by the domain that a site reports to"
        if reason is None and not _speaks_for(row, sites, key.subject):
            reason = f"{row.id} has no say on {key.subject[:80]}"
        if reason is None:
            good.append(key)
        else:
            refused.add(reason)
    return good


def _is_subject(text: str) -> bool:
    """Whether it is an identifier, one with a host's name, or two as the ends of a link."""
    if SUBJECT.fullmatch(text) is None:
        return False
    try:
        return all(parse(end.partition("/")[0]).text for end in text.split(">"))
    except BadIdentifier:
        return False


def _own_sites(tx: Connection, row: ClusterRow) -> set[str]:
    """The sites of which this link offers pools; its own, for a cluster."""
    if row.peer_domain is None:
        return {body_of(row.site)}
    return {site_of(pool) for pool in clusters.pools_of(tx, row.id)}


def _speaks_for(row: ClusterRow, sites: set[str], subject: str) -> bool:
    place = subject.partition(">")[0]
    if lies_under(place, row.id):
        return True
    if row.peer_domain is not None:
        return site_of(place) in sites or lies_under(place, row.peer_domain)
    return body_of(place) in sites


def _note_gap(tx: Connection, row: ClusterRow, gap: Gap) -> None:
    if gap.end > gap.begin:
        rows_of.put_gap(tx, row.id, gap.begin, gap.end, gap.reason)
        put_news(tx, [(0, int(gap.begin))], row.id)


def closed_before(now: float, width: int) -> int:
    """Buckets of a width that begin before this have ended, and most of them has come."""
    return int(now) - GRACE_S - width + 1
