"""The lowest price, even if it means to wait a little."""

from weir.scheduling.policy import Policy

CHEAPEST = Policy(
    "cheapest",
    about=__doc__,
    price_weight=1.0,
    energy_weight=0.01,
    start_weight=0.001,
    hop_weight=0.0001,
    surplus_weight=0.003,
    hold=False,
    shift=True,
)
