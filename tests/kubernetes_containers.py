"""Containers as processes of this machine, in namespaces of their own: for the kubelet of tests."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from tests.kubernetes_logs import Log
from weir.executors.kubernetes_records import RANK_ANNOTATION as RANK
from weir.executors.kubernetes_records import whole

MESSAGE = Path("/dev/termination-log")

BEGIN = """set -e
while [ "$1" != -- ]; do
    [ -e "$2" ] || mkdir -p "$2"
    mount --bind "$1" "$2"
    [ "$3" = rw ] || mount -o "remount,bind,$3" "$2"
    shift 3
done
shift
exec "$@"
"""


@dataclass
class Container:
    """A container, and the process that is it."""

    name: str
    log: Log
    process: subprocess.Popen[bytes] | None = None
    started: str = ""
    ended: str = ""
    code: int | None = None
    reason: str = ""
    limit: int = 0

    def pid(self) -> int | None:
        """Its first process, which is the one child of who made the namespaces."""
        if self.process is None:
            return None
        with suppress(psutil.Error):
            return next((c.pid for c in psutil.Process(self.process.pid).children()), None)
        return None

    def kill(self, how: int) -> None:
        pid = self.pid()
        if pid is not None and self.code is None:
            with suppress(ProcessLookupError):
                os.kill(pid, how)


def launched(
    pod: Mapping[str, Any], folder: Path, spec: Mapping[str, Any], volumes: Mapping[str, Path]
) -> Container:
    """A container of a pod, started; what it leaves is in the folder."""
    message = folder / f"{spec['name']}.message"
    message.touch()
    mounts = [str(message), str(MESSAGE), "rw"]
    for mount in spec.get("volumeMounts", ()):
        place = volumes[mount["name"]] / mount.get("subPath", "")
        place.mkdir(parents=True, exist_ok=True)
        mounts += [str(place), mount["mountPath"], "ro" if mount.get("readOnly") else "rw"]
    apart = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
    # As Kubernetes does it, variables are put into a command where it names them so.
    words = [word.replace("$$(", "$(") for word in spec["command"]]
    command = [*apart, "/bin/sh", "-c", BEGIN, "kubelet", *mounts, "--", *words]
    limit = spec.get("resources", {}).get("limits", {}).get("memory", 0)
    log = Log(folder / f"{spec['name']}.log")
    container = Container(spec["name"], log, started=now(), limit=whole(limit))
    with open(log.file, "wb") as output:
        container.process = subprocess.Popen(
            command,
            env=_environment(pod, spec),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
        )
    return container


def keep_memory(container: Container) -> None:
    """Kill the largest process of a container that has more than it may have, as a kernel does."""
    pid = container.pid() if container.limit and container.code is None else None
    if pid is None:
        return
    with suppress(psutil.Error):
        first = psutil.Process(pid)
        family = [first, *first.children(recursive=True)]
        sizes = {p: p.memory_full_info().uss for p in family}  # what others share is not theirs
        if sum(sizes.values()) > container.limit:
            container.reason = "OOMKilled"
            max(sizes, key=sizes.__getitem__).kill()


def _environment(pod: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, str]:
    found: dict[str, str] = {}
    rank = pod["metadata"].get("annotations", {}).get(RANK)
    if rank is not None:
        found["JOB_COMPLETION_INDEX"] = rank
    for entry in spec.get("env", ()):
        field_path = entry.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath", "")
        value = entry.get("value", "")
        if field_path == "spec.nodeName":
            value = pod["spec"]["nodeName"]
        elif field_path == "metadata.name":
            value = pod["metadata"]["name"]
        for name, known in found.items():
            if f"$$({name})" not in value:
                value = value.replace(f"$({name})", known)
        found[entry["name"]] = value.replace("$$(", "$(")
    return found


def now() -> str:
    """The time, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
