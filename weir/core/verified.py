"""What a pool claims beside what was found: performance, devices, cores, memory and storage.

Two judgments, of which the first is coarse and needs nothing but the pool itself:

- *Plausible* (`Verified.far`): a product of large matrices reaches 60 to 90 % of the dense peak on
  a healthy device: the peak counts every multiplier in every cycle at the highest clock. Below
  LEAST the pool is not what it is said to be (another model, a power limit, a shared or a sick
  device); above MOST the figure or the model is wrong. Of 8-bit integers libraries reach less.
- *Off* (`Comparison.off`): by what share a claim differs from what was found, where the two are
  comparable. What is there in numbers may be more than what is claimed (a part of it is offered, a
  core has two threads), and never less. A device does what others of its model do, by the same
  measurement; and no less than what is known to be attained on that model.

Laws:
- What nobody has found is compared with nothing. Emulated pools claim nothing of this machine.
- Peers are pools of one model measured at one precision, by `weir agent verify`; fewer than PEERS
  of them say nothing of each other.
- A pool that exceeds what is known to be attained is no worse for it: that is what somebody has
  reached, with the library of that day. A pool that is faster than its peers is off: it is another
  model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median

from weir.core import devices
from weir.core.devices import Precision
from weir.core.inventory import Pool

LEAST, MOST = 0.5, 1.1
LEAST_OF = {Precision.INT8: 0.35}
"""torch 2.11 on a healthy H100 makes 0.48 of the peak in INT8, measured on 2026-11-22."""

PEERS = 3
"""So many measured pools of a model, the one looked at among them, have a median."""

FLAGPERF_A100 = "FlagOpen/FlagPerf base/benchmarks, nvidia/A100"

ATTAINED: Mapping[str, Mapping[Precision, tuple[float, str]]] = {
    "nvidia-a100-sxm4-40gb": {
        Precision.FP64: (0.913, FLAGPERF_A100),
        Precision.FP16: (0.806, FLAGPERF_A100),
    },
}
"""By model and precision: the share of the nominal peak that large products are known to reach, and
by whom. What a benchmark measured outright stands in the table of devices."""


@dataclass(frozen=True, slots=True)
class Verified:
    """One precision of one device: GFLOPS (GOPS for int8) measured and nominal (None: unknown)."""

    precision: Precision
    measured: int
    nominal: int | None

    @property
    def share(self) -> float | None:
        """Measured over nominal."""
        return None if not self.nominal else self.measured / self.nominal

    @property
    def far(self) -> bool:
        """Whether the two can't both be true of a healthy device."""
        least = LEAST_OF.get(self.precision, LEAST)
        return self.share is not None and not least <= self.share <= MOST


def verified(model: str | None, measured: Iterable[tuple[str, int]]) -> tuple[Verified, ...]:
    """Each measured precision of a device model beside its nominal figure, in the order given."""
    known = devices.find(model).nominal if model else {}
    found = []
    for name, value in measured:
        precision = Precision(name)
        figure = known.get(precision)
        found.append(Verified(precision, value, None if figure is None else figure.value))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One claim of a pool, what was found of it in the same unit, and by what share it is off."""

    what: str
    claimed: float
    found: float
    off: float


Peers = Mapping[tuple[str, str], float]
"""The median of what was measured, by device model and precision, in GFLOPS (GOPS for int8)."""

SEEN = ("devices_seen", "devices_health", "device_memory_total", "cpu_seen", "memory_seen",
        "storage_total")  # fmt: skip
"""The metrics of a pool that its claims are compared with."""


def peers_of(pools: Iterable[Pool]) -> Peers:
    """What pools of each model do, where enough of them were measured; each pool counts once."""
    figures: dict[tuple[str, str], list[int]] = {}
    for pool in {p.id: p for p in pools if p.device_model and not p.emulated}.values():
        for precision, value in pool.measured_gflops:
            figures.setdefault((pool.device_model or "", precision), []).append(value)
    return {key: float(median(found)) for key, found in figures.items() if len(found) >= PEERS}


def compared(pool: Pool, seen: Mapping[str, float], peers: Peers) -> tuple[Comparison, ...]:
    """Every claim of a pool that something can be said of.

    `seen` are the values of SEEN as probes told them of this pool: a device without a utilization
    is there all the same if its health is told.
    """
    if pool.emulated:
        return ()
    there = {**seen, "devices": max(seen.get("devices_seen", 0), seen.get("devices_health", 0))}
    model = devices.find(pool.device_model) if pool.device_model else None
    device_bytes = model.memory_bytes.value if model and model.memory_bytes else 0
    claims = (
        ("devices", pool.devices, "devices"),
        ("device_memory", pool.devices * device_bytes, "device_memory_total"),
        ("cores", pool.hosts * pool.shape.cpu_milli / 1000, "cpu_seen"),
        ("memory", pool.hosts * pool.shape.memory_bytes, "memory_seen"),
        ("storage", pool.hosts * pool.shape.storage_bytes, "storage_total"),
    )
    found = [
        Comparison(what, claimed, there[metric], max(0.0, 1 - there[metric] / claimed))
        for what, claimed, metric in claims
        if claimed and there.get(metric)
    ]
    for precision, value in pool.measured_gflops:
        found += _by_attained(pool.device_model, precision, value)
        usual = peers.get((pool.device_model or "", precision))
        if usual:
            found.append(Comparison(precision, usual, value, abs(value / usual - 1)))
    return tuple(found)


def _by_attained(model: str | None, precision: str, measured: int) -> list[Comparison]:
    expected = attained_gflops(model, Precision(precision))
    if not expected:
        return []
    return [Comparison(precision, expected, measured, max(0.0, 1 - measured / expected))]


def attained_gflops(model: str | None, precision: Precision) -> float | None:
    """What a device of a model is known to reach, in GFLOPS (GOPS for int8); None if unknown."""
    if not model:
        return None
    found = devices.find(model)
    if (figure := found.measured.get(precision)) is not None:
        return float(figure.value)
    share, _ = ATTAINED.get(found.name, {}).get(precision, (None, ""))
    peak = found.nominal.get(precision)
    return None if share is None or peak is None else share * peak.value
