"""Series of the domain's own database, read for an expression of PromQL.

A series is called `weir_` and its metric, with the labels `subject`, `part` and `site`. What is
known of a moment is the newest bucket that begins at it or before, within five minutes, as
Prometheus looks back.

Laws:
- Minutes are read where they are kept and not too many, ten seconds where the question is that
  fine, wider buckets otherwise; and the narrower ones of what has come since the last wide one.
- An amount (metrics of the kind `delta`) is told by the minute, whatever bucket it comes from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from sqlalchemy import Connection

from weir.control.context import Context
from weir.control.promql_answer import MAX_MOMENTS, Question, answered
from weir.control.promql_times import Track
from weir.control.promql_values import Floats, Vector, sorted_labels
from weir.control.series import closed_before
from weir.core.metrics import METRICS, MetricKind
from weir.core.promql import Expression, Matcher, NotSupported, Selector
from weir.core.series import WIDTHS, Key, site_of, start_of
from weir.store import series as rows_of

MAX_SERIES = 20_000
MINUTE_S = 60
MANY, TOO_MANY = 250_000, 2_000_000
"""Buckets of one selector: above the first wider ones are read, above the second none."""

PREFIX = "weir_"


@dataclass(frozen=True, slots=True)
class Line:
    """One series of an answer: its labels and (time, value)."""

    labels: dict[str, str]
    points: Sequence[tuple[float, float]]


def query(
    ctx: Context, of: Expression, begin: float, end: float, step_s: float
) -> Floats | str | list[Line]:
    """The value of an expression at begin, begin + step ... end: of a number, text or series.

    Raises `NotSupported` and `NotMatched`. Of one moment series stand in the order that the
    expression gives them, else by their labels.
    """
    if step_s <= 0:
        raise NotSupported("zero or negative query resolution step widths are not accepted")
    if end < begin:
        raise NotSupported("end timestamp must not be before start time")
    if (end - begin) / step_s > MAX_MOMENTS:
        raise NotSupported(f"exceeded maximum resolution of {MAX_MOMENTS:,} points per timeseries")
    times: Floats = begin + step_s * np.arange(int((end - begin) / step_s + 1e-9) + 1, dtype=float)
    with ctx.store.read() as tx:
        found = answered(Question(_Reader(ctx, tx, step_s).read, begin, end), of, times)
    if not isinstance(found, Vector):
        return found
    lines = [
        Line(dict(labels), list(zip(times[there].tolist(), values[there].tolist(), strict=True)))
        for labels, values, there in zip(found.labels, found.values, found.there, strict=True)
        if there.any()
    ]
    return lines if len(times) == 1 else sorted(lines, key=lambda line: sorted(line.labels.items()))


def looked_at(ctx: Context, of: Selector, at: float) -> list[Line]:
    """The buckets themselves within the window of a selector that ends at a moment."""
    until = (of.at if isinstance(of.at, float) else at) - of.offset_s
    begin = until - of.window_s
    with ctx.store.read() as tx:
        tracks = _Reader(ctx, tx, float(MINUTE_S)).read(of, begin, until, 0)
    lines = []
    for track in tracks:
        inside = (track.at > begin) & (track.at <= until)
        points = zip(track.at[inside].tolist(), track.value[inside].tolist(), strict=True)
        lines.append(Line(dict(track.labels), list(points)))
    return [line for line in lines if line.points]


def matching(tx: Connection, matchers: Iterable[Matcher]) -> list[rows_of.SeriesRow]:
    """The series whose labels fit."""
    wanted = list(matchers)
    name = next((m.value for m in wanted if m.label == "__name__" and m.op == "="), None)
    if name is not None and not name.startswith(PREFIX):
        return []
    metrics = None if name is None else [name.removeprefix(PREFIX)]
    return [
        row
        for row in rows_of.listed(tx, metrics=metrics)
        if row.key.metric in METRICS
        and all(m.fits(labels_of(row.key).get(m.label, "")) for m in wanted)
    ]


def labels_of(key: Key) -> dict[str, str]:
    """A series' labels; an empty one is none."""
    labels = {"__name__": PREFIX + key.metric, "subject": key.subject, "part": key.part}
    labels["site"] = site_of(key.subject)
    return {name: value for name, value in labels.items() if value}


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads series for a question whose moments are so far apart."""

    ctx: Context
    tx: Connection
    step_s: float

    def read(self, of: Selector, begin: float, end: float, _moments: int) -> list[Track]:
        """The series that fit, as far as they are known from `begin` to `end`."""
        rows = {row.id: row.key for row in matching(self.tx, of.matchers)}
        if len(rows) > MAX_SERIES:
            raise NotSupported(f"that is {len(rows)} series, more than {MAX_SERIES}; ask for fewer")
        base = self._width(of, len(rows), begin, end)
        found = self._columns(base, sorted(rows), begin, end)
        # What came in wider buckets only is looked for there.
        for wide in (w for w in WIDTHS if base < w <= max(base, 900)):
            missing = sorted(set(rows) - set(found))
            if missing:
                found |= self._columns(wide, missing, begin, end)
        tracks = [_track(rows[number], *found[number]) for number in found]
        return sorted(tracks, key=lambda track: track.labels)

    def _width(self, of: Selector, series: int, begin: float, end: float) -> int:
        """The narrowest buckets that are kept so long and are not too many."""
        fine = of.window_s < 2 * MINUTE_S if of.window_s else self.step_s < MINUTE_S
        age, kept = self.ctx.now() - begin, self.ctx.settings.retention_s
        enough = [w for w in WIDTHS if kept.get(w, 0) >= age] or [WIDTHS[-1]]
        wanted = [w for w in enough if w >= (WIDTHS[0] if fine else MINUTE_S)]
        count = series * max(end - begin, 1.0)
        width = next((w for w in wanted if count / w <= MANY), wanted[-1])
        if count / width > TOO_MANY:
            raise NotSupported(
                f"that is {series} series over {(end - begin) / 3600:.0f} h; ask for fewer"
            )
        return width

    def _columns(
        self, width: int, ids: Sequence[int], begin: float, end: float
    ) -> dict[int, tuple[Floats, Floats]]:
        """Of each series the widths of its buckets, and these, as columns; in the order of time."""
        found: dict[int, list[tuple[Floats, Floats]]] = {}
        since = dict.fromkeys(ids, -np.inf)
        first = begin - width
        for wide in reversed([w for w in WIDTHS if w == width or MINUTE_S <= w < width]):
            read = np.array(rows_of.columns(self.tx, wide, ids, int(first), int(end) + 1), float)
            for number, some in _by_series(read):
                new = some[some[:, 1] >= since[number]]
                if len(new):
                    found.setdefault(number, []).append((np.full(len(new), float(wide)), new))
                    since[number] = new[-1, 1] + wide
            # From the last that has ended on: it may not be rolled up yet.
            first = max(first, start_of(closed_before(self.ctx.now(), wide) - 1, wide))
            if first > end:
                break
        return {
            number: (np.concatenate([w for w, _ in of]), np.concatenate([c for _, c in of]))
            for number, of in found.items()
        }


def _by_series(read: Floats) -> Iterable[tuple[int, Floats]]:
    """Rows by their series, each in the order of time."""
    if not len(read):
        return
    read = read[np.lexsort((read[:, 1], read[:, 0]))]
    for some in np.split(read, np.flatnonzero(np.diff(read[:, 0])) + 1):
        yield int(some[0, 0]), some


def _track(key: Key, widths: Floats, columns: Floats) -> Track:
    _, at, n, total, least, most, covered = columns.T
    adds = METRICS[key.metric].kind is MetricKind.DELTA
    # Of a minute what is known is told for all of it; of wider buckets for the time they cover.
    seconds = np.where(np.isnan(covered) | (widths <= MINUTE_S), widths, covered)
    minutes = seconds / MINUTE_S
    value = total / minutes if adds else total / n
    return Track(
        labels=sorted_labels(labels_of(key)),
        at=at,
        value=value,
        amount=total if adds else value * minutes,
        minutes=minutes,
        least=value if adds else least,
        most=value if adds else most,
        width=float(widths.max()),
        adds=adds,
    )
