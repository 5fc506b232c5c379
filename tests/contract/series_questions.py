"""Samples of a small network, and questions in PromQL about them, for every store of series.

Times that are looked at lie between minutes: whether a window's begin belongs to it is not the same
in every version of Prometheus.
"""

from __future__ import annotations

import random

from weir.core.series import Key
from weir.store.series_base import Minutes

BEGIN = 1_700_000_040
MINUTES = 90
AT = BEGIN + 80 * 60 + 27
"""A moment to ask of; a range is asked over the 60 minutes before it."""

SITES = {"CN.S1": ("CN.S1.C1.P1-A", "CN.S1.C1.P2-B"), "CN.S2": ("CN.S2.C1.P1-C", "CN.S2.C2.P1-D")}


def samples() -> Minutes:
    """Powers of pools and sites, health by part, a link's tries, a temperature below zero; with one
    series that ends, one that begins late, and one with a gap: NaN, where they are not known.
    """
    chance = random.Random(7)
    keys = [Key(pool, "it_power") for pools in SITES.values() for pool in pools]
    keys += [Key(f"{site}-X", "facility_power") for site in SITES]
    keys += [
        Key(pool, "devices_health", part)
        for pool in ("CN.S1.C1.P1-A", "CN.S2.C1.P1-C")
        for part in ("healthy", "unhealthy")
    ]
    keys += [Key("CN.S1.C1-E>CN-F", "link_sent"), Key("CN.S1.C1.P1-A", "intake_temperature")]
    rows: dict[int, list[float | None]] = {}
    for n in range(MINUTES):
        power = [round(1000 + 400 * p + chance.uniform(-300, 300), 3) for p in range(4)]
        told: list[float | None] = [*power, 4000.5 + n, 5100.25 - n]
        told += [64.0, 0.0, 63.0 - n % 3, float(n % 3)]
        told += [float(n % 4 + 3), round(-4 + n / 10, 2)]
        if n > 60:
            told[1] = None
        if n < 30:
            told[2] = None
        if 40 <= n < 50:
            told[3] = None
        rows[BEGIN + 60 * n] = told
    numbers = list(range(1, len(keys) + 1))
    columns = [(at, [float("nan") if v is None else v for v in told]) for at, told in rows.items()]
    return Minutes(numbers, dict(zip(numbers, keys, strict=True)), columns)


P, F, H = "weir_it_power", "weir_facility_power", "weir_devices_health"

QUESTIONS: tuple[str, ...] = (
    # selectors
    P,
    f'{P}{{site="CN.S1"}}',
    f'{P}{{subject=~".*P1.*",site!~"CN.S1|x"}}',
    '{__name__=~"weir_.*_power",site="CN.S2"}',
    f'{H}{{part!="healthy"}}',
    "weir_nothing",
    f"{P} offset 10m",
    f"{P} offset -5m",
    f"{P} @ {BEGIN + 600.5}",
    f"sum({P} @ end()) - sum({P} @ start())",
    # arithmetic and comparison with numbers
    f"{P} * 2 + 1",
    f"-{P} / 7",
    f"{P} % 300",
    f"{P} ^ 0.5",
    f"2 ^ 3 ^ 2 + 0 * sum({P})",
    f"{P} / 0",
    f"({P} - {P}) / 0",
    f"{P} > 1500",
    f"1500 < bool {P}",
    f"{P} == bool {P}",
    "1 + 2 > bool 2",
    "sum(weir_intake_temperature) atan2 3",
    # two vectors
    f"{F} - on(site) sum by (site) ({P})",
    f"{P} / on(site) group_left {F}",
    f'{P} * on(site) group_left(owner) label_replace({F}, "owner", "x", "", "")',
    f"{F} + on(site) group_right {P}",
    f"sum by (site) ({P}) / ignoring(subject) sum by (site) ({F})",
    f'{H}{{part="unhealthy"}} / ignoring(part) sum without(part) ({H})',
    f"{P} > on(subject) {P} offset 1m",
    f"{P} > on(subject) group_left {P} offset 1m",
    f"{P} >= bool {P} offset 1m",
    f"{P} and on(site) {F} > 5050",
    f"{P} unless on(subject) ({P} > 1400)",
    f"{P} > 1500 or {F}",
    f"sum({P}) or vector(0)",
    "sum(weir_nothing) or vector(0)",
    # aggregations
    f"sum({P})",
    f"sum by (site) ({P})",
    f"sum without (subject) ({P})",
    f"avg({P})",
    f"min by (site) ({P})",
    f"max({P})",
    f"count by (site) ({P})",
    f"group by (site) ({P})",
    f"stddev({P})",
    f"stdvar by (site) ({P})",
    f"quantile(0.9, {P})",
    f"quantile(0.25, {P})",
    f"topk(2, {P})",
    f"topk by (site) (1, {P})",
    f"bottomk(1, {P})",
    f'count_values("value", {H})',
    # functions of values
    f"abs({P} - 1500)",
    f"ceil({P})",
    f"floor({P})",
    f"round({P})",
    f"round({P}, 50)",
    f"sgn({P} - 1500)",
    f"sqrt({P})",
    f"exp({P} / 1000)",
    f"ln({P})",
    f"log2({P})",
    f"log10({P})",
    f"clamp({P}, 1200, 1500)",
    f"clamp_min({P}, 1500)",
    f"clamp_max({P}, 1500)",
    f"sin({P})",
    f"rad({P})",
    "sort(weir_facility_power)",
    "sort_desc(weir_facility_power)",
    f"scalar(sum({P})) + 1",
    f"scalar({P})",
    "vector(3)",
    "time()",
    "pi()",
    "hour() * 60 + minute()",
    "day_of_week(vector(1700000000))",
    "day_of_month() + 100 * month() + 10000 * year()",
    "days_in_month(vector(1709251200))",
    f"timestamp({P})",
    f"absent({P})",
    'absent(weir_nothing{site="CN.S9",part=~"a"})',
    f'label_replace({P}, "pool", "$2 of $1", "subject", "(.*)\\\\.(P.*)-.")',
    f'label_replace({P}, "site", "", "site", ".*1")',
    f'label_join({P}, "both", "/", "site", "subject")',
    # over time
    f"avg_over_time({P}[10m])",
    f"sum_over_time({P}[10m])",
    f"min_over_time({P}[10m])",
    f"max_over_time({P}[10m])",
    f"count_over_time({P}[15m])",
    f"last_over_time({P}[30m])",
    f"stddev_over_time({P}[10m])",
    f"stdvar_over_time({P}[10m])",
    f"quantile_over_time(0.5, {P}[10m])",
    f"present_over_time({P}[30m])",
    'absent_over_time(weir_it_power{subject="x"}[10m])',
    f"changes({H}[10m])",
    f"resets({H}[10m])",
    f"delta({P}[10m])",
    f"idelta({P}[10m])",
    f"deriv({P}[10m])",
    f"predict_linear({P}[30m], 3600)",
    "sum_over_time(weir_link_sent[10m]) / 600",
    f"avg_over_time({P}[10m] offset 20m)",
    # subqueries
    f"max_over_time(sum({P} offset 13s)[20m:5m])",
    f"avg_over_time(avg by (site) ({P} offset 13s)[30m:])",
    f"quantile_over_time(0.9, ({P} offset 13s / 1000)[20m:2m])",
    f"max_over_time(deriv({P}[5m] offset 13s)[20m:5m] offset 5m)",
)

WRONG: tuple[str, ...] = (
    "sum(",
    "",
    "a{b=1}",
    "1 == 2",
    "nonsense(1)",
    "rate(weir_it_power)",
    "{}",
    "weir_it_power[5m] + 1",
    "sum by (site) (1)",
)
"""What is no expression."""

UNMATCHED: tuple[str, ...] = (
    f"{P} * on(site) group_left(subject) {F}",
    f"{P} / on(site) {F}",
    f"{F} / on(site) {P}",
    f"{P} * on(site) group_left {P}",
    f'label_replace({P}, "subject", "", "", "") + 1',
    f'label_replace({P}, "no label", "", "", "")',
)
"""What can't be worked out: series that meet where none may."""
