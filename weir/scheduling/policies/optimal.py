"""The best assignment of the whole round, by integer programming, never worse than greedy."""

from weir.scheduling.policy import Policy

OPTIMAL = Policy(
    "optimal",
    about=__doc__,
    price_weight=1.0,
    start_weight=2.0,
    run_weight=0.5,
    latency_weight=0.01,
    hop_weight=0.1,
    spare_weight=0.5,
    hold=False,
    optimal=True,
)
