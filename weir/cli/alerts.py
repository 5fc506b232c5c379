"""`weir alerts`: what needs somebody, and by which rules; silence and acknowledge; send notices."""

from __future__ import annotations

from pathlib import Path

import click

from weir.cli.output import Column, Sheet, note, print_json, say, show_sheet
from weir.cli.session import Session, asks, prints, wide_option
from weir.cli.tokens import Duration
from weir.cli.values import NONE, UNKNOWN, ago, amount, number, stamp
from weir.core.alerts import Condition, Severity, State
from weir.core.indicator_laws import plain
from weir.core.units import show_duration_s
from weir.wire.alert_answers import (
    AcknowledgeRequest,
    AlertAnswer,
    QuietAnswer,
    QuietRequest,
    RuleAnswer,
)
from weir.wire.mistakes import validated

STYLES = {Severity.CRITICAL: "red", Severity.WARNING: "yellow", Severity.INFO: ""}
WORDS = {
    Condition.ABOVE: "above",
    Condition.BELOW: "below",
    Condition.RISES: "rises by more than",
    Condition.FALLS: "falls by more than",
}


@click.group(invoke_without_command=True)
@wide_option
@prints
@click.pass_context
def alerts(ctx: click.Context, session: Session, wide: bool, as_json: bool) -> None:
    """List alerts: the firing first, then those about to, the worst first."""
    if ctx.invoked_subcommand is not None:
        return
    now = session.clock()
    with session.client() as client:
        found = client.alerts()
    if as_json:
        print_json(found, list[AlertAnswer])
        return
    sheet = Sheet(
        (
            Column("SEVERITY"),
            Column("STATE", least=3),
            Column("RULE"),
            Column("WHERE", wraps=True),
            Column("WHAT", wraps=True, least=4),
            Column("VALUE", right=True),
            Column("SINCE", right=True),
            Column("SUBJECT", least=1),
            Column("TOLD", wraps=True, least=2),
        )
    )
    for alert in found:
        sheet.add(
            alert.severity,
            "flapping" if alert.flapping else alert.state,
            alert.rule,
            alert.name,
            alert.summary,
            UNKNOWN if alert.value is None else amount(plain(float(alert.value)), alert.unit),
            ago(alert.fired_at or alert.since, now),
            alert.subject,
            _told(alert),
            style="dim" if alert.quiet or alert.state is State.PENDING else STYLES[alert.severity],
        )
    show_sheet(sheet, empty="no alerts", wide=wide)


def _told(alert: AlertAnswer) -> str:
    """Whether people are told, and why not."""
    if alert.quiet is None:
        return "not yet" if alert.state is State.PENDING else "yes"
    how = "acknowledged" if alert.quiet.acknowledged else "silenced"
    return f"{how} by {alert.quiet.by}"


@alerts.command("rules")
@wide_option
@prints
def rules(session: Session, wide: bool, as_json: bool) -> None:
    """List the rules that alerts are made by."""
    with session.client() as client:
        found = client.alert_rules()
    if as_json:
        print_json(found, list[RuleAnswer])
        return
    sheet = Sheet(
        (
            Column("RULE"),
            Column("SEVERITY"),
            Column("MET WHEN", wraps=True),
            Column("OF EACH"),
            Column("FOR", right=True),
            Column("CLEAR", right=True, least=1),
            Column("WHAT", wraps=True, least=2),
        )
    )
    for rule in found:
        sheet.add(
            rule.name,
            rule.severity,
            met_when(rule),
            rule.each,
            show_duration_s(round(rule.for_s)),
            show_duration_s(round(rule.clear_s)),
            rule.summary,
        )
    show_sheet(sheet, empty="this domain has no rules of alerts", wide=wide)


def met_when(rule: RuleAnswer) -> str:
    """A rule's condition in words."""
    what = f"{rule.indicator} {rule.part}".rstrip()
    over = show_duration_s(round(rule.over_s)) if rule.over_s else ""
    if rule.condition is Condition.ABSENT:
        return f"{what} is unknown"
    if rule.condition is Condition.DEVIATES:
        return f"{what} is {number(rule.threshold)} standard deviations off its last {over}"
    by_the_hour = rule.condition in (Condition.RISES, Condition.FALLS)
    limit = amount(plain(float(rule.threshold)), rule.unit) + (" an hour" if by_the_hour else "")
    return f"{what} {WORDS[rule.condition]} {limit}" + (f" over {over}" if over else "")


@alerts.command("silence")
@click.argument("rule")
@click.argument("subject", default="")
@click.option("--for", "for_s", type=Duration(), metavar="DURATION", help="For so long: 2h, 1d ...")
@click.option("--why", default="", help="What others are told of the reason.")
@click.option("--end", is_flag=True, help="Take the silence or acknowledgement away.")
@asks
def silence(
    session: Session, rule: str, subject: str, for_s: int | None, why: str, end: bool
) -> None:
    """Tell nobody of RULE, at SUBJECT or anywhere, for a while.

    A RULE of - is any rule at SUBJECT.
    """
    if end == (for_s is not None):
        raise click.UsageError("say either --for DURATION or --end")
    name = "" if rule == "-" else rule
    with session.client() as client:
        if end:
            client.end_silence(name, subject)
            say(f"{rule} at {subject or 'anything'} is told of again")
            return
        asked = {"rule": name, "subject": subject, "for_s": for_s, "why": why}
        made = client.silence(validated(QuietRequest, asked, "the request"))
    say(f"nobody is told of {rule} at {subject or 'anything'} until {stamp(made.until)}")


@alerts.command("silences")
@prints
def silences(session: Session, as_json: bool) -> None:
    """List silences and acknowledgements that hold."""
    with session.client() as client:
        found = client.silences()
    if as_json:
        print_json(found, list[QuietAnswer])
        return
    sheet = Sheet(
        (
            Column("RULE"),
            Column("SUBJECT"),
            Column("HOW"),
            Column("UNTIL", right=True),
            Column("BY"),
            Column("WHY", wraps=True),
        )
    )
    for one in found:
        sheet.add(
            one.rule or "any",
            one.subject or "any",
            "acknowledged" if one.acknowledged else "silenced",
            "it is over" if one.acknowledged else stamp(one.until),
            one.by,
            one.why or NONE,
        )
    show_sheet(sheet, empty="nothing is silenced")


@alerts.command("ack")
@click.argument("rule")
@click.argument("subject")
@click.option("--why", default="", help="What others are told, for example who does what.")
@asks
def ack(session: Session, rule: str, subject: str, why: str) -> None:
    """Say that somebody takes care of RULE at SUBJECT: nobody is told until it is over."""
    asked = {"rule": rule, "subject": subject, "why": why}
    with session.client() as client:
        client.acknowledge(validated(AcknowledgeRequest, asked, "the request"))
    say(f"{rule} at {subject} is acknowledged")


@alerts.command("send")
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="A YAML file: the server, the state file, and who is told how.",
)
@click.option("--once", is_flag=True, help="Send what waits, and end.")
@click.option("--check", is_flag=True, help="Only read the file and say what it would do.")
def send(config: Path, once: bool, check: bool) -> None:
    """Send notices to webhooks, by e-mail and to Alertmanager, until stopped."""
    from weir.cli.alerts_send import run
    from weir.wire.alert_sending import read_sending

    settings = read_sending(config)
    if check:
        for receiver in settings.receivers:
            say(f"{receiver.name}: {receiver.kind}, {receiver.at_least} and worse")
        return
    if not run(settings, once=once):
        note("some notices wait; they are sent again later")
        raise SystemExit(1)
