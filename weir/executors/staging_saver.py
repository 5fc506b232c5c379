"""Looks at the checkpoint folders of live runs and packs what is new and whole: one thread.

Without runs that declare a checkpoint it waits and costs nothing.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from weir.core import units
from weir.executors import staging_checkpoint as checkpoints
from weir.executors.staging_access import Abandoned, StageError, expanded
from weir.executors.staging_checkpoint import Elsewhere, Listing
from weir.executors.staging_fetch import unlink
from weir.executors.staging_log import DataLog
from weir.executors.staging_upload import Uploader
from weir.wire.checkpoint import Saved
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import Checkpoint

log = logging.getLogger(__name__)

LOOK_S = 1.0
SHARE, MOST_S = 10, 30.0
"""Looking takes at most one part in so many of the time, and a look comes at least so often."""


@dataclass(slots=True)
class _Watched:
    """A run whose folder is looked at. `shot` is what was packed last, `brought` are URLs."""

    order: RunOrder
    wish: Checkpoint
    folder: str
    log: DataLog
    before: Listing | None = None
    shot: Listing | None = None
    shot_at: float = float("-inf")
    looked_at: float = float("-inf")
    carried: tuple[str, int] = ("", 0)
    said: str = ""
    over: bool = False
    brought: list[str] = field(default_factory=list)
    guard: threading.Lock = field(default_factory=threading.Lock)

    @property
    def work(self) -> str:
        return os.path.join(self.folder, "work", self.wish.path)


class Saver:
    """The thread. `watch`, `finish`, `note_read` and `forget` may be called from any other."""

    def __init__(self, uploader: Uploader, now: Callable[[], float]) -> None:
        self._uploader, self._now = uploader, now
        self._watched: dict[str, _Watched] = {}
        self._poked, self._stopped = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._loop, name="weir-checkpoints", daemon=True)

    def close(self) -> None:
        """End the thread, if it was needed at all."""
        self._stopped.set()
        self._poked.set()
        if self._thread.ident is not None:
            self._thread.join(10)

    def watch(self, order: RunOrder, folder: str) -> None:
        """Look at this live run's checkpoints from now on; harmless when said again."""
        wish = order.spec.checkpoint
        if wish is None or order.run in self._watched:
            return
        self._watched[order.run] = _Watched(order, wish, folder, DataLog(folder, self._now))
        if self._thread.ident is None:
            with suppress(RuntimeError):  # another thread was quicker
                self._thread.start()
        self._poked.set()

    def finish(self, order: RunOrder, folder: str, end: float) -> None:
        """This run has ended without success: pack what it left, once."""
        self.watch(order, folder)
        watched = self._watched.get(order.run)
        if watched is None or watched.over:
            return
        with watched.guard:
            if watched.over:
                return
            watched.over = True
            now = checkpoints.listing(watched.work)
            fit = checkpoints.whole_at_the_end(watched.wish, now, watched.before, end)
            if fit and now != watched.shot:
                self._shoot(watched, now)

    def note_read(self, run: str, name: str, end: int) -> None:
        """Somebody carries this checkpoint up, and has its first `end` bytes."""
        watched = self._watched.get(run)
        if watched is not None:
            watched.carried = (name, end)

    def forget(self, run: str) -> None:
        """This run is over and told of."""
        self._watched.pop(run, None)

    def _loop(self) -> None:
        while not self._stopped.is_set():
            began = time.monotonic()
            alive = [watched for watched in list(self._watched.values()) if not watched.over]
            for watched in alive:
                try:
                    with watched.guard:
                        if not watched.over:
                            self._look(watched)
                except Exception:  # of one run: the others' states are looked at all the same
                    log.exception("the checkpoints of run %s", watched.order.run)
            pause = min(max(LOOK_S, SHARE * (time.monotonic() - began)), MOST_S)
            self._poked.wait(pause if alive else None)
            self._poked.clear()

    def _look(self, watched: _Watched) -> None:
        if self._now() - watched.looked_at < LOOK_S / 2:
            return
        watched.looked_at = self._now()
        now = checkpoints.listing(watched.work)
        before, watched.before = watched.before, now
        due = self._now() - watched.shot_at >= units.parse_duration_s(watched.wish.every)
        new = now != watched.shot and checkpoints.whole(watched.wish, now, before)
        if due and new and not self._being_carried(watched):
            self._shoot(watched, now)

    def _being_carried(self, watched: _Watched) -> bool:
        """Whether the newest is on its way: another would have it begin anew."""
        there = checkpoints.kept(watched.folder)
        name, end = watched.carried
        return bool(there) and there[-1].name == name and 0 < end < there[-1].size

    def _shoot(self, watched: _Watched, now: Listing) -> None:
        """Pack; what goes wrong is said, and tried again when the folder has changed."""
        part = os.path.join(watched.folder, "checkpoint.part")
        try:
            wrong = checkpoints.too_large(watched.wish, now)
            if wrong is None and checkpoints.pack(watched.work, now, part):
                self._keep(watched, part)
                watched.shot, watched.shot_at = now, self._now()
        except (StageError, OSError) as error:
            wrong = str(error)
        except Abandoned:
            wrong = None
        finally:
            unlink(part)
        if wrong is not None and wrong != watched.said:
            watched.said, watched.shot, watched.shot_at = wrong, now, self._now()
            watched.log.say(f"checkpoint: {wrong}")
            log.warning("no checkpoint of run %s is made: %s", watched.order.run, wrong)

    def _keep(self, watched: _Watched, part: str) -> None:
        if watched.wish.url is not None:
            self._bring(watched, part, watched.wish.url)
        saved = checkpoints.keep(watched.folder, part, self._now())
        size = units.show_bytes(saved.size)
        where = f" {watched.brought[-1]}" if watched.brought else f": {size}, sha256 {saved.sha256}"
        watched.log.say(f"checkpoint {saved.number}{where}")

    def _bring(self, watched: _Watched, part: str, prefix: str) -> None:
        """Bring what was packed to the job's URL; the small file takes its place."""
        order, number = watched.order, self._next(watched)
        index = "" if order.array_index is None else f"-{order.array_index}"
        base = expanded(prefix, order).rstrip("/")
        url = f"{base}/{order.root_job}{index}/{order.run}-{number}.tar"
        with open(part, "rb") as file:
            brought = self._uploader.bring(file, url, lambda: not self._stopped.is_set())
        checkpoints.write_elsewhere(part, Elsewhere(url, brought.size, brought.sha256))
        watched.brought.append(url)
        while len(watched.brought) > checkpoints.KEPT:
            self._uploader.remove(watched.brought.pop(0))

    def _next(self, watched: _Watched) -> int:
        there: list[Saved] = checkpoints.kept(watched.folder)
        return there[-1].number + 1 if there else 1
