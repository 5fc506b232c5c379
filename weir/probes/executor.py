"""What the resource manager says is held, by pool: everybody's work, not only this network's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from weir.core.inventory import DEVICE_MILLI
from weir.probes.base import Look, Sample, known, pool
from weir.wire.pools import PoolReport
from weir.wire.probes import ExecutorProbeSettings


class ExecutorProbe:
    """The pools of the agent's executor, as they are with nothing left out."""

    def __init__(
        self, settings: ExecutorProbeSettings, pools: Callable[[], Sequence[PoolReport]]
    ) -> None:
        self.name, self.interval_s = settings.name, settings.interval_s
        self._pools = pools

    def look(self, now: float) -> Look:
        """Capacity and what is held of it."""
        return Look([sample for report in self._pools() for sample in _of(report)])

    def kept(self) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to let go of."""


def _of(report: PoolReport) -> list[Sample]:
    place = pool(report.name)
    cpu = report.hosts * report.shape.cpu_milli
    devices = report.hosts * report.shape.devices * DEVICE_MILLI
    cpu_left = sum(f.hosts * f.cpu_milli for f in report.free)
    left = sum(f.hosts * sum(milli * n for milli, n in f.devices) for f in report.free)
    samples = [
        *known("hosts_total", report.hosts, place),
        *known("hosts_idle", _idle(report), place),
        *known("cpu_milli_total", cpu, place),
        *known("cpu_milli_held", max(0, cpu - cpu_left), place),
    ]
    if devices:
        samples += known("device_milli_total", devices, place)
        samples += known("device_milli_held", max(0, devices - left), place)
    return samples


def _idle(report: PoolReport) -> int:
    """Hosts of which all is left."""
    whole = report.shape.devices * DEVICE_MILLI
    return sum(
        f.hosts
        for f in report.free
        if f.cpu_milli >= report.shape.cpu_milli
        and sum(milli * n for milli, n in f.devices) >= whole
    )
