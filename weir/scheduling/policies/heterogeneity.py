"""Jobs on the device models where their kind gains most, planned anew in rounds."""

from weir.scheduling.policy import Policy

HETEROGENEITY = Policy(
    "heterogeneity",
    about=__doc__,
    start_weight=1.0,
    run_weight=1.0,
    normalized=True,
    rounds=True,
)
