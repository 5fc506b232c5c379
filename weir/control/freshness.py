"""Freshness: what has come of each place and each source, when last, and of how much of a time.

A source is a probe of a cluster. It tells every time whether it was asked, whether it answered and
how old its newest answer is (`probe_tried`, `probe_up`, `probe_age`).

Laws:
- A place is known at a time if a sample of it stands for that time: by one of the few metrics that
  every agent tells of what it drives (`TOLD`), or that a domain tells of itself.
- What did not come is not there; nothing is guessed from what came before it or after.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from weir.control.context import Context
from weir.core.series import GRACE_S, WIDTHS, Bucket, Key, body_of, is_host, site_of, start_of
from weir.store import series as rows_of

TOLD = ("hosts_total", "cpu_milli_total", "device_milli_total", "probe_tried", "jobs_now")
"""Metrics by which a place is known, those first that most agents tell."""

OF_SOURCES = ("probe_tried", "probe_up", "probe_age")
LIVE_S = 240
"""What was last heard of a source longer ago than this is not of now."""

LATE_S = 60
"""Samples of a minute come here at most so long after it, as a rule."""

MOST_OF_ONE = 12
"""So many series of one place are looked at: those of any of its clusters tell that it is there."""

Known = Mapping[int, int]
"""By the begin of a bucket, for how many of its seconds something is known."""


@dataclass(frozen=True, slots=True)
class Source:
    """A probe of a cluster, or of a host of one: `subject` is that one's identifier.

    Of the newest minute within `LIVE_S`: the share of its looks that were answered, and how old its
    answer was, in seconds. All None if nothing came of it.
    """

    subject: str
    probe: str
    answered: float | None
    age_s: float | None
    heard_at: float | None


def window(now: float, span_s: float, width: int) -> tuple[int, int]:
    """The newest whole buckets of a width that may have come, over a span: [begin, end)."""
    end = start_of(now - GRACE_S - LATE_S, width)
    return start_of(end - span_s, width), end


def sources(ctx: Context, under: str | None = None) -> list[Source]:
    """Every source that was ever heard of, in `under` or anywhere; first those without answer."""
    now = ctx.now()
    with ctx.store.read() as tx:
        rows = rows_of.listed(tx, metrics=OF_SOURCES, under=under)
        begin = start_of(now - LIVE_S, WIDTHS[1])
        found = rows_of.read(tx, WIDTHS[1], [r.id for r in rows], begin, int(now) + 1)
    newest: dict[tuple[str, str], dict[str, tuple[int, float]]] = defaultdict(dict)
    for row in rows:
        of = newest[row.key.subject, row.key.part]
        if buckets := found[row.id]:
            at = max(buckets)
            of[row.key.metric] = at, buckets[at].mean
    told = [_source(*place, of) for place, of in newest.items()]
    return sorted(told, key=lambda s: (s.answered is not None, s.answered, s.subject, s.probe))


def _source(subject: str, probe: str, of: Mapping[str, tuple[int, float]]) -> Source:
    tried, up, age = (of.get(metric) for metric in OF_SOURCES)
    return Source(
        subject,
        probe,
        None if tried is None else 0.0 if up is None or up[0] < tried[0] else up[1],
        None if age is None else age[1],
        max((float(at + WIDTHS[1]) for at, _ in of.values()), default=None),
    )


def of_places(
    ctx: Context, places: Iterable[str], width: int, begin: int, end: int
) -> dict[str, Known]:
    """What is known of each of these domains, sites and pools over [begin, end)."""
    wanted = {body_of(place): place for place in places}
    groups: dict[str, list[tuple[int, int]]] = {place: [] for place in wanted.values()}
    with ctx.store.read() as tx:
        for row in rows_of.listed(tx, metrics=TOLD):
            subject, rank = row.key.subject, TOLD.index(row.key.metric)
            if is_host(subject):
                continue
            for body in {body_of(subject), site_of(subject)} & wanted.keys():
                groups[wanted[body]].append((rank, row.id))
        chosen = {p: [number for _, number in sorted(g)[:MOST_OF_ONE]] for p, g in groups.items()}
        found = rows_of.read(tx, width, [n for of in chosen.values() for n in of], begin, end)
    return {place: _any_of([found[n] for n in of], width) for place, of in chosen.items()}


def of_sources(
    ctx: Context, wanted: Sequence[Source], width: int, begin: int, end: int
) -> list[Known]:
    """When each of these sources was asked, over [begin, end)."""
    places = [(one.subject, one.probe) for one in wanted]
    with ctx.store.read() as tx:
        keys = [Key(subject, OF_SOURCES[0], probe) for subject, probe in places]
        numbers = rows_of.find(tx, keys)
        found = rows_of.read(tx, width, list(numbers.values()), begin, end)
    return [_any_of([found[numbers[k]]] if k in numbers else [], width) for k in keys]


def _any_of(several: Iterable[Mapping[int, Bucket]], width: int) -> Known:
    """For how many seconds of each bucket any of these is known."""
    known: dict[int, int] = {}
    for buckets in several:
        for at, bucket in buckets.items():
            known[at] = max(known.get(at, 0), min(width, bucket.seconds(width)))
    return known
