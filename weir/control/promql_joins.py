"""PromQL's operators: numbers and vectors with each other, and which series of two go together.

`Matching` says it: series of one side go with those of the other that have the same labels, all
but the metric's name, or those that `on` and `ignoring` leave. Where several could go with one it
must be said (`group_left`, `group_right`); else `NotMatched`, in Prometheus' words.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

import numpy as np

from weir.control.promql_values import (
    NAME,
    Bools,
    Floats,
    Labels,
    Vector,
    bare,
    rows_of,
    sorted_labels,
    stacked,
)
from weir.core.promql import Binary, Matching, NotMatched

_ARITHMETIC: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,  # with the sign of what is divided
    "^": np.power,
    "atan2": np.arctan2,
}
_COMPARISON: Mapping[str, Callable[[Floats, Floats], Bools]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
_SETS = ("and", "or", "unless")


def calculated(of: Binary, left: Floats | Vector, right: Floats | Vector) -> Floats | Vector:
    """What the operator makes of its two sides."""
    with np.errstate(all="ignore"):
        if isinstance(left, Vector) and isinstance(right, Vector):
            if of.op in _SETS:
                return _of_sets(of.op, of.matching, left, right)
            return _joined(of, left, right)
        if isinstance(left, Vector) or isinstance(right, Vector):
            return _with_number(of, left, right)
        if of.op in _ARITHMETIC:
            return _ARITHMETIC[of.op](left, right)
        return _COMPARISON[of.op](left, right).astype(float)


def _with_number(of: Binary, left: Floats | Vector, right: Floats | Vector) -> Vector:
    vector = left if isinstance(left, Vector) else right
    assert isinstance(vector, Vector)
    one = left.values if isinstance(left, Vector) else left
    other = right.values if isinstance(right, Vector) else right
    values, chosen = _reckoned(of, one, other, vector.values)
    keeps = of.op in _COMPARISON and not of.as_bool
    rows = (
        (labels if keeps else bare(labels), v, t)
        for labels, v, t in zip(vector.labels, values, vector.there & chosen, strict=True)
    )
    return stacked(rows, vector.values.shape[1])


def _reckoned(of: Binary, one: Floats, other: Floats, kept: Floats) -> tuple[Floats, Bools]:
    """Values, and where there are any: `kept` where a comparison chooses."""
    if of.op in _ARITHMETIC:
        values = _ARITHMETIC[of.op](one, other)
        return values, np.ones(values.shape, bool)
    true = _COMPARISON[of.op](one, other)
    if of.as_bool:
        return true.astype(float), np.ones(true.shape, bool)
    return np.broadcast_to(kept, true.shape), true


def _signed(by: Matching, labels: Labels) -> Labels:
    """What of the labels must be the same on the other side."""
    if by.on:
        return tuple((n, v) for n, v in labels if n in by.labels)
    return tuple((n, v) for n, v in labels if n not in by.labels and n != NAME)


def _groups(by: Matching, of: Vector) -> dict[Labels, list[int]]:
    groups: dict[Labels, list[int]] = defaultdict(list)
    for place, labels in enumerate(of.labels):
        groups[_signed(by, labels)].append(place)
    return groups


def _of_sets(op: str, by: Matching, left: Vector, right: Vector) -> Vector:
    moments = left.values.shape[1]
    if op == "or":
        held = {key: left.there[rows].any(axis=0) for key, rows in _groups(by, left).items()}
        none = np.zeros(moments, bool)
        more = (
            (labels, values, there & ~held.get(_signed(by, labels), none))
            for labels, values, there in rows_of(right)
        )
        return stacked((*rows_of(left), *more), moments)
    held = {key: right.there[rows].any(axis=0) for key, rows in _groups(by, right).items()}
    none = np.zeros(moments, bool)
    rows = []
    for labels, values, there in rows_of(left):
        also = held.get(_signed(by, labels), none)
        rows.append((labels, values, there & (also if op == "and" else ~also)))
    return stacked(rows, moments)


def _joined(of: Binary, left: Vector, right: Vector) -> Vector:
    """Pairs of series. The side of which there may be many leads; the other has one of each."""
    many, one = (right, left) if of.matching.many == "right" else (left, right)
    groups = _groups(of.matching, one)
    for key, places in groups.items():
        if (one.there[places].sum(axis=0) > 1).any():
            side = "left" if of.matching.many == "right" else "right"
            raise NotMatched(
                f"found duplicate series for the match group {_shown(key)} on the {side} hand-side "
                "of the operation;many-to-many matching not allowed: matching labels must be "
                "unique on one side"
            )
    rows = list(_pairs(of, many, one, groups, swapped=many is right))
    if not of.matching.many:
        _only_one(rows)
    try:
        return stacked(
            ((labels, v, chosen) for labels, v, chosen, _, _ in rows), left.there.shape[1]
        )
    except NotMatched:
        raise NotMatched(
            "multiple matches for labels: grouping labels must ensure unique matches"
        ) from None


Row = tuple[Labels, Floats, Bools, Labels, Bools]
"""Labels, values and where they are; the match group, and where both sides were known."""


def _pairs(
    of: Binary, many: Vector, one: Vector, groups: Mapping[Labels, list[int]], *, swapped: bool
) -> Iterable[Row]:
    for labels, values, there in rows_of(many):
        key = _signed(of.matching, labels)
        for place in groups.get(key, ()):
            both = there & one.there[place]
            if not both.any():
                continue
            sides = (one.values[place], values) if swapped else (values, one.values[place])
            told, chosen = _reckoned(of, sides[0], sides[1], sides[0])
            yield _labels(of, labels, one.labels[place]), told, both & chosen, key, both


def _labels(of: Binary, many: Labels, one: Labels) -> Labels:
    """What a pair is called: by the many's labels, or by those that were matched."""
    named = dict(many if of.op in _COMPARISON and not of.as_bool else bare(many))
    if of.matching.many:
        given = dict(one)
        return sorted_labels(named | {name: given.get(name, "") for name in of.matching.include})
    if of.matching.on:
        return sorted_labels({n: v for n, v in named.items() if n in of.matching.labels})
    return sorted_labels({n: v for n, v in named.items() if n not in of.matching.labels})


def _only_one(rows: Iterable[Row]) -> None:
    """Raise where several series of the leading side met one."""
    met: dict[Labels, Bools] = {}
    for _, _, _, key, both in rows:
        if (met.get(key, False) & both).any():
            raise NotMatched(
                "multiple matches for labels: many-to-one matching must be explicit "
                "(group_left/group_right)"
            )
        met[key] = met.get(key, False) | both


def _shown(labels: Labels) -> str:
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"
