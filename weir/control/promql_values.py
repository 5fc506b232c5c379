"""What PromQL's expressions are worth: vectors over times, and what is made of all of their series.

A vector has a row for each series and a column for each moment that was asked for; where a series
is not known `there` is false, and the value means nothing. Unknown is not NaN: that is a value.

Laws, as Prometheus has them:
- No two series of a vector have the same labels at one moment.
- Whatever reckons with values drops the metric's name; what only chooses keeps it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weir.core.promql import Aggregate, NotMatched, NotSupported

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Labels = tuple[tuple[str, str], ...]
"""Names and values, sorted; an empty value is no label."""

NAME = "__name__"


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """Series by moments. `values` and `there` are of the shape (series, moments)."""

    labels: Sequence[Labels]
    values: Floats
    there: Bools


def sorted_labels(labels: Mapping[str, str]) -> Labels:
    """Labels as they are kept here."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def bare(labels: Labels) -> Labels:
    """Without the metric's name."""
    return tuple(pair for pair in labels if pair[0] != NAME)


def empty(moments: int) -> Vector:
    """No series."""
    return Vector((), np.zeros((0, moments)), np.zeros((0, moments), bool))


def stacked(rows: Iterable[tuple[Labels, Floats, Bools]], moments: int) -> Vector:
    """Rows as a vector: those of the same labels as one. Raises `NotMatched` where they meet."""
    found: dict[Labels, tuple[Floats, Bools]] = {}
    for labels, values, there in rows:
        if (other := found.get(labels)) is not None:
            if (other[1] & there).any():
                raise NotMatched("vector cannot contain metrics with the same labelset")
            values, there = np.where(other[1], other[0], values), other[1] | there
        found[labels] = (values, there)
    known = {labels: row for labels, row in found.items() if row[1].any()}
    if not known:
        return empty(moments)
    values = np.vstack([row for row, _ in known.values()])
    return Vector(tuple(known), values, np.vstack([row for _, row in known.values()]))


def rows_of(of: Vector) -> Iterable[tuple[Labels, Floats, Bools]]:
    """Its series, one by one."""
    return zip(of.labels, of.values, of.there, strict=True)


def renamed(of: Vector, change: Callable[[Labels], Labels]) -> Vector:
    """The same values by other labels."""
    rows = ((change(labels), values, there) for labels, values, there in rows_of(of))
    return stacked(rows, of.values.shape[1])


def with_values(of: Vector, values: Floats) -> Vector:
    """Other values in place of these, without the metric's name."""
    return renamed(Vector(of.labels, values, of.there), bare)


# -- aggregations ----------------------------------------------------------------------------------


def aggregated(of: Aggregate, inner: Vector, parameter: Floats | str | None) -> Vector:
    """All series, or those that share labels, as one; of topk and bottomk some of the series."""
    groups: dict[Labels, list[int]] = {}
    for place, labels in enumerate(inner.labels):
        groups.setdefault(_kept(of, labels), []).append(place)
    if of.function in ("topk", "bottomk"):
        assert not isinstance(parameter, str)
        return _ranked(inner, list(groups.values()), of.function == "topk", parameter)
    if of.function == "count_values":
        return _counted(inner, groups, str(parameter))
    moments = inner.values.shape[1]
    rows: list[tuple[Labels, Floats, Bools]] = []
    for labels, places in sorted(groups.items()):
        values, there = inner.values[places], inner.there[places]
        told = _together(of.function, values, there, parameter)
        rows.append((labels, told, np.asarray(there.any(axis=0))))
    return stacked(rows, moments)


def _kept(of: Aggregate, labels: Labels) -> Labels:
    if of.without:
        return tuple((n, v) for n, v in labels if n not in of.labels and n != NAME)
    return tuple((n, v) for n, v in labels if n in of.labels)


def _together(function: str, values: Floats, there: Bools, parameter: Any) -> Floats:
    """One row of several, of the shape (series, moments)."""
    n = there.sum(axis=0)
    if function == "count":
        return np.asarray(n, float)
    if function == "group":
        return np.ones(len(n))
    if function in ("sum", "avg"):
        total = _sums(np.where(there, values, 0.0))
        return total if function == "sum" else np.asarray(total / np.maximum(n, 1), float)
    if function in ("min", "max"):  # NaN only where nothing else is
        choose = np.fmin if function == "min" else np.fmax
        return np.asarray(choose.reduce(np.where(there, values, np.nan), axis=0))
    if function in ("stddev", "stdvar"):
        at_least_one = np.maximum(n, 1)
        mean = np.where(there, values, 0.0).sum(axis=0) / at_least_one
        squares = np.where(there, (values - mean) ** 2, 0.0).sum(axis=0) / at_least_one
        return np.asarray(squares if function == "stdvar" else np.sqrt(squares), float)
    if function == "quantile":
        columns = range(values.shape[1])
        return np.array([quantile(parameter[c], values[there[:, c], c]) for c in columns])
    raise NotSupported(f"{function} is not answered here")


def _sums(values: Floats) -> Floats:
    """Column sums, exactly rounded: in whatever order series come, the sum is the same."""
    if not np.isfinite(values).all():
        return np.asarray(values.sum(axis=0))
    return np.array([math.fsum(column) for column in values.T.tolist()])


def quantile(share: float, values: Floats) -> float:
    """The value below which a share lies, between the two nearest; NaN of none."""
    if len(values) == 0 or math.isnan(share):
        return math.nan
    if not 0 <= share <= 1:
        return math.copysign(math.inf, share)
    ordered = np.sort(values)
    rank = share * (len(ordered) - 1)
    low = math.floor(rank)
    high = min(low + 1, len(ordered) - 1)
    weight = rank - low
    return float(ordered[low] * (1 - weight) + ordered[high] * weight)


def _ranked(
    inner: Vector, groups: Sequence[Sequence[int]], largest: bool, k: Floats | None
) -> Vector:
    """The k largest or smallest of each group at each moment, by their order at the last one."""
    assert k is not None
    wanted = np.where(np.isnan(k), 0, np.clip(k, 0, inner.values.shape[0])).astype(int)
    sign = -1.0 if largest else 1.0
    there = np.zeros_like(inner.there)
    order: list[int] = []
    for group in groups:
        places = np.array(group)
        keyed = np.where(inner.there[places], sign * inner.values[places], np.nan)
        # NaN sorts last, and so does what isn't there: behind it.
        rank = np.lexsort((keyed, ~inner.there[places]), axis=0)
        for column in range(keyed.shape[1]):
            best = places[rank[: wanted[column], column]]
            there[best, column] = inner.there[best, column]
        order += places[rank[:, -1]].tolist() if keyed.shape[1] else []
    rows = ((inner.labels[p], inner.values[p], there[p]) for p in order)
    return stacked(rows, inner.values.shape[1])


def _counted(inner: Vector, groups: Mapping[Labels, Sequence[int]], label: str) -> Vector:
    rows = []
    for labels, places in sorted(groups.items()):
        values, there = inner.values[places], inner.there[places]
        for value in np.unique(values[there]):
            same = there & ((values == value) | (np.isnan(values) & np.isnan(value)))
            n = same.sum(axis=0)
            named = sorted_labels(dict(labels) | {label: text_of(float(value))})
            rows.append((named, n.astype(float), n > 0))
    return stacked(rows, inner.values.shape[1])


def text_of(value: float) -> str:
    """A number as Prometheus writes it."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
