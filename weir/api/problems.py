"""Errors as RFC 9457 problem details: the one place where they are rendered."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from weir.core.errors import BadInput, Mistake, NotSignedIn, TooLarge, WeirError
from weir.wire.mistakes import mistakes_of

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


def problem(
    status: int, code: str, title: str, detail: str, mistakes: tuple[Mistake, ...] = ()
) -> JSONResponse:
    """A problem as a response."""
    body: dict[str, Any] = {
        "type": f"urn:weir:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    }
    if mistakes:
        body["errors"] = [
            {"field": m.field, "message": m.message} | ({"line": m.line} if m.line else {})
            for m in mistakes
        ]
    headers = {"WWW-Authenticate": "Bearer"} if status == NotSignedIn.status else None
    return JSONResponse(body, status, headers=headers, media_type=MEDIA_TYPE)


class SizeLimit:
    """Refuses a request whose stated size is over the limit, as a problem like any other.

    One that states no size is cut off by the framework's own limit.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer."""
        sizes = [v for k, v in scope.get("headers", ()) if k == b"content-length"]
        if sizes and sizes[0].isdigit() and int(sizes[0]) > self._most:
            detail = f"the request has {int(sizes[0])} bytes; at most {self._most} are taken"
            refusal = problem(TooLarge.status, TooLarge.code, TooLarge.title, detail)
            await refusal(scope, receive, send)
        else:
            await self._app(scope, receive, send)


def install(app: FastAPI, max_body_bytes: int) -> None:
    """Render every error of this app as a problem."""
    app.add_middleware(SizeLimit, most=max_body_bytes)
    app.add_exception_handler(WeirError, _weir_error)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


def _weir_error(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, WeirError)
    return problem(error.status, error.code, error.title, error.detail, error.mistakes)


def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    stripped = [{**e, "loc": e["loc"][1:] or e["loc"]} for e in error.errors()]
    mistakes = tuple(mistakes_of(stripped, {}))
    detail = (
        "the request has one mistake"
        if len(mistakes) == 1
        else (f"the request has {len(mistakes)} mistakes")
    )
    return problem(BadInput.status, BadInput.code, BadInput.title, detail, mistakes)


def _http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    code = {404: "weir.not_found", 405: "weir.method", 413: "weir.too_large"}.get(
        error.status_code, "weir.http"
    )
    detail = f"{request.method} {request.url.path}: {error.detail}; see /openapi.json"
    return problem(error.status_code, code, str(error.detail), detail)


def _unexpected(request: Request, error: Exception) -> JSONResponse:
    log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "this is a fault of the server; its log has the details"
    return problem(500, WeirError.code, WeirError.title, detail)
