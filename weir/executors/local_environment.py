"""What a task finds around it: a clean environment, with nothing of the agent's own in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from weir.core import devices
from weir.core.device_access import access_of
from weir.executors.local_hosts import TaskPlace
from weir.wire.exchange import RunOrder
from weir.wire.jobspec import Tasks
from weir.wire.pools import PoolFields

STANDARD_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def maker_of(model: str | None) -> str:
    """The maker of a device model in lower case; empty if it is not known."""
    try:
        return devices.find(model).maker.casefold() if model else ""
    except devices.UnknownDevice:
        return ""


def command_of(tasks: Tasks, stack: str | None) -> tuple[tuple[str, ...], Mapping[str, str]]:
    """The command, and the environment that goes with it, on this software stack."""
    for variant in tasks.variants:
        if variant.stack == stack:
            return variant.command, variant.environment
    return tasks.command, {}


def environment_of(
    order: RunOrder, pool: PoolFields, place: TaskPlace, path: str, folder: str, cores: int
) -> dict[str, str]:
    """All of a task's environment: ours, then what the job says, then what must be true."""
    tasks = next(t for t in order.spec.tasks if t.name == place.group)
    chosen = next(g for g in order.groups if g.group == place.group)
    work = os.path.join(folder, "work")
    return {
        "PATH": path,
        "HOME": work,
        "PWD": work,
        "LANG": "C.UTF-8",
        "TMPDIR": os.path.join(folder, "tmp"),
        **dict.fromkeys(THREADS, str(cores)),
        **order.spec.environment,
        **tasks.environment,
        **command_of(tasks, chosen.stack)[1],
        "WEIR_JOB_ID": order.job,
        "WEIR_RUN_ID": order.run,
        "WEIR_ROOT_JOB": order.root_job,
        "WEIR_TASK_GROUP": place.group,
        "WEIR_TASK_INDEX": str(place.index),
        "WEIR_TASK_COUNT": str(chosen.count),
        **({} if order.array_index is None else {"WEIR_ARRAY_INDEX": str(order.array_index)}),
        "WEIR_POOL": pool.name,
        "WEIR_DEVICE_MODEL": pool.device_model or "",
        "WEIR_DEVICES": ",".join(f"{place.host}.{device}" for device, _ in place.devices),
        "WEIR_EMULATED": "1" if pool.emulated else "0",
        "WEIR_STACK": chosen.stack or "",
        **checkpoint_of(order, work),
        **_visible(pool, place),
    }


def checkpoint_of(order: RunOrder, work: str) -> dict[str, str]:
    """Where a task finds and leaves its checkpoint, if its job declares one."""
    wish = order.spec.checkpoint
    return {} if wish is None else {"WEIR_CHECKPOINT": os.path.join(work, wish.path)}


def program(name: str, path: str, work: str) -> str | None:
    """The full path of a command's program; None if there is none that can be run."""
    if "/" in name:
        whole = os.path.join(work, name)
        return whole if os.path.isfile(whole) and os.access(whole, os.X_OK) else None
    found = shutil.which(name, path=path)
    return os.path.join(work, found) if found else None


def _visible(pool: PoolFields, place: TaskPlace) -> dict[str, str]:
    access = None if pool.emulated else access_of(maker_of(pool.device_model))
    numbers = ",".join(str(device) for device, _ in place.devices)
    return {access.visible: numbers} if access else {}
