"""A small part of PromQL, read: what can be answered from rolled-up series without Prometheus.

    selector        weir_it_power{subject=~"CN.R1.*", part=""}
    over time       rate(S[5m]), increase, avg_over_time, sum_over_time, min_over_time,
                    max_over_time, last_over_time of a selector
    aggregation     sum, avg, min, max, count, with `by (label, ...)` before or after
    arithmetic      + - * / of an expression and numbers, or of numbers

Nothing else: no joins of two vectors, no subqueries, no offset, no `without`. What is not
understood raises `NotSupported`, with the place where it was not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

AGGREGATIONS = ("sum", "avg", "min", "max", "count")
OVER_TIME = (
    "rate",
    "increase",
    "avg_over_time",
    "sum_over_time",
    "min_over_time",
    "max_over_time",
    "last_over_time",
)

_TOKEN = re.compile(
    r"""\s*(?:(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')
    |(?P<window>\[\s*(?:[0-9]+(?:ms|[smhdwy]))+\s*\])
    |(?P<number>[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[A-Za-z_:][A-Za-z0-9_:]*)
    |(?P<op>=~|!~|!=|[-+*/(){},=]))""",
    re.VERBOSE,
)
_SPAN = re.compile(r"([0-9]+)(ms|[smhdwy])")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800, "y": 31536000}


class NotSupported(ValueError):
    """An expression that is none, or more than this part of the language."""


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


@dataclass(frozen=True, slots=True)
class OverTime:
    """A function of each series over a time."""

    function: str
    of: Selector


@dataclass(frozen=True, slots=True)
class Aggregate:
    """All series, or those that share labels, as one."""

    function: str
    of: Expression
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """Two expressions, of which at least one is a number."""

    op: str
    left: Expression
    right: Expression


Expression = float | Selector | OverTime | Aggregate | Arithmetic


def parse(text: str) -> Expression:
    """The expression that a text is. Raises `NotSupported`."""
    if len(text) > 10_000:
        raise NotSupported("the expression is longer than 10000 characters")
    reader = _Reader(text)
    found = reader.sum()
    reader.end()
    return found


def span_s(text: str) -> float:
    """Seconds of a duration such as 1h30m."""
    return sum(int(n) * _SECONDS[unit] for n, unit in _SPAN.findall(text))


class _Reader:
    """Reads from left to right; each method reads what its name says."""

    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str, int]] = []
        place = 0
        while text[place:].strip():
            match = _TOKEN.match(text, place)
            if match is None:
                raise NotSupported(f"can't read {text[place : place + 20]!r} at {place + 1}")
            kind = str(match.lastgroup)
            self._tokens.append((kind, match[kind], match.start(kind) + 1))
            place = match.end()
        self._next, self._depth = 0, 0

    def end(self) -> None:
        if self._next < len(self._tokens):
            self._fail("nothing more")

    def sum(self) -> Expression:
        self._depth += 1
        if self._depth > 50:
            raise NotSupported("the expression is nested too deep")
        left = self._product()
        while (op := self._take("op", "+", "-")) is not None:
            left = _joined(op, left, self._product())
        self._depth -= 1
        return left

    def _product(self) -> Expression:
        left = self._factor()
        while (op := self._take("op", "*", "/")) is not None:
            left = _joined(op, left, self._factor())
        return left

    def _factor(self) -> Expression:
        if self._take("op", "-") is not None:
            return _joined("*", -1.0, self._factor())
        if (number := self._take("number")) is not None:
            return float(number)
        if self._take("op", "(") is not None:
            found = self.sum()
            self._want(")")
            return found
        if self._peek() == ("op", "{"):
            return self._selector("")
        name = self._take("name")
        if name is None:
            self._fail("a selector, a function or a number")
        if name in AGGREGATIONS:
            return self._aggregate(name)
        if name in OVER_TIME:
            self._want("(")
            of = self._selector(self._take("name") or "")
            if not of.window_s:
                self._fail("a time such as [5m]")
            self._want(")")
            return OverTime(name, of)
        if self._peek() == ("op", "("):
            self._fail(f"an operator: there is no function {name} here")
        of = self._selector(name)
        if of.window_s:
            self._fail("no time in brackets without a function of it")
        return of

    def _aggregate(self, name: str) -> Aggregate:
        by = self._by()
        self._want("(")
        of = self.sum()
        self._want(")")
        return Aggregate(name, of, by or self._by())

    def _by(self) -> tuple[str, ...]:
        if self._take("name", "by") is None:
            return ()
        self._want("(")
        labels = []
        while (label := self._take("name")) is not None:
            labels.append(label)
            if self._take("op", ",") is None:
                break
        self._want(")")
        return tuple(labels)

    def _selector(self, name: str) -> Selector:
        matchers = [Matcher("__name__", "=", name)] if name else []
        if self._take("op", "{") is not None:
            while (label := self._take("name")) is not None:
                matchers.append(self._matcher(label))
                if self._take("op", ",") is None:
                    break
            self._want("}")
        if not matchers:
            self._fail("a metric's name or labels")
        window = self._take("window")
        return Selector(tuple(matchers), span_s(window) if window else 0.0)

    def _matcher(self, label: str) -> Matcher:
        op = self._take("op", "=", "!=", "=~", "!~")
        value = None if op is None else self._take("string")
        if op is None or value is None:
            self._fail("=, !=, =~ or !~ and a value in quotes")
        text = re.sub(r"\\(.)", r"\1", value[1:-1])
        if "~" in op:
            try:
                re.compile(text)
            except re.error as error:
                raise NotSupported(f"{text[:60]!r} is no expression: {error}") from None
        return Matcher(label, op, text)

    def _peek(self) -> tuple[str, str] | None:
        return self._tokens[self._next][:2] if self._next < len(self._tokens) else None

    def _take(self, kind: str, *texts: str) -> str | None:
        found = self._peek()
        if found is None or found[0] != kind or (texts and found[1] not in texts):
            return None
        self._next += 1
        return found[1]

    def _want(self, text: str) -> None:
        if self._take("op", text) is None:
            self._fail(text)

    def _fail(self, wanted: str) -> NoReturn:
        if self._next < len(self._tokens):
            _, text, place = self._tokens[self._next]
            raise NotSupported(f"at {place} stands {text[:40]!r}; {wanted} is understood there")
        raise NotSupported(f"at its end {wanted} is missing")


def _joined(op: str, left: Expression, right: Expression) -> Expression:
    if isinstance(left, float) and isinstance(right, float):
        return calculated(op, left, right)
    if not isinstance(left, float) and not isinstance(right, float):
        raise NotSupported("two vectors are not joined here; one side must be a number")
    return Arithmetic(op, left, right)


def calculated(op: str, left: float, right: float) -> float:
    """One of the four, as floating point has it: what is divided by zero is infinite or nothing."""
    if op == "+":
        return left + right
    if op == "-":
        return left - right
    if op == "*":
        return left * right
    if right == 0:
        return float("nan") if left == 0 else float("inf") * (1 if left > 0 else -1)
    return left / right
