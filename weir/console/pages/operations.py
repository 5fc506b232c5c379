"""Operations: who may join, who holds a token, the queues, the policies. What may not be done is
not offered, and refused if asked.
"""

from __future__ import annotations

from starlette.responses import RedirectResponse, Response

from weir.console import asking, render
from weir.console.pages.operations_settings import settings_of
from weir.console.visit import Visit
from weir.control import approve
from weir.control import join as joining
from weir.control.downtimes import list_downtimes
from weir.control.queues import list_queues, show_scheduling
from weir.control.remove import remove_cluster
from weir.control.replay import can_be_replayed, list_replays
from weir.control.tokens import list_tokens
from weir.core import identifiers as law
from weir.core.errors import WeirError
from weir.scheduling.policies import POLICIES
from weir.wire.joining import JoinTokenRequest, TokenRequest
from weir.wire.mistakes import validated
from weir.wire.queues import limit_text, queues_text

TABS = {
    "members": "Members",
    "tokens": "Tokens",
    "queues": "Queues",
    "policies": "Policies",
    "downtimes": "Downtimes",
    "settings": "Settings",
}
DAY_S = 86400.0
LATELY_S = 30 * DAY_S


COMMANDS = {
    "members": (
        ("weir clusters", "GET /v1/clusters"),
        ("weir join-token create NAME", "POST /v1/join-tokens"),
        ("weir joins", "GET /v1/joins"),
        ("weir joins approve ID", "POST /v1/joins/ID/approve"),
    ),
    "tokens": (
        ("weir token create NAME", "POST /v1/tokens"),
        ("weir token revoke ID", "DELETE /v1/tokens/ID"),
    ),
    "queues": (
        ("weir queues", "GET /v1/queues"),
        ("weir queues show", "GET /v1/scheduling"),
        ("weir queues apply FILE", "PUT /v1/queues"),
        ("weir queues set NAME --devices 8+4", "PUT /v1/queues"),
    ),
    "policies": (
        ("weir policies", "GET /v1/scheduling"),
        ("weir policy set NAME", "PUT /v1/policy"),
        ("weir simulate replay --policy A,B --days 7", "POST /v1/replays"),
    ),
    "downtimes": (
        ("weir downtime list --since 30d", "GET /v1/downtimes?from=TIME"),
        ("weir downtime declare SITE --from TIME --for 4h --why TEXT", "POST /v1/downtimes"),
        (
            "weir downtime declare SITE --from TIME --for 4h --why TEXT --excuse",
            "POST /v1/downtimes",
        ),
        ("weir downtime end ID", "POST /v1/downtimes/ID/end"),
        ("weir downtime availability --since 30d", "GET /v1/availability?from=TIME&to=TIME"),
    ),
    "settings": (
        ("weir serve --help", "GET /v1/domain"),
        ("weir policies", "GET /v1/scheduling"),
    ),
}


def show(visit: Visit) -> Response:
    """The page, one tab of it."""
    return page(visit, visit.query.get("tab", "members"))


def page(visit: Visit, tab: str, status: int = 200, **said: object) -> Response:
    """A tab of the page; `said` is what has just been done, or gone wrong."""
    tab = tab if tab in TABS else "members"
    if tab == "tokens" and not visit.may("operate"):
        tab = "members"
    values = {"secret": None, "problem": None, "typed": {}, **_of_tab(visit, tab)}
    tabs = {k: v for k, v in TABS.items() if k != "tokens" or visit.may("operate")}
    shown = {"section": "operations", "tab": tab, "tabs": tabs, "commands": COMMANDS[tab]}
    return render.page(visit, "operations.html", status, **shown, **(values | said))


def _of_tab(visit: Visit, tab: str) -> dict[str, object]:
    """What a tab shows."""
    ctx = visit.ctx
    if tab == "tokens":
        return {"tokens": list_tokens(ctx, visit.query.get("before"), 50)}
    if tab == "queues":
        rules = show_scheduling(ctx)
        entries = {e.name: e for e in rules.queues}
        return {
            "queues": list_queues(ctx),
            "rules": rules,
            "entries": entries,
            "limit_text": limit_text,
            "text": queues_text(rules.queues),
            "shares": POLICIES[rules.policy].fair,
        }
    if tab == "policies":
        return {
            "policies": POLICIES,
            "can_be_replayed": can_be_replayed,
            "rules": show_scheduling(ctx),
            "replays": list_replays(ctx),
        }
    if tab == "downtimes":
        own = {c.site: c.site_name for c in asking.clusters(visit) if c.direction == "own"}
        found = list_downtimes(ctx, ctx.now() - LATELY_S)
        return {
            "downtimes": sorted(found, key=lambda d: -d.begins_at),
            "own_sites": sorted(own.items(), key=lambda one: (one[1], one[0])),
        }
    if tab == "settings":
        return {"settings": settings_of(visit)}
    tiers = law.ISSUES[law.Kind(ctx.domain().kind)]
    return {
        "clusters": asking.clusters(visit),
        "tiers": [k for k in tiers if k in ("regional", "industry")],
        "joins": approve.list_joins(ctx) if visit.may("operate") else None,
    }


def invite(visit: Visit) -> Response:
    """Make a token that lets a site or a domain in, and show it this once."""
    form = visit.form
    kind = form.get("kind", "site")
    asked = {"kind": kind if kind == "site" else "domain", "name": form.get("name", "").strip()}
    if kind != "site":
        asked["domain_kind"] = kind
    if form.get("identifier", "").strip():
        asked["identifier"] = form["identifier"].strip()
    try:
        made = joining.make_join_token(
            visit.ctx, validated(JoinTokenRequest, asked, "the invitation")
        )
    except WeirError as error:
        return page(visit, "members", error.status, problem=error, typed=form)
    return page(
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
        return page(visit, "tokens", error.status, problem=error, typed=form)
    return page(visit, "tokens", secret=made.token, secret_for=asked["subject"], until=None)


def revoke(visit: Visit) -> Response:
    """End a token."""
    joining.revoke_token(visit.ctx, visit.form.get("token", ""))
    return RedirectResponse("/operations?tab=tokens", 303)


def decide_join(visit: Visit) -> Response:
    """Let in one who has joined, or refuse it."""
    token = visit.form.get("join", "")
    if visit.form.get("decision") == "approve":
        approve.approve_join(visit.ctx, token)
    else:
        approve.reject_join(visit.ctx, token)
    return RedirectResponse("/operations?tab=members", 303)


def remove(visit: Visit) -> Response:
    """Remove a cluster or a link."""
    remove_cluster(visit.ctx, visit.form.get("cluster", ""))
    return RedirectResponse("/operations?tab=members", 303)
