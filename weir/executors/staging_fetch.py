"""Fetch what a URL names into the cache of a site: once, whole, checked, resumed after a break.

Laws:
- A content that is called for by its sha256 is that content, or an error that names both.
- What came before a break, of the connection or of the agent, is not fetched again, if the source
  says that it still has the same.
- Without a sha256, what is in the cache is used only if the source says that it has not changed.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from weir.core import units
from weir.executors.staging_access import Abandoned, StageError, shown
from weir.executors.staging_cache import Cache, Known, key_of
from weir.executors.staging_sources import CHUNK_BYTES, Away, Opened, Sources

TRIES = 6
"""How often something is tried without a single byte gained, the first time included."""

PAUSES_S = (0.5, 1.0, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What there is now: its content's hash, its size in bytes, and how much was carried for it."""

    sha256: str
    size: int
    carried: int


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be fetched, and who is to hear of it.

    `sha256` is what it must be, if that is known. `wanted` says whether it is still wanted;
    `progress` hears (bytes there, bytes in all or None).
    """

    url: str
    sha256: str | None
    wanted: Callable[[], bool]
    progress: Callable[[int, int | None], None]


class Fetcher:
    """Fetches into one cache. Threads may share it."""

    def __init__(self, cache: Cache, sources: Sources, pause: Callable[[float], None]) -> None:
        self._cache, self._sources, self._pause = cache, sources, pause

    def fetch(self, wish: Wish) -> Fetched:
        """See to it that the cache has it. Raises StageError, Abandoned, OSError."""
        self._sources.access.check(wish.url)  # also of what is here: another may have fetched it
        key = wish.sha256 or key_of(wish.url)
        if wish.sha256 and (found := self._here(wish.sha256)) is not None:
            return found
        with self._cache.fetching(key, wish.wanted):
            if wish.sha256 and (found := self._here(wish.sha256)) is not None:
                return found  # somebody else has fetched it meanwhile
            return self._persist(wish, key)

    def _here(self, sha256: str) -> Fetched | None:
        with self._cache.reading(sha256) as path:
            return None if path is None else Fetched(sha256, os.path.getsize(path), 0)

    def _persist(self, wish: Wish, key: str) -> Fetched:
        """Try, and try again while it gets on."""
        tries = carried = 0
        while True:
            before = self._cache.part(key).size
            try:
                found = self._once(wish, key)
                return Fetched(found.sha256, found.size, carried + found.carried)
            except Away as error:
                gained = self._cache.part(key).size - before
                carried += max(0, gained)
                tries = 1 if gained > 0 else tries + 1
                if tries >= TRIES:
                    raise StageError(f"{shown(wish.url)}: {error} (tried {tries} times)") from error
            self._pause(PAUSES_S[tries - 1])
            if not wish.wanted():
                raise Abandoned(wish.url)

    def _once(self, wish: Wish, key: str) -> Fetched:
        known = None if wish.sha256 else self._cache.known(wish.url)
        part = self._cache.part(key)
        validator = known.validator if known else ""
        with self._sources.open(wish.url, part.size, part.validator, validator) as opened:
            if opened.unchanged and known is not None:
                found = self._here(known.sha256)
                if found is None:
                    raise Away("it was evicted just now")
                return found
            digest = hashlib.sha256()
            if opened.offset == 0:
                path = self._cache.begin(key, opened.validator)
            else:
                path = part.path
                _digest(path, digest)
            carried = self._write(wish, opened, path, digest)
        return self._take(wish, key, opened, digest.hexdigest(), carried)

    def _write(self, wish: Wish, opened: Opened, path: str, digest: hashlib._Hash) -> int:
        done = opened.offset
        with open(path, "ab") as file:
            for chunk in opened.pieces:
                if not wish.wanted():
                    raise Abandoned(wish.url)
                file.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                wish.progress(done, opened.size)
        if opened.size is not None and done < opened.size:
            raise Away(
                f"it broke off after {units.show_bytes(done)} of {units.show_bytes(opened.size)}"
            )
        return done - opened.offset

    def _take(self, wish: Wish, key: str, opened: Opened, sha256: str, carried: int) -> Fetched:
        if wish.sha256 is not None and sha256 != wish.sha256:
            self._cache.drop(key)
            raise StageError(
                f"{shown(wish.url)}: its sha256 is {sha256}, and the job file says {wish.sha256}"
            )
        size = os.path.getsize(self._cache.part(key).path)
        self._cache.keep(key, sha256)
        if opened.validator:
            self._cache.note(wish.url, Known(opened.validator, sha256))
        return Fetched(sha256, size, carried)


def _digest(path: str, digest: hashlib._Hash) -> None:
    """What is there of the file belongs to its hash."""
    with open(path, "rb") as file:
        while chunk := file.read(4 * CHUNK_BYTES):
            digest.update(chunk)


def sha256_of(path: str) -> str:
    """The sha256 of a file. Raises OSError."""
    digest = hashlib.sha256()
    _digest(path, digest)
    return digest.hexdigest()


def unlink(path: str) -> None:
    """Delete a file if it is there."""
    with suppress(FileNotFoundError):
        os.unlink(path)
