"""Below the typed calls: one request, sent once, and its answer read or its failure raised.

Laws: see `weir.client.http`, which adds a method for every call.
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from weir import __version__
from weir.client.problems import NotUnderstood, Unreachable, error_of
from weir.core.errors import BadInput

CONNECT_S = 10.0
"""Longest wait for a connection, in seconds."""

_NO_PROXY = ("all://localhost", "all://127.0.0.1", "all://[::1]")
"""This machine is asked directly, whatever the environment says of proxies."""

_READERS: dict[Any, TypeAdapter[Any]] = {}
T = TypeVar("T")


class Transport:
    """A connection to one server, without the names of the calls."""

    def __init__(
        self,
        url: str,
        token: str | None = None,
        timeout_s: float = 30.0,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.url = server_url(url)
        self._timeout_s = timeout_s
        headers = {"User-Agent": f"weir/{__version__}", "Accept": "application/json"}
        if token is not None:
            headers["Authorization"] = f"Bearer {_clean_token(token)}"
        self._http = httpx.Client(
            base_url=self.url,
            headers=headers,
            timeout=self._timeout(0),
            transport=transport,
            mounts=dict.fromkeys(_NO_PROXY),
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; the client can't be used after it."""
        self._http.close()

    # One call.

    def _ask(
        self,
        answer: type[T],
        method: str,
        path: str,
        body: BaseModel | None = None,
        *,
        query: dict[str, Any] | None = None,
        small: bool = False,
        wait_s: float = 0,
        read: Callable[[bytes], T] | None = None,
    ) -> T:
        """Send and read the answer. `small` leaves out of the body what has its default value;
        without it only what was never set is left out, so that the server sees what was written.
        What a newer server adds anywhere in its answer is not read; or `read` reads it.
        """
        content = None
        if body is not None:
            content = body.model_dump_json(exclude_defaults=small, exclude_unset=True).encode()
        response = self._send(method, path, content, query, wait_s)
        try:
            if read is not None:
                return read(response.content)
            return reader(answer).validate_json(response.content, extra="ignore")
        except ValidationError as error:
            first = error.errors(include_url=False, include_context=False)[0]
            where = ".".join(str(p) for p in first["loc"]) or "the whole of it"
            raise NotUnderstood(
                f"{self.url} answered {method} {path} with something that is not understood "
                f"({where}: {first['msg']}). Check that it is a Weir server of a version near "
                f"{__version__}."
            ) from None

    def _send(
        self,
        method: str,
        path: str,
        content: bytes | None = None,
        query: dict[str, Any] | None = None,
        wait_s: float = 0,
    ) -> httpx.Response:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        params = {k: v for k, v in (query or {}).items() if v is not None}
        try:
            response = self._http.request(
                method,
                path,
                content=content,
                params=params,
                headers=headers,
                timeout=self._timeout(wait_s),
            )
        except httpx.RequestError as error:
            raise Unreachable(self._no_answer(error)) from error
        if response.is_success:
            return response
        raise error_of(response, self.url)

    def _timeout(self, wait_s: float) -> httpx.Timeout:
        connect = min(CONNECT_S, self._timeout_s)
        return httpx.Timeout(self._timeout_s, connect=connect, read=self._timeout_s + wait_s)

    def _no_answer(self, error: httpx.RequestError) -> str:
        """Which URL, what happened and what to check."""
        if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError):
            check = "Check that the server runs, the address, and the firewall or proxy on the way."
        elif isinstance(error, httpx.TimeoutException):
            check = "It may be overloaded, or something on the way cuts long calls; try again."
        else:
            check = "The connection broke; check the server's log, and try again."
        what = str(error) or "no answer in time"
        return f"{self.url} can't be reached: {what} ({type(error).__name__}). {check}"


def server_url(url: str) -> str:
    """`url` without a slash at its end. Raises `BadInput` if it can't be a server's."""
    try:
        parsed = httpx.URL(url.strip())
    except httpx.InvalidURL as error:
        raise BadInput(f"{url!r} is not a URL: {error}") from None
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise BadInput(f"{url!r} is not a server's URL; write for example http://127.0.0.1:7500")
    if parsed.userinfo or parsed.query or parsed.fragment:
        raise BadInput("a server's URL holds no password, query or fragment; give a token instead")
    return str(parsed).rstrip("/")


def _clean_token(token: str) -> str:
    stripped = token.strip()
    if not stripped or not stripped.isascii() or not stripped.isprintable() or " " in stripped:
        raise BadInput("the token is empty, or has characters that no token has; read it again")
    return stripped


def path_part(text: str) -> str:
    """`text` as one part of a path."""
    if not text or text in (".", ".."):
        raise BadInput(f"{text!r} is not an id")
    return quote(text, safe="")


def reader(answer: type[T]) -> TypeAdapter[T]:
    """What reads and writes an answer as JSON, made once for each type."""
    found = _READERS.get(answer)
    if found is None:
        found = _READERS[answer] = TypeAdapter(answer)
    return found
