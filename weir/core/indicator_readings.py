"""Buckets of one time as what indicators are computed from, and an indicator's value as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import cast

from weir.core.indicator_laws import Indicator, Readings, View
from weir.core.metrics import METRICS
from weir.core.series import Bucket, Key

Total = tuple[str, str, float]
"""indicator, part ("": the whole), value"""


def readings_of(keys: Mapping[int, Key], buckets: Iterable[tuple[int, Bucket]]) -> Readings:
    """Buckets of one time as readings; of a series without a key nothing is said."""
    found: dict[str, dict[tuple[str, str], float]] = {}
    for number, bucket in buckets:
        key = keys.get(number)
        metric = None if key is None else METRICS.get(key.metric)
        if key is not None and metric is not None:
            values = found.setdefault(key.metric, {})
            values[(key.subject, key.part)] = metric.value(bucket)
    return found


def flat(indicator: Indicator, view: View) -> list[Total]:
    """An indicator's value and parts as rows; unknown has none."""
    measured = indicator.measure(view)
    rows = [] if measured.value is None else [("", measured.value)]
    rows += [(part, cast(float, v)) for part, v in measured.by.items() if v is not None]
    return [(indicator.name, part, float(value)) for part, value in rows]
