"""`weir token` and `weir join-token`: secrets, shown once.

Law: a secret goes to stdout or into a file of mode 0600, and nowhere else; none is taken as an
argument, because arguments are seen by everybody on the machine.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import click

from weir.cli.output import note, print_json, say
from weir.cli.session import Session, asks, prints
from weir.cli.values import stamp
from weir.client.context import write_private
from weir.core.errors import BadInput
from weir.core.units import parse_duration_s
from weir.wire.joining import JoinTokenRequest, TokenRequest
from weir.wire.mistakes import validated

ROLES = ("user", "operator", "viewer")
Kind = Literal["site", "domain"]

out_option = click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the token into this file (mode 0600) instead of printing it.",
)


class Duration(click.ParamType[int]):
    """Seconds of `30d` or `12h`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return parse_duration_s(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group()
def token() -> None:
    """Make and revoke people's tokens."""


@token.command("create")
@click.argument("subject", metavar="NAME")
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLES), help="Default: user.")
@click.option("--expires", type=Duration(), metavar="DURATION", help="Valid so long, as in 30d.")
@out_option
@prints
def create(
    session: Session,
    subject: str,
    roles: tuple[str, ...],
    expires: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make a token for the person NAME. It is shown this once."""
    _check_out(out)
    asked = {"subject": subject, "roles": roles or ("user",), "expires_in_s": expires}
    with session.client() as client:
        answer = client.create_token(validated(TokenRequest, asked, "the request"))
    if out is not None:
        write_private(out, answer.token + "\n")
        say(f"token {answer.id} of {subject} is in {out}")
    elif as_json:
        print_json(answer)
    else:
        note(f"token {answer.id} of {subject}; revoke it with `weir token revoke {answer.id}`")
        click.echo(answer.token)


@token.command("revoke")
@click.argument("token_id", metavar="ID")
@asks
def revoke(session: Session, token_id: str) -> None:
    """Make the token with this ID void. The ID is what `create` said, not the token itself."""
    with session.client() as client:
        client.revoke_token(token_id)
    say(f"token {token_id} is void")


@click.group("join-token")
def join_token() -> None:
    """Invite a site or a domain to join."""


@join_token.command("create")
@click.argument("name")
@click.option("--kind", type=click.Choice(["site", "domain"]), default="site", show_default=True)
@click.option("--domain-kind", type=click.Choice(["regional", "industry"]), help="For a domain.")
@click.option("--identifier", metavar="ID", help="The one that the newcomer has already.")
@click.option("--expires", type=Duration(), metavar="DURATION", help="Valid so long; default 1d.")
@out_option
@prints
def create_join(
    session: Session,
    name: str,
    kind: Kind,
    domain_kind: str | None,
    identifier: str | None,
    expires: int | None,
    out: Path | None,
    as_json: bool,
) -> None:
    """Make a token with which the site or domain NAME can join, once. It is shown this once."""
    if (kind == "domain") != (domain_kind is not None):
        raise click.UsageError("--domain-kind goes with --kind domain, and is needed there")
    _check_out(out)
    asked = {"kind": kind, "name": name, "identifier": identifier, "domain_kind": domain_kind}
    if expires is not None:
        asked["expires_in_s"] = str(expires)
    with session.client() as client:
        answer = client.create_join_token(validated(JoinTokenRequest, asked, "the request"))
    until = f"for {name}, good once, until {stamp(answer.expires_at)}"
    if out is not None:
        write_private(out, answer.token + "\n")
        say(f"the join token {until} is in {out}")
    elif as_json:
        print_json(answer)
    else:
        note(f"join token {until}")
        click.echo(answer.token)


def _check_out(out: Path | None) -> None:
    """Before a secret is made, see that it can be kept."""
    if out is None:
        return
    if out.exists():
        raise BadInput(f"{out} is there already; remove it, or choose another --out")
    if not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        raise BadInput(f"{out.parent} is no folder that can be written; choose another --out")
