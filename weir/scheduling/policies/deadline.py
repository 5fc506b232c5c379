"""The job first that has to start soonest to be in time; jobs without a deadline come after."""

from weir.scheduling.policy import Order, Policy

DEADLINE = Policy(
    "deadline",
    about=__doc__,
    start_weight=1.0,
    hop_weight=0.001,
    order=Order.DEADLINE,
)
