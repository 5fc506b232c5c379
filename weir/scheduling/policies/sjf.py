"""The shortest job first, by the time it asks for; nobody passes the job ahead."""

from weir.scheduling.policy import Order, Policy

SJF = Policy(
    "sjf",
    about=__doc__,
    start_weight=1.0,
    hop_weight=0.001,
    order=Order.SHORTEST,
    backfill=False,
)
