"""The checks of a Ray: its dashboard answers, what is shared is there, the runs' folder is there;
with a probe, one tiny job a share says whether a node sees the folder and has the right Python.

Only the probe submits anything; the rest asks, and writes one file into the folder and removes it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from shlex import quote
from typing import Any

from weir.cli.agent_checks import Check
from weir.cli.agent_checks_slurm import folder_check
from weir.core import units
from weir.core.errors import WeirError
from weir.executors.ray import connect
from weir.executors.ray_calls import Ray
from weir.executors.ray_inventory import Kind, kinds_of
from weir.executors.ray_plan import selector_of
from weir.executors.ray_records import Node
from weir.executors.ray_settings import RaySettings, RayShare

PROBE_S = 120.0
"""Longest that a probe's job may take to start and to be seen from here."""

SLACK_S = 10.0
"""How long a file that a node has written may take to be seen here; NFS has its own pace."""

FIX = "check executor.url; `ray start --head --dashboard-host=...` says where the dashboard listens"


def ray_checks(
    settings: RaySettings,
    probe: bool,
    make: bool,
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Check]:
    """All checks, in order. With `make` the runs' folder may be made if it is not there yet."""
    folder = folder_check(settings.folder, make, probe)
    with closing(connect(settings)) as ray:
        try:
            version, nodes, jobs = ray.version(), ray.nodes(), ray.jobs()
        except WeirError as error:
            yield Check("ray", "wrong", error.detail, FIX)
            yield folder
            return
        live = sum(not job.over for job in jobs)
        said = f"Ray {version} answers at {settings.url}; {_nodes(len(nodes))}, {live} live jobs"
        yield Check("ray", "ok", said)
        kinds = kinds_of(settings.shares, nodes)
        yield from share_checks(settings, kinds, nodes)
        yield usage_check(nodes)
        if any(share.idle_only for share in settings.shares):
            yield waiting_check(ray)
        yield folder
        if probe and folder.state != "wrong":
            yield from probe_checks(settings, ray, kinds, now, sleep)


# -- what is shared --------------------------------------------------------------------------------


def share_checks(
    settings: RaySettings, kinds: Sequence[Kind], nodes: Sequence[Node]
) -> Iterator[Check]:
    """One for each share: whether any node is in it, and its devices are known."""
    for share in settings.shares or (RayShare(),):
        own = [kind for kind in kinds if kind.share == share]
        what = f"share {share.pool or 'ray'}"
        if not own:
            labels = ", ".join(sorted({f"{k}: {v}" for n in nodes for k, v in n.labels.items()}))
            fix = (
                f"Ray's nodes have the labels {labels[:200] or 'none'}"
                if share.labels
                else ("start nodes with CPUs for jobs, or take it out of the settings")
            )
            yield Check(what, "wrong", "no node with CPUs is left for it", fix)
            continue
        said = "; ".join(f"pool {kind.name}: {about(kind)}" for kind in own)
        yield Check(what, "ok", said)
        yield from _devices(what, share, own, nodes)


def _devices(
    what: str, share: RayShare, kinds: Sequence[Kind], nodes: Sequence[Node]
) -> Iterator[Check]:
    inside = [n for n in nodes if any(n.id in kind.nodes for kind in kinds)]
    if share.resource and not any(kind.resource for kind in kinds):
        named = sorted({name for node in inside for name in node.device_names()})
        fix = f"its nodes have {', '.join(named)}" if named else "its nodes have none but CPUs"
        yield Check(what, "wrong", f"no node has the resource {share.resource}", fix)
    for kind in kinds:
        if kind.resource and kind.model is None:
            said = f"which device {kind.resource} is, is not known, so no job naming a model comes"
            fix = f"device_models: {{{kind.resource}: MODEL}}; `weir device list` knows the names"
            yield Check(what, "warning", said, fix)


def usage_check(nodes: Sequence[Node]) -> Check:
    """Whether Ray tells what is used of its nodes."""
    silent = [node for node in nodes if node.used is None]
    if not silent:
        return Check("usage", "ok", "Ray tells what is used of every node")
    said = f"Ray does not tell what is used of {_nodes(len(silent))}: others' jobs are not seen"
    return Check("usage", "warning", said, "its autoscaler's monitor must run on the head")


def waiting_check(ray: Ray) -> Check:
    """Whether Ray tells what waits for room, which shares with `idle_only` have to know."""
    try:
        waiting = ray.waiting()
    except WeirError as error:
        return Check("waiting", "wrong", error.detail, FIX)
    if waiting is None:
        said = "Ray does not tell what waits for room, so nothing of the idle-only pools is free"
        fix = "its autoscaler's monitor must run on the head; or take `idle_only` out"
        return Check("waiting", "wrong", said, fix)
    return Check("waiting", "ok", f"Ray tells what waits for room: {waiting.total()} requests now")


def about(kind: Kind) -> str:
    """A kind of host in words: 4 nodes of 8 CPUs, 16 GiB and 2 x GPU (nvidia-h100-sxm5)."""
    shape = kind.shape
    said = f"{units.show_cpu_milli(shape.cpu_milli)} CPUs, {units.show_bytes(shape.memory_bytes)}"
    if shape.devices:
        said += f" and {shape.devices} x {kind.resource} ({kind.model or 'model not known'})"
    return f"{_nodes(len(kind.nodes))} of {said}"


def _nodes(count: int) -> str:
    return f"{count} node{'s' if count != 1 else ''}"


# -- a job that says whether a node sees the folder ------------------------------------------------


def probe_checks(
    settings: RaySettings,
    ray: Ray,
    kinds: Sequence[Kind],
    now: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Check]:
    """One for each pool: a job of a moment reads a file here, imports ray, and writes one."""
    sent: list[tuple[Kind, Path]] = []
    made: list[Path] = []
    try:
        for kind in kinds:
            try:
                folder = Path(tempfile.mkdtemp(dir=settings.folder, prefix="probe-"))
                made.append(folder)
                (folder / "asked").write_text(f"{folder.name}\n")
                ray.submit(_job(kind, folder, settings.python))
                sent.append((kind, folder))
            except (WeirError, OSError) as error:
                fix = "Ray's own rules, or the folder's rights"
                yield Check(f"probe of {kind.name}", "wrong", str(error), fix)
        until = now() + PROBE_S
        for kind, folder in sent:
            yield _probed(kind, folder, ray, until, now, sleep)
    finally:
        with suppress(WeirError):  # else they end by themselves
            for _, folder in sent:
                ray.stop(_name(folder))
                ray.delete(_name(folder))
        for folder in made:
            shutil.rmtree(folder, ignore_errors=True)


def _name(folder: Path) -> str:
    return f"weir-{folder.name}"


def _job(kind: Kind, folder: Path, python: str) -> Mapping[str, Any]:
    """The smallest job of a pool: it answers with what it was given to read, and where it ran."""
    at = quote(str(folder))
    version = f"{quote(python)} -c 'import ray, platform; print(ray.__version__, platform.node())'"
    write = f'printf "%s %s\\n" "$word" "$said" >{at}/part && mv {at}/part {at}/answer'
    body: dict[str, Any] = {
        "submission_id": _name(folder),
        "entrypoint": f"read -r word <{at}/asked && said=$({version}) && {write}",
        "entrypoint_num_cpus": 0.01,
    }
    if kind.selective:
        body["entrypoint_label_selector"] = selector_of(kind)
    if kind.share.runtime_env:
        body["runtime_env"] = kind.share.runtime_env
    return body


def _probed(
    kind: Kind,
    folder: Path,
    ray: Ray,
    until: float,
    now: Callable[[], float],
    sleep: Callable[[float], None],
) -> Check:
    what, began = f"probe of {kind.name}", now()
    over_at: float | None = None
    job = None
    while now() < until and (over_at is None or now() < over_at + SLACK_S):
        if (answer := _answer(folder)) is not None:
            word, _, rest = answer.partition(" ")
            if word == folder.name:
                version, _, host = rest.strip().partition(" ")
                took = f"{now() - began:.1f} s after asking"
                said = f"{host} sees {folder.parent} and has Ray {version}, {took}"
                return Check(what, "ok", said)
        with suppress(WeirError):  # else it is asked again
            job = next((j for j in ray.jobs() if j.id == _name(folder)), job)
        if over_at is None and job is not None and job.over:
            over_at = now()
        sleep(0.5)
    if job is None or not job.over:
        said = f"its job has not run within {PROBE_S:.0f} s"
        return Check(what, "warning", said, "try again when the pool has room")
    fix = "give all nodes the folder, and name in executor.python a Python that can import ray"
    return Check(what, "wrong", f"{_why(ray, folder)} (job {job.status})", fix)


def _why(ray: Ray, folder: Path) -> str:
    with suppress(WeirError):
        lines = [line.strip() for line in ray.log(_name(folder)).splitlines() if line.strip()]
        if lines and "Running entrypoint" not in lines[-1]:
            return lines[-1][-200:]
    return f"a node does not see {folder.parent} as this machine does"


def _answer(folder: Path) -> str | None:
    """What the job has written. Listing the folder makes NFS look again."""
    try:
        return (folder / "answer").read_text() if "answer" in os.listdir(folder) else None
    except OSError:
        return None
