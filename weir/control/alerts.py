"""Alerts: what is open, the rules, silences, acknowledgements, and the notices that were made.

What a silence or an acknowledgement is worth is decided by `weir.core.alerts` at the next look.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

from weir.control.alerts_names import names_of
from weir.control.authorize import Principal
from weir.control.context import Context
from weir.core.alert_watch import WATCHED
from weir.core.alerts import Alert, Rule, Silence, State, still_quiet
from weir.core.errors import BadInput, Mistake, NotFound
from weir.store import alerts as rows_of
from weir.store.domains import count, this_domain
from weir.wire.alert_answers import (
    AcknowledgeRequest,
    AlertAnswer,
    NoticeAnswer,
    NoticesAnswer,
    QuietAnswer,
    QuietRequest,
    RuleAnswer,
)
from weir.wire.alerts import read_rules

ACKNOWLEDGED_S = 30 * 86400.0
"""An acknowledgement holds until its alert is resolved, and no longer than this."""

_WORST = ("critical", "warning", "info")


@cache
def shipped_rules() -> tuple[Rule, ...]:
    """The rules that every domain has unless its own file says otherwise."""
    text = files("weir.control").joinpath("rules.yaml").read_text(encoding="utf-8")
    return read_rules(text, "the shipped rules")


def list_rules(ctx: Context) -> list[RuleAnswer]:
    """The rules of this domain, by name."""
    return [rule_answer(rule) for rule in ctx.settings.alert_rules]


def rule_answer(rule: Rule) -> RuleAnswer:
    """A rule with its indicator's words."""
    indicator = WATCHED[rule.indicator]
    return RuleAnswer(
        name=rule.name,
        indicator=rule.indicator,
        label=indicator.label,
        label_zh=indicator.label_zh,
        unit=indicator.unit,
        part=rule.part,
        each=rule.each,
        condition=rule.condition,
        threshold=rule.threshold,
        over_s=rule.over_s,
        for_s=rule.for_s,
        clear_s=rule.clear_s,
        severity=rule.severity,
        summary=rule.summary,
        summary_zh=rule.summary_zh,
    )


def changes(ctx: Context) -> int:
    """How often alerts or silences have changed: what was listed at the same count still holds."""
    with ctx.store.read() as tx:
        return count(tx, rows_of.COUNTER)


def list_alerts(ctx: Context) -> list[AlertAnswer]:
    """Every alert that is pending or fires: the firing first, the worst first, the oldest first."""
    now, rules = ctx.now(), {rule.name: rule for rule in ctx.settings.alert_rules}
    with ctx.store.read() as tx:
        alerts = rows_of.read_alerts(tx)
        silences = still_quiet(rows_of.read_silences(tx), alerts, now)
        shown = [a for a in alerts.values() if a.state is not State.CALM and a.rule in rules]
        name = names_of(ctx, tx) if shown else str
    answers = [_answer(a, rules[a.rule], silences, now, name) for a in shown]
    return sorted(
        answers,
        key=lambda a: (
            a.state is State.PENDING,
            _WORST.index(a.severity),
            a.fired_at or a.since or 0.0,
            a.rule,
            a.subject,
        ),
    )


def _answer(
    alert: Alert, rule: Rule, silences: tuple[Silence, ...], now: float, name: Callable[[str], str]
) -> AlertAnswer:
    covering = [s for s in silences if s.covers(alert, now)]
    quiet = max(covering, key=lambda s: (s.acknowledged, s.until), default=None)
    return AlertAnswer(
        rule=alert.rule,
        subject=alert.subject,
        name=name(alert.subject),
        state=alert.state,
        severity=rule.severity,
        indicator=rule.indicator,
        since=alert.since,
        fired_at=alert.fired_at,
        value=alert.value,
        unit=WATCHED[rule.indicator].unit,
        flapping=alert.flapping,
        summary=rule.summary,
        summary_zh=rule.summary_zh,
        quiet=None if quiet is None else quiet_answer(quiet),
    )


def quiet_answer(found: Silence) -> QuietAnswer:
    """A silence as it is told."""
    return QuietAnswer(
        rule=found.rule,
        subject=found.subject,
        until=found.until,
        by=found.by,
        why=found.why,
        acknowledged=found.acknowledged,
    )


def list_silences(ctx: Context) -> list[QuietAnswer]:
    """Silences and acknowledgements that hold."""
    with ctx.store.read() as tx:
        alerts = rows_of.read_alerts(tx)
        return [quiet_answer(s) for s in still_quiet(rows_of.read_silences(tx), alerts, ctx.now())]


def silence(ctx: Context, who: Principal, request: QuietRequest) -> QuietAnswer:
    """Tell nobody for a while. Raises `BadInput` for a rule that isn't, or for neither named."""
    if not request.rule and not request.subject:
        raise BadInput(
            "a silence of every alert is refused",
            [Mistake("rule", "name a rule, a subject, or both")],
        )
    if request.rule:
        _check_rule(ctx, request.rule)
    until = ctx.now() + request.for_s
    made = Silence(request.rule, request.subject, until, who.subject, request.why)
    with ctx.store.write() as tx:
        rows_of.put_silence(tx, made)
    return quiet_answer(made)


def acknowledge(ctx: Context, who: Principal, request: AcknowledgeRequest) -> QuietAnswer:
    """Say that somebody has taken care of an alert. Raises `NotFound` if it does not fire."""
    _check_rule(ctx, request.rule)
    made = Silence(
        request.rule,
        request.subject,
        ctx.now() + ACKNOWLEDGED_S,
        who.subject,
        request.why,
        acknowledged=True,
    )
    with ctx.store.write() as tx:
        found = rows_of.read_alerts(tx).get((request.rule, request.subject))
        if found is None or not found.fires:
            raise NotFound(
                f"no alert {request.rule} fires at {request.subject}; see `weir alerts`, or tell "
                f"nobody of it for a while with `weir alerts silence`"
            )
        rows_of.put_silence(tx, made)
    return quiet_answer(made)


def end_silence(ctx: Context, rule: str, subject: str) -> None:
    """Take a silence or an acknowledgement away. Raises `NotFound` if there is none."""
    with ctx.store.write() as tx:
        if not rows_of.remove_silence(tx, rule, subject):
            where = f"{rule or 'any rule'} at {subject or 'anything'}"
            raise NotFound(f"nothing is silenced of {where}")


def _check_rule(ctx: Context, name: str) -> None:
    names = [rule.name for rule in ctx.settings.alert_rules]
    if name not in names:
        near = get_close_matches(name, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(names)}"
        raise NotFound(f"no rule is called {name!r}; {hint}")


def notices_after(ctx: Context, number: int, limit: int) -> NoticesAnswer:
    """The notices after a number, in order, for who sends them."""
    with ctx.store.read() as tx:
        domain = this_domain(tx)
        records = rows_of.notices_after(tx, number, limit)
    assert domain is not None, "a server has a name before it answers"
    notices = tuple(NoticeAnswer.model_validate(record) for record in records)
    return NoticesAnswer(data_id=domain.data_id, notices=notices)
