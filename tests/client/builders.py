"""A server that is a table: what each call answers, and what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import httpx
from pydantic import BaseModel, TypeAdapter

URL = "http://weir.test"
Reply = httpx.Response | BaseModel | list[Any] | dict[str, Any] | Exception
Handler = Callable[[httpx.Request], Reply]


class FakeServer:
    """`replies` maps `GET /v1/pools` to an answer, or to some of which each is given once.

    `asked` are the requests that came, in order.
    """

    def __init__(self, replies: Mapping[str, Reply | Handler | list[Reply]]) -> None:
        self.replies = dict(replies)
        self.asked: list[httpx.Request] = []

    @property
    def transport(self) -> httpx.MockTransport:
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        call = f"{request.method} {request.url.path}"
        if call not in self.replies:
            return problem(404, "weir.not_found", f"nothing stands under {call}")
        reply = self.replies[call]
        if isinstance(reply, Turns):
            reply = reply.next()
        if callable(reply):
            reply = reply(request)
        if isinstance(reply, Exception):
            raise reply
        if isinstance(reply, httpx.Response):
            return reply
        body = TypeAdapter(Any).dump_json(reply)
        return httpx.Response(200, content=body, headers={"Content-Type": "application/json"})


class Turns(list[Any]):
    """Replies, one for each time; the last one stays."""

    def next(self) -> Any:
        return self.pop(0) if len(self) > 1 else self[0]


def problem(status: int, code: str, detail: str, errors: Any = None) -> httpx.Response:
    """Problem details as the server writes them."""
    body = {
        "type": f"urn:weir:{code}",
        "title": "A title",
        "status": status,
        "detail": detail,
        "code": code,
        "errors": errors or [],
    }
    return httpx.Response(status, json=body, headers={"Content-Type": "application/problem+json"})


def piece(data: bytes, size: int, complete: bool) -> httpx.Response:
    """A piece of a file as the server sends it."""
    headers = {"X-Weir-Size": str(size), "X-Weir-Complete": "true" if complete else "false"}
    return httpx.Response(200, content=data, headers=headers)
