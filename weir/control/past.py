"""How full the sites were of late: the share of each that was in use, fading to 1/e in `MEMORY_S`.

It is the mean of whole days, each by its age, over three memories; on a domain's first day of its
hours, and in its first hour of its minutes. Devices count where a site has any, else cores; and
everything that is held, whoever holds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp, fsum

from sqlalchemy import Connection

from weir.control.by_site import DAY_S, HOUR_S, MINUTE_S, by_site
from weir.core.inventory import Pool
from weir.core.series import body_of
from weir.scheduling.queues import MEMORY_S

METRICS = (
    ("device_milli_held", "device_milli_total"),
    ("cpu_milli_held", "cpu_milli_total"),
)


def read_past(tx: Connection, now: float) -> dict[str, float]:
    """The share in use on the average of late, 0 to 1, by the body of the site's identifier."""
    names = [name for pair in METRICS for name in pair]
    spans = ((DAY_S, 3 * MEMORY_S), (HOUR_S, DAY_S + HOUR_S), (MINUTE_S, HOUR_S + MINUTE_S))
    for width, back_s in spans:
        weighed: dict[str, dict[str, list[float]]] = {}
        for metric, sites in by_site(tx, names, width, now - back_s, now).items():
            for site, values in sites.items():
                sums = weighed.setdefault(site, {}).setdefault(metric, [])
                sums += [_fading(now - at - width / 2) * v for at, v in values.items()]
        found = {site: _share(sums) for site, sums in weighed.items()}
        known = {site: share for site, share in found.items() if share is not None}
        if known:
            return known
    return {}


def _fading(age_s: float) -> float:
    return exp(-max(0.0, age_s) / MEMORY_S)


def _share(sums: Mapping[str, list[float]]) -> float | None:
    for held, total in METRICS:
        there = fsum(sums.get(total, ()))
        if there > 0:
            return min(1.0, fsum(sums.get(held, ())) / there)
    return None


def past_of(shares: Mapping[str, float], pools: Iterable[Pool]) -> dict[str, float]:
    """By site, for the sites of these pools as far as they are known."""
    sites = {pool.site: body_of(pool.site) for pool in pools}
    return {site: shares[body] for site, body in sites.items() if body in shares}
