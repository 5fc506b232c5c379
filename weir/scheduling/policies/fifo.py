"""Strictly by turn: the earliest start; nobody passes the job ahead on the pool it waits for."""

from weir.scheduling.policy import Policy

FIFO = Policy(
    "fifo",
    about=__doc__,
    start_weight=1.0,
    hop_weight=0.001,
    backfill=False,
)
