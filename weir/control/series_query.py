"""Questions as Prometheus takes them, answered from the domain's own rolled-up series.

A series is called `weir_` and its metric, with the labels `subject`, `part` and `site`. What is
known of a moment is the newest bucket that begins at it or before, within five minutes, as
Prometheus looks back. `rate` and `increase` are of amounts that were added (metrics of the kind
`delta`): of a bucket their sum is known.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from sqlalchemy import Connection

from weir.control.context import Context
from weir.core.metrics import METRICS, MetricKind
from weir.core.promql import (
    Aggregate,
    Arithmetic,
    Expression,
    Matcher,
    NotSupported,
    OverTime,
    Selector,
    calculated,
    parse,
)
from weir.core.series import WIDTHS, Bucket, Key, merged, site_of, tier_for
from weir.store import series as rows_of

LOOKBACK_S = 300
MAX_STEPS = 11_000
MAX_SERIES = 20_000
PREFIX = "weir_"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of an answer: its labels and (time, value)."""

    labels: Mapping[str, str]
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class _Known:
    """A series as far as it was read: begins of buckets, in order, and the buckets."""

    key: Key
    begins: Sequence[int]
    buckets: Sequence[Bucket]
    width: int


def query(ctx: Context, text: str, begin: float, end: float, step_s: float) -> float | list[Line]:
    """The value of an expression at begin, begin + step ... end. Raises `NotSupported`."""
    expression = parse(text)
    if step_s <= 0 or end < begin or (end - begin) / step_s > MAX_STEPS:
        raise NotSupported(f"a step must be above 0 and give {MAX_STEPS} points at most")
    times = [begin + n * step_s for n in range(int((end - begin) / step_s) + 1)]
    with ctx.store.read() as tx:
        found = _value(ctx, tx, expression, times, step_s)
    if isinstance(found, float):
        return found
    return [Line(dict(k), sorted(points.items())) for k, points in sorted(found.items()) if points]


Vector = dict[Labels, dict[float, float]]


def _value(
    ctx: Context, tx: Connection, of: Expression, times: Sequence[float], step_s: float
) -> float | Vector:
    if isinstance(of, float):
        return of
    if isinstance(of, Aggregate):
        inner = _value(ctx, tx, of.of, times, step_s)
        if isinstance(inner, float):
            raise NotSupported(f"{of.function} is of series, not of a number")
        return _aggregated(of, inner)
    if isinstance(of, Arithmetic):
        left = _value(ctx, tx, of.left, times, step_s)
        right = _value(ctx, tx, of.right, times, step_s)
        return _calculated(of.op, left, right)
    selector = of.of if isinstance(of, OverTime) else of
    known = _read(ctx, tx, selector, times, step_s)
    tell = _over(of) if isinstance(of, OverTime) else _instant
    vector: Vector = {}
    for series in known:
        points = {t: v for t in times if (v := tell(series, t)) is not None}
        labels = labels_of(series.key)
        if isinstance(of, OverTime):
            labels.pop("__name__")
        vector[tuple(sorted(labels.items()))] = points
    return vector


def _read(
    ctx: Context, tx: Connection, of: Selector, times: Sequence[float], step_s: float
) -> list[_Known]:
    rows = [row for row in matching(tx, of.matchers) if row.key.metric in METRICS]
    if len(rows) > MAX_SERIES:
        raise NotSupported(f"that is {len(rows)} series, more than {MAX_SERIES}; ask for fewer")
    begin = times[0] - max(LOOKBACK_S, of.window_s)
    step = of.window_s / 2 if of.window_s else min(step_s, LOOKBACK_S / 2)
    width = tier_for(step, 0, ctx.now() - begin, ctx.settings.retention_s)
    found: list[_Known] = []
    # What came in wider buckets only is looked for there: a parent has minutes.
    missing = {row.id: row.key for row in rows}
    for wide in (w for w in WIDTHS if width <= w <= max(width, 900)):
        read = rows_of.read(tx, wide, sorted(missing), int(begin) - wide, int(times[-1]) + 1)
        for number, buckets in read.items():
            if buckets:
                begins = sorted(buckets)
                key = missing.pop(number)
                found.append(_Known(key, begins, [buckets[at] for at in begins], wide))
        if not missing:
            break
    return found


def matching(tx: Connection, matchers: Iterable[Matcher]) -> list[rows_of.SeriesRow]:
    """The series whose labels fit."""
    wanted = list(matchers)
    name = next((m.value for m in wanted if m.label == "__name__" and m.op == "="), None)
    metrics = None if name is None else [name.removeprefix(PREFIX)]
    return [
        row
        for row in rows_of.listed(tx, metrics=metrics)
        if all(m.fits(labels_of(row.key).get(m.label, "")) for m in wanted)
    ]


def labels_of(key: Key) -> dict[str, str]:
    """A series' labels; an empty one is none."""
    labels = {"__name__": PREFIX + key.metric, "subject": key.subject, "part": key.part}
    labels["site"] = site_of(key.subject)
    return {name: value for name, value in labels.items() if value}


def _instant(series: _Known, at: float) -> float | None:
    place = bisect_right(series.begins, at) - 1
    if place < 0 or at - series.begins[place] > max(LOOKBACK_S, 2 * series.width):
        return None
    return METRICS[series.key.metric].value(series.buckets[place])


def _over(of: OverTime) -> Callable[[_Known, float], float | None]:
    def tell(series: _Known, at: float) -> float | None:
        first = bisect_right(series.begins, at - of.of.window_s)
        some = series.buckets[first : bisect_right(series.begins, at)]
        if not some:
            return None
        whole = merged(some)
        if of.function in ("rate", "increase"):
            if METRICS[series.key.metric].kind is not MetricKind.DELTA:
                raise NotSupported(
                    f"{series.key.metric} is no amount that adds up over time: it has no rate; "
                    "ask for its avg_over_time"
                )
            return whole.total / (of.of.window_s if of.function == "rate" else 1.0)
        return {
            "avg_over_time": whole.mean,
            "sum_over_time": whole.total,
            "min_over_time": whole.least,
            "max_over_time": whole.most,
            "last_over_time": whole.last,
        }[of.function]

    return tell


_FUNCTIONS: Mapping[str, Callable[[Sequence[float]], float]] = {
    "sum": fsum,
    "avg": lambda values: fsum(values) / len(values),
    "min": min,
    "max": max,
    "count": lambda values: float(len(values)),
}


def _aggregated(of: Aggregate, inner: Vector) -> Vector:
    groups: dict[Labels, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for labels, points in inner.items():
        kept = tuple((name, value) for name, value in labels if name in of.by)
        for at, value in points.items():
            groups[kept][at].append(value)
    function = _FUNCTIONS[of.function]
    return {
        labels: {at: function(values) for at, values in times.items()}
        for labels, times in groups.items()
    }


def _calculated(op: str, left: float | Vector, right: float | Vector) -> Vector:
    found: Vector = {}
    vector = right if isinstance(left, float) else left
    assert not isinstance(vector, float)
    for labels, points in vector.items():
        kept = tuple(pair for pair in labels if pair[0] != "__name__")
        found[kept] = {
            at: calculated(op, left, v) if isinstance(left, float) else calculated(op, v, right)  # type: ignore[arg-type]
            for at, v in points.items()
        }
    return found
