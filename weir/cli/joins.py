"""`weir joins`: who has joined and waits until an operator approves it."""

from __future__ import annotations

from pathlib import Path

import click

from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import Session, asks, prints
from weir.cli.values import ago
from weir.wire.joining import JoinAnswer


@click.group(invoke_without_command=True)
@prints
@click.pass_context
def joins(ctx: click.Context, session: Session, as_json: bool) -> None:
    """List who has joined and waits for approval (`weir serve --approve-joins`)."""
    if ctx.invoked_subcommand is not None:
        return
    with session.client() as client:
        found = client.joins()
    if as_json:
        print_json(found)
        return
    names = ("ID", "KIND", "NAME", "IDENTIFIER", "EXECUTOR", "JOINED", "REPLACES")
    sheet = Sheet(tuple(map(Column, names)))
    for join in found.joins:
        sheet.add(
            join.id,
            join.kind,
            join.name,
            join.cluster,
            join.executor,
            ago(join.asked_at, session.clock()),
            "the agent that is there" if join.again else "nobody",
        )
    empty = "nobody waits for approval"
    if not found.needed:
        empty += "; who joins this domain is let in at once"
    show_sheet(sheet, empty=empty)


@joins.command()
@click.argument("join", metavar="ID")
@prints
def approve(session: Session, join: str, as_json: bool) -> None:
    """Let in the one of this ID."""
    with session.client() as client:
        found = client.approve_join(join)
    if as_json:
        print_json(found)
    else:
        say(f"{found.name} is let in as {found.cluster}; its agent is heard within seconds")


@joins.command()
@click.argument("join", metavar="ID")
@asks
def reject(session: Session, join: str) -> None:
    """Refuse the one of this ID: its token is void."""
    with session.client() as client:
        client.reject_join(join)
    say(f"{join} is refused")


def next_step(answer: JoinAnswer, home: Path) -> str:
    """What a newcomer has to do once it has joined."""
    run = f"now run: weir agent run --home {home}"
    if answer.pending:
        return (
            f"an operator there has to approve it (`weir joins`); its agent waits for that\n{run}"
        )
    return run
