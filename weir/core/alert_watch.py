"""What alerts can watch: the catalog of indicators and a few more, and the subjects each has.

Laws:
- What is made of inventory is known of the domain, its sites, clusters and pools, and so is its
  past, of which the domain notes every change; but for what changes with every call (UNNOTED).
- What is made of samples is known of whatever lies in a place; of links what links tell.
- Jobs are known of a whole domain.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from weir.core.alerts import Condition, Each
from weir.core.identifiers import parse
from weir.core.indicator_laws import (
    Indicator,
    IndicatorKind,
    Law,
    Measured,
    Value,
    View,
    ratio,
    sum_of,
)
from weir.core.indicators import INDICATORS
from weir.core.verified import verified

UNNOTED = ("jobs", "pools_silent")
"""Indicators of inventory that have a past of the whole domain only."""

PAST = (Condition.RISES, Condition.FALLS, Condition.DEVIATES)
"""Conditions that compare with the subject's own past."""

PAST_S: Mapping[Condition, float] = {
    Condition.RISES: 3600.0,
    Condition.FALLS: 3600.0,
    Condition.DEVIATES: 86400.0,
}
"""How far back they look if a rule doesn't say."""

LEAST_ENDED = 5
"""A share of failed jobs is of at least so many."""

_LETTERS: Mapping[Each, str] = {Each.SITE: "S", Each.CLUSTER: "C", Each.POOL: "P"}


def _claims_far(view: View) -> Measured:
    """Pools that say what they measured; of them those whose figures can't both be true."""
    told = [now.pool for now in view.pools if now.pool.measured_gflops]
    if not told:
        return Measured(None, {})
    far = [p for p in told if any(v.far for v in verified(p.device_model, p.measured_gflops))]
    return Measured(len(far), {})


CLAIMS_FAR = Indicator(
    "claims_far",
    "Claims far from their measurement",
    "标称值与实测值不符的资源池数",
    "1",
    Law.SUM,
    "Pools whose measured performance and the nominal figure of their device model can't both be "
    "true of a healthy device (below 50 % or above 110 %); pools without a measurement are left "
    "out.",
    _claims_far,
    IndicatorKind.QUALITY,
)


def _claim_off(view: View) -> Measured:
    """The claim that is off by most, of any pool; and of each sort of claim."""
    by: dict[str, Value] = {}
    for now in view.pools:
        for claim in now.claims:
            by[claim.what] = max(by.get(claim.what) or 0.0, 100 * claim.off)
    return Measured(max((v for v in by.values() if v is not None), default=None), by)


CLAIM_OFF = Indicator(
    "claim_off",
    "Capacity claim off by",
    "申报能力与实际的偏差",
    "%",
    Law.MAX,
    "By what share what a pool claims differs from what was found of it, the largest and by what "
    "is claimed: devices, their memory, cores, memory and storage beyond what probes see; what a "
    "device does (`weir agent verify`) below what is known to be attained on its model, or apart "
    "from the median of three or more pools of its model. What nobody has found is left out.",
    _claim_off,
    IndicatorKind.QUALITY,
)


def _jobs_failed(view: View) -> Measured:
    """Of jobs that came to an end of their own; of few no share is told."""
    by = sum_of("jobs_ended")(view).by
    failed, succeeded = by.get("failed") or 0, by.get("succeeded") or 0
    ended = failed + succeeded
    return Measured(ratio(failed, ended) if ended >= LEAST_ENDED else None, {})


JOBS_FAILED = Indicator(
    "jobs_failed",
    "Jobs failed",
    "作业失败率",
    "%",
    Law.RATIO,
    "Failed jobs over those that failed or succeeded in the time covered; canceled ones are left "
    f"out, and of fewer than {LEAST_ENDED} jobs nothing is told.",
    _jobs_failed,
    IndicatorKind.JOBS,
    metrics=("jobs_ended",),
)

ONLY_WATCHED = (CLAIMS_FAR, CLAIM_OFF, JOBS_FAILED)
WATCHED: Mapping[str, Indicator] = {i.name: i for i in (*INDICATORS, *ONLY_WATCHED)}
"""Everything that a rule may name."""


def sorts_of(indicator: Indicator) -> tuple[Each, ...]:
    """Of what an indicator can be read, one by one."""
    if indicator.kind is IndicatorKind.JOBS or indicator.name == "jobs":
        return (Each.DOMAIN,)
    if any(metric.startswith("link_") for metric in indicator.metrics):
        return Each.DOMAIN, Each.LINK
    if indicator.metrics:
        return Each.DOMAIN, Each.SITE, Each.CLUSTER, Each.POOL, Each.SOURCE
    return Each.DOMAIN, Each.SITE, Each.CLUSTER, Each.POOL


def has_past(indicator: Indicator, each: Each) -> bool:
    """Whether what an indicator was is known of such subjects."""
    if indicator.metrics:
        return True
    return indicator not in ONLY_WATCHED and (each is Each.DOMAIN or indicator.name not in UNNOTED)


@lru_cache(maxsize=65536)
def place_of(subject: str, each: Each) -> str | None:
    """The identifier of what a series' subject lies in, of the sort asked for; None if in none."""
    if each is Each.LINK or each is Each.SOURCE:
        return subject if (">" in subject) == (each is Each.LINK) else None
    if ">" in subject or each is Each.DOMAIN:
        return None
    found = parse(subject.partition("/")[0])
    chain = (*found.ancestors, found.text)
    letter = _LETTERS[each]
    for text, segment in zip(chain[1:], found.segments[1:], strict=True):
        if segment[0] == letter:
            return text
    return None
