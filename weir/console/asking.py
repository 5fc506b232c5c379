"""What several pages ask for, and may be told from what is kept: pools, clusters, indicators."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from markupsafe import Markup

from weir.console import render
from weir.console.directory import Site, sites_of
from weir.console.drawing.arcs import with_arcs
from weir.console.drawing.network import Carried, Domains, Drawing, draw_map, draw_tree
from weir.console.facets import Index, SiteFigures, indexed
from weir.console.history import Step
from weir.console.history import ways as ways_of
from weir.console.recent import FRESH_S
from weir.console.words import LANGUAGES
from weir.control import balance as balancing
from weir.control import find as finding
from weir.control import measure as measuring
from weir.control import show as reading
from weir.control.context import Context
from weir.control.domain_names import known_names
from weir.control.energy import read_energy
from weir.control.flows import flows
from weir.control.freshness import window
from weir.control.indicators import history
from weir.control.network import Network, load_network
from weir.core.indicators import INDICATORS
from weir.core.series import WIDTHS, body_of
from weir.wire.balance import BalanceAnswer
from weir.wire.jobs import ClusterAnswer, FindRequest, IndicatorAnswer, Scope, WhyAnswer
from weir.wire.jobspec import JobSpec
from weir.wire.pools import PoolAnswer

T = TypeVar("T")

COVERED_S = 3600.0
"""Of so much time the coverage beside an indicator's value tells."""

SAMPLED = tuple(i.name for i in INDICATORS if i.metrics)

LARGE = 1000
"""A network of so many pools is large."""

_TASK = {
    "cpu": 1,
    "memory": "1GiB",
    "devices": {"count": 1, "min_memory": "1GiB"},
    "command": ["true"],
}
ANY_JOB = JobSpec.model_validate(
    {"name": "any", "tasks": [_TASK], "constraints": {"max_latency": "1s"}}
)
"""A job that asks for a bit of everything."""

LONG_FRESH_S = 90.0
"""What is asked for at every key that is pressed is not made anew while somebody types: in a large
domain `weir.console.ahead` does it in time.
"""


@dataclass(frozen=True, slots=True)
class Look:
    """How the network is drawn."""

    view: str = "map"
    by: str = "devices"
    color: str = "use"
    opened: str = ""


class Asker(Protocol):
    """Who asks: a visit, or what works pages out ahead (`weir.console.ahead`)."""

    @property
    def ctx(self) -> Context: ...

    def recent(self, key: Hashable, make: Callable[[], T], fresh_s: float = FRESH_S) -> T: ...


def network(visit: Asker) -> Network:
    """The network as it was read last: what follows from it is not read four times."""

    def make() -> Network:
        with visit.ctx.store.read() as tx:
            return load_network(visit.ctx, tx, visit.ctx.now())

    return visit.recent("network", make)


def pools(visit: Asker) -> Sequence[PoolAnswer]:
    """Every pool of the network, once."""
    return visit.recent("pools", lambda: reading.list_pools(visit.ctx, network(visit)))


def sites(visit: Asker) -> Sequence[Site]:
    """The same by site."""
    return visit.recent("sites", lambda: sites_of(pools(visit)))


def site_figures(visit: Asker) -> Mapping[str, SiteFigures]:
    """What was measured of the sites' energy, by the body of the site's identifier."""

    def make() -> dict[str, SiteFigures]:
        with visit.ctx.store.read() as tx:
            found = read_energy(tx, visit.ctx.now())
        return {
            site: SiteFigures(e.pue, None if e.carbon is None else float(e.carbon.values[0]))
            for site, e in found.items()
        }

    return visit.recent("site figures", make)


def index(visit: Asker) -> Index:
    """Every pool of the network, told apart by its facets."""

    def make() -> Index:
        there = pools(visit)
        known = site_figures(visit)
        sites = {
            p.site: known[body_of(p.site)] for p in there if known and body_of(p.site) in known
        }
        return indexed(there, sites)

    return visit.recent("index", make)


def ways(visit: Asker) -> Sequence[tuple[Step, ...]]:
    """From here to each pool, step by step."""
    return visit.recent("ways down", lambda: ways_of(pools(visit), domain_names(visit)))


def clusters(visit: Asker) -> Sequence[ClusterAnswer]:
    """Clusters and links of this domain."""
    return visit.recent("clusters", lambda: reading.list_clusters(visit.ctx))


def indicators(visit: Asker, scope: Scope = "domain") -> Sequence[IndicatorAnswer]:
    """Every indicator as it is now."""
    there = network(visit)
    if scope == "domain" and not any(c.direction == "up" for c in there.clusters.values()):
        scope = "network"  # all that it sees is its own or below it
    return visit.recent(
        ("indicators", scope), lambda: measuring.measure(visit.ctx, scope, network=there)
    )


def covered(visit: Asker) -> Mapping[str, float]:
    """Of which share of the last hour each indicator is known, 0 to 1: those that samples tell of
    this domain and below, and of which something came.
    """

    def make() -> dict[str, float]:
        begin, end = window(visit.ctx.now(), COVERED_S, WIDTHS[1])
        past = history(visit.ctx, begin, end, WIDTHS[1], names=SAMPLED)
        return {i.name: i.coverage for i in past.indicators if i.coverage and (i.points or i.by)}

    return visit.recent("covered", make)


def job_counts(visit: Asker) -> Mapping[str, int]:
    """How many jobs of this domain stand in each state."""
    return visit.recent("jobs", lambda: reading.count_jobs(visit.ctx))


def balance(visit: Asker) -> BalanceAnswer:
    """Supply and demand."""
    return visit.recent("balance", lambda: balancing.balance(visit.ctx, network(visit)))


def why(visit: Asker, job: str, state: str, attempts: int) -> WhyAnswer:
    """Why a job stands where it stands: one answer for each state of each attempt."""
    return visit.recent(("why", job, state, attempts), lambda: finding.why(visit.ctx, job))


def seen(visit: Asker, policy: str) -> finding.Seen:
    """The network as places are looked for in it, ranked by a policy or, empty, by the domain's."""

    def make() -> finding.Seen:
        found = finding.seen_now(visit.ctx, policy or None, network(visit))
        if len(found.snapshot.pools) >= LARGE:
            # What places are judged by is worked out at the first look, which takes long in a large
            # network: so that is had here, and not by who types.
            finding.find_among(found, FindRequest(spec=ANY_JOB), 1)
        return found

    return visit.recent(("seen", policy), make, LONG_FRESH_S)


def domain_names(visit: Asker) -> dict[str, str]:
    """Domains by identifier, as they are called: this one and those that links tell of."""
    return visit.recent("domains", lambda: known_names(visit.ctx))


def _carried(visit: Asker) -> list[Carried]:
    """From which domain to which site jobs are under way, the largest number first."""
    of_site = {p.id: p.site for p in pools(visit)}
    counts: dict[tuple[str, str], int] = {}
    for flow in flows(visit.ctx):
        if (site := of_site.get(flow.pool)) is not None:
            counts[flow.home, site] = counts.get((flow.home, site), 0) + flow.runs
    found = [Carried(home, site, runs) for (home, site), runs in counts.items()]
    return sorted(found, key=lambda one: (-one.runs, one.home, one.site))


def drawing(visit: Asker, view: str, by: str, opened: str = "") -> Drawing:
    """The network drawn: `view` is map or tree, `by` what the sizes of sites stand for, `opened`
    the domain of a large tree whose sites are drawn.
    """

    def make() -> Drawing:
        row = visit.ctx.domain()
        here = Domains(row.id or row.name, row.name, domain_names(visit))
        if view == "tree":
            drawn = draw_tree(sites(visit), here, by, opened)
        else:
            drawn = draw_map(sites(visit), here, by)
        return with_arcs(drawn, here.here, _carried(visit))

    return visit.recent(("drawing", view, by, opened), make)


def drawn(visit: Asker, look: Look, language: str) -> Markup:
    """The same, written."""

    def make() -> Markup:
        found = drawing(visit, look.view, look.by, look.opened)
        return render.part("parts.html", "network", language, found, look.color)

    return visit.recent(("drawn", look, language), make)


def first_page(visit: Asker) -> None:
    """Ask for all that the overview and the directory show as they are opened."""
    for language in LANGUAGES:
        drawn(visit, Look(), language)
        drawn(visit, Look("tree"), language)
    index(visit)
    indicators(visit, "network")
    indicators(visit, "domain")
    balance(visit)
    clusters(visit)
    seen(visit, "")
    ways(visit)
    covered(visit)
    job_counts(visit)
