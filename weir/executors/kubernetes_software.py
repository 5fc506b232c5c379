"""Python packages that a job names, on a Kubernetes: an environment that its pods build.

A container before the task runs `kubernetes_build` with the image's Python; the task finds the
environment first on its PATH. On a volume the environments stay for the next run; without one each
pod builds its own.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from weir.executors import kubernetes_build
from weir.executors.kubernetes_records import ENVIRONMENT, Pod
from weir.executors.kubernetes_settings import KubernetesSettings, KubernetesSoftware
from weir.executors.staging_access import StageError
from weir.executors.staging_software import unfit
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import ENVIRONMENTS, JobSpec
from weir.wire.pools import PoolReport

MOUNT = "/weir-environments"
FOLDER = os.path.join("cache", "environments")
"""Where environments are on the volume."""

TOLD = "/weir/environment"
"""Where a pod's environment is, for its task to read."""

MESSAGE = "/dev/termination-log"

RESTING_S = 3600.0
"""An environment that was taken by a pod so lately stays, though no run is known to use it."""

_SCRIPT = f"""command -v "$1" >/dev/null || {{
    printf '%s\\n' "there is no Python $1 in the image" | tee {MESSAGE}
    exit 127
}}
exec "$@"
"""


def with_traits(reports: Sequence[PoolReport], settings: KubernetesSoftware) -> list[PoolReport]:
    """Pools that can do what the operator's settings say."""
    if settings.python is None:
        return list(reports)
    return [
        r.model_copy(update={"traits": tuple(dict.fromkeys((*r.traits, ENVIRONMENTS)))})
        for r in reports
    ]


def check(spec: JobSpec, work: str) -> None:
    """Whether a pod may be given the requirements that were brought here. Raises StageError,
    OSError.
    """
    if spec.requirements is None:
        return
    with open(os.path.join(work, spec.requirements), encoding="utf-8", errors="replace") as file:
        bad = unfit(file.read())
    if bad is not None:
        raise StageError(f"requirements: {bad!r} names no package of an index")


def container(
    settings: KubernetesSettings, image: str, requirements: Sequence[str]
) -> dict[str, Any]:
    """The container that builds it, without its volumes; `requirements` are files in the pod."""
    plan = {
        "requirements": list(requirements),
        "environments": MOUNT,
        "pip_options": list(settings.software.pip_options),
        "build_s": settings.software.build_s,
        "told": TOLD,
        "message": MESSAGE,
    }
    code = Path(kubernetes_build.__file__).read_text(encoding="utf-8")
    python = settings.software.python or "python3"
    return {
        "name": ENVIRONMENT,
        "image": image,
        # Kubernetes puts variables into a command where it sees their names so.
        "command": ["/bin/sh", "-c", _SCRIPT, "weir"]
        + [word.replace("$(", "$$(") for word in (python, "-c", code, json.dumps(plan))],
        "resources": {"requests": {"cpu": "0", "memory": "0"}},
    }


def told(pods: Sequence[Pod | None]) -> list[str]:
    """What the pods say of their environments, each line once."""
    words = [
        line
        for pod in pods
        for one in (pod.before if pod else ())
        if one.name == ENVIRONMENT
        for line in one.said.splitlines()
    ]
    return list(dict.fromkeys(words))


def key_of(words: Sequence[str]) -> str:
    """The environment that these words are of; empty if they say none."""
    found = [line.split() for line in words if line.startswith("environment ")]
    return found[0][1] if found and len(found[0]) > 1 else ""


def without(order: RunOrder) -> RunOrder:
    """The order as far as things are brought by the agent: nodes fetch images themselves, and pods
    build environments.
    """
    none = {"image": None, "requirements": None}
    return order.model_copy(update={"spec": order.spec.model_copy(update=none)})


def prune(settings: KubernetesSettings, used: Collection[str], now: float) -> None:
    """Delete the environments on a volume that were used least lately, beyond those to keep."""
    if settings.volume is None:
        return
    folder, keep = settings.volume.folder, settings.software.keep
    there: list[tuple[float, str]] = []
    with suppress(OSError):
        for entry in os.scandir(folder / FOLDER):
            with suppress(OSError):
                mark = os.path.join(entry.path, kubernetes_build.COMPLETE)
                there.append((os.path.getmtime(mark), entry.path))
    for changed, path in sorted(there)[: max(0, len(there) - keep)]:
        if os.path.basename(path) in used or changed > now - RESTING_S:
            continue
        with open(f"{path}.lock", "ab") as lock, suppress(OSError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(path)
