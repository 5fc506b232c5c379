"""Measured points over time: buckets, the law by which two of one bucket meet, and roll-up.

A *series* is one metric of one subject (`Key`). Its points are kept in buckets of a tier's width;
a bucket holds how many samples it has, their sum, least, most and last, and how much of its time
they cover, so that buckets of a tier merge into a bucket of the next.

Laws:
- Of two versions of one bucket the one with more samples stands (`better`). That is a total order,
  so a late, repeated or reordered bucket changes nothing twice, and a pool that is reached by two
  ways counts once.
- A bucket of a wider tier is what the narrower ones give (`merged`): worked out again when one of
  them changes, never added to. What was thrown away below keeps the wider bucket as it is, because
  fewer samples never replace more.
- A sample stands for its bucket's time, or for as long as its source says: until it is looked at
  again. What wider buckets cover is added up from these. A sample that stands for k times
  ten seconds counts as k samples, so that a mean is one over time, and an amount (mean times time
  covered) the same at every width.
- A subject counts in a total unless something above it, up to its site, tells the same metric: a
  pool's figure is not added to those of its hosts (`counted`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

WIDTHS: tuple[int, ...] = (10, 60, 900, 3600, 86400)
"""Widths of the tiers in seconds, narrowest first."""

RETENTION_S: Mapping[int, int] = {
    10: 6 * 3600,
    60: 3 * 86400,
    900: 60 * 86400,
    3600: 400 * 86400,
    86400: 3660 * 86400,
}
"""How long buckets of each width are kept by default, in seconds."""

GRACE_S = 20
"""A bucket is rolled up this long after its end: what comes later rolls it up again."""


@dataclass(frozen=True, slots=True, order=True)
class Key:
    """Which series: the subject's identifier, the metric's name, and which part of it."""

    subject: str
    metric: str
    part: str = ""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Samples of one series within one bucket of time, in the metric's unit.

    `covered_s` is for how many seconds they stand; None: for all of the bucket.
    """

    n: int
    total: float
    least: float
    most: float
    last: float
    covered_s: int | None = None

    def seconds(self, width: int) -> int:
        """For how many seconds its samples stand, as a bucket of this width."""
        return width if self.covered_s is None else self.covered_s

    @property
    def mean(self) -> float:
        """The mean of its samples."""
        return self.total / self.n


def single(value: float) -> Bucket:
    """The bucket of one sample."""
    return Bucket(1, value, value, value, value)


def lasting(value: float, seconds: int) -> Bucket:
    """The narrowest bucket of one look at something that stands, until the next look."""
    times = max(1, seconds // WIDTHS[0])
    if times == 1:
        return single(value)
    return Bucket(times, times * value, value, value, value, times * WIDTHS[0])


def start_of(at: float, width: int) -> int:
    """When the bucket begins that a moment falls into; seconds since 1970."""
    return int(at // width) * width


def wider(width: int) -> int | None:
    """The next wider tier; None for the widest."""
    place = WIDTHS.index(width) + 1
    return WIDTHS[place] if place < len(WIDTHS) else None


def better(one: Bucket, other: Bucket) -> Bucket:
    """Which version of a bucket stands: that with more samples, then by value, in a fixed order."""
    return one if _rank(one) >= _rank(other) else other


def _rank(bucket: Bucket) -> tuple[int, float, float]:
    return bucket.n, bucket.last, bucket.total


def merged(buckets: Sequence[Bucket], each_s: int = WIDTHS[0]) -> Bucket:
    """The bucket of all of these, which are in the order of time and at least one.

    `each_s` is their width: so much is covered by one that stands for all of its time.
    """
    return Bucket(
        n=sum(b.n for b in buckets),
        total=sum(b.total for b in buckets),
        least=min(b.least for b in buckets),
        most=max(b.most for b in buckets),
        last=buckets[-1].last,
        covered_s=sum(b.seconds(each_s) for b in buckets),
    )


def rolled(points: Mapping[int, Bucket], width: int, each_s: int = WIDTHS[0]) -> dict[int, Bucket]:
    """Buckets of a narrower tier, which is `each_s` wide, by their start, as buckets of `width`."""
    groups: dict[int, list[Bucket]] = {}
    for at in sorted(points):
        groups.setdefault(start_of(at, width), []).append(points[at])
    return {at: merged(group, each_s) for at, group in groups.items()}


def tier_for(step_s: float, span_s: float, age_s: float, kept: Mapping[int, int]) -> int:
    """The tier to answer from: the widest not above the step, still kept at the span's begin.

    `age_s` is how long ago the asked span begins. Where nothing so fine is kept any more, the next
    tier that is.
    """
    fine = [w for w in WIDTHS if w <= max(step_s, WIDTHS[0])]
    enough = [w for w in WIDTHS if kept.get(w, 0) >= age_s] or [WIDTHS[-1]]
    return max(fine[-1], enough[0])


# -- subjects --------------------------------------------------------------------------------------


@lru_cache(maxsize=65536)
def body_of(subject: str) -> str:
    """An identifier without its check character; a host's name is kept as a last segment.

    Of a link, both ends without theirs.
    """
    if ">" in subject:
        here, _, there = subject.partition(">")
        return f"{body_of(here)}>{body_of(there)}"
    name, slash, host = subject.partition("/")
    body = name.rpartition("-")[0] or name
    return f"{body}/{host}" if slash else body


@lru_cache(maxsize=65536)
def above(subject: str) -> tuple[str, ...]:
    """The bodies of all that a subject lies in, up to its site; () for a site, domain or link."""
    if ">" in subject:
        return ()
    body, slash, _ = body_of(subject).partition("/")
    segments = body.split(".")
    site = next((n for n, s in enumerate(segments) if n and s[:1] == "S"), None)
    if site is None:
        return ()
    last = len(segments) + 1 if slash else len(segments)
    return tuple(".".join(segments[:n]) for n in range(site + 1, last))


@lru_cache(maxsize=65536)
def site_of(subject: str) -> str:
    """The body of the site that a subject lies in; its own body if it lies in none."""
    return (*above(subject), body_of(subject))[0]


def is_host(subject: str) -> bool:
    """Whether a subject is a single machine: such detail stays in the domain that it reports to."""
    return "/" in subject


def lies_under(subject: str, root: str) -> bool:
    """Whether a subject is `root`, or lies in it; a link lies where it begins, or is the root."""
    if ">" in root:
        return body_of(subject) == body_of(root)
    body, top = body_of(subject.partition(">")[0]), body_of(root)
    return body == top or body.startswith((top + ".", top + "/"))


def counted(subjects: Iterable[str]) -> set[str]:
    """The subjects that count in a total of one metric: none of which something above it tells."""
    all_of_them = list(subjects)
    bodies = {body_of(s) for s in all_of_them}
    return {s for s in all_of_them if bodies.isdisjoint(above(s))}
