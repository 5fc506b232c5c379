"""Measured amounts summed over each site, bucket by bucket: what the scheduler's surroundings are
worked out from.

Laws:
- A subject counts unless something above it in its site tells the same metric (`core.series`).
- A site is named by the body of its identifier (`core.series.body_of`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from weir.core.metrics import METRICS
from weir.core.series import counted, is_host, site_of, start_of
from weir.store import series as rows_of

HOUR_S = 3600
MINUTE_S = 60
DAY_S = 86400

Over = Mapping[int, float]
"""Values by the begin of their bucket, seconds since 1970."""


def by_site(
    tx: Connection, metrics: Iterable[str], width: int, begin: float, end: float
) -> dict[str, dict[str, dict[int, float]]]:
    """Metric -> site -> begin of a bucket of `width` s -> the sum there, in the metric's unit.

    Buckets that begin in [begin, end); what was not told is left out.
    """
    rows = [r for r in rows_of.listed(tx, metrics=metrics) if not is_host(r.key.subject)]
    subjects: dict[str, set[str]] = {}
    for row in rows:
        subjects.setdefault(row.key.metric, set()).add(row.key.subject)
    stand = {metric: counted(all_of_it) for metric, all_of_it in subjects.items()}
    rows = [r for r in rows if r.key.subject in stand[r.key.metric]]
    first = start_of(begin + width - 1, width)
    found = rows_of.read(tx, width, [r.id for r in rows], first, int(end))
    sums: dict[str, dict[str, dict[int, float]]] = {}
    for row in rows:
        metric = METRICS[row.key.metric]
        site = sums.setdefault(metric.name, {}).setdefault(site_of(row.key.subject), {})
        for at, bucket in found[row.id].items():
            site[at] = site.get(at, 0.0) + metric.value(bucket)
    return sums
