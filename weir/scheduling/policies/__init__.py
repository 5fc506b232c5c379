"""The named policies: one short file each, one line here each."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from weir.core.errors import BadInput
from weir.scheduling.policies.balanced import BALANCED
from weir.scheduling.policies.best_fit import BEST_FIT
from weir.scheduling.policies.cheapest import CHEAPEST
from weir.scheduling.policies.conservative import CONSERVATIVE
from weir.scheduling.policies.deadline import DEADLINE
from weir.scheduling.policies.easy import EASY
from weir.scheduling.policies.even import EVEN
from weir.scheduling.policies.fair import FAIR
from weir.scheduling.policies.fastest import FASTEST
from weir.scheduling.policies.fifo import FIFO
from weir.scheduling.policies.fragmentation import FRAGMENTATION
from weir.scheduling.policies.greenest import GREENEST
from weir.scheduling.policies.heterogeneity import HETEROGENEITY
from weir.scheduling.policies.learned import LEARNED
from weir.scheduling.policies.nearest import NEAREST
from weir.scheduling.policies.optimal import OPTIMAL
from weir.scheduling.policies.sjf import SJF
from weir.scheduling.policy import DEFAULT, Policy

POLICIES: Mapping[str, Policy] = {
    p.name: p
    for p in (
        BALANCED,
        FIFO,
        EASY,
        CONSERVATIVE,
        SJF,
        LEARNED,
        DEADLINE,
        EVEN,
        FAIR,
        CHEAPEST,
        GREENEST,
        FASTEST,
        NEAREST,
        BEST_FIT,
        FRAGMENTATION,
        HETEROGENEITY,
        OPTIMAL,
    )
}


def policy(name: str = DEFAULT) -> Policy:
    """The policy of that name. Raises `BadInput` (which lists the names) if there is none."""
    try:
        return POLICIES[name]
    except KeyError:
        near = get_close_matches(name, POLICIES, n=1)
        hint = f" Did you mean {near[0]}?" if near else ""
        known = ", ".join(POLICIES)
        raise BadInput(f"There is no policy {name!r}; the policies are {known}.{hint}") from None
