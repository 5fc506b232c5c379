"""An executor's folders; and the lock of its home: one executor at a time uses it."""

from __future__ import annotations

import fcntl
import os
import time

from weir.core.errors import BadInput, Conflict
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_software import FOLDER


def take_lock(path: str) -> int:
    """Take the lock; it goes with the process that holds it. Raises `Conflict` if it is taken."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    for _ in range(20):  # a process that was killed takes a moment to be gone
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        except BlockingIOError:
            time.sleep(0.05)
    os.close(fd)
    raise Conflict(f"another agent uses {os.path.dirname(path)}")


def give_lock_back(fd: int) -> None:
    """Let another have it."""
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def make_folders(settings: KubernetesSettings, runs: str) -> None:
    """Make those of runs, and of environments where they are on a volume. Raises `BadInput`."""
    try:
        os.makedirs(runs, 0o700, exist_ok=True)
        if settings.volume is not None:
            os.makedirs(settings.volume.folder / FOLDER, 0o700, exist_ok=True)
    except OSError as error:
        raise BadInput(f"executor.volume.folder: {error}") from error
