"""Signing in and out, and the language and look of the pages.

By token, or by a link's one-time code. Accounts and single sign-on will be further ways on this
page, and end in the same session.
"""

from __future__ import annotations

import secrets
from dataclasses import replace

from starlette.responses import RedirectResponse, Response

from weir.console import render
from weir.console.visit import (
    LANGUAGE_COOKIE,
    THEME_COOKIE,
    THEMES,
    Visit,
    safe_next,
    session_cookie,
)
from weir.console.words import LANGUAGES
from weir.control import sessions
from weir.core.errors import NotSignedIn

FORM_COOKIE = "weir_form"
YEAR_S = 365 * 86400


def ask(visit: Visit) -> Response:
    """The form; for who opens a link, a button that spends it."""
    visit.request.app.state.ahead.begin_if_large()
    code = visit.query.get("code", "")
    subject, problem = "", ""
    if code:
        try:
            subject = sessions.whose_link(visit.ctx, code)
        except NotSignedIn as error:
            problem, code = error.detail, ""
    return _form(visit, code=code, subject=subject, problem=problem)


def _form(visit: Visit, status: int = 200, **said: str) -> Response:
    fresh = not visit.session
    visit = replace(visit, session=secrets.token_urlsafe(24)) if fresh else visit
    following = safe_next(visit.query.get("next") or visit.form.get("next"))
    answer = render.page(visit, "signin.html", status, following=following, **said)
    if fresh:
        answer.set_cookie(FORM_COOKIE, visit.session, httponly=True, samesite="strict",
                          secure=visit.secure, path="/")  # fmt: skip
    return answer


def sign_in(visit: Visit) -> Response:
    """Begin a session."""
    form = visit.form
    try:
        begun = sessions.sign_in(visit.ctx, (form.get("token") or form.get("code") or "").strip())
    except NotSignedIn as error:
        return _form(visit, error.status, code="", subject="", problem=error.detail)
    answer = RedirectResponse(safe_next(form.get("next")), 303)
    answer.set_cookie(
        session_cookie(visit.ctx, secure=visit.secure),
        begun.secret,
        max_age=int(begun.expires_at - visit.ctx.now()),
        httponly=True,
        samesite="lax",
        secure=visit.secure,
        path="/",
    )
    return answer


def leave(visit: Visit) -> Response:
    """End the session."""
    sessions.sign_out(visit.ctx, visit.session)
    answer = RedirectResponse("/signin", 303)
    answer.delete_cookie(session_cookie(visit.ctx, secure=visit.secure), path="/")
    return answer


def prefer(visit: Visit) -> Response:
    """Keep a choice of language or look for a year, and go back."""
    answer = RedirectResponse(safe_next(visit.query.get("next")), 303)
    language, theme = visit.query.get("language"), visit.query.get("theme")
    for name, value, there in (
        (LANGUAGE_COOKIE, language, LANGUAGES),
        (THEME_COOKIE, theme, THEMES),
    ):
        if value in there and value is not None:
            answer.set_cookie(name, value, max_age=YEAR_S, samesite="lax", secure=visit.secure)
    return answer
