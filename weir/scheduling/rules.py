"""What a policy says to the kernel."""

from __future__ import annotations

from weir.scheduling.board import Rules
from weir.scheduling.policy import HostRule, Policy
from weir.scheduling.rank import UNKNOWN_START_S


def rules_of(policy: Policy) -> Rules:
    """The kernel's part of a policy. Ends are kept track of where something waits for them."""
    return Rules(
        spare_weight=policy.spare_weight,
        start_weight=policy.start_weight,
        use_weight=policy.use_weight,
        use_power=policy.use_power,
        hold=policy.hold,
        each=policy.hold and policy.depth > 1,
        backfill=policy.backfill,
        timed=policy.hold,
        fair=policy.fair,
        quotas=policy.fair,
        least=policy.host_rule is HostRule.FRAGMENTATION,
        brief=False,
        unknown_start_s=UNKNOWN_START_S,
    )
