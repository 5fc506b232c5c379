"""The links matrix: every way between domains and sites, as it was measured of late; and the page
of a single way, with its past.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote

from starlette.responses import Response

from weir.console import asking, render
from weir.console.drawing import matrix
from weir.console.drawing.matrix import End
from weir.console.history import SPANS, span_of
from weir.console.pages.monitoring_history import charts_of, plot_of
from weir.console.visit import Visit
from weir.control.links import LATE_S, Way, ways
from weir.core.errors import NotFound
from weir.core.series import body_of, site_of
from weir.store import series as rows_of

OF_A_WAY = {
    "link_latency": "Round trip",
    "link_jitter": "Jitter",
    "link_loss": "Loss",
    "link_bandwidth": "Bandwidth",
}
"""The indicators of a single way, and what each is called there."""

MEASURED = ("link_rtt", "link_jitter", "link_sent", "link_lost", "link_bandwidth")


def show(visit: Visit) -> Response:
    """The page."""
    show = visit.query.get("show", "")
    show = show if show in matrix.SHOWS else next(iter(matrix.SHOWS))
    number = visit.query.get("page", "1")
    now = visit.ctx.now()
    found = visit.recent("ways", lambda: ways(visit.ctx))
    ends = visit.recent("ends", lambda: ends_of(visit, found))
    return render.page(
        visit,
        "monitoring_links.html",
        section="monitoring",
        live=True,
        matrix=matrix.draw(found, ends, now, int(number) if number.isdigit() else 1),
        show=show,
        shows=matrix.SHOWS,
        circles=matrix.CIRCLES,
        late_s=LATE_S,
        probed=all(way.probed for way in found),
        commands=(("weir links", "GET /v1/series?metric=link_rtt&metric=link_lost&step=1m"),),
    )


def one(visit: Visit) -> Response:
    """The page of one way: its ends, what it is now, and how it went."""
    subject = visit.request.path_params["way"]
    here, sign, there = subject.partition(">")
    found = visit.recent("ways", lambda: ways(visit.ctx))
    now = next((way for way in found if way.subject == subject), None)
    span = span_of(visit.query.get("span"))
    known = bool(sign and here and there) and (now is not None or _known(visit, subject))
    if not known:
        raise NotFound(
            f"no way {subject} was ever measured here; the links matrix lists those of late"
        )
    ends = visit.recent("ends", lambda: ends_of(visit, found))
    at = visit.ctx.now()
    cell = None if now is None else matrix.draw([now], ends, at).cells[0]
    drawn = charts_of(visit, subject, tuple(OF_A_WAY))
    return render.page(
        visit,
        "monitoring_link.html",
        section="monitoring",
        live=True,
        subject=subject,
        here=ends.get(here) or End(here, here),
        there=ends.get(there) or End(there, there),
        back=f"{there}>{here}" if any(w.here == there and w.there == here for w in found) else "",
        cell=cell,
        circles=matrix.CIRCLES,
        charts=[(chart, plot_of(chart)) for chart in drawn],
        words=OF_A_WAY,
        span=span,
        spans=SPANS,
        commands=(
            (
                f"weir indicators {' '.join(OF_A_WAY)} --since {'365d' if span == '1y' else span} "
                f"--under '{subject}'",
                f"GET /v1/indicators?{'&'.join(f'name={n}' for n in OF_A_WAY)}&from=TIME&to=TIME"
                f"&under={quote(subject, safe='')}",
            ),
            ("weir links", "GET /v1/series?metric=link_rtt&metric=link_lost&step=1m"),
        ),
    )


def _known(visit: Visit, subject: str) -> bool:
    """Whether a way was measured at any time, of which nothing may be kept any more."""
    with visit.ctx.store.read() as tx:
        return bool(rows_of.listed(tx, metrics=MEASURED, under=subject))


def ends_of(visit: Visit, found: Sequence[Way]) -> dict[str, End]:
    """What the ends of these ways are called, as far as this domain knows: domains by their name,
    clusters by their site's, with their own last part where a site has several.
    """
    named: dict[str, End] = {i: End(i, name) for i, name in asking.domain_names(visit).items()}
    sites = {body_of(p.site): (p.site, p.site_name) for p in asking.pools(visit)}
    clusters: dict[str, set[str]] = {}
    for way in found:
        clusters.setdefault(site_of(way.here), set()).add(way.here)
    for body, here in clusters.items():
        if body not in sites:
            continue
        site, name = sites[body]
        for one in here:
            more = f" / {last(one)}" if len(here) > 1 else ""
            named[one] = End(one, name + more, f"/resources/sites/{site}")
    for own in asking.clusters(visit):
        if own.peer_domain:
            named[own.id] = End(own.id, own.name)
        elif own.id not in named:
            named[own.id] = End(own.id, f"{own.site_name} / {own.name}")
    return named


def last(identifier: str) -> str:
    """The last part of an identifier: `C2` of CN.S1.C2-X."""
    return identifier.rpartition("-")[0].rpartition(".")[2]
