"""Each queue its share: the one furthest below it, by its dominant resource, goes first."""

from weir.scheduling.policy import Policy

FAIR = Policy(
    "fair",
    about=__doc__,
    price_weight=0.1,
    start_weight=1.0,
    hop_weight=0.01,
    spare_weight=0.1,
    fair=True,
    preempt=True,
    normalized=True,
)
