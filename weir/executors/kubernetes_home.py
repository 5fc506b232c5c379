"""The lock of an executor's home: one executor at a time uses it."""

from __future__ import annotations

import fcntl
import os
import time

from weir.core.errors import Conflict


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
