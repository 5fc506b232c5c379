"""A kubelet for tests: it runs the commands of pods as processes of this machine, for real.

Each container is a process in namespaces of its own (mounts and processes), so that volumes are
where the pod says and a container's first process is its number 1. There are no images and no
networks.
What a container prints is served as its log over TLS, where the API server asks for it.

An image whose name begins with `absent` can't be pulled. Memory is kept by looking.
"""

from __future__ import annotations

import base64
import json
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2

from tests.kubernetes_containers import MESSAGE, Container, keep_memory, launched, now
from tests.kubernetes_logs import Log, log_server
from weir.executors.kubernetes_records import RANK_ANNOTATION as RANK

MERGE = {"Content-Type": "application/merge-patch+json"}
LOOK_S = 0.05
PLACES = tuple(Path(place) for place in ("/weir", "/weir-inputs", "/weir-environments"))
"""Where volumes are in pods of Weir's, which this machine has to have while there are any."""


@dataclass
class _Pod:
    data: dict[str, Any]
    folder: Path
    containers: list[Container] = field(default_factory=list)
    before: list[Container] = field(default_factory=list)
    deleted: threading.Event = field(default_factory=threading.Event)
    grace_s: float = 30.0

    @property
    def path(self) -> str:
        meta = self.data["metadata"]
        return f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"

    @property
    def all(self) -> list[Container]:
        return [*self.before, *self.containers]

    @property
    def uid(self) -> str:
        return str(self.data["metadata"]["uid"])


class Kubelet:
    """The kubelet of all nodes. It watches pods and does what they say."""

    def __init__(self, client: httpx2.Client, home: Path, port: int, certificate: Path) -> None:
        self._client, self._home, self._port = client, home / "pods", port
        self._pods: dict[str, _Pod] = {}
        self._guard = threading.Lock()
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []
        self._logs = log_server(self.log_of, port, certificate)
        self._ranks: dict[str, int] = {}
        self.pull_works = True
        self.indexed = False

    def start(self) -> None:
        """Begin to watch and to serve logs."""
        for place in PLACES:
            place.mkdir(exist_ok=True)
        MESSAGE.touch()
        self._home.mkdir(exist_ok=True)
        for work in (self._logs.serve_forever, self._watch):
            thread = threading.Thread(target=work, daemon=True)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Kill everything."""
        self._stopped.set()
        self._logs.shutdown()
        self._logs.server_close()
        with self._guard:
            pods = list(self._pods.values())
        for pod in pods:
            for container in pod.all:
                container.kill(signal.SIGKILL)
        for place in (Path("/weir/work"), *PLACES):  # a mount there has made the first
            with suppress(OSError):
                place.rmdir()

    def log_of(self, words: Sequence[str]) -> Log | None:
        """The log of a container, by namespace, pod and name."""
        namespace, name, container = words
        with self._guard:
            for pod in self._pods.values():
                meta = pod.data["metadata"]
                if (meta["namespace"], meta["name"]) == (namespace, name):
                    log = next((c.log for c in pod.all if c.name == container), None)
                    return log or Log(pod.folder / f"{container}.log")
        return None

    # -- watching --------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._stopped.is_set():
            try:
                listed = self._client.get("/api/v1/pods").json()
                for item in listed["items"]:
                    self._take("MODIFIED", item)
                since = listed["metadata"]["resourceVersion"]
                query = {"watch": "true", "resourceVersion": since, "timeoutSeconds": "300"}
                with self._client.stream("GET", "/api/v1/pods", params=query, timeout=400) as lines:
                    for line in lines.iter_lines():
                        event = json.loads(line)
                        if event["type"] == "ERROR" or self._stopped.is_set():
                            break
                        self._take(event["type"], event["object"])
            except (httpx2.HTTPError, ValueError, KeyError):
                self._stopped.wait(0.2)

    def _take(self, what: str, data: dict[str, Any]) -> None:
        meta = data["metadata"]
        with self._guard:
            pod = self._pods.get(meta["uid"])
            if what == "DELETED":
                if pod is not None:
                    pod.deleted.set()
                return
            if not data["spec"].get("nodeName"):
                return
            fresh = pod is None
            if pod is None:
                over = data.get("status", {}).get("phase") in ("Succeeded", "Failed")
                pod = _Pod(data, self._home / meta["uid"])
                self._pods[meta["uid"]] = pod
                if over:
                    return
            if meta.get("deletionTimestamp"):
                pod.grace_s = float(meta.get("deletionGracePeriodSeconds") or 0)
                pod.deleted.set()
        if fresh:
            threading.Thread(target=self._live, args=(pod,), daemon=True).start()

    # -- a pod's life ----------------------------------------------------------------------------

    def _live(self, pod: _Pod) -> None:
        with suppress(httpx2.HTTPError):
            if self._begin(pod):
                self._attend(pod)
            if pod.deleted.is_set() and not self._stopped.is_set():
                body = {"gracePeriodSeconds": 0, "preconditions": {"uid": pod.uid}}
                self._client.request("DELETE", pod.path, json=body)
        with self._guard:
            if pod.deleted.is_set():
                self._pods.pop(pod.uid, None)
                shutil.rmtree(pod.folder, ignore_errors=True)

    def _begin(self, pod: _Pod) -> bool:
        """Make its volumes and start its containers; False if it was deleted before."""
        pod.folder.mkdir(exist_ok=True)
        self._number(pod)
        while not pod.deleted.is_set() and not self._stopped.is_set():
            waiting = self._waits(pod)
            volumes = None if waiting else self._volumes(pod)
            if volumes is not None:
                if not self._prepare(pod, volumes):
                    return False
                for spec in pod.data["spec"]["containers"]:
                    pod.containers.append(self._start(pod, spec, volumes))
                self._tell(pod, "Running")
                return True
            reason, said = waiting or ("ContainerCreating", "")
            self._tell(pod, "Pending", {"reason": reason, "message": said})
            pod.deleted.wait(0.2)
        return False

    def _prepare(self, pod: _Pod, volumes: Mapping[str, Path]) -> bool:
        """Run what comes before its containers, one after the other; whether all of it was good."""
        for spec in pod.data["spec"].get("initContainers", ()):
            container = self._start(pod, spec, volumes)
            pod.before.append(container)
            self._tell(pod, "Pending", {"reason": "PodInitializing"})
            while not self._ended(container):
                if pod.deleted.is_set() or self._stopped.is_set():
                    container.kill(signal.SIGKILL)
                assert container.process is not None
                with suppress(subprocess.TimeoutExpired):
                    container.process.wait(LOOK_S)
            if container.code or pod.deleted.is_set():
                self._tell(pod, "Failed", {"reason": "PodInitializing"})
                return False
        return True

    def _number(self, pod: _Pod) -> None:
        """Number the pods of an Indexed Job, of which this old server knows nothing."""
        if not self.indexed:
            return
        meta = pod.data["metadata"]
        name = meta.get("labels", {}).get("job-name", "")
        with self._guard:
            rank = self._ranks.get(name, 0)
            self._ranks[name] = rank + 1
        notes = {RANK: str(rank)}
        meta.setdefault("annotations", {}).update(notes)
        self._client.patch(pod.path, json={"metadata": {"annotations": notes}}, headers=MERGE)

    def _waits(self, pod: _Pod) -> tuple[str, str] | None:
        for spec in pod.data["spec"]["containers"]:
            if spec["image"].startswith("absent") or not self.pull_works:
                return "ImagePullBackOff", f'Back-off pulling image "{spec["image"]}"'
        return None

    def _volumes(self, pod: _Pod) -> dict[str, Path] | None:
        """Its volumes as folders; None while something of them is not there."""
        found = {}
        for volume in pod.data["spec"].get("volumes", ()):
            folder = pod.folder / f"volume-{volume['name']}"
            folder.mkdir(exist_ok=True)
            found[volume["name"]] = folder
            claim = volume.get("persistentVolumeClaim", {}).get("claimName")
            if claim is not None:
                there = self._claimed(pod, claim)
                if there is None:
                    return None
                found[volume["name"]] = there
            for source in volume.get("projected", {}).get("sources", ()):
                name = source["secret"]["name"]
                where = f"/api/v1/namespaces/{pod.data['metadata']['namespace']}/secrets/{name}"
                answer = self._client.get(where)
                if answer.status_code != 200:
                    return None
                for key, text in (answer.json().get("data") or {}).items():
                    (folder / key).write_bytes(base64.b64decode(text))
        return found

    def _claimed(self, pod: _Pod, claim: str) -> Path | None:
        """The folder of this machine that a claim is bound to; None if there is none yet."""
        namespace = pod.data["metadata"]["namespace"]
        where = f"/api/v1/namespaces/{namespace}/persistentvolumeclaims/{claim}"
        name = self._client.get(where).json().get("spec", {}).get("volumeName")
        there = self._client.get(f"/api/v1/persistentvolumes/{name}").json() if name else {}
        path = there.get("spec", {}).get("hostPath", {}).get("path")
        return Path(path) if path else None

    def _start(self, pod: _Pod, spec: Mapping[str, Any], volumes: Mapping[str, Path]) -> Container:
        return launched(pod.data, pod.folder, spec, volumes)

    def _attend(self, pod: _Pod) -> None:
        """Stay until all of its containers have ended, or it is to be deleted."""
        began = time.monotonic()
        killed_at: float | None = None
        asked_at: float | None = None
        limit = pod.data["spec"].get("activeDeadlineSeconds")
        reason, looked = "", 0.0
        while not self._stopped.is_set():
            now = time.monotonic()
            ended = [c for c in pod.containers if c.code is None and self._ended(c)]
            if all(c.code is not None for c in pod.containers):
                break
            if ended:
                self._tell(pod, "Running")
            if limit is not None and now > began + limit and not reason:
                reason = "DeadlineExceeded"
                pod.grace_s = float(pod.data["spec"].get("terminationGracePeriodSeconds", 30))
            if (pod.deleted.is_set() or reason) and asked_at is None:
                asked_at = now
                for container in pod.containers:
                    container.kill(signal.SIGTERM)
            if asked_at is not None and now > asked_at + pod.grace_s and killed_at is None:
                killed_at = now
                for container in pod.containers:
                    container.kill(signal.SIGKILL)
            if now > looked + 4 * LOOK_S:
                looked = now
                for container in pod.containers:
                    keep_memory(container)
            for container in pod.containers:
                container.log.note(time.time())
            self._wait(pod)
        good = all(c.code == 0 for c in pod.containers) and not reason
        with suppress(httpx2.HTTPError):
            self._tell(pod, "Succeeded" if good else "Failed", reason=reason)

    def _wait(self, pod: _Pod) -> None:
        first = next((c for c in pod.containers if c.code is None), None)
        if first is not None and first.process is not None:
            with suppress(subprocess.TimeoutExpired):
                first.process.wait(LOOK_S)

    def _ended(self, container: Container) -> bool:
        code = container.process.poll() if container.process else 0
        if code is None:
            return False
        container.code = 128 - code if code < 0 else code
        container.ended = now()
        return True

    def _tell(
        self,
        pod: _Pod,
        phase: str,
        waiting: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        spec = pod.data["spec"]
        statuses = [_status(pod, one, pod.containers, waiting) for one in spec["containers"]]
        before = [_status(pod, one, pod.before, waiting) for one in spec.get("initContainers", ())]
        status: dict[str, Any] = {
            "phase": phase,
            "containerStatuses": statuses,
            "startTime": now(),
        }
        status |= {"initContainerStatuses": before} if before else {}
        if reason:
            status |= {"reason": reason, "message": "Pod was active longer than it may be"}
        while not self._stopped.is_set():  # as a kubelet does, until the server has it
            with suppress(httpx2.HTTPError):
                where = f"{pod.path}/status"
                answer = self._client.patch(where, json={"status": status}, headers=MERGE)
                if answer.status_code < 500 and answer.status_code != 429:
                    return
            self._stopped.wait(0.2)


def _status(
    pod: _Pod,
    spec: Mapping[str, Any],
    containers: Sequence[Container],
    waiting: Mapping[str, str] | None,
) -> dict[str, Any]:
    container = next((c for c in containers if c.name == spec["name"]), None)
    return {
        "name": spec["name"],
        "image": spec["image"],
        "imageID": "",
        "ready": container is not None and container.code is None,
        "restartCount": 0,
        "state": _state(pod, container, waiting),
    }


def _state(
    pod: _Pod, container: Container | None, waiting: Mapping[str, str] | None
) -> dict[str, Any]:
    if container is None:
        return {"waiting": dict(waiting or {"reason": "ContainerCreating"})}
    if container.code is None:
        return {"running": {"startedAt": container.started}}
    said = (pod.folder / f"{container.name}.message").read_text(errors="replace")[:4096]
    reason = container.reason or ("Completed" if container.code == 0 else "Error")
    ended = {"exitCode": container.code, "reason": reason, "message": said}
    return {"terminated": ended | {"startedAt": container.started, "finishedAt": container.ended}}
