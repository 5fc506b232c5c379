"""What is kept of a placement: the terms of the winner and of the runner-up, for `weir why`."""

from __future__ import annotations

from typing import Any

from weir.core.plan import Candidate, Placement


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
