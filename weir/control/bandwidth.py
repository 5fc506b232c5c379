"""What bandwidth there is between sites, for the scheduler: from what transfers have achieved.

Ways are measured between a cluster or a site and a domain, or between two sites. Between two sites
that were not measured with each other, data goes by a domain that both were measured with, as fast
as the slower half of the best such way.
"""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from weir.control.by_site import DAY_S, MINUTE_S
from weir.core.metrics import METRICS
from weir.core.series import body_of, site_of, start_of
from weir.store import series as rows_of

GIGABIT = 1e9
LATE_S = DAY_S
"""Older measurements count no more."""

Ways = Mapping[tuple[str, str], float]
"""By both ends, the bodies of their identifiers: Gbit/s."""


def read_bandwidth(tx: Connection, now: float) -> dict[tuple[str, str], float]:
    """The newest bandwidth of every way that was measured in the last day."""
    rows = rows_of.listed(tx, metrics=["link_bandwidth"])
    ids = [row.id for row in rows]
    found: dict[tuple[str, str], float] = {}
    if not ids:
        return found
    for width, late_s in ((3600, LATE_S), (MINUTE_S, 3600)):
        buckets = rows_of.read(tx, width, ids, start_of(now - late_s, width), int(now) + 1)
        for row in rows:
            if buckets[row.id]:
                here, _, there = row.key.subject.partition(">")
                newest = buckets[row.id][max(buckets[row.id])]
                gbps = METRICS["link_bandwidth"].value(newest) / GIGABIT
                found[_end(here), _end(there)] = gbps
    return found


def _end(subject: str) -> str:
    """The site that an end lies in, or the domain that it is."""
    return site_of(subject) or body_of(subject)


def links_of(ways: Ways, sites: Mapping[str, str]) -> dict[tuple[str, str], float]:
    """Gbit/s between each two sites, both ways, where it is known; `sites` are bodies by
    identifier.
    """
    at: dict[str, dict[str, float]] = {}
    for (here, there), gbps in ways.items():
        for one, other in ((here, there), (there, here)):
            at.setdefault(one, {})[other] = max(gbps, at.get(one, {}).get(other, 0.0))
    found: dict[tuple[str, str], float] = {}
    names = sorted(site for site, body in sites.items() if body in at)
    for one in names:
        for other in names:
            if one != other:
                gbps = _between(at[sites[one]], at[sites[other]], sites[other])
                if gbps > 0:
                    found[one, other] = gbps
    return found


def _between(mine: Mapping[str, float], theirs: Mapping[str, float], their_name: str) -> float:
    if their_name in mine:
        return mine[their_name]
    return max((min(mine[by], theirs[by]) for by in mine.keys() & theirs.keys()), default=0.0)
