"""Data and software of runs at a site, for every executor that has a folder for each run.

    <run's folder>/work        its working directory
                  /data.log    what was done here about its data and software, a file of the run
                  /checkpoints, /software.json

An executor calls `bring_in` before a run's tasks start and, where `leaves` says so, `leave` after
them, each from a thread that may take long; both may be called again after a crash. What `files`
and `read` give is added to the files of the run.

Laws:
- `bring_in` leaves a working directory with all inputs, or says in words what could not be had.
- Nothing that a URL may hold of secrets is in a reason or in `data.log`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from typing import BinaryIO

from weir.core import units
from weir.executors import local_files, local_stage
from weir.executors import staging_checkpoint as checkpoints
from weir.executors.base import RunFile
from weir.executors.staging_access import StageError, expanded, shown
from weir.executors.staging_cache import Cache, copy
from weir.executors.staging_fetch import Fetched, Fetcher, Wish, unlink
from weir.executors.staging_log import NAME, DataLog
from weir.executors.staging_saver import Saver
from weir.executors.staging_settings import DataSettings, SoftwareSettings
from weir.executors.staging_software import Builder
from weir.executors.staging_sources import Sources
from weir.executors.staging_upload import Uploader
from weir.wire.checkpoint import parse
from weir.wire.exchange import RunOrder
from weir.wire.jobdata import stages
from weir.wire.jobspec import ENVIRONMENTS, Input, Output
from weir.wire.pools import PoolReport

Wanted = Callable[[], bool]


class Staging:
    """The data of one executor's runs. Threads may share it.

    `home` is a folder of its own; the cache is there unless the settings name one. `in_use` gives
    what live runs use of the software that was made ready.
    """

    def __init__(
        self,
        data: DataSettings,
        software: SoftwareSettings,
        home: str,
        now: Callable[[], float],
        in_use: Callable[[], Iterable[str]] = lambda: (),
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._home, self._now = home, now
        cache = str(data.cache) if data.cache else os.path.join(home, "cache")
        sources = Sources(data)
        self._cache = Cache(cache, data.cache_bytes, now, pause)
        self._fetcher = Fetcher(self._cache, sources, pause)
        self._uploader = Uploader(sources, pause)
        self._builder = Builder(software, cache, now, in_use)
        self._saver = Saver(self._uploader, now)
        self._opened = False

    def close(self) -> None:
        """Stop looking at checkpoints."""
        self._saver.close()

    @property
    def traits(self) -> tuple[str, ...]:
        """What its pools can do about software."""
        return self._builder.traits

    def with_traits(
        self, reports: Sequence[PoolReport], foreign: Collection[str] = ()
    ) -> list[PoolReport]:
        """Pools that can do what the operator's settings say. In those that are `foreign`, by name,
        programs that are built on this machine do not run: there are no environments.
        """
        if not self.traits:
            return list(reports)
        found = []
        for report in reports:
            can = [t for t in self.traits if t != ENVIRONMENTS or report.name not in foreign]
            traits = tuple(dict.fromkeys((*report.traits, *can)))
            found.append(report.model_copy(update={"traits": traits}))
        return found

    def refusals(self, orders: Iterable[RunOrder]) -> dict[str, str]:
        """Which runs can't be had here for their software: run to reason."""
        wrong = {order.run: self._builder.refusal(order.spec) for order in orders}
        return {run: reason for run, reason in wrong.items() if reason is not None}

    # -- before ----------------------------------------------------------------------------------

    def slow(self, order: RunOrder) -> bool:
        """Whether `bring_in` may take long for this run."""
        return stages(order.spec, order.restore is not None)

    def archive(self, run: str) -> str:
        """Where the agent puts the checkpoint that a run begins with, before it submits it."""
        return os.path.join(self._home, "restores", run)

    def bring_in(self, order: RunOrder, folder: str, wanted: Wanted) -> None:
        """Inputs, checkpoint and software of a run. Raises StageError, Abandoned, OSError."""
        work = os.path.join(folder, "work")
        log = DataLog(folder, self._now)
        if order.spec.checkpoint is not None:
            self._restore(order, work, wanted, log)

        def fetch(item: Input, part: str) -> None:
            self._fetch(item, part, order, wanted, log)

        local_stage.stage(order.spec.inputs, work, wanted, fetch)
        if order.spec.image is not None or order.spec.requirements is not None:
            self._builder.prepare(order.spec, folder, wanted, log)

    def _fetch(self, item: Input, part: str, order: RunOrder, wanted: Wanted, log: DataLog) -> None:
        url, name = expanded(item.url or "", order), f"input {item.path}"
        found = self._into(url, item.sha256, part, name, wanted, log)
        how = units.show_bytes(found.carried) + " carried" if found.carried else "it was here"
        size = units.show_bytes(found.size)
        log.say(f"{name}: {size} from {shown(url)} ({how}), sha256 {found.sha256}")

    def _into(
        self, url: str, sha256: str | None, target: str, name: str, wanted: Wanted, log: DataLog
    ) -> Fetched:
        """Have `target` be what the URL names, by way of the cache."""
        if not self._opened:
            self._cache.open()
            self._opened = True
        wish = Wish(url, sha256, wanted, lambda done, total: log.progress(name, done, total))
        for _ in range(3):
            found = self._fetcher.fetch(wish)
            with self._cache.reading(found.sha256) as path:
                if path is not None:
                    copy(path, target)
            if path is not None:
                self._cache.evict()
                return found
        raise StageError("it is evicted as soon as it is fetched: data.cache_size is too small")

    def _restore(self, order: RunOrder, work: str, wanted: Wanted, log: DataLog) -> None:
        """Put the checkpoint that was brought along into the working directory."""
        wish = order.spec.checkpoint
        archive = self.archive(order.run)
        if wish is None:
            return
        target = os.path.join(work, wish.path)
        saved = parse(order.restore or "")
        if saved is not None and os.path.exists(archive) and not os.path.lexists(target):
            packed = archive
            if wish.url is not None:
                packed, where = f"{archive}.tar", checkpoints.read_elsewhere(archive)
                self._into(where.url, where.sha256, packed, "checkpoint", wanted, log)
            checkpoints.unpack(packed, work, wish.path)
            log.say(f"checkpoint: goes on from {order.restore}")
        os.makedirs(target, exist_ok=True)

    # -- after -----------------------------------------------------------------------------------

    def leaves(self, order: RunOrder, succeeded: bool) -> bool:
        """Whether there is something to do (`leave`) before this run's end is told."""
        return self._brings_out(order) if succeeded else order.spec.checkpoint is not None

    def leave(
        self, order: RunOrder, folder: str, succeeded: bool, at: float, wanted: Wanted
    ) -> str | None:
        """What is to be done with what a run has left, whose tasks have ended at some time: bring
        its outputs, or pack its last checkpoint. Gives why a run that succeeded has failed by it;
        None if it has not. Raises Abandoned.
        """
        if succeeded:
            return self.bring_out(order, folder, wanted)
        self._saver.finish(order, folder, at)
        return None

    def _brings_out(self, order: RunOrder) -> bool:
        return any(output.url for output in order.spec.outputs)

    def bring_out(self, order: RunOrder, folder: str, wanted: Wanted) -> str | None:
        """Bring outputs to their URLs. Gives why that failed; None if all is there. Raises
        Abandoned.
        """
        log = DataLog(folder, self._now)
        for output in order.spec.outputs:
            if output.url is None:
                continue
            try:
                self._bring(output, order, os.path.join(folder, "work"), wanted, log)
            except (StageError, OSError) as error:
                reason = f"output {output.path}: {error}"
                log.say(reason)
                return reason
        return None

    def _bring(
        self, output: Output, order: RunOrder, work: str, wanted: Wanted, log: DataLog
    ) -> None:
        fd = local_files.open_output(work, output.path)
        if fd is None:
            return  # one that is required was missed already
        url = expanded(output.url or "", order)
        file: BinaryIO
        with open(fd, "rb") as file:
            brought = self._uploader.bring(file, url, wanted)
        size = units.show_bytes(brought.size)
        log.say(f"output {output.path}: {size} to {shown(url)}, sha256 {brought.sha256}")

    # -- files of the run ------------------------------------------------------------------------

    def files(self, order: RunOrder, folder: str, end: bool | None) -> list[RunFile]:
        """What there is beside output: `data.log`, and checkpoints unless it succeeded. `end` is
        whether it did; None while it goes on.
        """
        found: list[RunFile] = []
        if order.spec.checkpoint is not None:
            if end is None:
                self._saver.watch(order, folder)
            if not end:
                found += checkpoints.files(folder)
        if self._logs(order):
            with suppress(OSError):
                found.append(RunFile(NAME, os.stat(os.path.join(folder, NAME)).st_size))
        return found

    def _logs(self, order: RunOrder) -> bool:
        """Whether there may be a `data.log`: to look for one in vain costs, with many runs."""
        return self.slow(order) or order.spec.checkpoint is not None or self._brings_out(order)

    def read(self, order: RunOrder, folder: str, name: str, offset: int, limit: int) -> bytes:
        """A piece of one of these files; nothing of any other."""
        saved = parse(name)
        if name == NAME:
            return local_files.read_stream(os.path.join(folder, NAME), offset, limit)
        if saved is None:
            return b""
        try:
            with open(checkpoints.path_of(folder, saved), "rb") as file:
                file.seek(offset)
                data = file.read(limit)
        except OSError:
            return b""
        self._saver.note_read(order.run, name, offset + len(data))
        return data

    def is_mine(self, name: str) -> bool:
        """Whether `read` is to be asked for a file of this name."""
        return name == NAME or parse(name) is not None

    def forget(self, runs: Sequence[str]) -> None:
        """These runs are over."""
        for run in runs:
            self._saver.forget(run)
            unlink(self.archive(run))
            unlink(f"{self.archive(run)}.part")
            unlink(f"{self.archive(run)}.tar")
