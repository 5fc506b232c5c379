"""The links matrix: every way between domains and sites, as it was measured of late."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import Response

from weir.console import asking, render
from weir.console.drawing import matrix
from weir.console.drawing.matrix import End
from weir.console.visit import Visit
from weir.control.links import LATE_S, Way, ways
from weir.core.series import body_of, site_of


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
