"""Buckets of one time as what indicators are computed from, and an indicator's value as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from weir.core.indicator_laws import Indicator, View
from weir.core.indicator_view import RACK_W, Placed, Readings, known_s
from weir.core.metrics import METRICS
from weir.core.series import Bucket, Key

Total = tuple[str, str, float, int | None]
"""indicator, part ("": the whole), value, seconds of which it is known (None: all)"""

Bare = tuple[str, str, float]
"""The same, known of all of its time."""


def readings_of(keys: Mapping[int, Key], buckets: Iterable[tuple[int, Bucket]]) -> Readings:
    """Buckets of one time as readings; of a series without a key nothing is said."""
    return view_at(keys, buckets, 0).readings


def view_at(
    keys: Mapping[int, Key],
    buckets: Iterable[tuple[int, Bucket]],
    width: int,
    placed: Placed | None = None,
    rack_w: int = RACK_W,
) -> View:
    """Buckets of one time and of one width as a view, with what they cover of it."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    covered: dict[str, dict[tuple[str, str], int]] = {}
    for number, bucket in buckets:
        key = keys.get(number)
        metric = None if key is None else METRICS.get(key.metric)
        if key is not None and metric is not None:
            place = (key.subject, key.part)
            found.setdefault(key.metric, {})[place] = metric.value(bucket)
            if bucket.covered_s is not None and bucket.covered_s != width:
                covered.setdefault(key.metric, {})[place] = bucket.covered_s
    return View((), {}, found, width, covered, placed, rack_w)


def flat(indicator: Indicator, view: View) -> list[Total]:
    """An indicator's value and parts as rows; unknown has none."""
    measured = indicator.measure(view)
    rows = [] if measured.value is None else [("", measured.value)]
    rows += [(part, cast(float, v)) for part, v in measured.by.items() if v is not None]
    if not rows:
        return []
    known = known_s(view, indicator.metrics) if view.covered else view.width_s
    seconds = None if known == view.width_s else known
    return [(indicator.name, part, float(value), seconds) for part, value in rows]
