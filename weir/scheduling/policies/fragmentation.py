"""The host where least becomes useless to the jobs that come (fragmentation-aware)."""

from weir.scheduling.policy import HostRule, Policy

FRAGMENTATION = Policy(
    "fragmentation",
    about=__doc__,
    start_weight=0.01,
    hop_weight=0.001,
    host_rule=HostRule.FRAGMENTATION,
    hold=False,
)
