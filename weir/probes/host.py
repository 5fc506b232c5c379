"""This machine, by psutil: what of its CPU and memory is in use, its disks, ports and traffic.

Laws:
- What is told as a rate is of the time since the look before: the first look has none.
- Ports are hardware: what is built on top of them (bonds, VLANs, bridges, pairs, virtual functions)
  would count the same bytes again.
- Mount points of one file system count once. One that is not there leaves storage unknown: the
  others are not the whole.
"""

from __future__ import annotations

import os
import platform
import re
from collections import Counter
from pathlib import Path

import psutil

from weir.probes.base import Look, Sample, host, known, pool
from weir.wire.probes import HostProbeSettings

VIRTUAL = re.compile(
    r"(lo|veth|docker|br-|br\d|virbr|tun|tap|cni|flannel|cali|cilium|dummy|bond|team|vlan|vxlan|wg|ifb"
    r"|utun|awdl|llw|bridge|gif|stf|anpi)|.*[.@]"
)
"""Interfaces that are no ports, by their names: where the system does not say what is hardware."""

INTERFACES = Path("/sys/class/net")
"""Where Linux says it: hardware has a `device` there, and a virtual function a `physfn` below."""


class HostProbe:
    """One machine."""

    def __init__(self, settings: HostProbeSettings) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._place = pool(settings.pool) if settings.pool else host(platform.node())
        self._disks = settings.disks
        self._traffic: tuple[float, dict[str, tuple[int, int]]] | None = None
        self._times: tuple[float, float] | None = None

    def look(self, now: float) -> Look:
        """CPU since the last look, memory, disks, ports and traffic."""
        stored, said = self._storage()
        return Look([*self._compute(), *stored, *self._network(now)], said=said)

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to let go of."""

    def _compute(self) -> list[Sample]:
        cores = psutil.cpu_count() or 0
        memory = psutil.virtual_memory()
        return [
            *known("cpu_seen", cores or None, self._place),
            *known("cpu_busy", self._busy(cores), self._place),
            *known("memory_seen", memory.total, self._place),
            *known("memory_used", memory.total - memory.available, self._place),
        ]

    def _busy(self, cores: int) -> float | None:
        """Cores that computed since the look before; None at the first, and without time passed.

        psutil's own `cpu_percent` compares with what the calling thread saw last, and says 0.0
        where that was nothing.
        """
        times = psutil.cpu_times()
        # The time of guests is in that of users already.
        spent = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        idle = times.idle + getattr(times, "iowait", 0.0)
        before, self._times = self._times, (spent, idle)
        if before is None or spent <= before[0]:
            return None
        share = 1 - (idle - before[1]) / (spent - before[0])
        return cores * min(1.0, max(0.0, share))

    def _storage(self) -> tuple[list[Sample], list[str]]:
        total = used = 0
        seen = set()
        for disk in self._disks:
            try:
                of = os.stat(disk).st_dev
                usage = psutil.disk_usage(disk)
            except OSError as error:
                return [], [f"{disk} tells nothing of its storage: {error.strerror}"]
            if of not in seen:
                total, used = total + usage.total, used + usage.used
                seen.add(of)
        if not self._disks:
            return [], []
        stored = known("storage_total", total, self._place)
        return [*stored, *known("storage_used", used, self._place)], []

    def _network(self, now: float) -> list[Sample]:
        counters = psutil.net_io_counters(pernic=True)
        real = {n: (c.bytes_recv, c.bytes_sent) for n, c in counters.items() if is_port(n)}
        before, self._traffic = self._traffic, (now, real)
        samples = []
        if before is not None and (seconds := now - before[0]) > 0:
            # An interface whose counter went back was reset: what passed meanwhile is unknown.
            both = [(real[n], old) for n, old in before[1].items() if n in real]
            passed = [(new[0] - old[0], new[1] - old[1]) for new, old in both]
            if passed and all(received >= 0 and sent >= 0 for received, sent in passed):
                received, sent = (sum(amounts) / seconds for amounts in zip(*passed, strict=True))
                samples += known("network_received", received, self._place)
                samples += known("network_sent", sent, self._place)
        stats = psutil.net_if_stats()
        speeds = Counter(
            s.speed for name, s in stats.items() if name in real and s.isup and s.speed > 0
        )
        for mbit, ports in sorted(speeds.items()):
            samples += known("network_ports", ports, self._place, f"{mbit / 1000:g}")
        return samples


def is_port(name: str) -> bool:
    """Whether an interface is a port of the machine."""
    if INTERFACES.is_dir():
        device = INTERFACES / name / "device"
        return device.exists() and not (device / "physfn").exists()
    return VIRTUAL.match(name) is None
