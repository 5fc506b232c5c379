"""What was fetched to a site, kept by its content, so that it is fetched once.

    <cache>/objects/<sha256>     the content; its time of change is when it was last used
           /sources/<key>.json   what a URL gave when it was last asked: validator and sha256
           /parts/<key>[.json]   what is being fetched, and the validator of what was begun
           /locks/               who fetches and who reads what; see below

Plain files and `flock`, so that several agents of a center may share a cache, on a shared folder,
too. A URL is known by its hash only: it may hold a secret.

Laws:
- An object is its sha256: it was computed over every byte before it got its name.
- What is being read is not evicted, and nobody fetches what somebody is fetching; both hold by
  locks that go with the process that has them.
- Together the objects are no larger than the limit, but for those in use.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from weir.executors.staging_access import Abandoned

FOLDERS = ("objects", "sources", "parts", "locks")

LOOK_S = 0.1
"""How often somebody who waits for another's fetch looks whether it is done."""

STALE_PART_S = 7 * 86400.0
"""What was begun and not gone on with for so long is deleted."""

_FICLONE = 0x40049409  # linux/fs.h


@dataclass(frozen=True, slots=True)
class Known:
    """What a URL gave when it was last asked."""

    validator: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Part:
    """A fetch that was begun: its file, how much is there, and of what."""

    path: str
    size: int
    validator: str


class Cache:
    """One folder. Threads and processes may share it."""

    def __init__(
        self,
        folder: str,
        limit_bytes: int,
        now: Callable[[], float],
        pause: Callable[[float], None],
    ) -> None:
        self.folder, self._limit, self._now, self._pause = folder, limit_bytes, now, pause

    def open(self) -> None:
        """Make the folders; delete what was begun long ago. Raises OSError."""
        for name in FOLDERS:
            os.makedirs(os.path.join(self.folder, name), 0o700, exist_ok=True)
        for entry in os.scandir(os.path.join(self.folder, "parts")):
            with suppress(OSError):
                if self._now() - entry.stat().st_mtime > STALE_PART_S:
                    os.unlink(entry.path)

    def has(self, sha256: str) -> bool:
        """Whether the content is here."""
        return os.path.exists(self._object(sha256))

    @contextmanager
    def reading(self, sha256: str) -> Iterator[str | None]:
        """The path of an object while it is sure to stay; None if it is not here."""
        with self._locked("object", sha256, fcntl.LOCK_SH, lambda: True):
            path = self._object(sha256)
            try:
                os.utime(path, (self._now(), self._now()))
            except OSError:
                yield None
                return
            yield path

    @contextmanager
    def fetching(self, key: str, wanted: Callable[[], bool]) -> Iterator[None]:
        """Be the only one who fetches `key`, waiting for others. Raises Abandoned."""
        with self._locked("fetch", key, fcntl.LOCK_EX, wanted):
            yield

    def known(self, url: str) -> Known | None:
        """What a URL gave last, if that is still here."""
        value = _read(self._path("sources", key_of(url) + ".json"))
        known = Known(value.get("validator", ""), value.get("sha256", ""))
        return known if known.sha256 and self.has(known.sha256) else None

    def note(self, url: str, known: Known) -> None:
        """Remember what a URL gave."""
        value = {"validator": known.validator, "sha256": known.sha256}
        _write(self._path("sources", key_of(url) + ".json"), value)

    def part(self, key: str) -> Part:
        """What there is of a fetch that was begun; to be called by who is fetching it."""
        path = self._path("parts", key)
        size = os.path.getsize(path) if os.path.exists(path) else 0
        return Part(path, size, str(_read(path + ".json").get("validator", "")))

    def begin(self, key: str, validator: str) -> str:
        """Begin a fetch from nothing; gives the file to write. Raises OSError."""
        path = self._path("parts", key)
        _write(path + ".json", {"validator": validator})
        with open(path, "wb"):
            return path

    def drop(self, key: str) -> None:
        """Forget what there is of a fetch."""
        for path in (self._path("parts", key), self._path("parts", key + ".json")):
            with suppress(FileNotFoundError):
                os.unlink(path)

    def keep(self, key: str, sha256: str) -> None:
        """A fetch is whole: its content becomes an object. Raises OSError."""
        part = self._path("parts", key)
        with self._locked("object", sha256, fcntl.LOCK_SH, lambda: True):
            os.chmod(part, 0o400)
            os.utime(part, (self._now(), self._now()))
            os.rename(part, self._object(sha256))
        self.drop(key)

    def evict(self) -> list[str]:
        """Delete what was used least lately until the rest fits; gives what was deleted."""
        found = []
        for entry in os.scandir(os.path.join(self.folder, "objects")):
            with suppress(OSError):
                there = entry.stat()
                found.append((there.st_mtime, there.st_size, entry.name))
        over = sum(size for _, size, _ in found) - self._limit
        gone = []
        for _, size, name in sorted(found):
            if over <= 0:
                break
            if self._delete(name):
                gone.append(name)
                over -= size
        return gone

    def _delete(self, name: str) -> bool:
        """Delete an object unless somebody is reading it."""
        with open(self._lock_path("object", name), "ab") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return False
            with suppress(FileNotFoundError):
                os.unlink(self._object(name))
            return True

    @contextmanager
    def _locked(self, kind: str, key: str, how: int, wanted: Callable[[], bool]) -> Iterator[None]:
        with open(self._lock_path(kind, key), "ab") as lock:
            while True:
                if not wanted():
                    raise Abandoned(key)
                try:
                    fcntl.flock(lock, how | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self._pause(LOOK_S)
            yield

    def _lock_path(self, kind: str, key: str) -> str:
        """A lock's file. There are few, and they stay: one that is deleted may be held by some."""
        word = hashlib.sha256(key.encode()).hexdigest()[:3]
        return self._path("locks", f"{kind}-{word}")

    def _object(self, sha256: str) -> str:
        return self._path("objects", sha256)

    def _path(self, folder: str, name: str) -> str:
        return os.path.join(self.folder, folder, name)


def key_of(url: str) -> str:
    """What a URL is called in the cache: nothing can be read from it."""
    return hashlib.sha256(url.encode()).hexdigest()


def copy(source: str, target: str) -> None:
    """Make `target` a copy of `source`: sharing its blocks where the file system can, so that who
    writes into one does not change the other. Raises OSError.
    """
    with open(source, "rb") as read, open(target, "wb") as write:
        with suppress(OSError):
            fcntl.ioctl(write, _FICLONE, read.fileno())
            return
        size = os.fstat(read.fileno()).st_size
        done = 0
        while done < size:
            sent = os.sendfile(write.fileno(), read.fileno(), done, 2**26)
            if sent == 0:
                break
            done += sent


def _read(path: str) -> dict[str, str]:
    try:
        with open(path, encoding="utf-8") as file:
            value = json.load(file)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _write(path: str, value: dict[str, str]) -> None:
    whole = f"{path}.{os.getpid()}-{threading.get_ident()}"
    with open(whole, "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.rename(whole, path)
