"""Files of runs (logs, results): pieces under one folder or bucket, through fsspec.

A file is kept as the pieces it came in, each named by its offset. A piece that comes again is
written again in the same place, so nothing is twice.
"""

from __future__ import annotations

from urllib.parse import quote

import fsspec


class Files:
    """A place for files at an fsspec URL: a local folder by default, S3 and others by URL."""

    def __init__(self, url: str) -> None:
        self._fs, self._root = fsspec.core.url_to_fs(url, auto_mkdir=True)

    def put(self, run: str, name: str, offset: int, data: bytes) -> None:
        """Keep a piece of a file that starts at `offset`."""
        with self._fs.open(f"{self._folder(run, name)}/{offset:016d}", "wb") as piece:
            piece.write(data)

    def read(self, run: str, name: str, offset: int, limit: int) -> bytes:
        """Up to `limit` bytes from `offset`; fewer at the end of what there is."""
        folder = self._folder(run, name)
        try:
            listed = self._fs.ls(folder, detail=True)
        except FileNotFoundError:
            return b""
        pieces = sorted((int(str(p["name"]).rpartition("/")[2]), int(p["size"])) for p in listed)
        found = bytearray()
        for start, size in pieces:
            here = offset + len(found)
            if start > here or len(found) >= limit:
                break
            if start + size > here:  # pieces may overlap: each was sent as the file then was
                found += self._fs.cat_file(f"{folder}/{start:016d}")[here - start :]
        return bytes(found[:limit])

    def _folder(self, run: str, name: str) -> str:
        return f"{self._root}/{quote(run, safe='')}/{quote(name, safe='')}"
