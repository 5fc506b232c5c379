"""PromQL, read: the tree of an expression, as far as rolled-up series can answer it.

The language is read by `promql_parser`, so what is one and what isn't is as in Prometheus; here its
tree becomes plain values. What is no expression, or asks for what is not answered here, raises
`NotSupported`.

That parser recurses on the machine's stack and ends the process where an expression is nested
some thousand deep, so what could nest is counted first.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any, Literal

import promql_parser as read

MAX_TEXT = 10_000
MAX_PARTS = 150
"""Most brackets and operators of one expression: none nests deeper than it has of these."""

_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"|\'(?:[^\'\\]|\\.)*\'')
_PARTS = re.compile(r"[(\[+*/%^<>!=-]|\b(?:and|or|unless|atan2)\b", re.IGNORECASE)
_DURATION = re.compile(r"(?:[0-9]+(?:ms|[smhdwy]))+")


class NotSupported(ValueError):
    """An expression that is none, or more than is answered here: Prometheus' `bad_data`."""


class NotMatched(ValueError):
    """Two vectors that can't be joined as asked: Prometheus' `execution`."""


At = float | Literal["start", "end"] | None
"""The one moment that a selector is of: seconds since 1970, or an end of the time asked for."""


@dataclass(frozen=True, slots=True)
class Matcher:
    """A label and what it is to be: `=`, `!=`, `=~` or `!~` a value."""

    label: str
    op: str
    value: str

    def fits(self, text: str) -> bool:
        """Whether a label's value is as asked; expressions are anchored."""
        if self.op in ("=", "!="):
            return (text == self.value) == (self.op == "=")
        return (re.fullmatch(self.value, text) is not None) == (self.op == "=~")


@dataclass(frozen=True, slots=True)
class Selector:
    """Series by their labels; `__name__` is one of them. `window_s` is 0 for an instant."""

    matchers: tuple[Matcher, ...]
    window_s: float = 0.0
    offset_s: float = 0.0
    at: At = None


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression at each multiple of a step within a window."""

    of: Expression
    window_s: float
    step_s: float
    offset_s: float = 0.0
    at: At = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text, as an argument."""

    value: str


@dataclass(frozen=True, slots=True)
class Call:
    """A function of its arguments."""

    function: str
    arguments: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Aggregate:
    """All series, or those that share labels, as one; `without`: that share all but these."""

    function: str
    of: Expression
    labels: tuple[str, ...] = ()
    without: bool = False
    parameter: Expression | None = None


@dataclass(frozen=True, slots=True)
class Matching:
    """Which series of two vectors go together: by labels, or (`on` false) by all but these.

    `many` is the side of which several may go with one: its labels stay, with `include` of the
    other's.
    """

    labels: tuple[str, ...] = ()
    on: bool = False
    many: Literal["", "left", "right"] = ""
    include: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and an operator; `as_bool`: a comparison gives 0 or 1 instead of choosing."""

    op: str
    left: Expression
    right: Expression
    matching: Matching = Matching()
    as_bool: bool = False


Expression = float | Text | Selector | Subquery | Call | Aggregate | Binary


def parse(text: str) -> Expression:
    """The expression that a text is. Raises `NotSupported`."""
    if len(text) > MAX_TEXT:
        raise NotSupported(f"the expression is longer than {MAX_TEXT} characters")
    bare = text if "#" in text or "`" in text else _QUOTED.sub('""', text)
    if len(_PARTS.findall(bare)) > MAX_PARTS:
        raise NotSupported(f"the expression has more than {MAX_PARTS} brackets and operators")
    try:
        found = read.parse(text)
    except ValueError as error:
        raise NotSupported(f"parse error: {error}") from None
    return _tree(found)


def span_s(text: str) -> float:
    """Seconds of a duration such as 1h30m. Raises `NotSupported`."""
    if _DURATION.fullmatch(text) is None:
        raise NotSupported(f"{text[:40]!r} is no duration such as 15s or 1h30m")
    return float(read.parse_duration(text).total_seconds())


def _tree(of: Any) -> Expression:
    match of:
        case read.NumberLiteral():
            return float(of.val)
        case read.StringLiteral():
            return Text(of.val)
        case read.ParenExpr():
            return _tree(of.expr)
        case read.UnaryExpr():
            return Binary("*", _tree(of.expr), -1.0)
        case read.VectorSelector():
            return _selector(of, 0.0)
        case read.MatrixSelector():
            return _selector(of.vector_selector, of.range.total_seconds())
        case read.SubqueryExpr():
            step_s = 60.0 if of.step is None else of.step.total_seconds()
            assert of.range is not None
            window_s = of.range.total_seconds()
            return Subquery(_tree(of.expr), window_s, step_s, _offset(of), _at(of))
        case read.Call():
            return Call(of.func.name, tuple(_tree(argument) for argument in of.args))
        case read.AggregateExpr():
            return _aggregate(of)
        case read.BinaryExpr():
            return _binary(of)
    raise NotSupported(f"{type(of).__name__} is not answered here")


def _selector(of: read.VectorSelector, window_s: float) -> Selector:
    if of.matchers.or_matchers:
        raise NotSupported("matchers joined by `or` are not answered here; use =~ with a|b")
    named = [Matcher("__name__", "=", of.name)] if of.name else []
    return Selector(
        (*named, *(_matcher(m) for m in of.matchers.matchers)), window_s, _offset(of), _at(of)
    )


def _matcher(of: read.Matcher) -> Matcher:
    ops = (("=", "Equal"), ("!=", "NotEqual"), ("=~", "Re"), ("!~", "NotRe"))
    op = next(op for op, name in ops if of.op == getattr(read.MatchOp, name))
    if "~" in op:
        try:
            re.compile(of.value)
        except re.error as error:
            raise NotSupported(
                f"parse error: {of.value[:60]!r} is no expression: {error}"
            ) from None
    return Matcher(of.name, op, of.value)


def _offset(of: read.VectorSelector | read.SubqueryExpr) -> float:
    return 0.0 if of.offset is None else of.offset.total_seconds()


def _at(of: read.VectorSelector | read.SubqueryExpr) -> At:
    if of.at is None:
        return None
    if of.at.type == read.AtModifierType.Start:
        return "start"
    if of.at.type == read.AtModifierType.End:
        return "end"
    moment = of.at.at
    return math.nan if moment is None else float(moment.timestamp())


def _aggregate(of: read.AggregateExpr) -> Aggregate:
    by = of.modifier
    return Aggregate(
        str(of.op),
        _tree(of.expr),
        () if by is None else tuple(by.labels),
        by is not None and by.type == read.AggModifierType.Without,
        None if of.param is None else _tree(of.param),
    )


def _binary(of: read.BinaryExpr) -> Binary:
    matching, as_bool, said = Matching(), False, of.modifier
    if said is not None:
        if said.fill_values.lhs is not None or said.fill_values.rhs is not None:
            raise NotSupported("fill() is not answered here; use `or`")
        by = said.matching
        matching = Matching(
            () if by is None else tuple(by.labels),
            by is not None and by.type == read.LabelModifierType.Include,
            _many(said.card),
            tuple(said.group_labels or ()),
        )
        as_bool = said.return_bool
    return Binary(str(of.op).split()[0], _tree(of.lhs), _tree(of.rhs), matching, as_bool)


def _many(card: read.VectorMatchCardinality) -> Literal["", "left", "right"]:
    if card == read.VectorMatchCardinality.ManyToOne:
        return "left"
    return "right" if card == read.VectorMatchCardinality.OneToMany else ""
