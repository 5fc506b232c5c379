"""The earliest end: the soonest start on the devices where the job runs quickest."""

from weir.scheduling.policy import Policy

FASTEST = Policy(
    "fastest",
    about=__doc__,
    start_weight=1.0,
    run_weight=1.0,
    hop_weight=0.001,
    price_weight=0.001,
)
