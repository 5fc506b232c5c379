"""The fullest pool that still takes the job, so that large gaps stay for large jobs."""

from weir.scheduling.policy import Policy

BEST_FIT = Policy(
    "best-fit",
    about=__doc__,
    spare_weight=1.0,
    start_weight=0.01,
    hop_weight=0.001,
)
