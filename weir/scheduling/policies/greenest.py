"""The least carbon: clean places, and clean hours for jobs that can be deferred."""

from weir.scheduling.policy import Policy

GREENEST = Policy(
    "greenest",
    about=__doc__,
    carbon_weight=10.0,
    energy_weight=0.1,
    start_weight=0.1,
    price_weight=0.001,
    data_weight=0.001,
    surplus_weight=0.3,
    hold=False,
    shift=True,
)
