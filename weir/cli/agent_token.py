"""Where a join token comes from: a file, standard input, the environment, or the command line.

A command line can be read by everybody on the machine for as long as the command runs, and is kept
in the shell's history. A token that is given there is taken, wiped from this process's own
arguments before anything else is done, and its reader is told what remains (decision 13).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from weir.cli.output import note
from weir.core.errors import BadInput

ARG_START, ARG_END = 48, 49
"""Which fields of /proc/PID/stat say where a process's arguments are, counted from 1 (proc(5))."""

SEEN = (
    "the token was on the command line: others on this machine could read it for the moment until "
    "{until}, and your shell's history may keep it. It works once and is spent by joining; if the "
    "join fails, have another made. Better: --token-file FILE, or WEIR_JOIN_TOKEN"
)

TOKEN_FILE = click.option(
    "--token-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="The parent's join token; `-` for standard input. WEIR_JOIN_TOKEN without it.",
)


def _given(ctx: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    if value:
        note(SEEN.format(until="it was wiped here" if wipe(value) else "this command ends"))
    return value


TOKEN = click.option(
    "--token",
    metavar="TOKEN",
    is_eager=True,
    callback=_given,
    help="The same on the command line, where others on this machine may see it for a moment.",
)


def token_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds `--token` and `--token-file`."""
    return TOKEN(TOKEN_FILE(command))


def read_token(token: str | None, token_file: Path | None) -> str:
    """The token, from where it was given. Raises `BadInput` without one, or with two."""
    if token and token_file is not None:
        raise BadInput("give --token or --token-file, not both")
    if token:
        return token.strip()
    if token_file is None:
        found = os.environ.get("WEIR_JOIN_TOKEN", "")
        if not found:
            raise BadInput("no join token: give --token-file FILE, or set WEIR_JOIN_TOKEN")
        return found
    text = sys.stdin.read() if str(token_file) == "-" else token_file.read_text(encoding="utf-8")
    return text.strip()


def wipe(secret: str) -> bool:
    """Overwrite a secret in what /proc shows as this process's arguments; whether that was done.

    The arguments lie in the process's own memory, which it may write.
    """
    try:
        stat = Path("/proc/self/stat").read_text("ascii", "replace").rpartition(")")[2].split()
        start, end = int(stat[ARG_START - 3]), int(stat[ARG_END - 3])
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(start)
            shown = memory.read(end - start)
            hidden = shown.replace(secret.encode(), b"*" * len(secret.encode()))
            memory.seek(start)
            return memory.write(hidden) == len(shown)
    except (OSError, ValueError, IndexError):
        return False
