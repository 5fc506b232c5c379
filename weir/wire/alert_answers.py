"""Alerts, their rules, silences and notices, as a server tells of them and is asked for them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from weir.core.alerts import Condition, Each, Severity, State
from weir.wire.base import Answer, Wire

RuleName = Annotated[str, Field(max_length=63)]
Subject = Annotated[str, Field(max_length=240)]
Why = Annotated[str, Field(max_length=500)]
What = Literal["fires", "is flapping", "resolved"]

MOST_QUIET_S = 90 * 86400.0
"""Longest silence."""


class RuleAnswer(Answer):
    """A rule. `threshold` is in `unit`: of the value, of its change in an hour (rises, falls), or
    in standard deviations (deviates). Times are seconds.
    """

    name: str
    indicator: str
    label: str
    label_zh: str
    unit: str
    part: str
    each: Each
    condition: Condition
    threshold: float
    over_s: float
    for_s: float
    clear_s: float
    severity: Severity
    summary: str
    summary_zh: str


class QuietAnswer(Answer):
    """A silence, or with `acknowledged` the word that somebody has taken care of an alert.

    An empty rule or subject means any.
    """

    rule: str
    subject: str
    until: float
    by: str
    why: str
    acknowledged: bool


class AlertAnswer(Answer):
    """A rule that is met at a subject, or was until just now. `quiet` is why nobody is told."""

    rule: str
    subject: str
    name: str
    state: State
    severity: Severity
    indicator: str
    since: float | None
    fired_at: float | None
    value: float | None
    unit: str
    flapping: bool
    summary: str
    summary_zh: str
    quiet: QuietAnswer | None = None


class QuietRequest(Wire):
    """Tell nobody of alerts of this rule at this subject for so many seconds; empty is any."""

    rule: RuleName = ""
    subject: Subject = ""
    for_s: Annotated[float, Field(gt=0, le=MOST_QUIET_S)]
    why: Why = ""


class AcknowledgeRequest(Wire):
    """Somebody has taken care of an alert that fires."""

    rule: RuleName
    subject: Subject
    why: Why = ""


class NoticeAnswer(Answer):
    """What is to be told: that an alert fires, is flapping or is resolved. `number` never changes.

    `domain` is the name of who tells it, `url` where it answers.
    """

    number: int = 0
    at: float
    what: What
    rule: str
    subject: str
    name: str
    severity: Severity
    indicator: str
    value: float | None
    unit: str
    fired_at: float | None
    summary: str
    summary_zh: str
    domain: str
    url: str


class NoticesAnswer(Answer):
    """Notices after a number, in order. `data_id` is of the domain's data: another counts anew."""

    data_id: str
    notices: tuple[NoticeAnswer, ...]
