"""Operations: who may join, who holds a token, the queues, the policies. What may not be done is
not offered, and refused if asked.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from weir.console import asking, render
from weir.console.visit import Visit
from weir.control import join as joining
from weir.control.queues import list_queues
from weir.control.remove import remove_cluster
from weir.control.tokens import list_tokens
from weir.core import identifiers as law
from weir.core.errors import WeirError
from weir.scheduling.policies import POLICIES
from weir.wire.joining import JoinTokenRequest, TokenRequest
from weir.wire.mistakes import validated

TABS = {"members": "Members", "tokens": "Tokens", "queues": "Queues", "policies": "Policies"}
DAY_S = 86400.0


def show(visit: Visit) -> Response:
    """The page, one tab of it."""
    return _page(visit, visit.query.get("tab", "members"))


def _page(visit: Visit, tab: str, status: int = 200, **said: object) -> Response:
    tab = tab if tab in TABS else "members"
    if tab == "tokens" and not visit.may("operate"):
        tab = "members"
    ctx = visit.ctx
    values = {
        "secret": None,
        "problem": None,
        "typed": {},
        "clusters": asking.clusters(visit) if tab == "members" else (),
        "tokens": list_tokens(ctx, visit.query.get("before"), 50) if tab == "tokens" else None,
        "queues": list_queues(ctx) if tab == "queues" else (),
        "policies": POLICIES if tab == "policies" else {},
        "tiers": [
            k for k in law.ISSUES[law.Kind(ctx.domain().kind)] if k in ("regional", "industry")
        ],
    }
    commands = {
        "members": (
            ("weir clusters", "GET /v1/clusters"),
            ("weir join-token create NAME", "POST /v1/join-tokens"),
        ),
        "tokens": (
            ("weir token create NAME", "POST /v1/tokens"),
            ("weir token revoke ID", "DELETE /v1/tokens/ID"),
        ),
        "queues": (("weir queues", "GET /v1/queues"),),
        "policies": (("weir policies", "GET /v1/schema/job"),),
    }[tab]
    tabs = {k: v for k, v in TABS.items() if k != "tokens" or visit.may("operate")}
    return render.page(
        visit,
        "operations.html",
        status,
        **{
            "section": "operations",
            "tab": tab,
            "tabs": tabs,
            "commands": commands,
            **values,
            **said,
        },
    )


def invite(visit: Visit) -> Response:
    """Make a token that lets a site or a domain in, and show it this once."""
    form = visit.form
    kind = form.get("kind", "site")
    asked = {"kind": kind if kind == "site" else "domain", "name": form.get("name", "").strip()}
    if kind != "site":
        asked["domain_kind"] = kind
    try:
        made = joining.make_join_token(
            visit.ctx, validated(JoinTokenRequest, asked, "the invitation")
        )
    except WeirError as error:
        return _page(visit, "members", error.status, problem=error, typed=form)
    return _page(
        visit, "members", secret=made.token, secret_for=asked["name"], until=made.expires_at
    )


def make_token(visit: Visit) -> Response:
    """Make a person's token, and show it this once."""
    form = visit.form
    days = form.get("days", "").strip()
    asked: dict[str, object] = {
        "subject": form.get("subject", "").strip(),
        "roles": [form.get("role", "user")],
    }
    try:
        if days:
            asked["expires_in_s"] = (
                float(days) * DAY_S if days.replace(".", "", 1).isdigit() else days
            )
        made = joining.make_person_token(visit.ctx, validated(TokenRequest, asked, "the token"))
    except WeirError as error:
        return _page(visit, "tokens", error.status, problem=error, typed=form)
    return _page(visit, "tokens", secret=made.token, secret_for=asked["subject"], until=None)


def revoke(visit: Visit) -> Response:
    """End a token."""
    joining.revoke_token(visit.ctx, visit.form.get("token", ""))
    return RedirectResponse("/operations?tab=tokens", 303)


def remove(visit: Visit) -> Response:
    """Remove a cluster or a link."""
    remove_cluster(visit.ctx, visit.form.get("cluster", ""))
    return RedirectResponse("/operations?tab=members", 303)
