"""What stands before a Slurm is driven: the way to it, the runs' folder, the lock on the home."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable

from weir.core.errors import BadInput, Conflict
from weir.executors.slurm_calls import Slurm
from weir.executors.slurm_commands import Commands
from weir.executors.slurm_rest import Rest, token_file, token_maker
from weir.executors.slurm_settings import SlurmSettings


def connect(settings: SlurmSettings, now: Callable[[], float]) -> Slurm:
    """The way to Slurm that the settings say."""
    rest = settings.rest
    if rest is None:
        commands = str(settings.commands) if settings.commands else ""
        return Commands(commands, str(settings.config or ""), settings.timeout_s)
    if rest.token_file is not None:
        token = token_file(rest.token_file)
    elif rest.key_file is not None:
        token = token_maker(rest.key_file, rest.user, now)
    else:
        raise BadInput("executor.rest needs a token_file or a key_file")
    return Rest(rest.url, rest.user, token, rest.version, settings.timeout_s)


def make_folder(folder: str) -> None:
    """The folder for runs. Raises BadInput."""
    try:
        os.makedirs(folder, 0o700, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"executor.folder: {folder} can't be made: {error.strerror}; name a folder that this "
            "machine and every node have under one path, and that the agent's user may write to"
        ) from error


def lock_file(path: str) -> int:
    """A file that is locked for as long as this process lives. Raises Conflict."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(20):  # a process that was killed takes a moment to be gone
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            time.sleep(0.05)
    os.close(fd)
    raise Conflict(f"another agent uses {os.path.dirname(path)}")
