"""Visit: one request of one person, with the language and the look that they chose."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlencode

from starlette.datastructures import QueryParams
from starlette.requests import Request

from weir.console.recent import FRESH_S, Recent
from weir.console.words import LANGUAGES, Words, words
from weir.control.authorize import ALLOWED, Action, Principal, check
from weir.control.context import Context
from weir.control.policies import now_in_force

T = TypeVar("T")

THEMES = ("auto", "light", "dark")
LANGUAGE_COOKIE, THEME_COOKIE = "weir_language", "weir_theme"


@dataclass(frozen=True, slots=True)
class Visit:
    """What a page is made for. `who` is None for pages that are open to all."""

    ctx: Context
    request: Request
    who: Principal | None
    session: str
    language: str
    theme: str
    form: Mapping[str, str]

    @property
    def query(self) -> QueryParams:
        """What follows the question mark."""
        return self.request.query_params

    def recent(self, key: Hashable, make: Callable[[], T], fresh_s: float = FRESH_S) -> T:
        """What all readers are told alike, made anew or kept (`weir.console.recent`)."""
        kept: Recent = self.request.app.state.recent
        return kept.get(key, make, fresh_s)

    @property
    def words(self) -> Words:
        """The words of the visitor's language."""
        return words(self.language)

    @property
    def person(self) -> Principal:
        """Who is signed in; only for pages that ask for it."""
        assert self.who is not None
        return self.who

    @property
    def csrf(self) -> str:
        """What this visitor's forms carry, so that no other site's form passes for one."""
        return csrf_of(self.session)

    @property
    def policy(self) -> str:
        """The name of the policy that this domain schedules by."""
        return now_in_force(self.ctx).policy.name

    @property
    def partial(self) -> str:
        """The part of the page that htmx asks for; empty for the whole."""
        return self.request.headers.get("hx-target", "") if self.by_htmx else ""

    @property
    def by_htmx(self) -> bool:
        """Whether a part of a page is asked for."""
        return "hx-request" in self.request.headers

    @property
    def here(self) -> str:
        """This page's own address, without the host."""
        url = self.request.url
        return f"{url.path}?{url.query}" if url.query else url.path

    @property
    def secure(self) -> bool:
        """Whether the visitor came by https, here or at a proxy in front."""
        return self.request.url.scheme == "https"

    def may(self, action: str) -> bool:
        """Whether the visitor may do this: what they may not is not offered."""
        return self.who is not None and bool(self.who.roles & ALLOWED[Action(action)])

    def check(self, action: Action) -> None:
        """Raise `NotAllowed` unless the visitor may do this."""
        check(self.person, action)

    def turned(self, **changes: object) -> str:
        """This page's address with some of its questions changed; None leaves one out."""
        kept = [(k, v) for k, v in self.query.multi_items() if k not in changes]
        added = [(k, str(v)) for k, v in changes.items() if v not in (None, "")]
        query = urlencode(kept + added)
        return f"{self.request.url.path}?{query}" if query else self.request.url.path


def csrf_of(session: str) -> str:
    """The forms' token of a session: it tells nothing of the session's secret."""
    return hashlib.sha256(f"form {session}".encode()).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two secrets are equal, in a time that tells nothing."""
    return hmac.compare_digest(one.encode(), other.encode())


def session_cookie(ctx: Context, *, secure: bool) -> str:
    """The name of this server's session cookie.

    Cookies don't tell ports apart: two domains on one machine need names of their own.
    """
    name = re.sub(r"[^A-Za-z0-9]", "-", ctx.domain().name)
    return f"__Host-weir-{name}" if secure else f"weir-{name}"


def language_of(request: Request) -> str:
    """The language that was chosen, or else the one that the browser prefers."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen in LANGUAGES:
        return chosen
    wanted = []
    for entry in request.headers.get("accept-language", "").split(","):
        tag, _, weight = entry.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), tag[:2].lower()))
        except ValueError:
            continue
    return next((tag for _, tag in sorted(wanted) if tag in LANGUAGES), "en")


def theme_of(request: Request) -> str:
    """Light, dark, or as the system has it."""
    chosen = request.cookies.get(THEME_COOKIE, "")
    return chosen if chosen in THEMES else "auto"


def safe_next(wanted: str | None) -> str:
    """Where to go on: a path of this server, never another host."""
    ours = wanted is not None and re.fullmatch(r"/(?![/\\])[\x21-\x7e]*", wanted)
    return wanted if ours and wanted is not None and "\\" not in wanted else "/"
