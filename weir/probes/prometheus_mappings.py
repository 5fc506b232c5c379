"""What exporters call things, and in which units, as PromQL that gives Weir's metrics.

Each line is (metric, part, expression). `$S` stands for the label matchers of the pool's exporters,
`$W` for the time over which rates are taken. Sums are made where the data is: few numbers travel.

Units and sentinels, as the exporters have them:
- DCGM: `weir.probes.prometheus_dcgm`; node-exporter and Kepler: `weir.probes.prometheus_hosts`;
  MetaX, Iluvatar, Hygon and Enflame: `weir.probes.prometheus_makers`.
- npu-exporter: percent; memory in "MB" of 2^20 bytes (a 64 GB device has 65536); health 1, 0 and
  -1, which is unknown.
- mlu-exporter: percent; memory in bytes; health 1 and 0.
- device-metrics-exporter: percent; memory in "MB" of 2^20 bytes; power in W by `gpu_power_usage`,
  before it by the package's (MI300) or its average (MI200), or by the energy in uJ; the MI200 tells
  its edge's temperature, others that of the junction.
A comparison leaves out what is outside, and every NaN: no blank value becomes a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

from weir.probes.prometheus_dcgm import DCGM
from weir.probes.prometheus_hosts import KEPLER, NODE, NODE_SHARED
from weir.probes.prometheus_makers import MAKERS

MIB = str(2**20)

Line = tuple[str, str, str]


def _util(metric: str, most: int = 100) -> tuple[str, str]:
    """How many devices tell their utilization, and its sum in devices."""
    good = f"({metric}{{$S}} >= 0 <= {most})"
    return f"count({good})", f"sum({good}) / {most}"


_NPU, _MLU, _AMD = (
    _util("npu_chip_info_utilization"),
    _util("mlu_utilization"),
    _util("gpu_gfx_activity"),
)


def _health(of: str, **values: int) -> tuple[Line, ...]:
    """How many devices say each health; none is a 0 where any says one."""
    return tuple(
        ("devices_health", part, f"count({of}{{$S}} == {value}) or count({of}{{$S}} <= 1) * 0")
        for part, value in values.items()
    )


_PACKAGE = (
    "(gpu_power_usage{$S} >= 0 < 1e5)",
    "(gpu_package_power{$S} >= 0 < 1e5)",
    "(gpu_average_package_power{$S} >= 0 < 1e5)",
    "(rate(gpu_energy_consumed{$S}[$W]) >= 0 < 1e11) / 1e6",
)
_AMD_POWER = " or ".join(
    f"max by (instance, hostname, serial_number, gpu_id) ({told})" for told in _PACKAGE
)
"""The power of each device by the first of these that it tells."""

# fmt: off
MAPPINGS: Mapping[str, tuple[Line, ...]] = {
    "dcgm": DCGM,
    "ascend": (
        ("devices_seen", "", _NPU[0]),
        ("devices_busy", "", _NPU[1]),
        ("device_memory_used", "",
         f"sum(npu_chip_info_hbm_used_memory{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_memory_total", "",
         f"sum(npu_chip_info_hbm_total_memory{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_power", "", "sum(npu_chip_info_power{$S} >= 0 < 1e5)"),
        ("device_temperature", "", "max(npu_chip_info_temperature{$S} > -100 < 150)"),
        *_health("npu_chip_info_health_status", healthy=1, unhealthy=0, unknown=-1),
    ),
    "cambricon": (
        ("devices_seen", "", _MLU[0]),
        ("devices_busy", "", _MLU[1]),
        ("device_memory_used", "", "sum(mlu_memory_used{$S} >= 0 < 1e14)"),
        ("device_memory_total", "", "sum(mlu_memory_total{$S} >= 0 < 1e14)"),
        ("device_power", "", "sum(mlu_power_usage{$S} >= 0 < 1e5)"),
        ("device_temperature", "", "max(mlu_temperature{$S} > -100 < 150)"),
        *_health("mlu_health", healthy=1, unhealthy=0),
    ),
    "amd": (
        ("devices_seen", "", _AMD[0]),
        ("devices_busy", "", _AMD[1]),
        ("device_memory_used", "", f"sum(gpu_used_vram{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_memory_total", "", f"sum(gpu_total_vram{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_power", "", f"sum({_AMD_POWER})"),
        ("device_temperature", "", "max(gpu_junction_temperature{$S} > -100 < 150)"
         " or max(gpu_edge_temperature{$S} > -100 < 150)"),
        *_health("gpu_health", healthy=1, unhealthy=0),
    ),
    "node": NODE,
    "node-shared": NODE_SHARED,
    "kepler": KEPLER,
    **MAKERS,
}
# fmt: on


def expression(template: str, matching: str, window_s: int) -> str:
    """An expression with the pool's label matchers and the time for rates put in."""
    filled = Template(template).safe_substitute(S=matching.strip().strip(","), W=f"{window_s}s")
    return filled.replace(",}", "}")
