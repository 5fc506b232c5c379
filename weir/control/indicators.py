"""Indicators and series over time: from the totals that were worked out, or from series below one.

A question about everything below this domain is answered from totals; one about a site, a pool or
another domain from the series that lie in it, and from what was noted of the pools there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.pools_past import HELD, HELD_METRICS, NOTED, held_of, notes_of, of_pools
from weir.core.errors import BadInput, Mistake, NotFound
from weir.core.indicator_readings import flat, readings_of, view_at
from weir.core.indicators import INDICATORS, Indicator, Measured, Readings
from weir.core.inventory_past import Notes, first_noted, placed_over, stretches
from weir.core.inventory_past import at_time as at_moment
from weir.core.metrics import METRICS, OF_ONE_COUNT
from weir.core.series import WIDTHS, Bucket, Key, start_of, tier_for
from weir.store import series as rows_of
from weir.store.series_totals import read_covered, read_totals
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
    most_series: int | None = None,
) -> IndicatorsAnswer:
    """Indicators over [begin, end). Raises `NotFound` for a name, `BadInput` for a bad time, or for
    a place with more than `most_series` series.

    Those of all places together are worked out minute by minute: of them no step is shorter.
    """
    wanted = _wanted(names)
    least_s = WIDTHS[1] if under is None else 0.0
    width = _width(ctx, begin, end, max(step_s, least_s) if step_s > 0 else step_s)
    first, last = start_of(begin, width), int(end)
    with ctx.store.read() as tx:
        gaps = rows_of.gaps(tx, begin, end)
        rows: Iterable[Row]
        if under is None:
            rows = read_covered(tx, width, first, last, [i.name for i in wanted] if names else None)
        else:
            rows = rows_under(ctx, tx, wanted, under, width, first, last, most_series)
    points: dict[tuple[str, str], list[tuple[float, float]]] = defaultdict(list)
    known: dict[str, dict[int, int]] = defaultdict(dict)
    for at, name, part, value, covered in rows:
        points[(name, part)].append((float(at), value))
        known[name][at] = width if covered is None else covered
    parts: dict[str, list[str]] = defaultdict(list)
    for name, part in points:
        parts[name].append(part)
    span = max(1.0, min(end, ctx.now()) - first)
    shares = {name: min(1.0, sum(of.values()) / span) for name, of in known.items()}
    return IndicatorsAnswer(
        begin=begin,
        end=end,
        step_s=width,
        under=under,
        indicators=tuple(
            _answer(i, width, points, parts[i.name], shares.get(i.name, 0.0)) for i in wanted
        ),
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


Row = tuple[int, str, str, float, int | None]
"""Begin of a bucket, indicator, part, value, seconds known (None: all)"""


def rows_under(
    ctx: Context,
    tx: Connection,
    wanted: Sequence[Indicator],
    under: str,
    width: int,
    begin: int,
    end: int,
    most_series: int | None = None,
) -> list[Row]:
    """From the series that lie in `under`, and from what was noted of the pools there. Raises
    `BadInput` where there are more than `most_series`.
    """
    metrics = {m for i in wanted for m in i.metrics}
    if any(i.name in HELD for i in wanted):
        metrics |= set(HELD_METRICS)
    keys = {row.id: row.key for row in rows_of.listed(tx, metrics=metrics, under=under)}
    if most_series is not None and len(keys) > most_series:
        raise BadInput(f"that is {len(keys)} series, more than {most_series}; ask for a part of it")
    found = rows_of.read(tx, width, list(keys), begin, end)
    by_time: dict[int, list[tuple[int, Bucket]]] = defaultdict(list)
    for number, buckets in found.items():
        for at, bucket in buckets.items():
            by_time[at].append((number, bucket))
    notes = notes_of(tx, begin, end + width, under)
    rows: list[Row] = []
    for at in sorted(by_time):
        placed = placed_over(notes, at, at + width) if notes else None
        view = view_at(keys, by_time[at], width, placed, ctx.settings.rack_w)
        for indicator in wanted:
            if indicator.metrics:
                rows += [(at, *total) for total in flat(indicator, view)]
        pools = at_moment(notes, at + width - 1)
        held = held_of(view.readings)
        for indicator in wanted:
            if indicator.name in HELD and pools:
                rows += _noted(at, indicator, of_pools(indicator, pools, held))
    return rows + _rows_of_notes(wanted, notes, width, begin, min(end, int(ctx.now())))


def _rows_of_notes(
    wanted: Sequence[Indicator], notes: Notes, width: int, begin: int, end: int
) -> list[Row]:
    """Inventory at the end of each bucket, worked out anew only where something has changed."""
    chosen = [i for i in NOTED if i in wanted]
    first = first_noted(notes)
    if not chosen or first is None:
        return []
    rows: list[Row] = []
    for begins, ends, pools in stretches(notes, max(begin, start_of(first, width)), end + width):
        told = [(i, of_pools(i, pools, {})) for i in chosen] if pools else []
        # Buckets whose last second lies in this stretch.
        for at in range(start_of(begins, width), min(ends - width + 1, end), width):
            if at + width > begins and told:
                rows += [row for i, m in told for row in _noted(at, i, m)]
    return rows


def _noted(at: int, indicator: Indicator, told: Measured) -> list[Row]:
    whole = [] if told.value is None else [("", told.value)]
    parts = [(part, value) for part, value in told.by.items() if value is not None]
    return [(at, indicator.name, part, float(value), None) for part, value in (*whole, *parts)]


def _answer(
    indicator: Indicator,
    width: int,
    points: Mapping[tuple[str, str], list[tuple[float, float]]],
    parts: Sequence[str],
    coverage: float,
) -> HistoryOfIndicator:
    return HistoryOfIndicator(
        name=indicator.name,
        label=indicator.label,
        label_zh=indicator.label_zh,
        unit=indicator.unit,
        law=indicator.law,
        definition=indicator.definition,
        step_s=width,
        coverage=coverage,
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
        covered_s=tuple(b.seconds(width) for _, b in sorted(buckets.items())),
    )


def readings_now(
    tx: Connection, now: float, under: str | None = None
) -> tuple[Readings, int] | None:
    """The newest reading of every series, and the seconds it covers; None if there are too many.

    Of metrics that are told by part (health, state), a part that the newest bucket of its subject
    does not have is no longer there.
    """
    rows = rows_of.listed(tx, under=under)
    if len(rows) > LIVE_SERIES:
        return None
    keys = {row.id: row.key for row in rows}
    newest: dict[int, tuple[int, Bucket]] = {}
    for width in reversed(WIDTHS[:2]):  # the finer one stands where there are both
        begin = start_of(now - LIVE_S[width], width)
        if under is not None:
            found = rows_of.read(tx, width, list(keys), begin, int(now) + 1)
            newest.update({n: (max(of), of[max(of)]) for n, of in found.items() if of})
            continue
        for at in range(begin, int(now) + 1, width):
            newest.update({n: (at, bucket) for n, bucket in rows_of.at_once(tx, width, at)})
    last: dict[tuple[str, str], int] = {}
    for number, (at, _) in newest.items():
        if (key := keys.get(number)) is not None and key.metric in OF_ONE_COUNT:
            place = (key.subject, key.metric)
            last[place] = max(at, last.get(place, at))
    stand = (
        (number, bucket)
        for number, (at, bucket) in newest.items()
        if (key := keys.get(number)) is not None and at >= last.get((key.subject, key.metric), at)
    )
    return readings_of(keys, stand), WIDTHS[0]


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
