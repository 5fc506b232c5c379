"""What indicators are computed from: pools, jobs, and readings with the time that they cover.

Laws:
- A subject counts once, by its identifier without the check; not while something above it tells
  the same metric. Where that tells for a part of the time, what lies in it counts for the rest.
- What stands (devices, power) is a mean over the time that its place is known: a part that stood
  for half of it counts half. So parts add up to their whole.
- Two metrics are compared over the time that both are known. Of which seconds a bucket's samples
  are nobody knows: taken is the lesser of the two times.
- What a meter measures is compared with what lies in all of it: the same meter's other figure, or
  that of every pool in it that has hosts. Otherwise nothing is said, but why (`Pairs.lacking`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from weir.core.inventory import FreeShape, Pool
from weir.core.metrics import METRICS, MetricKind
from weir.core.series import above, body_of, counted, lies_under, site_of
from weir.core.verified import Comparison

RACK_W = 2500
"""IT power of a standard rack in W where a domain says no other: there is no binding figure (2.5 kW
is usual in plans; a provincial audit takes 6 kW)."""


@dataclass(frozen=True, slots=True)
class PoolNow:
    """A pool and what is left of it, the viewer's own runs counted.

    `claims` are what it claims beside what was found of it, where that was asked for.
    """

    pool: Pool
    left: tuple[FreeShape, ...]
    silent: bool
    claims: tuple[Comparison, ...] = ()


Readings = Mapping[str, Mapping[tuple[str, str], float]]
"""Values over one bucket of time: metric -> (subject, part) -> value. Unknown is left out."""

Covered = Mapping[str, Mapping[tuple[str, str], int]]
"""Seconds of a bucket that readings stand for; what is left out stands for all of it."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Which pools there are: of each site (body) those that have hosts (bodies), each with the
    share of the time that it had any; and the device models of pools.
    """

    hosting: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    models: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class View:
    """What the indicators of a domain are computed from: every pool once, jobs, and readings.

    `width_s` is how much time the readings cover, but for those in `covered`. Without `placed` it
    is not known which pools there are. `rack_w` is a standard rack's IT power in W.
    """

    pools: Sequence[PoolNow]
    jobs: Mapping[str, int]
    readings: Readings = field(default_factory=dict)
    width_s: int = 10
    covered: Covered = field(default_factory=dict)
    placed: Placed | None = None
    rack_w: int = RACK_W


Value = int | float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """An indicator's value, and its parts where it has parts (by precision, model, state ...).

    `why` says what the value leaves out, or why there is none.
    """

    value: Value
    by: Mapping[str, Value]
    why: str = ""


Measure = Callable[[View], Measured]

NOTHING = Measured(None, {})


def placed(pools: Iterable[Pool]) -> Placed:
    """Which pools there are."""
    hosting: dict[str, dict[str, float]] = {}
    models = {}
    for pool in pools:
        body = body_of(pool.id)
        if pool.hosts > 0:
            hosting.setdefault(site_of(pool.id), {})[body] = 1.0
        if pool.device_model is not None:
            models[body] = pool.device_model
    return Placed(hosting, models)


def plain(value: float) -> int | float:
    """A whole number as an integer, where a double holds it exactly."""
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def added(values: Iterable[float]) -> int | float:
    """The exactly rounded sum."""
    return plain(math.fsum(values))


def subjects_of(view: View, metric: str) -> dict[tuple[str, str], float]:
    """The readings of a metric that count: each subject once, by its identifier without the check.

    By two spellings of one identifier a subject still counts once.
    """
    found = view.readings.get(metric, {})
    count = counted({subject for subject, _ in found})
    return {(body_of(s), part): value for (s, part), value in found.items() if s in count}


class Share(NamedTuple):
    """A reading that counts: for how many seconds, of how many that its place is known."""

    subject: str
    part: str
    value: float
    seconds: float
    of_s: float


def shares(view: View, metric: str) -> list[Share]:
    """The readings of a metric that count, each with its time. An amount stands for itself."""
    covered, width = view.covered.get(metric), view.width_s
    of = METRICS.get(metric)
    if not covered or (of is not None and of.kind is MetricKind.DELTA):
        counting = subjects_of(view, metric)
        return [Share(s, part, value, width, width) for (s, part), value in counting.items()]
    told = {
        (body_of(s), part): (value, covered.get((s, part), width))
        for (s, part), value in view.readings.get(metric, {}).items()
    }
    longest: dict[str, int] = {}
    for (subject, _), (_, seconds) in told.items():
        longest[subject] = max(longest.get(subject, 0), seconds)
    tops = {s: next((a for a in above(s) if a in longest), s) for s in longest}
    place_s: dict[str, int] = {}
    for subject, top in tops.items():
        place_s[top] = max(place_s.get(top, 0), longest[subject])
    found = []
    for (subject, part), (value, seconds) in told.items():
        told_above = max((longest[a] for a in above(subject) if a in longest), default=0)
        if (rest := seconds - told_above) > 0:
            found.append(Share(subject, part, value, rest, place_s[tops[subject]]))
    return found


def over_time(share: Share) -> float:
    """What a reading adds to a mean over the time that its place is known."""
    return share.value if share.seconds == share.of_s else share.value * share.seconds / share.of_s


def known_s(view: View, metrics: Iterable[str]) -> int:
    """For how many seconds those of these metrics that anything tells are, each by any subject."""
    times = []
    for metric in metrics:
        covered = view.covered.get(metric, {})
        if told := view.readings.get(metric):
            times.append(max(covered.get(place, view.width_s) for place in told))
    return min(view.width_s, *times) if times else view.width_s


# -- two metrics beside each other -----------------------------------------------------------------


class Pair(NamedTuple):
    """Two means of one subject or place, and the share of the time that both are known."""

    top: float
    bottom: float
    weight: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """What can be compared, and why the rest can't."""

    pairs: tuple[Pair, ...]
    lacking: tuple[str, ...] = ()


def pairs_of(view: View, top: str, bottom: str) -> Pairs:
    """Of each subject that tells both, the two means over the time that both are known."""
    tops, bottoms = _by_subject(view, top), _by_subject(view, bottom)
    found = []
    for subject in tops.keys() & bottoms.keys():
        (over, over_s), (under, under_s) = tops[subject], bottoms[subject]
        seconds = min(over_s, under_s)
        found.append(Pair(over, under, 1.0 if seconds == view.width_s else seconds / view.width_s))
    return Pairs(tuple(found))


def paired_places(view: View, top: str, bottom: str) -> Pairs:
    """Of each place that tells one, it beside all of the other that is in it (see the module)."""
    tops, bottoms = _topmost(view, top), _topmost(view, bottom)
    found, lacking = [], []
    insides = {top: _by_place(tops), bottom: _by_place(bottoms)}
    for place in sorted(counted({*tops, *bottoms})):
        sides = {metric: inside.get(place, {}) for metric, inside in insides.items()}
        if not all(sides.values()):
            continue
        gaps = [gap for m, of in sides.items() if (gap := _gap(view, place, m, of))]
        lacking += gaps
        if not gaps:
            found.append(_pair(view, sides[top], sides[bottom]))
    return Pairs(tuple(found), tuple(lacking))


Told = dict[str, tuple[float, float]]
"""Subject -> its mean, and the seconds it is known."""


def _topmost(view: View, metric: str) -> Told:
    told = _by_subject(view, metric)
    stand = counted(told)
    return {subject: mean for subject, mean in told.items() if subject in stand}


def _by_place(told: Told) -> dict[str, Told]:
    """What lies in each place, itself included."""
    inside: dict[str, Told] = {}
    for subject, mean in told.items():
        for place in {*above(subject), subject}:
            inside.setdefault(place, {})[subject] = mean
    return inside


def _gap(view: View, place: str, metric: str, told: Told) -> str:
    """What a metric lacks of a place: pools with hosts of which nothing tells it."""
    if place in told or view.placed is None:
        return ""
    hosting = view.placed.hosting.get(site_of(place), ())
    pools = [pool for pool in hosting if lies_under(pool, place)]
    known = sum(_told(pool, told) for pool in pools)
    return "" if known == len(pools) else f"{metric} of {place}: {known} of {len(pools)} pools"


def why(pairs: Pairs) -> str:
    """What was left out, in words: the first few places."""
    if not pairs.lacking:
        return ""
    rest = len(pairs.lacking) - 3
    said = "; ".join(pairs.lacking[:3])
    return f"left out where not all is known: {said}" + (f"; {rest} more" if rest > 0 else "")


def _told(pool: str, by: Mapping[str, object]) -> bool:
    return pool in by or any(place in by for place in above(pool))


def _by_subject(view: View, metric: str) -> Told:
    """Each subject's mean over the time that it counts for, all parts together, and that time."""
    found: dict[str, list[Share]] = {}
    for share in shares(view, metric):
        found.setdefault(share.subject, []).append(share)
    told = {}
    for subject, some in found.items():
        seconds = max(s.seconds for s in some)
        values = (s.value if s.seconds == seconds else s.value * s.seconds / seconds for s in some)
        told[subject] = math.fsum(values), seconds
    return told


def _pair(view: View, tops: Told, bottoms: Told) -> Pair:
    """Two sides of one place, each its mean over all of the time, and the share of it known."""
    over, top_s = _side(view, tops)
    under, bottom_s = _side(view, bottoms)
    seconds = min(top_s, bottom_s)
    return Pair(over, under, 1.0 if seconds == view.width_s else seconds / view.width_s)


def _side(view: View, told: Told) -> tuple[float, float]:
    """The sum of means over all of the time; and how much of it is known of all of them.

    A pool that was there for half of the time adds half of its mean, and lacks nothing.
    """
    width, known = view.width_s, float(view.width_s)
    values = []
    for subject, (value, seconds) in told.items():
        there = _there_s(view, subject, seconds)
        values.append(value if there == width else value * there / width)
        if seconds < there:
            known = min(known, width * seconds / there)
    return math.fsum(values), known


def _there_s(view: View, subject: str, seconds: float) -> float:
    """For how long a subject was there to be measured, in seconds."""
    if view.placed is None:
        return view.width_s
    hosting = view.placed.hosting.get(site_of(subject), {})
    inside = [hosting[subject]] if subject in hosting else []
    inside = inside or [part for pool, part in hosting.items() if lies_under(pool, subject)]
    if inside:
        return max(seconds, min(1.0, max(inside)) * view.width_s)
    # A site's or a domain's meter; else a pool that there is no more.
    return view.width_s if not above(subject) else seconds
