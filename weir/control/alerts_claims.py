"""What pools claim beside what was found of them, for the rules over `claim_off`.

Of many series it is worked out once in a while: what a pool claims, and has, seldom changes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from weir.core.inventory import Pool
from weir.core.metrics import METRICS
from weir.core.series import WIDTHS, Bucket, body_of, start_of
from weir.core.verified import SEEN, Comparison, compared, peers_of
from weir.store import series as rows_of

FRESH_S: Mapping[int, int] = {10: 60, 60: 300}
"""How far back the newest value of a series counts as being of now, by the width it came in."""

Compared = Mapping[str, tuple[Comparison, ...]]
"""By a pool's identifier."""


def newest(tx: Connection, ids: Sequence[int], now: float) -> dict[int, Bucket]:
    """Each series' newest bucket that is of now; the narrower where there are both."""
    found: dict[int, Bucket] = {}
    for width in reversed(WIDTHS[:2]):
        begin = start_of(now - FRESH_S[width], width)
        read = rows_of.read(tx, width, ids, begin, int(now) + 1)
        found |= {number: points[max(points)] for number, points in read.items() if points}
    return found


def claims_of(tx: Connection, pools: Sequence[Pool], now: float) -> tuple[Compared, int]:
    """Every pool's claims as far as something was found of them; how many series were read.

    What hosts tell one by one is left out: only what is told of a whole pool compares with it.
    """
    bodies = {body_of(pool.id): pool.id for pool in pools}
    rows = [r for r in rows_of.listed(tx, metrics=SEEN) if body_of(r.key.subject) in bodies]
    buckets = newest(tx, [row.id for row in rows], now)
    seen: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for row in rows:
        if row.id in buckets:
            value = METRICS[row.key.metric].value(buckets[row.id])
            seen[bodies[body_of(row.key.subject)]][row.key.metric] += value
    peers = peers_of(pools)
    return {pool.id: compared(pool, seen.get(pool.id, {}), peers) for pool in pools}, len(rows)
