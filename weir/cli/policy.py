"""`weir policy`: which policy a domain schedules by, who has changed it, and another one."""

from __future__ import annotations

import click

from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, prints
from weir.cli.values import NONE, stamp
from weir.wire.scheduling import PolicyRequest, SchedulingChange

BY_START = "a start of the server"
"""Who changes things without a person."""


@click.group()
def policy() -> None:
    """Show or change the policy that a domain schedules by."""


@policy.command()
@prints
def show(session: Session, as_json: bool) -> None:
    """Print the policy in force, and the last changes of policy and queues."""
    with session.client() as client:
        found = client.scheduling()
    if as_json:
        print_json(found)
        return
    click.echo(f"policy  {found.policy}")
    click.echo(f"queues  {', '.join(q.name for q in found.queues) or 'none'}")
    if not found.changes:
        click.echo("nothing was changed since the server was first started")
        return
    sheet = Sheet(
        (
            Column("CHANGED"),
            Column("BY"),
            Column("WHAT"),
            Column("POLICY"),
            Column("QUEUES", wraps=True),
        )
    )
    for change in found.changes:
        sheet.add(*_row(change))
    click.echo()
    show_sheet(sheet)


def _row(change: SchedulingChange) -> tuple[str, ...]:
    return (
        stamp(change.set_at),
        change.set_by or BY_START,
        change.what,
        change.policy,
        ", ".join(change.queues) or NONE,
    )


@policy.command("set")
@click.argument("name")
@prints
def set_policy(session: Session, name: str, as_json: bool) -> None:
    """Schedule by the policy NAME from the next round on (`weir policies` lists them).

    `weir simulate replay --policy NAME` tells what last week would have been like under it.
    """
    with session.client() as client:
        answer = client.set_policy(PolicyRequest(policy=name))
    if as_json:
        print_json(answer)
    else:
        say(f"the policy is now {answer.policy}")
