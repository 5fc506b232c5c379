"""The same load everywhere: the pool that is least in use, so that no site is full first."""

from weir.scheduling.policy import Policy

EVEN = Policy(
    "even",
    about=__doc__,
    start_weight=1.0,
    hop_weight=0.001,
    data_weight=0.0001,
    use_weight=1.0,
    use_power=1,
    past_weight=3.0,
    surplus_weight=0.01,
)
