"""Where could this run? The scheduler's own answer for one demand, with nothing booked.

It says what is, not what will be: jobs that wait are not counted, nor pools that are kept for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weir.core.demand import Demand
from weir.core.plan import Candidate, Change, ReasonCount, Rejection
from weir.scheduling.changes import changes
from weir.scheduling.explain import reason_counts, rejections
from weir.scheduling.feasible import judge, unreachable
from weir.scheduling.ledger import Ledger
from weir.scheduling.policy import Policy
from weir.scheduling.snapshot import Snapshot
from weir.scheduling.standing import Standing


@dataclass(frozen=True, slots=True)
class Found:
    """Every pool of the network: ranked yes, or no with reasons.

    `candidates` are first the pools that fit the job now, then those that are only busy (`now` is
    False, and the term "start" estimates when, null if unknown). `rejections` has every reason of
    every pool that can't take it now, so a busy pool is in both.
    """

    candidates: tuple[Candidate, ...]
    rejections: Mapping[str, tuple[Rejection, ...]]
    reasons: tuple[ReasonCount, ...]
    changes: tuple[Change, ...]


def find(snapshot: Snapshot, demand: Demand, policy: Policy) -> Found:
    """Judge and rank all pools for `demand`."""
    judgment = judge(snapshot.columns, demand)
    standing = Standing(snapshot, policy, Ledger(snapshot), judgment)
    fitting = standing.fitting()
    full = [row for row in standing.rows if row not in set(fitting)]
    later = sorted((standing.candidate(row) for row in full), key=lambda c: (c.cost, c.pool))
    checks = [*judgment.checks, *unreachable(judgment), *standing.busy()]
    return Found(
        candidates=(*(standing.candidate(row) for row in fitting), *later),
        rejections=rejections(snapshot.columns, checks),
        reasons=reason_counts(checks),
        changes=changes(judgment),
    )
