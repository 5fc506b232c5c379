"""What samples measure: one table of base quantities, each with its unit, kind and bounds.

Indicators (`weir.core.indicators`) are computed from these. A probe converts what its source says
to the unit here, and leaves out what the source doesn't know.

Kinds:
- GAUGE: how much there is now; over a bucket of time its value is the mean of the samples.
- DELTA: how much was added since the last sample; over a bucket its value is their sum.

A value outside the bounds is no measurement: it is refused, with the metric's name and the bound.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from weir.core.series import Bucket


class MetricKind(StrEnum):
    """How samples of a metric become the value of a bucket."""

    GAUGE = "gauge"
    DELTA = "delta"


@dataclass(frozen=True, slots=True)
class Metric:
    """A base quantity. `most` and `least` bound a single subject's value; `parts` says what of."""

    name: str
    unit: str
    what: str
    most: float
    least: float = 0.0
    kind: MetricKind = MetricKind.GAUGE
    parts: str = ""

    def value(self, bucket: Bucket) -> float:
        """The metric's value over a bucket."""
        return bucket.total if self.kind is MetricKind.DELTA else bucket.mean


DEVICES, CORES, BYTES, WATTS, SECONDS = 1e7, 1e9, 1e22, 1e11, 1e6
"""More than any one subject can have: ten million devices, 100 GW ..."""

COLDEST, HOTTEST = -100.0, 150.0
"""What works has no other temperature, in degrees Celsius: what says so tells kelvins, or none."""

_TABLE: tuple[Metric, ...] = (
    # What accelerators do, by their exporters.
    Metric("devices_seen", "1", "Accelerators whose utilization is known.", DEVICES),
    Metric("devices_busy", "1", "Their utilization, summed: 0.5 is one device half busy.", DEVICES),
    Metric("devices_health", "1", "Accelerators by health.", DEVICES, parts="health"),
    Metric("device_memory_total", "bytes", "Memory of accelerators that tell its use.", BYTES),
    Metric("device_memory_used", "bytes", "Memory in use on them.", BYTES),
    Metric("device_power", "W", "What accelerators draw.", WATTS),
    Metric("device_temperature", "Cel", "The hottest accelerator.", HOTTEST, COLDEST),
    # What hosts do.
    Metric("host_temperature", "Cel", "The hottest sensor of any host.", HOTTEST, COLDEST),
    Metric("rack_temperature", "Cel", "The hottest sensor of any rack.", HOTTEST, COLDEST),
    Metric("intake_temperature", "Cel", "The warmest air taken in.", HOTTEST, COLDEST),
    Metric("cpu_seen", "cores", "Cores of hosts that tell their use.", CORES),
    Metric("cpu_busy", "cores", "Cores of them that compute.", CORES),
    Metric("memory_seen", "bytes", "Memory of hosts that tell its use.", BYTES),
    Metric("memory_used", "bytes", "Memory in use on them.", BYTES),
    Metric("storage_total", "bytes", "Capacity of file systems and stores.", BYTES),
    Metric("storage_used", "bytes", "Of it in use.", BYTES),
    Metric("network_received", "bytes/s", "Received over all ports.", 1e15),
    Metric("network_sent", "bytes/s", "Sent over all ports.", 1e15),
    Metric("network_ports", "1", "Ports that are up.", 1e8, parts="Gbit/s"),
    # What the resource manager says.
    Metric("device_milli_total", "1/1000", "Milli-devices of the pools.", DEVICES * 1000),
    Metric("device_milli_held", "1/1000", "Milli-devices that runs hold.", DEVICES * 1000),
    Metric("cpu_milli_total", "1/1000", "Milli-cores of the pools.", CORES * 1000),
    Metric("cpu_milli_held", "1/1000", "Milli-cores that runs hold.", CORES * 1000),
    Metric("hosts_total", "1", "Hosts of the pools.", DEVICES),
    Metric("hosts_idle", "1", "Hosts on which nothing is held.", DEVICES),
    # The building.
    Metric("racks_total", "1", "Racks that can be used.", 1e7),
    Metric("racks_used", "1", "Racks in use.", 1e7),
    Metric("rack_power_capacity", "W", "IT power that the racks are made for.", WATTS),
    Metric("it_power", "W", "What IT equipment draws.", WATTS),
    Metric("facility_power", "W", "What the whole facility draws.", WATTS),
    Metric("green_power", "W", "Of it from renewable sources.", WATTS),
    Metric("water_use", "L/h", "Water used.", 1e9),
    Metric("carbon_emission", "g/h", "CO2 equivalent emitted for its energy.", 1e12),
    # Between domains and sites; the subject is FROM>TO.
    Metric("link_rtt", "s", "Round trip of a small call.", SECONDS),
    Metric("link_jitter", "s", "Mean change from one round trip to the next.", SECONDS),
    Metric("link_sent", "1", "Tries of a small call.", 1e6, kind=MetricKind.DELTA),
    Metric("link_lost", "1", "Of them without an answer.", 1e6, kind=MetricKind.DELTA),
    Metric("link_certificate", "1", "Of a TLS certificate's lifetime, what has passed.", 1e6),
    Metric("link_bandwidth", "bit/s", "What a transfer achieved.", 1e15),
    # Whether sources are there.
    Metric("site_seconds", "s", "Time of the site.", 1e5, kind=MetricKind.DELTA),
    Metric("site_up_seconds", "s", "Of it in touch.", 1e5, kind=MetricKind.DELTA),
    Metric("site_downtime_seconds", "s", "Of it declared as down.", 1e5, kind=MetricKind.DELTA),
    Metric("probe_up", "1", "Sources that answered.", 1, parts="probe"),
    Metric("probe_tried", "1", "Sources that were asked.", 1, parts="probe"),
    Metric("probe_left_out", "1", "Values of a source not taken.", 1e12, parts="probe"),
    Metric("probe_age", "s", "How old its newest answer is.", 1e9, parts="probe"),
    # What a domain knows of the jobs submitted there.
    Metric("jobs_now", "1", "Jobs that have not ended, by state.", 1e9, parts="state"),
    Metric("jobs_ended", "1", "Ended jobs, by state.", 1e9, kind=MetricKind.DELTA, parts="state"),
    Metric("job_waits", "1", "Started jobs by wait.", 1e9, kind=MetricKind.DELTA, parts="bin of s"),
    Metric(
        "job_start_delays",
        "1",
        "Started jobs by time from their place.",
        1e9,
        kind=MetricKind.DELTA,
        parts="bin of s",
    ),
    Metric("demand_devices", "1", "Accelerators that waiting jobs ask for.", 1e12),
)

METRICS: Mapping[str, Metric] = {m.name: m for m in _TABLE}

SKETCHED = frozenset({"job_waits", "job_start_delays"})
"""Metrics whose parts are bins of a sketch (`core.sketch`)."""

OF_ONE_COUNT = frozenset({"devices_health", "jobs_now", "network_ports"})
"""Metrics whose parts are told together: what is not told beside others is 0."""

PART = re.compile(r"[A-Za-z0-9_.:+/-]{0,63}")
BIN = re.compile(r"-?[0-9]{1,6}")
HEALTHS = ("healthy", "unhealthy", "unknown")


def refusal(metric: str, part: str) -> str | None:
    """Why a series of this name can't be taken; None if it can."""
    found = METRICS.get(metric)
    if found is None:
        return f"no metric is called {metric[:63]!r}"
    if PART.fullmatch(part) is None or (part and not found.parts):
        return f"{metric} has no part {part[:63]!r}"
    if metric == "devices_health" and part not in HEALTHS:
        return f"a health is one of {', '.join(HEALTHS)}, not {part!r}"
    if metric in SKETCHED and BIN.fullmatch(part) is None:
        return f"a bin of {metric} is a whole number, not {part!r}"
    return None


def out_of_bounds(metric: Metric, bucket: Bucket) -> str | None:
    """Why a bucket is no measurement of a metric; None if it may be one."""
    if not all(map(math.isfinite, (bucket.total, bucket.least, bucket.most, bucket.last))):
        return f"{metric.name} is not a finite number"
    if bucket.n < 1 or not metric.least <= bucket.least <= bucket.most <= metric.most:
        return (
            f"{metric.name} must lie in {metric.least:g}..{metric.most:g} {metric.unit}; "
            f"it says {bucket.least:g}..{bucket.most:g}"
        )
    slack = 1e-9 * max(abs(bucket.most), abs(bucket.least)) * bucket.n
    if not bucket.n * bucket.least - slack <= bucket.total <= bucket.n * bucket.most + slack:
        return f"{metric.name} has a sum that its least and most don't allow"
    return None
