"""`weir server`: the servers that this person talks to, kept in the context file."""

from __future__ import annotations

from pathlib import Path

import click

from weir.cli.output import Column, Sheet, print_json, say, show_sheet
from weir.cli.session import json_option
from weir.client.context import Context, add_server, read_context, weir_home, write_context
from weir.core.errors import BadInput


@click.group()
def server() -> None:
    """Name servers, and choose the default one."""


@server.command("list")
@json_option
def list_servers(as_json: bool) -> None:
    """List the servers; the default one is marked."""
    context = read_context(weir_home())
    if as_json:
        print_json(context)
        return
    sheet = Sheet((Column(""), Column("NAME"), Column("URL"), Column("TOKEN FILE", wraps=True)))
    for name, entry in context.servers.items():
        sheet.add("*" if name == context.default else "", name, entry.url, entry.token_file or "-")
    show_sheet(sheet, empty="no servers; add one with `weir server add NAME URL`")


@server.command()
@click.argument("name")
@click.argument("url")
@click.option(
    "--token-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The file that holds your token for it.",
)
@click.option("--default", "is_default", is_flag=True, help="Talk to it unless told otherwise.")
def add(name: str, url: str, token_file: Path | None, is_default: bool) -> None:
    """Call the server at URL by NAME from now on."""
    if "://" in name:
        raise click.UsageError("the name comes first, then the URL")
    kept = None if token_file is None else token_file.absolute()
    context = add_server(weir_home(), name, url, kept, default=is_default)
    say(f"{name} is {context.servers[name].url}{_mark(context, name)}")


@server.command()
@click.argument("name")
def use(name: str) -> None:
    """Talk to the server NAME unless told otherwise."""
    home = weir_home()
    context = _known(home, name)
    write_context(home, Context(default=name, servers=context.servers))
    say(f"{name} is the default")


@server.command()
@click.argument("name")
def remove(name: str) -> None:
    """Forget the server NAME. The server itself goes on, and your token stays in its file."""
    home = weir_home()
    context = _known(home, name)
    left = {other: entry for other, entry in context.servers.items() if other != name}
    default = None if context.default == name else context.default
    write_context(home, Context(default=default, servers=left))
    none = "; there is no default now, see `weir server use`" if default is None and left else ""
    say(f"{name} is forgotten{none}")


def _known(home: Path, name: str) -> Context:
    """The context file, if it has a server of that name. Raises `BadInput`."""
    context = read_context(home)
    if name not in context.servers:
        known = ", ".join(context.servers) or "none"
        raise BadInput(f"no server is named {name!r} (known: {known}); see `weir server add`")
    return context


def _mark(context: Context, name: str) -> str:
    return ", the default" if context.default == name else ""
