"""What is sent to Ray for a run: the plan in its folder, and the job that carries it out.

A run of one task asks for its amounts with the job itself, and Ray queues it until they are free
somewhere. A gang's job asks for nothing, so that Ray starts its driver on the head, and the driver
asks for a placement group.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from weir.core import units
from weir.core.device_access import access_of
from weir.core.inventory import DEVICE_MILLI
from weir.executors import ray_driver
from weir.executors.local_environment import (
    STANDARD_PATH,
    command_of,
    environment_of,
    maker_of,
)
from weir.executors.local_hosts import TaskPlace, needs_of
from weir.executors.ray_inventory import Kind
from weir.executors.ray_records import DEVICES
from weir.executors.ray_runs import Run, mark_of
from weir.executors.ray_settings import RaySettings
from weir.executors.ray_waiting import REQUEST
from weir.executors.staging_software import software_of
from weir.wire.jobspec import walltime_s
from weir.wire.pools import PoolFields, Shape

PLAN = "plan.json"
NODE_LABEL = "ray.io/node-id"


def place_driver(folder: Path) -> str:
    """Put the driver into the folder that nodes share, under a name that says which one it is;
    gives its path. Raises OSError.
    """
    code = Path(ray_driver.__file__).read_bytes()
    path = folder / f"driver-{hashlib.sha256(code).hexdigest()[:12]}.py"
    if not path.exists():
        part = path.with_suffix(f".part{os.getpid()}")
        part.write_bytes(code)
        os.rename(part, path)
    return str(path)


def write_plan(run: Run, kind: Kind, settings: RaySettings) -> None:
    """Write a run's plan into its folder. Raises OSError."""
    path = os.path.join(run.folder, PLAN)
    with open(f"{path}.part", "w", encoding="utf-8") as file:
        json.dump(plan_of(run, kind, settings), file)
    os.rename(f"{path}.part", path)


def plan_of(run: Run, kind: Kind, settings: RaySettings) -> dict[str, Any]:
    """What the driver has to know."""
    access = access_of(maker_of(kind.model))
    return {
        "run": run.id,
        "start_by": run.start_by,
        "wall_s": wall_s(run, kind),
        "grace_s": settings.grace_s,
        "emulated": kind.share.emulated,
        "numbers_from": DEVICES.get(kind.resource, ()),
        "visible": [access.visible] if access else [],
        "strategy": (run.layout.strategy if run.layout else "") or kind.share.strategy,
        "selector": selector_of(kind),
        "bundles": [kind.resources(bundle.amount) for bundle in run.bundles()],
        "hosts": dict(kind.hostnames),
        "tasks": _tasks(run, kind, settings),
    }


def wall_s(run: Run, kind: Kind) -> int | None:
    """The longest that a run may take, in seconds."""
    limits = (walltime_s(run.order.spec), kind.share.max_walltime_s)
    return min((limit for limit in limits if limit is not None), default=None)


def selector_of(kind: Kind) -> dict[str, str]:
    """What keeps a run on its pool's nodes, where Ray has others too."""
    return {NODE_LABEL: f"in({','.join(kind.nodes)})"} if kind.selective else {}


def submission_of(run: Run, kind: Kind, settings: RaySettings, driver: str) -> dict[str, Any]:
    """What Ray's Jobs API is given."""
    plan = os.path.join(run.folder, PLAN)
    body: dict[str, Any] = {
        "submission_id": run.job,
        "entrypoint": f"exec {quote(settings.python)} {quote(driver)} {quote(plan)}",
        "metadata": {
            "weir_run": run.id,
            "weir_agent": mark_of(os.path.dirname(run.folder)),
            "weir_job": f"{run.order.spec.name} {run.order.root_job}",
            "weir_submitter": run.order.submitter,
        },
    }
    if kind.share.runtime_env:
        body["runtime_env"] = kind.share.runtime_env
    if len(run.tasks) > 1:
        return body
    resources = kind.resources(run.bundles()[0].amount)
    body["metadata"][REQUEST] = json.dumps(resources)
    body["entrypoint_num_cpus"] = resources.pop("CPU")
    body["entrypoint_memory"] = int(resources.pop("memory"))
    if "GPU" in resources:
        body["entrypoint_num_gpus"] = resources.pop("GPU")
    if resources:
        body["entrypoint_resources"] = resources
    if kind.selective:
        body["entrypoint_label_selector"] = selector_of(kind)
    return body


def _tasks(run: Run, kind: Kind, settings: RaySettings) -> list[Mapping[str, Any]]:
    software = software_of(run.order.spec, run.folder)
    maker = "" if kind.share.emulated else maker_of(kind.model)
    path = ":".join((*software.path, *settings.path, ray_driver.PYTHON, STANDARD_PATH))
    pool = PoolFields(
        name=kind.name,
        hosts=1,
        shape=Shape(cpu_milli=kind.shape.cpu_milli, memory_bytes=kind.shape.memory_bytes),
        device_model=kind.model,
        emulated=kind.share.emulated,
    )
    amounts = run.amounts()
    within = {task: i for i, bundle in enumerate(run.bundles()) for task in bundle.tasks}
    found: list[Mapping[str, Any]] = []
    for need in needs_of(run.order):
        tasks = next(t for t in run.order.spec.tasks if t.name == need.group)
        stack = next(g.stack for g in run.order.groups if g.group == need.group)
        cores = -(-units.parse_cpu_milli(tasks.cpu) // 1000)
        for index in range(need.claim.count):
            name = f"{need.group}-{index}"
            amount = amounts[name]
            place = TaskPlace(need.group, index, 0, amount.cpu_milli, amount.memory_bytes)
            found.append(
                {
                    "name": name,
                    "base": os.path.join(run.folder, name),
                    "work": run.work,
                    "command": software.command(command_of(tasks, stack)[0], maker),
                    "environment": environment_of(run.order, pool, place, path, run.folder, cores),
                    "memory_bytes": amount.memory_bytes,
                    "devices": -(-amount.device_milli // DEVICE_MILLI),
                    "resources": kind.resources(amount),
                    "bundle": within[name],
                }
            )
    return found
