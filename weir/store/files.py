"""Files of runs (logs, results): pieces under one folder or bucket, through fsspec.

A file is kept as the pieces it came in, each named by its offset and size. A piece that comes
again is written again in the same place, and one that comes late hides none that is longer.
"""

from __future__ import annotations

import hashlib
import os
from urllib.parse import quote

import fsspec

READ = 2**20
"""Bytes that are read at once."""

MAX_ENTRY = 200
"""Longest name of a folder, in characters; file systems take 255 bytes."""


class Files:
    """A place for files at an fsspec URL: a local folder by default, S3 and others by URL."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url, auto_mkdir=True)

    def put(self, run: str, name: str, offset: int, data: bytes) -> None:
        """Keep a piece of a file that starts at `offset`; it is on the disk when this returns.

        The agent deletes its own copy once it is told that the piece has come.
        """
        with self._fs.open(_piece(self._folder(run, name), offset, len(data)), "wb") as piece:
            piece.write(data)
            if hasattr(piece, "fileno"):
                piece.flush()
                os.fsync(piece.fileno())

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes from `offset`; fewer at the end of what there is."""
        folder = self._folder(run, name)
        try:
            listed = self._fs.ls(folder, detail=False)
        except FileNotFoundError:
            return b""
        found = bytearray()
        for start, size in sorted(_place(str(path)) for path in listed):
            here = offset + len(found)
            if start > here or len(found) >= limit:
                break
            if start + size > here:  # pieces may overlap: each was sent as the file then was
                found += self._fs.cat_file(_piece(folder, start, size))[here - start :]
        return bytes(found[:limit])

    def digest(self, run: str, name: str, size: int) -> str:
        """The sha256 of the first `size` bytes, in hex; of less, if there is less."""
        digest, offset = hashlib.sha256(), 0
        while offset < size and (data := self.read(run, name, offset, min(READ, size - offset))):
            digest.update(data)
            offset += len(data)
        return digest.hexdigest()

    def drop(self, run: str, name: str) -> None:
        """Delete a file; harmless if there is none."""
        try:
            self._fs.rm(self._folder(run, name), recursive=True)
        except FileNotFoundError:
            return

    def _folder(self, run: str, name: str) -> str:
        return f"{self._root}/{_entry(run)}/{_entry(name)}"


def _entry(name: str) -> str:
    """Any name as one that a folder can have: no way up or out, and not too long."""
    quoted = quote(name, safe="")
    if quoted.startswith("."):
        quoted = "%2E" + quoted[1:]
    if len(quoted) <= MAX_ENTRY:
        return quoted
    return quoted[: MAX_ENTRY - 65] + "-" + hashlib.sha256(name.encode()).hexdigest()


def _piece(folder: str, offset: int, size: int) -> str:
    return f"{folder}/{offset:016d}-{size}"


def _place(path: str) -> tuple[int, int]:
    """Offset and size of a piece, from its path."""
    offset, _, size = path.rpartition("/")[2].partition("-")
    return int(offset), int(size)
