"""Alerts: rules over indicators, and what becomes of each rule at each subject as time passes.

Laws:
- A rule is judged for each subject by itself: met, not met, or unknown. Unknown is not met for a
  rule of values, and is met for a rule of absence; it never resolves an alert that fires.
- The state of a rule at a subject follows `TRANSITIONS` and nothing else.
- An alert is told when it begins to fire and when it is resolved, once each. One that goes on and
  off is flapping: it is told to be so once, and then goes on firing until it has been calm.
- What is silenced or acknowledged is judged all the same; that it fires is told when it no longer
  is, if it still fires then. That it is over is told to whom it was told that it fires.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from math import sqrt

FLAPS, FLAP_S = 3, 3600.0
"""So many resolutions within this time make an alert flapping."""

CALM_S = 900.0
"""A flapping alert is resolved after its condition was not met for so long."""

LEAST_HISTORY = 8
"""A deviation from one's own history wants at least so many points of it."""


class Severity(StrEnum):
    """How bad it is, the mildest first."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Condition(StrEnum):
    """What a rule asks of an indicator's value."""

    ABOVE = "above"
    BELOW = "below"
    ABSENT = "absent"
    RISES = "rises"
    FALLS = "falls"
    DEVIATES = "deviates"


class Each(StrEnum):
    """Of what a rule is judged, one by one. A source is whatever tells a sample, a host too."""

    DOMAIN = "domain"
    SITE = "site"
    CLUSTER = "cluster"
    POOL = "pool"
    LINK = "link"
    SOURCE = "source"


class State(StrEnum):
    """Where a rule stands at a subject."""

    CALM = "calm"
    PENDING = "pending"
    FIRING = "firing"
    CLEARING = "clearing"


class Event(StrEnum):
    """What is seen at a look."""

    MET = "met"
    MET_LONG = "met for long enough"
    UNMET = "not met"
    UNMET_LONG = "not met for long enough"
    UNKNOWN = "unknown"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.CALM, Event.MET): State.PENDING,
    (State.CALM, Event.MET_LONG): State.FIRING,
    (State.PENDING, Event.MET_LONG): State.FIRING,
    (State.PENDING, Event.UNMET): State.CALM,
    (State.PENDING, Event.UNMET_LONG): State.CALM,
    (State.PENDING, Event.UNKNOWN): State.CALM,
    (State.FIRING, Event.UNMET): State.CLEARING,
    (State.FIRING, Event.UNMET_LONG): State.CALM,
    (State.CLEARING, Event.MET): State.FIRING,
    (State.CLEARING, Event.MET_LONG): State.FIRING,
    (State.CLEARING, Event.UNMET_LONG): State.CALM,
}
"""The whole machine; what does not stand here leaves the state as it is."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. `threshold` is in the indicator's unit: of its value (above, below), of its change
    in an hour (rises, falls), or in standard deviations of its own history (deviates).

    `part` is which part of the indicator counts (a precision, a model ...), empty for the whole.
    The value is that of the last `over_s`, 0: the newest; for rises, falls and deviates that is how
    far back its history goes. It fires once it was met for `for_s`, and is resolved once it was
    not met for `clear_s`.
    """

    name: str
    indicator: str
    condition: Condition
    threshold: float = 0.0
    part: str = ""
    each: Each = Each.DOMAIN
    over_s: float = 0.0
    for_s: float = 0.0
    clear_s: float = 0.0
    severity: Severity = Severity.WARNING
    summary: str = ""
    summary_zh: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """An indicator at a subject: its value now (None: unknown) and points before, oldest first,
    each (seconds since 1970, value).
    """

    value: float | None
    history: Sequence[tuple[float, float]] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule at a subject. `since` is when the condition last turned, `fired_at` when it began to
    fire; `resolved` are the times of its last resolutions; `told` is whether it was told to fire.
    """

    rule: str
    subject: str
    state: State = State.CALM
    since: float | None = None
    fired_at: float | None = None
    value: float | None = None
    resolved: tuple[float, ...] = ()
    flapping: bool = False
    told: bool = False

    @property
    def fires(self) -> bool:
        return self.state in (State.FIRING, State.CLEARING)


@dataclass(frozen=True, slots=True)
class Silence:
    """Until `until` nobody is told of alerts of this rule at this subject; empty means any.

    With `acknowledged`, somebody has taken care of an alert that fires: it holds until that alert
    is resolved.
    """

    rule: str
    subject: str
    until: float
    by: str
    why: str = ""
    acknowledged: bool = False

    def covers(self, alert: Alert, now: float) -> bool:
        """Whether this alert is not to be told of now."""
        same = self.rule in ("", alert.rule) and self.subject in ("", alert.subject)
        return same and now < self.until


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told: that an alert fires, is flapping, or is resolved."""

    rule: str
    subject: str
    what: str
    at: float
    value: float | None
    severity: Severity


def met(rule: Rule, reading: Reading, now: float) -> bool | None:
    """Whether a reading meets a rule's condition; None where that can't be told."""
    value = reading.value
    if rule.condition is Condition.ABSENT:
        return value is None
    if value is None:
        return None
    if rule.condition is Condition.ABOVE:
        return value > rule.threshold
    if rule.condition is Condition.BELOW:
        return value < rule.threshold
    if rule.condition is Condition.DEVIATES:
        return _deviates(value, [v for _, v in reading.history], rule.threshold)
    if not reading.history:
        return None
    at, before = reading.history[0]
    if now <= at:
        return None
    change = (value - before) * 3600.0 / (now - at)
    return (change if rule.condition is Condition.RISES else -change) > rule.threshold


def _deviates(value: float, before: Sequence[float], sigmas: float) -> bool | None:
    """Further from the mean of its history than so many standard deviations of it.

    A history that never changed has no deviation to compare with: any change of it is one.
    """
    if len(before) < LEAST_HISTORY:
        return None
    mean = sum(before) / len(before)
    spread = sqrt(sum((v - mean) ** 2 for v in before) / (len(before) - 1))
    return abs(value - mean) > sigmas * spread


def step(
    rule: Rule, alert: Alert, reading: Reading, now: float
) -> tuple[Alert, tuple[Notice, ...]]:
    """The alert after a look, and what is to be told of it."""
    is_met = met(rule, reading, now)
    event, since = _event(rule, alert, is_met, now)
    state = TRANSITIONS.get((alert.state, event), alert.state)
    value = reading.value if is_met is not None else alert.value
    after = replace(alert, state=state, since=since, value=value)
    if state is State.FIRING and not alert.fires:
        after = replace(after, fired_at=now)
        return after, (_notice(rule, after, "fires", now),)
    if alert.fires and state is State.CALM:
        return _resolve(rule, after, now)
    return after, ()


def _event(rule: Rule, alert: Alert, is_met: bool | None, now: float) -> tuple[Event, float | None]:
    """What is seen, and since when the condition is as it is."""
    if is_met is None:
        return Event.UNKNOWN, alert.since
    was = alert.state in (State.PENDING, State.FIRING)
    since = alert.since if was == is_met and alert.since is not None else now
    if is_met:
        return (Event.MET_LONG if now - since >= rule.for_s else Event.MET), since
    clear_s = max(rule.clear_s, CALM_S) if alert.flapping else rule.clear_s
    return (Event.UNMET_LONG if now - since >= clear_s else Event.UNMET), since


def _resolve(rule: Rule, alert: Alert, now: float) -> tuple[Alert, tuple[Notice, ...]]:
    """The alert is over, unless that happens so often that it is taken to go on."""
    resolved = (*(t for t in alert.resolved if now - t < FLAP_S), now)
    if not alert.flapping and len(resolved) >= FLAPS:
        kept = replace(alert, state=State.CLEARING, resolved=resolved, flapping=True, since=now)
        return kept, (_notice(rule, kept, "is flapping", now),)
    over = replace(alert, resolved=resolved, flapping=False, fired_at=None, since=now)
    return over, (_notice(rule, over, "resolved", now),)


def _notice(rule: Rule, alert: Alert, what: str, now: float) -> Notice:
    return Notice(rule.name, alert.subject, what, now, alert.value, rule.severity)


def judge(
    rules: Sequence[Rule],
    readings: Mapping[str, Mapping[str, Reading]],
    alerts: Mapping[tuple[str, str], Alert],
    silences: Sequence[Silence],
    now: float,
) -> tuple[dict[tuple[str, str], Alert], tuple[Notice, ...]]:
    """One look at everything: the alerts that are not calm or were not, and what is to be told.

    `readings` is by rule and subject, `alerts` by (rule, subject). A subject that has gone (it is
    in `alerts` only) is read as unknown.
    """
    after: dict[tuple[str, str], Alert] = {}
    told: list[Notice] = []
    known: dict[str, list[str]] = {}
    for name, subject in alerts:
        known.setdefault(name, []).append(subject)
    for rule in rules:
        found = readings.get(rule.name, {})
        for subject in sorted({*found, *known.get(rule.name, ())}):
            key = rule.name, subject
            before = alerts.get(key, Alert(rule.name, subject))
            alert, notices = step(rule, before, found.get(subject, Reading(None)), now)
            if alert.state is State.CALM and key not in alerts:
                continue
            quiet = any(silence.covers(alert, now) for silence in silences)
            after[key], said = _telling(rule, alert, notices, quiet, now)
            told += said
    return after, tuple(told)


def _telling(
    rule: Rule, alert: Alert, notices: Sequence[Notice], quiet: bool, now: float
) -> tuple[Alert, tuple[Notice, ...]]:
    """What is told of an alert: its end to whom its beginning was told, the rest unless quiet."""
    if not alert.fires:
        return replace(alert, told=False), tuple(notices) if alert.told else ()
    if quiet:
        return alert, ()
    if not alert.told:
        return replace(alert, told=True), (_notice(rule, alert, "fires", now),)
    return alert, tuple(notices)


def still_quiet(
    silences: Sequence[Silence], alerts: Mapping[tuple[str, str], Alert], now: float
) -> tuple[Silence, ...]:
    """The silences that still hold: in their time, and acknowledgements of what still fires."""
    kept = []
    for silence in silences:
        firing = alerts.get((silence.rule, silence.subject))
        over = silence.acknowledged and (firing is None or not firing.fires)
        if now < silence.until and not over:
            kept.append(silence)
    return tuple(kept)
