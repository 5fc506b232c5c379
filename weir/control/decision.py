"""What is kept of a round: the terms of each winner and runner-up, how near to the best plan it is
known to be, and why jobs are sent back.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from weir.core.plan import Candidate, Placement, Plan, Waiting
from weir.scheduling.snapshot import WaitingJob


def decision_record(placement: Placement) -> dict[str, Any]:
    """The terms of the winner and of the runner-up, to be read back by `why`."""
    second = placement.runner_up
    return {
        "chosen": _candidate_record(placement.chosen),
        "runner_up": None if second is None else _candidate_record(second),
    }


def _candidate_record(c: Candidate) -> dict[str, Any]:
    # By hand: `asdict` copies deeply, and this runs for every job that is placed.
    return {
        "pool": c.pool,
        "cluster": c.cluster,
        "groups": [{"group": g.group, "count": g.count, "stack": g.stack} for g in c.groups],
        "price_micro_per_hour": c.price_micro_per_hour,
        "terms": [
            {"name": t.name, "value": t.value, "unit": t.unit, "cost": t.cost} for t in c.terms
        ],
        "now": c.now,
    }


def how_near(plan: Plan) -> str:
    """How far the whole plan of a round is from the best at most, where its policy works that out;
    as the end of a sentence.
    """
    if plan.gap is None:
        return ""
    return f" ({plan.how} plan, at most {100 * plan.gap:.1f} % short of the best)"


def sent_back(plan: Plan, pinned: Iterable[WaitingJob]) -> dict[str, Waiting]:
    """The jobs that peers have pinned to a pool and that were not placed there, and why.

    Why a job waits is worked out as it is looked at, which takes a while: once for each shape.
    """
    why: dict[int, Waiting] = {}
    found: dict[str, Waiting] = {}
    placed = {p.job for p in plan.placements} if pinned else set[str]()
    for job in pinned:
        if job.id not in placed:
            shape = id(job.demand)
            if shape not in why:
                why[shape] = plan.waiting[job.id]
            found[job.id] = why[shape]
    return found
