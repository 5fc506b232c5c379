"""Samples in the domain's own database, by the interface that other stores have too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from weir.core.metrics import METRICS
from weir.store import series as rows_of
from weir.store.engine import Store
from weir.store.series_base import Readings
from weir.wire.samples import Point


class SqlSeries:
    """The default."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def write(self, width: int, points: Sequence[Point]) -> None:
        """Keep these, in one transaction."""
        with self._store.write() as tx:
            numbers = rows_of.add(tx, sorted({p.key for p in points}), "")
            rows: list[rows_of.Row] = [
                (width, p.at, numbers[p.key], b.n, b.total, b.least, b.most, b.last)
                for p in points
                for b in (p.bucket,)
            ]
            rows_of.put(tx, rows, [p.bucket.covered_s for p in points])

    def read(self, width: int, metrics: Iterable[str], begin: int, end: int) -> Readings:
        """The values of these metrics' buckets that begin in [begin, end)."""
        with self._store.read() as tx:
            keys = {row.id: row.key for row in rows_of.listed(tx, metrics=metrics)}
            found = rows_of.read(tx, width, sorted(keys), begin, end)
        return {
            keys[n]: {at: METRICS[keys[n].metric].value(b) for at, b in buckets.items()}
            for n, buckets in found.items()
            if buckets
        }
