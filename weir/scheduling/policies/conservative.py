"""By turn, and gaps are filled only where no job ahead is delayed (conservative backfill)."""

from weir.scheduling.policy import Policy

CONSERVATIVE = Policy(
    "conservative",
    about=__doc__,
    start_weight=1.0,
    hop_weight=0.001,
    reservations=1024,
    depth=64,
)
