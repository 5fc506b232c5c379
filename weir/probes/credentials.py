"""Who a probe says that it is: a token or a password from a file, which may change at any time.

Laws:
- The file is read again when it has changed. Where the source answers 401 it is read in any case,
  and asked once more if it says something else now.
- A file that can't be read is an `OSError` of the look: the probe gives nothing until it is there.
"""

from __future__ import annotations

import base64
import os
import ssl
from collections.abc import Generator
from pathlib import Path

import httpx

from weir.core.errors import BadInput

REFUSED = 401


class FromFile(httpx.Auth):
    """A bearer token from a file; or, with a user's name, the password of that user."""

    def __init__(self, file: Path, user: str = "") -> None:
        self._file, self._user = file, user
        self._seen: tuple[int, int, int] | None = None
        self._header = ""

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Say it; if that is refused and the file says something else by now, say that."""
        if (at := _version(self._file)) != self._seen:
            self._header, self._seen = self._read(), at
        said = request.headers["Authorization"] = self._header
        answer = yield request
        if answer.status_code == REFUSED and (fresh := self._read()) != said:
            self._header = request.headers["Authorization"] = fresh
            yield request

    def _read(self) -> str:
        secret = self._file.read_text(encoding="utf-8").strip()
        if not self._user:
            return f"Bearer {secret}"
        both = f"{self._user}:{secret}".encode()
        return f"Basic {base64.b64encode(both).decode('ascii')}"


def _version(file: Path) -> tuple[int, int, int]:
    found = os.stat(file)
    return found.st_mtime_ns, found.st_size, found.st_ino


def connect(
    timeout_s: float,
    auth: httpx.Auth | None,
    ca_file: Path | None,
    transport: httpx.BaseTransport | None = None,
) -> httpx.Client:
    """A client of a source over HTTP; `ca_file` has the authorities that it trusts instead of the
    system's. Raises `BadInput` for a file that is none.
    """
    try:
        verify: bool | ssl.SSLContext = (
            True if ca_file is None else ssl.create_default_context(cafile=str(ca_file))
        )
    except (OSError, ssl.SSLError) as error:
        raise BadInput(f"{ca_file} has no certificates that can be read: {error}") from None
    return httpx.Client(
        timeout=timeout_s, auth=auth, verify=verify, transport=transport, trust_env=False
    )
