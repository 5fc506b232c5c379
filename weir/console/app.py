"""The console's own application, and how it stands before the API's: one table of pages.

Pages run in threads, like the API's handlers; what waits for news (`weir.console.pages.live`) is
asynchronous.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from weir.console import render
from weir.console.ahead import Ahead
from weir.console.assets import Assets
from weir.console.pages import (
    commands,
    find,
    job,
    jobs,
    live,
    monitoring,
    monitoring_alerts,
    monitoring_freshness,
    monitoring_history,
    monitoring_links,
    monitoring_reports,
    operations,
    operations_downtimes,
    operations_scheduling,
    overview,
    resources,
    signing,
)
from weir.console.recent import Recent
from weir.console.visit import Visit, language_of, same, session_cookie, theme_of
from weir.control.authorize import Action
from weir.control.context import Context
from weir.control.sessions import signed_in
from weir.core.errors import NotAllowed, NotSignedIn, WeirError

log = logging.getLogger(__name__)
Page = Callable[[Visit], Response]

MAX_FORM_BYTES = 8 * 2**20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

PAGES: tuple[tuple[str, str, Page, Action | None], ...] = (
    ("GET", "/", overview.show, Action.READ),
    ("GET", "/resources", resources.directory, Action.READ),
    ("GET", "/resources/compare", resources.compare, Action.READ),
    ("GET", "/resources/sites/{site}", resources.site, Action.READ),
    ("GET", "/resources/pools/{pool}", resources.pool, Action.READ),
    ("GET", "/resources/identifiers/{identifier}", resources.identifier, Action.READ),
    ("GET", "/go", resources.go, Action.READ),
    ("GET", "/find", find.show, Action.READ),
    ("POST", "/find", find.asked, Action.READ),
    ("POST", "/find/submit", find.submitted, Action.SUBMIT),
    ("GET", "/jobs", jobs.show, Action.READ),
    ("GET", "/jobs/{job}", job.show, Action.READ),
    ("POST", "/jobs/{job}/cancel", job.canceled, Action.CANCEL),
    ("GET", "/jobs/{job}/files/{name:path}", job.download, Action.READ),
    ("GET", "/monitoring", monitoring.show, Action.READ),
    ("GET", "/monitoring/alerts", monitoring_alerts.show, Action.READ),
    ("POST", "/monitoring/alerts/acknowledge", monitoring_alerts.acknowledge, Action.OPERATE),
    ("POST", "/monitoring/alerts/silence", monitoring_alerts.silence, Action.OPERATE),
    ("POST", "/monitoring/alerts/tell", monitoring_alerts.tell_again, Action.OPERATE),
    ("GET", "/monitoring/freshness", monitoring_freshness.show, Action.READ),
    ("GET", "/monitoring/links", monitoring_links.show, Action.READ),
    ("GET", "/monitoring/links/{way}", monitoring_links.one, Action.READ),
    ("GET", "/monitoring/reports/{file}", monitoring_reports.download, Action.READ),
    ("GET", "/monitoring/{name}", monitoring_history.show, Action.READ),
    ("GET", "/operations", operations.show, Action.READ),
    ("POST", "/operations/invite", operations.invite, Action.OPERATE),
    ("POST", "/operations/tokens", operations.make_token, Action.OPERATE),
    ("POST", "/operations/tokens/revoke", operations.revoke, Action.OPERATE),
    ("POST", "/operations/joins", operations.decide_join, Action.OPERATE),
    ("POST", "/operations/queues", operations_scheduling.apply_queues, Action.OPERATE),
    ("POST", "/operations/queue", operations_scheduling.change_queue, Action.OPERATE),
    ("POST", "/operations/policy", operations_scheduling.set_policy, Action.OPERATE),
    ("POST", "/operations/replays", operations_scheduling.ask, Action.OPERATE),
    ("GET", "/operations/replays/{replay}", operations_scheduling.show, Action.READ),
    ("POST", "/operations/downtimes", operations_downtimes.declare, Action.OPERATE),
    ("POST", "/operations/downtimes/end", operations_downtimes.end, Action.OPERATE),
    ("POST", "/operations/remove", operations.remove, Action.OPERATE),
    ("GET", "/commands", commands.show, Action.READ),
    ("GET", "/signin", signing.ask, None),
    ("POST", "/signin", signing.sign_in, None),
    ("POST", "/signout", signing.leave, None),
    ("GET", "/preferences", signing.prefer, None),
)
OWN = frozenset(path.split("/")[1] for _, path, _, _ in PAGES) | {"live", "static", "favicon.ico"}
THEIRS = frozenset({"v1", "docs", "openapi.json"})


class Console:
    """Answers for the console's addresses, and hands everything else to the API."""

    def __init__(self, app: ASGIApp, pages: ASGIApp, theirs: frozenset[str] = THEIRS) -> None:
        self._app, self._pages, self._theirs = app, pages, theirs

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """To whom it is addressed."""
        ours = scope["type"] == "http" and is_ours(scope, self._theirs)
        await (self._pages if ours else self._app)(scope, receive, send)


def is_ours(scope: Scope, theirs: frozenset[str] = THEIRS) -> bool:
    """Whether a request is for a page: at `/`, and where neither has anything, only a browser's,
    which asks for HTML or by htmx. `theirs` are the first parts of the API's addresses.
    """
    first = scope["path"].split("/")[1] if "/" in scope["path"] else ""
    if first and (first in OWN or first in theirs):
        return first in OWN
    headers = dict(scope["headers"])
    return b"text/html" in headers.get(b"accept", b"") or b"hx-request" in headers


def install(app: FastAPI, recent: Recent | None = None) -> None:
    """Stand before a domain's API; what pages keep, they keep in `recent`. Says in the log which
    files of others are missing.
    """
    ctx: Context = app.state.context
    missing = render.missing_vendor()
    if missing:
        log.warning(
            "the console works without %s, and less well; scripts/fetch-assets brings them",
            ", ".join(missing),
        )
    pages = make_console(ctx)
    pages.state.context, pages.state.wakeups = ctx, app.state.wakeups
    pages.state.describe = app.openapi
    pages.state.recent = recent or Recent()
    wakeups = app.state.wakeups
    pages.state.ahead = Ahead(ctx, pages.state.recent, lambda: bool(wakeups.closing), app.openapi)
    pages.state.ahead.first_if_large()
    first = frozenset(str(getattr(r, "path", "/")).split("/")[1] for r in app.routes)
    app.add_middleware(Console, pages=pages, theirs=first - {""})


def make_console(ctx: Context) -> Starlette:
    """The console alone."""
    routes: list[Any] = [
        Route(path, _endpoint(ctx, page, action), methods=[method])
        for method, path, page, action in PAGES
    ]
    routes += [
        Route("/live", _waiting(ctx, live.changes), methods=["GET"]),
        Route("/live/jobs/{job}/files/{name:path}", _waiting(ctx, live.follow), methods=["GET"]),
        Route("/favicon.ico", lambda _: RedirectResponse("/static/icon.svg", 301)),
        Mount("/static", Assets(directory=render.STATIC)),
    ]
    return Starlette(
        routes=routes,
        middleware=[Middleware(Hardened), Middleware(GZipMiddleware, minimum_size=800)],
        exception_handlers={
            WeirError: _weir_error(ctx),
            HTTPException: _http_error(ctx),
            Exception: _fault(ctx),
        },
    )


class Hardened:
    """Adds to every answer what browsers are to hold to."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with headers added."""

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self._app(scope, receive, with_headers)


def _endpoint(
    ctx: Context, page: Page, action: Action | None
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        form = await _form(request) if request.method == "POST" else {}
        with request.app.state.recent.answer():
            return await run_in_threadpool(_answer, ctx, request, form, page, action)

    return endpoint


def _answer(
    ctx: Context, request: Request, form: dict[str, str], page: Page, action: Action | None
) -> Response:
    visit = visit_of(ctx, request, form, needed=action is not None)
    if request.method == "POST":
        _check_form(visit)
    if action is not None:
        visit.check(action)
    return page(visit)


def _waiting(
    ctx: Context, handler: Callable[[Visit], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        visit = await run_in_threadpool(visit_of, ctx, request, {}, True)
        visit.check(Action.READ)
        return await handler(visit)

    return endpoint


async def _form(request: Request) -> dict[str, str]:
    size = request.headers.get("content-length", "")
    if not size.isdigit() or int(size) > MAX_FORM_BYTES:
        raise HTTPException(413, f"a form has at most {MAX_FORM_BYTES >> 20} MiB")
    async with request.form(max_part_size=MAX_FORM_BYTES) as form:
        return {k: v for k, v in form.items() if isinstance(v, str)}


def visit_of(ctx: Context, request: Request, form: dict[str, str], needed: bool) -> Visit:
    """Who asks, and how they want to see it. Raises `NotSignedIn` where that is `needed`."""
    secure = request.url.scheme == "https"
    session = request.cookies.get(session_cookie(ctx, secure=secure), "")
    try:
        if not session:
            raise NotSignedIn("sign in to see this")
        who = signed_in(ctx, session)
    except NotSignedIn:
        if needed:
            raise
        who = None
    if who is None:  # the sign-in form has a token too: of a cookie that means nothing else
        session = request.cookies.get(signing.FORM_COOKIE, "")
    return Visit(ctx, request, who, session, language_of(request), theme_of(request), form)


def _check_form(visit: Visit) -> None:
    """Raise `NotAllowed` for a form that this server did not give to this visitor."""
    site = visit.request.headers.get("sec-fetch-site", "same-origin")
    sent = visit.form.get("csrf", "") or visit.request.headers.get("x-csrf", "")
    if site not in ("same-origin", "none") or not visit.session or not same(sent, visit.csrf):
        raise NotAllowed(
            "this form is not from here, or is from before you signed in; load the page again"
        )


def _weir_error(ctx: Context) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, WeirError)
        if isinstance(error, NotSignedIn) and request.url.path != "/signin":
            return _to_sign_in(request)
        return _told(ctx, request, error.status, error.title, error.detail, error)

    return handle


def _to_sign_in(request: Request) -> Response:
    """To the sign-in page, and back to here afterwards."""
    url = request.url
    here = f"{url.path}?{url.query}" if url.query else url.path
    at = "/signin" if request.method != "GET" or here == "/" else f"/signin?next={quote(here)}"
    if "hx-request" in request.headers:
        return Response(status_code=204, headers={"HX-Redirect": at})
    if url.path.startswith("/live"):
        return Response(status_code=401)
    return RedirectResponse(at, 303)


def _http_error(ctx: Context) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        detail = f"{request.method} {request.url.path}: {error.detail}"
        return _told(ctx, request, error.status_code, str(error.detail), detail, None)

    return handle


def _fault(ctx: Context) -> Callable[[Request, Exception], Response]:
    def handle(request: Request, error: Exception) -> Response:
        log.exception("%s %s failed", request.method, request.url.path, exc_info=error)
        detail = "this is a fault of the server; its log has the details"
        return _told(ctx, request, 500, "Something went wrong", detail, None)

    return handle


def _told(
    ctx: Context, request: Request, status: int, title: str, detail: str, error: WeirError | None
) -> Response:
    visit = visit_of(ctx, request, {}, needed=False)
    mistakes = error.mistakes if error else ()
    return render.page(
        visit, "error.html", status, title=title, detail=detail, mistakes=mistakes, code=status
    )
