"""Files as bytes, gzip unpacked on the way; what the disk or gzip complains of is a `BadInput`."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from weir.core.errors import BadInput

_GZIP = b"\x1f\x8b"


@contextmanager
def opened(path: str | Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked if its first two bytes are those of gzip (RFC 1952).

    The name does not matter. Raises `BadInput` if it can't be opened, or ends or breaks inside.
    """
    try:
        with open(path, "rb") as raw:
            if raw.peek(2)[:2] == _GZIP:
                with gzip.open(raw) as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield raw
    except (OSError, EOFError, zlib.error) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadInput(f"{path} can't be read: {why}") from None


def head(path: str | Path, size: int = 8192) -> str:
    """The first `size` bytes as text, for recognizing a format; odd bytes become U+FFFD."""
    with opened(path) as stream:
        return stream.read(size).decode("utf-8-sig", errors="replace")
