"""Where data comes from by URL: HTTP, S3 and folders of the center, each read from any offset.

Laws:
- What is given from an offset on belongs to what was begun: the source says by a validator (an
  ETag, a time of change and size) what it has now, and gives all of it anew if that is another.
- A connection is made only to an address that the operator lets jobs reach, after redirects, too.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

import fsspec
import httpcore
import httpx

from weir.executors.staging_access import Access, StageError, real_path, shown
from weir.executors.staging_settings import DataSettings

CHUNK_BYTES = 2**20
TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Opened:
    """What a source gives. `unchanged`: it is what the caller knows, and nothing is given. The
    pieces begin at `offset`; `size` is that of the whole, None if it is not told.
    """

    pieces: Iterator[bytes]
    offset: int = 0
    size: int | None = None
    validator: str = ""
    unchanged: bool = False


class Away(Exception):
    """It did not work this time, and may later; the text says why."""


class Sources:
    """All kinds, by the operator's settings. Threads may share it."""

    def __init__(self, settings: DataSettings) -> None:
        self._settings, self.access = settings, Access.of(settings)

    def open(
        self, url: str, offset: int = 0, validator: str = "", known: str = ""
    ) -> AbstractContextManager[Opened]:
        """Begin to read at `offset` of what `validator` names, else at the start; nothing if the
        source still has what the validator `known` names.

        Raises StageError where it can't be had; `Away` where it may be later.
        """
        self.access.check(url)
        scheme = urlsplit(url).scheme
        if scheme in ("http", "https"):
            return self._http(url, offset, validator, known)
        if scheme == "s3":
            return self._s3(url, offset, validator, known)
        return _file(url, offset, validator, known)

    def client(self, write: bool = False) -> httpx.Client:
        """An HTTP client that goes nowhere that the operator does not let jobs go."""
        proxy = self._settings.proxy

        def hop(request: httpx.Request) -> None:
            self.access.check(str(request.url), write)

        transport = None if proxy else checked_transport(self.access.check_address)
        return httpx.Client(
            transport=transport,
            proxy=proxy,
            trust_env=False,
            timeout=TIMEOUT_S,
            follow_redirects=not write,
            event_hooks={"request": [hop]},
        )

    def s3(self) -> Any:
        """The file system of S3."""
        own = self._settings.s3
        try:
            return fsspec.filesystem(
                "s3",
                anon=own.anonymous,
                profile=own.profile,
                endpoint_url=own.endpoint,
                use_listings_cache=False,
            )
        except ImportError as error:
            raise StageError(f"S3 needs a package that is not installed here: {error}") from error

    @contextmanager
    def _http(self, url: str, offset: int, validator: str, known: str) -> Iterator[Opened]:
        headers = {"Accept-Encoding": "identity"}
        if known:
            headers["If-None-Match" if known.endswith('"') else "If-Modified-Since"] = known
        if offset and validator and not validator.startswith("W/"):
            headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
        try:
            with self.client() as client, client.stream("GET", url, headers=headers) as answer:
                yield _answered(url, answer, offset)
        except httpx.TransportError as error:
            raise Away(str(error) or type(error).__name__) from error
        except httpx.HTTPError as error:
            raise StageError(f"{shown(url)}: {error}") from error

    @contextmanager
    def _s3(self, url: str, offset: int, validator: str, known: str) -> Iterator[Opened]:
        system, path = self.s3(), _s3_path(url)
        try:
            info = system.info(path)
            if info.get("type") != "file":
                raise StageError(f"{shown(url)}: is no file")
            size, now = int(info["size"]), _tag(info)
            if known and known == now:
                yield Opened(iter(()), 0, size, now, unchanged=True)
                return
            start = offset if validator == now and offset <= size else 0
            with system.open(path, "rb", cache_type="none") as file:
                file.seek(start)
                yield Opened(_read(file.read), start, size, now)
        except (StageError, Away, GeneratorExit):
            raise
        except (FileNotFoundError, PermissionError) as error:
            raise StageError(f"{shown(url)}: {_said(error)}") from error
        except Exception as error:  # botocore and aiohttp raise what they like
            raise Away(_said(error)) from error


def checked_transport(check: Callable[[str, str], None]) -> httpx.HTTPTransport:
    """A transport whose every connection was judged by `check(host, address)`, which may raise."""
    transport = httpx.HTTPTransport(trust_env=False)
    # httpx has no public way to say how its pool connects; a test holds that this one works.
    transport._pool._network_backend = _Checked(check)
    return transport


class _Checked(httpcore.NetworkBackend):
    """Connects to the addresses of a host that pass the check, and to no other."""

    def __init__(self, check: Callable[[str, str], None]) -> None:
        self._check, self._real = check, httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} is not known: {error}") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for address in addresses:
            self._check(host, address)
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return self._real.connect_tcp(address, port, timeout, None, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


def _answered(url: str, answer: httpx.Response, offset: int) -> Opened:
    code = answer.status_code
    validator = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
    if code == 304:
        return Opened(iter(()), unchanged=True)
    if code == 416 or (code == 206 and _first(answer) != offset):
        raise Away("the server has less than it had")
    if code in (408, 425, 429) or code >= 500:
        raise Away(_status(answer))
    if code not in (200, 206):
        raise StageError(f"{shown(url)}: {_status(answer)}")
    start = offset if code == 206 else 0
    length = answer.headers.get("Content-Length", "")
    size = start + int(length) if length.isdigit() else None
    return Opened(answer.iter_raw(), start, size, validator)


def _first(answer: httpx.Response) -> int:
    """The first byte of a part, -1 if the server does not say."""
    word = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    return int(word) if word.isdigit() else -1


def _status(answer: httpx.Response) -> str:
    return f"the server answered {answer.status_code} {answer.reason_phrase}".rstrip()


@contextmanager
def _file(url: str, offset: int, validator: str, known: str) -> Iterator[Opened]:
    path = real_path(url)
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_NOFOLLOW)
    except OSError as error:
        raise StageError(f"{shown(url)}: {_said(error)}") from error
    with open(fd, "rb", buffering=0) as file:
        there = os.fstat(fd)
        if not stat.S_ISREG(there.st_mode) or os.readlink(f"/proc/self/fd/{fd}") != path:
            raise StageError(f"{shown(url)}: is no file")
        now = f"{there.st_mtime_ns}-{there.st_size}-{there.st_ino}"
        if known == now:
            yield Opened(iter(()), 0, there.st_size, now, unchanged=True)
            return
        start = offset if validator == now and offset <= there.st_size else 0
        file.seek(start)
        yield Opened(_read(file.read), start, there.st_size, now)


def _read(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(4 * CHUNK_BYTES):
        yield chunk


def _s3_path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.netloc}{unquote(parts.path)}"


def _tag(info: dict[str, Any]) -> str:
    return f"{info.get('ETag') or info.get('LastModified')}-{info['size']}"


def _said(error: Exception) -> str:
    if isinstance(error, FileNotFoundError):
        return "not found"
    if isinstance(error, PermissionError):
        return "not permitted"
    return str(error) or type(error).__name__
