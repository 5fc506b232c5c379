"""PromQL's functions of instant vectors and numbers: of each value by itself, and of labels."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from weir.control.promql_values import (
    Bools,
    Floats,
    Labels,
    Vector,
    empty,
    renamed,
    sorted_labels,
    stacked,
    with_values,
)
from weir.core.promql import Expression, NotMatched, NotSupported, Selector

Argument = Floats | Vector | str

_PLAIN: Mapping[str, Callable[[Floats], Floats]] = {
    name: getattr(np, as_numpy)
    for name, as_numpy in (
        *((n, n) for n in ("abs", "ceil", "floor", "sqrt", "exp", "log2", "log10")),
        *((n, n) for n in ("sin", "cos", "tan", "sinh", "cosh", "tanh")),
        *((n, "arc" + n[1:]) for n in ("asin", "acos", "atan", "asinh", "acosh", "atanh")),
        ("ln", "log"),
        ("sgn", "sign"),
        ("deg", "degrees"),
        ("rad", "radians"),
    )
}


def _days(seconds: Floats) -> np.ndarray:
    return seconds.astype("datetime64[s]").astype("datetime64[D]")


def _of(seconds: Floats, wide: str, narrow: str) -> Floats:
    """How many of the narrow unit have passed of the wide one, by UTC."""
    at = seconds.astype("datetime64[s]")
    begun = at.astype(f"datetime64[{wide}]").astype(f"datetime64[{narrow}]")
    return np.asarray(at.astype(f"datetime64[{narrow}]") - begun, float)


def _days_in_month(seconds: Floats) -> Floats:
    month = seconds.astype("datetime64[s]").astype("datetime64[M]")
    days = (month + 1).astype("datetime64[D]") - month.astype("datetime64[D]")
    return np.asarray(days, float)


_CALENDAR: Mapping[str, Callable[[Floats], Floats]] = {
    "minute": lambda s: _of(s, "h", "m"),
    "hour": lambda s: _of(s, "D", "h"),
    "day_of_week": lambda s: (_days(s).astype(int) + 4) % 7 + 0.0,  # 1970 began on a Thursday
    "day_of_month": lambda s: _of(s, "M", "D") + 1,
    "day_of_year": lambda s: _of(s, "Y", "D") + 1,
    "days_in_month": _days_in_month,
    "month": lambda s: _of(s, "Y", "M") + 1,
    "year": lambda s: s.astype("datetime64[s]").astype("datetime64[Y]").astype(int) + 1970.0,
}


def called(function: str, arguments: Sequence[Argument], times: Floats) -> Floats | Vector:
    """A function's value. Raises `NotSupported` for one that is not answered here."""
    with np.errstate(all="ignore"):
        if function in _PLAIN:
            of = _vector(arguments[0])
            return with_values(of, _PLAIN[function](of.values))
        if function in _CALENDAR:
            if not arguments:
                return vector_of(_CALENDAR[function](times))
            of = _vector(arguments[0])
            whole = np.where(np.isfinite(of.values), of.values, 0.0)
            told = np.where(np.isfinite(of.values), _CALENDAR[function](whole), np.nan)
            return with_values(of, told)
        if function in _OTHERS:
            return _OTHERS[function](arguments, times)
    raise NotSupported(f"{function} is not answered here without VictoriaMetrics")


def _vector(of: Argument) -> Vector:
    assert isinstance(of, Vector), "the language's reader has seen to it"
    return of


def _number(of: Argument) -> Floats:
    assert isinstance(of, np.ndarray), "the language's reader has seen to it"
    return of


def vector_of(values: Floats) -> Vector:
    """A number as a series without labels."""
    return Vector(((),), values[None, :], np.ones((1, len(values)), bool))


def _round(arguments: Sequence[Argument], _times: Floats) -> Vector:
    of = _vector(arguments[0])
    to = _number(arguments[1]) if len(arguments) > 1 else np.ones(of.values.shape[1])
    return with_values(of, np.floor(of.values * (1.0 / to) + 0.5) / (1.0 / to))


def _clamp(arguments: Sequence[Argument], _times: Floats) -> Vector:
    of, low, high = _vector(arguments[0]), _number(arguments[1]), _number(arguments[2])
    found = with_values(of, np.maximum(low, np.minimum(high, of.values)))
    return Vector(found.labels, found.values, found.there & (low <= high))


def _bounded(by: np.ufunc, arguments: Sequence[Argument]) -> Vector:
    of, bound = _vector(arguments[0]), _number(arguments[1])
    return with_values(of, by(of.values, bound))


def _scalar(arguments: Sequence[Argument], _times: Floats) -> Floats:
    of = _vector(arguments[0])
    alone = of.there.sum(axis=0) == 1
    return np.where(alone, np.where(of.there, of.values, 0.0).sum(axis=0), np.nan)


def _sorted(arguments: Sequence[Argument], _times: Floats, sign: float = 1.0) -> Vector:
    of = _vector(arguments[0])
    if of.values.shape[1] != 1:
        return of
    order = np.argsort(sign * of.values[:, 0], kind="stable")
    return Vector([of.labels[n] for n in order], of.values[order], of.there[order])


def _label_replace(arguments: Sequence[Argument], _times: Floats) -> Vector:
    of = _vector(arguments[0])
    name, put, source, wanted = (str(a) for a in arguments[1:])
    _check_label(name, "label_replace")
    try:
        pattern = re.compile(wanted)
    except re.error as error:
        raise NotMatched(f"invalid regular expression in label_replace(): {error}") from None

    def change(labels: Labels) -> Labels:
        named = dict(labels)
        match = pattern.fullmatch(named.get(source, ""))
        return labels if match is None else sorted_labels(named | {name: _expanded(put, match)})

    return renamed(of, change)


_REFERENCE = re.compile(r"\$(?:\$|([A-Za-z0-9_]+)|\{([A-Za-z0-9_]+)\})")


def _expanded(put: str, match: re.Match[str]) -> str:
    """$1, ${1} and ${name} replaced by the groups; what is no group is empty."""

    def group(reference: re.Match[str]) -> str:
        said = reference[1] or reference[2]
        if said is None:
            return "$"
        try:
            return match[int(said) if said.isdigit() else said] or ""
        except IndexError:
            return ""

    return _REFERENCE.sub(group, put)


def _label_join(arguments: Sequence[Argument], _times: Floats) -> Vector:
    of = _vector(arguments[0])
    name, mark, *sources = (str(a) for a in arguments[1:])
    _check_label(name, "label_join")

    def change(labels: Labels) -> Labels:
        named = dict(labels)
        return sorted_labels(named | {name: mark.join(named.get(s, "") for s in sources)})

    return renamed(of, change)


def _check_label(name: str, function: str) -> None:
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) is None:
        raise NotMatched(f"invalid destination label name in {function}(): {name[:60]}")


def absent(of: Expression, found: Vector, times: Floats) -> Vector:
    """1 where no series is, by the labels that the expression says outright."""
    there: Bools = np.asarray(~found.there.any(axis=0))
    labels: dict[str, str] = {}
    if isinstance(of, Selector):
        said = [m.label for m in of.matchers]
        labels = {
            m.label: m.value
            for m in of.matchers
            if m.op == "=" and said.count(m.label) == 1 and m.label != "__name__"
        }
    return stacked([(sorted_labels(labels), np.ones(len(times)), there)], len(times))


_OTHERS: Mapping[str, Callable[[Sequence[Argument], Floats], Floats | Vector]] = {
    "time": lambda _, times: times,
    "pi": lambda _, times: np.full(len(times), np.pi),
    "vector": lambda a, _: vector_of(_number(a[0])),
    "scalar": _scalar,
    "round": _round,
    "clamp": _clamp,
    "clamp_min": lambda a, _: _bounded(np.maximum, a),
    "clamp_max": lambda a, _: _bounded(np.minimum, a),
    "sort": _sorted,
    "sort_desc": lambda a, times: _sorted(a, times, -1.0),
    "label_replace": _label_replace,
    "label_join": _label_join,
    "histogram_quantile": lambda _, times: _no_histogram(times),
}


def _no_histogram(times: Floats) -> Vector:
    """There are no series with a label `le` here, and of others Prometheus gives nothing."""
    return empty(len(times))
