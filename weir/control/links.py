"""Links: the ways between domains and sites as they were measured of late, one entry each.

Laws:
- What nobody measured is None. A way that a probe has tried is told by its probe; of another the
  round trip of its agent's calls is known, and nothing else.
- Loss is over the whole of the time looked at; the rest is the newest there is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum

from weir.control.context import Context
from weir.core.metrics import METRICS
from weir.core.series import Bucket, start_of
from weir.store import clusters
from weir.store import series as rows_of

LATE_S = 900.0
"""Older measurements are no longer of now."""

WIDTH = 60
"""Buckets of a minute are what travels up, so that every domain has them."""


@dataclass(frozen=True, slots=True)
class Way:
    """The way from one end to the other: identifiers of clusters and domains.

    Times in seconds, `lost` a share of the small calls, `bandwidth` in bit/s; `heard_at` is the
    begin of the newest minute, or when the agent last called. `probed` is False for a way of which
    only the round trip of its agent's calls is known.
    """

    here: str
    there: str
    rtt_s: float | None
    jitter_s: float | None
    lost: float | None
    bandwidth: float | None
    heard_at: float
    probed: bool = True

    @property
    def subject(self) -> str:
        """What its samples are of: `FROM>TO`."""
        return f"{self.here}>{self.there}"


def ways(ctx: Context, late_s: float = LATE_S) -> list[Way]:
    """Every way that was measured within `late_s` seconds, by its ends."""
    now = ctx.now()
    domain = ctx.domain()
    with ctx.store.read() as tx:
        rows = rows_of.listed(tx, metrics=[m for m in METRICS if m.startswith("link_")])
        ids = [row.id for row in rows]
        found = rows_of.read(tx, WIDTH, ids, start_of(now - late_s, WIDTH), int(now) + 1)
        heard = clusters.all_clusters(tx)
    measured: dict[str, dict[str, Mapping[int, Bucket]]] = {}
    for row in rows:
        if found[row.id]:
            measured.setdefault(row.key.subject, {})[row.key.metric] = found[row.id]
    told = {subject: _probed(subject, by) for subject, by in measured.items()}
    for cluster in heard:
        if (
            cluster.direction == "up"
            or cluster.rtt_us is None
            or cluster.heard_at is None
            or not domain.id
        ):
            continue  # a link up is told by the domain above
        subject = f"{cluster.id}>{domain.id}"
        if now - cluster.heard_at <= late_s and subject not in told:
            rtt_s = cluster.rtt_us / 1e6
            told[subject] = Way(
                cluster.id, domain.id, rtt_s, None, None, None, cluster.heard_at, False
            )
    return [told[subject] for subject in sorted(told)]


def _probed(subject: str, by: Mapping[str, Mapping[int, Bucket]]) -> Way:
    here, _, there = subject.partition(">")
    return Way(
        here=here,
        there=there,
        rtt_s=_newest(by, "link_rtt"),
        jitter_s=_newest(by, "link_jitter"),
        lost=_lost(by),
        bandwidth=_newest(by, "link_bandwidth"),
        heard_at=float(max(max(buckets) for buckets in by.values())),
    )


def _newest(by: Mapping[str, Mapping[int, Bucket]], metric: str) -> float | None:
    buckets = by.get(metric)
    return None if not buckets else METRICS[metric].value(buckets[max(buckets)])


def _lost(by: Mapping[str, Mapping[int, Bucket]]) -> float | None:
    """Calls without an answer, of those tried in the whole time."""
    sent = fsum(b.total for b in by.get("link_sent", {}).values())
    lost = fsum(b.total for b in by.get("link_lost", {}).values())
    return lost / sent if sent else None
