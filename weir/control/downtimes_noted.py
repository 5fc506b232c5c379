"""How the sites that report here stand, noted every ten seconds as samples of the domain's own.

Laws, as ARGO has them:
- A site is up while every one of its clusters is in touch (heard of within the lease). A cluster
  that was never heard of is not there yet.
- While a downtime is declared the site is not up, whatever is heard of it.
- What nobody noted is unknown: while this server is away, no site was down for it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from weir.control.context import Context
from weir.control.network import is_silent
from weir.core.series import WIDTHS, Key, start_of
from weir.store import clusters, downtimes
from weir.store import series as rows_of
from weir.store.rows import ClusterRow

NARROWEST = WIDTHS[0]


def standing(
    rows: Iterable[ClusterRow], declared: Iterable[str], now: float, lease_s: float
) -> Mapping[str, tuple[bool, bool]]:
    """Each site that reports here: whether it is up, and whether it is declared to be down."""
    down, found = set(declared), dict[str, tuple[bool, bool]]()
    for row in rows:
        if row.direction == "own" and row.removed_at is None and row.heard_at is not None:
            up_so_far, _ = found.get(row.site, (True, False))
            in_touch = not is_silent(row, now, lease_s)
            is_down = row.site in down
            found[row.site] = (up_so_far and in_touch and not is_down, is_down)
    return found


def note_sites(ctx: Context) -> int:
    """Note the ten seconds that are now; how many sites were noted. Again changes nothing."""
    now = ctx.now()
    at = start_of(now, NARROWEST)
    with ctx.store.read() as tx:
        declared = [row.site for row in downtimes.within(tx, now, now + 1e-3)]
        found = standing(clusters.all_clusters(tx), declared, now, ctx.settings.lease_s)
    values = {}
    for site, (up, down) in found.items():
        values[Key(site, "site_seconds")] = float(NARROWEST)
        values[Key(site, "site_up_seconds")] = float(NARROWEST * up)
        values[Key(site, "site_downtime_seconds")] = float(NARROWEST * down)
    if values:
        with ctx.store.write() as tx:
            numbers = rows_of.find(tx, values)
            new = [key for key in values if key not in numbers]
            numbers |= rows_of.add(tx, new, "") if new else {}
            rows_of.put(
                tx, [(NARROWEST, at, numbers[key], 1, v, v, v, v) for key, v in values.items()]
            )
    return len(found)
