"""What makes one place better than another: weights that turn each term into a common cost.

A cost is in units of "one currency unit per hour", so `price_weight=1` counts money as money, and
`start_weight=2` says that an hour of waiting is as bad as paying 2 more per hour. A new policy is
one more entry in the table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from weir.core.errors import BadInput


@dataclass(frozen=True, slots=True)
class Policy:
    """Weights of the terms (lower cost is better), and whether a waiting job keeps a pool for
    itself.

    `price_weight` is cost per currency unit per hour, `start_weight` per hour until the start,
    `latency_weight` per millisecond, `hop_weight` per domain crossed, `spare_weight` for a pool
    that stays wholly idle beside the job (best fit). With `hold`, a job that fits nowhere now has
    one pool kept for it, so that smaller jobs behind it don't starve it.
    """

    name: str
    price_weight: float = 0.0
    start_weight: float = 0.0
    latency_weight: float = 0.0
    hop_weight: float = 0.0
    spare_weight: float = 0.0
    hold: bool = True


DEFAULT = "balanced"

POLICIES: Mapping[str, Policy] = {
    p.name: p
    for p in (
        # Strictly by turn: the earliest start, the rest only breaks ties.
        Policy("fifo", start_weight=1.0, hop_weight=0.001),
        Policy(
            "balanced",
            price_weight=1.0,
            start_weight=2.0,
            latency_weight=0.01,
            hop_weight=0.1,
            spare_weight=0.5,
        ),
        Policy("cheapest", price_weight=1.0, start_weight=0.001, hop_weight=0.0001, hold=False),
        Policy("nearest", latency_weight=1.0, hop_weight=1.0, start_weight=0.1, price_weight=0.001),
        Policy("best-fit", spare_weight=1.0, start_weight=0.01, hop_weight=0.001),
    )
}


def policy(name: str = DEFAULT) -> Policy:
    """The policy of that name. Raises `BadInput` (which lists the names) if there is none."""
    try:
        return POLICIES[name]
    except KeyError:
        known = ", ".join(POLICIES)
        raise BadInput(f"There is no policy {name!r}; the policies are {known}.") from None
