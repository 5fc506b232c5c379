"""CATS levels: the catalog's figures are L0 (raw, each with its unit); here are L1, one score for
each of the draft's three kinds: compute, communication, service.

A score is 0 to 10, 10 the best: 0 to 3 is to be avoided, 8 to 10 preferred. How one is worked out
is each implementation's own (draft-ietf-cats-metric-definition), so it orders places of one network
and is compared with nobody else's: the L0 figures that it is made of stand beside it.
"""

from __future__ import annotations

import math

from weir.core.indicator_inventory import CIRCLES_MS
from weir.core.indicator_laws import Indicator, IndicatorKind, Law, share_of_part
from weir.core.indicator_view import NOTHING, Measured, View, pairs_of, subjects_of

BEST = 10.0
SOURCE = "CATS L1 scores (draft-ietf-cats-metric-definition)"

OF_CIRCLES = tuple(zip((ms / 1000 for ms in CIRCLES_MS), (10.0, 8.0, 6.0), strict=True))
"""Round trip in seconds up to which a link scores what, if all calls are answered."""

BEYOND = 3.0


def _compute(view: View) -> Measured:
    """What is left of accelerators; of cores, where nobody tells of accelerators."""
    for kind in ("device", "cpu"):
        pairs = pairs_of(view, f"{kind}_milli_held", f"{kind}_milli_total").pairs
        total = math.fsum(p.bottom * p.weight for p in pairs)
        if total:
            held = math.fsum(p.top * p.weight for p in pairs)
            return Measured(BEST * max(0.0, 1 - held / total), {})
    return NOTHING


def _communication(view: View) -> Measured:
    """The mean over links of what each one's circle scores, times the share of calls answered."""
    rtt, sent, lost = (
        {subject: value for (subject, _), value in subjects_of(view, metric).items()}
        for metric in ("link_rtt", "link_sent", "link_lost")
    )
    scores = []
    for link, seconds in rtt.items():
        tried = sent.get(link, 0.0)
        answered = 1 - min(1.0, lost.get(link, 0.0) / tried) if tried else 1.0
        score = next((s for most, s in OF_CIRCLES if seconds <= most), BEYOND)
        scores.append(score * answered)
    return Measured(math.fsum(scores) / len(scores), {}) if scores else NOTHING


def _service(view: View) -> Measured:
    """Jobs that succeeded of those that ended."""
    share = share_of_part("jobs_ended", "succeeded")(view).value
    return NOTHING if share is None else Measured(BEST * share / 100, {})


FOR_CATS: tuple[Indicator, ...] = (
    Indicator(
        "cats_compute",
        "Compute score",
        "算力评分",
        "1",
        Law.RATIO,
        "0 to 10: the share of accelerators that resource managers say is free; of cores, where "
        "nobody tells of accelerators.",
        _compute,
        IndicatorKind.USE,
        SOURCE,
        ("device_milli_held", "device_milli_total", "cpu_milli_held", "cpu_milli_total"),
    ),
    Indicator(
        "cats_communication",
        "Communication score",
        "网络评分",
        "1",
        Law.MEAN,
        "0 to 10, the mean of links: 10 within 1 ms, 8 within 5 ms, 6 within 20 ms, 3 beyond, "
        "times the share of small calls that were answered.",
        _communication,
        IndicatorKind.NETWORK,
        SOURCE,
        ("link_rtt", "link_lost", "link_sent"),
    ),
    Indicator(
        "cats_service",
        "Service score",
        "服务评分",
        "1",
        Law.RATIO,
        "0 to 10: jobs that succeeded over all that ended in the time covered.",
        _service,
        IndicatorKind.JOBS,
        SOURCE,
        ("jobs_ended",),
    ),
)
