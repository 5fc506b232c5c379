"""What NVIDIA's DCGM exporter says of GPUs, as PromQL, counted by GPU.

What the exporter does, and what is made of it:
- Under MIG most series stand once for each instance (`GPU_I_ID`), with the same value where the
  whole GPU has only one; pods that share a GPU double it too. Everything is taken by GPU (`UUID`)
  first: the largest where all say the same, the sum over instances where each says its own.
- `DCGM_FI_DEV_GPU_UTIL` (percent) is blank under MIG, `DCGM_FI_PROF_GR_ENGINE_ACTIVE` (a ratio) is
  not on every GPU: the second counts where a GPU has it, the first where it has not. An instance's
  ratio is of its own slices, so it counts by these: 7 of a GPU, 4 of an A30 or RTX PRO.
- `DCGM_FI_DEV_XID_ERRORS` is the number of the last Xid and stays until the exporter starts again
  (dcgm-exporter #500). Most are faults of a program. Only those in HARDWARE are the GPU's, and only
  while they are news: a GPU is unhealthy for RECENT after one came, longer if it was Xid 79 (fallen
  off the bus) and its temperature is still not told. Rows that can't be remapped are a fault for as
  long as they last. `DCGM_EXP_XID_ERRORS_COUNT`, where it is exported, tells those that were not
  the last.
- 9223372036854775794 and the like stand for "blank"; a comparison leaves out what is outside.
"""

from __future__ import annotations

MIB = str(2**20)
RECENT = "1d"

HARDWARE = (48, 62, 63, 64, 74, 79, 92, 94, 95, 119, 120, 140, 143)
"""Xids that a program can't cause, from NVIDIA's catalog of Xid errors: memory (48, 63, 64, 92, 94,
95, 140), the controllers in the GPU (62, 119, 120), NVLink (74), the bus (79), its start (143)."""

GPU = "by (UUID, Hostname, hostname, gpu)"
"""The host's label is `hostname` from 4.8.3 on, and was `Hostname` before."""

OFF_THE_BUS = 79

Line = tuple[str, str, str]


def _by_gpu(series: str, bounds: str, matching: str = "$S", at: str = "") -> str:
    return f"max {GPU} ({series}{{{matching}}}{at} {bounds})"


def _over_instances(series: str, bounds: str) -> str:
    """What a GPU says of itself, or else what its instances say of theirs, added up."""
    each = (
        f'max by (UUID, Hostname, hostname, gpu, GPU_I_ID) ({series}{{GPU_I_ID!="",$S}} {bounds})'
    )
    return f"({_by_gpu(series, bounds, WHOLE)} or sum {GPU} ({each}))"


def _of_slices() -> str:
    """How busy a GPU is by its instances, each weighted by its slices."""
    few = "modelName{}~'.*(A30|RTX PRO).*'"
    parts = [
        f'(max by (UUID, Hostname, hostname, gpu, GPU_I_ID) ({ACTIVE}{{GPU_I_PROFILE=~"{n}g[.].*",'
        f"{few.format(sign)},$S}} >= 0 <= 1) * {n} / {slices})"
        for sign, slices, sizes in (("!", 7, (1, 2, 3, 4, 7)), ("=", 4, (1, 2, 4)))
        for n in sizes
    ]
    return f"clamp_max(sum {GPU} ({' or '.join(parts)}), 1)"


ACTIVE = "DCGM_FI_PROF_GR_ENGINE_ACTIVE"
WHOLE = 'GPU_I_ID="",$S'

_BUSY = (
    f"({_by_gpu(ACTIVE, '>= 0 <= 1', WHOLE)} or {_of_slices()}"
    f" or {_by_gpu('DCGM_FI_DEV_GPU_UTIL', '>= 0 <= 100')} / 100)"
)
_USED = _over_instances("DCGM_FI_DEV_FB_USED", ">= 0 < 1e8")
_FREE = _over_instances("DCGM_FI_DEV_FB_FREE", ">= 0 < 1e8")
_POWER = (
    f"({_by_gpu('DCGM_FI_DEV_POWER_USAGE', '>= 0 < 1e5')} or max {GPU}"
    " (rate(DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION{$S}[$W]) >= 0 < 1e8) / 1000)"
)

# -- health ----------------------------------------------------------------------------------------

_XID = "DCGM_FI_DEV_XID_ERRORS"
_FAULTS = " or ".join(f"({_by_gpu(_XID, f'== {n}')})" for n in HARDWARE)
_BEFORE = _by_gpu(_XID, ">= 0", at=f" offset {RECENT}")
_NEWS = f"(({_FAULTS}) unless (({_FAULTS}) == {_BEFORE}))"
_LOST = (
    f"({_by_gpu(_XID, f'== {OFF_THE_BUS}')}"
    f" unless {_by_gpu('DCGM_FI_DEV_GPU_TEMP', '> -100 < 150')})"
)
_ROWS = _by_gpu("DCGM_FI_DEV_ROW_REMAP_FAILURE", "> 0 <= 1")
_COUNTED = (
    f"max {GPU} (max_over_time(DCGM_EXP_XID_ERRORS_COUNT"
    f'{{xid=~"{"|".join(map(str, HARDWARE))}",$S}}[{RECENT}]) > 0)'
)
_UNHEALTHY = f"({_NEWS} or {_LOST} or {_ROWS} or {_COUNTED})"
_TOLD = (
    f"({_by_gpu(_XID, '>= 0 < 1e6')}"
    f" or {_by_gpu('DCGM_FI_DEV_ROW_REMAP_FAILURE', '>= 0 <= 1')} or {_COUNTED})"
)

# fmt: off
DCGM: tuple[Line, ...] = (
    ("devices_seen", "", f"count({_BUSY})"),
    ("devices_busy", "", f"sum({_BUSY})"),
    ("device_memory_used", "", f"sum({_USED}) * {MIB}"),
    ("device_memory_total", "", f"(sum({_USED}) + sum({_FREE})) * {MIB}"),
    ("device_power", "", f"sum({_POWER})"),
    ("device_temperature", "", "max(DCGM_FI_DEV_GPU_TEMP{$S} > -100 < 150)"),
    ("devices_health", "healthy", f"count({_TOLD} unless {_UNHEALTHY}) or count({_TOLD}) * 0"),
    ("devices_health", "unhealthy", f"count({_UNHEALTHY}) or count({_TOLD}) * 0"),
)
# fmt: on
