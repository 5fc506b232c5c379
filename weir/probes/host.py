"""This machine, by psutil: what of its CPU and memory is in use, its disks, ports and traffic."""

from __future__ import annotations

import platform
import re
from collections import Counter

import psutil

from weir.probes.base import Look, Sample, known, pool
from weir.wire.probes import HostProbeSettings

VIRTUAL = re.compile(r"lo|veth|docker|br-|virbr|tun|tap|cni|flannel|cali|dummy|bond")
"""Interfaces that are no ports of the machine."""


class HostProbe:
    """One machine. The first look has no rates: there is nothing to compare with yet."""

    def __init__(self, settings: HostProbeSettings) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        own = "".join(c if c.isalnum() or c in "._:-" else "-" for c in platform.node()) or "host"
        self._place = pool(settings.pool) if settings.pool else f"host/{own[:63]}"
        self._disks = settings.disks
        self._traffic: tuple[float, int, int] | None = None
        psutil.cpu_percent(None)

    def look(self, now: float) -> Look:
        """CPU since the last look, memory, disks, ports and traffic."""
        samples = [*self._compute(), *self._storage(), *self._network(now)]
        return Look(samples)

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to let go of."""

    def _compute(self) -> list[Sample]:
        cores = psutil.cpu_count() or 0
        memory = psutil.virtual_memory()
        return [
            *known("cpu_seen", cores or None, self._place),
            *known("cpu_busy", cores * psutil.cpu_percent(None) / 100, self._place),
            *known("memory_seen", memory.total, self._place),
            *known("memory_used", memory.total - memory.available, self._place),
        ]

    def _storage(self) -> list[Sample]:
        total = used = 0
        for disk in self._disks:
            usage = psutil.disk_usage(disk)
            total, used = total + usage.total, used + usage.used
        if not self._disks:
            return []
        return [
            *known("storage_total", total, self._place),
            *known("storage_used", used, self._place),
        ]

    def _network(self, now: float) -> list[Sample]:
        counters = psutil.net_io_counters(pernic=True)
        real = {name: c for name, c in counters.items() if not VIRTUAL.match(name)}
        received = sum(c.bytes_recv for c in real.values())
        sent = sum(c.bytes_sent for c in real.values())
        before, self._traffic = self._traffic, (now, received, sent)
        samples = []
        # A counter that went back was reset: what passed meanwhile is unknown.
        if before is not None and now > before[0] and received >= before[1] and sent >= before[2]:
            seconds = now - before[0]
            samples += known("network_received", (received - before[1]) / seconds, self._place)
            samples += known("network_sent", (sent - before[2]) / seconds, self._place)
        stats = psutil.net_if_stats()
        speeds = Counter(
            s.speed for name, s in stats.items() if name in real and s.isup and s.speed > 0
        )
        for mbit, ports in sorted(speeds.items()):
            samples += known("network_ports", ports, self._place, f"{mbit / 1000:g}")
        return samples
