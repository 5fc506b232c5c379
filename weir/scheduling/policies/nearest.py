"""Close to the user and to the data."""

from weir.scheduling.policy import Policy

NEAREST = Policy(
    "nearest",
    about=__doc__,
    latency_weight=1.0,
    hop_weight=1.0,
    data_weight=0.1,
    start_weight=0.1,
    price_weight=0.001,
)
