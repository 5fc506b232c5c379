"""PromQL's functions of a series over a window: what was measured within it, bucket by bucket.

A bucket stands for as many minutes as it covers. So a sum over time of something that stands is
one of its minutes' means, that of an amount is the amount, and an average is by time: the same from
buckets of every width. Least and most are those of the samples, which buckets keep.

`rate` and `increase` are of amounts that were added, of which a bucket has the sum: they are what
was added within the window, and nothing is guessed at its ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weir.control.promql_values import Bools, Floats, Labels, quantile
from weir.core.promql import NotSupported


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """A series as far as it was read, by the times of its buckets, in order.

    `value` is what it is worth at such a time; `amount` is its part in a sum over time, and
    `minutes` in a count. `adds`: whether it is of amounts; None for what was reckoned.
    """

    labels: Labels
    at: Floats
    value: Floats
    amount: Floats
    minutes: Floats
    least: Floats
    most: Floats
    width: float
    adds: bool | None = None


Places = NDArray[np.intp]
Window = tuple[Floats, Floats, float, float]
"""times and values within the window, its begin, and the moment that it ends"""

AMOUNTS = ("rate", "increase", "irate")


def over_time(
    function: str, track: Track, times: Floats, window_s: float, more: Sequence[Floats]
) -> tuple[Floats, Bools]:
    """A function's values at times, each of the window that ends then; and where there are any.

    `more` are its other arguments, by moment.
    """
    first = np.searchsorted(track.at, times - window_s, side="right")
    end = np.searchsorted(track.at, times, side="right")
    there = end > first
    if function in AMOUNTS:
        _must_add(function, track)
    if function in _SUMMED:
        with np.errstate(all="ignore"):
            return _SUMMED[function](track, first, end, window_s), there
    if function not in _SLICED:
        raise NotSupported(f"{function} is not answered here")
    least, tell = _SLICED[function]
    values, there = np.zeros(len(times)), end - first >= least
    for n in np.flatnonzero(there):
        some = slice(first[n], end[n])
        begin, until = float(times[n]) - window_s, float(times[n])
        window = (track.at[some], track.value[some], begin, until)
        values[n] = tell(window, [float(argument[n]) for argument in more])
    return values, there


def _must_add(function: str, track: Track) -> None:
    if not track.adds:
        name = dict(track.labels).get("__name__", "this")
        raise NotSupported(
            f"{name} is no amount that adds up over time: it has no {function}; "
            "ask for its avg_over_time, delta or deriv"
        )


def _reduced(by: np.ufunc, of: Floats, first: Places, end: Places) -> Floats:
    """By windows [first, end) of places; of an empty one whatever stands there."""
    pairs = np.column_stack([first, end]).ravel()
    return np.asarray(by.reduceat(np.append(of, 0.0), pairs)[::2])


def _sum(t: Track, first: Places, end: Places, _window_s: float) -> Floats:
    return _reduced(np.add, t.amount, first, end)


def _minutes(t: Track, first: Places, end: Places, _window_s: float) -> Floats:
    return _reduced(np.add, t.minutes, first, end)


def _newest(t: Track, _first: Places, end: Places, _window_s: float) -> Floats:
    return np.asarray(t.value[np.maximum(end - 1, 0)])


_Summed = Callable[[Track, Places, Places, float], Floats]
_SUMMED: Mapping[str, _Summed] = {
    "sum_over_time": _sum,
    "increase": _sum,
    "rate": lambda t, first, end, w: _sum(t, first, end, w) / w,
    # The newest bucket's amount a minute, by seconds.
    "irate": lambda t, first, end, w: _newest(t, first, end, w) / 60.0,
    "count_over_time": _minutes,
    "avg_over_time": lambda t, first, end, w: _sum(t, first, end, w) / _minutes(t, first, end, w),
    "min_over_time": lambda t, first, end, w: _reduced(np.fmin, t.least, first, end),
    "max_over_time": lambda t, first, end, w: _reduced(np.fmax, t.most, first, end),
    "last_over_time": _newest,
    "first_over_time": lambda t, first, end, w: t.value[np.minimum(first, len(t.value) - 1)],
    "present_over_time": lambda t, first, end, w: np.ones(len(first)),
}


def _delta(window: Window, _more: Sequence[float]) -> float:
    """From the first value to the last, carried on to the window's ends as Prometheus does."""
    at, value, begin, end = window
    lasted = float(at[-1] - at[0])
    apart = lasted / (len(at) - 1)
    reach = lasted
    for open_s in (float(at[0]) - begin, end - float(at[-1])):
        reach += open_s if open_s < 1.1 * apart else apart / 2
    return float(value[-1] - value[0]) * reach / lasted


def _line(window: Window, at: float) -> tuple[float, float]:
    """Slope a second and height at a time of the straight line that lies nearest."""
    times, values = window[0] - at, window[1]
    if (values == values[0]).all():
        return 0.0, float(values[0])
    mean_t, mean_v = times.mean(), values.mean()
    slope = float(((times - mean_t) * (values - mean_v)).sum() / ((times - mean_t) ** 2).sum())
    return slope, float(mean_v - slope * mean_t)


def _predicted(window: Window, more: Sequence[float]) -> float:
    slope, height = _line(window, window[3])
    return height + slope * more[0]


_Sliced = Callable[[Window, Sequence[float]], float]
_SLICED: Mapping[str, tuple[int, _Sliced]] = {
    # each with how many buckets it needs
    "delta": (2, _delta),
    "idelta": (2, lambda window, _: float(window[1][-1] - window[1][-2])),
    "deriv": (2, lambda window, _: _line(window, float(window[0][0]))[0]),
    "predict_linear": (2, _predicted),
    "changes": (1, lambda window, _: float(np.count_nonzero(np.diff(window[1])))),
    "resets": (1, lambda window, _: float(np.count_nonzero(np.diff(window[1]) < 0))),
    "stddev_over_time": (1, lambda window, _: float(window[1].std())),
    "stdvar_over_time": (1, lambda window, _: float(window[1].var())),
    "quantile_over_time": (1, lambda window, more: quantile(more[0], window[1])),
}

OVER_TIME = frozenset({*_SUMMED, *_SLICED})
KEEPS_NAME = frozenset({"last_over_time", "first_over_time"})
