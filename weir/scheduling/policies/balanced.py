"""Money, waiting, distance, load and packing, each in its measure; nobody starves."""

from weir.scheduling.policy import Policy

BALANCED = Policy(
    "balanced",
    about=__doc__,
    price_weight=1.0,
    start_weight=2.0,
    run_weight=0.5,
    latency_weight=0.01,
    hop_weight=0.1,
    carbon_weight=0.1,
    data_weight=0.01,
    spare_weight=0.5,
    past_weight=0.3,
    age_weight=1.0,
    preempt=True,
)
