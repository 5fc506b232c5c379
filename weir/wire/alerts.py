"""Rules of alerts as people write them: the file of `weir serve --alerts`.

    rules:
      - name: pue-above-target
        indicator: pue
        each: site            # domain (the default), site, cluster, pool, link, source
        above: 1.3            # or below, absent, rises, falls (by the hour), deviates (in sigmas)
        over: 15m
        for: 30m
        clear: 10m
        severity: warning
        summary: PUE is above its target
        summary_zh: PUE 高于目标值
      - {name: link-degraded, disabled: true}

A rule of a shipped one's name stands in its place; `disabled: true` takes it away, `shipped: false`
all of them. A threshold is in the indicator's unit, or says its own. Every mistake is told at once,
with its field and line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from weir.core import units
from weir.core.alert_watch import PAST, PAST_S, WATCHED, has_past, sorts_of
from weir.core.alerts import Condition, Each, Rule, Severity
from weir.core.errors import BadInput, Mistake
from weir.core.indicator_laws import Indicator
from weir.wire.alert_amounts import parse_amount
from weir.wire.base import Wire
from weir.wire.jobspec import Name, text_of
from weir.wire.mistakes import Path as FieldPath
from weir.wire.mistakes import count_of, line_of, read_yaml, show_path, validated

CONDITIONS = ("above", "below", "absent", "rises", "falls", "deviates")
LEAST_OVER_S = 60

Amount = str | int | float | None
Duration = Annotated[str, text_of(units.parse_duration_s)]
Text = Annotated[str, Field(max_length=240)]


class RuleEntry(Wire):
    """One rule, or the word that a shipped one is not to be."""

    name: Name
    disabled: bool = False
    indicator: str = ""
    part: Annotated[str, Field(max_length=120)] = ""
    each: Each = Each.DOMAIN
    above: Amount = None
    below: Amount = None
    absent: Literal[True] | None = None
    rises: Amount = None
    falls: Amount = None
    deviates: Amount = None
    over: Duration | None = None
    for_: Annotated[Duration, Field(alias="for")] = "0s"
    clear: Duration = "0s"
    severity: Severity = Severity.WARNING
    summary: Text = ""
    summary_zh: Text = ""


class RulesFile(Wire):
    """The file of `weir serve --alerts`."""

    shipped: bool = True
    rules: tuple[RuleEntry, ...] = ()


def read_rules_file(path: Path, shipped: Sequence[Rule] = ()) -> tuple[Rule, ...]:
    """The rules in a file, on top of the shipped ones. Raises `BadInput` with every mistake."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path} can't be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    return read_rules(text, str(path), shipped)


def read_rules(text: str, what: str, shipped: Sequence[Rule] = ()) -> tuple[Rule, ...]:
    """The rules in a YAML or JSON text, on top of the shipped ones, in order of their names."""
    data, lines = read_yaml(text, what)
    listed = data.get("rules") if isinstance(data, dict) else None
    found = [
        Mistake(show_path(path), message, line_of(path, lines))
        for path, message in cross_checked(listed, ("rules",), [rule.name for rule in shipped])
    ]
    try:
        file = validated(RulesFile, data, what, lines)
    except BadInput as error:
        found.extend(error.mistakes)
    else:
        if not found:
            return _together(file, shipped)
    found = sorted(dict.fromkeys(found), key=lambda m: (m.line or 0, m.field))
    raise BadInput(f"{what} has {count_of(found)}", found)


def _together(file: RulesFile, shipped: Iterable[Rule]) -> tuple[Rule, ...]:
    rules = {rule.name: rule for rule in shipped} if file.shipped else {}
    for entry in file.rules:
        if entry.disabled:
            rules.pop(entry.name, None)
        else:
            rules[entry.name] = _rule(entry)
    return tuple(rules[name] for name in sorted(rules))


def _rule(entry: RuleEntry) -> Rule:
    """An entry without mistakes as the rule that is judged."""
    indicator = WATCHED[entry.indicator]
    name = next(c for c in CONDITIONS if getattr(entry, c) is not None)
    condition = Condition(name)
    return Rule(
        name=entry.name,
        indicator=entry.indicator,
        condition=condition,
        threshold=_threshold(condition, getattr(entry, name), indicator),
        part=entry.part,
        each=entry.each,
        over_s=_seconds(entry.over) or PAST_S.get(condition, 0.0),
        for_s=_seconds(entry.for_),
        clear_s=_seconds(entry.clear),
        severity=entry.severity,
        summary=entry.summary or indicator.label,
        summary_zh=entry.summary_zh or entry.summary or indicator.label_zh,
    )


def _seconds(text: str | None) -> float:
    return 0.0 if text is None else float(units.parse_duration_s(text))


def _threshold(condition: Condition, value: object, indicator: Indicator) -> float:
    if condition is Condition.ABSENT:
        return 0.0
    return parse_amount(value, "1" if condition is Condition.DEVIATES else indicator.unit)


# -- what the fields of a rule say of each other ---------------------------------------------------


def cross_checked(
    listed: Any, path: FieldPath, shipped: Sequence[str] = ()
) -> Iterator[tuple[FieldPath, str]]:
    """What can't be in rules; `listed` is plain data at `path`. Wrong shapes are the models'."""
    seen: set[str] = set()
    for index, entry in enumerate(listed if isinstance(listed, list) else []):
        if not isinstance(entry, dict):
            continue
        here, name = (*path, index), entry.get("name")
        if isinstance(name, str):
            if name in seen:
                yield (*here, "name"), f"there is another rule named {name!r}"
            seen.add(name)
        if entry.get("disabled") is True:
            yield from _disabled_mistakes(entry, here, shipped)
        else:
            yield from _rule_mistakes(entry, here)


def _disabled_mistakes(
    entry: Mapping[str, Any], here: FieldPath, shipped: Sequence[str]
) -> Iterator[tuple[FieldPath, str]]:
    name = entry.get("name")
    if isinstance(name, str) and name not in shipped:
        yield (*here, "name"), f"no shipped rule is called {name!r}; {_near(name, shipped)}"
    more = sorted(map(str, entry.keys() - {"name", "disabled"}))
    if more:
        yield here, f"a disabled rule has its name and nothing else; take away {', '.join(more)}"


def _rule_mistakes(entry: Mapping[str, Any], here: FieldPath) -> Iterator[tuple[FieldPath, str]]:
    """Of one rule that is judged."""
    name = entry.get("indicator")
    indicator = WATCHED.get(name) if isinstance(name, str) else None
    if "indicator" not in entry:
        yield (*here, "indicator"), "is missing"
    elif isinstance(name, str) and indicator is None:
        yield (*here, "indicator"), f"no indicator is called {name!r}; {_near(name, list(WATCHED))}"
    given = [c for c in CONDITIONS if entry.get(c) is not None]
    if len(given) != 1:
        said = f"has {' and '.join(given)}" if given else "has no condition"
        yield here, f"{said}; a rule has one of {', '.join(CONDITIONS)}"
    if indicator is None:
        return
    for condition in given:
        try:
            _threshold(Condition(condition), entry[condition], indicator)
        except ValueError as error:
            yield (*here, condition), str(error)
    yield from _subject_mistakes(entry, here, indicator, given)


def _subject_mistakes(
    entry: Mapping[str, Any], here: FieldPath, indicator: Indicator, given: Sequence[str]
) -> Iterator[tuple[FieldPath, str]]:
    """Whether an indicator is known of such subjects, and over such a time."""
    said = entry.get("each", Each.DOMAIN.value)
    if said not in list(Each):
        return
    each, sorts = Each(said), sorts_of(indicator)
    compared = any(c in PAST for c in given)
    if each not in sorts:
        yield (*here, "each"), f"{indicator.name} is known of {' or '.join(sorts)}, not of {each}"
    elif compared and not has_past(indicator, each):
        told = "of the whole domain only; leave each out" if each is not Each.DOMAIN else "of none"
        yield (*here, given[0]), f"{indicator.name} has a past {told}"
    over = entry.get("over")
    try:
        over_s = None if over is None else units.parse_duration_s(over)
    except (ValueError, TypeError):
        return
    if over_s is not None and not indicator.metrics and not compared:
        yield (*here, "over"), f"{indicator.name} is of now, from inventory; leave over out"
    elif over_s is not None and over_s < LEAST_OVER_S:
        yield (*here, "over"), "is at least 1m: samples are kept by the minute"


def _near(name: str, names: Sequence[str]) -> str:
    near = get_close_matches(name, names, n=3)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there are {', '.join(names)}" if len(names) < 20 else "see `weir indicators`"
