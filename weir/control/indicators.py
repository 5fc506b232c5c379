"""Indicators and series over time: from the totals that were worked out, or from series below one.

A question about everything below this domain is answered from totals; one about a site, a pool or
another domain from the series that lie in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from weir.control.context import Context
from weir.core.errors import BadInput, Mistake, NotFound
from weir.core.indicator_readings import flat, readings_of
from weir.core.indicators import INDICATORS, Indicator, Readings, View
from weir.core.metrics import METRICS
from weir.core.series import WIDTHS, Bucket, Key, start_of, tier_for
from weir.store import series as rows_of
from weir.store.series_totals import read_totals
from weir.wire.series import (
    GapAnswer,
    HistoryOfIndicator,
    IndicatorsAnswer,
    SeriesAnswer,
)

MAX_POINTS = 11_000
"""Most buckets of time that one question may cover, as Prometheus has it."""

MAX_SERIES = 5_000
"""Most series that one question about series may cover."""

LIVE_S = {10: 60, 60: 240}
"""How far back the newest value of a series counts as being of now, by the width it came in."""

LIVE_SERIES = 5_000
"""With more series than this, `now` is the newest minute's totals, not each series' newest."""


def history(
    ctx: Context,
    begin: float,
    end: float,
    step_s: float,
    *,
    names: Sequence[str] = (),
    under: str | None = None,
) -> IndicatorsAnswer:
    """Indicators over [begin, end). Raises `NotFound` for a name, `BadInput` for a bad time.

    Those of all places together are worked out minute by minute: of them no step is shorter.
    """
    wanted = _wanted(names)
    least_s = WIDTHS[1] if under is None else 0.0
    width = _width(ctx, begin, end, max(step_s, least_s) if step_s > 0 else step_s)
    first, last = start_of(begin, width), int(end)
    with ctx.store.read() as tx:
        gaps = rows_of.gaps(tx, begin, end)
        if under is None:
            rows: Iterable[tuple[int, str, str, float]] = read_totals(
                tx, width, first, last, [i.name for i in wanted] if names else None
            )
        else:
            rows = _rows_under(tx, wanted, under, width, first, last)
    points: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    for at, name, part, value in rows:
        points[(name, part)].append((float(at), value))
    parts: dict[str, list[str]] = defaultdict(list)
    for name, part in points:
        parts[name].append(part)
    return IndicatorsAnswer(
        begin=begin,
        end=end,
        step_s=width,
        under=under,
        indicators=tuple(_answer(i, width, points, parts[i.name]) for i in wanted),
        gaps=tuple(GapAnswer(cluster=c, begin=b, end=e, reason=r) for c, b, e, r in gaps),
    )


def _wanted(names: Sequence[str]) -> list[Indicator]:
    known = {i.name: i for i in INDICATORS}
    missing = sorted(set(names) - set(known))
    if missing:
        raise NotFound(f"no indicator is called {', '.join(missing)}; see `weir indicators`")
    return [known[name] for name in names] if names else list(INDICATORS)


def _width(ctx: Context, begin: float, end: float, step_s: float) -> int:
    mistakes = []
    if not begin < end:
        mistakes.append(Mistake("to", "must be after `from`"))
    if not step_s > 0:
        mistakes.append(Mistake("step", "must be above 0 seconds"))
    if not mistakes:
        width = tier_for(step_s, end - begin, ctx.now() - begin, ctx.settings.retention_s)
        if (end - begin) / width <= MAX_POINTS:
            return width
        mistakes.append(Mistake("step", f"gives more than {MAX_POINTS} points; ask for fewer"))
    raise BadInput("this time can't be answered", mistakes)


def _rows_under(
    tx: Connection, wanted: Sequence[Indicator], under: str, width: int, begin: int, end: int
) -> list[tuple[int, str, str, float]]:
    """at, indicator, part, value, from the series that lie in `under`."""
    metrics = {m for i in wanted for m in i.metrics}
    keys = {row.id: row.key for row in rows_of.listed(tx, metrics=metrics, under=under)}
    found = rows_of.read(tx, width, list(keys), begin, end)
    by_time: dict[int, list[tuple[int, Bucket]]] = defaultdict(list)
    for number, buckets in found.items():
        for at, bucket in buckets.items():
            by_time[at].append((number, bucket))
    rows = []
    for at in sorted(by_time):
        view = View((), {}, readings_of(keys, by_time[at]), width)
        for indicator in wanted:
            if indicator.metrics:
                rows += [(at, *total) for total in flat(indicator, view)]
    return rows


def _answer(
    indicator: Indicator,
    width: int,
    points: Mapping[tuple[str, str], list[tuple[float, float]]],
    parts: Sequence[str],
) -> HistoryOfIndicator:
    return HistoryOfIndicator(
        name=indicator.name,
        label=indicator.label,
        label_zh=indicator.label_zh,
        unit=indicator.unit,
        law=indicator.law,
        definition=indicator.definition,
        step_s=width,
        points=tuple(points[(indicator.name, "")]) if "" in parts else (),
        by={part: tuple(points[(indicator.name, part)]) for part in sorted(parts) if part},
    )


def series_over_time(
    ctx: Context,
    begin: float,
    end: float,
    step_s: float,
    *,
    metrics: Sequence[str] = (),
    under: str | None = None,
) -> list[SeriesAnswer]:
    """Series of these metrics, or of all, that lie in `under` or anywhere."""
    unknown = sorted(set(metrics) - set(METRICS))
    if unknown:
        raise NotFound(f"no metric is called {', '.join(unknown)}")
    width = _width(ctx, begin, end, step_s)
    with ctx.store.read() as tx:
        rows = rows_of.listed(tx, metrics=metrics or None, under=under)
        if len(rows) > MAX_SERIES:
            raise BadInput(f"that is {len(rows)} series, more than {MAX_SERIES}; ask for fewer")
        ids = [row.id for row in rows]
        found = rows_of.read(tx, width, ids, start_of(begin, width), int(end))
    return [_series(row.key, width, found[row.id]) for row in rows if found[row.id]]


def _series(key: Key, width: int, buckets: Mapping[int, Bucket]) -> SeriesAnswer:
    metric = METRICS[key.metric]
    return SeriesAnswer(
        subject=key.subject,
        metric=key.metric,
        part=key.part,
        unit=metric.unit,
        step_s=width,
        points=tuple(
            (float(at), metric.value(b), b.least, b.most, b.n) for at, b in sorted(buckets.items())
        ),
    )


def readings_now(tx: Connection, now: float) -> tuple[Readings, int] | None:
    """The newest reading of every series, and the seconds it covers; None if there are too many."""
    rows = rows_of.listed(tx)
    if len(rows) > LIVE_SERIES:
        return None
    keys = {row.id: row.key for row in rows}
    newest: dict[int, Bucket] = {}
    for width in reversed(WIDTHS[:2]):  # the finer one stands where there are both
        for at in range(start_of(now - LIVE_S[width], width), int(now) + 1, width):
            newest.update(rows_of.at_once(tx, width, at))
    return readings_of(keys, newest.items()), WIDTHS[0]


def totals_now(tx: Connection, now: float) -> dict[str, dict[str, float]]:
    """The newest minute's totals, by indicator and part."""
    begin = start_of(now - LIVE_S[60], 60)
    found: dict[str, dict[str, float]] = {}
    newest = 0
    for at, name, part, value in read_totals(tx, 60, begin, int(now) + 1):
        if at > newest:
            newest, found = at, {}
        found.setdefault(name, {})[part] = value
    return found


def at_time(
    ctx: Context, at: float, *, names: Sequence[str] = (), under: str | None = None
) -> IndicatorsAnswer:
    """Every indicator at one moment of the past: of the finest bucket kept that it falls into."""
    width = max(60, tier_for(60, 60, ctx.now() - at, ctx.settings.retention_s))
    begin = start_of(at, width)
    return history(ctx, begin, begin + width, width, names=names, under=under)
