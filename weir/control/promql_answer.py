"""What an expression of PromQL is worth at some moments, of series that are handed in.

Pure: who asks gives a way to read the series that fit a selector (`Reading`), and gets numbers or a
vector. Laws and errors are Prometheus'; where a function means less here it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from weir.control.promql_functions import absent, called
from weir.control.promql_joins import calculated
from weir.control.promql_times import KEEPS_NAME, OVER_TIME, Track, over_time
from weir.control.promql_values import Floats, Labels, Vector, aggregated, bare, stacked
from weir.core.promql import (
    Aggregate,
    At,
    Binary,
    Call,
    Expression,
    NotSupported,
    Selector,
    Subquery,
    Text,
)

Reading = Callable[[Selector, float, float, int], Sequence[Track]]
"""(selector, begin, end, for how many moments) -> the series, as far as they are known then"""

LOOKBACK_S = 300.0
MAX_VALUES = 4_000_000
"""Most series times moments of one vector."""

MAX_MOMENTS = 11_000


@dataclass(frozen=True, slots=True)
class Question:
    """Series, and the first and last moment that was asked for (`@ start()`, `@ end()`)."""

    read: Reading
    begin: float
    end: float


def answered(q: Question, of: Expression, times: Floats) -> Floats | Vector | str:
    """Its value at each of the times. Raises `NotSupported` and `NotMatched`."""
    match of:
        case float():
            return np.full(len(times), of)
        case Text():
            return of.value
        case Selector():
            if of.window_s:
                raise NotSupported("a selector with a time such as [5m] needs a function of it")
            return _instant(q, of, times)
        case Aggregate():
            inner = answered(q, of.of, times)
            assert isinstance(inner, Vector), "the language's reader has seen to it"
            said = None if of.parameter is None else answered(q, of.parameter, times)
            assert not isinstance(said, Vector), "the language's reader has seen to it"
            return aggregated(of, inner, said)
        case Binary():
            left, right = answered(q, of.left, times), answered(q, of.right, times)
            assert not isinstance(left, str)
            assert not isinstance(right, str)
            return calculated(of, left, right)
        case Call():
            return _called(q, of, times)
    raise NotSupported("a time such as [1h:1m] needs a function of it")


def _called(q: Question, of: Call, times: Floats) -> Floats | Vector:
    if of.function == "timestamp" and isinstance(of.arguments[0], Selector):
        return _instant(q, of.arguments[0], times, when=True)
    if of.function == "absent_over_time":
        inner = _windows(q, "present_over_time", of.arguments, times)
        return absent(of.arguments[0], inner, times)
    if of.function in OVER_TIME:
        return _windows(q, of.function, of.arguments, times)
    arguments = [answered(q, argument, times) for argument in of.arguments]
    if of.function == "absent":
        assert isinstance(arguments[0], Vector), "the language's reader has seen to it"
        return absent(of.arguments[0], arguments[0], times)
    if of.function == "timestamp":
        vector = arguments[0]
        assert isinstance(vector, Vector), "the language's reader has seen to it"
        told = np.broadcast_to(times, vector.values.shape)
        rows = zip(map(bare, vector.labels), told, vector.there, strict=True)
        return stacked(rows, len(times))
    return called(of.function, arguments, times)


def _shifted(q: Question, at: At, offset_s: float, times: Floats) -> Floats:
    """The moments that a selector is looked at for these."""
    if at is None:
        return times - offset_s
    moment = {"start": q.begin, "end": q.end}[at] if isinstance(at, str) else at
    return np.full(len(times), moment - offset_s)


def _room(series: int, times: Floats) -> None:
    if series * len(times) > MAX_VALUES:
        raise NotSupported(
            f"that is {series} series at {len(times)} moments, more than {MAX_VALUES} values; "
            "ask for fewer series or a longer step"
        )


def _instant(q: Question, of: Selector, times: Floats, *, when: bool = False) -> Vector:
    """What is known of each moment: the newest bucket that begins at it or shortly before."""
    moments = _shifted(q, of.at, of.offset_s, times)
    tracks = q.read(of, float(moments.min()) - LOOKBACK_S, float(moments.max()), len(times))
    _room(len(tracks), times)
    rows = []
    for track in tracks:
        place = np.searchsorted(track.at, moments, side="right") - 1
        begun = track.at[np.maximum(place, 0)]
        there = (place >= 0) & (moments - begun < max(LOOKBACK_S, 2 * track.width))
        values = begun if when else track.value[np.maximum(place, 0)]
        rows.append((bare(track.labels) if when else track.labels, values, there))
    return stacked(rows, len(times))


def _windows(q: Question, function: str, said: Sequence[Expression], times: Floats) -> Vector:
    """A function of what lies in the window before each moment."""
    [place] = [n for n, of in enumerate(said) if isinstance(of, Subquery | Selector)]
    of = said[place]
    assert isinstance(of, Subquery | Selector)
    more = []
    for argument in (*said[:place], *said[place + 1 :]):
        value = answered(q, argument, times)
        assert isinstance(value, np.ndarray), "the language's reader has seen to it"
        more.append(value)
    moments = _shifted(q, of.at, of.offset_s, times)
    begin, end = float(moments.min()) - of.window_s, float(moments.max())
    tracks = _steps(q, of, begin, end) if isinstance(of, Subquery) else q.read(of, begin, end, 0)
    _room(len(tracks), times)
    rows = []
    for track in tracks:
        values, there = over_time(function, track, moments, of.window_s, more)
        labels: Labels = track.labels if function in KEEPS_NAME else bare(track.labels)
        rows.append((labels, values, there))
    return stacked(rows, len(times))


def _steps(q: Question, of: Subquery, begin: float, end: float) -> list[Track]:
    """An expression at the multiples of a step, as series: each value stands for one look."""
    first = (begin // of.step_s + 1) * of.step_s
    if (end - first) / of.step_s > MAX_MOMENTS:
        raise NotSupported(f"a subquery has {MAX_MOMENTS} steps at most; give it a longer one")
    times = np.arange(first, end + of.step_s / 1e6, of.step_s)
    if not len(times):
        return []
    inner = answered(q, of.of, times)
    if isinstance(inner, np.ndarray):
        inner = Vector(((),), inner[None, :], np.ones((1, len(times)), bool))
    assert isinstance(inner, Vector), "the language's reader has seen to it"
    tracks = []
    for labels, values, there in zip(inner.labels, inner.values, inner.there, strict=True):
        some = values[there]
        looks = np.ones(len(some))
        tracks.append(Track(labels, times[there], some, some, looks, some, some, of.step_s))
    return tracks
