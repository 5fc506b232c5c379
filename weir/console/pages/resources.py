"""Resources: the directory of pools with facets, a site's page, a pool's page, several compared."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from starlette.responses import RedirectResponse, Response

from weir.console import asking, render
from weir.console.directory import SORTS, paged
from weir.console.facets import FACETS, FIGURES, NOTHING_MEASURED, SiteFigures, filtered
from weir.console.history import SPANS, span_of
from weir.console.pages.monitoring_history import charts_of, plot_of
from weir.console.visit import Visit
from weir.control import show as reading
from weir.control.resolve import resolve
from weir.core import devices
from weir.core.devices import DeviceModel, Precision
from weir.core.errors import BadInput, NotFound, WeirError
from weir.core.series import body_of
from weir.wire.pools import PoolAnswer

MOST_COMPARED = 6
FACTS = {
    "region": "Region",
    "country": "Country",
    "domains": "Domains",
    "hosts": "Hosts",
    "devices_per_host": "Accelerators per host",
    "device_model": "Accelerator",
    "emulated": "Emulated",
    "site": "Site",
    "site_name": "Name of the site",
    "pool": "Pool",
    "executor": "Resource manager",
    "tier": "Tier",
    "url": "Address",
    "issued_at": "Issued",
}
"""What a fact of an identifier is called on its page."""
PRECISIONS = tuple(Precision)


def model_of(pool: PoolAnswer) -> DeviceModel | None:
    """The catalog's entry for a pool's accelerators."""
    return None if pool.device_model is None else devices.find(pool.device_model)


def directory(visit: Visit) -> Response:
    """Pools, by facets."""
    query = visit.query
    chosen = {f.name: query.getlist(f.name) for f in FACETS}
    index = asking.index(visit)
    figures_of = query.get("figures", "")
    figures_of = figures_of if figures_of in FIGURES else next(iter(FIGURES))
    found = filtered(index, chosen, query.get("q", ""), figures_of)
    sort = query.get("sort", "free")
    number = query.get("page", "1")
    shown = paged(found, sort, int(number) if number.isdecimal() else 1)
    picked = frozenset(query.getlist("pool"))
    here = {p.id for p in shown.pools}
    return render.page(
        visit,
        "resources.html",
        section="resources",
        picked=picked,
        elsewhere=[p for p in index.pools if p.id in picked and p.id not in here] if picked else [],
        found=found,
        shown=shown,
        figures_of=figures_of,
        all_figures=FIGURES,
        any_figures=any(index.masks[f.name] for f in FACETS if f.figures),
        sort=sort,
        sorts=SORTS,
        all_pools=len(index.pools),
        sites=len({p.site for p in found.pools}),
        any_chosen=any(chosen.values()) or bool(query.get("q")),
        model_of=model_of,
        names=asking.domain_names(visit),
        commands=(("weir pools", "GET /v1/pools"),),
    )


def site(visit: Visit) -> Response:
    """A computing center: what it has, and its pools."""
    wanted = visit.request.path_params["site"]
    found = next((s for s in asking.sites(visit) if s.id == wanted), None)
    if found is None:
        raise NotFound(
            f"no site {wanted} has a pool here; the directory lists the pools that there are"
        )
    own = [c for c in asking.clusters(visit) if c.site == wanted]
    return render.page(
        visit,
        "site.html",
        section="resources",
        live=True,
        site=found,
        clusters=own,
        model_of=model_of,
        measured=_measured(visit, wanted),
        **_past(visit, wanted),
        commands=_commands(visit, wanted),
    )


def _past(visit: Visit, place: str) -> dict[str, object]:
    """What is known of a place over time."""
    charts = charts_of(visit, place)
    return {
        "charts": [(one, plot_of(one)) for one in charts],
        "span": span_of(visit.query.get("span")),
        "spans": SPANS,
    }


def _measured(visit: Visit, site: str) -> SiteFigures:
    return asking.site_figures(visit).get(body_of(site), NOTHING_MEASURED)


def _commands(visit: Visit, place: str) -> tuple[tuple[str, str], ...]:
    span = span_of(visit.query.get("span"))
    return (
        (f"weir id resolve {place}", f"GET /v1/identifiers/{place}"),
        ("weir pools", "GET /v1/pools"),
        (
            f"weir indicators --since {'365d' if span == '1y' else span} --under {place}",
            f"GET /v1/indicators?from=TIME&to=TIME&under={place}",
        ),
    )


def pool(visit: Visit) -> Response:
    """A pool: its hosts, what is free, its accelerators' figures with their sources, its jobs."""
    wanted = visit.request.path_params["pool"]
    [found] = _pools(visit, [wanted])
    return render.page(
        visit,
        "pool.html",
        section="resources",
        live=True,
        pool=found,
        model=model_of(found),
        precisions=PRECISIONS,
        jobs=reading.list_jobs(visit.ctx, pool=wanted, limit=20).jobs,
        measured=_measured(visit, found.site),
        **_past(visit, wanted),
        commands=_commands(visit, wanted),
    )


def compare(visit: Visit) -> Response:
    """Several pools side by side."""
    wanted = list(dict.fromkeys(visit.query.getlist("pool")))
    if len(wanted) > MOST_COMPARED:
        raise BadInput(
            f"{len(wanted)} pools don't fit side by side; choose {MOST_COMPARED} at most"
        )
    found = _pools(visit, wanted)
    return render.page(
        visit,
        "compare.html",
        section="resources",
        pools=found,
        back=_back(visit),
        model_of=model_of,
        measured={p.id: _measured(visit, p.site) for p in found},
        precisions=PRECISIONS,
        commands=(("weir pools --json", "GET /v1/pools"),),
    )


def _back(visit: Visit) -> str:
    """The directory as it was when these were chosen there."""
    kept = [(k, v) for k, v in visit.query.multi_items() if v and k != "from"]
    return f"/resources?{urlencode(kept)}"


def _pools(visit: Visit, wanted: Sequence[str]) -> list[PoolAnswer]:
    there = {p.id: p for p in asking.pools(visit)}
    missing = [w for w in wanted if w not in there]
    if missing:
        raise NotFound(f"there is no pool {missing[0]} in this network now; see the directory")
    return [there[w] for w in wanted]


def identifier(visit: Visit) -> Response:
    """What an identifier stands for."""
    found = resolve(visit.ctx, visit.request.path_params["identifier"])
    return render.page(
        visit,
        "identifier.html",
        section="resources",
        found=found,
        labels=FACTS,
        of_its_own=_page_of(found.kind, found.id) if found.known else "",
        commands=((f"weir id resolve {found.id}", f"GET /v1/identifiers/{found.id}"),),
    )


def go(visit: Visit) -> Response:
    """From a search to its page: a job, a pool, a site, an identifier, or words to look for."""
    asked = visit.query.get("q", "").strip()
    if not asked:
        return RedirectResponse("/resources", 303)
    try:
        reading.job_answer(visit.ctx, asked)
    except WeirError:
        pass
    else:
        return RedirectResponse(f"/jobs/{quote(asked)}", 303)
    try:
        found = resolve(visit.ctx, asked.upper())
    except BadInput:
        return RedirectResponse(f"/resources?q={quote(asked)}", 303)
    own = _page_of(found.kind, found.id) if found.known else ""
    return RedirectResponse(own or f"/resources/identifiers/{quote(found.id)}", 303)


def _page_of(kind: str, identifier: str) -> str:
    """Where a thing has a page of its own; empty for what has none."""
    at = {"pool": "pools", "site": "sites"}.get(kind)
    return f"/resources/{at}/{quote(identifier)}" if at else ""
