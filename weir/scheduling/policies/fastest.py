"""The earliest end: the soonest start where the job runs quickest; of those, the least in use."""

from weir.scheduling.policy import Policy

FASTEST = Policy(
    "fastest",
    about=__doc__,
    start_weight=1.0,
    run_weight=1.0,
    hop_weight=0.001,
    price_weight=0.001,
    use_weight=0.01,
    use_power=1,
    past_weight=0.03,
)
