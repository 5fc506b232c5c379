"""What the exporters of MetaX, Iluvatar, Hygon and Enflame say of their devices, as PromQL.

Names and units, as the makers or who runs them document them:
- mx-exporter (MetaX): `mx_gpu_usage` in percent; `mx_memory_*` of the type vram in KB of 2^10
  bytes; `mx_gpu_state` 1 (available) and 0, as its list of counters says. Its power is not taken:
  whether a board tells one figure or one for each of its feeds is not documented.
- ix-exporter (Iluvatar): `ix_gpu_utilization` in percent, memory in MiB, as its HELP lines say;
  power in W, whose unit its HELP leaves out and its examples show.
- dcu-exporter (Hygon): `dcu_utilizationrate` in percent, memory in bytes, power in W. It tells no
  health.
- gcu-exporter (Enflame): `enflame_gcu_usage` in percent, memory in bytes, `power_consumption` in W
  (`power_usage` is a share); -1 is not supported; health 2, 1 and 0, which is unknown.

A device counts once, however many pods share it. Of Kunlunxin's and Moore Threads' exporters no
list of names and units was found: give `queries` of your own.
"""

from __future__ import annotations

from collections.abc import Mapping

Line = tuple[str, str, str]

_BY = {
    "mx": "by (instance, Hostname, deviceId, uuid)",
    "ix": "by (instance, node_name, gpu, uuid)",
    "dcu": "by (instance, Hostname, device_id, minor_number)",
    "enflame": "by (instance, host, minor_number, uuid)",
}


def _each(series: str, bounds: str, matching: str = "$S") -> str:
    """One value a device, within bounds."""
    return f"(max {_BY[series.partition('_')[0]]} ({series}{{{matching}}} {bounds}))"


def _busy(series: str) -> tuple[Line, Line]:
    """How many devices tell their utilization in percent, and its sum in devices."""
    told = _each(series, ">= 0 <= 100")
    return ("devices_seen", "", f"count({told})"), ("devices_busy", "", f"sum({told}) / 100")


def _memory(used: str, total: str, unit: int, matching: str = "$S") -> tuple[Line, Line]:
    most = f">= 0 < {10**14 // unit}"  # 100 TB a device: of another unit it is unknown
    scale = f" * {unit}" if unit > 1 else ""
    return (
        ("device_memory_used", "", f"sum({_each(used, most, matching)}){scale}"),
        ("device_memory_total", "", f"sum({_each(total, most, matching)}){scale}"),
    )


def _power(series: str) -> Line:
    return ("device_power", "", f"sum({_each(series, '>= 0 < 1e5')})")


def _hottest(series: str) -> Line:
    return ("device_temperature", "", f"max({series}{{$S}} > -100 < 150)")


def _health(series: str, most: int, **values: int) -> tuple[Line, ...]:
    """How many devices say each health; none is a 0 where any says one."""
    any_of_them = f"count({_each(series, f'>= 0 <= {most}')}) * 0"
    return tuple(
        ("devices_health", part, f"count({_each(series, f'== {value}')}) or {any_of_them}")
        for part, value in values.items()
    )


VRAM = 'type="vram",$S'

MAKERS: Mapping[str, tuple[Line, ...]] = {
    "metax": (
        *_busy("mx_gpu_usage"),
        *_memory("mx_memory_used", "mx_memory_total", 2**10, VRAM),
        _hottest("mx_chip_hotspot_temp"),
        *_health("mx_gpu_state", 1, healthy=1, unhealthy=0),
    ),
    "iluvatar": (
        *_busy("ix_gpu_utilization"),
        *_memory("ix_mem_used", "ix_mem_total", 2**20),
        _power("ix_power_usage"),
        _hottest("ix_temperature"),
    ),
    "hygon": (
        *_busy("dcu_utilizationrate"),
        *_memory("dcu_usedmemory_bytes", "dcu_memorycap_bytes", 1),
        _power("dcu_power_usage"),
        _hottest("dcu_temp"),
    ),
    "enflame": (
        *_busy("enflame_gcu_usage"),
        *_memory("enflame_gcu_memory_used_bytes", "enflame_gcu_memory_total_bytes", 1),
        _power("enflame_gcu_power_consumption"),
        _hottest("enflame_gcu_temperatures"),
        *_health("enflame_gcu_health", 2, healthy=2, unhealthy=1, unknown=0),
    ),
}
