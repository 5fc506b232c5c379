"""Bring a file of a run to a URL: S3, HTTP PUT, a folder of the center.

Laws:
- Bringing it again does no harm: the same content goes to the same place.
- What was read is what was hashed: the file is opened once, and what has grown meanwhile is left.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import unquote, urlsplit

import httpx

from weir.executors.staging_access import Abandoned, StageError, real_path, shown
from weir.executors.staging_fetch import PAUSES_S, TRIES
from weir.executors.staging_sources import CHUNK_BYTES, Away, Sources

PUT_TIMEOUT_S = 120.0
"""How long a server may take to answer once it has all."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What was brought: the hash and the size of its content."""

    sha256: str
    size: int


class Uploader:
    """Brings files to where the operator lets jobs write. Threads may share it."""

    def __init__(self, sources: Sources, pause: Callable[[float], None]) -> None:
        self._sources, self._pause = sources, pause

    def bring(self, file: BinaryIO, url: str, wanted: Callable[[], bool]) -> Brought:
        """Bring an open file, tried several times. Raises StageError, Abandoned."""
        self._sources.access.check(url, write=True)
        size = os.fstat(file.fileno()).st_size
        tries = 0
        while True:
            try:
                return self._once(file, size, url, wanted)
            except Away as error:
                tries += 1
                if tries >= TRIES:
                    raise StageError(f"{shown(url)}: {error} (tried {tries} times)") from error
            self._pause(PAUSES_S[tries - 1])
            if not wanted():
                raise Abandoned(url)

    def remove(self, url: str) -> None:
        """Delete what was brought to S3 or a folder; it matters little if that fails."""
        try:
            self._sources.access.check(url, write=True)
            if urlsplit(url).scheme == "s3":
                self._sources.s3().rm_file(_s3_path(url))
            elif urlsplit(url).scheme == "file":
                os.unlink(real_path(url))
        except Exception:  # whatever S3 raises: an old file that stays is no harm
            return

    def _once(self, file: BinaryIO, size: int, url: str, wanted: Callable[[], bool]) -> Brought:
        file.seek(0)
        digest = hashlib.sha256()
        scheme = urlsplit(url).scheme
        pieces = _pieces(file, size, digest, url, wanted)
        if scheme == "file":
            _to_file(pieces, url)
        elif scheme == "s3":
            self._to_s3(pieces, url)
        else:
            self._put(pieces, size, url)
        return Brought(digest.hexdigest(), size)

    def _put(self, pieces: Iterator[bytes], size: int, url: str) -> None:
        headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
        try:
            with self._sources.client(write=True) as client:
                answer = client.put(url, content=pieces, headers=headers, timeout=PUT_TIMEOUT_S)
        except httpx.TransportError as error:
            raise Away(str(error) or type(error).__name__) from error
        code = answer.status_code
        said = f"the server answered {code} {answer.reason_phrase}".rstrip()
        if code in (408, 425, 429) or code >= 500:
            raise Away(said)
        if not 200 <= code < 300:
            raise StageError(f"{shown(url)}: {said}")

    def _to_s3(self, pieces: Iterator[bytes], url: str) -> None:
        system = self._sources.s3()
        try:
            target = system.open(_s3_path(url), "wb", block_size=8 * 2**20)
            try:
                for piece in pieces:
                    target.write(piece)
            except BaseException:
                target.discard()
                target.closed = True  # else it would be written as far as it came
                raise
            target.close()
        except (StageError, Abandoned, Away):
            raise
        except (FileNotFoundError, PermissionError) as error:
            what = "no such bucket" if isinstance(error, FileNotFoundError) else "not permitted"
            raise StageError(f"{shown(url)}: {what}") from error
        except Exception as error:  # botocore and aiohttp raise what they like
            raise Away(str(error) or type(error).__name__) from error


def _pieces(
    file: BinaryIO, size: int, digest: hashlib._Hash, url: str, wanted: Callable[[], bool]
) -> Iterator[bytes]:
    left = size
    while left > 0:
        if not wanted():
            raise Abandoned(url)
        piece = file.read(min(4 * CHUNK_BYTES, left))
        if not piece:
            raise StageError(f"{shown(url)}: the file became shorter while it was brought there")
        digest.update(piece)
        left -= len(piece)
        yield piece


def _to_file(pieces: Iterator[bytes], url: str) -> None:
    """Beside its place, then renamed: nobody sees half of it."""
    path = real_path(url)
    part = f"{path}.weir-part"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(part, "wb") as target:
            for piece in pieces:
                target.write(piece)
            target.flush()
            os.fsync(target.fileno())
        os.rename(part, path)
    except OSError as error:
        raise StageError(f"{shown(url)}: {error.strerror or error}") from error


def _s3_path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{unquote(parts.path)}"
