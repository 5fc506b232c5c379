"""What several pages ask for, and may be told from what is kept: pools, clusters, indicators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from weir.console.directory import Site, sites_of
from weir.console.visit import Visit
from weir.control import balance as balancing
from weir.control import find as finding
from weir.control import measure as measuring
from weir.control import show as reading
from weir.control.domain_names import known_names
from weir.wire.balance import BalanceAnswer
from weir.wire.jobs import ClusterAnswer, IndicatorAnswer, Scope, WhyAnswer
from weir.wire.pools import PoolAnswer


def pools(visit: Visit) -> Sequence[PoolAnswer]:
    """Every pool of the network, once."""
    return visit.recent("pools", lambda: reading.list_pools(visit.ctx))


def sites(visit: Visit) -> Sequence[Site]:
    """The same by site."""
    return visit.recent("sites", lambda: sites_of(pools(visit)))


def clusters(visit: Visit) -> Sequence[ClusterAnswer]:
    """Clusters and links of this domain."""
    return visit.recent("clusters", lambda: reading.list_clusters(visit.ctx))


def indicators(visit: Visit, scope: Scope = "domain") -> Sequence[IndicatorAnswer]:
    """Every indicator as it is now."""
    return visit.recent(("indicators", scope), lambda: measuring.measure(visit.ctx, scope))


def job_counts(visit: Visit) -> Mapping[str, int]:
    """How many jobs of this domain stand in each state."""
    return visit.recent("jobs", lambda: reading.count_jobs(visit.ctx))


MANY_POOLS = 1000


def warm(visit: Visit) -> None:
    """Have ready what the first page asks for, where that takes long; who signs in sees it next."""
    if len(visit.ctx.caches.reports) < MANY_POOLS:
        return
    recent = visit.request.app.state.recent
    recent.begin("sites", lambda: sites(visit))
    recent.begin(("indicators", "network"), lambda: measuring.measure(visit.ctx, "network"))
    recent.begin("balance", lambda: balancing.balance(visit.ctx))


def balance(visit: Visit) -> BalanceAnswer:
    """Supply and demand."""
    return visit.recent("balance", lambda: balancing.balance(visit.ctx))


def why(visit: Visit, job: str) -> WhyAnswer:
    """Why a job stands where it stands."""
    return visit.recent(("why", job), lambda: finding.why(visit.ctx, job))


def domain_names(visit: Visit) -> dict[str, str]:
    """Domains by identifier, as they are called: this one and those that links tell of."""
    return visit.recent("domains", lambda: known_names(visit.ctx))
