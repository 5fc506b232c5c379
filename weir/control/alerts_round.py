"""A look at every rule: load, judge, and write what has changed, in one transaction.

Laws:
- A look stands only if no other look, silence or acknowledgement was written since it was loaded:
  several servers of one domain make each notice once.
- Nothing is written where nothing has changed.
- An alert of a rule or a subject that is no more is over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from weir.control.alerts_names import names_of
from weir.control.alerts_readings import Kept, read_rules
from weir.control.context import Context, again
from weir.core.alert_watch import WATCHED
from weir.core.alerts import (
    FLAP_S,
    Alert,
    Notice,
    Rule,
    Severity,
    State,
    judge,
    still_quiet,
)
from weir.store import alerts as rows_of
from weir.store.domains import count
from weir.wire.alert_answers import NoticeAnswer

KEEP_NOTICES_S = 14 * 86400.0
"""Notices wait so long for who sends them."""

Key = tuple[str, str]


def look(ctx: Context, kept: Kept) -> int:
    """Look at every rule once; gives how many notices were made."""
    return again(lambda: _look(ctx, kept))


def _look(ctx: Context, kept: Kept) -> int:
    now, rules = ctx.now(), ctx.settings.alert_rules
    with ctx.store.read() as tx:
        seen = count(tx, rows_of.COUNTER)
        before = rows_of.read_alerts(tx)
        silences = rows_of.read_silences(tx)
        readings = read_rules(ctx, tx, rules, now, kept)
        retired = rows_of.retired(tx)
        gone = gone_of(rules, before, retired)
        here = {
            rule: {s: reading for s, reading in found.items() if not is_of(s, retired)}
            for rule, found in readings.items()
        }
        old = rows_of.any_notice_before(tx, now - KEEP_NOTICES_S)
        alerts = {key: alert for key, alert in before.items() if key not in gone}
        after, told = judge(rules, here, alerts, silences, now)
        told = (*over(gone, rules, before, now), *told)
        name = names_of(ctx, tx) if told else str
    forgotten = {*gone, *(key for key, alert in after.items() if is_done(alert, now))}
    changed = [a for key, a in after.items() if key not in forgotten and a != before.get(key)]
    ended = set(silences) - set(still_quiet(silences, after, now))
    forgotten &= before.keys()
    if not (changed or forgotten or told or ended or old):
        return 0
    began = {key: alert.fired_at for key, alert in before.items()}
    began |= {key: alert.fired_at for key, alert in after.items() if alert.fired_at is not None}
    records = _records(ctx, told, began, name)
    with ctx.store.write() as tx:
        rows_of.moved_on(tx, seen)
        rows_of.put_alerts(tx, changed)
        rows_of.drop_alerts(tx, sorted(forgotten))
        rows_of.drop_silences(tx, sorted(ended, key=lambda s: (s.rule, s.subject)))
        rows_of.add_notices(tx, records)
        rows_of.forget_notices(tx, now - KEEP_NOTICES_S)
    return len(told)


def is_done(alert: Alert, now: float) -> bool:
    """Whether nothing depends on an alert any more: calm, and too long ago to count as flapping."""
    return alert.state is State.CALM and all(now - at >= FLAP_S for at in alert.resolved)


def gone_of(rules: Iterable[Rule], alerts: Iterable[Key], retired: Collection[str]) -> set[Key]:
    """Alerts of rules that are no more, and of what this domain has retired."""
    names = {rule.name for rule in rules}
    return {(r, subject) for r, subject in alerts if r not in names or is_of(subject, retired)}


def is_of(subject: str, identifiers: Collection[str]) -> bool:
    """Whether a subject is one of these, a host there, or a link from or to there."""
    return any(end.partition("/")[0] in identifiers for end in subject.split(">"))


def over(
    gone: Iterable[Key], rules: Iterable[Rule], alerts: Mapping[Key, Alert], now: float
) -> tuple[Notice, ...]:
    """That alerts are over whose rule or subject is no more, where it was told that they fire."""
    severities = {rule.name: rule.severity for rule in rules}
    found = [alerts[key] for key in sorted(gone)]
    return tuple(
        Notice(a.rule, a.subject, "resolved", now, a.value, severities.get(a.rule, Severity.INFO))
        for a in found
        if a.told
    )


def _records(
    ctx: Context,
    notices: Iterable[Notice],
    began: Mapping[Key, float | None],
    name: Callable[[str], str],
) -> list[tuple[float, dict[str, Any]]]:
    rules = {rule.name: rule for rule in ctx.settings.alert_rules}
    domain = ctx.domain()
    found = []
    for notice in notices:
        rule = rules.get(notice.rule)
        record = NoticeAnswer.model_validate(
            {
                "at": notice.at,
                "what": notice.what,
                "rule": notice.rule,
                "subject": notice.subject,
                "name": name(notice.subject),
                "severity": notice.severity,
                "indicator": rule.indicator if rule else "",
                "value": notice.value,
                "unit": WATCHED[rule.indicator].unit if rule else "",
                "fired_at": began.get((notice.rule, notice.subject)),
                "summary": rule.summary if rule else "The rule is no more",
                "summary_zh": rule.summary_zh if rule else "该告警规则已撤销",
                "domain": domain.name,
                "url": ctx.settings.url,
            }
        )
        found.append((notice.at, record.model_dump(mode="json")))
    return found
