"""The pod of a task: what is asked of Kubernetes for it, and what it finds around it.

Laws:
- A pod has no token of the cluster's, and nothing of the agent's own environment.
- It runs on nodes of its pool only, as the operator's share says.
- Of a volume it sees its own run's working directory, and the environments, which it can't change.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from weir.core.inventory import DEVICE_MILLI
from weir.core.units import parse_bytes, parse_cpu_milli
from weir.executors import kubernetes_resources, kubernetes_software
from weir.executors.kubernetes_inputs import SECRET_BYTES, Inputs, pieces_of
from weir.executors.kubernetes_inventory import HOSTNAME, Kind
from weir.executors.kubernetes_records import (
    FILES,
    GROUP_LABEL,
    RUN_LABEL,
    SLOT_LABEL,
    STATES,
    TASK,
)
from weir.executors.kubernetes_runs import Run
from weir.executors.kubernetes_script import INPUTS, ROOT, WORK, files_script, task_script
from weir.executors.kubernetes_settings import KubernetesSettings
from weir.executors.kubernetes_states import states_script
from weir.executors.local_environment import STANDARD_PATH, THREADS, checkpoint_of, command_of
from weir.wire.jobspec import Tasks, walltime_s

SLACK_S = 300
"""Kubernetes' own limit on a pod comes so much after the run's, which is kept here: it counts the
time that the image takes as well.
"""

RUNS = "runs"
"""The folder on a volume where those of the runs are."""

Object = dict[str, Any]

_INPUTS = {"name": "inputs", "mountPath": INPUTS}


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tasks of a group that one Job makes: so many from a number on. Those of one `slot` of a group
    are on different hosts.
    """

    first: int
    count: int
    slot: int | None = None


@dataclass(frozen=True, slots=True)
class Pods:
    """What the pods of one run have in common. `secrets` are the names of those with its inputs;
    with `volcano` that scheduler starts them together.
    """

    run: Run
    kind: Kind
    settings: KubernetesSettings
    priority_class: str
    volcano: bool
    secrets: tuple[str, ...]
    inputs: Inputs

    def pod(self, tasks: Tasks, chunk: Chunk) -> Object:
        """The pod of some tasks of a group."""
        settings, share = self.settings, self.kind.share
        spec = self.run.order.spec
        image = image_of(self.run, self.kind, settings)
        mounts = self._mounts()
        own = [*mounts, *([_INPUTS] if self.secrets else [])]
        before = []
        if spec.requirements is not None:
            built = kubernetes_software.container(settings, image, self._requirements())
            before = [{**built, "volumeMounts": [*own, self._environments()], **self._hardened()}]
            own.append({**self._environments(), "readOnly": True})
        states = self._states(tasks, chunk)
        pod: Object = {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": settings.grace_s,
            "initContainers": before,
            "containers": [
                self._files_container(image, mounts),
                *([self._beside(STATES, image, states, mounts)] if states else []),
                self._task_container(tasks, chunk, image, own, bool(states)),
            ],
            "volumes": self._volumes(),
            "nodeSelector": dict(share.nodes),
            "tolerations": [t.model_dump(exclude_defaults=True) for t in share.tolerations],
            "affinity": self._affinity(tasks, chunk),
        }
        limit = walltime_s(spec)
        if limit is not None:
            build_s = settings.software.build_s if before else 0
            pod["activeDeadlineSeconds"] = limit + build_s + SLACK_S
        if user := user_of(settings):
            pod["securityContext"] = {"runAsUser": user, "runAsNonRoot": True}
            if settings.volume is None:  # on one it would change the group of what is there
                pod["securityContext"]["fsGroup"] = user
        if settings.hardened:
            pod.setdefault("securityContext", {})["seccompProfile"] = {"type": "RuntimeDefault"}
        secrets = [{"name": name} for name in settings.image_pull_secrets]
        said = {
            "imagePullSecrets": secrets,
            "priorityClassName": self.priority_class or share.priority_class,
            "runtimeClassName": share.runtime_class,
            "schedulerName": "volcano" if self.volcano else "",
        }
        return {name: value for name, value in (pod | said).items() if value not in ("", [], {})}

    def _mounts(self) -> list[Object]:
        """Its own folder, and in it the working directory where that is on a volume."""
        found = [{"name": "weir", "mountPath": ROOT}]
        if self.settings.volume is not None:
            where = f"{RUNS}/{self.run.id}/work"
            found.append({"name": "volume", "mountPath": WORK, "subPath": where})
        return found

    def _environments(self) -> Object:
        mount = {"mountPath": kubernetes_software.MOUNT}
        if self.settings.volume is None:
            return {"name": "environments", **mount}
        return {"name": "volume", "subPath": kubernetes_software.FOLDER, **mount}

    def _volumes(self) -> list[Object]:
        found: list[Object] = [{"name": "weir", "emptyDir": {}}]
        if self.secrets:
            sources = [{"secret": {"name": name}} for name in self.secrets]
            found.append({"name": "inputs", "projected": {"sources": sources}})
        if self.settings.volume is not None:
            claim = {"claimName": self.settings.volume.claim}
            found.append({"name": "volume", "persistentVolumeClaim": claim})
        elif self.run.order.spec.requirements is not None:
            found.append({"name": "environments", "emptyDir": {}})
        return found

    def _requirements(self) -> list[str]:
        """Where a pod has the file that names packages: whole, or in pieces."""
        name = self.run.order.spec.requirements
        for number, (path, content) in enumerate(self.inputs.files):
            if path == name:
                pieces = pieces_of(f"i{number:04d}", content, SECRET_BYTES)
                return [f"{INPUTS}/{piece.key}" for piece in pieces]
        return [f"{WORK}/{name}"]

    def _states(self, tasks: Tasks, chunk: Chunk) -> str:
        """What the container runs that looks at the checkpoints of these tasks; empty for none."""
        spec = self.run.order.spec
        if spec.checkpoint is None or self.settings.volume is not None:
            return ""
        first = chunk.first == 0 and tasks.name == self.run.tasks[0][0]
        return states_script(spec.checkpoint) if first else ""

    def _affinity(self, tasks: Tasks, chunk: Chunk) -> Object:
        """Only the pool's nodes; and tasks that are to be spread apart from each other."""
        found: Object = {}
        if self.kind.hostnames:
            wish = {"key": HOSTNAME, "operator": "In", "values": list(self.kind.hostnames)}
            terms = {"nodeSelectorTerms": [{"matchExpressions": [wish]}]}
            found["nodeAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": terms}
        if chunk.slot is not None:
            labels = {RUN_LABEL: self.run.name, GROUP_LABEL: tasks.name}
            labels[SLOT_LABEL] = str(chunk.slot)
            apart = {"labelSelector": {"matchLabels": labels}, "topologyKey": HOSTNAME}
            found["podAntiAffinity"] = {"requiredDuringSchedulingIgnoredDuringExecution": [apart]}
        return found | self._together(tasks)

    def _together(self, tasks: Tasks) -> Object:
        """The tasks of a group in one block: where the first one is, the others go.

        The first pod that asks to be near its like goes anywhere, as Kubernetes has it.
        """
        wish = tasks.topology
        level = (wish.required or wish.preferred) if wish is not None else None
        if wish is None or level not in self.kind.levels:
            return {}
        labels = {RUN_LABEL: self.run.name, GROUP_LABEL: tasks.name}
        near = {
            "labelSelector": {"matchLabels": labels},
            "topologyKey": self.kind.share.topology[level],
        }
        if wish.required is not None:
            return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [near]}}
        weighed = [{"weight": 100, "podAffinityTerm": near}]
        return {"podAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": weighed}}

    def _task_container(
        self, tasks: Tasks, chunk: Chunk, image: str, mounts: Sequence[Object], states: bool
    ) -> Object:
        chosen = next(g for g in self.run.order.groups if g.group == tasks.name)
        command, environment = command_of(tasks, chosen.stack)
        names = [(name, content[:2] == b"#!") for name, content in self.inputs.files]
        wish, restored = self.run.order.spec.checkpoint, self.inputs.restored is not None
        folder = wish.path if wish else None
        script = task_script(names, self.run.start_by, folder, restored, states)
        return {
            "name": TASK,
            "image": image,
            "command": ["/bin/sh", "-c", script, "weir", *command],
            "env": self._environment(tasks, chunk, environment),
            "resources": self._resources(tasks),
            "volumeMounts": list(mounts),
            **self._hardened(),
        }

    def _files_container(self, image: str, mounts: Sequence[Object]) -> Object:
        outputs, carried = self.run.order.spec.outputs, self.settings.volume is None
        return self._beside(FILES, image, files_script(outputs, carried), mounts)

    def _beside(self, name: str, image: str, script: str, mounts: Sequence[Object]) -> Object:
        """A container beside the task, which takes nothing of what is counted for the run."""
        nothing = {"cpu": "0", "memory": "0"}
        return {
            "name": name,
            "image": image,
            "command": ["/bin/sh", "-c", script],
            "env": [
                {"name": "PATH", "value": STANDARD_PATH},
                {"name": "WEIR_WORD", "value": self.run.word},
            ],
            "resources": {"requests": nothing},
            "volumeMounts": list(mounts),
            **self._hardened(),
        }

    def _hardened(self) -> Object:
        if not self.settings.hardened:
            return {}
        drop = {"drop": ["ALL"]}
        return {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": drop}}

    def _resources(self, tasks: Tasks) -> Object:
        """What the task gets: memory is a limit, CPU is not kept from using what nobody needs."""
        milli = tasks.devices.milli if tasks.devices else 0
        devices: dict[str, int] = {}
        if self.kind.resource is not None:
            devices = kubernetes_resources.asked(self.kind.resource, milli, self.kind.device_mib)
        amounts = {name: str(amount) for name, amount in devices.items()}
        cpu, memory = parse_cpu_milli(tasks.cpu), str(parse_bytes(tasks.memory))
        if tasks.exclusive:  # by asking for all of a host it is alone there
            cpu, memory = self.kind.shape.cpu_milli, str(self.kind.shape.memory_bytes)
        return {
            "requests": {"cpu": f"{cpu}m", "memory": memory, **amounts},
            "limits": {"memory": memory, **amounts},
        }

    def _environment(self, tasks: Tasks, chunk: Chunk, stack: Mapping[str, str]) -> list[Object]:
        """All that a task finds: ours, then what the job says, then what must be true."""
        order, kind = self.run.order, self.kind
        chosen = next(g for g in order.groups if g.group == tasks.name)
        cores = str(-(-parse_cpu_milli(tasks.cpu) // 1000))
        milli = tasks.devices.milli if tasks.devices else 0
        found = {
            "PATH": STANDARD_PATH,
            "HOME": WORK,
            "LANG": "C.UTF-8",
            "TMPDIR": f"{ROOT}/tmp",
            **dict.fromkeys(THREADS, cores),
            **order.spec.environment,
            **tasks.environment,
            **stack,
            "WEIR_JOB_ID": order.job,
            "WEIR_RUN_ID": order.run,
            "WEIR_ROOT_JOB": order.root_job,
            "WEIR_TASK_GROUP": tasks.name,
            "WEIR_TASK_COUNT": str(chosen.count),
            **({} if order.array_index is None else {"WEIR_ARRAY_INDEX": str(order.array_index)}),
            "WEIR_POOL": kind.name,
            "WEIR_DEVICE_MODEL": kind.model or "",
            "WEIR_EMULATED": "1" if kind.share.emulated else "0",
            "WEIR_STACK": chosen.stack or "",
            **checkpoint_of(order, WORK),
        }
        if order.spec.image is not None:
            # The image's own PATH, unless the job says another.
            own = {**order.spec.environment, **tasks.environment, **stack}
            if "PATH" not in own:
                del found["PATH"]
        said: list[Object] = [
            {"name": name, "value": _literal(value)} for name, value in found.items()
        ]
        said.append({"name": "WEIR_TASK_FIRST", "value": str(chunk.first)})
        for name, where in (("WEIR_NODE", "spec.nodeName"), ("WEIR_POD", "metadata.name")):
            said.append({"name": name, "valueFrom": {"fieldRef": {"fieldPath": where}}})
        count = -(-milli // DEVICE_MILLI)
        # Which of a node's devices a pod gets only the node knows: they are counted in the pod.
        places = ",".join(f"$(WEIR_NODE).$(WEIR_POD)-{i}" for i in range(count))
        return [*said, {"name": "WEIR_DEVICES", "value": places}]


def image_of(run: Run, kind: Kind, settings: KubernetesSettings) -> str:
    """The image of a run's tasks, as a pod names it."""
    asked = run.order.spec.image
    if run.order.spec.requirements is not None and settings.software.image:
        return settings.software.image
    if asked is None:
        return kind.share.image or settings.image
    return asked.partition("://")[2]


def user_of(settings: KubernetesSettings) -> int:
    """As whom tasks run; 0 for whom the image says. What they leave on a volume the agent has to
    read and to delete, so there it is the agent's user.
    """
    if settings.user is not None:
        return settings.user
    return os.getuid() if settings.volume is not None else 0


def _literal(value: str) -> str:
    """A value in which Kubernetes sees no reference to another variable."""
    return value.replace("$(", "$$(")
