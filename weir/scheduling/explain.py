"""Reasons as people read them: all of one pool, or counted over all pools."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from weir.core.plan import Reason, ReasonCount, Rejection
from weir.scheduling.checks import Check
from weir.scheduling.columns import PoolColumns
from weir.scheduling.feasible import ORDER


def reason_counts(checks: Iterable[Check]) -> tuple[ReasonCount, ...]:
    """Each reason with the number of pools that have it and the best there was, most pools first.

    A pool with several reasons counts once under each. Where several checks give one reason (two
    groups that want different models), the texts are those of the check that most pools fail.
    """
    by_reason: dict[Reason, list[Check]] = {}
    for check in checks:
        by_reason.setdefault(check.reason, []).append(check)
    counts = [_count(reason, group) for reason, group in by_reason.items()]
    return tuple(sorted(counts, key=lambda c: (-c.pools, ORDER[c.reason])))


def _count(reason: Reason, checks: Sequence[Check]) -> ReasonCount:
    worst = max(checks, key=lambda c: np.count_nonzero(c.failing))
    rows = np.flatnonzero(worst.failing)
    pools = len(rows)
    if len(checks) > 1:
        pools = int(np.count_nonzero(np.logical_or.reduce([c.failing for c in checks])))
    return ReasonCount(reason, pools, worst.needed, worst.has.text(rows))


def rejections(
    columns: PoolColumns, checks: Iterable[Check]
) -> Mapping[str, tuple[Rejection, ...]]:
    """For each pool that fails any check, its identifier with every reason it has."""
    found: dict[str, dict[Reason, Rejection]] = {}
    for check in checks:
        for row in np.flatnonzero(check.failing).tolist():
            pool, best = columns.ids.of_row(row), check.has.text(np.array([row]))
            rejection = Rejection(pool, check.reason, check.needed, best)
            found.setdefault(pool, {}).setdefault(check.reason, rejection)
    return {pool: tuple(reasons.values()) for pool, reasons in sorted(found.items())}
