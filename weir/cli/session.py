"""What every command shares: which server it talks to, the connection, the clock, common options.

Kept light: nothing here loads the client before a command asks for it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    import httpx

    from weir.client.http import Client
    from weir.client.patience import Patience
    from weir.core.errors import WeirError

AWAY_S = 60.0
"""How long a server that is away is asked again by what waits for a job, in seconds."""

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """One call of the command. Tests put in a transport and a clock of their own."""

    server: str | None = None
    transport: httpx.BaseTransport | None = None
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    timeout_s: float = 30.0

    def client(self) -> Client:
        """A connection to the server that is meant; raises if nothing says which."""
        from weir.client.context import resolve
        from weir.client.http import Client

        target = resolve(self.server)
        return Client(target.url, target.token, self.timeout_s, transport=self.transport)

    def patience(self) -> Patience:
        """For a question that is asked until a job ends: a server that is away may come back."""
        from weir.cli.output import note
        from weir.client.patience import Patience

        def tell(error: WeirError) -> None:
            note(f"{error.detail.split('. ')[0]}; trying again for {AWAY_S:g} s")

        return Patience(AWAY_S, tell, self.sleep, self.clock)

    def anonymous(self, url: str) -> Client:
        """A connection to some other server, which is told no token."""
        from weir.client.http import Client

        return Client(url, None, self.timeout_s, transport=self.transport)


def _chosen(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is not None:
        ctx.ensure_object(Session).server = value


server_option = click.option(
    "-s",
    "--server",
    metavar="NAME|URL",
    expose_value=False,
    callback=_chosen,
    help="The server to talk to.",
)
"""Stands at the command as well as before it: `weir -s north jobs`, `weir jobs -s north`."""

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
wide_option = click.option("--wide", is_flag=True, help="Show all columns, however wide.")
pass_session = click.make_pass_decorator(Session, ensure=True)


def asks(command: F) -> F:
    """For a command that asks a server: it takes the session, and `--server`."""
    with_session: F = pass_session(command)  # type: ignore[assignment]
    return server_option(with_session)


def prints(command: F) -> F:
    """For a command that asks a server and prints its answer: `asks`, and `--json`."""
    return json_option(asks(command))
