"""What Kubernetes says of nodes and pods, as far as it matters here: plain values, read from JSON.

Laws:
- What a newer server adds is not looked at; what an older one lacks reads as not there.
- A quantity that is no quantity is an error of the whole answer (`ValueError`), never a zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from weir.executors.kubernetes_settings import Toleration

RUN_LABEL, AGENT_LABEL, GROUP_LABEL = "weir.network/run", "weir.network/agent", "weir.network/group"
RANK_ANNOTATION, TASK_ANNOTATION = "batch.kubernetes.io/job-completion-index", "weir.network/task"
SLOT_LABEL = "weir.network/slot"
MANAGED = {"app.kubernetes.io/managed-by": "weir"}

TASK, FILES, STATES, ENVIRONMENT = "task", "files", "states", "environment"
"""The containers of a pod: the task; who passes on its errors and brings its outputs; where it has
no volume, who brings its checkpoints; and who comes before them and builds an environment.
"""

_SUFFIXES: dict[str, Decimal | int] = {
    **{"": 1, "m": Decimal("0.001"), "u": Decimal("1e-6"), "n": Decimal("1e-9")},
    **{"k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "P": 10**15, "E": 10**18},
    **{"Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "Pi": 2**50, "Ei": 2**60},
}
_QUANTITY = re.compile(r"([+-]?[0-9.]+(?:[eE][+-]?[0-9]+)?)([a-zA-Z]*)")

_IGNORED_TAINTS = frozenset({"node.kubernetes.io/unschedulable"})
"""Said of a node by `cordoned` already."""


@dataclass(frozen=True, slots=True)
class Taint:
    """What keeps pods away from a node, but for those that tolerate it."""

    key: str
    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class Node:
    """A node. `devices` are its allocatable extended resources; `annotations` the devices' only."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    cpu_milli: int
    memory_bytes: int
    devices: Mapping[str, int]
    taints: tuple[Taint, ...] = ()
    ready: bool = True
    cordoned: bool = False
    pods: int = 110

    def open_to(self, tolerations: Iterable[Toleration]) -> bool:
        """Whether a pod with these tolerations may be put here."""
        allowed = tuple(tolerations)
        return all(
            any(t.tolerates(taint.key, taint.value, taint.effect) for t in allowed)
            for taint in self.taints
            if taint.effect in ("NoSchedule", "NoExecute") and taint.key not in _IGNORED_TAINTS
        )


@dataclass(frozen=True, slots=True)
class Container:
    """How a container stands: why it waits, since when it runs, or how it ended."""

    name: str
    waiting: str = ""
    said: str = ""
    started: float | None = None
    ended: float | None = None
    code: int | None = None
    reason: str = ""
    restarts: int = 0

    @property
    def over(self) -> bool:
        return self.code is not None


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod. `asked` are extended resources; amounts are what the scheduler counts for it. One that
    is being deleted is to be gone at `gone_at`; `job` is the name of the Job that made it, and a
    `fixture` is of a DaemonSet: every node has one, always. Containers that come `before` the
    others end first.
    """

    name: str
    namespace: str
    uid: str
    labels: Mapping[str, str]
    node: str
    phase: str
    cpu_milli: int
    memory_bytes: int
    asked: Mapping[str, int]
    containers: tuple[Container, ...] = ()
    before: tuple[Container, ...] = ()
    reason: str = ""
    said: str = ""
    unscheduled: str = ""
    disrupted: str = ""
    gone_at: float | None = None
    task_index: int = 0
    created: float = 0.0
    job: str = ""
    fixture: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing of it runs any more, nor will."""
        return self.phase in ("Succeeded", "Failed")

    @property
    def run(self) -> str:
        return self.labels.get(RUN_LABEL, "")

    def container(self, name: str) -> Container | None:
        return next((c for c in self.containers if c.name == name), None)

    @property
    def task(self) -> Container:
        """The container of the task; one of which nothing is said yet, before there is one."""
        return self.container(TASK) or Container(TASK)


def quantity(value: object) -> Decimal:
    """A quantity as Kubernetes writes it, such as 500m, 16Gi or 1e3. Raises ValueError."""
    match = _QUANTITY.fullmatch(str(value).strip())
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(f"{value!r} is no quantity")
    try:
        return Decimal(match[1]) * _SUFFIXES[match[2]]
    except InvalidOperation:
        raise ValueError(f"{value!r} is no quantity") from None


def cpu_milli(value: object) -> int:
    """Thousandths of a CPU. Raises ValueError."""
    return int(quantity(value) * 1000)


def whole(value: object) -> int:
    """A whole number, cut. Raises ValueError."""
    return int(quantity(value))


def time_of(text: str | None) -> float | None:
    """Seconds since 1970; None if nothing is said."""
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() if text else None


def node_of(data: Mapping[str, Any]) -> Node:
    """A node from its JSON. Raises ValueError, KeyError or TypeError if it is none."""
    meta, spec, status = data["metadata"], data.get("spec") or {}, data.get("status") or {}
    room = status.get("allocatable") or status.get("capacity") or {}
    conditions = {c["type"]: c["status"] for c in status.get("conditions") or ()}
    annotations = meta.get("annotations") or {}
    return Node(
        name=meta["name"],
        labels=meta.get("labels") or {},
        annotations={k: v for k, v in annotations.items() if "register" in k},
        cpu_milli=cpu_milli(room.get("cpu", 0)),
        memory_bytes=whole(room.get("memory", 0)),
        devices={name: whole(n) for name, n in room.items() if _extended(name)},
        taints=tuple(
            Taint(t["key"], t.get("value") or "", t.get("effect") or "")
            for t in spec.get("taints") or ()
        ),
        ready=conditions.get("Ready") == "True",
        cordoned=bool(spec.get("unschedulable")),
        pods=whole(room.get("pods", 110)),
    )


def pod_of(data: Mapping[str, Any]) -> Pod:
    """A pod from its JSON. Raises ValueError, KeyError or TypeError if it is none."""
    meta, spec, status = data["metadata"], data.get("spec") or {}, data.get("status") or {}
    conditions = {c["type"]: c for c in status.get("conditions") or ()}
    scheduled, target = conditions.get("PodScheduled", {}), conditions.get("DisruptionTarget", {})
    asked = _requests(spec)
    notes = meta.get("annotations") or {}
    numbers = [notes.get(name) or "0" for name in (RANK_ANNOTATION, TASK_ANNOTATION)]
    owners = {o.get("kind"): o.get("name", "") for o in meta.get("ownerReferences") or ()}
    return Pod(
        name=meta["name"],
        namespace=meta["namespace"],
        uid=meta.get("uid", ""),
        labels=meta.get("labels") or {},
        node=spec.get("nodeName") or "",
        phase=status.get("phase") or "Pending",
        cpu_milli=int(asked.pop("cpu", Decimal(0)) * 1000),
        memory_bytes=int(asked.pop("memory", Decimal(0))),
        asked={name: int(amount) for name, amount in asked.items() if _extended(name)},
        containers=tuple(_container(c) for c in status.get("containerStatuses") or ()),
        before=tuple(_container(c) for c in status.get("initContainerStatuses") or ()),
        reason=status.get("reason") or "",
        said=status.get("message") or "",
        unscheduled=scheduled.get("message") or "" if scheduled.get("status") == "False" else "",
        disrupted=target.get("reason") or "" if target.get("status") == "True" else "",
        gone_at=time_of(meta.get("deletionTimestamp")),
        task_index=sum(int(number) for number in numbers),
        created=time_of(meta.get("creationTimestamp")) or 0.0,
        job=owners.get("Job", ""),
        fixture="DaemonSet" in owners,
    )


def _container(data: Mapping[str, Any]) -> Container:
    state = data.get("state") or {}
    waiting, running = state.get("waiting") or {}, state.get("running") or {}
    ended = state.get("terminated")
    if ended is None:
        return Container(
            data["name"],
            waiting=waiting.get("reason") or "",
            said=waiting.get("message") or "",
            started=time_of(running.get("startedAt")),
            restarts=data.get("restartCount") or 0,
        )
    return Container(
        data["name"],
        said=ended.get("message") or "",
        started=time_of(ended.get("startedAt")),
        ended=time_of(ended.get("finishedAt")),
        code=int(ended["exitCode"]),
        reason=ended.get("reason") or "",
        restarts=data.get("restartCount") or 0,
    )


def _requests(spec: Mapping[str, Any]) -> dict[str, Decimal]:
    """What the scheduler counts for a pod: its containers together with those beside them that
    stay, or the most of any container that comes before, and what the pod itself costs.
    """
    total: dict[str, Decimal] = {}
    for container in spec.get("containers") or ():
        _add(total, _of(container))
    peak: dict[str, Decimal] = {}
    beside: dict[str, Decimal] = {}
    for container in spec.get("initContainers") or ():
        own = dict(_of(container))
        if container.get("restartPolicy") == "Always":
            _add(beside, own)
            own = {}
        for name in {*own, *beside}:
            both = own.get(name, Decimal(0)) + beside.get(name, Decimal(0))
            peak[name] = max(peak.get(name, Decimal(0)), both)
    _add(total, beside)
    found = {n: max(total.get(n, Decimal(0)), peak.get(n, Decimal(0))) for n in {*total, *peak}}
    _add(found, {n: quantity(a) for n, a in (spec.get("overhead") or {}).items()})
    return found


def _of(container: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = container.get("resources") or {}
    words = {**(resources.get("limits") or {}), **(resources.get("requests") or {})}
    return {name: quantity(amount) for name, amount in words.items()}


def _add(total: dict[str, Decimal], more: Mapping[str, Decimal]) -> None:
    for name, amount in more.items():
        total[name] = total.get(name, Decimal(0)) + amount


def _extended(name: str) -> bool:
    """Whether a resource is none of Kubernetes' own."""
    return "/" in name and not name.startswith(("kubernetes.io/", "requests.", "attachable-"))
