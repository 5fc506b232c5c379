"""By turn, and jobs that do not delay the one ahead fill the gaps (EASY backfill)."""

from weir.scheduling.policy import Policy

EASY = Policy(
    "easy",
    about=__doc__,
    start_weight=1.0,
    hop_weight=0.001,
)
