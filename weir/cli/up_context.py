"""How people find the servers of a network that is up: the context file, and a line for a shell."""

from __future__ import annotations

import getpass
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from shlex import quote

from weir.cli.network_file import NetworkFile
from weir.cli.network_join import Folder, Server
from weir.client.context import Context, read_context, write_context, write_private
from weir.client.context import Server as KnownServer
from weir.wire.joining import TokenRequest


def write_servers(
    file: NetworkFile, home: Path, folder: Folder, servers: Mapping[str, Server]
) -> dict[str, str]:
    """Put the servers into the context file, with a person's token for each; gives their names.

    A server that is there already, of this name but not of this network, stays; so does a default.
    """
    old, known, names = read_context(home), {}, {}
    for name, server in servers.items():
        token_file = folder.home / "people" / f"{name}.token"
        if not token_file.exists():
            request = TokenRequest(subject=_person(), roles=("user", "operator"))
            token_file.parent.mkdir(mode=0o700, exist_ok=True)
            write_private(token_file, server.client.create_token(request).token)
        relative = os.path.relpath(token_file, home.absolute())
        taken = old.servers.get(name)
        names[name] = (
            name if taken is None or taken.token_file == relative else f"{file.network}-{name}"
        )
        known[names[name]] = KnownServer(url=server.url, token_file=relative)
    first = file.first_domain("regional") or file.domains_from_the_top()[0]
    default = old.default if old.default in old.servers else names[first.name]
    write_context(home, Context(default=default, servers={**old.servers, **known}))
    return names


def _person() -> str:
    """This person's login name, as a name of the network."""
    try:
        login = getpass.getuser()
    except (KeyError, OSError):
        login = ""
    return re.sub(r"[^a-z0-9]+", "-", login.lower()).strip("-")[:60] or "me"


def exports(home: Path) -> str:
    """The line that makes a shell find this `weir`, and with it the servers in `home`."""
    folder = quote(str(Path(sys.executable).parent))
    return f"export WEIR_HOME={quote(str(home.absolute()))} PATH={folder}:$PATH"
