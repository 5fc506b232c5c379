"""Alerts: what is open, by which rules, and who is told; to acknowledge and to silence.

The list renews itself, so what is typed stands in a card of its own above it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from starlette.responses import RedirectResponse, Response

from weir.console import figures, render
from weir.console.visit import Visit
from weir.control import alerts as using
from weir.core import units
from weir.core.errors import NotFound, WeirError
from weir.wire.alert_answers import AcknowledgeRequest, AlertAnswer, QuietRequest, RuleAnswer
from weir.wire.mistakes import validated

HERE = "/monitoring/alerts"
TIMES = {"3600": "1 hour", "14400": "4 hours", "86400": "1 day", "604800": "7 days"}
"""How long a silence may be, in seconds."""

CONDITIONS = {
    "above": "{what} above {limit}",
    "below": "{what} below {limit}",
    "absent": "{what} is unknown",
    "rises": "{what} rises by more than {limit} an hour",
    "falls": "{what} falls by more than {limit} an hour",
    "deviates": "{what} is {limit} standard deviations off what it usually is",
}
EACH = {
    "domain": "the domain",
    "site": "each site",
    "cluster": "each cluster or link",
    "pool": "each pool",
    "link": "each link",
    "source": "each source",
}
STATES = {"pending": "about to fire", "firing": "firing", "clearing": "about to end"}
SEVERITIES = ("critical", "warning", "info")


def show(visit: Visit) -> Response:
    """The page."""
    return _page(visit)


def _page(visit: Visit, status: int = 200, **said: object) -> Response:
    alerts, rules = using.list_alerts(visit.ctx), using.list_rules(visit.ctx)
    asked = visit.form if visit.form else visit.query
    rule, subject = asked.get("rule", ""), asked.get("subject", "")
    values: dict[str, object] = {"problem": None, "typed": {}}
    return render.page(
        visit,
        "monitoring_alerts.html",
        status,
        **{
            "section": "monitoring",
            "live": True,
            "alerts": alerts,
            "rules": rules,
            "silences": using.list_silences(visit.ctx),
            "chosen": _chosen(rules, rule),
            "chosen_alert": _alert(alerts, rule, subject),
            "subject": subject,
            "met": _met(visit),
            "lasting": _lasting(visit),
            "times": TIMES,
            "states": STATES,
            "each": EACH,
            "commands": (
                ("weir alerts", "GET /v1/alerts"),
                ("weir alerts rules", "GET /v1/alerts/rules"),
                ("weir alerts ack RULE SUBJECT", "PUT /v1/alerts/acknowledged"),
                ("weir alerts silence RULE SUBJECT --for 2h", "PUT /v1/alerts/silences"),
                ("weir alerts silence RULE SUBJECT --end", "DELETE /v1/alerts/silences"),
            ),
            **values,
            **said,
        },
    )


def _chosen(rules: list[RuleAnswer], name: str) -> RuleAnswer | None:
    return next((rule for rule in rules if rule.name == name), None)


def _alert(alerts: list[AlertAnswer], rule: str, subject: str) -> AlertAnswer | None:
    return next((a for a in alerts if (a.rule, a.subject) == (rule, subject)), None)


def _met(visit: Visit) -> Callable[[RuleAnswer], str]:
    """A rule's condition in the visitor's words."""

    def met(rule: RuleAnswer) -> str:
        what = rule.label_zh if visit.language == "zh" else rule.label
        if rule.part:
            what = f"{what} ({visit.words(rule.part)})"
        limit = _limit(rule)
        said = visit.words(CONDITIONS[rule.condition])
        text = said.format(what=what, limit=limit)
        if rule.over_s:
            over = _lasting(visit)(rule.over_s)
            text = visit.words("{condition}, over {time}", condition=text, time=over)
        return text

    return met


def _limit(rule: RuleAnswer) -> str:
    """A rule's threshold with its unit."""
    if rule.condition == "deviates":
        return f"{rule.threshold:g}"
    if rule.unit in ("bytes", "GFLOPS"):
        return " ".join(filter(None, figures.value_of(rule.threshold, rule.unit)))
    return f"{rule.threshold:g}" if rule.unit == "1" else f"{rule.threshold:g} {rule.unit}"


def lasting(seconds: float) -> str:
    """A duration of a rule, as its file may have it: `1h30m`."""
    return units.show_duration_s(round(seconds))


def _lasting(visit: Visit) -> Callable[[float], str]:
    """The same in the visitor's words."""
    return lasting if visit.language == "en" else visit.words.duration


def acknowledge(visit: Visit) -> Response:
    """Somebody takes care of an alert."""
    form = visit.form
    asked = {name: form.get(name, "") for name in ("rule", "subject", "why")}
    return _done(
        visit,
        lambda: using.acknowledge(
            visit.ctx, visit.person, validated(AcknowledgeRequest, asked, "the form")
        ),
    )


def silence(visit: Visit) -> Response:
    """Tell nobody for a while."""
    form = visit.form
    asked = {name: form.get(name, "") for name in ("rule", "subject", "why", "for_s")}
    return _done(
        visit,
        lambda: using.silence(visit.ctx, visit.person, validated(QuietRequest, asked, "the form")),
    )


def tell_again(visit: Visit) -> Response:
    """Take a silence or an acknowledgement away; one that is over by now is no mistake."""
    with suppress(NotFound):
        using.end_silence(visit.ctx, visit.form.get("rule", ""), visit.form.get("subject", ""))
    return RedirectResponse(HERE, 303)


def _done(visit: Visit, work: Callable[[], object]) -> Response:
    try:
        work()
    except WeirError as error:
        return _page(visit, error.status, problem=error, typed=visit.form)
    return RedirectResponse(HERE, 303)
