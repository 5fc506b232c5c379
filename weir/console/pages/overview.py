"""Overview: the network drawn, headline indicators, demand against supply, what needs a look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from starlette.responses import Response

from weir.console import asking, figures, render
from weir.console.directory import Site
from weir.console.drawing.network import Carried, Domains, way_to
from weir.console.visit import Visit
from weir.control import show as reading
from weir.control.alerts import changes, list_alerts
from weir.core.devices import Precision
from weir.core.lifecycle import JOB_ACTIVE, JobState
from weir.wire.alert_answers import AlertAnswer
from weir.wire.jobs import ClusterAnswer, IndicatorAnswer, JobAnswer, Scope

HEADLINES = (
    "sites",
    "hosts",
    "devices",
    "performance_nominal",
    "devices_allocated",
    "cpu_allocated",
    "pue",
    "jobs",
)
CLASSES = (Precision.FP16.value, Precision.FP32.value, Precision.FP64.value)
"""What intelligent, general and super computing are counted in; never added up."""

IF_KNOWN = frozenset({"performance_nominal", "pue"})
"""Headlines that are left out where nothing is known of them."""
VIEWS = {"map": "Map", "tree": "Tree"}
SIZES = {"devices": "Accelerators", "cores": "CPU cores", "hosts": "Hosts"}
COLORS = {"use": "Use", "health": "Health"}
LATEST = 8
MOST_FLOWS = 20
SKEW_S = 5.0
"""A clock that is off by more than this is worth a look."""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that needs attention: what, where, and the page that tells more."""

    kind: str
    title: str
    name: str
    detail: str
    at: float | None
    href: str


@dataclass(frozen=True, slots=True)
class FlowShown:
    """Runs at a site of jobs that were submitted at `home`; `way` are the domains it lies behind,
    nearest first.
    """

    home: str
    site: Site
    way: tuple[str, ...]
    runs: int


def show(visit: Visit) -> Response:
    """The page."""
    if visit.partial == "network-card":
        return render.page(visit, "overview_network.html", **_network(visit))
    ctx, query = visit.ctx, visit.query
    scope: Scope = "domain" if query.get("scope") == "domain" else "network"
    clusters = asking.clusters(visit)
    indicators = {i.name: i for i in asking.indicators(visit, scope)}
    sites = asking.sites(visit)
    visit.request.app.state.ahead.begin_if_large(sum(len(s.pools) for s in sites))
    failed = reading.list_jobs(ctx, states=(JobState.FAILED,), limit=3).jobs
    return render.page(
        visit,
        "overview.html",
        section="overview",
        live=True,
        scope=scope,
        **_network(visit),
        headlines=_headlines(indicators),
        indicators=indicators,
        covered=asking.covered(visit),
        active=_active(indicators),
        balance=asking.balance(visit),
        notices=[
            *of_alerts(_alerts(visit), clusters, visit.language),
            *notices(clusters, sites, failed, ctx.now()),
        ],
        latest=reading.list_jobs(ctx, limit=LATEST).jobs,
        commands=(
            (f"weir indicators --scope {scope}", f"GET /v1/indicators?scope={scope}"),
            ("weir pools", "GET /v1/pools"),
            ("weir clusters", "GET /v1/clusters"),
        ),
    )


def _network(visit: Visit) -> dict[str, object]:
    """The network as it is to be drawn, and what else it could be drawn as."""
    query = visit.query
    look = asking.Look(
        _chosen(query.get("view"), VIEWS),
        _chosen(query.get("size"), SIZES),
        _chosen(query.get("color"), COLORS),
        query.get("open", "") if query.get("view") == "tree" else "",
    )
    drawing = asking.drawing(visit, look.view, look.by, look.opened)
    if drawing.opened != look.opened:
        look = replace(look, opened=drawing.opened)
    return {
        "view": look.view,
        "by": look.by,
        "color": look.color,
        "views": VIEWS,
        "sizes": SIZES,
        "colors": COLORS,
        "drawing": drawing,
        "drawn": asking.drawn(visit, look, visit.language),
        "sites": asking.sites(visit),
        **_flows(visit, drawing.carried),
    }


def _flows(visit: Visit, carried: Sequence[Carried]) -> dict[str, object]:
    """From where to where jobs are under way, as a list."""
    sites = {s.id: s for s in asking.sites(visit)}
    names, row = asking.domain_names(visit), visit.ctx.domain()
    domains = Domains(row.id or row.name, row.name, names)
    listed = [
        FlowShown(
            domains.name if one.home == domains.here else domains.name_of(one.home),
            sites[one.site],
            tuple(domains.name_of(d) for d in way_to(sites[one.site])),
            one.runs,
        )
        for one in carried[:MOST_FLOWS]
        if one.site in sites
    ]
    return {"flows": listed, "flows_left": max(0, len(carried) - MOST_FLOWS)}


def _chosen(wanted: str | None, there: Mapping[str, str]) -> str:
    return wanted if wanted is not None and wanted in there else next(iter(there))


def _headlines(indicators: Mapping[str, IndicatorAnswer]) -> list[IndicatorAnswer]:
    """Those that are shown on top; of performance the precisions that stand for a kind of work."""
    found = []
    for one in (indicators[name] for name in HEADLINES if name in indicators):
        if one.name == "performance_nominal":
            one = one.model_copy(update={"by": {p: one.by[p] for p in CLASSES if one.by.get(p)}})
        if one.name not in IF_KNOWN or one.value is not None or one.by:
            found.append(one)
    return found


def _active(indicators: Mapping[str, IndicatorAnswer]) -> dict[str, int]:
    by = indicators["jobs"].by if "jobs" in indicators else {}
    return {state: int(by.get(state) or 0) for state in sorted(JOB_ACTIVE)}


def _alerts(visit: Visit) -> list[AlertAnswer]:
    return visit.recent(("alerts", changes(visit.ctx)), lambda: list_alerts(visit.ctx))


def of_alerts(
    alerts: Sequence[AlertAnswer], clusters: Sequence[ClusterAnswer], language: str
) -> list[Notice]:
    """Alerts that fire and that nobody takes care of; of silent clusters is told below."""
    listed = {c.id for c in clusters if c.silent}
    return [
        Notice(
            "bad" if a.severity == "critical" else "warn",
            a.summary_zh if language == "zh" else a.summary,
            a.name,
            " ".join(filter(None, figures.value_of(a.value, a.unit))),
            a.fired_at,
            "/monitoring/alerts",
        )
        for a in alerts
        if a.fired_at is not None
        and a.quiet is None
        and not (a.indicator == "pools_silent" and a.subject in listed)
    ]


def notices(
    clusters: Sequence[ClusterAnswer],
    sites: Sequence[Site],
    failed: Sequence[JobAnswer],
    now: float,
) -> list[Notice]:
    """What needs attention, worst first."""
    found = []
    for c in clusters:
        if c.silent:
            kind = "link" if c.peer_domain else "cluster"
            name = c.name if c.peer_domain else f"{c.site_name} / {c.name}"
            title = "Never heard of" if c.heard_at is None else "Out of touch"
            href = "/monitoring#freshness" if c.peer_domain else f"/resources/sites/{c.site}"
            found.append(Notice("bad", title, name, kind, c.heard_at, href))
        elif abs(c.clock_skew_s) > SKEW_S:
            detail = f"{c.clock_skew_s:+.1f} s"
            found.append(
                Notice("warn", "Its clock is off", c.name, detail, None, "/monitoring#freshness")
            )
    own = {c.site for c in clusters if c.silent}
    for site in sites:
        if site.silent and site.id not in own:
            at = site.first.heard_at
            href = f"/resources/sites/{site.id}"
            found.append(Notice("warn", "Out of touch", site.name, "site", at, href))
    for job in failed:
        if job.ended_at is not None and now - job.ended_at < 86400:
            found.append(
                Notice("warn", "Failed", job.name, job.reason, job.ended_at, f"/jobs/{job.id}")
            )
    return found
