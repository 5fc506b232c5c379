"""The objects of a run: Jobs, the Secrets of its inputs, and Volcano's PodGroup where that is used.

Every name follows from the run's identifier, so making an object again finds the one that is there.

Laws:
- A run of one group of tasks is one Job: an Indexed one for several tasks, where the server numbers
  pods. A server that does not gets a Job for each task. Several groups are several Jobs.
- No pod is started again by Kubernetes: the run's end here is its only end.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from weir.executors.kubernetes_inputs import Inputs, boxes_of
from weir.executors.kubernetes_inventory import Kind
from weir.executors.kubernetes_pod import Chunk, Object, Pods
from weir.executors.kubernetes_records import (
    AGENT_LABEL,
    GROUP_LABEL,
    MANAGED,
    RUN_LABEL,
    SLOT_LABEL,
    TASK_ANNOTATION,
)
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import Tasks

VOLCANO, KUEUE = "scheduling.volcano.sh", "kueue.x-k8s.io"


@dataclass(frozen=True, slots=True)
class Place:
    """What a manifest must know of the cluster: whether Jobs number their pods, its API groups."""

    agent: str
    indexed: bool
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Manifest:
    """All objects of a run, in the order in which they are made."""

    secrets: tuple[Object, ...]
    group: Object | None
    jobs: tuple[Object, ...]


def unable(order: RunOrder, settings: KubernetesSettings) -> str:
    """Why this executor can't run a job of this form; empty if it can."""
    spec = order.spec
    if spec.image is not None and "://" not in spec.image:
        return f"{spec.image} is an image file: a Kubernetes takes images of a registry only"
    if spec.image is not None and not spec.image.startswith("docker://"):
        return f"{spec.image}: a Kubernetes takes docker:// images only"
    if spec.requirements is not None and settings.software.python is None:
        return "no environments are built here (software.python is not set)"
    for tasks in spec.tasks:
        chosen = next((g for g in order.groups if g.group == tasks.name), None)
        if tasks.exclusive and tasks.max_per_host != 1 and chosen and chosen.count > 1:
            return (
                f"group {tasks.name} wants hosts of its own: in a Kubernetes with max_per_host: 1"
            )
    return ""


def manifest_of(
    run: Run,
    kind: Kind,
    settings: KubernetesSettings,
    place: Place,
    inputs: Inputs,
) -> Manifest:
    """The objects of a run; `inputs` are nothing where its folder is on a volume."""
    member = settings.member_of(run.order.submitter, run.order.path[0] if run.order.path else "")
    secrets = tuple(_secrets(run, place, inputs))
    queue = member.queue or kind.share.queue
    kueue = bool(queue) and KUEUE in place.groups
    gang = settings.gangs == "volcano" or (settings.gangs == "auto" and len(run.tasks) > 1)
    volcano = gang and VOLCANO in place.groups and not kueue
    names = tuple(secret["metadata"]["name"] for secret in secrets)
    pods = Pods(run, kind, settings, member.priority_class, volcano, names, inputs)
    build = _Build(run, place, queue, kueue, volcano, pods)
    return Manifest(secrets, build.group(), tuple(build.jobs()))


def chunks_of(count: int, per_host: int | None, indexed: bool) -> Iterator[Chunk]:
    """How the tasks of a group are divided into Jobs: where at most so many may be on a host, into
    as many slots; and into single ones for a server that does not number a Job's pods.
    """
    spread = per_host is not None and per_host < count
    slots = per_host if spread and per_host is not None else 1
    first = 0
    for slot in range(slots):
        size = count // slots + (slot < count % slots)
        own = slot if spread else None
        if indexed or size == 1:
            yield Chunk(first, size, own)
        else:
            yield from (Chunk(first + i, 1, own) for i in range(size))
        first += size


@dataclass(frozen=True, slots=True)
class _Build:
    run: Run
    place: Place
    queue: str
    kueue: bool
    volcano: bool
    pods: Pods

    def group(self) -> Object | None:
        """Volcano's group of all of the run's pods."""
        if not self.volcano:
            return None
        spec: Object = {"minMember": len(self.run.tasks)}
        if self.queue:
            spec["queue"] = self.queue
        return {
            "apiVersion": f"{VOLCANO}/v1beta1",
            "kind": "PodGroup",
            "metadata": _meta(self.run, self.place, self.run.name),
            "spec": spec,
        }

    def jobs(self) -> Iterator[Object]:
        """The Jobs: their pods are numbered, or there is one for each task."""
        number = 0
        for place in self.run.order.groups:
            tasks = next(t for t in self.run.order.spec.tasks if t.name == place.group)
            for chunk in chunks_of(place.count, tasks.max_per_host, self.place.indexed):
                yield self._job(tasks, number, chunk)
                number += 1

    def _job(self, tasks: Tasks, number: int, chunk: Chunk) -> Object:
        """A Job of some tasks of a group."""
        name = self.run.name + (f"-{number}" if number else "")
        labels = {GROUP_LABEL: tasks.name}
        if chunk.slot is not None:
            labels[SLOT_LABEL] = str(chunk.slot)
        spec: Object = {
            "parallelism": chunk.count,
            "completions": chunk.count,
            "backoffLimit": 0,
            "template": {
                "metadata": {
                    "labels": _labels(self.run, self.place) | labels,
                    "annotations": self._annotations(chunk),
                },
                "spec": self.pods.pod(tasks, chunk),
            },
        }
        if chunk.count > 1:
            spec["completionMode"] = "Indexed"
        meta = _meta(self.run, self.place, name)
        meta["labels"] |= labels
        if self.kueue:
            meta["labels"]["kueue.x-k8s.io/queue-name"] = self.queue
            spec["suspend"] = True
        return {"apiVersion": "batch/v1", "kind": "Job", "metadata": meta, "spec": spec}

    def _annotations(self, chunk: Chunk) -> dict[str, str]:
        found = {TASK_ANNOTATION: str(chunk.first)}
        if self.volcano:
            found["scheduling.k8s.io/group-name"] = self.run.name
        return found


def _secrets(run: Run, place: Place, inputs: Inputs) -> Iterator[Object]:
    """The inputs in pieces, as many in one Secret as it takes."""
    for number, box in enumerate(boxes_of(inputs.pieces())):
        meta = _meta(run, place, f"{run.name}-in{number}")
        data = {piece.key: base64.b64encode(piece.content).decode() for piece in box}
        yield {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data}


def _labels(run: Run, place: Place) -> dict[str, str]:
    return {**MANAGED, AGENT_LABEL: place.agent, RUN_LABEL: run.name}


def _meta(run: Run, place: Place, name: str) -> Object:
    order = run.order
    about = f"{order.spec.name}, job {order.root_job} of {order.submitter}"
    return {
        "name": name,
        "namespace": run.namespace,
        "labels": _labels(run, place),
        "annotations": {"weir.network/about": about, "weir.network/run": order.run},
    }
