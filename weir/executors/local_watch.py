"""A thread that sleeps until a process ends, a moment comes, or it is poked.

Idle, it costs nothing: it waits in the kernel on a descriptor per process. Where the kernel has no
such descriptors it looks every 0.2 s while there are processes.
"""

from __future__ import annotations

import logging
import os
import resource
import select
import threading
from collections.abc import Callable, Sequence

from weir.executors import local_process

log = logging.getLogger(__name__)

POLL_S = 0.2
RETRY_S = 1.0

Key = tuple[str, int]
"""A task: its run and its number there."""

Step = Callable[[Sequence[Key]], float | None]
"""Given tasks whose processes ended: acts, and says in how many seconds to call again, if ever."""


def have_pidfd() -> bool:
    """Whether the system gives a descriptor for a process."""
    try:
        os.close(os.pidfd_open(os.getpid()))
    except (AttributeError, OSError):
        return False
    return True


class Watcher:
    """Calls `step` from one thread, its own. `watch` and `poke` may be called from any."""

    def __init__(self, step: Step, pidfd: bool) -> None:
        self._step = step
        self._pidfd = pidfd
        self._epoll = select.epoll()
        self._poked = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._poked, select.EPOLLIN)
        self._watched: dict[int, Key] = {}  # by descriptor
        self._polled: dict[Key, tuple[int, int]] = {}  # process and its start; without descriptors
        self._most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2
        self._stopping = False
        self._thread = threading.Thread(target=self._loop, name="weir-local", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End the thread; processes go on."""
        self._stopping = True
        self.poke()
        if self._thread.ident is not None:
            self._thread.join()
        for fd in self._watched:
            os.close(fd)
        self._watched.clear()
        self._epoll.close()
        os.close(self._poked)

    def poke(self) -> None:
        """Come back now."""
        os.eventfd_write(self._poked, 1)

    def watch(self, pid: int, key: Key) -> bool:
        """Report `key` once when this process ends; False if there is none with this number."""
        if not self._pidfd or len(self._watched) >= self._most:  # others need open files too
            return self._poll(pid, key)
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        self._watched[fd] = key
        self._epoll.register(fd, select.EPOLLIN | select.EPOLLONESHOT)
        return True

    def _poll(self, pid: int, key: Key) -> bool:
        stat = local_process.stat_of(pid)
        if stat is not None:
            self._polled[key] = pid, stat.start
            self.poke()
        return stat is not None

    def _loop(self) -> None:
        due: float | None = None
        ended: list[Key] = []
        while not self._stopping:
            if self._polled:
                due = POLL_S if due is None else min(due, POLL_S)
            ready = self._epoll.poll(-1 if due is None else due)
            if self._stopping:
                break
            try:
                ended += [*self._ended(ready), *self._ended_polled()]
                due = self._step(ended)
                ended = []
            except (
                Exception
            ):  # a trouble of today, such as a full table of files, must not be the end
                log.exception("the ends of these tasks are tried again: %s", ended)
                due = RETRY_S

    def _ended(self, ready: Sequence[tuple[int, int]]) -> list[Key]:
        ended: list[Key] = []
        for fd, _ in ready:
            if fd == self._poked:
                os.eventfd_read(fd)
                continue
            ended.append(self._watched.pop(fd))
            os.close(fd)
        return ended

    def _ended_polled(self) -> list[Key]:
        ended: list[Key] = []
        for key, (pid, start) in list(self._polled.items()):
            stat = local_process.stat_of(pid)
            if stat is None or stat.start != start or stat.state in "ZX":
                ended.append(key)
                del self._polled[key]
        return ended
