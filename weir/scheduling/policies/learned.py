"""The job first that is expected to be short, from past jobs of its user; nobody is overtaken
without end.
"""

from weir.scheduling.policy import Order, Policy

LEARNED = Policy(
    "learned",
    about=__doc__,
    start_weight=1.0,
    hop_weight=0.001,
    order=Order.PREDICTED,
)
