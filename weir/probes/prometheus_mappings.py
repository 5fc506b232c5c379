"""What exporters call things, and in which units, as PromQL that gives Weir's metrics.

Each line is (metric, part, expression). `$S` stands for the label matchers of the pool's exporters,
`$W` for the time over which rates are taken. Sums are made where the data is: few numbers travel.

Units and sentinels, as the exporters have them:
- DCGM: utilization in percent, PROF_GR_ENGINE_ACTIVE as a ratio (and the only one under MIG);
  memory in MiB; 9223372036854775794 and the like stand for "blank".
- npu-exporter: percent; memory in "MB" of 2^20 bytes (a 64 GB device has 65536); health 1, 0 and
  -1, which is unknown.
- mlu-exporter: percent; memory in bytes; health 1 and 0.
- device-metrics-exporter: percent; memory in "MB" of 2^20 bytes; power of the package in W.
A comparison leaves out what is outside, and every NaN: no blank value becomes a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from string import Template

MIB = str(2**20)

Line = tuple[str, str, str]


def _util(metric: str, most: int = 100) -> tuple[str, str]:
    """How many devices tell their utilization, and its sum in devices."""
    good = f"({metric}{{$S}} >= 0 <= {most})"
    return f"count({good})", f"sum({good}) / {most}"


_DCGM_RATIO = _util("DCGM_FI_PROF_GR_ENGINE_ACTIVE", 1)
_DCGM_PERCENT = _util("DCGM_FI_DEV_GPU_UTIL")
_FB = "({0}{{$S}} >= 0 < 1e8)"
_USED, _FREE = _FB.format("DCGM_FI_DEV_FB_USED"), _FB.format("DCGM_FI_DEV_FB_FREE")
_NPU, _MLU, _AMD = (
    _util("npu_chip_info_utilization"),
    _util("mlu_utilization"),
    _util("gpu_gfx_activity"),
)
_DISK = 'fstype!~"tmpfs|devtmpfs|overlay|squashfs|ramfs|iso9660"'
_PORT = 'device!~"lo|veth.*|docker.*|br.*|cni.*|cali.*|flannel.*|virbr.*"'

# fmt: off
MAPPINGS: Mapping[str, tuple[Line, ...]] = {
    "dcgm": (
        ("devices_seen", "", f"{_DCGM_RATIO[0]} or {_DCGM_PERCENT[0]}"),
        ("devices_busy", "", f"{_DCGM_RATIO[1]} or {_DCGM_PERCENT[1]}"),
        ("device_memory_used", "", f"sum({_USED}) * {MIB}"),
        ("device_memory_total", "", f"(sum({_USED}) + sum({_FREE})) * {MIB}"),
        ("device_power", "", "sum(DCGM_FI_DEV_POWER_USAGE{$S} >= 0 < 1e5) or "
         "sum(rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{$S}[$W]) >= 0 < 1e8) / 1000"),
        ("device_temperature", "", "max(DCGM_FI_DEV_GPU_TEMP{$S} > -100 < 150)"),
        ("devices_health", "healthy", "count(DCGM_FI_DEV_XID_ERRORS{$S} == 0)"),
        ("devices_health", "unhealthy", "count(DCGM_FI_DEV_XID_ERRORS{$S} > 0 < 1e6)"),
    ),
    "ascend": (
        ("devices_seen", "", _NPU[0]),
        ("devices_busy", "", _NPU[1]),
        ("device_memory_used", "",
         f"sum(npu_chip_info_hbm_used_memory{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_memory_total", "",
         f"sum(npu_chip_info_hbm_total_memory{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_power", "", "sum(npu_chip_info_power{$S} >= 0 < 1e5)"),
        ("device_temperature", "", "max(npu_chip_info_temperature{$S} > -100 < 150)"),
        ("devices_health", "healthy", "count(npu_chip_info_health_status{$S} == 1)"),
        ("devices_health", "unhealthy", "count(npu_chip_info_health_status{$S} == 0)"),
        ("devices_health", "unknown", "count(npu_chip_info_health_status{$S} == -1)"),
    ),
    "cambricon": (
        ("devices_seen", "", _MLU[0]),
        ("devices_busy", "", _MLU[1]),
        ("device_memory_used", "", "sum(mlu_memory_used{$S} >= 0 < 1e14)"),
        ("device_memory_total", "", "sum(mlu_memory_total{$S} >= 0 < 1e14)"),
        ("device_power", "", "sum(mlu_power_usage{$S} >= 0 < 1e5)"),
        ("device_temperature", "", "max(mlu_temperature{$S} > -100 < 150)"),
        ("devices_health", "healthy", "count(mlu_health{$S} == 1)"),
        ("devices_health", "unhealthy", "count(mlu_health{$S} == 0)"),
    ),
    "amd": (
        ("devices_seen", "", _AMD[0]),
        ("devices_busy", "", _AMD[1]),
        ("device_memory_used", "", f"sum(gpu_used_vram{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_memory_total", "", f"sum(gpu_total_vram{{$S}} >= 0 < 1e8) * {MIB}"),
        ("device_power", "", "sum(gpu_package_power{$S} >= 0 < 1e5) or "
         "sum(gpu_average_package_power{$S} >= 0 < 1e5) or "
         "sum(rate(gpu_energy_consumed{$S}[$W]) >= 0 < 1e11) / 1e6"),
        ("device_temperature", "", "max(gpu_junction_temperature{$S} > -100 < 150)"),
        ("devices_health", "healthy", "count(gpu_health{$S} == 1)"),
        ("devices_health", "unhealthy", "count(gpu_health{$S} == 0)"),
    ),
    "node": (
        ("cpu_seen", "", 'count(node_cpu_seconds_total{mode="idle",$S})'),
        ("cpu_busy", "",
         'sum(clamp_min(1 - rate(node_cpu_seconds_total{mode="idle",$S}[$W]), 0))'),
        ("memory_seen", "", "sum(node_memory_MemTotal_bytes{$S} >= 0)"),
        ("memory_used", "",
         "sum(node_memory_MemTotal_bytes{$S} - node_memory_MemAvailable_bytes{$S})"),
        ("storage_total", "", f"sum(node_filesystem_size_bytes{{{_DISK},$S}} >= 0)"),
        ("storage_used", "", f"sum(node_filesystem_size_bytes{{{_DISK},$S}} - "
         f"node_filesystem_free_bytes{{{_DISK},$S}})"),
        ("network_received", "", f"sum(rate(node_network_receive_bytes_total{{{_PORT},$S}}[$W]))"),
        ("network_sent", "", f"sum(rate(node_network_transmit_bytes_total{{{_PORT},$S}}[$W]))"),
        ("network_ports", "gbps",
         f'count_values("gbps", node_network_speed_bytes{{{_PORT},$S}} * 8 / 1e9 > 0)'),
    ),
    "kepler": (
        ("it_power", "", "sum(rate(kepler_node_platform_joules_total{$S}[$W]))"),
    ),
}
# fmt: on


def expression(template: str, matching: str, window_s: int) -> str:
    """An expression with the pool's label matchers and the time for rates put in."""
    filled = Template(template).safe_substitute(S=matching.strip().strip(","), W=f"{window_s}s")
    return filled.replace(",}", "}")
