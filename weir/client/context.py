"""Which servers this person talks to: `context.json` in `weir_home`, and how one is chosen.

    {"default": "national",
     "servers": {"national": {"url": "http://127.0.0.1:7500", "token_file": "tokens/me"}}}

Laws:
- The file is replaced as a whole and only its owner can read it; it holds no token, only where the
  token's file is (relative to the context file's folder).
- What was asked for expressly wins: the server's name or URL, then WEIR_URL, then the default. A
  server asked for by name or URL has the token that the file gives it, and else the environment's;
  one that was not has the environment's (WEIR_TOKEN_FILE, then WEIR_TOKEN), and else the file's.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from weir.client.transport import server_url
from weir.core.errors import BadInput, WeirError
from weir.wire.base import Wire
from weir.wire.mistakes import read_yaml, validated

FILE_NAME = "context.json"
FOLDER = ".weir"


class NoServer(WeirError):
    """Nothing says which server to talk to."""

    status, code, title = 422, "weir.client.no_server", "No server is known"


class Server(Wire):
    """A server that this person talks to."""

    url: str
    token_file: str | None = None


class Context(Wire):
    """The context file."""

    default: str | None = None
    servers: dict[str, Server] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Target:
    """A server to talk to. The token is left out where the target is printed."""

    url: str
    token: str | None = field(repr=False)
    name: str | None = None


def weir_home(environ: Mapping[str, str] = os.environ) -> Path:
    """Weir's folder: `$WEIR_HOME`; else `~/.weir`, or the `.weir` here or above that has a context
    file where that one has none.
    """
    chosen = environ.get("WEIR_HOME")
    if chosen:
        return Path(chosen).expanduser()
    usual = Path.home() / FOLDER
    try:
        here = Path.cwd()
    except OSError:  # the folder is gone
        return usual
    places = [usual, *(folder / FOLDER for folder in (here, *here.parents))]
    return next((place for place in places if _is_ours(place / FILE_NAME)), usual)


def _is_ours(path: Path) -> bool:
    """Whether there is such a file, and nobody else has put it there."""
    try:
        return path.stat().st_uid == os.getuid()
    except OSError:
        return False


def read_context(home: Path) -> Context:
    """The context file in `home`; an empty one if there is none. Raises `BadInput`."""
    path = home / FILE_NAME
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Context()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path} can't be read: {error}") from None
    data, lines = read_yaml(text, str(path))
    return validated(Context, data, str(path), lines)


def write_context(home: Path, context: Context) -> Path:
    """Replace the context file in `home`; gives its path."""
    path = home / FILE_NAME
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, context.model_dump_json(indent=2) + "\n")
    return path


def add_server(
    home: Path, name: str, url: str, token_file: Path | None = None, *, default: bool = False
) -> Context:
    """Put a server into the context file, in place of one of that name; gives the new context.

    It becomes the default if `default` says so, or if there is none yet.
    """
    old = read_context(home)
    entry = Server(url=server_url(url), token_file=None if token_file is None else str(token_file))
    chosen = name if default or old.default is None else old.default
    context = Context(default=chosen, servers={**old.servers, name: entry})
    write_context(home, context)
    return context


def resolve(server: str | None = None, environ: Mapping[str, str] = os.environ) -> Target:
    """The server to talk to, and the token for it.

    `server` is a name of the context file, or a URL. Raises `NoServer` with a way out if nothing
    says which server is meant, `BadInput` for an unknown name or an unreadable token file.
    """
    home = weir_home(environ)
    context = read_context(home)
    if server is not None and "://" not in server:
        return _named(server, context, home, environ)
    if server is not None:
        url = server_url(server)
        name, token = _stored(url, context, home)
        return Target(url, token or _environment_token(environ), name)
    if environ.get("WEIR_URL"):
        url = server_url(environ["WEIR_URL"])
        given = _environment_token(environ)
        name, token = (None, given) if given else _stored(url, context, home)
        return Target(url, token, name)
    if context.default is None:
        raise NoServer(
            "no server is known. Start a network on this machine with `weir up "
            "examples/network.yaml`, set WEIR_HOME to the folder of one that is up, name a server "
            "with --server URL, or set WEIR_URL (and WEIR_TOKEN_FILE)."
        )
    entry = _entry(context.default, context, home)
    token = _environment_token(environ) or _token_of(entry, home)
    return Target(server_url(entry.url), token, context.default)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one with `text` that only its owner can read, all of it or not at all."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _named(name: str, context: Context, home: Path, environ: Mapping[str, str]) -> Target:
    entry = _entry(name, context, home)
    token = _token_of(entry, home) or _environment_token(environ)
    return Target(server_url(entry.url), token, name)


def _entry(name: str, context: Context, home: Path) -> Server:
    entry = context.servers.get(name)
    if entry is None:
        known = ", ".join(sorted(context.servers)) or "none"
        raise BadInput(
            f"no server is named {name!r} in {home / FILE_NAME} (known: {known}); "
            "give one of these or a URL"
        )
    return entry


def _stored(url: str, context: Context, home: Path) -> tuple[str | None, str | None]:
    """Name and token that the context file has for a URL."""
    for name, entry in context.servers.items():
        if server_url(entry.url) == url:
            return name, _token_of(entry, home)
    return None, None


def _token_of(entry: Server, home: Path) -> str | None:
    return None if entry.token_file is None else read_token(home / Path(entry.token_file))


def _environment_token(environ: Mapping[str, str]) -> str | None:
    if environ.get("WEIR_TOKEN_FILE"):
        return read_token(Path(environ["WEIR_TOKEN_FILE"]))
    return environ.get("WEIR_TOKEN") or None


def read_token(path: Path) -> str:
    """The token in a file. Raises `BadInput`."""
    try:
        return path.expanduser().read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"the token file {path} can't be read: {error}") from None
