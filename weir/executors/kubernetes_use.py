"""What runs use, as the cluster's metrics API (`metrics.k8s.io`) tells it of their pods.

That API tells how much CPU a pod took lately, and its memory now: CPU time in all is added up here,
each answer counting for the time since the one before. So it is an estimate, and begins anew with
the agent. A cluster without that API tells nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.executors.kubernetes_calls import Garbled, Kubernetes, path
from weir.executors.kubernetes_records import AGENT_LABEL, TASK, quantity, time_of
from weir.executors.kubernetes_runs import Run
from weir.wire.usage import RunUse

METRICS = "metrics.k8s.io"

_WINDOW = re.compile(r"(?:(\d+)h)?(?:(\d+)m)?(?:([\d.]+)s)?")


@dataclass(frozen=True, slots=True)
class Reading:
    """A pod's task: cores in thousandths over the `window_s` that end at `at`, and bytes."""

    pod: str
    at: float
    window_s: float
    cpu_milli: float
    memory_bytes: int


@dataclass(slots=True)
class _Total:
    """What a pod has taken by `at`."""

    at: float
    cpu_ms: float


class Uses:
    """Adds up what is told of pods. All of it is called from one thread."""

    def __init__(self, kubernetes: Kubernetes) -> None:
        self._kubernetes = kubernetes
        self._totals: dict[str, dict[str, _Total]] = {}

    def read(self, runs: Sequence[Run], agent: str, groups: frozenset[str]) -> list[RunUse]:
        """Those of these runs of whose pods something is told now. Raises what the calls raise."""
        live = {run.name: run for run in runs}
        for gone in set(self._totals) - set(live):
            del self._totals[gone]
        if METRICS not in groups:
            return []
        found: dict[str, list[Reading]] = {}
        for namespace in sorted({run.namespace for run in runs}):
            for reading in self._readings(namespace, agent):
                name = _run_of(reading.pod, live)
                if name is not None:
                    found.setdefault(name, []).append(reading)
        return [self._use(live[name], readings) for name, readings in found.items()]

    def _readings(self, namespace: str, agent: str) -> list[Reading]:
        where = path("v1beta1", "pods", namespace, group=METRICS)
        items = self._kubernetes.list(where, {"labelSelector": f"{AGENT_LABEL}={agent}"})
        try:
            return [reading_of(item) for item in items]
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Garbled(
                f"what the metrics API answered can't be understood: {error!r}"
            ) from error

    def _use(self, run: Run, readings: Sequence[Reading]) -> RunUse:
        totals = self._totals.setdefault(run.name, {})
        for reading in readings:
            total = totals.get(reading.pod)
            if total is None:
                # Since its start if that was just now: metrics come some time after it.
                began = reading.at - reading.window_s
                if run.started is not None and run.started > began - 2 * reading.window_s:
                    began = min(run.started, reading.at)
                total = totals[reading.pod] = _Total(began, 0.0)
            if reading.at > total.at:
                total.cpu_ms += reading.cpu_milli * (reading.at - total.at)
                total.at = reading.at
        return RunUse(
            run=run.id,
            at=max(reading.at for reading in readings),
            cpu_ms=round(sum(total.cpu_ms for total in totals.values())),
            memory_bytes=sum(reading.memory_bytes for reading in readings),
        )


def reading_of(item: Mapping[str, Any]) -> Reading:
    """A pod's metrics from their JSON; what is beside the task is not the run's. Raises ValueError,
    KeyError or TypeError if it is none.
    """
    usage = [c["usage"] for c in item["containers"] if c["name"] == TASK]
    at = time_of(item["timestamp"])
    window = _WINDOW.fullmatch(item.get("window") or "0s")
    if at is None or window is None:
        raise ValueError(f"{item.get('timestamp')!r}, {item.get('window')!r}: no time")
    hours, minutes, seconds = (float(part or 0) for part in window.groups())
    return Reading(
        pod=item["metadata"]["name"],
        at=at,
        window_s=hours * 3600 + minutes * 60 + seconds,
        cpu_milli=float(sum(quantity(u.get("cpu", 0)) for u in usage) * 1000),
        memory_bytes=int(sum(quantity(u.get("memory", 0)) for u in usage)),
    )


def _run_of(pod: str, runs: Mapping[str, Run]) -> str | None:
    """The run of a pod, whose name begins with the run's."""
    parts = pod.split("-")
    names = ("-".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in runs), None)
